#include "server/worker.h"

#include <array>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "base/thread.h"
#include "net/http_server.h"
#include "server/address_sockets.h"
#include "server/doh.h"
#include "server/log.h"

namespace server {

namespace {

/// Descriptors that were short are taken for plenty again after so long without trouble.
constexpr std::chrono::seconds kExhaustionOver{60};

/// How often it is counted what clients of DNS over HTTPS hold, and which limits they met.
constexpr std::chrono::milliseconds kCountDohEvery{1000};

DnsTcp::Limits tcp_limits(const Config& config) {
    DnsTcp::Limits limits;
    limits.idle_ms = config.tcp_idle_ms;
    return limits;
}

}  // namespace

class Worker::UdpListener final : public net::UdpHandler {
  public:
    UdpListener(Worker& worker, std::uint16_t index, Role role) : worker_(worker), index_(index) {
        for (Query& query : queries_) {
            query.transport = Transport::Udp;
            query.role = role;
            query.listener = index;
        }
    }

    base::Result<void> bind(const base::Endpoint& address) {
        auto socket = net::UdpSocket::bind(worker_.loop_, address,
                                           udp_options(worker_.shared_.config), *this);
        if (!socket) return base::fail(socket.error().message);
        socket_ = std::move(*socket);
        return {};
    }

    void on_batch(std::span<net::UdpDatagram> batch) override {
        worker_.begin_batch();
        const base::MonoTime now = base::mono_now();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            Query& query = queries_[i];
            query.message = batch[i].request;
            query.client = batch[i].peer;
            query.received = now;
            replies_[i].octets = batch[i].reply;
        }
        worker_.pipeline_.run_batch(
            std::span(queries_).first(batch.size()), std::span(replies_).first(batch.size()),
            [this, &batch](std::size_t i) { defer(replies_[i].step, queries_[i], batch[i]); });
        for (std::size_t i = 0; i < batch.size(); ++i) batch[i].reply_size = replies_[i].size;
        worker_.end_batch();
    }

    void on_overflow(std::uint64_t datagrams) override {
        worker_.stats_.dropped[static_cast<std::size_t>(DropReason::ReceiveBuffer)].add(datagrams);
    }
    void on_unsent(std::uint64_t replies) override {
        worker_.stats_.dropped[static_cast<std::size_t>(DropReason::SendFailed)].add(replies);
    }

    void close() { socket_.reset(); }
    [[nodiscard]] std::uint16_t index() const { return index_; }
    [[nodiscard]] net::UdpSocket& socket() { return *socket_; }
    [[nodiscard]] const base::Endpoint& local() const { return socket_->local(); }

  private:
    void defer(Step step, const Query& query, const net::UdpDatagram& datagram) {
        const base::Endpoint peer = datagram.peer;
        const base::Endpoint local = datagram.local;
        const std::uint32_t interface_index = datagram.interface_index;
        worker_.defer(
            step, std::make_shared<DeferredQuery>(query, [this, peer, local, interface_index](
                                                             base::Octets reply, bool) {
                if (reply.empty() || !socket_) return;
                if (!socket_->send(peer, local, reply, interface_index)) {
                    worker_.stats_.dropped[static_cast<std::size_t>(DropReason::SendFailed)].add();
                }
            }));
    }

    Worker& worker_;
    std::uint16_t index_;
    std::unique_ptr<net::UdpSocket> socket_;
    static_assert(net::kUdpBatch <= kAnswerBatch);
    std::array<Query, net::kUdpBatch> queries_;
    std::array<Reply, net::kUdpBatch> replies_;
};

class Worker::TcpHandler final : public DnsTcp::Handler {
  public:
    explicit TcpHandler(Worker& worker) : worker_(worker) {}

