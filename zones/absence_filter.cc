#include "zones/absence_filter.h"

#include <algorithm>

namespace zones {

namespace {

constexpr std::size_t kBitsPerName = 10;
constexpr std::size_t kLeastBlocks = 64;
// Six bits of a block of 512: what suits ten bits a name.
constexpr unsigned kProbes = 6;
constexpr unsigned kProbeBits = 9;

/// The cache's table uses all of a hash; bits that correlate with its use would do no harm, but
/// those that choose block and probes must not be the same ones.
std::uint64_t remix(std::uint64_t hash) noexcept {
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93ULL;
    hash ^= hash >> 32;
    return hash;
}

}  // namespace

AbsenceFilter::Bits::Bits(std::size_t names_wanted, std::size_t max_octets)
    : count(std::clamp(names_wanted * kBitsPerName / (kBlockWords * 64) + 1, kLeastBlocks,
                       std::max(kLeastBlocks, max_octets / sizeof(Block)))),
      blocks(new Block[count]),
      names(std::max(names_wanted, kLeastBlocks * kBlockWords * 64 / kBitsPerName)) {}

AbsenceFilter::Bits::Block& AbsenceFilter::Bits::block(std::uint64_t hash) const noexcept {
    const auto product = static_cast<unsigned __int128>(hash) * count;
    return blocks[static_cast<std::size_t>(product >> 64)];
}

bool AbsenceFilter::Bits::may_hold(std::uint64_t hash) const noexcept {
    const Block& at = block(hash);
    std::uint64_t probes = remix(hash);
    for (unsigned i = 0; i < kProbes; ++i, probes >>= kProbeBits) {
        const std::uint64_t word =
            at.words[(probes >> 6) % kBlockWords].load(std::memory_order_relaxed);
        if (((word >> (probes & 63)) & 1) == 0) return false;
    }
    return true;
}

void AbsenceFilter::Bits::add(std::uint64_t hash) noexcept {
    Block& at = block(hash);
    std::uint64_t probes = remix(hash);
    bool fresh = false;
    for (unsigned i = 0; i < kProbes; ++i, probes >>= kProbeBits) {
        const std::uint64_t bit = std::uint64_t{1} << (probes & 63);
        const std::uint64_t before =
            at.words[(probes >> 6) % kBlockWords].fetch_or(bit, std::memory_order_relaxed);
        fresh = fresh || (before & bit) == 0;
    }
    // What is changed again and again fills nothing.
    if (fresh) ++added;
}

AbsenceFilter::~AbsenceFilter() {
    delete active_.load();
}

void AbsenceFilter::add(std::span<const std::uint64_t> hashes) {
    const std::lock_guard lock(mutex_);
    Bits* active = active_.load();
    for (const std::uint64_t hash : hashes) {
        if (active != nullptr) active->add(hash);
        if (building_ != nullptr) building_->add(hash);
    }
}

void AbsenceFilter::begin_build(std::size_t names) {
    auto bits = std::make_unique<Bits>(names, max_octets_);
    const std::lock_guard lock(mutex_);
    building_ = std::move(bits);
    generation_.fetch_add(1);
}

bool AbsenceFilter::add_to_build(std::span<const std::uint64_t> hashes) {
    const std::lock_guard lock(mutex_);
    if (building_ == nullptr) return false;
    for (const std::uint64_t hash : hashes) building_->add(hash);
    return true;
}

bool AbsenceFilter::finish_build() {
    const std::lock_guard lock(mutex_);
    if (building_ == nullptr) return false;
    Bits* old = active_.exchange(building_.release());
    if (old != nullptr) qsbr_.retire(old);
    return true;
}

void AbsenceFilter::give_up_build() {
    const std::lock_guard lock(mutex_);
    building_.reset();
}

void AbsenceFilter::forget() {
    const std::lock_guard lock(mutex_);
    building_.reset();
    Bits* old = active_.exchange(nullptr);
    if (old != nullptr) qsbr_.retire(old);
}

bool AbsenceFilter::wants_build() const {
    const std::lock_guard lock(mutex_);
    const Bits* active = active_.load();
    if (active == nullptr) return true;
    // No larger one could be made: a new one helps only if much of this one is deletions, which
    // twice its names makes likely.
    const bool largest = (active->count + 1) * sizeof(Bits::Block) > max_octets_;
    return active->added > (largest ? 2 * active->names : active->names);
}

std::size_t AbsenceFilter::octets() const {
    const std::lock_guard lock(mutex_);
    const Bits* active = active_.load();
    return ((active != nullptr ? active->count : 0) +
            (building_ != nullptr ? building_->count : 0)) *
           sizeof(Bits::Block);
}

}  // namespace zones
