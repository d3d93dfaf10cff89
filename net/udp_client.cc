#include "net/udp_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "net/alive.h"
#include "net/descriptor.h"

namespace net {
namespace {

constexpr unsigned kPortAttempts = 10;
constexpr std::uint16_t kLowestPort = 1024;
constexpr unsigned kMaxDatagramsPerWakeUp = 8;  // a flood of forgeries must not hold the loop
constexpr std::size_t kMaxDatagramOctets = 65535;

bool bind_random_port(int fd, base::IpAddress from, base::RandomSource& random) {
    for (unsigned attempt = 0; attempt <= kPortAttempts; ++attempt) {
        base::Endpoint source{from, 0};
        if (attempt < kPortAttempts) {
            source.port =
                static_cast<std::uint16_t>(kLowestPort + random.below(65536U - kLowestPort));
        }
        sockaddr_storage address{};
        const socklen_t length = source.to_sockaddr(address);
        if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0) return true;
        if (errno != EADDRINUSE && errno != EACCES) return false;
    }
    return false;
}

}  // namespace

struct UdpClientSocket::State final : Watcher::Handler {
    UdpClientHandler* handler = nullptr;
    Descriptor fd;
    std::unique_ptr<Watcher> watcher;
    base::Endpoint peer;
    base::Endpoint local;
    Alive alive;

    void on_ready(Watcher::Ready) override {
        const auto living = alive.watch();
        std::array<std::uint8_t, kMaxDatagramOctets> buffer;
        for (unsigned i = 0; i < kMaxDatagramsPerWakeUp && *living; ++i) {
            const ssize_t got = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got >= 0) {
                handler->on_datagram({buffer.data(), static_cast<std::size_t>(got)});
            } else if (errno == EAGAIN) {
                break;
            } else if (errno != EINTR) {
                handler->on_error(errno);
            }
        }
    }
};

base::Result<std::unique_ptr<UdpClientSocket>> UdpClientSocket::connect(
    Loop& loop, const base::Endpoint& peer, const std::optional<base::IpAddress>& local,
    base::RandomSource& random, UdpClientHandler& handler) {
    const std::string where = "cannot ask " + peer.to_text() + " over UDP";
    const bool v4 = peer.address.is_v4();
    auto state = std::make_unique<State>();
    state->handler = &handler;
    state->peer = peer;
    state->fd =
        Descriptor(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!state->fd) return base::fail(system_error(where, errno));

    static constexpr std::array<std::uint8_t, 16> kUnspecified{};
    const base::IpAddress from =
        local ? *local
              : base::IpAddress::from_octets(base::Octets(kUnspecified).first(v4 ? 4 : 16));
    if (!bind_random_port(state->fd.get(), from, random)) {
        return base::fail(system_error(where + " from " + from.to_text(), errno));
    }
    sockaddr_storage address{};
    socklen_t length = peer.to_sockaddr(address);
    if (::connect(state->fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
        return base::fail(system_error(where, errno));
    }
    length = sizeof address;
    if (getsockname(state->fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return base::fail(system_error(where, errno));
    }
    state->local = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    auto watcher = Watcher::create(loop, state->fd.get(), *state);
    if (!watcher) return base::fail(where + ": " + watcher.error().message);
    state->watcher = std::move(*watcher);
    state->watcher->watch(true, false);
    return std::unique_ptr<UdpClientSocket>(new UdpClientSocket(std::move(state)));
}

UdpClientSocket::UdpClientSocket(std::unique_ptr<State> state) : state_(std::move(state)) {}
UdpClientSocket::~UdpClientSocket() = default;

base::Result<void> UdpClientSocket::send(base::Octets octets) {
    while (::send(state_->fd.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL) <
           0) {
        if (errno == EINTR) continue;
        return base::fail(system_error("cannot send to " + state_->peer.to_text(), errno));
    }
    return {};
}

const base::Endpoint& UdpClientSocket::local() const noexcept {
    return state_->local;
}

}  // namespace net
