// What a start believes of its logs: a torn end, and nothing else that is bad.
#include "zones/log_check.h"

#include "tests/zones/fault_disk.h"
#include "tests/zones/store_fixture.h"
#include "zones/kv.h"

namespace zones_test {
namespace {

using zones::Family;
using zones::KeyValueStore;

constexpr std::uint32_t kWrites = 60;

TEST(Crc32c, IsCastagnolis) {
    EXPECT_EQ(zones::crc32c(base::as_octets("123456789")), 0xe3069283U);  // RFC 3720, B.4's check
    const std::vector<std::uint8_t> zeros(32);
    EXPECT_EQ(zones::crc32c(zeros), 0x8a9136aaU);
    EXPECT_EQ(zones::crc32c(base::as_octets("6789"), zones::crc32c(base::as_octets("12345"))),
              0xe3069283U);
}

TEST(AcknowledgedNote, IsReadAsItWasWrittenOrNotAtAll) {
    const zones::Acknowledged note{7, {12, 34567}, {13, 89}};
    std::string octets = note.pack();
    ASSERT_EQ(octets.size(), zones::Acknowledged::kOctets);
    const auto read = zones::Acknowledged::parse(base::as_octets(octets));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->write, 7U);
    EXPECT_EQ(read->log.file, 12U);
    EXPECT_EQ(read->log.octets, 34567U);
    EXPECT_EQ(read->manifest.file, 13U);
    EXPECT_EQ(read->manifest.octets, 89U);
    for (std::size_t at = 0; at < octets.size(); ++at) {
        std::string other = octets;
        other[at] = static_cast<char>(other[at] ^ 1);
        EXPECT_FALSE(zones::Acknowledged::parse(base::as_octets(other))) << at;
    }
    EXPECT_FALSE(zones::Acknowledged::parse(base::as_octets(octets.substr(1))));
}

class LogCheckTest : public testing::Test {
  protected:
    KeyValueStore::Options options() const {
        KeyValueStore::Options options;
        options.directory = directory_.path() + "/store";
        options.block_cache_octets = std::size_t{1} << 20;
        options.file_system = disk_->address();
        return options;
    }
    /// A store with a log of records of many sizes, some beyond a block.
    void write() {
        disk_ = std::make_unique<FaultDisk>();
        ends_.clear();
        auto store = KeyValueStore::open(options());
        ASSERT_TRUE(store) << store.error().message;
        for (std::uint32_t i = 1; i <= kWrites; ++i) {
            zones::KeyValueBatch batch;
            batch.put(Family::Nodes, "key" + std::to_string(i),
                      std::string(i % 9 == 0 ? 40000 : i * 37 % 1500, static_cast<char>('a' + i)));
            ASSERT_TRUE((*store)->write(batch));
            ends_.push_back(disk_->files(".log").rbegin()->second);
        }
        store->reset();
        log_ = disk_->files(".log").rbegin()->first;
    }
    /// How many of the writes are there; nothing if it does not open. Never one without those
    /// before it.
    std::optional<std::uint32_t> open() {
        auto store = KeyValueStore::open(options());
        if (!store) {
            why_ = store.error().message;
            return std::nullopt;
        }
        std::uint32_t count = 0;
        for (std::uint32_t i = 1; i <= kWrites; ++i) {
            std::string value;
            const auto read =
                (*store)->get(Family::Nodes, "key" + std::to_string(i), nullptr, true, value);
            if (read != KeyValueStore::Read::Found) continue;
            EXPECT_EQ(++count, i);
        }
        return count;
    }
    void forget_note() { disk_->remove(disk_->files("acknowledged").begin()->first); }
    [[nodiscard]] std::uint32_t whole_at(std::size_t octets) const {
        std::uint32_t whole = 0;
        while (whole < ends_.size() && ends_[whole] <= octets) ++whole;
        return whole;
    }

