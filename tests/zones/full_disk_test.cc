// A disk that is really full: writes are refused with a reason, reads go on, and writing works
// again soon after there is space, in the same process.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/random.h"
#include "tests/zones/store_fixture.h"
#include "zones/store.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

constexpr const char* kDiskSize = "size=64m";
constexpr int kMostWrites = 4000;
constexpr int kRecords = 150;
constexpr int kImported = 2000;
constexpr std::size_t kTooLarge = std::size_t{40} << 20;
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

/// A zone of so many octets that cannot be compressed. What `finish` says.
base::Result<zones::ZoneLoader::Finished, zones::ZoneLoader::Refused> load(zones::Store& store,
                                                                           std::size_t octets) {
    constexpr std::size_t kText = 250;
    constexpr std::size_t kTexts = 16;
    auto loader = store.begin_load(name("large."));
    if (!loader) return base::fail(zones::ZoneLoader::Refused{1, {loader.error().message}});
    const auto take = [&](const std::string& owner, RRType type,
                          const std::vector<std::uint8_t>& data) {
        EXPECT_FALSE((*loader)->add(name(owner), type, 300, data));
    };
    take("large.", RRType::SOA, rdata(RRType::SOA, "ns.test. h.test. 1 2 3 4 5"));
    take("large.", RRType::NS, rdata(RRType::NS, "ns.test."));
    base::Random random(5);
    for (std::size_t at = 0; at < octets; at += kText * kTexts) {
        std::vector<std::uint8_t> data;
        for (std::size_t text = 0; text < kTexts; ++text) {
            data.push_back(kText);
            for (std::size_t i = 0; i < kText; ++i) {
                data.push_back(static_cast<std::uint8_t>(random.below(256)));
            }
        }
        take("n" + std::to_string(at * 7919 % 1000003) + ".large.", RRType::TXT, data);
    }
    return (*loader)->finish();
}

/// A zone written past the log, in a file of its own.
bool imported(zones::Store& store) {
    auto bulk = store.begin_bulk();
    if (!bulk) return false;
    {
        const auto loader = (*bulk)->begin(name("bulk."));
        EXPECT_FALSE(
            loader->add(name("bulk."), RRType::SOA, 300, rdata(RRType::SOA, "n. h. 1 1 2 3 4")));
        EXPECT_FALSE(loader->add(name("bulk."), RRType::NS, 300, rdata(RRType::NS, "ns.t.")));
        for (int i = 0; i < kImported; ++i) {
            EXPECT_FALSE(loader->add(name("n" + std::to_string(i) + ".bulk."), RRType::TXT, 300,
                                     rdata(RRType::TXT, "\"" + std::to_string(i * 7919) + "\"")));
        }
        if (!loader->finish()) return false;
    }
    return (*bulk)->write().has_value();
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

/// With small buffers it is a table being written or merged that meets the full disk as well.
class StoreOnFullDisk : public testing::TestWithParam<std::size_t> {
  protected:
    [[nodiscard]] static zones::StoreOptions options(const SmallDisk& disk,
                                                     std::uint64_t min_free_octets) {
        zones::StoreOptions out = zones_test::options(disk, min_free_octets);
        out.write_buffer_octets = GetParam();
        return out;
    }
};

INSTANTIATE_TEST_SUITE_P(Buffers, StoreOnFullDisk,
                         testing::Values(std::size_t{0}, std::size_t{64} << 10));

TEST_P(StoreOnFullDisk, WritesFailReadsGoOnAndItIsWritableAgain) {
    const SmallDisk disk;
    if (!disk.why_not().empty()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    int acknowledged = 0;  // that many from 0
    int later = 0;
    bool back = false;
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
        // An import meets it too, and is refused as a whole: larger than what the database may have
        // made room for meanwhile.
        EXPECT_FALSE(load(store, kTooLarge));

        disk.make_room();
        ASSERT_TRUE(writable_soon(store)) << store.stats().why_not;
        later = acknowledged + 1;
        const auto done = store.commit(changes(bulky(later)));
        ASSERT_TRUE(done) << faults(done);
        // The refused one is there whole or not at all, and if it is there it was given a number.
        back = holds(store, acknowledged);
        EXPECT_EQ(done->revision, revision + (back ? 2 : 1));
        EXPECT_TRUE(imported(store));
    }
    auto opened = zones::Store::open(options(disk, 0));
    ASSERT_TRUE(opened) << opened.error().message;
    for (int i = 0; i < acknowledged; ++i) ASSERT_TRUE(holds(**opened, i)) << i;
    EXPECT_EQ(holds(**opened, acknowledged), back);  // a restart changes nothing
    EXPECT_TRUE(holds(**opened, later));
}

TEST_P(StoreOnFullDisk, TheReserveIsKept) {
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

TEST(StoreOnFullDisk, AnImportThatFillsItLeavesNothing) {
    const SmallDisk disk;
    if (!disk.why_not().empty()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    zones::StoreOptions small = options(disk, 0);
    small.load_octets = std::size_t{1} << 20;
    auto store = std::move(*zones::Store::open(small));
    ASSERT_TRUE(store->commit(changes(zone("example."), bulky(0))));
    // The first does not even fit while it is sorted, the second not when it is written.
    for (const std::size_t mebioctets : {80U, 40U}) {
        const auto before = std::filesystem::space(disk.store()).available;
        const auto refused = load(*store, mebioctets << 20);
        ASSERT_FALSE(refused) << mebioctets;
        ASSERT_EQ(refused.error().shown.size(), 1U);
        EXPECT_EQ(store->published()->zones->size(), 1U);
        EXPECT_TRUE(holds(*store, 0));
        ASSERT_TRUE(writable_soon(*store)) << refused.error().shown[0];
        EXPECT_TRUE(store->commit(changes(bulky(1)))) << refused.error().shown[0];
        // Files that were taken in go with a compaction, which has until the next start.
        store.reset();
        store = std::move(*zones::Store::open(small));
        const auto left = [&] {
            const auto now = std::filesystem::space(disk.store()).available;
            return now < before ? before - now : 0;
        };
        for (int i = 0; i < 1000 && left() > (std::uintmax_t{8} << 20); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        EXPECT_LT(left(), std::uintmax_t{8} << 20) << mebioctets;
        EXPECT_TRUE(holds(*store, 0) && holds(*store, 1));
    }
    const auto fits = load(*store, std::size_t{4} << 20);
    ASSERT_TRUE(fits) << fits.error().shown[0];
    EXPECT_TRUE(store->commit(changes(fits->operation)));
}

}  // namespace
}  // namespace zones_test
