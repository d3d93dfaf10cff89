// The only file that knows libuv. Every callback of libuv calls `woke` first: libuv runs those of
// its poll phase before its check handles.
#include "net/loop.h"

#include <poll.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "net/descriptor.h"

namespace net {

namespace {

/// Loop::Turns as it is counted: one writer, so that adding needs no locked instruction.
class TurnCounts {
  public:
    void add(std::chrono::nanoseconds turn) noexcept {
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(turn.count(), 0));
        std::size_t bound = 0;
        while (bound < Loop::Turns::kBounds.size() &&
               static_cast<double>(ns) > Loop::Turns::kBounds[bound] * 1e9) {
            ++bound;
        }
        more(counts_[bound], 1);
        more(sum_ns_, ns);
        if (ns > longest_ns_.load(std::memory_order_relaxed)) {
            longest_ns_.store(ns, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] Loop::Turns get() const noexcept {
        Loop::Turns turns;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            turns.counts[i] = counts_[i].load(std::memory_order_relaxed);
        }
        turns.sum = std::chrono::nanoseconds(sum_ns_.load(std::memory_order_relaxed));
        turns.longest = std::chrono::nanoseconds(longest_ns_.load(std::memory_order_relaxed));
        return turns;
    }

  private:
    using Count = std::atomic<std::uint64_t>;
    static void more(Count& count, std::uint64_t by) noexcept {
        count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    std::array<Count, Loop::Turns::kBounds.size() + 1> counts_{};
    Count sum_ns_{0};
    Count longest_ns_{0};
};

/// A descriptor that is polled beside libuv's epoll.
struct Polled {
    int fd = -1;
    Watcher::Handler* handler = nullptr;
    short events = 0;

    void ready(short revents) const {
        const bool failed = (revents & (POLLERR | POLLNVAL)) != 0;
        const int seen = failed ? events : revents;
        handler->on_ready({(seen & (POLLIN | POLLHUP)) != 0, (seen & POLLOUT) != 0, failed});
    }
};

/// Polled descriptors wait no longer for libuv's than this, and one callback.
constexpr std::chrono::milliseconds kMostUnpolled{1};

// What the callbacks of every handle need; uv_loop_t::data points here.
struct Core {
    uv_loop_t loop{};
    uv_async_t wake{};
    uv_prepare_t before_sleep{};
    uv_check_t after_sleep{};

    bool asleep = false;
    base::MonoTime turn_started = base::mono_now();
    TurnCounts turns;
    std::atomic<bool> stopping{false};
    bool stopped = false;

    // `pollfds` are libuv's epoll, and then those of `polled`.
    std::vector<Polled*> polled;  // null: gone since they were listed
    std::vector<pollfd> pollfds;
    bool list_is_old = false;
    bool in_libuv = false;       // which also sleeps: nothing is polled
    bool libuv_waits = true;     // a timer or watcher has changed, or something is ready
    base::MonoTime libuv_due{};  // its next timer
    base::MonoTime polled_at{};

    std::mutex mutex;
    std::vector<std::function<void()>> tasks;  // guarded by mutex
    bool closed = false;                       // guarded by mutex; set by the destructor

    static Core& of(const uv_loop_t* loop) noexcept { return *static_cast<Core*>(loop->data); }

    /// The first callback after a sleep starts a turn.
    void woke() noexcept {
        if (!asleep) return;
        asleep = false;
        turn_started = base::mono_now();
    }

    base::MonoTime going_to_sleep() noexcept {
        const base::MonoTime now = base::mono_now();
        if (!asleep) turns.add(now - turn_started);
        asleep = true;
        return now;
    }

    void run() {
        while (!stopped) {
            if (polled.empty()) {
                in_libuv = true;
                uv_run(&loop, UV_RUN_DEFAULT);
                in_libuv = false;
            } else {
                turn();
            }
        }
        stopped = false;
    }

    /// One turn where descriptors are polled. libuv has its part of it only when it needs one.
    void turn() {
        if (libuv_waits || turn_started >= libuv_due) {
            libuv_waits = false;
            uv_run(&loop, UV_RUN_NOWAIT);
            const int timeout = uv_backend_timeout(&loop);
            libuv_due = timeout < 0 ? base::MonoTime::max()
                                    : turn_started + std::chrono::milliseconds(timeout);
            if (stopped) return;
        }
        const int timeout = until_due(going_to_sleep());
        const bool told = look(libuv_waits ? 0 : timeout);
        woke();
        polled_at = turn_started;
        if (told) tell_polled();
    }

    /// Waits until something is ready. False: nothing is, but a timer is due or a signal came.
    bool look(int timeout) {
        if (list_is_old) list_polled();
        if (poll(pollfds.data(), pollfds.size(), timeout) <= 0) return false;
        libuv_waits |= pollfds[0].revents != 0;
        return true;
    }

