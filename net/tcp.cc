// Sockets that carry a stream. libuv only says when they are ready: reading, writing and
// accepting are ours, so that TCP and Unix sockets share one path, writes of one turn leave in
// one sendmsg, and running out of descriptors is dealt with here.
#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <utility>
#include <vector>

#include "net/alive.h"

namespace net {
namespace {

constexpr std::size_t kReadOctets = 64 * 1024;
constexpr unsigned kMaxReadsPerWakeUp = 4;  // then the other sockets of the loop have their turn
constexpr std::size_t kSmallWrite = 16 * 1024;  // smaller blocks are joined in the queue
constexpr std::size_t kMaxBlocksPerSend = 16;
constexpr std::size_t kMaxSpareBlocks = 32;
constexpr std::size_t kMaxSpareOctets = 64 * 1024;

/// What waits to be written, in blocks. The blocks of a thread go round: a connection that has
/// nothing to write holds none, and one that writes all day allocates none.
using Block = std::vector<std::uint8_t>;
thread_local std::list<Block> spare_blocks;

void add_block(std::list<Block>& blocks, base::Octets octets) {
    if (spare_blocks.empty()) {
        blocks.emplace_back(octets.begin(), octets.end());
        return;
    }
    blocks.splice(blocks.end(), spare_blocks, spare_blocks.begin());
    blocks.back().assign(octets.begin(), octets.end());
}

void drop_first_block(std::list<Block>& blocks) {
    if (spare_blocks.size() < kMaxSpareBlocks && blocks.front().capacity() <= kMaxSpareOctets) {
        spare_blocks.splice(spare_blocks.begin(), blocks, blocks.begin());
    } else {
        blocks.pop_front();
    }
}

class SocketStream final : public Stream, private Watcher::Handler {
  public:
    SocketStream(Descriptor socket, Peer peer, const base::Endpoint& local,
                 const StreamLimits& limits)
        : limits_(limits), peer_(std::move(peer)), local_(local), fd_(std::move(socket)) {}

    [[nodiscard]] base::Result<void> attach(Loop& loop) {
        auto watcher = Watcher::create(loop, fd_.get(), *this);
        if (!watcher) return base::fail(watcher.error().message);
        watcher_ = std::move(*watcher);
        loop_ = &loop;
        return {};
    }

    void start(StreamHandler& handler) override {
        handler_ = &handler;
        update_watch();
    }

    bool write(base::Octets octets) override {
        if (shutdown_ || closed_ || error_ != 0) return true;  // nobody will read it
        enqueue(octets);
        if (!reading_now_) flush();
        if (queued_ > limits_.hard_limit) break_with(ENOBUFS);
        if (queued_ < limits_.high_water) return true;
        full_ = true;
        return false;
    }

    void shutdown() override {
        if (shutdown_ || closed_) return;
        shutdown_ = true;
        if (!reading_now_) flush();
    }

    void close() override {
        closed_ = true;
        tell_.reset();
        watcher_.reset();
        fd_.reset();
        blocks_.clear();
        queued_ = 0;
    }

    void pause_read() override {
        paused_ = true;
        update_watch();
    }

    void resume_read() override {
        paused_ = false;
        update_watch();
    }

    [[nodiscard]] std::size_t queued() const override { return queued_; }
    [[nodiscard]] const Peer& peer() const override { return peer_; }
    [[nodiscard]] const base::Endpoint& local() const override { return local_; }

  private:
    void on_ready(Watcher::Ready ready) override {
        const auto alive = alive_.watch();
        if (ready.writable || ready.failed) flush();
        if (ready.readable && !paused_ && !read_ended_ && error_ == 0) {
            read_some(alive);
            if (!*alive || closed_) return;
        }
        if (ready.failed && error_ == 0 && (paused_ || read_ended_)) {
            int pending = 0;
            socklen_t length = sizeof pending;
            if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &pending, &length) == 0 &&
                pending != 0) {
                error_ = pending;
            }
        }
        if (error_ != 0) {
            finish(system_error("connection lost", error_));
            return;
        }
        if (full_ && queued_ <= limits_.low_water) {
            full_ = false;
            handler_->on_writable();
            if (!*alive || closed_) return;
        }
        if (read_ended_ && write_ended_) {
            finish("");
            return;
        }
        update_watch();
    }

