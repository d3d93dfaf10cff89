#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/types.h"
#include "server/cookies.h"
#include "zones/answer.h"

namespace server {

/// What an answer is counted as.
enum class RrlKind : std::uint8_t {
    Answer,
    Referral,
    NoData,
    NXDomain,
    Error,
    All,  // the prefix's answers of every kind together
    kCount,
};
inline constexpr std::size_t kRrlKinds = static_cast<std::size_t>(RrlKind::kCount);
/// "answer", "referral", "nodata", "nxdomain", "error", "all".
[[nodiscard]] std::string_view to_text(RrlKind kind) noexcept;

/// What a client prefix may get only so much of: one kind of answer about one name. The name is
/// where the answer comes from, not what was asked, so that random names do not escape: an answer
/// and NODATA are counted by the owner of the data (a wildcard by its encloser, what a DNAME makes
/// by the DNAME), a referral by the cut, NXDOMAIN by the zone, errors by the prefix alone.
struct RrlSubject {
    RrlKind kind = RrlKind::Error;
    dns::NameView name;
    bool synthesized = false;  // `name` is above the qname: another thing than its own data
};

/// `has_answers`: the answer section holds something, or would but for its size.
/// `denied_labels`: of the zone that denies the name, where another server told us; 0: not known.
[[nodiscard]] RrlSubject rrl_subject(const dns::Request& request, dns::RCode rcode,
                                     bool has_answers, const zones::AnswerReport& report,
                                     std::size_t denied_labels) noexcept;

/// Response rate limiting: a server that answers datagrams can be made to flood somebody whose
/// address is forged as their source, so it answers one prefix only so often. Of what is beyond,
/// every `slip`-th answer goes out truncated, so that a client who really sits there comes back
/// over TCP, and the rest is dropped.
///
/// A bucket for each client prefix (IPv4 /24, IPv6 /56) and subject holds one second's worth of
/// answers and fills evenly; another for the prefix holds kAllFactor times as much for all its
/// answers together, which bounds what a flood of many existing names gets out of us.
///
/// Buckets lie in one table of fixed size which all workers share: the kernel spreads datagrams by
/// source port, so a share for each worker would be a fraction for a client with one port and a
/// multiple for a flood from many. A bucket is two words, changed by relaxed atomics without a
/// lock; one that limits is only read, and the count beside it raised. Its place and its tag come
/// from a keyed hash, so nobody can aim at another's bucket. A set that is full gives up the bucket
/// nearest to idle, whose owner then starts afresh: running out of room lets answers out, and never
/// silences anybody. tests/bench/rrl.cc measures what it costs.
///
/// `judge` may be called from any thread; it neither allocates, locks nor looks at a clock.
class Rrl {
  public:
    struct Settings {
        std::uint32_t responses_per_second = 20;  // 1 to kMaxRate
        std::uint32_t slip = 2;                   // 0: all that is limited is dropped
        std::vector<base::IpPrefix> exempt;
    };
    static constexpr std::uint32_t kMaxRate = 1000000;
    static constexpr unsigned kV4Prefix = 24;
    static constexpr unsigned kV6Prefix = 56;
    /// How much more than of one subject a prefix gets of all subjects together.
    static constexpr std::uint32_t kAllFactor = 8;
    static constexpr std::size_t kSetSize = 4;
    static constexpr std::size_t kRrlBuckets = 262144;  // 8 MiB

    /// `buckets` is rounded up to a power of two.
    Rrl(Settings settings, const SipKey& key, std::size_t buckets = kRrlBuckets);

    enum class Verdict : std::uint8_t { Send, Truncate, Drop };
    struct Judgement {
        Verdict verdict = Verdict::Send;
        RrlKind kind = RrlKind::Answer;  // of the bucket that was empty
    };
    /// Counts an answer that is about to go out at `now`, the time of the batch.
    [[nodiscard]] Judgement judge(const base::IpAddress& client, const RrlSubject& subject,
                                  base::MonoTime now) noexcept;

    /// How many answers of one kind to one prefix were limited since the `limited` before.
    struct Limited {
        base::IpPrefix prefix;
        RrlKind kind{};
        std::uint32_t answers = 0;
    };
    /// A prefix comes once for each bucket. Walks the table if anything was limited since; one
    /// thread at a time.
    [[nodiscard]] std::vector<Limited> limited();

    [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  private:
    // The generic cell rate algorithm: `due_ns` is when the bucket will be full again. An answer
    // moves it by `cost_ns`, and is too much where that would be more than a second from now.
    struct Bucket {
        std::atomic<std::uint64_t> tag{0};  // keyed hash of prefix and subject; 0: never used
        std::atomic<std::int64_t> due_ns{0};
    };
    /// A cache line: what an answer that is not limited touches.
    struct alignas(64) Set {
        std::array<Bucket, kSetSize> buckets;
    };
    static_assert(sizeof(Set) == 64);
    /// Beside each bucket: what of it was limited.
    struct Account {
        std::atomic<std::uint64_t> whose{0};  // the prefix's octets, and in the last its kind
        std::atomic<std::uint32_t> answers{0};
        std::uint32_t seen = 0;  // by `limited()`
    };
    /// A bucket by its place in the table.
    struct Place {
        Bucket* bucket = nullptr;  // null: no room
        std::size_t account = 0;
    };

    [[nodiscard]] bool is_exempt(const base::IpAddress& client) const noexcept;
    [[nodiscard]] std::uint64_t tag_of(std::uint64_t whose,
                                       const RrlSubject& subject) const noexcept;
    Place place_of(std::uint64_t whose, const RrlSubject& subject, std::int64_t now_ns) noexcept;
    [[nodiscard]] Judgement limit(const Place& place, std::uint64_t whose, RrlKind kind) noexcept;

    Settings settings_;
    SipKey key_;
    std::int64_t cost_ns_;      // of an answer in a subject's bucket
    std::int64_t all_cost_ns_;  // and in the prefix's
    std::size_t set_mask_;
    std::unique_ptr<Set[]> sets_;
    std::unique_ptr<Account[]> accounts_;
    std::atomic<bool> any_limited_{false};  // since the last walk
};

}  // namespace server
