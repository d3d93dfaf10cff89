#include "net/http2_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "net/recycled.h"

namespace net {
namespace {

// In front of each block stands how large it is, which `free` is not told.
struct alignas(std::max_align_t) BlockHead {
    std::size_t octets;  // behind the head
};

constexpr std::size_t kSmall = 128, kMiddle = 256, kLarge = 512, kLargest = 1024;

template <std::size_t kOctets>
using Blocks = SpareBlocks<sizeof(BlockHead) + kOctets>;

std::size_t rounded(std::size_t size) noexcept {
    if (size <= kSmall) return kSmall;
    if (size <= kMiddle) return kMiddle;
    if (size <= kLarge) return kLarge;
    return size <= kLargest ? kLargest : size;
}

void* take(std::size_t octets) {
    switch (octets) {
        case kSmall:
            return Blocks<kSmall>::take();
        case kMiddle:
            return Blocks<kMiddle>::take();
        case kLarge:
            return Blocks<kLarge>::take();
        case kLargest:
            return Blocks<kLargest>::take();
        default:
            return ::operator new(sizeof(BlockHead) + octets);
    }
}

void give(void* block, std::size_t octets) noexcept {
    switch (octets) {
        case kSmall:
            return Blocks<kSmall>::give(block);
        case kMiddle:
            return Blocks<kMiddle>::give(block);
        case kLarge:
            return Blocks<kLarge>::give(block);
        case kLargest:
            return Blocks<kLargest>::give(block);
        default:
            return ::operator delete(block);
    }
}

}  // namespace

void* http2_malloc(std::size_t size, void*) noexcept {
    if (size > SIZE_MAX / 2) return nullptr;
    try {
        const std::size_t octets = rounded(size);
        return new (take(octets)) BlockHead{octets} + 1;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void http2_free(void* block, void*) noexcept {
    if (block == nullptr) return;
    BlockHead* const head = static_cast<BlockHead*>(block) - 1;
    give(head, head->octets);
}

void* http2_calloc(std::size_t count, std::size_t size, void* user) noexcept {
    if (size != 0 && count > SIZE_MAX / 2 / size) return nullptr;
    void* const block = http2_malloc(count * size, user);
    if (block != nullptr) std::memset(block, 0, count * size);
    return block;
}

void* http2_realloc(void* block, std::size_t size, void* user) noexcept {
    const std::size_t before =
        block != nullptr ? (static_cast<const BlockHead*>(block) - 1)->octets : 0;
    if (block != nullptr && rounded(size) == before) return block;
    void* const moved = http2_malloc(size, user);
    if (moved == nullptr) return nullptr;
    if (block != nullptr) std::memcpy(moved, block, std::min(before, size));
    http2_free(block, user);
    return moved;
}

}  // namespace net
