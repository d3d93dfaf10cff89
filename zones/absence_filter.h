#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/qsbr.h"

namespace zones {

/// What the store does not hold, told from memory: a blocked Bloom filter over the NodeCache's
/// hashes of every (zone, owner) in the store. One cache line a look-up, one in a hundred of the
/// absent is not recognised.
///
/// Bits are only ever added, before the owner can be seen, so a reader at any revision is told
/// "absent" only of what has not existed since the filter was built. Deletions leave their bits;
/// a filter that has become too full is built anew beside the one in use:
///
/// - `begin_build` on the committer's thread. From here on `add` reaches both, so that the new one
///   misses nothing that is committed after the revision that is current now;
/// - every owner of that revision or a later one is given to `add_to_build`;
/// - `finish_build` once every reader has passed a quiescent state since that revision was
///   published: none is left that may look for what was deleted before it.
///
/// It says nothing until it has been built once. Readers must be online in the Qsbr.
class AbsenceFilter {
  public:
    AbsenceFilter(base::Qsbr& qsbr, std::size_t max_octets) noexcept
        : qsbr_(qsbr), max_octets_(max_octets) {}
    ~AbsenceFilter();
    AbsenceFilter(const AbsenceFilter&) = delete;
    AbsenceFilter& operator=(const AbsenceFilter&) = delete;

    /// True: no such owner exists. False: it may.
    [[nodiscard]] bool absent(std::uint64_t hash) const noexcept {
        const Bits* bits = active_.load();
        return bits != nullptr && !bits->may_hold(hash);
    }
    /// Before these owners can be seen by anyone. Any thread.
    void add(std::span<const std::uint64_t> hashes);

    void begin_build(std::size_t names);
    /// Any thread. False: the build was given up.
    bool add_to_build(std::span<const std::uint64_t> hashes);
    /// False: the build was given up, and must be begun again.
    bool finish_build();
    void give_up_build();
    /// After owners may have been missed: says nothing until it is built anew.
    void forget();

    /// Changes as a build begins. Whoever adds owners over a long time (a loader) and makes them
    /// visible only then compares: if it changed, some may be missing in the filter that was begun
    /// between. What is added after `begin_build` is in every filter from then on.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(); }
    /// Nothing in use, or more names than it was made for.
    [[nodiscard]] bool wants_build() const;
    [[nodiscard]] bool active() const noexcept { return active_.load() != nullptr; }
    [[nodiscard]] std::size_t octets() const;

  private:
    static constexpr std::size_t kBlockWords = 8;  // a cache line

    struct Bits {
        Bits(std::size_t names, std::size_t max_octets);
        [[nodiscard]] bool may_hold(std::uint64_t hash) const noexcept;
        void add(std::uint64_t hash) noexcept;

        struct alignas(64) Block {
            std::atomic<std::uint64_t> words[kBlockWords] = {};
        };
        [[nodiscard]] Block& block(std::uint64_t hash) const noexcept;

        std::size_t count;  // of blocks
        std::unique_ptr<Block[]> blocks;
        std::size_t names;      // it was made for
        std::size_t added = 0;  // guarded by the filter's mutex_
    };

    base::Qsbr& qsbr_;
    const std::size_t max_octets_;
    std::atomic<Bits*> active_{nullptr};
    std::atomic<std::uint64_t> generation_{0};

    mutable std::mutex mutex_;
    std::unique_ptr<Bits> building_;  // guarded by mutex_
};

}  // namespace zones
