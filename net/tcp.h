#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "net/descriptor.h"
#include "net/loop.h"
#include "net/stream.h"

namespace net {

/// Takes the connections of a listener.
class AcceptHandler {
  public:
    virtual ~AcceptHandler() = default;
    /// Not started yet; dropping it closes the connection. May destroy the listener.
    virtual void on_accept(std::unique_ptr<Stream> stream) = 0;
    /// There is no descriptor for the connection that waits. True: one was freed, it is tried
    /// again; else it is shed. Must not destroy the listener.
    virtual bool on_exhausted() { return false; }
};

struct TcpOptions {
    bool reuseport = true;
    bool freebind = false;
    int backlog = 4096;
    /// Connections whose first octets came with their SYN (RFC 7413) that may wait to be accepted;
    /// 0: off. The kernel must allow it too (net.ipv4.tcp_fastopen).
    int fast_open_queue = 0;
    StreamLimits limits;  // of the connections accepted
};

/// Accepts TCP or Unix connections on one loop. When descriptors run out it sheds the waiting
/// connection by means of a reserve descriptor (else the ready listener would spin), counts it,
/// rests for 100 ms and goes on; unless the handler frees one. To TCP the last 32 count as none:
/// they are for files, for sockets to others and for the Unix socket. Loop's thread only; the
/// handler must outlive the listener.
class Listener {
  public:
    [[nodiscard]] static base::Result<std::unique_ptr<Listener>> tcp(Loop& loop,
                                                                     const base::Endpoint& endpoint,
                                                                     const TcpOptions& options,
                                                                     AcceptHandler& handler);
    /// Removes a stale socket file (one that nobody accepts on) first, and its own when
    /// destroyed. `mode` as in chmod: 0600, 0660. It is set before anyone can connect.
    [[nodiscard]] static base::Result<std::unique_ptr<Listener>> unix_socket(
        Loop& loop, const std::string& path, unsigned mode, const StreamLimits& limits,
        AcceptHandler& handler);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// With the real port when bound to port 0. Of no meaning for a Unix socket.
    [[nodiscard]] const base::Endpoint& local() const noexcept;
    /// Connections turned away because there were no descriptors.
    [[nodiscard]] std::uint64_t shed() const noexcept;

  private:
    struct State;
    explicit Listener(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Opens one TCP connection. Before `on_connected` it may be destroyed, which gives up.
class Connector {
  public:
    class Handler {
      public:
        virtual ~Handler() = default;
        /// One of the two, once. May destroy the connector.
        virtual void on_connected(std::unique_ptr<Stream> stream) = 0;
        virtual void on_connect_failed(std::string_view reason) = 0;
    };

    /// Non-blocking; time limits are the owner's. Never calls back before it returns. Loop's
    /// thread only; the handler must outlive the connector.
    [[nodiscard]] static base::Result<std::unique_ptr<Connector>> connect(
        Loop& loop, const base::Endpoint& peer, const std::optional<base::IpAddress>& local,
        const StreamLimits& limits, Handler& handler);
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

  private:
    struct State;
    explicit Connector(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// A Stream over a connected, non-blocking socket, which it owns. TCP_NODELAY is the caller's.
[[nodiscard]] base::Result<std::unique_ptr<Stream>> make_socket_stream(Loop& loop,
                                                                       Descriptor socket, Peer peer,
                                                                       const base::Endpoint& local,
                                                                       const StreamLimits& limits);

}  // namespace net