    void begin_messages() override {
        worker_.begin_batch();
        now_ = base::mono_now();
    }
    void end_messages() override { worker_.end_batch(); }
    DnsTcp::Outcome on_message(const DnsTcp::Message& message, base::MutableOctets room,
                               std::size_t& size) override {
        Query query;
        query.message = message.octets;
        const ListenerConfig& listener = worker_.shared_.config.listeners[message.listener];
        query.transport = listener.dot ? Transport::Dot : Transport::Tcp;
        query.role = listener.role;
        query.listener = message.listener;
        query.client = message.client;
        query.received = now_;
        query.tcp_keepalive_ds = message.keepalive_ds;
        const Step step = worker_.pipeline_.run(query, room, size);
        if (step == Step::Answered) return DnsTcp::Outcome::Answered;
        if (step == Step::Dropped) return DnsTcp::Outcome::Dropped;
        const DnsTcp::Ticket ticket = message.ticket;
        worker_.defer(
            step, std::make_shared<DeferredQuery>(query, [this, ticket](base::Octets reply, bool) {
                worker_.tcp_.reply(ticket, reply);
            }));
        return DnsTcp::Outcome::Deferred;
    }
    void on_connection(bool opened) override {
        (opened ? worker_.stats_.tcp_accepted : worker_.stats_.tcp_closed).add();
    }
    void on_limit(LimitHit limit, const base::IpAddress* prefix) override {
        worker_.stats_.limit_hits[static_cast<std::size_t>(limit)].add();
        if (worker_.shared_.limit_events.active()) {
            LimitEvent event{.limit = to_text(limit), .kind = {}, .prefix = {}, .times = 1};
            if (prefix != nullptr) event.prefix = counted_prefix(*prefix);
            worker_.shared_.limit_events.note(event);
        }
        if (limit == LimitHit::Descriptors) tell_exhaustion();
    }
    void on_refused() override {
        worker_.stats_.dropped[static_cast<std::size_t>(DropReason::TcpLimit)].add();
    }

  private:
    /// Once for each time that it begins, not for each connection.
    void tell_exhaustion() {
        const base::MonoTime now = worker_.loop_.now();
        const bool told = exhausted_at_ && now - *exhausted_at_ < kExhaustionOver;
        exhausted_at_ = now;
        if (told) return;
        log_error(
            "there are no file descriptors left: idle TCP clients are closed to make room, and "
            "where there are none new ones are turned away; raise LimitNOFILE or lower "
            "limits.tcp_clients");
    }

    Worker& worker_;
    base::MonoTime now_{};
    std::optional<base::MonoTime> exhausted_at_;
};

/// Counts the handshakes of one transport.
class Worker::Handshakes final : public net::TlsObserver {
  public:
    Handshakes(WorkerStats& stats, Transport transport) : stats_(stats), transport_(transport) {}
    void on_handshake(Handshake handshake) override {
        stats_
            .tls_handshakes[static_cast<std::size_t>(transport_)]
                           [static_cast<std::size_t>(handshake)]
            .add();
    }

  private:
    WorkerStats& stats_;
    const Transport transport_;
};

/// One DoH listener: HTTP on the worker's loop, whose connections count with those of TCP.
class Worker::DohListener final : public Doh::Handler {
  public:
    DohListener(Worker& worker, std::uint16_t index)
        : worker_(worker),
          index_(index),
          handshakes_(worker.stats_, Transport::Doh),
          doh_(*this, worker.scratch_),
          server_(worker.loop_, doh_, worker.doh_account_, limits(worker.shared_.config)) {}

    base::Result<base::Endpoint> bind(const base::Endpoint& address,
                                      const ListenerConfig& listener) {
        net::HttpListen how;
        how.tls = [this, table = listener.tls] {
            return worker_.shared_.certificates.context(table, Certificates::Use::Http);
        };
        how.observer = &handshakes_;
        how.reuseport = true;
        how.backlog = static_cast<int>(worker_.shared_.config.tcp_backlog);
        how.admit = [this](const net::Peer& peer) { return admit(peer); };
        how.left = [this](const net::Peer& peer) {
            const base::IpAddress prefix = client_prefix(peer.remote.address);
            worker_.shared_.tcp_clients.leave(prefix);
            worker_.shared_.doh_clients.leave(prefix);
            worker_.stats_.tcp_closed.add();
            worker_.watch_doh();  // it may have met a limit
        };
        how.exhausted = [this] { return worker_.tcp_.on_exhausted(); };
        return server_.listen(address, std::move(how));
    }
    void drain() {
        server_.drain([] {});
    }
    [[nodiscard]] net::HttpCounters counters() const { return server_.counters(); }

