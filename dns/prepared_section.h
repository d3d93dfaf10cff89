#pragma once

#include <array>
#include <cstdint>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// A record composed once for many messages whose questions' names all end with its owner: the SOA
/// of a zone's negative answers. Its compression pointers lead into the end of the question or into
/// itself; MessageWriter::prepared moves them to where that stands in its message. Held in place.
class PreparedSection {
  public:
    static constexpr std::size_t kMaxOctets = 240;
    static constexpr std::size_t kMaxPointers = 4;

    /// False where it would be longer than kMaxOctets; nobody may write it then. `rdata`
    /// uncompressed.
    [[nodiscard]] bool prepare(NameView owner, RRType type, std::uint32_t ttl,
                               Octets rdata) noexcept;

  private:
    friend class MessageWriter;

    struct Pointer {
        std::uint8_t at = 0;         // where it stands in `octets_`
        bool in_question = false;    // else within the section
        std::uint16_t distance = 0;  // of its target: to the question's end, or from the section's
                                     // beginning
    };

    std::uint8_t size_ = 0;
    std::uint8_t pointer_count_ = 0;
    std::array<Pointer, kMaxPointers> pointers_;
    std::array<std::uint8_t, kMaxOctets> octets_;
};

}  // namespace dns
