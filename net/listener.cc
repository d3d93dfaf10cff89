#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "net/alive.h"
#include "net/tcp.h"

namespace net {
namespace {

constexpr unsigned kMaxAcceptsPerWakeUp = 64;
constexpr std::chrono::milliseconds kRestAfterExhaustion{100};
constexpr int kUnixBacklog = 256;
// Of the last descriptors, or an eighth of all where those are few, TCP clients get none: without
// them files cannot be opened, nor sockets to other servers, and nobody could come by the Unix
// socket to see what is wrong.
constexpr rlim_t kDescriptorsForOthers = 32;

bool is_exhaustion(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// The kernel gives the lowest that is free, so one near the limit tells that there are few.
bool is_among_the_last(int fd) noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
    return static_cast<rlim_t>(fd) + std::min(kDescriptorsForOthers, limit.rlim_cur / 8) >=
           limit.rlim_cur;
}

Descriptor open_reserve() noexcept {
    return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool set_option(int fd, int level, int name, int value) noexcept {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// Removes a socket file on which nobody accepts. Whatever else stands there stays, and makes
/// bind fail with its own error.
base::Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return {};
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return base::fail(system_error("cannot probe " + path, errno));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno == EAGAIN) {
        return base::fail("cannot listen on " + path + ": another process accepts there already");
    }
    if (errno == ECONNREFUSED && unlink(path.c_str()) != 0 && errno != ENOENT) {
        return base::fail(system_error("cannot remove the stale socket " + path, errno));
    }
    return {};
}

}  // namespace

struct Listener::State final : Watcher::Handler {
    explicit State(Loop& on) : loop(&on), rest(on) {}

    ~State() override {
        if (path.empty()) return;
        // Only our own file: someone may have replaced it since.
        struct stat info {};
        if (lstat(path.c_str(), &info) == 0 && info.st_dev == device && info.st_ino == inode) {
            unlink(path.c_str());
        }
    }

