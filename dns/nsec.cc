#include "dns/nsec.h"

#include <array>
#include <map>

#include "dns/rdata.h"
#include "dns/types.h"

namespace dns {

namespace {

constexpr std::size_t kWindowOctets = 32;

std::string_view next_word(std::string_view& text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

}  // namespace

Result<std::vector<std::uint8_t>> parse_nsec(std::string_view text, NameView origin) {
    const std::string_view owner = next_word(text);
    auto next = owner == "@" ? Name(origin) : Name::parse(owner, origin);
    if (!next) return base::fail(std::move(next.error()));
    std::map<std::uint8_t, std::array<std::uint8_t, kWindowOctets>> windows;
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
        const auto type = parse_type(word);
        if (!type) return base::fail("\"" + std::string(word) + "\" is no type");
        const auto number = static_cast<std::uint16_t>(*type);
        auto& bits = windows.try_emplace(static_cast<std::uint8_t>(number >> 8)).first->second;
        bits[number % 256 / 8] |= static_cast<std::uint8_t>(0x80 >> number % 8);
    }
    std::vector<std::uint8_t> out(next->octets().begin(), next->octets().end());
    for (const auto& window : windows) {
        std::size_t used = kWindowOctets;
        while (used > 0 && window.second[used - 1] == 0) --used;
        out.push_back(window.first);
        out.push_back(static_cast<std::uint8_t>(used));
        out.insert(out.end(), window.second.begin(),
                   window.second.begin() + static_cast<std::ptrdiff_t>(used));
    }
    return out;
}

std::string format_nsec(Octets rdata) {
    const NameView next = rdata_name(RRType::NSEC, rdata);
    std::string out = next.to_text();
    int last_window = -1;
    for (Octets rest = rdata.subspan(next.size()); !rest.empty();) {
        if (rest.size() < 2 || rest[0] <= last_window || rest[1] == 0 || rest[1] > kWindowOctets ||
            rest.size() < 2U + rest[1] || rest[1U + rest[1]] == 0) {
            return {};
        }
        last_window = rest[0];
        for (unsigned bit = 0; bit < 8U * rest[1]; ++bit) {
            if ((rest[2 + bit / 8] & (0x80 >> bit % 8)) == 0) continue;
            out += " " + to_text(static_cast<RRType>(unsigned{rest[0]} << 8 | bit));
        }
        rest = rest.subspan(2U + rest[1]);
    }
    return out;
}

}  // namespace dns
