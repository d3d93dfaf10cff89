#include "dns/service_binding.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/ip.h"
#include "dns/rdata.h"

namespace dns {

namespace {

using Wire = std::vector<std::uint8_t>;

// SvcParamKeys (IANA "DNS SVCB SvcParamKeys"); the index is the number.
constexpr std::string_view kKeys[] = {"mandatory", "alpn",     "no-default-alpn",
                                      "port",      "ipv4hint", "ech",
                                      "ipv6hint",  "dohpath",  "ohttp"};
constexpr std::uint16_t kMandatory = 0;
constexpr std::uint16_t kAlpn = 1;
constexpr std::uint16_t kNoDefaultAlpn = 2;
constexpr std::uint16_t kPort = 3;
constexpr std::uint16_t kIpv4Hint = 4;
constexpr std::uint16_t kEch = 5;
constexpr std::uint16_t kIpv6Hint = 6;
constexpr std::uint16_t kOhttp = 8;
constexpr std::uint16_t kInvalidKey = 65535;  // RFC 9460, 14.3.2

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::uint16_t> number_of(std::string_view text) {
    std::uint32_t value = 0;
    if (text.empty() || text.size() > 5) return std::nullopt;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (value > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

std::optional<std::uint16_t> key_of(std::string_view text) {
    for (std::size_t i = 0; i < std::size(kKeys); ++i) {
        if (kKeys[i] == text) return static_cast<std::uint16_t>(i);
    }
    if (text.substr(0, 3) != "key" || (text.size() > 4 && text[3] == '0')) return std::nullopt;
    const auto number = number_of(text.substr(3));
    return number && *number != kInvalidKey ? number : std::nullopt;
}

std::string key_text(std::uint16_t key) {
    return key < std::size(kKeys) ? std::string(kKeys[key]) : "key" + std::to_string(key);
}

/// A character-string without its quotes and escapes (RFC 9460, Appendix A).
std::optional<std::string> unescape(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"') return std::nullopt;
        if (text[at] != '\\') {
            out.push_back(text[at]);
            continue;
        }
        if (++at == text.size()) return std::nullopt;
        if (text[at] < '0' || text[at] > '9') {
            out.push_back(text[at]);
            continue;
        }
        const auto value = number_of(text.substr(at, 3));
        if (text.size() - at < 3 || !value || *value > 255) return std::nullopt;
        out.push_back(static_cast<char>(*value));
        at += 2;
    }
    return out;
}

/// Splits a value list at its commas; in it `\,` and `\\` stand for the character.
std::optional<std::vector<std::string>> split_list(std::string_view text) {
    std::vector<std::string> out(1);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == ',') {
            out.emplace_back();
            continue;
        }
        if (text[at] == '\\' && ++at == text.size()) return std::nullopt;
        out.back().push_back(text[at]);
    }
    for (const std::string& item : out) {
        if (item.empty()) return std::nullopt;
    }
    return out;
}

/// A value as it goes on the wire; empty where the text is none for this key.
std::optional<Wire> value_of(std::uint16_t key, const std::string& text) {
    Wire out;
    switch (key) {
        case kMandatory:
        case kAlpn:
        case kIpv4Hint:
        case kIpv6Hint: {
            const auto items = split_list(text);
            if (!items) return std::nullopt;
            std::vector<std::uint16_t> keys;
            for (const std::string& item : *items) {
                if (key == kMandatory) {
                    const auto named = key_of(item);
                    if (!named) return std::nullopt;
                    keys.push_back(*named);
                } else if (key == kAlpn) {
                    if (item.size() > 255) return std::nullopt;
                    out.push_back(static_cast<std::uint8_t>(item.size()));
                    out.insert(out.end(), item.begin(), item.end());
                } else {
                    const auto address = base::IpAddress::parse(item);
                    if (!address || address->is_v4() != (key == kIpv4Hint)) return std::nullopt;
                    const Octets octets = address->octets();
                    out.insert(out.end(), octets.begin(), octets.end());
                }
            }
            std::sort(keys.begin(), keys.end());  // ascending on the wire (RFC 9460, 8)
            for (const std::uint16_t named : keys) base::append_be16(out, named);
            return out;
        }
        case kPort: {
            const auto port = number_of(text);
            if (!port) return std::nullopt;
            base::append_be16(out, *port);
            return out;
        }
        case kEch:
            return from_base64(text);
        default:
            return Wire(text.begin(), text.end());
    }
}

/// Is `value` what its key allows (RFC 9460, 7)?
bool value_valid(std::uint16_t key, Octets value) {
    switch (key) {
        case kAlpn: {
            std::size_t at = 0;
            while (at < value.size() && value[at] != 0) at += 1U + value[at];
            return !value.empty() && at == value.size();
        }
        case kNoDefaultAlpn:
        case kOhttp:
            return value.empty();
        case kPort:
            return value.size() == 2;
        case kIpv4Hint:
            return !value.empty() && value.size() % 4 == 0;
        case kIpv6Hint:
            return !value.empty() && value.size() % 16 == 0;
        case kMandatory:
            return !value.empty() && value.size() % 2 == 0;
        case kEch:
            return !value.empty();
        default:
            return key != kInvalidKey;
    }
}

using Params = std::map<std::uint16_t, Wire>;

/// What is wrong with the parameters as a whole, or nothing.
std::string params_fault(const Params& params) {
    for (const auto& [key, value] : params) {
        if (!value_valid(key, value)) return "a bad value of " + key_text(key);
    }
    const auto mandatory = params.find(kMandatory);
    if (mandatory != params.end()) {
        int before = kMandatory;  // never lists itself, and each once (RFC 9460, 8)
        for (std::size_t at = 0; at < mandatory->second.size(); at += 2) {
            const std::uint16_t key = base::load_be16(&mandatory->second[at]);
            if (key <= before) return "mandatory lists itself, or a key twice";
            if (params.count(key) == 0) return "mandatory lists an absent " + key_text(key);
            before = key;
        }
    }
    if (params.count(kNoDefaultAlpn) > 0 && params.count(kAlpn) == 0) {
        return "no-default-alpn without alpn";  // RFC 9460, 7.1.1
    }
    return {};
}

/// Words at blanks outside of quotes, with quotes and escapes. Empty: quotes that do not match.
std::optional<std::vector<std::string_view>> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    std::size_t at = 0;
    while (true) {
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        if (at >= text.size()) return out;
        const std::size_t start = at;
        bool quoted = false;
        while (at < text.size() && (quoted || (text[at] != ' ' && text[at] != '\t'))) {
            if (text[at] == '"') quoted = !quoted;
            if (!quoted && (text[at] == ';' || text[at] == '(' || text[at] == ')')) {
                return std::nullopt;
            }
            if (text[at] == '\\' && ++at == text.size()) return std::nullopt;
            ++at;
        }
        if (quoted) return std::nullopt;
        out.push_back(text.substr(start, at - start));
    }
}

