#include "net/udp_socket.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// <linux/in.h> has these, but cannot be included beside <netinet/in.h>.
#ifndef IP_PMTUDISC_OMIT
#define IP_PMTUDISC_OMIT 5
#endif
#ifndef IPV6_PMTUDISC_OMIT
#define IPV6_PMTUDISC_OMIT 5
#endif

namespace net {
namespace {

constexpr unsigned kMaxBatchesPerWakeUp = 16;
// Buffers that begin a whole number of pages apart fight for the same lines of the processor's
// first cache: a batch has more of them than those lines hold.
constexpr std::size_t kApart = 192;
constexpr std::size_t kRequestStride = kUdpRequestOctets + kApart;
constexpr std::size_t kReplyStride = kUdpReplyOctets + kApart;
// A batch less full than this means that the queue is empty or nearly so: asking again costs a
// system call that would mostly find nothing.
constexpr std::size_t kWorthAskingAgain = kUdpBatch / 4;
constexpr std::size_t kControlOctets = CMSG_SPACE(sizeof(in6_pktinfo));
static_assert(sizeof(in6_pktinfo) >= sizeof(in_pktinfo));
// How often the kernel is asked what it threw away. SO_RXQ_OVFL would tell with every datagram, and
// costs each of them 50 ns (2 % of an answer): the kernel goes through all that it might tell.
constexpr std::chrono::milliseconds kAskAboutLost{20};

struct Control {
    alignas(cmsghdr) std::array<std::uint8_t, kControlOctets> octets;
};

/// What the kernel says beside a datagram of a wildcard: where it was sent to.
void read_control(msghdr& header, base::IpAddress& out) noexcept {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            in_pktinfo info;
            std::memcpy(&info, CMSG_DATA(c), sizeof info);
            // Our own address even when the datagram came by broadcast, unlike ipi_addr.
            std::uint8_t raw[4];
            std::memcpy(raw, &info.ipi_spec_dst, sizeof raw);
            out = base::IpAddress::v4(raw);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info;
            std::memcpy(&info, CMSG_DATA(c), sizeof info);
            out = base::IpAddress::from_octets({info.ipi6_addr.s6_addr, 16});
        }
    }
}

/// Fills `control` so that the datagram leaves from `source`; returns the octets used.
std::size_t write_source(Control& control, const base::IpAddress& source,
                         std::uint32_t interface_index) noexcept {
    cmsghdr head{};
    if (source.is_v4()) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, source.octets().data(), 4);
        head.cmsg_len = CMSG_LEN(sizeof info);
        head.cmsg_level = IPPROTO_IP;
        head.cmsg_type = IP_PKTINFO;
        std::memcpy(control.octets.data(), &head, sizeof head);
        std::memcpy(control.octets.data() + CMSG_LEN(0), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source.octets().data(), 16);
    info.ipi6_ifindex = interface_index;
    head.cmsg_len = CMSG_LEN(sizeof info);
    head.cmsg_level = IPPROTO_IPV6;
    head.cmsg_type = IPV6_PKTINFO;
    std::memcpy(control.octets.data(), &head, sizeof head);
    std::memcpy(control.octets.data() + CMSG_LEN(0), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

/// Large enough for both families, and no larger: a batch of them is read and written each turn.
using Peer = sockaddr_in6;

std::uint32_t scope_of(const Peer& address) noexcept {
    return address.sin6_family == AF_INET6 ? address.sin6_scope_id : 0;
}

/// How many datagrams a socket has lost since it was made, as far as the kernel counts.
std::uint32_t lost_by(int fd, std::uint32_t before) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t size = sizeof info;
    const bool known = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) == 0 &&
                       size > SK_MEMINFO_DROPS * sizeof info[0];
    return known ? info[SK_MEMINFO_DROPS] : before;
}

bool set_option(int fd, int level, int name, int value) noexcept {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

}  // namespace