    void begin_messages() override {
        worker_.watch_doh();
        worker_.begin_batch();
        now_ = base::mono_now();
        in_batch_ = true;
    }
    void end_messages() override {
        in_batch_ = false;
        worker_.end_batch();
    }
    Doh::Outcome on_message(const Doh::Message& message, base::MutableOctets room,
                            Doh::Answer& answer) override {
        if (!in_batch_) {  // one that waited
            begin_messages();
            const Doh::Outcome outcome = on_message(message, room, answer);
            end_messages();
            return outcome;
        }
        Query query;
        query.message = message.octets;
        query.transport = Transport::Doh;
        query.role = worker_.shared_.config.listeners[index_].role;
        query.listener = index_;
        query.client = message.client;
        query.received = now_;
        const Step step = worker_.pipeline_.run(query, room, answer.size);
        answer.personal = worker_.pipeline_.personal();
        Doh::Outcome outcome =
            step == Step::Answered ? Doh::Outcome::Answered : Doh::Outcome::Dropped;
        if (step == Step::DeferRead || step == Step::DeferResolve) {
            outcome = Doh::Outcome::Deferred;
            const Doh::Ticket ticket = message.ticket;
            worker_.defer(step, std::make_shared<DeferredQuery>(
                                    query, [this, ticket](base::Octets reply, bool personal) {
                                        doh_.reply(ticket, reply, personal);
                                    }));
        }
        return outcome;
    }

  private:
    /// A connection may idle, and a client be slow, as long as over TCP; how many there are is
    /// counted with those of TCP, in `admit`.
    static net::HttpLimits limits(const Config& config) {
        const std::chrono::milliseconds idle(config.tcp_idle_ms);
        net::HttpLimits out;
        out.head_timeout = out.body_timeout = out.idle_timeout = out.write_timeout = idle;
        out.body_grace = idle;
        out.max_connections = out.max_connections_per_client = SIZE_MAX;
        // It asks many questions at once, and of the answers in a record reads the first (2.10).
        out.lone_responses_to = "dnsperf/";
        return out;
    }

    /// A newcomer needs one of the places of DNS over HTTPS, and one of all. Where there is none
    /// the connection of its kind goes whose last whole question is longest ago: who holds places
    /// without asking anything loses them to who asks.
    bool admit(const net::Peer& peer) {
        const base::IpAddress prefix = client_prefix(peer.remote.address);
        const auto is_same = [&prefix](const base::IpAddress& client) {
            return client_prefix(client) == prefix;
        };
        TcpClients& doh = worker_.shared_.doh_clients;
        TcpClients::Admission admission = doh.admit(prefix);
        bool told = false;  // that the newcomer may not come
        const auto make = [&](const std::function<bool(const base::IpAddress&)>& among) {
            told = !make_room(limit_of(admission), prefix, among);
            return !told;
        };
        if (admission == TcpClients::Admission::PrefixFull && make(is_same)) {
            admission = doh.admit(prefix);
        }
        if (admission == TcpClients::Admission::Full && make({})) {
            admission = doh.admit(prefix);
        }
        if (admission == TcpClients::Admission::Admitted) {
            TcpClients& all = worker_.shared_.tcp_clients;
            admission = all.admit(prefix);
            if (admission == TcpClients::Admission::PrefixFull &&
                (worker_.tcp_.make_room_for(prefix, true) || make(is_same))) {
                admission = all.admit(prefix);
            }
            // Here HTTPS has less than its half, so the others have more than theirs.
            if (admission == TcpClients::Admission::Full &&
                (worker_.tcp_.make_room_for(prefix, false) || make({}))) {
                admission = all.admit(prefix);
            }
            if (admission == TcpClients::Admission::Admitted) {
                worker_.stats_.tcp_accepted.add();
                worker_.watch_doh();
                return true;
            }
            doh.leave(prefix);
        }
        // Another worker may have been faster in taking what became free.
        if (!told) worker_.tcp_handler_->on_limit(limit_of(admission), &prefix);
        worker_.tcp_handler_->on_refused();
        return false;
    }

    /// It concerns who goes, or else who may not come.
    bool make_room(LimitHit limit, const base::IpAddress& newcomer,
                   const std::function<bool(const base::IpAddress&)>& among) {
        const auto gone = server_.close_idlest(among);
        const base::IpAddress prefix = gone ? client_prefix(*gone) : newcomer;
        worker_.tcp_handler_->on_limit(limit, &prefix);
        return gone.has_value();
    }

