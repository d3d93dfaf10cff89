#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/ip.h"
#include "base/octets.h"
#include "base/result.h"
#include "net/loop.h"

namespace net {

constexpr std::size_t kUdpBatch = 64;            // datagrams per recvmmsg and sendmmsg
constexpr std::size_t kUdpRequestOctets = 4096;  // longer datagrams arrive cut and flagged
constexpr std::size_t kUdpReplyOctets = 4096;

/// One received datagram and the room for its answer; both belong to the socket and are valid
/// until `on_batch` returns.
struct UdpDatagram {
    base::Octets request;
    base::MutableOctets reply;   // kUdpReplyOctets
    std::size_t reply_size = 0;  // set by the handler; 0: no answer
    bool truncated = false;      // longer than kUdpRequestOctets, the rest is lost
    base::Endpoint peer;
    base::Endpoint local;               // where it was sent to; also the answer's source
    std::uint32_t interface_index = 0;  // of link-local IPv6 peers, else 0
};

/// What a UDP listener does with its datagrams.
class UdpHandler {
  public:
    virtual ~UdpHandler() = default;
    /// A batch of at least one datagram. The replies are sent when it returns. It must not
    /// destroy the socket.
    virtual void on_batch(std::span<UdpDatagram> batch) = 0;
};

struct UdpOptions {
    bool reuseport = true;          // several loops share the address, the kernel spreads
    int receive_buffer_octets = 0;  // 0: the system's default
    bool freebind = false;          // bind to an address that is not configured (yet)
};

/// Since the socket was bound; written and read on the loop's thread.
struct UdpCounters {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t truncated = 0;       // received, but longer than the buffer
    std::uint64_t dropped = 0;         // replies given up because the send buffer was full
    std::uint64_t send_errors = 0;     // replies the kernel refused (no route, too long, ...)
    std::uint64_t receive_errors = 0;  // failed receive calls
};

/// A bound UDP socket served in batches: one recvmmsg, one call of the handler, one sendmmsg.
///
/// Bound to a wildcard address, every datagram carries the address it was sent to and its
/// answer leaves from there (IP_PKTINFO, IPV6_RECVPKTINFO; RFC 3542, 6). IPv6 sockets are
/// IPV6_V6ONLY. Fragments are sent rather than ICMP believed (RFC 9715, 3.1: IP_PMTUDISC_OMIT).
///
/// Neither allocates nor locks after `bind`. A wake-up serves at most 16 batches, so that one
/// busy socket cannot starve the others of its loop. Loop's thread only; the handler must
/// outlive the socket.
class UdpSocket {
  public:
    [[nodiscard]] static base::Result<std::unique_ptr<UdpSocket>> bind(
        Loop& loop, const base::Endpoint& endpoint, const UdpOptions& options, UdpHandler& handler);
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// A deferred answer, sent at once. `local` is the datagram's, `interface_index` too. False:
    /// not sent, and counted.
    bool send(const base::Endpoint& peer, const base::Endpoint& local, base::Octets octets,
              std::uint32_t interface_index = 0) noexcept;

    /// The address it is bound to, with the real port when bound to port 0.
    [[nodiscard]] const base::Endpoint& local() const noexcept;
    [[nodiscard]] const UdpCounters& counters() const noexcept;

  private:
    struct State;
    explicit UdpSocket(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace net