base::Result<Descriptor> UdpSocket::open(const base::Endpoint& endpoint,
                                         const UdpOptions& options) {
    const std::string where = "cannot listen on UDP " + endpoint.to_text();
    const bool v4 = endpoint.address.is_v4();
    Descriptor fd(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return base::fail(system_error(where, errno));

    bool ok = !options.reuseport || set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (v4) {
        ok = ok && set_option(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
        if (options.freebind) ok = ok && set_option(fd.get(), IPPROTO_IP, IP_FREEBIND, 1);
    } else {
        ok = ok && set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
             set_option(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
        if (options.freebind) ok = ok && set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1);
    }
    if (endpoint.address.is_unspecified()) {
        // The source of an answer may be an address that is only routed here: for IPv6 the kernel
        // wants to be told that this is meant.
        ok = ok && (v4 ? set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1)
                       : set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
                             set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1));
    }
    if (ok && options.receive_buffer_octets > 0 &&
        !set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer_octets)) {
        // Only the privileged may pass net.core.rmem_max; the others get as much as it allows.
        ok = set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, options.receive_buffer_octets);
    }
    if (!ok) return base::fail(system_error(where, errno));

    sockaddr_storage address{};
    const socklen_t length = endpoint.to_sockaddr(address);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
        return base::fail(system_error(where, errno));
    }
    return fd;
}

// One descriptor of a socket; all of them use the buffers of its State.
struct UdpSocket::Port final : Watcher::Handler {
    explicit Port(State& of) : state(of) {}
    void on_ready(Watcher::Ready ready) override;

    State& state;
    Descriptor fd;  // before the watcher, so that it closes after it
    std::unique_ptr<Watcher> watcher;
    base::Endpoint local;
    bool wildcard = false;
    std::uint32_t lost = 0;  // as the kernel counts, which wraps
    base::MonoTime asked_about_lost{};
};

struct UdpSocket::State {
    Loop* loop = nullptr;
    UdpHandler* handler = nullptr;
    // The one of `bind` first, then those added.
    std::vector<std::unique_ptr<Port>> ports;
    UdpCounters counters;
    std::optional<bool> ready_for_wildcard;  // how `in` is restored; empty: not yet

    // Receiving: wired together once; a turn restores only what the kernel changed.
    std::array<mmsghdr, kUdpBatch> in{};
    std::array<iovec, kUdpBatch> in_vec{};
    std::array<Peer, kUdpBatch> peers{};
    std::array<Control, kUdpBatch> in_control{};
    std::array<UdpDatagram, kUdpBatch> datagrams{};
    // Sending where not all that was received is answered, or from a wildcard: the first entries,
    // in order, of the datagrams that have a reply. Else what was received is turned around.
    std::array<mmsghdr, kUdpBatch> out{};
    std::array<iovec, kUdpBatch> out_vec{};
    std::array<Control, kUdpBatch> out_control{};

    std::array<std::uint8_t, kUdpBatch * kRequestStride> requests;
    std::array<std::uint8_t, kUdpBatch * kReplyStride> replies;

    void prepare() noexcept {
        for (std::size_t i = 0; i < kUdpBatch; ++i) {
            msghdr& m = in[i].msg_hdr;
            m.msg_iov = &in_vec[i];
            m.msg_iovlen = 1;
            m.msg_name = &peers[i];
            m.msg_control = in_control[i].octets.data();
            datagrams[i].reply = {replies.data() + i * kReplyStride, kUdpReplyOctets};
            out[i].msg_hdr.msg_iov = &out_vec[i];
            out[i].msg_hdr.msg_iovlen = 1;
        }
    }

    [[nodiscard]] std::uint8_t* request(std::size_t i) noexcept {
        return requests.data() + i * kRequestStride;
    }