    void read_some(const std::shared_ptr<const bool>& alive) {
        // One buffer for all the connections of a thread: what is read is consumed at once.
        static thread_local std::array<std::uint8_t, kReadOctets> buffer;
        const std::size_t most = std::min(limits_.read_octets, buffer.size());
        reading_now_ = true;
        for (unsigned i = 0; i < kMaxReadsPerWakeUp && !paused_; ++i) {
            const ssize_t got = recv(fd_.get(), buffer.data(), most, MSG_DONTWAIT);
            if (got > 0) {
                handler_->on_read({buffer.data(), static_cast<std::size_t>(got)});
                if (!*alive || closed_) return;
                if (static_cast<std::size_t>(got) < most) break;
            } else if (got == 0) {
                read_ended_ = true;
                handler_->on_read_end();
                if (!*alive || closed_) return;
                break;
            } else if (errno == EAGAIN) {
                break;
            } else if (errno != EINTR) {
                error_ = errno;
                break;
            }
        }
        reading_now_ = false;
        flush();
    }

    void enqueue(base::Octets octets) {
        if (octets.empty()) return;
        if (!blocks_.empty() && blocks_.back().size() + octets.size() <= kSmallWrite) {
            blocks_.back().insert(blocks_.back().end(), octets.begin(), octets.end());
        } else {
            add_block(blocks_, octets);
        }
        queued_ += octets.size();
    }

    /// Hands as much as possible to the kernel. An error is told by the next `on_ready`.
    void flush() {
        while (queued_ > 0 && error_ == 0) {
            std::array<iovec, kMaxBlocksPerSend> vec;
            std::size_t used = 0;
            std::size_t skip = sent_of_first_;
            for (Block& block : blocks_) {
                if (used == vec.size()) break;
                vec[used++] = {block.data() + skip, block.size() - skip};
                skip = 0;
            }
            msghdr message{};
            message.msg_iov = vec.data();
            message.msg_iovlen = used;
            const ssize_t sent = sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno == EINTR) continue;
                if (errno != EAGAIN) break_with(errno);
                break;
            }
            drop_sent(static_cast<std::size_t>(sent));
        }
        if (shutdown_ && queued_ == 0 && !write_ended_ && error_ == 0) {
            write_ended_ = true;
            // It fails only when the connection is broken already, which reading tells.
            ::shutdown(fd_.get(), SHUT_WR);
        }
        update_watch();
    }

    void drop_sent(std::size_t sent) {
        queued_ -= sent;
        sent += sent_of_first_;
        while (!blocks_.empty() && sent >= blocks_.front().size()) {
            sent -= blocks_.front().size();
            drop_first_block(blocks_);
        }
        sent_of_first_ = sent;
    }

    /// Remembers the error; the owner is told from the loop, never from inside its own call.
    /// A timer tells it, because a socket that is full may never become ready again.
    void break_with(int error) {
        if (error_ != 0) return;
        error_ = error;
        tell_ = std::make_unique<Timer>(*loop_);
        tell_->start(std::chrono::milliseconds(0), [this] {
            if (!closed_ && handler_ != nullptr) on_ready({});
        });
        blocks_.clear();
        queued_ = 0;
        sent_of_first_ = 0;
        update_watch();
    }

    void finish(const std::string& reason) {
        closed_ = true;
        watcher_.reset();
        fd_.reset();
        handler_->on_closed(reason);
    }

    void update_watch() {
        if (!watcher_ || handler_ == nullptr) return;
        // An end or an error that is still to be told wakes us by way of "writable".
        const bool tell =
            error_ != 0 || (read_ended_ && write_ended_) || (full_ && queued_ <= limits_.low_water);
        watcher_->watch(!paused_ && !read_ended_ && error_ == 0,
                        (queued_ > 0 || tell) && error_ == 0);
    }

    Loop* loop_ = nullptr;
    const StreamLimits limits_;
    const Peer peer_;
    const base::Endpoint local_;
    Descriptor fd_;  // before the watcher, so that it closes after it
    std::unique_ptr<Watcher> watcher_;
    std::unique_ptr<Timer> tell_;  // of an error
    StreamHandler* handler_ = nullptr;

    std::list<Block> blocks_;
    std::size_t queued_ = 0;
    std::size_t sent_of_first_ = 0;  // octets of blocks_.front() that have left

    int error_ = 0;
    bool paused_ = false;
    bool reading_now_ = false;  // inside on_read: writes are collected
    bool full_ = false;         // write() said so, on_writable is owed
    bool shutdown_ = false;     // nothing more will be written
    bool write_ended_ = false;  // FIN sent
    bool read_ended_ = false;   // FIN received
    bool closed_ = false;
    Alive alive_;
};

}  // namespace