/// Octets as a character-string, quoted where blanks or the like demand it.
std::string escape(std::string_view octets) {
    std::string out;
    bool quotes = octets.empty();
    for (const char c : octets) {
        const auto octet = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (octet >= 0x20 && octet < 0x7f) {
            quotes = quotes || c == ' ' || c == ';' || c == '(' || c == ')';
            out.push_back(c);
        } else {
            out.push_back('\\');
            out.push_back(static_cast<char>('0' + octet / 100));
            out.push_back(static_cast<char>('0' + octet / 10 % 10));
            out.push_back(static_cast<char>('0' + octet % 10));
        }
    }
    return quotes ? "\"" + out + "\"" : out;
}

std::string value_text(std::uint16_t key, const Wire& value) {
    std::string out;
    const auto comma = [&out] {
        if (!out.empty()) out.push_back(',');
    };
    switch (key) {
        case kMandatory:
            for (std::size_t at = 0; at < value.size(); at += 2) {
                comma();
                out += key_text(base::load_be16(&value[at]));
            }
            return out;
        case kAlpn:
            for (std::size_t at = 0; at < value.size(); at += 1U + value[at]) {
                comma();
                for (std::size_t i = 1; i <= value[at]; ++i) {
                    const auto c = static_cast<char>(value[at + i]);
                    if (c == ',' || c == '\\') out.push_back('\\');
                    out.push_back(c);
                }
            }
            return escape(out);
        case kPort:
            return std::to_string(base::load_be16(value.data()));
        case kIpv4Hint:
        case kIpv6Hint: {
            const std::size_t size = key == kIpv4Hint ? 4 : 16;
            for (std::size_t at = 0; at < value.size(); at += size) {
                comma();
                out += base::IpAddress::from_octets(Octets(value).subspan(at, size)).to_text();
            }
            return out;
        }
        case kEch:
            return to_base64(value);
        default:
            return escape(std::string(value.begin(), value.end()));
    }
}

}  // namespace

