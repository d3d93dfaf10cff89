#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/huge_pages.h"
#include "base/ip.h"
#include "base/octets.h"
#include "base/result.h"
#include "net/descriptor.h"
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
    /// The kernel threw away so many more datagrams because the receive buffer was full; seen when
    /// others come, every 20 ms (SO_MEMINFO). Never called inside `on_batch`.
    virtual void on_overflow(std::uint64_t datagrams) { static_cast<void>(datagrams); }
    /// So many replies of the last batch were not sent: see `dropped` and `send_errors`.
    virtual void on_unsent(std::uint64_t replies) { static_cast<void>(replies); }
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
    std::uint64_t overflowed = 0;      // thrown away by the kernel: the receive buffer was full
};

/// A bound UDP socket served in batches: one recvmmsg, one call of the handler, one sendmmsg.
///
/// Bound to a wildcard address, every datagram carries the address it was sent to and its
/// answer leaves from there (IP_PKTINFO, IPV6_RECVPKTINFO; RFC 3542, 6). That costs each datagram
/// two control messages and each answer a route of its own, so sockets for single addresses on the
/// same port can be added: the kernel prefers them, and the wildcard gets what is left. IPv6
/// sockets are IPV6_V6ONLY. Fragments are sent rather than ICMP believed (RFC 9715, 3.1:
/// IP_PMTUDISC_OMIT).
///
/// All its addresses share one set of buffers. Neither allocates nor locks after `bind` and `add`.
/// A wake-up serves at most 16 batches, so that one busy socket cannot starve the others of its
/// loop. Loop's thread only; the handler must outlive the socket.
class UdpSocket {
  public:
    [[nodiscard]] static base::Result<std::unique_ptr<UdpSocket>> bind(
        Loop& loop, const base::Endpoint& endpoint, const UdpOptions& options, UdpHandler& handler);
    /// A descriptor that is bound but not watched yet: for sockets of several loops on one address,
    /// whose order matters (`steer_by_cpu`). Any thread.
    [[nodiscard]] static base::Result<Descriptor> open(const base::Endpoint& endpoint,
                                                       const UdpOptions& options);
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// Serves a socket of `open` too, bound to one address (not a wildcard) and this port. Not from
    /// inside a call of the handler.
    [[nodiscard]] base::Result<void> add(Descriptor bound);
    /// Closes the socket that was added for the address, if there is one. Not from inside a call of
    /// the handler.
    void remove(const base::IpAddress& address);

    /// A deferred answer, sent at once from the socket of `bind`. `local` is the datagram's,
    /// `interface_index` too. False: not sent, and counted.
    bool send(const base::Endpoint& peer, const base::Endpoint& local, base::Octets octets,
              std::uint32_t interface_index = 0) noexcept;

    /// The address it is bound to, with the real port when bound to port 0.
    [[nodiscard]] const base::Endpoint& local() const noexcept;
    /// Of all its addresses together.
    [[nodiscard]] const UdpCounters& counters() const noexcept;
    /// The socket of `bind`, for `steer_by_cpu`.
    [[nodiscard]] int descriptor() const noexcept;

  private:
    struct Port;
    struct State;
    explicit UdpSocket(base::HugePtr<State> state);
    base::HugePtr<State> state_;
};

/// Of the sockets that share the descriptor's address and port, the n-th bound one gets what CPU n
/// received (SO_ATTACH_REUSEPORT_CBPF), so that a queue of the network card, its CPU and a worker
/// stay together; CPUs beyond the last socket are spread by hash as before. For as many sockets as
/// there are CPUs, and where an interface spreads what arrives over all of them
/// (`receive_queues`): one that does not would give everything to one socket. Any thread.
[[nodiscard]] base::Result<void> steer_by_cpu(int descriptor);

/// How many CPUs an interface hands datagrams to: its receive queues, or, if more, the CPUs that
/// receive packet steering is set to (/sys/class/net; rps_cpus). 1 when that cannot be read.
[[nodiscard]] unsigned receive_queues(std::uint32_t interface_index);

}  // namespace net
