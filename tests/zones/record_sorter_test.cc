#include "zones/record_sorter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

struct Plain {
    std::string key, owner, rdata;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0, line = 0;
    std::uint16_t file = 0;

    friend bool operator==(const Plain&, const Plain&) = default;
};

std::vector<Plain> some_records(base::Random& random, std::size_t count) {
    std::vector<Plain> out;
    for (std::size_t i = 0; i < count; ++i) {
        Plain plain;
        // Few different keys, some of which begin like others, the empty one among them.
        const std::uint32_t kind = random.below(8);
        if (kind > 0) plain.key = "common-" + std::string(random.below(3), '\x01');
        for (std::uint32_t n = random.below(kind + 1); n > 0; --n) {
            plain.key.push_back(static_cast<char>(random.below(4) == 0 ? 0xff : random.below(3)));
        }
        plain.owner = std::string(random.below(40), 'o');
        plain.rdata = std::string(random.below(100) == 0 ? 65535 : random.below(30), 'r');
        plain.type = static_cast<std::uint16_t>(random.below(65536));
        plain.ttl = static_cast<std::uint32_t>(random.next64());
        plain.line = static_cast<std::uint32_t>(i);
        plain.file = static_cast<std::uint16_t>(random.below(5));
        out.push_back(std::move(plain));
    }
    return out;
}

void add(zones::RecordSorter& sorter, const Plain& plain) {
    zones::SortRecord record;
    record.key = plain.key;
    record.owner = base::as_octets(plain.owner);
    record.type = static_cast<dns::RRType>(plain.type);
    record.ttl = plain.ttl;
    record.line = plain.line;
    record.file = plain.file;
    record.rdata = base::as_octets(plain.rdata);
    const auto added = sorter.add(record);
    ASSERT_TRUE(added) << added.error().message;
}

std::vector<Plain> all_of(zones::RecordSorter& sorter) {
    std::vector<Plain> out;
    EXPECT_TRUE(sorter.rewind());
    zones::SortRecord record;
    for (;;) {
        const auto read = sorter.next(record);
        EXPECT_TRUE(read);
        if (!read || !*read) return out;
        out.push_back({std::string(record.key), std::string(base::as_text(record.owner)),
                       std::string(base::as_text(record.rdata)),
                       static_cast<std::uint16_t>(record.type), record.ttl, record.line,
                       record.file});
    }
}

TEST(RecordSorter, SortsWhateverTheBudget) {
    const ScratchDirectory directory;
    for (const std::size_t budget : {std::size_t{1}, std::size_t{300}, std::size_t{3000},
                                     std::size_t{50000}, std::size_t{64} << 20}) {
        base::Random random(budget);
        zones::RecordSorter sorter(directory.path(), budget);
        for (const std::size_t count : {0U, 1U, 2U, 500U}) {
            sorter.clear();
            std::vector<Plain> records = some_records(random, count);
            for (const Plain& plain : records) add(sorter, plain);
            std::stable_sort(records.begin(), records.end(),
                             [](const Plain& a, const Plain& b) { return a.key < b.key; });
            EXPECT_EQ(all_of(sorter), records) << "budget " << budget << ", count " << count;
            EXPECT_EQ(all_of(sorter), records) << "a second time";
            EXPECT_LE(sorter.runs(), zones::RecordSorter::kMaxRuns);
            if (count == 500 && budget < 1000) {
                EXPECT_GT(sorter.runs(), 0U);
            }
        }
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(RecordSorter, RecordsInOrderStayInOrder) {
    const ScratchDirectory directory;
    base::Random random(7);
    std::vector<Plain> records = some_records(random, 300);
    std::stable_sort(records.begin(), records.end(),
                     [](const Plain& a, const Plain& b) { return a.key < b.key; });
    for (const std::size_t budget : {std::size_t{500}, std::size_t{64} << 20}) {
        zones::RecordSorter sorter(directory.path(), budget);
        for (const Plain& plain : records) add(sorter, plain);
        EXPECT_EQ(all_of(sorter), records);
    }
}

TEST(RecordSorter, SaysWhyItCannotWrite) {
    zones::RecordSorter sorter("/nonexistent", 1);
    zones::SortRecord record;
    record.key = "a";
    ASSERT_TRUE(sorter.add(record));
    const auto refused = sorter.add(record);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("/nonexistent: No such file"), std::string::npos)
        << refused.error().message;
}

}  // namespace
}  // namespace zones_test
