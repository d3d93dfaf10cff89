// Blocks of the node cache: nobody's memory is another's, and what is freed is used again.
#include "zones/node_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "base/huge_pages.h"
#include "base/random.h"

namespace zones {
namespace {

struct Block {
    std::uint8_t* at = nullptr;
    std::size_t octets = 0;
    std::uint8_t mark = 0;
};

Block allocate(NodeMemory& memory, std::size_t octets, std::uint8_t mark) {
    const Block block{static_cast<std::uint8_t*>(memory.allocate(octets)), octets, mark};
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.at) % 16, 0U);
    std::memset(block.at, mark, octets);
    return block;
}

bool intact(const Block& block) {
    return std::all_of(block.at, block.at + block.octets,
                       [&block](std::uint8_t octet) { return octet == block.mark; });
}

TEST(NodeMemory, AShareIsEnoughAndNotMuchMore) {
    std::size_t last = 0;
    for (std::size_t octets = 1; octets < (std::size_t{5} << 20);
         octets += octets < 20000 ? 1 : 997) {
        const std::size_t share = NodeMemory::share(octets);
        ASSERT_GE(share, octets);
        ASSERT_GE(share, last) << octets;
        ASSERT_EQ(share % 16, 0U);
        const std::size_t most = octets <= 512 ? octets + 15 : octets + octets / 8 + 1;
        if (octets <= 16384) {
            ASSERT_LE(share, most) << octets;
        }
        last = share;
    }
}

TEST(NodeMemory, BlocksOfEverySizeKeepToThemselves) {
    NodeMemory memory;
    base::Random random(7);
    std::vector<Block> blocks;
    for (int step = 0; step < 60000; ++step) {
        const bool more = blocks.size() < 3000 ? random.below(10) < 7 : random.below(10) < 3;
        if (more || blocks.empty()) {
            const std::uint32_t kind = random.below(1000);
            const std::uint32_t octets = kind < 900   ? 1 + random.below(300)
                                         : kind < 990 ? 1 + random.below(20000)
                                         : kind < 999 ? 1 + random.below(300000)
                                                      : 1 + random.below(3000000);
            blocks.push_back(
                allocate(memory, octets, static_cast<std::uint8_t>(random.below(256))));
        } else {
            const std::size_t i = random.below(static_cast<std::uint32_t>(blocks.size()));
            ASSERT_TRUE(intact(blocks[i]));
            memory.free(blocks[i].at, blocks[i].octets);
            blocks[i] = blocks.back();
            blocks.pop_back();
        }
    }
    std::map<std::uint8_t*, std::size_t> places;
    for (const Block& block : blocks) {
        ASSERT_TRUE(intact(block));
        places.emplace(block.at, NodeMemory::share(block.octets));
    }
    ASSERT_EQ(places.size(), blocks.size());
    const std::uint8_t* end = nullptr;
    for (const auto& [at, share] : places) {
        ASSERT_GE(at, end);
        end = at + share;
    }
    for (const Block& block : blocks) memory.free(block.at, block.octets);
    // One region stays for what comes next.
    EXPECT_LE(memory.held_octets(), base::kHugePageOctets);
}

TEST(NodeMemory, WhatIsFreedIsUsedAgain) {
    NodeMemory memory;
    std::vector<Block> blocks;
    for (int i = 0; i < 100000; ++i) blocks.push_back(allocate(memory, 90, 1));
    const std::size_t held = memory.held_octets();
    // 96 octets each and no header: within a huge page of the truth.
    EXPECT_LE(held, 100000U * 96U + 100000U + base::kHugePageOctets);
    for (int round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < blocks.size(); i += 2) memory.free(blocks[i].at, 90);
        for (std::size_t i = 0; i < blocks.size(); i += 2) blocks[i] = allocate(memory, 90, 2);
        EXPECT_EQ(memory.held_octets(), held);
    }
    // All of it goes to blocks of another size.
    for (const Block& block : blocks) memory.free(block.at, 90);
    blocks.clear();
    for (int i = 0; i < 40000; ++i) blocks.push_back(allocate(memory, 200, 3));
    EXPECT_LE(memory.held_octets(), held);
    for (const Block& block : blocks) EXPECT_TRUE(intact(block));
}

TEST(NodeMemory, ThreadsShareIt) {
    NodeMemory memory;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&memory, t] {
            base::Random random(static_cast<std::uint64_t>(t) + 1);
            std::vector<Block> mine;
            for (int step = 0; step < 5000; ++step) {
                if (mine.empty() || random.below(3) != 0) {
                    mine.push_back(allocate(memory, 1 + random.below(2000),
                                            static_cast<std::uint8_t>(t * 64 + step % 64)));
                    continue;
                }
                EXPECT_TRUE(intact(mine.back()));
                memory.free(mine.back().at, mine.back().octets);
                mine.pop_back();
            }
            for (const Block& block : mine) {
                EXPECT_TRUE(intact(block));
                memory.free(block.at, block.octets);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(memory.held_octets(), base::kHugePageOctets);
}

}  // namespace
}  // namespace zones