    /// Ready to be received into: the first `count`, all others are still.
    void restore(const Port& port, std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            in_vec[i] = {request(i), kUdpRequestOctets};
            msghdr& m = in[i].msg_hdr;
            m.msg_namelen = sizeof(Peer);
            m.msg_controllen = port.wildcard ? kControlOctets : 0;
            m.msg_flags = 0;
        }
    }

    [[nodiscard]] base::Result<void> serve(Descriptor bound);

    void receive(Port& port) {
        if (ready_for_wildcard != port.wildcard) restore(port, kUdpBatch);
        ready_for_wildcard = port.wildcard;
        ask_about_lost(port);
        for (unsigned turn = 0; turn < kMaxBatchesPerWakeUp; ++turn) {
            const int got = recvmmsg(port.fd.get(), in.data(), kUdpBatch, MSG_DONTWAIT, nullptr);
            if (got < 0) {
                if (errno == EINTR) continue;
                if (errno != EAGAIN) ++counters.receive_errors;
                return;  // an error that stays wakes us again; the loop's other work comes first
            }
            const auto count = static_cast<std::size_t>(got);
            for (std::size_t i = 0; i < count; ++i) describe(port, i);
            counters.received += count;
            handler->on_batch({datagrams.data(), count});
            send_replies(port, count);
            restore(port, count);
            if (count < kWorthAskingAgain) return;
        }
    }

    void ask_about_lost(Port& port) {
        if (loop->now() - port.asked_about_lost < kAskAboutLost) return;
        port.asked_about_lost = loop->now();
        const std::uint32_t lost = lost_by(port.fd.get(), port.lost);
        const std::uint32_t more = lost - port.lost;
        if (more == 0) return;
        port.lost = lost;
        counters.overflowed += more;
        handler->on_overflow(more);
    }

    void describe(const Port& port, std::size_t i) noexcept {
        UdpDatagram& d = datagrams[i];
        msghdr& m = in[i].msg_hdr;
        d.request = {request(i), in[i].msg_len};
        d.reply_size = 0;
        d.truncated = (m.msg_flags & MSG_TRUNC) != 0;
        if (d.truncated) ++counters.truncated;
        d.peer = base::Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&peers[i]));
        d.interface_index = scope_of(peers[i]);
        d.local = port.local;
        if (port.wildcard) read_control(m, d.local.address);
    }

    void send_replies(const Port& port, std::size_t count) noexcept {
        if (!port.wildcard && turn_around(count)) return send(port, in.data(), count);
        std::size_t waiting = 0;
        for (std::size_t i = 0; i < count; ++i) {
            UdpDatagram& d = datagrams[i];
            if (d.reply_size == 0) continue;
            out_vec[waiting] = {d.reply.data(), std::min(d.reply_size, d.reply.size())};
            msghdr& m = out[waiting].msg_hdr;
            m.msg_name = &peers[i];
            m.msg_namelen = in[i].msg_hdr.msg_namelen;
            if (port.wildcard && !d.local.address.is_unspecified()) {
                Control& control = out_control[waiting];
                m.msg_controllen = write_source(control, d.local.address, d.interface_index);
                m.msg_control = control.octets.data();
            } else {
                m.msg_control = nullptr;
                m.msg_controllen = 0;
            }
            ++waiting;
        }
        send(port, out.data(), waiting);
    }

    /// Where each of a batch has a reply, the messages received become those to send: one set of
    /// them less to go through. False: not each has one.
    bool turn_around(std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            const UdpDatagram& d = datagrams[i];
            if (d.reply_size == 0) return false;
            in_vec[i] = {d.reply.data(), std::min(d.reply_size, d.reply.size())};
        }
        return true;
    }

    void send(const Port& port, mmsghdr* messages, std::size_t waiting) noexcept {
        std::size_t unsent = 0;
        for (std::size_t done = 0; done < waiting;) {
            const int sent = sendmmsg(port.fd.get(), messages + done,
                                      static_cast<unsigned>(waiting - done), MSG_DONTWAIT);
            if (sent > 0) {
                done += static_cast<std::size_t>(sent);
                counters.sent += static_cast<std::uint64_t>(sent);
            } else if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
                // A client asks again; waiting here would make everyone wait.
                counters.dropped += waiting - done;
                unsent += waiting - done;
                break;
            } else if (sent == 0 || errno != EINTR) {
                ++counters.send_errors;  // the first of the rest is at fault
                ++unsent;
                ++done;
            }
        }
        if (unsent != 0) handler->on_unsent(unsent);
    }
};

