#include "net/http_server.h"

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/http_connection.h"
#include "net/tcp.h"

namespace net {

namespace {

// The urgent waits behind so many octets at most. Twice what one response may fill at a time.
constexpr std::size_t kUnsentOctets = 128 * 1024;

}  // namespace

HttpCounters& HttpCounters::operator+=(const HttpCounters& other) noexcept {
    open += other.open;
    connections += other.connections;
    connections_refused += other.connections_refused;
    connections_shed += other.connections_shed;
    requests += other.requests;
    bad_requests += other.bad_requests;
    timeouts += other.timeouts;
    slow_readers += other.slow_readers;
    tls_failures += other.tls_failures;
    websockets += other.websockets;
    for (std::size_t i = 0; i < http2_abuses.size(); ++i) http2_abuses[i] += other.http2_abuses[i];
    return *this;
}

class HttpServer::State final : private HttpAccount::Holder {
  public:
    State(Loop& loop, HttpHandler& handler, HttpAccount& account, const HttpLimits& limits)
        : shared{loop, handler, limits, account, {}, false, {}}, bury(loop) {
        shared.retire = [this](HttpConnection& connection) { retire(connection); };
        account.join(*this);
    }
    ~State() override {
        shared.account.leave(*this);
        entries.clear();
        // Cancelling may retire nothing more: the table is gone, the graves go by themselves.
    }

    struct Entrance final : AcceptHandler {
        Entrance(State& of, HttpListen with)
            : state(of), how(std::make_shared<const HttpListen>(std::move(with))) {}
        void on_accept(std::unique_ptr<Stream> stream) override {
            state.accept(std::move(stream), how);
        }
        bool on_exhausted() override { return how->exhausted && how->exhausted(); }
        State& state;
        const std::shared_ptr<const HttpListen> how;
        std::unique_ptr<Listener> listener;
    };

    /// What a connection takes of a limit that is shared with others; given back when it goes.
    struct Place {
        Place(std::shared_ptr<const HttpListen> from, Peer of)
            : how(std::move(from)), peer(std::move(of)) {}
        ~Place() { how->left(peer); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        const std::shared_ptr<const HttpListen> how;
        const Peer peer;
    };

    struct Entry {
        std::unique_ptr<HttpConnection> connection;
        base::IpAddress client;
        bool counted = false;  // in per_client
        std::unique_ptr<Place> place;
    };

    void accept(std::unique_ptr<Stream> stream, const std::shared_ptr<const HttpListen>& how) {
        const Peer& peer = stream->peer();
        const base::IpAddress client = peer.remote.address;
        const bool counted = !peer.local_socket;
        const auto known = per_client.find(client);
        const std::size_t mine = counted && known != per_client.end() ? known->second : 0;
        if (entries.size() >= shared.limits.max_connections ||
            mine >= shared.limits.max_connections_per_client) {
            ++shared.counters.connections_refused;
            return;
        }
        std::unique_ptr<Place> place;
        if (how->admit) {
            if (!how->admit(peer)) {
                ++shared.counters.connections_refused;
                return;
            }
            place = std::make_unique<Place>(how, peer);
        }
        ++shared.counters.connections;
        if (counted) ++per_client[client];
        std::function<std::string()> alpn;
        if (how->tls) {
            auto secure = TlsStream::create(
                std::move(stream), how->tls(), how->observer,
                how->plain_too ? TlsStream::Plain::LetIn : TlsStream::Plain::Refused);
            alpn = [raw = secure.get()] { return raw->alpn(); };
            stream = std::move(secure);
        }
        auto connection =
            std::make_unique<HttpConnection>(shared, std::move(stream), std::move(alpn));
        HttpConnection& started = *connection;
        entries.emplace(&started, Entry{std::move(connection), client, counted, std::move(place)});
        started.start();
    }

    /// The connection is still on the stack: it is destroyed by the loop.
    void retire(HttpConnection& connection) {
        const auto found = entries.find(&connection);
        if (found == entries.end()) return;
        if (found->second.counted) {
            const auto clients = per_client.find(found->second.client);
            if (--clients->second == 0) per_client.erase(clients);
        }
        graves.push_back(std::move(found->second.connection));
        entries.erase(found);
        bury.start(std::chrono::milliseconds(0), [this] {
            graves.clear();
            tell_drained();
        });
    }

    void each_connection(const std::function<void(HttpConnection&)>& look) override {
        for (const auto& [connection, entry] : entries) look(*connection);
    }