    Worker& worker_;
    const std::uint16_t index_;
    bool in_batch_ = false;
    base::MonoTime now_{};  // of the batch
    Handshakes handshakes_;
    Doh doh_;
    net::HttpServer server_;
};

Worker::Worker(const Shared& shared)
    : shared_(shared),
      qsbr_(shared.store.qsbr().add_reader()),
      pipeline_(shared.settings, shared.store, shared.cache, stats_, tap_, false),
      upstream_(loop_, shared.cache, shared.hints, random_, UpstreamLimits{}),
      scratch_(dns::kMaxMessageOctets),
      tcp_handler_(std::make_unique<TcpHandler>(*this)),
      dot_handshakes_(std::make_unique<Handshakes>(stats_, Transport::Dot)),
      tcp_(loop_, tcp_limits(shared.config), shared.tcp_clients, *tcp_handler_),
      doh_account_(loop_, shared.doh_held_octets),
      doh_timer_(loop_),
      drain_timer_(loop_) {}

Worker::~Worker() {
    stop(std::chrono::milliseconds(0));
    tcp_listeners_.clear();
    doh_.clear();
    udp_.clear();
    shared_.store.qsbr().remove_reader(qsbr_);
}

base::Result<base::Endpoint> Worker::bind(std::uint16_t index, const ListenerConfig& listener) {
    base::Endpoint address = listener.address;
    if (listener.udp) {
        auto udp = std::make_unique<UdpListener>(*this, index, listener.role);
        auto bound = udp->bind(address);
        if (!bound) return base::fail(bound.error().message);
        address.port = udp->local().port;
        udp_.push_back(std::move(udp));
    }
    if (listener.tcp || listener.dot || listener.doh) {
        auto bound = bind_tcp(index, address, listener);
        if (!bound) {
            if (listener.udp) udp_.pop_back();
            return base::fail(bound.error().message);
        }
        address = *bound;
    }
    return address;
}

base::Result<base::Endpoint> Worker::bind_tcp(std::uint16_t index, const base::Endpoint& address,
                                              const ListenerConfig& listener) {
    if (listener.doh) {
        auto doh = std::make_unique<DohListener>(*this, index);
        auto bound = doh->bind(address, listener);
        if (bound) doh_.push_back(std::move(doh));
        return bound;
    }
    net::TcpOptions options;
    options.backlog = static_cast<int>(shared_.config.tcp_backlog);
    options.fast_open_queue = options.backlog;
    options.limits = DnsTcp::stream_limits();
    auto bound = net::Listener::tcp(loop_, address, options, tcp_.door(index, wrap_of(listener)));
    if (!bound) return base::fail(bound.error().message);
    tcp_listeners_.push_back(std::move(*bound));
    return tcp_listeners_.back()->local();
}

/// TLS with the certificates of the moment, where the listener speaks it.
DnsTcp::Wrap Worker::wrap_of(const ListenerConfig& listener) {
    if (!listener.dot) return {};
    return [this, table = listener.tls](std::unique_ptr<net::Stream> stream) {
        return net::TlsStream::create(std::move(stream),
                                      shared_.certificates.context(table, Certificates::Use::Dot),
                                      dot_handshakes_.get());
    };
}

Worker::UdpListener* Worker::udp_listener(std::uint16_t index) const noexcept {
    for (const auto& listener : udp_) {
        if (listener->index() == index) return listener.get();
    }
    return nullptr;
}

int Worker::udp_descriptor(std::uint16_t listener) const noexcept {
    UdpListener* const found = udp_listener(listener);
    return found != nullptr ? found->socket().descriptor() : -1;
}

void Worker::add_address(std::uint16_t listener, net::Descriptor bound) {
    // A task is copied, a descriptor is not.
    const auto held = std::make_shared<net::Descriptor>(std::move(bound));
    loop_.post([this, listener, held] {
        UdpListener* const found = udp_listener(listener);
        if (found == nullptr) return;
        const auto added = found->socket().add(std::move(*held));
        if (!added) {
            log_warn(added.error().message + "; served by the socket for all addresses");
        }
    });
}

void Worker::remove_address(std::uint16_t listener, const base::IpAddress& address) {
    loop_.post([this, listener, address] {
        UdpListener* const found = udp_listener(listener);
        if (found != nullptr) found->socket().remove(address);
    });
}

