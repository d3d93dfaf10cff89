#include "net/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
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

// The hook after sleep comes before whatever woke the loop: a QSBR reader must be online there.
TEST(Loop, HooksSurroundTheSleep) {
    Loop loop;
    int pipes[2];
    ASSERT_EQ(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
    struct Reader final : Watcher::Handler {
        void on_ready(Watcher::Ready) override {
            char c = 0;
            while (read(fd, &c, 1) == 1) {
            }
            *log += online ? "r" : "OFFLINE";
            loop->stop();
        }
        int fd = -1;
        bool online = false;
        std::string* log = nullptr;
        Loop* loop = nullptr;
    } reader;
    std::string log;
    reader.fd = pipes[0];
    reader.log = &log;
    reader.loop = &loop;
    auto watcher = Watcher::create(loop, pipes[0], reader);
    ASSERT_TRUE(watcher) << watcher.error().message;
    (*watcher)->watch(true, false);
    reader.online = true;
    loop.set_sleep_hooks([&] { reader.online = false; }, [&] { reader.online = true; });
    Timer timer(loop);
    timer.start(milliseconds(5), [&] {
        log += reader.online ? "t" : "OFFLINE";
        ASSERT_EQ(write(pipes[1], "x", 1), 1);
    });
    loop.post([&] { log += reader.online ? "p" : "OFFLINE"; });
    loop.run();
    EXPECT_EQ(log, "ptr");
    loop.set_sleep_hooks(nullptr, nullptr);
    watcher->reset();
    close(pipes[0]);
    close(pipes[1]);
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
