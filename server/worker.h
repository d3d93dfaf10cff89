#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/qsbr.h"
#include "base/random.h"
#include "net/http_account.h"
#include "net/loop.h"
#include "net/udp_socket.h"
#include "server/certificates.h"
#include "server/config.h"
#include "server/deferred.h"
#include "server/dns_tcp.h"
#include "server/limit_events.h"
#include "server/pipeline.h"
#include "server/readers.h"
#include "server/tcp_clients.h"
#include "server/upstream.h"

namespace server {

/// One worker: a thread with its own loop, sockets, buffers, counters and tap ring. Workers share
/// nothing mutable but the node cache, the resolver's cache and the table of response rates.
///
/// Made and bound on the starting thread, then `start`ed; after that only `stop` may be called
/// from outside, and stats and tap may be read.
class Worker {
  public:
    struct Shared {
        const Config& config;
        const PipelineSettings& settings;
        zones::Store& store;
        resolver::Cache& cache;
        const resolver::RootHints& hints;
        Readers& readers;
        TcpClients& tcp_clients;
        TcpClients& doh_clients;  // those of them that speak HTTPS
        const Certificates& certificates;
        LimitEvents& limit_events;
        std::size_t doh_held_octets;  // by clients of DNS over HTTPS, with each worker
    };
    /// Queries of one worker that wait for disk or network; what is beyond is dropped.
    static constexpr std::size_t kMaxDeferred = 20000;

    explicit Worker(const Shared& shared);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Binds one listener, all transports as configured. With port 0 the real port is returned.
    [[nodiscard]] base::Result<base::Endpoint> bind(std::uint16_t index,
                                                    const ListenerConfig& listener);
    /// Serves one more address for a UDP listener on a wildcard, or no longer; `bound` is of
    /// UdpSocket::open. Any thread; done in a later turn of the loop.
    void add_address(std::uint16_t listener, net::Descriptor bound);
    void remove_address(std::uint16_t listener, const base::IpAddress& address);
    /// The socket of a UDP listener, for net::steer_by_cpu; -1: there is none. Before `start`.
    [[nodiscard]] int udp_descriptor(std::uint16_t listener) const noexcept;
    /// For what goes on beside the queries of the first worker, made before `start`.
    [[nodiscard]] net::Loop& loop() noexcept { return loop_; }

    void start();
    /// Reads no new queries, gives those in hand up to `grace`, then ends and joins the thread.
    void stop(std::chrono::milliseconds grace);

    [[nodiscard]] Tap& tap() noexcept { return tap_; }
    [[nodiscard]] const WorkerStats& stats() const noexcept { return stats_; }
    [[nodiscard]] net::Loop::Turns turns() const noexcept { return loop_.turns(); }
    [[nodiscard]] const UpstreamStats& upstream_stats() const noexcept { return upstream_.stats(); }

  private:
    class UdpListener;
    class TcpHandler;
    class Handshakes;
    class DohListener;
    friend class DohListener;
    friend class UdpListener;
    friend class TcpHandler;

    [[nodiscard]] base::Result<base::Endpoint> bind_tcp(std::uint16_t index,
                                                        const base::Endpoint& address,
                                                        const ListenerConfig& listener);
    [[nodiscard]] DnsTcp::Wrap wrap_of(const ListenerConfig& listener);
    [[nodiscard]] UdpListener* udp_listener(std::uint16_t index) const noexcept;
    void watch_doh();
    void begin_batch();
    void end_batch();
    void defer(Step step, std::shared_ptr<DeferredQuery> query);
    void read_later(std::shared_ptr<DeferredQuery> query);
    void resolve_later(std::shared_ptr<DeferredQuery> query, const resolver::Question& question);
    void complete(DeferredQuery& query, base::Octets reply);
    void drain();

    Shared shared_;
    WorkerStats stats_;
    Tap tap_;
    net::Loop loop_;
    base::Qsbr::Reader& qsbr_;
    Pipeline pipeline_;
    base::SecureRandom random_;
    Upstream upstream_;
    std::vector<std::uint8_t> scratch_;  // where stream and deferred answers are composed
    std::unique_ptr<TcpHandler> tcp_handler_;
    std::unique_ptr<Handshakes> dot_handshakes_;
    DnsTcp tcp_;
    std::vector<std::unique_ptr<UdpListener>> udp_;
    std::vector<std::unique_ptr<net::Listener>> tcp_listeners_;
    net::HttpAccount doh_account_;
    std::vector<std::unique_ptr<DohListener>> doh_;
    std::size_t deferred_ = 0;
    bool draining_ = false;
    net::Timer doh_timer_;
    bool doh_watched_ = false;
    net::Timer drain_timer_;
    std::thread thread_;
};

}  // namespace server
