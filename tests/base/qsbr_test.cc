#include "base/qsbr.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace base {
namespace {

struct Counted {
    explicit Counted(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
    ~Counted() { --alive_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    std::atomic<int>& alive_;
};

TEST(Qsbr, FreesAtOnceWithoutReaders) {
    std::atomic<int> alive{0};
    Qsbr qsbr;
    qsbr.retire(new Counted(alive));
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(qsbr.reclaim(), 0U);
}

TEST(Qsbr, WaitsForAReaderThatWasOnline) {
    std::atomic<int> alive{0};
    Qsbr qsbr;
    Qsbr::Reader& reader = qsbr.add_reader();
    reader.online();
    qsbr.retire(new Counted(alive));
    EXPECT_EQ(qsbr.reclaim(), 1U);
    EXPECT_EQ(alive, 1);
    reader.quiescent();
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(alive, 0);
    qsbr.remove_reader(reader);
}

TEST(Qsbr, OfflineReadersHoldNobodyUp) {
    std::atomic<int> alive{0};
    Qsbr qsbr;
    Qsbr::Reader& sleeper = qsbr.add_reader();
    Qsbr::Reader& never_online = qsbr.add_reader();
    sleeper.online();
    sleeper.offline();
    qsbr.retire(new Counted(alive));
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(alive, 0);
    qsbr.remove_reader(sleeper);
    qsbr.remove_reader(never_online);
}

TEST(Qsbr, TheSlowestReaderDecides) {
    std::atomic<int> alive{0};
    Qsbr qsbr;
    Qsbr::Reader& fast = qsbr.add_reader();
    Qsbr::Reader& slow = qsbr.add_reader();
    fast.online();
    slow.online();
    qsbr.retire(new Counted(alive));
    fast.quiescent();
    qsbr.retire(new Counted(alive));
    fast.quiescent();
    EXPECT_EQ(qsbr.reclaim(), 2U);
    slow.quiescent();
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(alive, 0);
    qsbr.remove_reader(fast);
    qsbr.remove_reader(slow);
}

TEST(Qsbr, ARemovedReaderIsForgotten) {
    std::atomic<int> alive{0};
    Qsbr qsbr;
    Qsbr::Reader& reader = qsbr.add_reader();
    reader.online();
    qsbr.retire(new Counted(alive));
    qsbr.remove_reader(reader);
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(alive, 0);
}

TEST(Qsbr, FreesInOrderOfRetirement) {
    static std::vector<int> freed;
    freed.clear();
    static int numbers[] = {0, 1, 2};
    Qsbr qsbr;
    for (int& number : numbers) {
        qsbr.retire(static_cast<void*>(&number),
                    [](void* at) { freed.push_back(*static_cast<int*>(at)); });
    }
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(freed, (std::vector<int>{0, 1, 2}));
}

TEST(Qsbr, DestructorFreesTheRest) {
    std::atomic<int> alive{0};
    {
        Qsbr qsbr;
        Qsbr::Reader& reader = qsbr.add_reader();
        reader.online();
        qsbr.retire(new Counted(alive));
        EXPECT_EQ(qsbr.reclaim(), 1U);
    }
    EXPECT_EQ(alive, 0);
}

// The use it is made for: a writer replaces a root again and again, readers load it once a turn
// and must never see a freed one. A freed block is poisoned first, so that even without a
// sanitizer a late free shows.
struct Root {
    std::uint64_t number;
    std::uint64_t twice;
};

TEST(QsbrThreads, ReadersNeverSeeAFreedRoot) {
    constexpr int kReaders = 3;
    constexpr std::uint64_t kReplacements = 20000;
    Qsbr qsbr;
    std::atomic<Root*> current{new Root{1, 2}};
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> torn{0};
    std::atomic<std::uint64_t> turns{0};

    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
        Qsbr::Reader& reader = qsbr.add_reader();
        readers.emplace_back([&, sleeps = i == 0] {
            std::uint64_t last = 0;
            reader.online();
            while (!stop.load()) {
                const Root* root = current.load();
                for (int use = 0; use < 10; ++use) {
                    if (root->twice != root->number * 2 || root->number < last) ++torn;
                }
                last = root->number;
                ++turns;
                if (sleeps) {
                    reader.offline();
                    std::this_thread::yield();
                    reader.online();
                } else {
                    reader.quiescent();
                }
            }
            reader.offline();
        });
    }
    std::size_t most_waiting = 0;
    for (std::uint64_t number = 2; number < kReplacements; ++number) {
        Root* old = current.exchange(new Root{number, number * 2});
        qsbr.retire(static_cast<void*>(old), [](void* at) {
            auto* root = static_cast<Root*>(at);
            root->twice = 0;
            delete root;
        });
        most_waiting = std::max(most_waiting, qsbr.reclaim());
    }
    while (turns.load() < 100) std::this_thread::yield();
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(qsbr.reclaim(), 0U);
    EXPECT_EQ(torn, 0U);
    EXPECT_LT(most_waiting, kReplacements);
    delete current.load();
}

TEST(QsbrThreads, ReadersComeAndGoWhileWritersRetire) {
    constexpr int kThreads = 3;
    std::atomic<int> alive{0};
    {
        Qsbr qsbr;
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&] {
                for (int round = 0; round < 500; ++round) {
                    Qsbr::Reader& reader = qsbr.add_reader();
                    reader.online();
                    qsbr.retire(new Counted(alive));
                    reader.quiescent();
                    qsbr.reclaim();
                    reader.offline();
                    qsbr.remove_reader(reader);
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(qsbr.reclaim(), 0U);
    }
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace base
