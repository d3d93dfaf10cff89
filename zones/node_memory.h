#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>

namespace zones {

/// Memory for the node cache and the table of zones, in huge pages: what is read at random all over
/// it would miss the processor's table of small pages at every step. Blocks have no header of their
/// own, so a node also takes less than from malloc.
///
/// Regions of one huge page are cut into 32 slabs. A slab holds blocks of one size, or is part of
/// the run of a long one; what is longer still gets pages of its own. A slab without blocks can be
/// used for another size, a region without any goes back to the system (all but one).
///
/// Any thread; one lock, held for some twenty instructions. Not for what a query allocates: none
/// does.
class NodeMemory {
  public:
    NodeMemory() = default;
    ~NodeMemory();  // whatever is still allocated goes
    NodeMemory(const NodeMemory&) = delete;
    NodeMemory& operator=(const NodeMemory&) = delete;

    /// The one of the process. In builds with sanitizers malloc stands behind
    /// it, so that they see each block.
    [[nodiscard]] static void* take(std::size_t octets);
    static void give_back(void* block, std::size_t octets) noexcept;

    /// Aligned to 16 octets. Throws std::bad_alloc.
    [[nodiscard]] void* allocate(std::size_t octets);
    /// `octets` as they were asked for.
    void free(void* block, std::size_t octets) noexcept;
    /// What a block of so many octets takes.
    [[nodiscard]] static std::size_t share(std::size_t octets) noexcept;

    /// Held from the system.
    [[nodiscard]] std::size_t held_octets() const;

  private:
    static constexpr std::size_t kSlabs = 32;
    static constexpr std::size_t kSlabOctets = std::size_t{64} << 10;
    static constexpr std::size_t kStep = 16;
    static constexpr std::size_t kFineOctets = 512;                  // up to here in steps of 16
    static constexpr std::size_t kMaxBlockOctets = kSlabOctets / 4;  // in slabs; above: runs
    static constexpr std::size_t kMaxRunOctets = 16 * kSlabOctets;   // above: pages of their own
    static constexpr std::size_t kClasses = kFineOctets / kStep + 5 * 8;

    struct Region;
    /// One slab, described at the beginning of its region.
    struct Slab {
        Region* region = nullptr;
        Slab* next = nullptr;  // of its class that have room
        Slab* previous = nullptr;
        void* freed = nullptr;    // a list through the blocks
        std::uint32_t fresh = 0;  // offset in the slab of what was never given out
        std::uint32_t live = 0;
        std::uint16_t of_class = 0;
        bool listed = false;
        bool used = false;  // by a class or a run
    };
    struct Region {
        std::array<Slab, kSlabs> slabs;
        std::size_t free_slabs = 0;
        std::list<Region*>::iterator place;
    };

    [[nodiscard]] static std::size_t class_of(std::size_t octets) noexcept;
    [[nodiscard]] static std::size_t block_octets(std::size_t of_class) noexcept;
    [[nodiscard]] static std::size_t slabs_for(std::size_t octets) noexcept;
    [[nodiscard]] static Region* region_of(const void* block) noexcept;
    [[nodiscard]] static std::uint8_t* begin_of(const Slab& slab) noexcept;
    /// Offset of the first block: a region's description stands in its first slab.
    [[nodiscard]] static std::size_t first_block(const Slab& slab) noexcept;
    [[nodiscard]] static bool full(const Slab& slab) noexcept;

    Region* add_region();
    [[nodiscard]] Slab* take_slab(std::size_t of_class);
    [[nodiscard]] void* take_run(std::size_t slabs);
    void release(Slab& slab) noexcept;
    void list(Slab& slab) noexcept;
    void unlist(Slab& slab) noexcept;

    mutable std::mutex mutex_;
    std::list<Region*> regions_;
    std::array<Slab*, kClasses> with_room_{};  // heads of lists
    std::size_t empty_regions_ = 0;
    std::size_t own_pages_octets_ = 0;
};

/// For containers that are read at random.
template <class T>
struct NodeAllocator {
    using value_type = T;
    NodeAllocator() noexcept = default;
    template <class Other>
    explicit NodeAllocator(const NodeAllocator<Other>&) noexcept {}
    [[nodiscard]] T* allocate(std::size_t count) {
        return static_cast<T*>(NodeMemory::take(count * sizeof(T)));
    }
    void deallocate(T* block, std::size_t count) noexcept {
        NodeMemory::give_back(block, count * sizeof(T));
    }
    friend bool operator==(NodeAllocator, NodeAllocator) noexcept { return true; }
};

}  // namespace zones
