#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "base/result.h"
#include "dns/types.h"

namespace dns {

using base::MutableOctets;
using base::Octets;
template <class T, class E = base::Error>
using Result = base::Result<T, E>;

/// Hash of octets whose ASCII case does not matter, eight at a time. Who does not know the seed
/// cannot aim at a value.
[[nodiscard]] inline std::uint64_t hash_ignoring_case(std::uint64_t seed, const std::uint8_t* at,
                                                      std::size_t size) noexcept {
    std::uint64_t state = seed ^ (size * 0x9e3779b97f4a7c15ULL);
    const auto mix = [&state](std::uint64_t word) {
        const auto product = static_cast<unsigned __int128>(state ^ word) *
                             static_cast<unsigned __int128>(0xa0761d6478bd642fULL);
        state = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    // The last word may overlap the one before it: the size is in the state already.
    for (std::size_t i = 0; i + 8 < size; i += 8) mix(base::to_lower_word(base::load_word(at + i)));
    const std::uint64_t last =
        size >= 8 ? base::load_word(at + size - 8) : base::load_short(at, size);
    mix(base::to_lower_word(last) ^ 0xe7037ed1a0b428dbULL);
    return state;
}

/// An absolute domain name in uncompressed wire form (RFC 1035, 3.1), borrowed.
///
/// Valid as long as the octets it was made from. They are known to be well-formed: whoever
/// makes a NameView from outside octets goes through `Name::read` or `NameView::check`.
/// Case is kept; comparison ignores ASCII case (RFC 4343).
class NameView {
  public:
    constexpr NameView() noexcept : octets_(kRoot), size_(1) {}
    /// `octets` must be a well-formed name, ending with its root label.
    explicit NameView(Octets octets) noexcept
        : octets_(octets.data()), size_(static_cast<std::uint8_t>(octets.size())) {}

    /// The well-formed uncompressed name at the start of `octets`, or why there is none.
    [[nodiscard]] static Result<NameView, WireError> check(Octets octets) noexcept;

    [[nodiscard]] Octets octets() const noexcept { return {octets_, size_}; }
    [[nodiscard]] const std::uint8_t* data() const noexcept { return octets_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool is_root() const noexcept { return size_ == 1; }
    [[nodiscard]] bool is_wildcard() const noexcept {
        return size_ > 2 && octets_[0] == 1 && octets_[1] == '*';
    }

    /// How many labels, the root not counted: 0 for the root.
    [[nodiscard]] std::size_t label_count() const noexcept {
        std::size_t count = 0;
        for (const std::uint8_t* at = octets_; *at != 0; at += 1 + *at) ++count;
        return count;
    }
    /// The name without its `count` leftmost labels. `count` <= label_count().
    [[nodiscard]] NameView parent(std::size_t count = 1) const noexcept {
        const std::uint8_t* at = octets_;
        for (; count > 0; --count) at += 1 + *at;
        return NameView({at, size_ - static_cast<std::size_t>(at - octets_)});
    }
    /// The content of the leftmost label; empty for the root.
    [[nodiscard]] Octets first_label() const noexcept { return {octets_ + 1, octets_[0]}; }

    [[nodiscard]] bool equals(NameView other) const noexcept {
        return size_ == other.size_ && base::equal_ignoring_case(octets_, other.octets_, size_);
    }
    /// True also when the names are equal.
    [[nodiscard]] bool is_at_or_below(NameView ancestor) const noexcept;
    /// Canonical order (RFC 4034, 6.1): negative, 0 or positive.
    [[nodiscard]] int compare(NameView other) const noexcept;
    /// Equal names have equal hashes whatever their case. Not keyed: see NameHash for tables
    /// that strangers fill.
    [[nodiscard]] std::uint64_t hash(std::uint64_t seed = 0) const noexcept {
        return hash_ignoring_case(seed, octets_, size_);
    }

    /// Presentation form with a final dot; awkward octets as \. or \DDD (RFC 4343, 2.1).
    [[nodiscard]] std::string to_text() const;

    friend bool operator==(NameView a, NameView b) noexcept { return a.equals(b); }

  private:
    static constexpr std::uint8_t kRoot[1] = {0};
    const std::uint8_t* octets_;
    std::uint8_t size_;
};

/// An absolute domain name in uncompressed wire form, held in place.
///
/// Owns its octets and never allocates. Case is kept as received; comparison ignores ASCII case
/// (RFC 4343). Const members may be called concurrently.
class Name {
  public:
    Name() noexcept { octets_[0] = 0; }
    explicit Name(NameView view) noexcept : size_(static_cast<std::uint8_t>(view.size())) {
        std::memcpy(octets_.data(), view.data(), size_);
    }
    Name(const Name& other) noexcept : Name(other.view()) {}
    Name& operator=(const Name& other) noexcept {
        size_ = other.size_;
        std::memmove(octets_.data(), other.octets_.data(), size_);
        return *this;
    }

    /// Reads the name at `offset`, following compression pointers backwards only (RFC 1035,
    /// 4.1.4). Moves `offset` past it; on failure leaves it.
    [[nodiscard]] static Result<Name, WireError> read(Octets message, std::size_t& offset) noexcept;

    /// From presentation form (RFC 1035, 5.1). Relative text is completed with `origin`.
    [[nodiscard]] static Result<Name> parse(std::string_view text, NameView origin = NameView());

    /// `label` (its content, 1 to 63 octets) in front of `parent`; empty when that is too long.
    [[nodiscard]] static std::optional<Name> prepend(Octets label, NameView parent) noexcept;
    /// `*` in front of `parent`.
    [[nodiscard]] static std::optional<Name> wildcard_of(NameView parent) noexcept;
    /// `name` with its suffix `from` replaced by `to` (DNAME, RFC 6672, 2.2); empty when the
    /// result is longer than 255 octets. `name` must be below `from`.
    [[nodiscard]] static std::optional<Name> substitute(NameView name, NameView from,
                                                        NameView to) noexcept;

    [[nodiscard]] NameView view() const noexcept { return NameView({octets_.data(), size_}); }
    // NOLINTNEXTLINE(google-explicit-constructor): an owner converts to its view, as strings do
    operator NameView() const noexcept { return view(); }

    [[nodiscard]] Octets octets() const noexcept { return {octets_.data(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::string to_text() const { return view().to_text(); }
    void lower_case() noexcept;

    friend bool operator==(const Name& a, const Name& b) noexcept { return a.view().equals(b); }

  private:
    std::uint8_t size_ = 1;
    std::array<std::uint8_t, kMaxNameOctets> octets_;
};

/// Offsets of the labels of a name, leftmost first, without the root: `offset[i]` is where the
/// label's length octet stands. What walks from the apex down needs it once.
struct LabelOffsets {
    LabelOffsets() noexcept = default;
    explicit LabelOffsets(NameView name) noexcept {
        const std::uint8_t* start = name.data();
        for (const std::uint8_t* at = start; *at != 0; at += 1 + *at) {
            offset[count++] = static_cast<std::uint8_t>(at - start);
        }
    }
    std::uint8_t count = 0;
    std::array<std::uint8_t, kMaxLabels> offset;
};

/// Hash for containers; the seed is chosen at start, so that nobody can aim at one bucket.
struct NameHash {
    [[nodiscard]] std::size_t operator()(NameView name) const noexcept {
        return static_cast<std::size_t>(name.hash(seed()));
    }
    [[nodiscard]] static std::uint64_t seed() noexcept;
};

/// Canonical order for ordered containers (RFC 4034, 6.1).
struct CanonicalLess {
    using is_transparent = void;
    [[nodiscard]] bool operator()(NameView a, NameView b) const noexcept {
        return a.compare(b) < 0;
    }
};

}  // namespace dns
