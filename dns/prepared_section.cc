#include "dns/prepared_section.h"

#include <cstring>

#include "dns/message_writer.h"
#include "dns/rdata.h"

namespace dns {

namespace {

constexpr std::size_t kFixedOctets = 10;  // type, class, TTL, length

}  // namespace

bool PreparedSection::prepare(NameView owner, RRType type, std::uint32_t ttl,
                              Octets rdata) noexcept {
    // As it stands behind a question for the owner itself.
    size_ = 0;
    pointer_count_ = 0;
    std::array<std::uint8_t, kHeaderOctets + kMaxNameOctets + 4 + kMaxOctets> message;
    MessageWriter writer(message);
    writer.header(0, 0);
    if (!writer.question(owner, type, RRClass::IN)) return false;
    const std::size_t from = writer.size();
    writer.set_limit(from + kMaxOctets);
    if (!writer.record(Section::Authority, owner, type, RRClass::IN, ttl, rdata)) return false;
    const std::size_t name_end = from - 4;  // of the question

    const auto take_name = [&](std::size_t at) {
        for (; message[at] != 0; at += 1U + message[at]) {
            if ((message[at] & 0xc0U) == 0) continue;
            const std::size_t target = base::load_be16(&message[at]) & 0x3fffU;
            const bool in_question = target < name_end;
            pointers_[pointer_count_++] = {
                static_cast<std::uint16_t>(at - from), in_question,
                static_cast<std::uint16_t>(in_question ? name_end - target : target - from)};
            return at + 2;
        }
        return at + 1;
    };
    std::size_t at = take_name(from);
    owner_octets_ = static_cast<std::uint8_t>(at - from);
    at += kFixedOctets;
    const RdataNames layout = rdata_names(type);
    if (layout.compress) {
        if (1U + layout.names > kMaxPointers) return false;
        at += layout.fixed;
        for (unsigned i = 0; i < layout.names; ++i) at = take_name(at);
    }
    size_ = static_cast<std::uint16_t>(writer.size() - from);
    records_ = 1;
    std::memcpy(octets_.data(), &message[from], size_);
    return true;
}

bool PreparedSection::append(RRType type, std::uint32_t ttl, Octets rdata) noexcept {
    const std::size_t more = owner_octets_ + kFixedOctets + rdata.size();
    const bool pointer = owner_octets_ == 2;  // the first there is; the root has none
    if (size_ == 0 || more > kMaxOctets - size_ || rdata_names(type).compress ||
        (pointer && pointer_count_ == kMaxPointers)) {
        return false;
    }
    std::uint8_t* at = &octets_[size_];
    std::memcpy(at, octets_.data(), owner_octets_);
    if (pointer) {
        pointers_[pointer_count_] = pointers_[0];
        pointers_[pointer_count_++].at = size_;
    }
    at += owner_octets_;
    base::store_be16(at, static_cast<std::uint16_t>(type));
    base::store_be16(at + 2, static_cast<std::uint16_t>(RRClass::IN));
    base::store_be32(at + 4, ttl);
    base::store_be16(at + 8, static_cast<std::uint16_t>(rdata.size()));
    std::memcpy(at + kFixedOctets, rdata.data(), rdata.size());
    size_ = static_cast<std::uint16_t>(size_ + more);
    ++records_;
    return true;
}

}  // namespace dns
