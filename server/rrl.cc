#include "server/rrl.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace server {

namespace {

constexpr std::int64_t kSecondNs = 1000000000;
constexpr std::uint64_t kV6Mark = 0x80;  // in the last octet of `whose`, beside the kind

/// The octets of the prefix in front (IPv4 has three, IPv6 seven), the last one for the family.
std::uint64_t whose_prefix(const base::IpAddress& client) noexcept {
    const base::Octets octets = client.octets();
    if (client.is_v4()) return std::uint64_t{base::load_be32(octets.data()) & 0xffffff00U} << 32;
    return (base::load_be64(octets.data()) & ~std::uint64_t{0xff}) | kV6Mark;
}

base::IpPrefix prefix_from(std::uint64_t whose) noexcept {
    const bool v6 = (whose & kV6Mark) != 0;
    std::array<std::uint8_t, 16> octets{};
    base::store_be64(octets.data(), whose & ~std::uint64_t{0xff});
    return {base::IpAddress::from_octets(base::Octets(octets.data(), v6 ? 16 : 4)),
            static_cast<std::uint8_t>(v6 ? Rrl::kV6Prefix : Rrl::kV4Prefix)};
}

std::uint64_t with_kind(std::uint64_t whose, RrlKind kind) noexcept {
    return whose | static_cast<std::uint64_t>(kind);
}

/// The name `labels` long that ends `name`; all of it where it is not as long.
dns::NameView last_labels(dns::NameView name, std::size_t labels) noexcept {
    const std::size_t count = name.label_count();
    return labels < count ? name.parent(count - labels) : name;
}

}  // namespace

std::string_view to_text(RrlKind kind) noexcept {
    switch (kind) {
        case RrlKind::Answer:
            return "answer";
        case RrlKind::Referral:
            return "referral";
        case RrlKind::NoData:
            return "nodata";
        case RrlKind::NXDomain:
            return "nxdomain";
        case RrlKind::Error:
            return "error";
        case RrlKind::All:
            return "all";
        case RrlKind::kCount:
            break;
    }
    return "";
}

RrlSubject rrl_subject(const dns::Request& request, dns::RCode rcode, bool has_answers,
                       const zones::AnswerReport& report, std::size_t denied_labels) noexcept {
    const bool ours = report.zone != nullptr;
    if (rcode == dns::RCode::NXDomain) {
        // Of a chain's last name another server's zone is not a part of the qname.
        if (ours) return {RrlKind::NXDomain, report.zone->apex(), false};
        if (has_answers) return {RrlKind::NXDomain, {}, false};
        return {RrlKind::NXDomain, last_labels(request.qname, denied_labels), false};
    }
    // Without a question there is nothing but a cookie to be had.
    if (rcode != dns::RCode::NoError || request.question.empty()) return {};
    RrlSubject out{RrlKind::NoData, request.qname, false};
    if (ours) {
        out.name = last_labels(request.qname, report.owner_labels);
        out.synthesized = out.name.size() != request.qname.size();
    }
    if (has_answers) {
        out.kind = RrlKind::Answer;
    } else if (report.referral) {
        out.kind = RrlKind::Referral;
        out.synthesized = false;
    }
    return out;
}

Rrl::Rrl(Settings settings, const SipKey& key, std::size_t buckets)
    : settings_(std::move(settings)),
      key_(key),
      cost_ns_(kSecondNs / std::clamp<std::int64_t>(settings_.responses_per_second, 1, kMaxRate)),
      all_cost_ns_(std::max<std::int64_t>(1, cost_ns_ / kAllFactor)),
      set_mask_(std::bit_ceil(std::max(buckets, kSetSize)) / kSetSize - 1),
      sets_(std::make_unique<Set[]>(set_mask_ + 1)),
      accounts_(std::make_unique<Account[]>((set_mask_ + 1) * kSetSize)) {}

bool Rrl::is_exempt(const base::IpAddress& client) const noexcept {
    return std::any_of(settings_.exempt.begin(), settings_.exempt.end(),
                       [&](const base::IpPrefix& prefix) { return prefix.contains(client); });
}

std::uint64_t Rrl::tag_of(std::uint64_t whose, const RrlSubject& subject) const noexcept {
    std::array<std::uint8_t, 8 + 1 + dns::kMaxNameOctets> input;
    base::store_be64(input.data(), with_kind(whose, subject.kind));
    input[8] = subject.synthesized ? 1 : 0;
    const base::Octets name = subject.name.octets();
    std::transform(name.begin(), name.end(), input.begin() + 9, base::to_lower);
    const std::uint64_t tag = siphash24(key_, base::Octets(input.data(), 9 + name.size()));
    return tag == 0 ? 1 : tag;
}

