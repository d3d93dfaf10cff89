#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "dns/name.h"

namespace zones {

/// Writes stored values: big-endian numbers, texts with their size as u32 before them.
class ValueWriter {
  public:
    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void u16(std::uint16_t value) { base::append_be16(out_, value); }
    void u32(std::uint32_t value) { base::append_be32(out_, value); }
    void u64(std::uint64_t value) { base::append_be64(out_, value); }
    void text(std::string_view value) {
        u32(static_cast<std::uint32_t>(value.size()));
        out_.append(value);
    }
    void name(dns::NameView value) { text(base::as_text(value.octets())); }
    void optional_text(const std::optional<std::string>& value) {
        u8(value ? 1 : 0);
        if (value) text(*value);
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

/// Reads them back. After a read past the end everything is 0 or empty and `complete` is false:
/// look once, at the end.
class ValueReader {
  public:
    explicit ValueReader(std::string_view value) : rest_(value) {}

    [[nodiscard]] std::uint8_t u8() { return take(1) ? last_[0] : std::uint8_t{0}; }
    [[nodiscard]] std::uint16_t u16() {
        return take(2) ? base::load_be16(last_) : std::uint16_t{0};
    }
    [[nodiscard]] std::uint32_t u32() { return take(4) ? base::load_be32(last_) : 0; }
    [[nodiscard]] std::uint64_t u64() { return take(8) ? base::load_be64(last_) : 0; }
    [[nodiscard]] std::string text() {
        const std::uint32_t size = u32();
        return take(size) ? std::string(reinterpret_cast<const char*>(last_), size) : std::string();
    }
    [[nodiscard]] dns::Name name() {
        const std::string octets = text();
        const auto checked = dns::NameView::check(base::as_octets(octets));
        if (!checked || checked->size() != octets.size()) {
            failed_ = true;
            return {};
        }
        return dns::Name(*checked);
    }
    [[nodiscard]] std::optional<std::string> optional_text() {
        if (u8() == 0) return std::nullopt;
        return text();
    }
    /// Nothing was missing and nothing is left.
    [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    bool take(std::size_t size) {
        if (failed_ || size > rest_.size()) {
            failed_ = true;
            return false;
        }
        last_ = reinterpret_cast<const std::uint8_t*>(rest_.data());
        rest_.remove_prefix(size);
        return true;
    }

    std::string_view rest_;
    const std::uint8_t* last_ = nullptr;
    bool failed_ = false;
};

}  // namespace zones