void Worker::start() {
    thread_ = std::thread([this] {
        base::name_thread("worker");
        loop_.run();
    });
}

void Worker::stop(std::chrono::milliseconds grace) {
    if (!thread_.joinable()) return;
    loop_.post([this, grace] {
        draining_ = true;
        drain();
        drain_timer_.start(grace, [this] { loop_.stop(); });
        if (deferred_ == 0) loop_.stop();
    });
    thread_.join();
}

void Worker::drain() {
    // UDP sockets stay open for the answers still owed; what arrives on them is answered too.
    tcp_listeners_.clear();
    tcp_.drain();
    for (const auto& doh : doh_) doh->drain();
}

/// What is held changes with every turn of the loop, and is counted now and then while there is
/// something: a look at all connections is not for each question.
void Worker::watch_doh() {
    if (std::exchange(doh_watched_, true)) return;
    doh_timer_.start(kCountDohEvery, [this] {
        net::HttpCounters counters;
        for (const auto& doh : doh_) counters += doh->counters();
        const auto hits = [this](LimitHit limit) -> WorkerStats::Counter& {
            return stats_.limit_hits[static_cast<std::size_t>(limit)];
        };
        hits(LimitHit::DohBadRequests).set(counters.bad_requests);
        hits(LimitHit::DohTimeouts).set(counters.timeouts);
        hits(LimitHit::DohSlowReaders).set(counters.slow_readers);
        hits(LimitHit::DohAbuse)
            .set(std::accumulate(counters.http2_abuses.begin(), counters.http2_abuses.end(),
                                 std::uint64_t{0}));
        const std::size_t held = doh_account_.count();
        stats_.doh_held.set(held);
        doh_watched_ = false;
        if (held > 0) watch_doh();
    });
}

void Worker::begin_batch() {
    qsbr_.online();
    pipeline_.begin_batch(base::mono_now());
}

void Worker::end_batch() {
    pipeline_.end_batch();
    qsbr_.offline();
}

void Worker::defer(Step step, std::shared_ptr<DeferredQuery> query) {
    if (deferred_ >= kMaxDeferred) {
        stats_.dropped[static_cast<std::size_t>(DropReason::QueueFull)].add();
        query->reply({}, false);
        return;
    }
    ++deferred_;
    stats_.deferred.add();
    if (step == Step::DeferRead) {
        read_later(std::move(query));
    } else {
        resolve_later(std::move(query), pipeline_.wanted());
    }
}

void Worker::read_later(std::shared_ptr<DeferredQuery> query) {
    const bool taken = shared_.readers.submit([this, query](Pipeline& pipeline) {
        // On a reader thread: only the loop's mailbox is touched of this worker.
        auto reply = std::make_shared<std::vector<std::uint8_t>>(dns::kMaxMessageOctets);
        std::size_t size = 0;
        const Step step = pipeline.run(query->query, *reply, size);
        query->personal = pipeline.personal();
        if (step == Step::DeferResolve) {
            const resolver::Question question = pipeline.wanted();
            loop_.post([this, query, question] { resolve_later(query, question); });
            return;
        }
        reply->resize(size);
        loop_.post([this, query, reply] { complete(*query, *reply); });
    });
    if (!taken) {
        stats_.dropped[static_cast<std::size_t>(DropReason::QueueFull)].add();
        complete(*query, {});
    }
}

void Worker::resolve_later(std::shared_ptr<DeferredQuery> query,
                           const resolver::Question& question) {
    upstream_.resolve(question, [this, query](const resolver::Outcome& outcome) {
        begin_batch();
        std::size_t size = 0;
        const Step step = pipeline_.run(query->query, scratch_, size, &outcome);
        query->personal = pipeline_.personal();
        end_batch();
        if (step == Step::DeferRead) return read_later(query);  // the zones changed meanwhile
        complete(*query, base::Octets(scratch_).first(size));
    });
}

void Worker::complete(DeferredQuery& query, base::Octets reply) {
    --deferred_;
    query.reply(reply, query.personal);
    // An HTTPS exchange sends its answer in a callback of its own, which is to come first.
    constexpr std::chrono::milliseconds kAtOnce{0};
    if (draining_ && deferred_ == 0) drain_timer_.start(kAtOnce, [this] { loop_.stop(); });
}

}  // namespace server
