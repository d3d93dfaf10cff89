#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace base {

/// Octets of a huge page of x86-64 and of arm64 with pages of 4 KiB.
inline constexpr std::size_t kHugePageOctets = std::size_t{2} << 20;

/// Zeroed memory in whole huge pages, begun at one, for what is read or written all over the place
/// many times a second: with pages of 4 KiB the processor forgets where they are. The kernel is
/// asked for huge pages (MADV_HUGEPAGE) and may give small ones all the same. Throws
/// std::bad_alloc. Any thread.
[[nodiscard]] void* allocate_huge(std::size_t octets);
/// What `allocate_huge` gave for so many octets.
void free_huge(void* memory, std::size_t octets) noexcept;

/// A T in huge pages of its own.
template <class T>
struct HugeDeleter {
    void operator()(T* object) const noexcept {
        object->~T();
        free_huge(object, sizeof(T));
    }
};
template <class T>
using HugePtr = std::unique_ptr<T, HugeDeleter<T>>;
template <class T, class... Arguments>
[[nodiscard]] HugePtr<T> make_huge(Arguments&&... arguments) {
    static_assert(alignof(T) <= kHugePageOctets);
    void* memory = allocate_huge(sizeof(T));
    try {
        return HugePtr<T>(new (memory) T(std::forward<Arguments>(arguments)...));
    } catch (...) {
        free_huge(memory, sizeof(T));
        throw;
    }
}

}  // namespace base