    void tell_polled() const {
        // Whoever is called may end others or itself, and add some, whose turn is the next one.
        for (std::size_t i = 1; i < pollfds.size(); ++i) {
            const Polled* const one = polled[i - 1];
            if (pollfds[i].revents != 0 && one != nullptr) one->ready(pollfds[i].revents);
        }
    }

    /// Between two callbacks of libuv, which has up to a thousand to call in a row: of those that
    /// do a handshake of TLS each the last would be half a second away.
    void serve_polled_meanwhile() {
        if (polled.empty()) return;
        const base::MonoTime now = base::mono_now();
        if (now - polled_at < kMostUnpolled) return;
        polled_at = now;
        if (look(0)) tell_polled();
    }

    [[nodiscard]] int until_due(base::MonoTime now) const noexcept {
        constexpr std::chrono::milliseconds kLongest{60000};
        if (libuv_due <= now) return 0;
        const auto left = std::min<base::Duration>(libuv_due - now, kLongest);
        return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }

    void list_polled() {
        list_is_old = false;
        polled.erase(std::remove(polled.begin(), polled.end(), nullptr), polled.end());
        pollfds.assign(1, {uv_backend_fd(&loop), POLLIN, 0});
        for (const Polled* one : polled) pollfds.push_back({one->fd, one->events, 0});
    }

    void add(Polled& one) {
        polled.push_back(&one);
        list_is_old = true;
        if (in_libuv) uv_stop(&loop);  // for `run` to go on with polling
    }

    void remove(const Polled& one) noexcept {
        std::replace(polled.begin(), polled.end(), const_cast<Polled*>(&one),
                     static_cast<Polled*>(nullptr));
        list_is_old = true;
    }

    void run_tasks() noexcept {
        std::vector<std::function<void()>> batch;
        {
            const std::lock_guard lock(mutex);
            batch.swap(tasks);
        }
        for (auto& task : batch) task();
    }

    /// Tasks that will never run may own timers and watchers; destroying them may post again.
    void discard_tasks() noexcept {
        std::vector<std::function<void()>> batch;
        do {
            batch.clear();
            const std::lock_guard lock(mutex);
            closed = true;
            batch.swap(tasks);
        } while (!batch.empty());
    }
};

void check_start(int result, const char* what) {
    if (result != 0) {
        throw std::runtime_error(
            system_error(std::string("cannot start an event loop, ") + what, -result));
    }
}

}  // namespace

struct Loop::State : Core {};

Loop::Loop() : state_(std::make_unique<State>()) {
    State& s = *state_;
    check_start(uv_loop_init(&s.loop), "uv_loop_init");
    s.loop.data = static_cast<Core*>(&s);
    const int result = uv_async_init(&s.loop, &s.wake, [](uv_async_t* handle) noexcept {
        Core& state = Core::of(handle->loop);
        state.woke();
        state.run_tasks();
        if (!state.stopping.exchange(false)) return;
        state.stopped = true;
        uv_stop(&state.loop);
    });
    if (result != 0) {
        uv_loop_close(&s.loop);
        check_start(result, "uv_async_init");
    }
    // These four cannot fail (libuv only checks their arguments).
    uv_prepare_init(&s.loop, &s.before_sleep);
    uv_check_init(&s.loop, &s.after_sleep);
    uv_prepare_start(&s.before_sleep, [](uv_prepare_t* handle) noexcept {
        Core& state = Core::of(handle->loop);
        if (state.in_libuv) state.going_to_sleep();
    });
    uv_check_start(&s.after_sleep,
                   [](uv_check_t* handle) noexcept { Core::of(handle->loop).woke(); });
}

Loop::~Loop() {
    State& s = *state_;
    s.discard_tasks();
    uv_close(reinterpret_cast<uv_handle_t*>(&s.wake), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&s.before_sleep), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&s.after_sleep), nullptr);
    // Only closing handles are left, unless something outlives its loop (our mistake).
    uv_run(&s.loop, UV_RUN_NOWAIT);
    uv_run(&s.loop, UV_RUN_NOWAIT);
    [[maybe_unused]] const int result = uv_loop_close(&s.loop);
    assert(result == 0 && "a timer, watcher or socket outlives its loop");
}

void Loop::run() {
    state_->run();
}

void Loop::stop() {
    state_->stopping.store(true);
    uv_async_send(&state_->wake);
}

void Loop::post(std::function<void()> task) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->closed) return;
        state_->tasks.push_back(std::move(task));
    }
    uv_async_send(&state_->wake);
}

base::MonoTime Loop::now() const noexcept {
    return state_->turn_started;
}

Loop::Turns Loop::turns() const noexcept {
    return state_->turns.get();
}

// Timer