/// The bucket, taken from the one nearest to idle if there is none yet; none where another thread
/// takes that one at the same moment.
Rrl::Place Rrl::place_of(std::uint64_t whose, const RrlSubject& subject,
                         std::int64_t now_ns) noexcept {
    const std::uint64_t tag = tag_of(whose, subject);
    const std::size_t set = tag & set_mask_;
    std::array<Bucket, kSetSize>& buckets = sets_[set].buckets;
    std::size_t idlest = 0;
    std::uint64_t idlest_tag = 0;
    std::int64_t idlest_due_ns = 0;
    for (std::size_t i = 0; i < kSetSize; ++i) {
        const std::uint64_t found = buckets[i].tag.load(std::memory_order_acquire);
        if (found == tag) return {&buckets[i], set * kSetSize + i};
        const std::int64_t due_ns = buckets[i].due_ns.load(std::memory_order_relaxed);
        if (i == 0 || due_ns < idlest_due_ns) {
            idlest = i;
            idlest_tag = found;
            idlest_due_ns = due_ns;
        }
    }
    Bucket& bucket = buckets[idlest];
    // Filled before it is ours: who meets it in between is answered rather than limited.
    bucket.due_ns.store(now_ns, std::memory_order_relaxed);
    const bool taken =
        bucket.tag.compare_exchange_strong(idlest_tag, tag, std::memory_order_acq_rel);
    if (!taken && idlest_tag != tag) return {};
    return {&bucket, set * kSetSize + idlest};
}

Rrl::Judgement Rrl::limit(const Place& place, std::uint64_t whose, RrlKind kind) noexcept {
    Account& account = accounts_[place.account];
    const std::uint64_t owner = with_kind(whose, kind);
    if (account.whose.load(std::memory_order_relaxed) != owner) {
        account.answers.store(0, std::memory_order_relaxed);
        account.whose.store(owner, std::memory_order_relaxed);
    }
    const std::uint32_t before = account.answers.fetch_add(1, std::memory_order_relaxed);
    // Read first, so that under a flood workers do not take this line from each other.
    if (!any_limited_.load(std::memory_order_relaxed)) any_limited_.store(true);
    const bool truncate = settings_.slip != 0 && (before + 1) % settings_.slip == 0;
    return {truncate ? Verdict::Truncate : Verdict::Drop, kind};
}

Rrl::Judgement Rrl::judge(const base::IpAddress& client, const RrlSubject& subject,
                          base::MonoTime now) noexcept {
    if (is_exempt(client)) return {};
    const std::int64_t now_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
    const auto full = [now_ns](const Bucket& bucket, std::int64_t cost_ns) {
        return bucket.due_ns.load(std::memory_order_relaxed) + cost_ns > now_ns + kSecondNs;
    };
    const auto charge = [now_ns](Bucket& bucket, std::int64_t cost_ns) {
        std::int64_t due_ns = bucket.due_ns.load(std::memory_order_relaxed);
        while (std::max(due_ns, now_ns) + cost_ns <= now_ns + kSecondNs) {
            if (bucket.due_ns.compare_exchange_weak(due_ns, std::max(due_ns, now_ns) + cost_ns,
                                                    std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    };
    const std::uint64_t whose = whose_prefix(client);
    // First the prefix as a whole: while it is limited a flood of many names takes no buckets.
    const Place all = place_of(whose, {RrlKind::All, {}, false}, now_ns);
    if (all.bucket != nullptr && full(*all.bucket, all_cost_ns_)) {
        return limit(all, whose, RrlKind::All);
    }
    const Place one = place_of(whose, subject, now_ns);
    if (one.bucket != nullptr && !charge(*one.bucket, cost_ns_)) {
        return limit(one, whose, subject.kind);
    }
    if (all.bucket != nullptr && !charge(*all.bucket, all_cost_ns_)) {
        return limit(all, whose, RrlKind::All);
    }
    return {};
}

std::vector<Rrl::Limited> Rrl::limited() {
    std::vector<Limited> out;
    if (!any_limited_.exchange(false)) return out;
    for (std::size_t i = 0; i < (set_mask_ + 1) * kSetSize; ++i) {
        Account& account = accounts_[i];
        const std::uint32_t answers = account.answers.load(std::memory_order_relaxed);
        // Fewer than before: it changed hands. What was not seen of the former owner is lost to
        // the log.
        const std::uint32_t before = answers < account.seen ? 0 : account.seen;
        account.seen = answers;
        if (answers == before) continue;
        const std::uint64_t whose = account.whose.load(std::memory_order_relaxed);
        out.push_back({prefix_from(whose), static_cast<RrlKind>(whose & 7), answers - before});
    }
    return out;
}

}  // namespace server
