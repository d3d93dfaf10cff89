#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "zones/kv.h"

namespace zones_test {

/// Of a store that nobody has open: the keys of a family under a prefix. Cursors may still walk
/// over what was erased as a range; what counts is what is found.
inline std::set<std::string> stored_keys(const std::string& directory, zones::Family family,
                                         const std::string& prefix = "") {
    std::set<std::string> keys;
    auto store = zones::KeyValueStore::open({directory, 1 << 20, {}});
    EXPECT_TRUE(store);
    if (!store) return keys;
    const auto cursor = (*store)->cursor(family, nullptr, true);
    std::string value;
    for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix);
         cursor->next()) {
        const auto read = (*store)->get(family, cursor->key(), nullptr, true, value);
        if (read != zones::KeyValueStore::Read::Absent) keys.emplace(cursor->key());
    }
    EXPECT_EQ(cursor->status(), zones::KeyValueStore::Read::Found);
    return keys;
}

}  // namespace zones_test
