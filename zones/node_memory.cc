#include "zones/node_memory.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/huge_pages.h"

namespace zones {

namespace {

NodeMemory& of_process() {
    // Never destroyed: what was retired is freed whenever its Qsbr goes.
    static NodeMemory& memory = *new NodeMemory;
    return memory;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSeeEachBlock = true;
#else
constexpr bool kSeeEachBlock = false;
#endif

}  // namespace

void* NodeMemory::take(std::size_t octets) {
    return kSeeEachBlock ? ::operator new(octets) : of_process().allocate(octets);
}

void NodeMemory::give_back(void* block, std::size_t octets) noexcept {
    if (kSeeEachBlock) return ::operator delete(block);
    of_process().free(block, octets);
}

NodeMemory::~NodeMemory() {
    for (Region* region : regions_) {
        region->~Region();
        base::free_huge(region, base::kHugePageOctets);
    }
}

/// Up to kFineOctets in steps of 16, above in eight steps between powers of two.
std::size_t NodeMemory::class_of(std::size_t octets) noexcept {
    if (octets <= kFineOctets) return (std::max<std::size_t>(octets, 1) - 1) / kStep;
    const auto log = static_cast<std::size_t>(std::bit_width(octets - 1)) - 1;  // 9 and more
    const std::size_t eighth = (octets - 1) >> (log - 3) & 7U;
    return kFineOctets / kStep + (log - 9) * 8 + eighth;
}

std::size_t NodeMemory::block_octets(std::size_t of_class) noexcept {
    constexpr std::size_t kFineClasses = kFineOctets / kStep;
    if (of_class < kFineClasses) return (of_class + 1) * kStep;
    const std::size_t log = 9 + (of_class - kFineClasses) / 8;
    return (std::size_t{9} + (of_class - kFineClasses) % 8) << (log - 3);
}

std::size_t NodeMemory::slabs_for(std::size_t octets) noexcept {
    return (octets + kSlabOctets - 1) / kSlabOctets;
}

std::size_t NodeMemory::share(std::size_t octets) noexcept {
    if (octets <= kMaxBlockOctets) return block_octets(class_of(octets));
    if (octets <= kMaxRunOctets) return slabs_for(octets) * kSlabOctets;
    return (octets + base::kHugePageOctets - 1) / base::kHugePageOctets * base::kHugePageOctets;
}

NodeMemory::Region* NodeMemory::region_of(const void* block) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    return reinterpret_cast<Region*>(address / base::kHugePageOctets * base::kHugePageOctets);
}

std::uint8_t* NodeMemory::begin_of(const Slab& slab) noexcept {
    const auto index = static_cast<std::size_t>(&slab - slab.region->slabs.data());
    return reinterpret_cast<std::uint8_t*>(slab.region) + index * kSlabOctets;
}

std::size_t NodeMemory::first_block(const Slab& slab) noexcept {
    return &slab == slab.region->slabs.data() ? (sizeof(Region) + 63) / 64 * 64 : 0;
}

bool NodeMemory::full(const Slab& slab) noexcept {
    return slab.freed == nullptr && slab.fresh + block_octets(slab.of_class) > kSlabOctets;
}

NodeMemory::Region* NodeMemory::add_region() {
    auto* region = new (base::allocate_huge(base::kHugePageOctets)) Region;
    for (Slab& slab : region->slabs) slab.region = region;
    region->free_slabs = kSlabs;
    try {
        region->place = regions_.insert(regions_.end(), region);
    } catch (...) {
        base::free_huge(region, base::kHugePageOctets);
        throw;
    }
    ++empty_regions_;
    return region;
}

NodeMemory::Slab* NodeMemory::take_slab(std::size_t of_class) {
    // The newest first: it is where room is, unless much was freed.
    Region* from = nullptr;
    for (auto at = regions_.rbegin(); at != regions_.rend() && from == nullptr; ++at) {
        if ((*at)->free_slabs != 0) from = *at;
    }
    if (from == nullptr) from = add_region();
    if (from->free_slabs == kSlabs) --empty_regions_;
    --from->free_slabs;
    Slab& slab = *std::find_if(from->slabs.begin(), from->slabs.end(),
                               [](const Slab& each) { return !each.used; });
    slab.used = true;
    slab.of_class = static_cast<std::uint16_t>(of_class);
    slab.freed = nullptr;
    slab.fresh = static_cast<std::uint32_t>(first_block(slab));
    slab.live = 0;
    list(slab);
    return &slab;
}

/// Slabs beside each other. The first of a region describes it and is in no run.
void* NodeMemory::take_run(std::size_t slabs) {
    const auto find_in = [slabs](Region& region) {
        std::size_t run = 0;
        for (std::size_t i = 1; i < kSlabs; ++i) {
            run = region.slabs[i].used ? 0 : run + 1;
            if (run == slabs) return i + 1 - slabs;
        }
        return std::size_t{0};
    };
    Region* from = nullptr;
    std::size_t first = 0;
    for (auto at = regions_.rbegin(); at != regions_.rend() && first == 0; ++at) {
        if ((*at)->free_slabs < slabs) continue;
        from = *at;
        first = find_in(*from);
    }
    if (first == 0) {
        from = add_region();
        first = find_in(*from);
    }
    if (from->free_slabs == kSlabs) --empty_regions_;
    from->free_slabs -= slabs;
    for (std::size_t i = first; i < first + slabs; ++i) from->slabs[i].used = true;
    return begin_of(from->slabs[first]);
}

void NodeMemory::list(Slab& slab) noexcept {
    Slab*& head = with_room_[slab.of_class];
    slab.previous = nullptr;
    slab.next = head;
    if (head != nullptr) head->previous = &slab;
    head = &slab;
    slab.listed = true;
}

void NodeMemory::unlist(Slab& slab) noexcept {
    if (slab.previous != nullptr) {
        slab.previous->next = slab.next;
    } else {
        with_room_[slab.of_class] = slab.next;
    }
    if (slab.next != nullptr) slab.next->previous = slab.previous;
    slab.listed = false;
}

/// A slab that nothing uses any more; perhaps its region with it.
void NodeMemory::release(Slab& slab) noexcept {
    Region* region = slab.region;
    slab.used = false;
    if (++region->free_slabs != kSlabs) return;
    if (++empty_regions_ == 1) return;
    --empty_regions_;
    regions_.erase(region->place);
    region->~Region();
    base::free_huge(region, base::kHugePageOctets);
}

void* NodeMemory::allocate(std::size_t octets) {
    if (octets > kMaxRunOctets) {
        void* const pages = base::allocate_huge(octets);
        const std::lock_guard lock(mutex_);
        own_pages_octets_ += share(octets);
        return pages;
    }
    const std::lock_guard lock(mutex_);
    if (octets > kMaxBlockOctets) return take_run(slabs_for(octets));
    const std::size_t of_class = class_of(octets);
    Slab* slab = with_room_[of_class];
    if (slab == nullptr) slab = take_slab(of_class);
    void* block = slab->freed;
    if (block != nullptr) {
        slab->freed = *static_cast<void**>(block);
    } else {
        block = begin_of(*slab) + slab->fresh;
        slab->fresh += static_cast<std::uint32_t>(block_octets(of_class));
    }
    ++slab->live;
    if (full(*slab)) unlist(*slab);
    return block;
}

void NodeMemory::free(void* block, std::size_t octets) noexcept {
    if (octets > kMaxRunOctets) {
        base::free_huge(block, octets);
        const std::lock_guard lock(mutex_);
        own_pages_octets_ -= share(octets);
        return;
    }
    const std::lock_guard lock(mutex_);
    Region* region = region_of(block);
    const std::size_t index = static_cast<std::size_t>(static_cast<std::uint8_t*>(block) -
                                                       reinterpret_cast<std::uint8_t*>(region)) /
                              kSlabOctets;
    if (octets > kMaxBlockOctets) {
        // The region must stand until the last slab of the run is released: that frees it.
        for (std::size_t i = slabs_for(octets); i-- > 0;) release(region->slabs[index + i]);
        return;
    }
    Slab& slab = region->slabs[index];
    *static_cast<void**>(block) = slab.freed;
    slab.freed = block;
    if (!slab.listed) list(slab);
    if (--slab.live != 0) return;
    unlist(slab);
    release(slab);
}

std::size_t NodeMemory::held_octets() const {
    const std::lock_guard lock(mutex_);
    return regions_.size() * base::kHugePageOctets + own_pages_octets_;
}

}  // namespace zones