base::Result<std::unique_ptr<Stream>> make_socket_stream(Loop& loop, Descriptor socket, Peer peer,
                                                         const base::Endpoint& local,
                                                         const StreamLimits& limits) {
    auto stream = std::make_unique<SocketStream>(std::move(socket), std::move(peer), local, limits);
    if (auto attached = stream->attach(loop); !attached) {
        return base::fail(attached.error().message);
    }
    return stream;
}

// Connector

struct Connector::State final : Watcher::Handler {
    Loop* loop = nullptr;
    Connector::Handler* handler = nullptr;
    base::Endpoint peer;
    StreamLimits limits;
    Descriptor fd;
    std::unique_ptr<Watcher> watcher;

    void on_ready(Watcher::Ready) override {
        int error = 0;
        socklen_t length = sizeof error;
        if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
        watcher.reset();
        if (error != 0) {
            handler->on_connect_failed(system_error("cannot connect to " + peer.to_text(), error));
            return;
        }
        sockaddr_storage address{};
        length = sizeof address;
        base::Endpoint local;
        if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
            local = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
        }
        Peer who;
        who.remote = peer;
        auto stream = make_socket_stream(*loop, std::move(fd), std::move(who), local, limits);
        if (stream) {
            handler->on_connected(std::move(*stream));
        } else {
            handler->on_connect_failed(stream.error().message);
        }
    }
};

base::Result<std::unique_ptr<Connector>> Connector::connect(
    Loop& loop, const base::Endpoint& peer, const std::optional<base::IpAddress>& local,
    const StreamLimits& limits, Handler& handler) {
    const std::string where = "cannot connect to " + peer.to_text();
    auto state = std::make_unique<State>();
    state->loop = &loop;
    state->handler = &handler;
    state->peer = peer;
    state->limits = limits;
    state->fd = Descriptor(socket(peer.address.is_v4() ? AF_INET : AF_INET6,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!state->fd) return base::fail(system_error(where, errno));
    const int on = 1;
    if (setsockopt(state->fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        return base::fail(system_error(where, errno));
    }
    sockaddr_storage address{};
    if (local) {
        const socklen_t length = base::Endpoint{*local, 0}.to_sockaddr(address);
        if (bind(state->fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
            return base::fail(system_error(where + " from " + local->to_text(), errno));
        }
    }
    const socklen_t length = peer.to_sockaddr(address);
    // On success (possible on loopback) and EINTR too, readiness to write tells the outcome.
    if (::connect(state->fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        return base::fail(system_error(where, errno));
    }
    auto watcher = Watcher::create(loop, state->fd.get(), *state);
    if (!watcher) return base::fail(where + ": " + watcher.error().message);
    state->watcher = std::move(*watcher);
    state->watcher->watch(false, true);
    return std::unique_ptr<Connector>(new Connector(std::move(state)));
}

Connector::Connector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connector::~Connector() = default;

}  // namespace net
