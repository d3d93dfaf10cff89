#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace net {

/// Blocks of memory of one size that objects gave back, for the next ones: what comes and goes with
/// every request need not be asked of the allocator each time, to which bursts of them are dear.
/// Each thread keeps its own, and `kMost` of them at most.
template <std::size_t kSize, std::size_t kMost = 64>
class SpareBlocks {
  public:
    [[nodiscard]] static void* take() {
        SpareBlocks& own = of_thread();
        return own.count_ > 0 ? own.blocks_[--own.count_] : ::operator new(kSize);
    }
    static void give(void* block) noexcept {
        SpareBlocks& own = of_thread();
        if (own.count_ < own.most_) {
            own.blocks_[own.count_++] = block;
        } else {
            ::operator delete(block);
        }
    }

  private:
    SpareBlocks() = default;
    ~SpareBlocks() {
        while (count_ > 0) ::operator delete(blocks_[--count_]);
        most_ = 0;  // for what is destroyed still later on this thread
    }
    static SpareBlocks& of_thread() noexcept {
        static thread_local SpareBlocks own;
        return own;
    }

    std::array<void*, kMost> blocks_{};
    std::size_t count_ = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::size_t most_ = 0;  // a sanitizer is to see who uses what is gone
#else
    std::size_t most_ = kMost;
#endif
};

/// Base of a class whose objects, made by new or make_unique, use such blocks. Not for classes that
/// are derived from further.
template <class T>
class Recycled {
  public:
    static void* operator new(std::size_t) { return SpareBlocks<sizeof(T)>::take(); }
    static void operator delete(void* block) noexcept { SpareBlocks<sizeof(T)>::give(block); }
};

/// The same for std::allocate_shared.
template <class T>
class RecyclingAllocator {
  public:
    using value_type = T;

    RecyclingAllocator() = default;
    template <class Other>
    RecyclingAllocator(const RecyclingAllocator<Other>&) noexcept {
    }  // NOLINT(google-explicit-constructor): as allocators have it

    [[nodiscard]] T* allocate(std::size_t count) {
        if (count != 1) return static_cast<T*>(::operator new(count * sizeof(T)));
        return static_cast<T*>(SpareBlocks<sizeof(T)>::take());
    }
    void deallocate(T* at, std::size_t count) noexcept {
        if (count != 1) return ::operator delete(at);
        SpareBlocks<sizeof(T)>::give(at);
    }
    [[nodiscard]] bool operator==(const RecyclingAllocator&) const noexcept { return true; }
};

}  // namespace net
