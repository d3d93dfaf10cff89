#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "dns/name.h"
#include "net/loop.h"
#include "resolver/resolver.h"
#include "server/certificates.h"
#include "server/config.h"
#include "server/limit_events.h"
#include "server/stats.h"
#include "server/tap.h"
#include "zones/store.h"

namespace server {

/// A listener as it was bound, for banner, feed and API.
struct ListenerInfo {
    base::Endpoint address;  // with the real port where 0 was asked for
    bool udp = true;
    bool tcp = true;
    bool dot = false;
    bool doh = false;
    Role role = Role::Auth;
};

/// The running DNS server: store, resolver cache, workers with their listeners. `admin` stands
/// on this. Start and stop on one thread; everything else from any.
class Service {
  public:
    /// Binds all sockets and starts the workers. Fails, with nothing left running, when an
    /// address cannot be bound (the message says who holds it) or the store cannot be opened.
    [[nodiscard]] static base::Result<std::unique_ptr<Service>> start(const Config& config);
    /// Stops accepting, finishes what is in hand, stops the workers, closes the store.
    virtual ~Service() = default;

    [[nodiscard]] virtual zones::Store& store() noexcept = 0;
    [[nodiscard]] virtual const Config& config() const noexcept = 0;
    [[nodiscard]] virtual const std::string& node() const noexcept = 0;
    [[nodiscard]] virtual const std::vector<ListenerInfo>& listeners() const noexcept = 0;
    [[nodiscard]] virtual std::size_t workers() const noexcept = 0;
    /// One tap and one set of counters per thread that answers (workers, and readers of answers
    /// that had to wait for the disk), for the life of the service.
    [[nodiscard]] virtual const std::vector<Tap*>& taps() const noexcept = 0;
    [[nodiscard]] virtual const std::vector<const WorkerStats*>& worker_stats() const noexcept = 0;
    /// Of each worker's loop.
    [[nodiscard]] virtual std::vector<net::Loop::Turns> loop_turns() const = 0;
    [[nodiscard]] virtual std::shared_ptr<const zones::GeoDatabases> geo() const = 0;
    /// The shared resolver cache and upstream counters, for metrics and /v1/cache.
    [[nodiscard]] virtual resolver::Cache& resolver_cache() noexcept = 0;
    [[nodiscard]] virtual std::vector<std::pair<std::string, std::uint64_t>> upstream_counts()
        const = 0;
    /// Client prefixes whose answers are limited now (server/rrl.h).
    [[nodiscard]] virtual std::size_t limited_prefixes() const noexcept = 0;
    /// What limits do, for the feed.
    [[nodiscard]] virtual LimitEvents& limit_events() noexcept = 0;
    /// The certificates of all listeners, of `admin` too; to be read again at any time.
    [[nodiscard]] virtual Certificates& certificates() noexcept = 0;
    [[nodiscard]] virtual base::WallTime started() const noexcept = 0;
    /// Reasons why the server is not ready (/readyz); empty: ready.
    [[nodiscard]] virtual std::vector<std::string> not_ready() const = 0;
};

}  // namespace server
