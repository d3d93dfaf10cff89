#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/time.h"
#include "dns/edns.h"
#include "dns/message_writer.h"
#include "dns/name.h"
#include "dns/types.h"
#include "resolver/cache.h"
#include "resolver/settings.h"

namespace resolver {

/// What is to be found out. A value; class IN.
struct Question {
    dns::Name qname;
    dns::RRType qtype{};
    bool checking_disabled = false;  // CD of the client (RFC 4035, 3.2.2)
    Partition partition = 0;

    friend bool operator==(const Question& a, const Question& b) noexcept {
        return a.qtype == b.qtype && a.checking_disabled == b.checking_disabled &&
               a.partition == b.partition && a.qname == b.qname;
    }
};

/// CNAME and DNAME links of one answer, at most (the names in between are looked up one by one).
inline constexpr std::size_t kMaxChainLinks = 11;
/// RRsets of one answer: the chain and its end; for ANY, all types.
inline constexpr std::size_t kMaxAnswerSets = 24;

/// An answer as a list of references to what the cache holds, in the order of the answer section.
/// No allocation; may be copied and kept. One thread at a time.
struct Answer {
    dns::RCode rcode = dns::RCode::NoError;
    bool stale = false;                       // something in it has expired (RFC 8767)
    std::uint32_t stale_age_s = 0;            // how long ago, at most
    std::optional<dns::ExtendedError> error;  // to be sent with it (RFC 8914)
    std::array<Ref, kMaxAnswerSets> sets;     // a DNAME stands for itself and its CNAME
    std::uint8_t set_count = 0;
    Ref negative;  // NoData or NXDomain of the last name, with its SOA

    /// False when there is no room left.
    bool add(Ref set) noexcept;
    void clear() noexcept;
};

enum class CacheResult : std::uint8_t {
    Miss,   // the network must be asked: Upstream::resolve
    Hit,    // `out` is the answer (it may be a SERVFAIL remembered)
    Stale,  // `out` has expired, but resolving it failed within failure_recheck_s: answer with it
};

/// Answers from what is known now, on the worker's hot path: at most kMaxChainLinks + 1 look-ups,
/// no allocation, no system call. ANY is never answered from the cache. Any thread.
[[nodiscard]] CacheResult answer_from_cache(const Cache& cache, const Question& question,
                                            base::MonoTime now, Answer& out) noexcept;

/// The answer to `question` that can be given from expired entries, if the chain is complete.
[[nodiscard]] bool stale_answer(const Cache& cache, const Question& question, base::MonoTime now,
                                Answer& out) noexcept;

/// Writes answer and authority sections, TTLs counted down to `now`; expired RRsets with
/// `stale_ttl_s`. Header and question must have been written; flags and RCODE are the caller's.
/// False when an RRset of the answer section did not fit: set TC (RFC 2181, 9). Any thread.
[[nodiscard]] bool write_answer(const Question& question, const Answer& answer, base::MonoTime now,
                                std::uint32_t stale_ttl_s, dns::MessageWriter& writer) noexcept;

/// What became of a resolution. `answer.rcode` is ServFail when it failed.
struct Outcome {
    Answer answer;
    std::uint16_t upstream_queries = 0;  // packets sent for it
    base::Endpoint upstream;             // asked last, if any was
};

}  // namespace resolver
