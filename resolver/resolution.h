#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "base/random.h"
#include "base/time.h"
#include "resolver/cache.h"
#include "resolver/chain.h"
#include "resolver/hints.h"
#include "resolver/resolver.h"
#include "resolver/response.h"
#include "resolver/server_table.h"

namespace resolver {

/// What resolutions of one worker share. All references must outlive them.
struct Environment {
    Cache& cache;
    const RootHints& hints;
    ServerTable& servers;
    base::RandomSource& random;  // ids and case: unpredictable outside of tests
};

/// A query for the driver to send.
struct UpstreamQuery {
    std::uint32_t token = 0;  // names it in `receive`, `failed` and `awaiting`
    base::Endpoint server;
    bool tcp = false;
    std::vector<std::uint8_t> message;  // without the length that TCP puts in front
};

enum class Received : std::uint8_t {
    Taken,     // the exchange is over
    Mismatch,  // not the answer to this query (RFC 5452, 9.1): go on waiting
};

enum class SendFailure : std::uint8_t { Refused, NotSent, Overload };

/// Finds the answer to one question by asking authoritative servers (RFC 1034, 5.3.3), as a state
/// machine without I/O: the driver sends what `next` gives, hands over what comes back, and calls
/// `expire` when `deadline` has come.
///
/// A resolution is a tree of tasks. The first one is the client's question; when the servers of
/// a zone are known by name only, their addresses are found by tasks below it. A task goes
/// through these states until it is finished:
///
///     look      follow the aliases that the cache knows; is it answered?   -> finished
///     locate    take the closest delegation known, from the cache or the hints
///     choose    pick the server that is likely to answer soonest           -> ask
///               no address left: start tasks for names of servers          -> wait
///               nothing left at all                                        -> finished, failed
///     ask       one query under way                                        -> read
///     read      answer or alias: keep it, look again; referral: keep it, choose among its
///               servers; truncated: ask the same over TCP; anything else: choose another
///     wait      a task below has ended: choose again
///
/// (RFC 9156 minimisation belongs between choose and ask, validation between read and look.)
///
/// Bounds: budget_packets and timeout_ms of the settings for the whole tree, kMaxDepth,
/// kMaxTasks, kMaxLookups names per delegation (NXNSAttack), kMaxChainLinks aliases. A task never
/// waits for its own question (cycles). Referrals go strictly down, so they end.
///
/// Owns its tasks. One thread. Nothing is called back.
class Resolution {
  public:
    static constexpr unsigned kMaxDepth = 8;
    static constexpr std::size_t kMaxTasks = 64;
    static constexpr unsigned kMaxLookups = 4;
    static constexpr unsigned kMaxTries = 2;  // per server address and delegation

    Resolution(const Environment& environment, const Question& question, base::MonoTime now);
    ~Resolution();
    Resolution(const Resolution&) = delete;
    Resolution& operator=(const Resolution&) = delete;

    /// The next query to be sent, until it gives nothing. Its timeout starts here.
    [[nodiscard]] std::optional<UpstreamQuery> next(base::MonoTime now);
    [[nodiscard]] bool has_next() const noexcept { return !to_send_.empty(); }

    /// A message from the server that `token` was sent to (the driver vouches for that).
    Received receive(std::uint32_t token, base::Octets message, base::MonoTime now);
    /// The exchange broke before an answer came.
    void failed(std::uint32_t token, SendFailure why, base::MonoTime now);
    /// Is the answer to this query still of interest? If not, its socket may go.
    [[nodiscard]] bool awaiting(std::uint32_t token) const noexcept;

    /// When `expire` wants to be called next.
    [[nodiscard]] base::MonoTime deadline() const noexcept;
    /// Returns how many queries timed out.
    unsigned expire(base::MonoTime now);

    [[nodiscard]] bool done() const noexcept { return done_; }
    /// Only when done.
    [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
    /// A stale answer to be given now, while the resolution goes on (RFC 8767, 5: the client
    /// response timer); null before that, and when there is none.
    [[nodiscard]] const Outcome* stale() const noexcept { return stale_due_ ? &stale_ : nullptr; }

  private:
    struct Candidate;
    struct Task;

    // resolution.cc: the states.
    void advance(Task& task, base::MonoTime now);
    bool look(Task& task, base::MonoTime now);
    void locate(Task& task, base::MonoTime now);
    void finish(Task& task, bool answered, base::MonoTime now);
    void fail_all(dns::ExtendedError why, base::MonoTime now);
    void conclude(base::MonoTime now);
    Task* add_task(Task* parent, const dns::Name& qname, dns::RRType qtype);
    void read(Task& task, Response& response, base::MonoTime now);
    void keep_answer(Task& task, const Response& response, base::MonoTime now);
    void keep_referral(Task& task, const Response& response, base::MonoTime now);
    void prime(const Response& response, base::MonoTime now);

    // selection.cc: which server, and where addresses come from.
    void use_servers(Task& task, const std::vector<NameServer>& servers, base::MonoTime now);
    bool choose(Task& task, base::MonoTime now);
    bool look_up_servers(Task& task, base::MonoTime now);
    void addresses_found(Task& task, const Task& child);
    [[nodiscard]] bool usable(const base::IpAddress& address) const noexcept;

    // exchange.cc: one query and its match.
    void ask(Task& task, const base::IpAddress& server, bool tcp, bool edns, bool random_case);
    void timed_out(Task& task, base::MonoTime now);
    void set_aside(Task& task, bool for_good);
    [[nodiscard]] Task* task_of(std::uint32_t token) const noexcept;

    Environment environment_;
    const Settings& settings_;
    Question question_;
    base::MonoTime started_;
    base::MonoTime ends_;
    std::vector<std::unique_ptr<Task>>
        tasks_;  // the first is the client's; none goes before all do
    std::vector<Task*> to_send_;
    std::vector<std::pair<dns::Name, dns::RRType>> hopeless_;  // failed below; not tried again
    std::uint32_t next_token_ = 1;
    bool done_ = false;
    bool stale_due_ = false;
    bool stale_known_ = false;
    bool out_of_budget_ = false;
    Outcome stale_;
    Outcome outcome_;
};

/// Is it time to ask the root for its servers (RFC 8109)? Then resolve `priming_question`.
[[nodiscard]] bool priming_due(const Cache& cache, base::MonoTime now) noexcept;
[[nodiscard]] Question priming_question() noexcept;

}  // namespace resolver
