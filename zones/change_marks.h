#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "zones/ids.h"

namespace zones {

/// When the nodes were last changed: for each bucket of a hash of (zone, owner) the revision that
/// last touched an owner in it. Who keeps what was made from nodes remembers which buckets they are
/// in (Reliance), and by these marks tells whether it still holds, however much else has changed.
///
/// One thread, the committer's, raises marks; any may read them, without a lock. Why nothing is
/// told that a commit has changed: a commit R raises its marks to R before it publishes R, and a
/// reader loads `Published` (sequentially consistent) before it looks at a mark. At revision p it
/// therefore sees every mark of a commit up to p. What was made at revision r holds at p if no mark
/// it relies on is above r. A reader that is made to wait between loading and looking may see the
/// mark of a commit that is not published yet, or one that is newer than p: then it makes anew what
/// it need not have. It never takes such a mark for its own, because what it keeps is remembered
/// under the revision it was read at, not under what the marks said.
class ChangeMarks {
  public:
    using Mark = std::uint16_t;
    static constexpr std::size_t kMarks = std::size_t{1} << 13;  // 64 KiB

    /// The bucket of a hash of NodeCache, of bits that are neither its shard's nor its slot's.
    [[nodiscard]] static Mark of(std::uint64_t hash) noexcept {
        return static_cast<Mark>((hash >> 33) & (kMarks - 1));
    }
    void raise(Mark mark, Revision revision) noexcept {
        at_[mark].store(revision, std::memory_order_relaxed);
    }
    [[nodiscard]] Revision at(Mark mark) const noexcept {
        return at_[mark].load(std::memory_order_relaxed);
    }

  private:
    std::unique_ptr<std::atomic<Revision>[]> at_ { new std::atomic<Revision>[ kMarks ]() };
};

/// The nodes that something was made from, as marks, and up to which revision it is known to hold.
/// For whatever lies in `Published` beside the nodes its generation tells. One thread.
struct Reliance {
    static constexpr std::size_t kMost = 6;

    Revision revision = 0;
    std::uint16_t count = 0;  // above kMost: more than it can name
    std::array<ChangeMarks::Mark, kMost> marks{};

    void add(ChangeMarks::Mark mark) noexcept {
        if (count < kMost) marks[count] = mark;
        if (count <= kMost) ++count;
    }
    /// It relies on more than can be named, and holds for its revision alone.
    void add_all() noexcept { count = kMost + 1; }
    void add(const Reliance& other) noexcept {
        if (other.count > kMost) return add_all();
        for (std::size_t i = 0; i < other.count; ++i) add(other.marks[i]);
    }

    /// Does it hold at `now`, the revision of a Published that was loaded before this call?
    [[nodiscard]] bool holds(const ChangeMarks& changes, Revision now) noexcept {
        return revision == now || holds_still(changes, now);
    }

  private:
    [[nodiscard]] bool holds_still(const ChangeMarks& changes, Revision now) noexcept {
        if (count > kMost || now < revision) return false;
        for (std::size_t i = 0; i < count; ++i) {
            if (changes.at(marks[i]) > revision) return false;
        }
        revision = now;
        return true;
    }
};

}  // namespace zones