void UdpSocket::Port::on_ready(Watcher::Ready) {
    state.receive(*this);
}

base::Result<void> UdpSocket::State::serve(Descriptor bound) {
    auto port = std::make_unique<Port>(*this);
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return base::fail(system_error("cannot read the address of a UDP socket", errno));
    }
    port->local = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    port->wildcard = port->local.address.is_unspecified();
    port->fd = std::move(bound);
    auto watcher = Watcher::create(*loop, port->fd.get(), *port, Watcher::Way::Polled);
    if (!watcher) return base::fail(watcher.error().message);
    port->watcher = std::move(*watcher);
    port->watcher->watch(true, false);
    ports.push_back(std::move(port));
    return {};
}

base::Result<std::unique_ptr<UdpSocket>> UdpSocket::bind(Loop& loop, const base::Endpoint& endpoint,
                                                         const UdpOptions& options,
                                                         UdpHandler& handler) {
    auto fd = open(endpoint, options);
    if (!fd) return base::fail(fd.error().message);
    auto state = base::make_huge<State>();
    state->loop = &loop;
    state->handler = &handler;
    state->prepare();
    auto served = state->serve(std::move(*fd));
    if (!served) return base::fail(served.error().message);
    return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(state)));
}

UdpSocket::UdpSocket(base::HugePtr<State> state) : state_(std::move(state)) {}
UdpSocket::~UdpSocket() = default;

base::Result<void> UdpSocket::add(Descriptor bound) {
    return state_->serve(std::move(bound));
}

void UdpSocket::remove(const base::IpAddress& address) {
    std::vector<std::unique_ptr<Port>>& ports = state_->ports;
    const auto found = std::find_if(ports.begin() + 1, ports.end(), [&](const auto& port) {
        return port->local.address == address;
    });
    if (found != ports.end()) ports.erase(found);
}

bool UdpSocket::send(const base::Endpoint& peer, const base::Endpoint& local, base::Octets octets,
                     std::uint32_t interface_index) noexcept {
    const Port& own = *state_->ports.front();
    sockaddr_storage name{};
    msghdr message{};
    message.msg_namelen = peer.to_sockaddr(name);
    message.msg_name = &name;
    if (name.ss_family == AF_INET6 && interface_index != 0) {
        sockaddr_in6 in{};
        std::memcpy(&in, &name, sizeof in);
        in.sin6_scope_id = interface_index;
        std::memcpy(&name, &in, sizeof in);
    }
    iovec vec{const_cast<std::uint8_t*>(octets.data()), octets.size()};
    message.msg_iov = &vec;
    message.msg_iovlen = 1;
    Control control;
    if (own.wildcard && !local.address.is_unspecified()) {
        message.msg_controllen = write_source(control, local.address, interface_index);
        message.msg_control = control.octets.data();
    }
    for (;;) {
        if (sendmsg(own.fd.get(), &message, MSG_DONTWAIT) >= 0) {
            ++state_->counters.sent;
            return true;
        }
        if (errno == EINTR) continue;
        ++(errno == EAGAIN || errno == ENOBUFS ? state_->counters.dropped
                                               : state_->counters.send_errors);
        return false;
    }
}

const base::Endpoint& UdpSocket::local() const noexcept {
    return state_->ports.front()->local;
}

const UdpCounters& UdpSocket::counters() const noexcept {
    return state_->counters;
}

int UdpSocket::descriptor() const noexcept {
    return state_->ports.front()->fd.get();
}

}  // namespace net
