#include "zones/log_check.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace zones {

namespace {

constexpr std::string_view kNoteMagic = "MERIACK2";
constexpr std::size_t kHeaderOctets = 7;  // of a fragment: CRC, length, type
enum Fragment : std::uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// A write batch begins with the sequence number of its first change and their count. The first
// change puts kWritesKey into the default family: its kind, then key and value with their lengths.
constexpr std::size_t kCountAt = 8;
constexpr std::size_t kFirstChangeAt = 12;
constexpr std::uint8_t kPutInDefault = 1;

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

Tables make_tables() {
    Tables tables{};
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
        std::uint32_t value = octet;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
        }
        tables[0][octet] = value;
    }
    for (std::size_t slice = 1; slice < 8; ++slice) {
        for (std::size_t octet = 0; octet < 256; ++octet) {
            const std::uint32_t before = tables[slice - 1][octet];
            tables[slice][octet] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}

// The database's own numbers are little-endian.
std::uint32_t load_le16(const std::uint8_t* at) {
    return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8;
}
std::uint32_t load_le32(const std::uint8_t* at) {
    return load_le16(at) | load_le16(at + 2) << 16;
}
std::uint64_t load_le64(const std::uint8_t* at) {
    return load_le32(at) | static_cast<std::uint64_t>(load_le32(at + 4)) << 32;
}

std::uint32_t masked(std::uint32_t crc) {
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

/// Whether a whole fragment with the right checksum stands at the beginning.
bool is_fragment(base::Octets at) {
    if (at.size() < kHeaderOctets) return false;
    const std::uint8_t type = at[6];
    if (type < kFull || type > kLast) return false;
    const std::size_t length = load_le16(at.data() + 4);
    if (length > at.size() - kHeaderOctets) return false;
    return load_le32(at.data()) == masked(crc32c(at.subspan(6, length + 1)));
}

}  // namespace

std::uint32_t crc32c(base::Octets octets, std::uint32_t before) noexcept {
    static const Tables kTables = make_tables();
    std::uint32_t crc = ~before;
    const std::uint8_t* at = octets.data();
    std::size_t left = octets.size();
    for (; left >= 8; left -= 8, at += 8) {
        const std::uint32_t low = crc ^ load_le32(at);
        const std::uint32_t high = load_le32(at + 4);
        crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^
              kTables[5][(low >> 16) & 0xff] ^ kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^
              kTables[2][(high >> 8) & 0xff] ^ kTables[1][(high >> 16) & 0xff] ^
              kTables[0][high >> 24];
    }
    for (; left > 0; --left, ++at) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xff];
    return ~crc;
}

std::string Acknowledged::pack() const {
    std::string out(kNoteMagic);
    base::append_be64(out, write);
    for (const End& end : {log, manifest}) {
        base::append_be64(out, end.file);
        base::append_be64(out, end.octets);
    }
    base::append_be32(out, crc32c(base::as_octets(out)));
    return out;
}

std::optional<Acknowledged> Acknowledged::parse(base::Octets octets) {
    if (octets.size() != kOctets || !base::as_text(octets).starts_with(kNoteMagic)) return {};
    const base::Octets what = octets.first(kOctets - 4);
    if (base::load_be32(octets.data() + what.size()) != crc32c(what)) return {};
    const std::uint8_t* at = octets.data() + kNoteMagic.size();
    return Acknowledged{base::load_be64(at),
                        {base::load_be64(at + 8), base::load_be64(at + 16)},
                        {base::load_be64(at + 24), base::load_be64(at + 32)}};
}

void LogCheck::begin(Kind kind, std::uint64_t number) {
    kind_ = kind;
    number_ = number;
    size_ = 0;
    bad_at_.reset();
    in_record_ = false;
}

void LogCheck::add(base::Octets block) {
    std::size_t at = 0;
    while (block.size() - at >= kHeaderOctets) {
        if (is_fragment(block.subspan(at))) {
            const std::size_t length = load_le16(block.data() + at + 4);
            fragment(block[at + 6], block.subspan(at + kHeaderOctets, length), size_ + at);
            at += kHeaderOctets + length;
            continue;
        }
        bad(size_ + at);
        // The length cannot be believed: a record may begin anywhere from here on.
        const auto begins_record = [&](std::size_t place) {
            const std::uint8_t type = block[place + 6];
            return (type == kFull || type == kFirst) && is_fragment(block.subspan(place));
        };
        for (++at; block.size() - at >= kHeaderOctets; ++at) {
            if (begins_record(at)) break;
        }
    }
    // What is left of a whole block is filler; a log that ends there broke off.
    if (at < block.size() && block.size() < kBlockOctets) bad(size_ + at);
    size_ += block.size();
}

void LogCheck::fragment(std::uint8_t type, base::Octets payload, std::uint64_t offset) {
    if (type == kFull || type == kFirst) {
        if (in_record_) bad(record_at_);
        if (bad_at_) damaged(*bad_at_, "is damaged");
        in_record_ = true;
        record_at_ = offset;
        head_size_ = 0;
    } else if (!in_record_) {
        // The rest of a record whose beginning is bad.
        bad(offset);
        return;
    }
    const std::size_t wanted = std::min(payload.size(), kHeadOctets - head_size_);
    std::memcpy(head_ + head_size_, payload.data(), wanted);
    head_size_ += wanted;
    if (type == kFull || type == kLast) record();
}

void LogCheck::record() {
    in_record_ = false;
    if (kind_ == Kind::Manifest) return;
    if (head_size_ < kFirstChangeAt) {
        bad(record_at_);
        return;
    }
    const std::uint64_t count = load_le32(head_ + kCountAt);
    if (count > 0) last_sequence_ = std::max(last_sequence_, load_le64(head_) + count - 1);
    std::string mark(1, static_cast<char>(kPutInDefault));
    mark += static_cast<char>(kWritesKey.size());
    mark += kWritesKey;
    mark += static_cast<char>(kWritesValueOctets);
    const std::string_view change(reinterpret_cast<const char*>(head_) + kFirstChangeAt,
                                  head_size_ - kFirstChangeAt);
    if (head_size_ < kHeadOctets || !change.starts_with(mark)) return;  // of an earlier program
    const std::uint64_t write = base::load_be64(head_ + kFirstChangeAt + mark.size());
    if (last_write_ != 0 && write > last_write_ + 1) {
        damaged(record_at_, "lacks what was written before");
    }
    last_write_ = write;
}

void LogCheck::end() {
    if (in_record_) bad(record_at_);
    in_record_ = false;
    const std::uint64_t good = bad_at_.value_or(size_);
    if (!acknowledged_) return;
    const Acknowledged::End& end =
        kind_ == Kind::Log ? acknowledged_->log : acknowledged_->manifest;
    if (end.file == number_ && good < end.octets) {
        damaged(good, "ends or is damaged before what was acknowledged");
    }
}

void LogCheck::finish() {
    if (acknowledged_ && last_write_ != 0 && last_write_ < acknowledged_->write) {
        damaged(size_, "ends before what was acknowledged");
    }
}

void LogCheck::bad(std::uint64_t offset) {
    in_record_ = false;
    if (!bad_at_ || offset < *bad_at_) bad_at_ = offset;
}

void LogCheck::damaged(std::uint64_t offset, const std::string& why) {
    if (!damage_.empty()) return;
    damage_ = (kind_ == Kind::Log ? "log " : "manifest ") + std::to_string(number_) + ", octet " +
              std::to_string(offset) + ": " + why;
}

}  // namespace zones
