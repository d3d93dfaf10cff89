#pragma once

#include <array>
#include <cstdint>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// A record, and those that follow it under its owner, composed once for many messages whose
/// questions' names all end with that: the SOA of a zone's negative answers, and its signature.
/// Compression pointers lead into the end of the question or into the section itself;
/// MessageWriter::prepared moves them to where that stands in its message. Held in place.
class PreparedSection {
  public:
    static constexpr std::size_t kMaxOctets = 640;
    static constexpr std::size_t kMaxPointers = 6;

    /// False where it would be longer than kMaxOctets; nobody may write it then. `rdata`
    /// uncompressed.
    [[nodiscard]] bool prepare(NameView owner, RRType type, std::uint32_t ttl,
                               Octets rdata) noexcept;
    /// One more with the same owner, of a type whose rdata is not compressed. False: there is no
    /// room, or it is compressed; nothing has changed.
    [[nodiscard]] bool append(RRType type, std::uint32_t ttl, Octets rdata) noexcept;
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    void clear() noexcept { size_ = 0; }

  private:
    friend class MessageWriter;

    struct Pointer {
        std::uint16_t at = 0;        // where it stands in `octets_`
        bool in_question = false;    // else within the section
        std::uint16_t distance = 0;  // of its target: to the question's end, or from the section's
                                     // beginning
    };

    std::uint16_t size_ = 0;
    std::uint8_t pointer_count_ = 0;
    std::uint8_t records_ = 0;
    std::uint8_t owner_octets_ = 0;  // of a pointer, or of the root
    std::array<Pointer, kMaxPointers> pointers_;
    std::array<std::uint8_t, kMaxOctets> octets_;
};

}  // namespace dns
