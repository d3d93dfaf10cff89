#include "base/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace base {

namespace {

std::size_t whole_pages(std::size_t octets) noexcept {
    return (octets + kHugePageOctets - 1) / kHugePageOctets * kHugePageOctets;
}

}  // namespace

void* allocate_huge(std::size_t octets) {
    const std::size_t size = whole_pages(octets == 0 ? 1 : octets);
    // One page more than needed, and what lies beyond the aligned part given back.
    const std::size_t mapped = size + kHugePageOctets;
    void* const got =
        mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) throw std::bad_alloc();
    auto* const from = static_cast<std::uint8_t*>(got);
    const std::size_t before = whole_pages(reinterpret_cast<std::uintptr_t>(from)) -
                               reinterpret_cast<std::uintptr_t>(from);
    std::uint8_t* const at = from + before;
    if (before != 0) munmap(from, before);
    munmap(at + size, mapped - before - size);
    static_cast<void>(madvise(at, size, MADV_HUGEPAGE));  // a kernel without them has small ones
    return at;
}

void free_huge(void* memory, std::size_t octets) noexcept {
    munmap(memory, whole_pages(octets == 0 ? 1 : octets));
}

}  // namespace base
