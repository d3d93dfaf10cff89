#include "net/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace net {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsPostedTasksInOrderFromAnyThread) {
    Loop loop;
    std::vector<int> order;
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
        loop.post([&] { loop.stop(); });
    });
    loop.run();
    other.join();
    ASSERT_EQ(order.size(), 1000U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Loop, TaskPostedByATaskRunsInALaterTurn) {
    Loop loop;
    std::string order;
    loop.post([&] {
        loop.post([&] {
            order += "b";
            loop.stop();
        });
        order += "a";
    });
    loop.run();
    EXPECT_EQ(order, "ab");
}

TEST(Loop, TaskAfterTheLastTurnIsDestroyedUnrun) {
    const auto token = std::make_shared<int>(0);
    bool ran = false;
    {
        Loop loop;
        // It even owns a handle of the loop, which must be closed in time.
        loop.post([token, &ran, timer = std::make_shared<Timer>(loop)] { ran = true; });
    }
    EXPECT_FALSE(ran);
    EXPECT_EQ(token.use_count(), 1);
}

TEST(Loop, StopBeforeRunEndsTheFirstTurn) {
    Loop loop;
    loop.stop();
    loop.run();
    bool ran = false;
    loop.post([&] {
        ran = true;
        loop.stop();
    });
    loop.run();
    EXPECT_TRUE(ran);
}

/// A pipe whose reading end is watched.
class Pipe final : public Watcher::Handler {
  public:
    Pipe(Loop& loop, Watcher::Way way) {
        EXPECT_EQ(pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC), 0);
        auto made = Watcher::create(loop, ends_[0], *this, way);
        EXPECT_TRUE(made) << made.error().message;
        watcher = std::move(*made);
        watcher->watch(true, false);
    }
    ~Pipe() override {
        watcher.reset();
        for (const int end : ends_) close(end);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    void write_one() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
    void on_ready(Watcher::Ready ready) override {
        EXPECT_TRUE(ready.readable);
        char c = 0;
        while (take && read(ends_[0], &c, 1) == 1) ++taken;
        if (then) then();
    }

    std::unique_ptr<Watcher> watcher;
    std::function<void()> then;
    bool take = true;
    int taken = 0;

  private:
    std::array<int, 2> ends_{};
};

class Ways : public testing::TestWithParam<Watcher::Way> {};
INSTANTIATE_TEST_SUITE_P(Watcher, Ways, testing::Values(Watcher::Way::Epoll, Watcher::Way::Polled),
                         [](const auto& way) {
                             return way.param == Watcher::Way::Epoll ? "Epoll" : "Polled";
                         });

TEST_P(Ways, TellsWhatIsReadyBesideTimersAndTasks) {
    Loop loop;
    Pipe pipe(loop, GetParam());
    std::string log;
    pipe.then = [&] {
        log += "r";
        loop.stop();
    };
    Timer timer(loop);
    timer.start(milliseconds(5), [&] {
        log += "t";
        pipe.write_one();
    });
    loop.post([&] { log += "p"; });
    loop.run();
    EXPECT_EQ(log, "ptr");
}

TEST_P(Ways, TellsAgainUntilNothingIsLeft) {
    Loop loop;
    Pipe pipe(loop, GetParam());
    int told = 0;
    pipe.take = false;
    pipe.write_one();
    Timer timer(loop);
    pipe.then = [&] {
        pipe.take = ++told == 3;
        // Long enough for a fourth time that would be one too many.
        if (told == 3) {
            timer.start(milliseconds(20), [&] {
                EXPECT_EQ(told, 3);
                pipe.write_one();
            });
        }
        if (told == 4) loop.stop();
    };
    loop.run();
    EXPECT_EQ(told, 4);
}

TEST_P(Ways, SaysNothingOfWhatIsNotWatched) {
    Loop loop;
    Pipe pipe(loop, GetParam());
    pipe.watcher->watch(false, false);
    pipe.write_one();
    Timer timer(loop);
    timer.start(milliseconds(10), [&] {
        EXPECT_EQ(pipe.taken, 0);
        pipe.watcher->watch(true, false);
        pipe.then = [&] { loop.stop(); };
    });
    loop.run();
    EXPECT_EQ(pipe.taken, 1);
}

TEST_P(Ways, WhoIsCalledMayEndOthersAndItself) {
    Loop loop;
    std::vector<std::unique_ptr<Pipe>> pipes;
    for (int i = 0; i < 3; ++i) pipes.push_back(std::make_unique<Pipe>(loop, GetParam()));
    int called = 0;
    Timer timer(loop);
    for (auto& pipe : pipes) {
        pipe->write_one();
        pipe->then = [&] {
            ++called;
            for (auto& one : pipes) one->watcher.reset();
            timer.start(milliseconds(10), [&] { loop.stop(); });
        };
    }
    loop.run();
    EXPECT_EQ(called, 1);
}

TEST_P(Ways, MayComeWhileTheLoopSleeps) {
    Loop loop;
    std::unique_ptr<Pipe> late;
    Timer timer(loop);
    timer.start(milliseconds(5), [&] {
        late = std::make_unique<Pipe>(loop, GetParam());
        late->then = [&] { loop.stop(); };
        late->write_one();
    });
    loop.run();
    EXPECT_EQ(late->taken, 1);
}

