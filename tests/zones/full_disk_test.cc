// A disk that is really full: writes are refused with a reason, reads go on, and writing works
// again soon after there is space, in the same process.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/zones/store_fixture.h"
#include "zones/store.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

constexpr const char* kDiskSize = "size=64m";
constexpr int kMostWrites = 4000;
constexpr int kRecords = 150;
constexpr auto kPatience = std::chrono::seconds(10);

/// A small file system in memory. Needs the right to mount.
class SmallDisk {
  public:
    SmallDisk() {
        if (::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, kDiskSize) != 0) {
            why_ = std::strerror(errno);
        }
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (!why_.empty()) return;
        EXPECT_EQ(::umount2(directory_.path().c_str(), MNT_DETACH), 0);
    }
    [[nodiscard]] const std::string& why_not() const { return why_; }
    [[nodiscard]] std::string store() const { return directory_.path() + "/store"; }

    void fill() const {
        const int file = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ASSERT_GE(file, 0);
        const std::string block(std::size_t{1} << 16, 'x');
        while (::write(file, block.data(), block.size()) > 0) continue;
        EXPECT_EQ(errno, ENOSPC);
        ::close(file);
    }
    void make_room() const { ASSERT_EQ(::unlink(filler().c_str()), 0); }

  private:
    [[nodiscard]] std::string filler() const { return directory_.path() + "/filler"; }

    ScratchDirectory directory_;
    std::string why_;
};

zones::PutRRset bulky(int number) {
    std::vector<std::string> texts;
    for (int i = 0; i < kRecords; ++i) {
        // Not to be compressed to nothing.
        texts.push_back("\"" + std::to_string(number) + "-" + std::to_string(i) +
                        std::string(200, static_cast<char>('a' + (number + i) % 26)) + "\"");
    }
    return put("example.", "n" + std::to_string(number) + ".example.", RRType::TXT, texts);
}

bool holds(zones::Store& store, int number) {
    const auto found = store.read()->rrset(
        name("example."), "", name("n" + std::to_string(number) + ".example."), RRType::TXT);
    EXPECT_TRUE(found);
    return found && found->has_value();
}

bool writable_soon(zones::Store& store) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!store.stats().writable && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return store.stats().writable;
}

zones::StoreOptions options(const SmallDisk& disk, std::uint64_t min_free_octets) {
    zones::StoreOptions options;
    options.directory = disk.store();
    options.memory_octets = std::size_t{16} << 20;
    options.min_free_octets = min_free_octets;
    return options;
}

TEST(StoreOnFullDisk, WritesFailReadsGoOnAndItIsWritableAgain) {
    const SmallDisk disk;
    if (!disk.why_not().empty()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    int acknowledged = 0;  // that many from 0
    int later = 0;
    {
        auto opened = zones::Store::open(options(disk, 0));
        ASSERT_TRUE(opened) << opened.error().message;
        zones::Store& store = **opened;
        ASSERT_TRUE(store.commit(changes(zone("example."))));
        disk.fill();
        // The log has room that was set aside for it; then there is none.
        for (; acknowledged < kMostWrites; ++acknowledged) {
            const auto done = store.commit(changes(bulky(acknowledged)));
            if (done) continue;
            EXPECT_EQ(done.error().faults[0].kind, Kind::Unavailable);
            EXPECT_NE(done.error().faults[0].message, "");
            break;
        }
        ASSERT_LT(acknowledged, kMostWrites) << "the disk did not fill";
        const auto revision = store.read()->revision();
        EXPECT_EQ(revision, static_cast<zones::Revision>(acknowledged) + 1);
        for (int i = 0; i < acknowledged; ++i) ASSERT_TRUE(holds(store, i)) << i;
        EXPECT_FALSE(holds(store, acknowledged));

        disk.make_room();
        ASSERT_TRUE(writable_soon(store)) << store.stats().why_not;
        later = acknowledged + 1;
        const auto done = store.commit(changes(bulky(later)));
        ASSERT_TRUE(done) << faults(done);
        EXPECT_EQ(done->revision, revision + 1);
    }
    auto opened = zones::Store::open(options(disk, 0));
    ASSERT_TRUE(opened) << opened.error().message;
    for (int i = 0; i < acknowledged; ++i) ASSERT_TRUE(holds(**opened, i)) << i;
    EXPECT_FALSE(holds(**opened, acknowledged));  // refused, and not back with the restart
    EXPECT_TRUE(holds(**opened, later));
}

TEST(StoreOnFullDisk, TheReserveIsKept) {
    const SmallDisk disk;
    if (!disk.why_not().empty()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    auto opened = zones::Store::open(options(disk, std::uint64_t{4} << 20));
    ASSERT_TRUE(opened) << opened.error().message;
    zones::Store& store = **opened;
    ASSERT_TRUE(store.commit(changes(zone("example."))));
    disk.fill();
    const auto refused = store.commit(changes(bulky(0)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().faults[0].kind, Kind::Unavailable);
    EXPECT_NE(refused.error().faults[0].message.find("MiB are free in " + disk.store()),
              std::string::npos);
    EXPECT_FALSE(store.stats().writable);
    EXPECT_EQ(store.stats().why_not, refused.error().faults[0].message);
    EXPECT_FALSE(holds(store, 0));

    disk.make_room();
    EXPECT_TRUE(store.stats().writable);
    const auto done = store.commit(changes(bulky(0)));
    ASSERT_TRUE(done) << faults(done);
}

}  // namespace
}  // namespace zones_test
