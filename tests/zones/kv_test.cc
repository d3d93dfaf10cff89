#include "zones/kv.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using zones::Family;
using zones::KeyValueStore;
using Read = KeyValueStore::Read;

/// More than the database opens when it starts.
constexpr int kFiles = 64;

std::string key(int number) {
    return "key" + std::to_string(100 + number);
}

/// Moves a table file into the database that holds keys `from` to `to`, the latter not.
void ingest(KeyValueStore& store, int from, int to) {
    int number = from;
    ASSERT_TRUE(store.ingest(Family::Nodes, [&number, to](auto& next, auto& value) {
        if (number == to) return false;
        next = key(number++);
        value = "value of " + next;
        return true;
    }));
}

/// The table files, oldest first: their names are numbers of one length.
std::vector<std::filesystem::path> tables(const std::string& directory) {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".sst") out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

void flip_bit(const std::filesystem::path& path, std::streamoff octet) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(octet);
    const int was = file.get();
    file.seekp(octet);
    file.put(static_cast<char>(was ^ 1));
    ASSERT_TRUE(file.flush());
}

TEST(KeyValueStoreTest, WhatIsNotInMemoryIsNotTakenForEmpty) {
    const ScratchDirectory directory;
    const KeyValueStore::Options options{directory.path(), std::size_t{1} << 20, {}};
    {
        auto store = KeyValueStore::open(options);
        ASSERT_TRUE(store) << store.error().message;
        for (int i = 0; i < kFiles; ++i) ingest(**store, i, i + 1);
    }
    auto store = KeyValueStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    int waits = 0;
    for (int i = 0; i < kFiles; ++i) {
        std::string value;
        const Read read = (*store)->get(Family::Nodes, key(i), nullptr, false, value);
        if (read == Read::WouldBlock) {
            ++waits;
            ASSERT_EQ((*store)->get(Family::Nodes, key(i), nullptr, true, value), Read::Found);
        } else {
            ASSERT_EQ(read, Read::Found) << i;
        }
        EXPECT_EQ(value, "value of " + key(i));
        // Read once, it is in memory.
        EXPECT_EQ((*store)->get(Family::Nodes, key(i), nullptr, false, value), Read::Found);
    }
    EXPECT_GT(waits, 0);
}

// The table after the first one is where a walk would end without a word (see zones/store_kv.cc).
TEST(KeyValueStoreTest, AWalkIntoADamagedTableEndsWithAnError) {
    const int kEach = 5;
    const ScratchDirectory directory;
    const KeyValueStore::Options options{directory.path(), std::size_t{1} << 20, {}};
    {
        auto store = KeyValueStore::open(options);
        ASSERT_TRUE(store) << store.error().message;
        for (int file = 0; file < 3; ++file) ingest(**store, file * kEach, (file + 1) * kEach);
    }
    const auto files = tables(directory.path());
    ASSERT_EQ(files.size(), 3U);
    flip_bit(files[1], 8);
    auto store = KeyValueStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    const auto walk = [kEach](KeyValueStore::Cursor& cursor, bool forward) {
        int rows = 0;
        if (forward) {
            for (cursor.seek(""); cursor.valid(); cursor.next()) ++rows;
        } else {
            for (cursor.seek_before("z"); cursor.valid(); cursor.previous()) ++rows;
        }
        // Backwards the database looks one key ahead.
        EXPECT_EQ(rows, forward ? kEach : kEach - 1);
        EXPECT_EQ(cursor.status(), Read::Failed);
    };
    walk(*(*store)->cursor(Family::Nodes, nullptr, true), true);
    walk(*(*store)->cursor(Family::Nodes, nullptr, true), false);
    walk(*(*store)->scan(Family::Nodes, nullptr), true);
    EXPECT_GT((*store)->damage().places(), 0U);
}

}  // namespace
}  // namespace zones_test