// What libuv has to do is done although polled descriptors are ready in every turn.
TEST_P(Ways, ABusyDescriptorKeepsNothingElseWaiting) {
    Loop loop;
    Pipe busy(loop, GetParam());
    Pipe other(loop, Watcher::Way::Epoll);
    busy.take = false;
    busy.write_one();
    bool task_ran = false;
    int fired = 0;
    Timer timer(loop);
    timer.start_repeating(milliseconds(2), [&] {
        if (++fired == 3) other.write_one();
    });
    busy.then = [&, posted = false]() mutable {
        if (!std::exchange(posted, true)) loop.post([&] { task_ran = true; });
    };
    other.then = [&] { loop.stop(); };
    loop.run();
    EXPECT_TRUE(task_ran);
    EXPECT_GE(fired, 3);
    EXPECT_EQ(other.taken, 1);
}

TEST_P(Ways, MoreThanAreEverPolledAreAllTold) {
    Loop loop;
    std::vector<std::unique_ptr<Pipe>> pipes;
    std::size_t called = 0;
    for (std::size_t i = 0; i < Watcher::kMostPolled + 4; ++i) {
        pipes.push_back(std::make_unique<Pipe>(loop, GetParam()));
        pipes.back()->write_one();
        pipes.back()->then = [&] {
            if (++called == pipes.size()) loop.stop();
        };
    }
    loop.run();
    for (const auto& pipe : pipes) EXPECT_EQ(pipe->taken, 1);
}

// A thousand clients that are slow to serve do not keep UDP waiting.
TEST(Watcher, WhatIsPolledIsServedBetweenOthers) {
    Loop loop;
    Pipe polled(loop, Watcher::Way::Polled);
    std::vector<std::unique_ptr<Pipe>> slow;
    int served = 0;
    int served_when_told = -1;
    polled.then = [&] {
        if (served_when_told < 0) served_when_told = served;
    };
    for (int i = 0; i < 30; ++i) {
        slow.push_back(std::make_unique<Pipe>(loop, Watcher::Way::Epoll));
        slow.back()->write_one();
        slow.back()->then = [&] {
            std::this_thread::sleep_for(milliseconds(2));
            if (++served == 5) polled.write_one();
            if (served == 30) loop.stop();
        };
    }
    loop.run();
    EXPECT_EQ(served_when_told, 5);
}

TEST(Watcher, ErrorsOfWhatIsPolledAreTold) {
    Loop loop;
    struct Broken final : Watcher::Handler {
        void on_ready(Watcher::Ready ready) override {
            failed = ready.failed;
            loop->stop();
        }
        Loop* loop = nullptr;
        bool failed = false;
    } broken;
    broken.loop = &loop;
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    close(ends[0]);
    auto watcher = Watcher::create(loop, ends[1], broken, Watcher::Way::Polled);  // EPIPE waits
    ASSERT_TRUE(watcher) << watcher.error().message;
    (*watcher)->watch(true, false);
    loop.run();
    EXPECT_TRUE(broken.failed);
    watcher->reset();
    close(ends[1]);
}

TEST(Loop, KnowsHowLongItsTurnsTook) {
    Loop loop;
    loop.post([] { std::this_thread::sleep_for(milliseconds(20)); });
    Timer timer(loop);
    timer.start(milliseconds(50), [&] { loop.stop(); });
    loop.run();
    const Loop::Turns turns = loop.turns();
    EXPECT_GE(turns.longest, milliseconds(20));
    EXPECT_GE(turns.sum, turns.longest);
    EXPECT_LT(turns.longest, milliseconds(45));  // the sleep does not count
    std::uint64_t short_ones = 0;
    for (std::size_t i = 0; i < 7; ++i) short_ones += turns.counts[i];
    EXPECT_EQ(Loop::Turns::kBounds[7], 0.01);
    EXPECT_EQ(turns.counts[8], 1U);  // up to 0.1 s
    EXPECT_GE(short_ones, 1U);
    EXPECT_EQ(turns.counts[9], 0U);
}

TEST(Timer, FiresOnceOrRepeatsAndStops) {
    Loop loop;
    int once = 0;
    int many = 0;
    Timer a(loop);
    Timer b(loop);
    Timer c(loop);
    a.start(milliseconds(1), [&] { ++once; });
    b.start_repeating(milliseconds(1), [&] {
        if (++many == 5) loop.stop();
    });
    c.start(milliseconds(1), [&] { ADD_FAILURE() << "was stopped"; });
    c.stop();
    loop.run();
    EXPECT_EQ(once, 1);
    EXPECT_EQ(many, 5);
}

TEST(Timer, MayRestartStopOrDestroyItselfWhileItFires) {
    Loop loop;
    int fired = 0;
    Timer again(loop);
    again.start(milliseconds(0), [&] {
        ++fired;
        again.start(milliseconds(0), [&] { ++fired; });
    });
    auto gone = std::make_unique<Timer>(loop);
    gone->start_repeating(milliseconds(1), [&, guard = std::make_shared<int>(1)] {
        gone.reset();
        fired += *guard;  // the captures outlive the timer
    });
    Timer stops(loop);
    stops.start_repeating(milliseconds(1), [&] {
        ++fired;
        stops.stop();
    });
    Timer end(loop);
    end.start(milliseconds(30), [&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(fired, 4);
}

TEST(Timer, CountsFromNowEvenInALongTurn) {
    Loop loop;
    Timer timer(loop);
    base::MonoTime started;
    loop.post([&] {
        std::this_thread::sleep_for(milliseconds(30));
        started = base::mono_now();
        timer.start(milliseconds(20), [&] { loop.stop(); });
    });
    loop.run();
    EXPECT_GE(base::mono_now() - started, milliseconds(19));
}

}  // namespace
}  // namespace net