std::string to_base64(Octets octets) {
    std::string out;
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        const std::size_t have = std::min<std::size_t>(3, octets.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = group << 8 | (i < have ? std::uint32_t{octets[at + i]} : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            out.push_back(i <= have ? kBase64[group >> (18 - 6 * i) & 63] : '=');
        }
    }
    return out;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
        ++padding;
    }
    Wire out;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::size_t digit = 0;
        if (i + padding < text.size()) {
            digit = kBase64.find(text[i]);
            if (digit == std::string_view::npos) return std::nullopt;
        }
        group = group << 6 | static_cast<std::uint32_t>(digit);
        if (i % 4 != 3) continue;
        for (unsigned shift : {16U, 8U, 0U}) {
            out.push_back(static_cast<std::uint8_t>(group >> shift));
        }
        group = 0;
    }
    // Bits beyond the last octet must be 0, or two texts would stand for the same octets.
    for (std::size_t i = 0; i < padding; ++i) {
        if (out.back() != 0) return std::nullopt;
        out.pop_back();
    }
    return out;
}

Result<std::vector<std::uint8_t>> parse_service_binding(std::string_view text, NameView origin) {
    const auto words = words_of(text);
    if (!words) return base::fail("quotes that do not match, or a bare ; ( ) or backslash");
    if (words->size() < 2) return base::fail("a priority and a target name are needed");
    const auto priority = number_of((*words)[0]);
    if (!priority) return base::fail("the priority must be a number from 0 to 65535");
    const auto target = Name::parse((*words)[1], origin);
    if (!target) return base::fail(target.error().message);
    Params params;
    for (std::size_t i = 2; i < words->size(); ++i) {
        const std::string_view word = (*words)[i];
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string_view name = word.substr(0, equals);
        const auto key = key_of(name);
        if (!key) return base::fail("\"" + std::string(name) + "\" is no parameter key");
        std::optional<Wire> value;
        const auto raw = unescape(word.substr(std::min(equals + 1, word.size())));
        // keyNNNNN= takes octets even where the key has a name (RFC 9460, 2.1).
        const bool generic = name.substr(0, 3) == "key";
        if (raw && (generic || raw->empty())) {
            value = Wire(raw->begin(), raw->end());
        } else if (raw) {
            value = value_of(*key, *raw);
        }
        if (!value) return base::fail("a bad value of " + std::string(name));
        if (!params.emplace(*key, std::move(*value)).second) {
            return base::fail(std::string(name) + " stands twice");
        }
    }
    if (const std::string fault = params_fault(params); !fault.empty()) return base::fail(fault);
    Wire out;
    base::append_be16(out, *priority);
    out.insert(out.end(), target->octets().begin(), target->octets().end());
    for (const auto& [key, value] : params) {
        if (out.size() + 4 + value.size() > kMaxMessageOctets) {
            return base::fail("more than 65535 octets of rdata");
        }
        base::append_be16(out, key);
        base::append_be16(out, static_cast<std::uint16_t>(value.size()));
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

std::string format_service_binding(Octets rdata) {
    const NameView target = rdata_name(RRType::SVCB, rdata);
    Params params;
    int before = -1;
    for (Octets left = rdata.subspan(2 + target.size()); !left.empty();) {
        if (left.size() < 4) return {};
        const std::uint16_t key = base::load_be16(left.data());
        const std::size_t size = base::load_be16(&left[2]);
        if (key <= before || left.size() - 4 < size) return {};
        before = key;
        const Octets value = left.subspan(4, size);
        params.emplace(key, Wire(value.begin(), value.end()));
        left = left.subspan(4 + size);
    }
    if (!params_fault(params).empty()) return {};
    std::string out = std::to_string(base::load_be16(rdata.data())) + " " + target.to_text();
    for (const auto& [key, value] : params) {
        out += " " + key_text(key);
        if (!value.empty()) out += "=" + value_text(key, value);
    }
    return out;
}

}  // namespace dns
