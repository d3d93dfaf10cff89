#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "net/http.h"
#include "net/http2_guard.h"
#include "net/http_account.h"
#include "net/loop.h"
#include "net/tls.h"

namespace net {

/// What a connection may cost. Every limit that is hit is counted (HttpCounters).
struct HttpLimits {
    std::chrono::milliseconds head_timeout{10000};   // from the first octet of a head to its end
    std::chrono::milliseconds body_timeout{10000};   // without a body octet while we are reading
    std::chrono::milliseconds body_grace{30000};     // from here on a body has its rate to keep
    std::size_t min_body_rate = 1000;                // octets a second while we read; 0: none
    std::chrono::milliseconds body_total{3600000};   // for a whole body, while we read; 0: any
    std::chrono::milliseconds idle_timeout{15000};   // between requests
    std::chrono::milliseconds write_timeout{30000};  // without the peer taking an octet
    std::chrono::milliseconds ping_interval{20000};  // WebSocket
    std::chrono::milliseconds pong_timeout{10000};   // WebSocket
    std::size_t max_head_octets = 64 * 1024;
    std::size_t max_line_octets = 16 * 1024;
    std::size_t max_fields = 128;
    std::size_t high_water = 256 * 1024;  // queued per exchange before `write` returns false
    std::size_t low_water = 64 * 1024;
    /// Kept for one connection: the heads of its open requests, bodies that the application does
    /// not take, answers that the client does not take. Beyond, the stream or connection is reset.
    /// All connections together are bounded by their HttpAccount.
    std::size_t hard_limit = 16 * 1024 * 1024;
    std::size_t max_websocket_message = 1024 * 1024;
    std::uint32_t max_concurrent_streams = 128;  // HTTP/2
    std::size_t max_open_heads = 1024 * 1024;    // HTTP/2: of a connection's open requests, decoded
    /// HTTP/2 over TLS: responses that end together share records, which is cheapest. But for
    /// clients whose User-Agent begins so each ends one; empty: for none.
    std::string_view lone_responses_to;
    std::size_t max_connections = 10000;
    std::size_t max_connections_per_client = 256;  // per remote address; not on Unix sockets
};

/// Since the start, `open` apart; written and read on the loop's thread.
struct HttpCounters {
    std::uint64_t open = 0;  // connections at this moment
    std::uint64_t connections = 0;
    std::uint64_t connections_refused = 0;  // by max_connections(_per_client)
    std::uint64_t connections_shed = 0;     // no descriptors
    std::uint64_t requests = 0;
    std::uint64_t bad_requests = 0;  // refused by the codecs, never seen by the handler
    std::uint64_t timeouts = 0;
    std::uint64_t slow_readers = 0;  // dropped, or refused: write_timeout, hard_limit, HttpAccount
    std::uint64_t tls_failures = 0;
    std::uint64_t websockets = 0;
    /// HTTP/2 connections closed for it, by Http2Abuse.
    std::array<std::uint64_t, kHttp2Abuses> http2_abuses{};

    HttpCounters& operator+=(const HttpCounters& other) noexcept;
};

/// What a listener of an HttpServer has beside its address.
struct HttpListen {
    /// The certificates of the moment, asked for with each connection. Empty: plain.
    std::function<std::shared_ptr<const TlsContext>()> tls;
    TlsObserver* observer = nullptr;  // of handshakes; outlives the server
    /// With `tls`: who speaks HTTP without TLS here reaches the handler too, which knows him by
    /// `RequestHead::peer.tls` and tells him where to go.
    bool plain_too = false;
    /// Other loops accept on the same address. Else a second server is told that it is taken.
    bool reuseport = false;
    int backlog = 4096;
    /// For a limit that is shared with others: may refuse a connection. Whom it admits is told to
    /// `left` when the connection is gone. Either both or none.
    std::function<bool(const Peer&)> admit;
    std::function<void(const Peer&)> left;
    /// There is no descriptor for a connection that waits. True: one was freed, it is tried again;
    /// else, and without this, it is shed. Must not destroy the server.
    std::function<bool()> exhausted;
};

/// Serves HTTP/1.1 (RFC 9112), HTTP/2 (RFC 9113) and WebSocket over both (RFC 6455, 8441) on any
/// number of listeners of one loop. The version is chosen by ALPN under TLS, and without TLS by the
/// HTTP/2 preface (prior knowledge).
///
/// Loop's thread only. The handler and the account, which servers of one loop may share, must
/// outlive the server; destroying the server cancels every exchange.
class HttpServer {
  public:
    HttpServer(Loop& loop, HttpHandler& handler, HttpAccount& account,
               const HttpLimits& limits = {});
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Returns the address bound, with the real port for port 0. Without `tls`: plain.
    [[nodiscard]] base::Result<base::Endpoint> listen(const base::Endpoint& endpoint,
                                                      std::shared_ptr<const TlsContext> tls = {});
    [[nodiscard]] base::Result<base::Endpoint> listen(const base::Endpoint& endpoint,
                                                      HttpListen how);
    [[nodiscard]] base::Result<void> listen_unix(const std::string& path, unsigned mode);
    /// The port of the first TCP listener; 0 without one.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Stops accepting, tells HTTP/2 peers (GOAWAY), closes idle connections, lets exchanges in
    /// hand finish (WebSockets are closed with 1001). `on_drained` is called once, when the last
    /// connection is gone; how long to wait is the owner's affair.
    void drain(std::function<void()> on_drained);

    /// Makes room for a newcomer: closes the connection whose last whole request is longest ago, of
    /// those of the clients that `among` is true for (empty: of all). Gives whose it was; nobody's
    /// if there is none. Looks at all connections; not from inside a call to the handler.
    std::optional<base::IpAddress> close_idlest(
        const std::function<bool(const base::IpAddress&)>& among = {});

    [[nodiscard]] std::size_t connections() const noexcept;
    [[nodiscard]] HttpCounters counters() const noexcept;

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace net
