#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

struct uv_loop_s;

namespace net {

/// One thread's event loop (libuv). Everything that belongs to a loop is created, used and
/// destroyed on its thread; only `post` and `stop` may be called from others.
///
/// The handles of `net` (Timer, UdpSocket, TcpListener, ...) close themselves in their
/// destructors; the loop finishes their closing in its own destructor, so they must go first.
class Loop {
  public:
    Loop();  // throws std::runtime_error when the kernel gives no descriptors (start-up only)
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs until `stop`. Returns at the end of the turn in which stop was seen.
    void run();
    void stop();  // any thread

    /// Runs `task` on the loop's thread in a later turn, in order of posting. Any thread.
    /// A task posted after the loop's last turn is destroyed without being run.
    void post(std::function<void()> task);

    /// The time at the start of this turn; cheap.
    [[nodiscard]] base::MonoTime now() const noexcept;

    /// How long the turns took so far, sleep excluded. Any thread.
    struct Turns {
        /// Upper bounds in seconds; one more count for what is above.
        static constexpr std::array<double, 9> kBounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                                                          0.0025,  0.005,  0.01,    0.1};
        std::array<std::uint64_t, kBounds.size() + 1> counts{};
        std::chrono::nanoseconds sum{};
        std::chrono::nanoseconds longest{};
    };
    [[nodiscard]] Turns turns() const noexcept;

  private:
    friend class Timer;
    friend class Watcher;
    struct State;
    std::unique_ptr<State> state_;
};

/// A one-shot or repeating timer on a loop. Destroying it stops it.
class Timer {
  public:
    explicit Timer(Loop& loop);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Calls `on_fire` after `delay`, once. Replaces what was set before.
    void start(std::chrono::milliseconds delay, std::function<void()> on_fire);
    void start_repeating(std::chrono::milliseconds every, std::function<void()> on_fire);
    void stop();

  private:
    struct State;
    State* state_;  // freed by the loop once the handle has closed
};

/// Tells its owner when a descriptor is ready (level-triggered). Does not own the descriptor:
/// destroy the watcher first, then close it. Loop's thread only.
///
/// A descriptor that is watched through epoll stands in its socket's wait queue for good, and for
/// each datagram that has left the kernel walks that queue, to say that there is room: 0.2 us,
/// measured. So sockets that send datagrams all day are `Way::Polled`: beside epoll, with poll(2),
/// and in the queue only while the loop sleeps. Each of them makes every sleep dearer, so there are
/// at most kMostPolled on a loop; what is beyond goes by epoll.
class Watcher {
  public:
    struct Ready {
        bool readable = false;
        bool writable = false;
        bool failed = false;  // an error waits on the socket (SO_ERROR, or the next call's errno)
    };
    class Handler {
      public:
        virtual ~Handler() = default;
        /// May destroy the watcher.
        virtual void on_ready(Ready ready) = 0;
    };

    enum class Way : std::uint8_t { Epoll, Polled };
    static constexpr std::size_t kMostPolled = 16;

    /// The handler must outlive the watcher. Nothing is watched until `watch`.
    [[nodiscard]] static base::Result<std::unique_ptr<Watcher>> create(Loop& loop, int descriptor,
                                                                       Handler& handler,
                                                                       Way way = Way::Epoll);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    void watch(bool readable, bool writable);

  private:
    struct State;
    explicit Watcher(State* state) : state_(state) {}
    State* state_;  // freed by the loop once the handle has closed
};

}  // namespace net