    void drain(std::function<void()> done) {
        on_drained = std::move(done);
        for (const auto& entrance : entrances) {
            shared.counters.connections_shed += entrance->listener->shed();
        }
        entrances.clear();
        shared.draining = true;
        std::vector<HttpConnection*> all;
        all.reserve(entries.size());
        for (const auto& [connection, entry] : entries) all.push_back(connection);
        // Draining one may retire it, never another.
        for (HttpConnection* connection : all) connection->drain();
        if (entries.empty() && graves.empty()) {
            bury.start(std::chrono::milliseconds(0), [this] { tell_drained(); });
        }
    }

    void tell_drained() {
        if (!shared.draining || !entries.empty() || !graves.empty() || !on_drained) return;
        const std::function<void()> done = std::exchange(on_drained, nullptr);
        done();  // may destroy the server
    }

    [[nodiscard]] StreamLimits stream_limits() const {
        // The hard limit is watched (and counted) by the connections. They look for room each
        // time the stream says so, hence one mark for both.
        StreamLimits limits;
        limits.high_water = limits.low_water = shared.limits.low_water;
        limits.hard_limit = static_cast<std::size_t>(-1);
        limits.unsent_octets = kUnsentOctets;
        return limits;
    }

    HttpShared shared;
    std::vector<std::unique_ptr<Entrance>> entrances;
    std::unordered_map<HttpConnection*, Entry> entries;
    std::map<base::IpAddress, std::size_t> per_client;
    std::vector<std::unique_ptr<HttpConnection>> graves;
    Timer bury;
    std::function<void()> on_drained;
};

HttpServer::HttpServer(Loop& loop, HttpHandler& handler, HttpAccount& account,
                       const HttpLimits& limits)
    : state_(std::make_unique<State>(loop, handler, account, limits)) {}

HttpServer::~HttpServer() = default;

base::Result<base::Endpoint> HttpServer::listen(const base::Endpoint& endpoint,
                                                std::shared_ptr<const TlsContext> tls) {
    HttpListen how;
    if (tls) how.tls = [tls = std::move(tls)] { return tls; };
    return listen(endpoint, std::move(how));
}

base::Result<base::Endpoint> HttpServer::listen(const base::Endpoint& endpoint, HttpListen how) {
    auto entrance = std::make_unique<State::Entrance>(*state_, std::move(how));
    TcpOptions options;
    options.reuseport = entrance->how->reuseport;
    options.backlog = entrance->how->backlog;
    options.limits = state_->stream_limits();
    auto listener = Listener::tcp(state_->shared.loop, endpoint, options, *entrance);
    if (!listener) return base::fail(listener.error().message);
    entrance->listener = std::move(*listener);
    const base::Endpoint bound = entrance->listener->local();
    state_->entrances.push_back(std::move(entrance));
    return bound;
}

base::Result<void> HttpServer::listen_unix(const std::string& path, unsigned mode) {
    auto entrance = std::make_unique<State::Entrance>(*state_, HttpListen{});
    auto listener =
        Listener::unix_socket(state_->shared.loop, path, mode, state_->stream_limits(), *entrance);
    if (!listener) return base::fail(listener.error().message);
    entrance->listener = std::move(*listener);
    state_->entrances.push_back(std::move(entrance));
    return {};
}

std::uint16_t HttpServer::port() const noexcept {
    for (const auto& entrance : state_->entrances) {
        if (entrance->listener->local().port != 0) return entrance->listener->local().port;
    }
    return 0;
}

void HttpServer::drain(std::function<void()> on_drained) {
    state_->drain(std::move(on_drained));
}

std::optional<base::IpAddress> HttpServer::close_idlest(
    const std::function<bool(const base::IpAddress&)>& among) {
    HttpConnection* idlest = nullptr;
    base::IpAddress client;
    for (const auto& [connection, entry] : state_->entries) {
        if (idlest != nullptr && connection->asked_at() >= idlest->asked_at()) continue;
        if (among && !among(entry.client)) continue;
        idlest = connection;
        client = entry.client;
    }
    if (idlest == nullptr) return std::nullopt;
    idlest->abort();
    return client;
}

std::size_t HttpServer::connections() const noexcept {
    return state_->entries.size();
}

HttpCounters HttpServer::counters() const noexcept {
    HttpCounters out = state_->shared.counters;
    out.open = connections();
    for (const auto& entrance : state_->entrances) {
        out.connections_shed += entrance->listener->shed();
    }
    return out;
}

}  // namespace net
