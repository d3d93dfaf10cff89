#include "zones/kv.h"

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

TEST(KeyValueStoreTest, WhatIsNotInMemoryIsNotTakenForEmpty) {
    const ScratchDirectory directory;
    const KeyValueStore::Options options{directory.path(), std::size_t{1} << 20, {}};
    {
        auto store = KeyValueStore::open(options);
        ASSERT_TRUE(store) << store.error().message;
        for (int i = 0; i < kFiles; ++i) {
            bool given = false;
            ASSERT_TRUE((*store)->ingest(Family::Nodes, [&given, i](auto& next, auto& value) {
                if (given) return false;
                given = true;
                next = key(i);
                value = "value of " + next;
                return true;
            }));
        }
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

}  // namespace
}  // namespace zones_test
