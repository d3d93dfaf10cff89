#include "base/huge_pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace base {
namespace {

TEST(HugePages, AreAlignedZeroedAndWritable) {
    for (const std::size_t octets : {std::size_t{0}, std::size_t{1}, kHugePageOctets - 1,
                                     kHugePageOctets, kHugePageOctets + 1, 3 * kHugePageOctets}) {
        auto* const at = static_cast<std::uint8_t*>(allocate_huge(octets));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % kHugePageOctets, 0U);
        std::size_t set = 0;
        for (std::size_t i = 0; i < octets; i += 511) set += at[i];
        EXPECT_EQ(set, 0U);
        std::memset(at, 0xff, octets);
        free_huge(at, octets);
    }
}

TEST(HugePages, HoldAnObject) {
    struct Counted {
        explicit Counted(int& alive_now) : alive(alive_now) { ++alive; }
        ~Counted() { --alive; }
        int& alive;
        std::uint8_t octets[100000] = {};
    };
    int alive = 0;
    {
        const HugePtr<Counted> object = make_huge<Counted>(alive);
        EXPECT_EQ(alive, 1);
        object->octets[99999] = 1;
    }
    EXPECT_EQ(alive, 0);
    struct Thrower {
        Thrower() { throw 1; }
    };
    EXPECT_THROW(static_cast<void>(make_huge<Thrower>()), int);
}

}  // namespace
}  // namespace base