    const ScratchDirectory directory_;
    std::unique_ptr<FaultDisk> disk_;
    std::string log_, why_;
    std::vector<std::size_t> ends_;  // of the log after each write
};

TEST_F(LogCheckTest, AnEndThatIsTornIsTaken) {
    for (std::size_t step = 1; step < 40; ++step) {
        write();
        forget_note();
        const std::size_t size = ends_.back() * step / 40 + step;
        disk_->cut(log_, std::min(size, ends_.back()));
        const auto count = open();
        ASSERT_TRUE(count) << why_;
        EXPECT_EQ(*count, whole_at(size));
    }
}

TEST_F(LogCheckTest, AnEndBeforeWhatWasAcknowledgedIsNot) {
    for (const std::size_t lost : {std::size_t{1}, std::size_t{100}, std::size_t{50000}}) {
        write();
        disk_->cut(log_, ends_.back() - lost);
        EXPECT_FALSE(open());
        EXPECT_NE(why_.find("acknowledged"), std::string::npos) << why_;
        // Nothing was changed: with the note gone it is taken.
        forget_note();
        EXPECT_TRUE(open()) << why_;
    }
    write();
    disk_->remove(log_);
    EXPECT_FALSE(open());
    EXPECT_NE(why_.find("it lacks 60 writes"), std::string::npos) << why_;
}

TEST_F(LogCheckTest, ABadRecordInTheMiddleIsNotTaken) {
    for (std::size_t step = 0; step < 40; ++step) {
        write();
        forget_note();
        const std::size_t octet = ends_[kWrites - 2] * step / 40;
        disk_->flip_bit(log_, octet, static_cast<unsigned>(step % 8));
        const auto count = open();
        if (count) {
            EXPECT_EQ(*count, kWrites) << "octet " << octet;  // of the filler of a block
            continue;
        }
        EXPECT_NE(why_.find("log "), std::string::npos) << why_;
        // And once more: nothing was changed.
        disk_->flip_bit(log_, octet, static_cast<unsigned>(step % 8));
        const auto again = open();
        ASSERT_TRUE(again) << why_;
        EXPECT_EQ(*again, kWrites);
    }
}

TEST_F(LogCheckTest, ABadLastRecordIsTakenForTornUnlessItWasAcknowledged) {
    write();
    disk_->flip_bit(log_, ends_.back() - 3, 2);
    EXPECT_FALSE(open());
    forget_note();
    const auto count = open();
    ASSERT_TRUE(count) << why_;
    EXPECT_EQ(*count, kWrites - 1);
}

/// A log's records, each a whole fragment.
std::string fragment(std::uint64_t sequence, std::uint64_t write) {
    std::string batch;
    for (int shift = 0; shift < 64; shift += 8) batch += static_cast<char>(sequence >> shift);
    batch += std::string("\x01\0\0\0\x01\x06writes\x08", 13);
    base::append_be64(batch, write);
    const std::string sum_of = "\x01" + batch;
    const std::uint32_t crc = zones::crc32c(base::as_octets(sum_of));
    const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
    std::string out;
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(masked >> shift);
    out += static_cast<char>(batch.size());
    out += '\0';
    return out + sum_of;
}

/// What is found in logs, one text each, numbered from 1.
std::string damage_in(const std::vector<std::string>& logs,
                      std::optional<zones::Acknowledged> acknowledged = std::nullopt) {
    zones::LogCheck check(acknowledged);
    std::uint64_t number = 0;
    for (const std::string& log : logs) {
        check.begin(zones::LogCheck::Kind::Log, ++number);
        if (!log.empty()) check.add(base::as_octets(log));
        check.end();
    }
    check.finish();
    return check.damage();
}

TEST(LogCheckOfRecords, NumbersHaveNoGapFromLogToLog) {
    const std::string one = fragment(1, 1);
    const std::string two = fragment(2, 2);
    const std::string three = fragment(3, 3);
    EXPECT_EQ(damage_in({one + two, three}), "");
    EXPECT_EQ(damage_in({two, three}), "");  // what came before was written to tables
    EXPECT_EQ(damage_in({one, "", two}), "");
    EXPECT_EQ(damage_in({one, two.substr(0, 9)}), "");
    // A write that failed half, and was made again in the next log.
    EXPECT_EQ(damage_in({one + two.substr(0, 9), two}), "");
    EXPECT_EQ(damage_in({one + two, two + three}), "");
    EXPECT_NE(damage_in({one, three}), "");
    EXPECT_NE(damage_in({one + three}), "");
    EXPECT_NE(damage_in({one + two.substr(0, 9) + three}), "");
    EXPECT_NE(damage_in({one + std::string(7, '\0') + two}), "");
    EXPECT_NE(damage_in({one + two.substr(0, 9), three}), "");
}

TEST(LogCheckOfRecords, TheNoteIsBelieved) {
    const std::string one = fragment(1, 1);
    const std::string two = fragment(2, 2);
    const zones::Acknowledged both{2, {1, one.size() + two.size()}, {}};
    EXPECT_EQ(damage_in({one + two}, both), "");
    EXPECT_EQ(damage_in({one + two + one.substr(0, 5)}, both), "");
    EXPECT_NE(damage_in({one}, both), "");
    EXPECT_NE(damage_in({one + two.substr(0, 12)}, both), "");
    EXPECT_NE(damage_in({""}, both), "");
    EXPECT_NE(damage_in({one}, zones::Acknowledged{2, {9, 1}, {}}), "");  // in a log that is gone
    EXPECT_EQ(damage_in({}, both), "");                                   // no log: the tables tell
}

TEST_F(LogCheckTest, ADatabaseWithoutItsCurrentIsNotBegunAnew) {
    write();
    disk_->remove(disk_->files("CURRENT").begin()->first);
    EXPECT_FALSE(open());
    EXPECT_NE(why_.find("CURRENT is missing"), std::string::npos) << why_;
}

}  // namespace
}  // namespace zones_test
