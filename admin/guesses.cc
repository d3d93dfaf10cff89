#include "admin/guesses.h"

#include <algorithm>

namespace admin {

base::IpAddress Guesses::key_of(const base::IpAddress& source) {
    constexpr unsigned kV6Site = 64;
    const base::IpAddress address = source.unmapped();
    return address.family() == base::IpFamily::V4 ? address : address.masked(kV6Site);
}

std::optional<std::chrono::seconds> Guesses::locked(const base::IpAddress& source,
                                                    const Digest& token, base::MonoTime now) {
    const base::IpAddress key = key_of(source);
    const auto found = sources_.find(key);
    if (found == sources_.end() || found->second.locked_until <= now) return std::nullopt;
    const auto known = known_.find({key, token});
    if (known != known_.end() && now - known->second < kLately) return std::nullopt;
    ++refused_;
    return std::chrono::ceil<std::chrono::seconds>(found->second.locked_until - now);
}

void Guesses::right(const base::IpAddress& source, const Digest& token, base::MonoTime now) {
    const std::pair<base::IpAddress, Digest> key{key_of(source), token};
    const auto found = known_.find(key);
    if (found != known_.end()) {
        found->second = now;
        return;
    }
    if (known_.size() >= kMaxKnown) {
        known_.erase(
            std::min_element(known_.begin(), known_.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    known_.emplace(key, now);
}

void Guesses::wrong(const base::IpAddress& source, const Digest& token, base::MonoTime now) {
    const base::IpAddress key = key_of(source);
    auto found = sources_.find(key);
    if (found == sources_.end()) {
        if (sources_.size() >= kMaxSources) {
            sources_.erase(std::min_element(sources_.begin(), sources_.end(),
                                            [](const auto& a, const auto& b) {
                                                return a.second.counted_at < b.second.counted_at;
                                            }));
        }
        found = sources_.emplace(key, Source{}).first;
        found->second.counted_at = now;
    }
    Source& one = found->second;
    const auto faded = static_cast<std::uint64_t>((now - one.counted_at) / kFade);
    one.count -= static_cast<unsigned>(std::min<std::uint64_t>(one.count, faded));
    one.counted_at = one.count == 0 ? now : one.counted_at + static_cast<long>(faded) * kFade;
    if (std::find(one.last.begin(), one.last.end(), token) != one.last.end()) return;
    one.last[one.next++ % kRemembered] = token;
    if (++one.count < kAllowed) return;
    one.count = kAllowed / 2;
    one.locked_until = now + kLockOut;
}

}  // namespace admin
