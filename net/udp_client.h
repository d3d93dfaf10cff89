#pragma once

#include <memory>
#include <optional>

#include "base/ip.h"
#include "base/octets.h"
#include "base/random.h"
#include "base/result.h"
#include "net/loop.h"

namespace net {

/// Receives what comes back on a UdpClientSocket.
class UdpClientHandler {
  public:
    virtual ~UdpClientHandler() = default;
    /// A datagram from the connected peer. May destroy the socket.
    virtual void on_datagram(base::Octets octets) = 0;
    /// The kernel reports that the peer is not there (ICMP): ECONNREFUSED, EHOSTUNREACH, ... The
    /// socket stays usable, and an attacker may have forged the report. May destroy the socket.
    virtual void on_error(int error) = 0;
};

/// A connected UDP socket for one exchange with one peer, as resolvers and probes want it: its
/// own random port (RFC 5452, 9.2), and only datagrams of that peer arrive. Loop's thread only;
/// the handler must outlive the socket.
class UdpClientSocket {
  public:
    /// `local`: the source address; without, the kernel's choice. The port is drawn from
    /// `random` between 1024 and 65535; after ten that are taken the kernel chooses.
    [[nodiscard]] static base::Result<std::unique_ptr<UdpClientSocket>> connect(
        Loop& loop, const base::Endpoint& peer, const std::optional<base::IpAddress>& local,
        base::RandomSource& random, UdpClientHandler& handler);
    ~UdpClientSocket();
    UdpClientSocket(const UdpClientSocket&) = delete;
    UdpClientSocket& operator=(const UdpClientSocket&) = delete;

    /// Sends one datagram now. The error says why the kernel refused it.
    [[nodiscard]] base::Result<void> send(base::Octets octets);
    [[nodiscard]] const base::Endpoint& local() const noexcept;

  private:
    struct State;
    explicit UdpClientSocket(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace net
