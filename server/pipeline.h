#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "base/random.h"
#include "base/time.h"
#include "dns/edns.h"
#include "dns/message.h"
#include "dns/message_writer.h"
#include "resolver/resolver.h"
#include "server/cookies.h"
#include "server/packet_cache.h"
#include "server/rrl.h"
#include "server/stats.h"
#include "server/tap.h"
#include "zones/answer.h"
#include "zones/store.h"

namespace server {

/// What every pipeline of the server shares; immutable while the server runs.
struct PipelineSettings {
    std::uint16_t udp_payload = 1232;
    bool nsid = true;
    std::string node;                  // NSID and CH TXT id.server
    std::string version_bind;          // empty: refused
    std::optional<Cookies> cookies;    // empty: the option is ignored (RFC 7873)
    Rrl* rrl = nullptr;                // null: answers are not limited
    bool require_cookies = false;      // of clients that know them (RFC 7873, 5.2.3)
    std::size_t packet_cache = 16384;  // answers that are kept; 0: each is composed
    std::vector<base::IpPrefix> ecs_trusted;
    std::vector<base::IpPrefix> recursion_allow;
};

/// One query as a transport hands it over, borrowed.
struct Query {
    base::Octets message;
    Transport transport = Transport::Udp;
    Role role = Role::Auth;      // of the listener
    std::uint16_t listener = 0;  // its index
    base::Endpoint client;       // transport source
    base::MonoTime received{};
    [[nodiscard]] bool encrypted() const noexcept { return transport >= Transport::Dot; }
    /// How long the connection may be idle, in units of 100 ms: told to who asks (RFC 7828).
    std::uint16_t tcp_keepalive_ds = 0;
};

/// What became of a query.
enum class Step : std::uint8_t {
    Answered,      // the reply stands in the buffer
    Dropped,       // no reply
    DeferRead,     // the disk must be waited for: run it again on a reader thread
    DeferResolve,  // the network must be asked: see Pipeline::wanted
};

/// Room for the answer to a query, and what became of it.
struct Reply {
    base::MutableOctets octets;  // at least 512; for stream transports 65535
    std::size_t size = 0;        // of the answer; 0: none
    Step step = Step::Dropped;
};

/// The most queries that are answered together.
inline constexpr std::size_t kAnswerBatch = 64;

/// The life of a query, from octets to octets, as a page of named steps: parse, view, zones,
/// recursion, finish. One per thread; no allocation, lock or system call per query.
///
/// `begin_batch` loads the newest Published once, and everything until `end_batch` is answered
/// from it; the thread must be online in the store's QSBR between the two.
///
/// With `may_block` it may wait for the disk, as a reader thread does for the queries that a worker
/// deferred; without, it keeps a PacketCache.
class Pipeline {
  public:
    Pipeline(const PipelineSettings& settings, zones::Store& store, resolver::Cache& cache,
             WorkerStats& stats, Tap& tap, bool may_block);

    void begin_batch(base::MonoTime now);
    void end_batch();

    /// Answers into `reply`, which must hold at least 512 octets; for stream transports 65535.
    /// `resolved`: the outcome of the resolution this query was deferred for, if it was.
    Step run(const Query& query, base::MutableOctets reply, std::size_t& reply_size,
             const resolver::Outcome* resolved = nullptr);

    /// After DeferResolve: what the resolver is to find out. Good until the next `run`.
    [[nodiscard]] const resolver::Question& wanted() const noexcept { return wanted_; }

    /// After Answered: did view, client subnet or policy shape the answer? Then it is for nobody
    /// else. Good until the next `run`.
    [[nodiscard]] bool personal() const noexcept { return personal_; }

    /// Answers each of at most kAnswerBatch queries as `run` does. Faster than one by one: what
    /// they will read of the zones is brought near while others are still parsed.
    /// `on_deferred` is told which query was deferred, at once: `wanted` is good until it returns.
    void run_batch(std::span<const Query> queries, std::span<Reply> replies,
                   const std::function<void(std::size_t)>& on_deferred);

    void set_health(std::shared_ptr<const zones::HealthSnapshot> health);

  private:
    struct Parsed;  // a query, and where its answer is looked for
    struct Run;     // everything one query gathers on its way

    void parse(const Query& query, Parsed& parsed) const;
    void approach_zone(Parsed& parsed) const;
    void approach_nodes(Parsed& parsed);
    void approach_packets(std::span<const Query> queries, std::span<Parsed> parsed) const;
    bool recall(const Query& query, Parsed& parsed, Reply& reply);
    void remember(const Run& run, const Parsed& parsed, base::Octets reply);
    Step run(const Query& query, Parsed& parsed, base::MutableOctets reply, std::size_t& reply_size,
             const resolver::Outcome* resolved);
    bool read_options(Run& run) const;
    void start_reply(Run& run);
    void give_cookie(Run& run);
    bool cookie_is_good(const Run& run);
    bool lacks_cookie(const Run& run);
    Step answer(Run& run);
    void refuse_transfer(Run& run);
    Step answer_or_recurse(Run& run);
    zones::AnswerOutcome answer_from_zones(Run& run);
    Step recurse(Run& run, dns::NameView qname);
    void answer_chaos(Run& run);
    void refuse(Run& run, dns::ExtendedError why);
    void fail(Run& run, dns::RCode rcode);
    [[nodiscard]] bool recursion_permitted(const Query& query, zones::ViewId view) const;
    bool within_rate(Run& run, const std::optional<Rrl::Judgement>& before);
    void shorten(Run& run);
    std::uint32_t unix_time_s();
    std::size_t finish(Run& run);
    void write_opt(Run& run, std::uint8_t extended_rcode);
    void write_tsig(Run& run);
    WorkerStats::Counter& counter_of(const Run& run);
    void record(const Run& run, std::size_t reply_size);
    void tap(const Run& run, base::Octets reply);

    const PipelineSettings& settings_;
    zones::Store& store_;
    resolver::Cache& cache_;
    WorkerStats& stats_;
    Tap& tap_;
    std::unique_ptr<zones::Store::Source> nodes_;
    const zones::ChangeMarks& changes_;  // of those nodes
    const zones::Published* published_ = nullptr;
    const zones::ZoneEntry* last_zone_ = nullptr;  // of what is published now
    std::shared_ptr<const zones::HealthSnapshot> health_;
    base::Random random_;
    std::uint16_t rotation_ = 0;
    base::MonoTime now_{};
    std::optional<std::uint32_t> unix_time_s_;  // read once a batch, if a cookie wants it
    std::uint64_t answered_in_batch_[kRoles] = {};
    std::unique_ptr<PacketCache> packets_;  // null: none
    bool packets_usable_ = false;           // in this batch
    zones::ApexMemo apexes_;
    // Of what is published, numbered by this thread: the memories hold for one generation, and of
    // its nodes as long as the marks say.
    std::uint32_t generation_ = 0;
    std::optional<std::uint64_t> last_generation_;
    std::uint64_t recalled_in_batch_ = 0;
    resolver::Question wanted_;
    bool personal_ = false;
};

}  // namespace server