struct Timer::State {
    uv_timer_t handle{};
    std::function<void()> on_fire;
    std::uint64_t generation = 0;  // changes whenever on_fire is replaced

    void replace(std::function<void()> next) {
        Core::of(handle.loop).libuv_waits = true;
        ++generation;
        on_fire = std::move(next);
    }

    static void fire(uv_timer_t* handle) noexcept {
        Core::of(handle->loop).woke();
        State& state = *static_cast<State*>(handle->data);
        // The callback may restart, stop or destroy the timer, so it is not run in place. The
        // state itself lives until the loop has closed the handle, after this callback.
        const std::uint64_t generation = state.generation;
        std::function<void()> callback = std::move(state.on_fire);
        callback();
        if (state.generation != generation) return;
        state.on_fire = nullptr;
        if (uv_is_active(reinterpret_cast<uv_handle_t*>(handle)) != 0) {
            state.on_fire = std::move(callback);  // a repeating timer
        }
    }
};

Timer::Timer(Loop& loop) : state_(new State) {
    uv_timer_init(&loop.state_->loop, &state_->handle);
    state_->handle.data = state_;
}

Timer::~Timer() {
    state_->replace(nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
             [](uv_handle_t* handle) noexcept { delete static_cast<State*>(handle->data); });
}

void Timer::start(std::chrono::milliseconds delay, std::function<void()> on_fire) {
    state_->replace(std::move(on_fire));
    // libuv counts from its own clock, which stands still during a turn.
    uv_update_time(state_->handle.loop);
    uv_timer_start(&state_->handle, &State::fire,
                   static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count(), 0)), 0);
}

void Timer::start_repeating(std::chrono::milliseconds every, std::function<void()> on_fire) {
    state_->replace(std::move(on_fire));
    uv_update_time(state_->handle.loop);
    const auto period = static_cast<std::uint64_t>(std::max<std::int64_t>(every.count(), 1));
    uv_timer_start(&state_->handle, &State::fire, period, period);
}

void Timer::stop() {
    state_->replace(nullptr);
    uv_timer_stop(&state_->handle);
}

// Watcher

struct Watcher::State {
    explicit State(Core& of) : core(of) {}

    Core& core;
    Handler* handler = nullptr;
    Way way = Way::Epoll;
    uv_poll_t handle{};  // of Epoll
    int events = 0;
    Polled polled;  // of Polled

    static void ready(uv_poll_t* handle, int status, int events) noexcept {
        State& state = *static_cast<State*>(handle->data);
        state.core.woke();
        state.core.serve_polled_meanwhile();
        if (state.handler == nullptr) return;
        Ready ready;
        if (status < 0) {
            // On POLLERR libuv stops watching and says UV_EBADF. The owner finds the reason by
            // its next call on the socket; until it decides otherwise we go on watching.
            ready = {(state.events & UV_READABLE) != 0, (state.events & UV_WRITABLE) != 0, true};
            uv_poll_start(&state.handle, state.events, &State::ready);
            state.core.libuv_waits = true;
        } else {
            ready = {(events & UV_READABLE) != 0, (events & UV_WRITABLE) != 0, false};
        }
        state.handler->on_ready(ready);
    }
};

base::Result<std::unique_ptr<Watcher>> Watcher::create(Loop& loop, int descriptor, Handler& handler,
                                                       Way way) {
    Core& core = *loop.state_;
    auto state = std::make_unique<State>(core);
    state->handler = &handler;
    if (way == Way::Polled && core.polled.size() < kMostPolled) {
        state->way = Way::Polled;
        state->polled = {descriptor, &handler, 0};
        core.add(state->polled);
        return std::unique_ptr<Watcher>(new Watcher(state.release()));
    }
    const int result = uv_poll_init(&core.loop, &state->handle, descriptor);
    if (result != 0) return base::fail(system_error("cannot watch a descriptor", -result));
    state->handle.data = state.get();
    return std::unique_ptr<Watcher>(new Watcher(state.release()));
}

Watcher::~Watcher() {
    state_->handler = nullptr;
    if (state_->way == Way::Polled) {
        state_->core.remove(state_->polled);
        delete state_;
        return;
    }
    state_->core.libuv_waits = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
             [](uv_handle_t* handle) noexcept { delete static_cast<State*>(handle->data); });
}

void Watcher::watch(bool readable, bool writable) {
    State& state = *state_;
    if (state.way == Way::Polled) {
        state.polled.events =
            static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
        state.core.list_is_old = true;
        return;
    }
    const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (events == state.events) return;
    state.events = events;
    state.core.libuv_waits = true;
    if (events == 0) {
        uv_poll_stop(&state.handle);
    } else {
        uv_poll_start(&state.handle, events, &State::ready);
    }
}

}  // namespace net
