#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// The records of one owner, class and type (RFC 2181, 5) without the owner, packed:
///
///     type u16 | count u16 | ttl u32 | size u32 | count x ( rdlength u16 | rdata )
///
/// Big-endian; `size` is the octets of all records. Names in rdata are uncompressed, in the case
/// in which they were entered. This one form is stored, cached and copied into answers.
inline constexpr std::size_t kRRsetHeaderOctets = 12;

/// One packed RRset, borrowed. Made from octets that were checked by `check`, or that this
/// process packed itself.
class RRsetView {
  public:
    constexpr RRsetView() noexcept = default;
    explicit RRsetView(const std::uint8_t* at) noexcept : at_(at) {}

    /// The packed RRset at the start of `octets`, or nothing if its counts do not add up.
    /// (The rdata itself is not looked at.)
    [[nodiscard]] static std::optional<RRsetView> check(Octets octets) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
    [[nodiscard]] RRType type() const noexcept { return static_cast<RRType>(base::load_be16(at_)); }
    [[nodiscard]] std::uint16_t count() const noexcept { return base::load_be16(at_ + 2); }
    [[nodiscard]] std::uint32_t ttl() const noexcept { return base::load_be32(at_ + 4); }
    [[nodiscard]] std::size_t records_size() const noexcept { return base::load_be32(at_ + 8); }
    /// The whole packed form.
    [[nodiscard]] Octets octets() const noexcept {
        return {at_, kRRsetHeaderOctets + records_size()};
    }

    /// `for (Octets rdata : rrset)`.
    class Iterator {
      public:
        explicit Iterator(const std::uint8_t* at) noexcept : at_(at) {}
        [[nodiscard]] Octets operator*() const noexcept { return {at_ + 2, base::load_be16(at_)}; }
        Iterator& operator++() noexcept {
            at_ += 2 + base::load_be16(at_);
            return *this;
        }
        friend bool operator==(Iterator, Iterator) = default;

      private:
        const std::uint8_t* at_;
    };
    [[nodiscard]] Iterator begin() const noexcept { return Iterator(at_ + kRRsetHeaderOctets); }
    [[nodiscard]] Iterator end() const noexcept {
        return Iterator(at_ + kRRsetHeaderOctets + records_size());
    }

  private:
    const std::uint8_t* at_ = nullptr;
};

/// One packed RRset, owned; for building and changing, off the hot path.
class RRset {
  public:
    RRset(RRType type, std::uint32_t ttl);
    explicit RRset(RRsetView view) : octets_(view.octets().begin(), view.octets().end()) {}

    [[nodiscard]] RRsetView view() const noexcept { return RRsetView(octets_.data()); }
    [[nodiscard]] RRType type() const noexcept { return view().type(); }
    [[nodiscard]] std::uint16_t count() const noexcept { return view().count(); }
    void set_ttl(std::uint32_t ttl) noexcept { base::store_be32(&octets_[4], ttl); }

    /// False when the record is there already (RFC 2181, 5: duplicates are suppressed), compared
    /// as rdata_equal does, or when 65535 records or 4 GiB would be passed.
    bool add(Octets rdata);
    [[nodiscard]] bool contains(Octets rdata) const noexcept;

    // Of many at once, in time that grows with their number alone: a request may hold hundreds of
    // thousands, and all other changes wait for it.
    using Records = std::span<const std::vector<std::uint8_t>>;
    /// For each of them what `add` would have said.
    std::vector<bool> add_each(Records records);
    /// For each record that was here: is it gone?
    std::vector<bool> remove_each(Records records);

  private:
    bool append(Octets rdata);

    std::vector<std::uint8_t> octets_;
};

}  // namespace dns