    void on_ready(Watcher::Ready) override {
        const auto living = alive.watch();
        bool freed = false;  // a descriptor, for the connection that is taken next
        for (unsigned i = 0; i < kMaxAcceptsPerWakeUp; ++i) {
            sockaddr_storage from{};
            socklen_t length = sizeof from;
            Descriptor accepted(accept4(fd.get(), reinterpret_cast<sockaddr*>(&from), &length,
                                        SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!accepted) {
                if (errno == EAGAIN) return;
                if (is_exhaustion(errno)) {
                    // The kernel looks for a descriptor first, for a connection then.
                    if (!connection_waits()) return;
                    if (!freed && handler->on_exhausted()) {
                        freed = true;
                        continue;
                    }
                    shed_one();
                    return;
                }
                continue;  // that connection was broken before we took it (accept(2), Errors)
            }
            if (path.empty() && !freed && is_among_the_last(accepted.get())) {
                // In the place of the one that was freed, so that the last ones stay free.
                if (handler->on_exhausted()) {
                    accepted = Descriptor(fcntl(accepted.get(), F_DUPFD_CLOEXEC, 0));
                } else {
                    accepted.reset();
                }
                if (!accepted || is_among_the_last(accepted.get())) {
                    ++shed;
                    rest_a_while();
                    return;
                }
            }
            freed = false;
            hand_over(std::move(accepted), from);
            if (!*living) return;
        }
    }

    [[nodiscard]] bool connection_waits() const noexcept {
        pollfd waiting{fd.get(), POLLIN, 0};
        return poll(&waiting, 1, 0) > 0;
    }

    void hand_over(Descriptor accepted, const sockaddr_storage& from) {
        Peer peer;
        base::Endpoint here = local;
        if (path.empty()) {
            peer.remote = base::Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&from));
            // Slower without them, not wrong.
            set_option(accepted.get(), IPPROTO_TCP, TCP_NODELAY, 1);
            if (limits.unsent_octets > 0) {
                set_option(accepted.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT,
                           static_cast<int>(limits.unsent_octets));
            }
            sockaddr_storage address{};
            socklen_t length = sizeof address;
            if (getsockname(accepted.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
                here = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
            }
        } else {
            ucred who{};
            socklen_t length = sizeof who;
            // Without credentials nobody must be taken for root: the connection is dropped.
            if (getsockopt(accepted.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return;
            peer.local_socket = true;
            peer.uid = who.uid;
            peer.gid = who.gid;
        }
        auto stream = make_socket_stream(*loop, std::move(accepted), std::move(peer), here, limits);
        if (!stream) {
            ++shed;
            return;
        }
        handler->on_accept(std::move(*stream));
    }

    /// Takes the waiting connection with the reserve descriptor and drops it, so that its client
    /// learns at once that we cannot serve it; then rests a moment.
    void shed_one() {
        ++shed;
        reserve.reset();
        Descriptor(accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
        reserve = open_reserve();
        rest_a_while();
    }

    void rest_a_while() {
        watcher->watch(false, false);
        rest.start(kRestAfterExhaustion, [this] {
            if (!reserve) reserve = open_reserve();
            watcher->watch(true, false);
        });
    }

    base::Result<void> start() {
        reserve = open_reserve();
        if (!reserve) return base::fail(system_error("cannot open a reserve descriptor", errno));
        auto made = Watcher::create(*loop, fd.get(), *this);
        if (!made) return base::fail(made.error().message);
        watcher = std::move(*made);
        watcher->watch(true, false);
        return {};
    }

    Loop* loop;
    AcceptHandler* handler = nullptr;
    StreamLimits limits;
    Descriptor fd;
    Descriptor reserve;
    std::unique_ptr<Watcher> watcher;
    Timer rest;
    base::Endpoint local;
    std::string path;  // of a Unix socket, else empty
    dev_t device = 0;
    ino_t inode = 0;
    std::uint64_t shed = 0;
    Alive alive;
};

base::Result<std::unique_ptr<Listener>> Listener::tcp(Loop& loop, const base::Endpoint& endpoint,
                                                      const TcpOptions& options,
                                                      AcceptHandler& handler) {
    const std::string where = "cannot listen on TCP " + endpoint.to_text();
    const bool v4 = endpoint.address.is_v4();
    auto state = std::make_unique<State>(loop);
    state->handler = &handler;
    state->limits = options.limits;
    state->fd =
        Descriptor(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = state->fd.get();
    bool ok = fd >= 0 && set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuseport) ok = ok && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!v4) ok = ok && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (options.freebind) {
        ok = ok && (v4 ? set_option(fd, IPPROTO_IP, IP_FREEBIND, 1)
                       : set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1));
    }
    // Without it the first answer takes a round trip longer, no more.
    if (ok && options.fast_open_queue > 0) {
        set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, options.fast_open_queue);
    }
    sockaddr_storage address{};
    socklen_t length = endpoint.to_sockaddr(address);
    ok = ok && bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
         listen(fd, options.backlog) == 0;
    length = sizeof address;
    ok = ok && getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    if (!ok) return base::fail(system_error(where, errno));
    state->local = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    if (auto started = state->start(); !started) {
        return base::fail(where + ": " + started.error().message);
    }
    return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

base::Result<std::unique_ptr<Listener>> Listener::unix_socket(Loop& loop, const std::string& path,
                                                              unsigned mode,
                                                              const StreamLimits& limits,
                                                              AcceptHandler& handler) {
    const std::string where = "cannot listen on " + path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return base::fail(where + ": the path of a socket has 1 to " +
                          std::to_string(sizeof address.sun_path - 1) + " octets");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (auto removed = remove_stale(path, address); !removed) {
        return base::fail(removed.error().message);
    }
    auto state = std::make_unique<State>(loop);
    state->handler = &handler;
    state->limits = limits;
    state->fd = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = state->fd.get();
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return base::fail(system_error(where, errno));
    }
    // Between bind and listen nobody can connect, so the mode is never too wide.
    struct stat info {};
    if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0 || lstat(path.c_str(), &info) != 0) {
        const int error = errno;
        unlink(path.c_str());
        return base::fail(system_error(where, error));
    }
    state->path = path;
    state->device = info.st_dev;
    state->inode = info.st_ino;
    if (listen(fd, kUnixBacklog) != 0) return base::fail(system_error(where, errno));
    if (auto started = state->start(); !started) {
        return base::fail(where + ": " + started.error().message);
    }
    return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;

const base::Endpoint& Listener::local() const noexcept {
    return state_->local;
}

std::uint64_t Listener::shed() const noexcept {
    return state_->shed;
}

}  // namespace net
