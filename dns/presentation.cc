#include "dns/presentation.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "base/ip.h"
#include "dns/newer_types.h"
#include "dns/nsec.h"
#include "dns/rdata.h"
#include "dns/service_binding.h"

namespace dns {

namespace {

struct FreeRr {
    void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
};
struct FreeBuffer {
    void operator()(ldns_buffer* buffer) const { ldns_buffer_free(buffer); }
};
struct FreeRdf {
    void operator()(ldns_rdf* rdf) const { ldns_rdf_deep_free(rdf); }
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// `\# LENGTH HEX...` (RFC 3597, 5).
Result<std::vector<std::uint8_t>> parse_generic(std::string_view text) {
    std::string digits;
    std::size_t length = 0;
    bool have_length = false;
    std::size_t at = 2;
    while (at < text.size()) {
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        std::size_t end = at;
        while (end < text.size() && text[end] != ' ' && text[end] != '\t') ++end;
        if (end == at) break;
        const std::string_view word = text.substr(at, end - at);
        at = end;
        if (have_length) {
            digits += word;
            continue;
        }
        for (const char c : word) {
            if (c < '0' || c > '9' || length > kMaxMessageOctets) {
                return base::fail("\\# must be followed by the number of octets, at most 65535");
            }
            length = length * 10 + static_cast<std::size_t>(c - '0');
        }
        have_length = true;
    }
    auto octets = base::from_hex(digits);
    if (!octets) return base::fail(octets.error().message);
    if (!have_length || octets->size() != length || length > kMaxMessageOctets) {
        return base::fail("\\# announces " + std::to_string(length) + " octets, but " +
                          std::to_string(octets->size()) + " follow");
    }
    return octets;
}

bool is_generic(std::string_view text) {
    return text.size() >= 2 && text[0] == '\\' && text[1] == '#' &&
           (text.size() == 2 || text[2] == ' ' || text[2] == '\t');
}

/// Types whose rdata is one or more character-strings, and which ldns 1.8.3 does not know.
bool is_strings_type(RRType type) {
    return type == RRType::AVC || type == RRType::NINFO || type == RRType::RESINFO ||
           type == RRType::WALLET || type == RRType::TXT || type == RRType::SPF;
}

bool is_unknown_to_ldns(RRType type) {
    switch (type) {
        case RRType::DOA:
        case RRType::NXT:
        case RRType::UNSPEC:
            return true;
        default: {
            const ldns_rr_descriptor* descriptor =
                ldns_rr_descript(static_cast<std::uint16_t>(type));
            return descriptor == nullptr || descriptor->_type != static_cast<ldns_rr_type>(type) ||
                   is_meta(type);
        }
    }
}

/// One octet at `at`, plain, \X or \DDD; moves `at`. Empty: a bad escape.
std::optional<std::uint8_t> next_octet(std::string_view text, std::size_t& at) {
    if (text[at] != '\\') return static_cast<std::uint8_t>(text[at++]);
    if (at + 1 >= text.size()) return std::nullopt;
    const auto digit = [&](std::size_t i) {
        return i < text.size() && text[i] >= '0' && text[i] <= '9';
    };
    if (!digit(at + 1)) {
        at += 2;
        return static_cast<std::uint8_t>(text[at - 1]);
    }
    if (!digit(at + 2) || !digit(at + 3)) return std::nullopt;
    const int value = (text[at + 1] - '0') * 100 + (text[at + 2] - '0') * 10 + (text[at + 3] - '0');
    if (value > 255) return std::nullopt;
    at += 4;
    return static_cast<std::uint8_t>(value);
}

/// Character-strings, quoted or not (RFC 1035, 5.1).
Result<std::vector<std::uint8_t>> parse_strings(std::string_view text) {
    std::vector<std::uint8_t> out;
    std::size_t at = 0;
    while (at < text.size()) {
        if (text[at] == ' ' || text[at] == '\t') {
            ++at;
            continue;
        }
        const bool quoted = text[at] == '"';
        if (quoted) ++at;
        const std::size_t length_at = out.size();
        out.push_back(0);
        bool closed = !quoted;
        while (at < text.size()) {
            if (quoted && text[at] == '"') {
                ++at;
                closed = true;
                break;
            }
            if (!quoted && (text[at] == ' ' || text[at] == '\t')) break;
            if (!quoted && text[at] == '"') return base::fail("a quote inside a word");
            const auto octet = next_octet(text, at);
            if (!octet) return base::fail("a bad escape (\\X or \\DDD) in a string");
            out.push_back(*octet);
        }
        if (!closed) return base::fail("a quoted string has no end");
        if (quoted && at < text.size() && text[at] != ' ' && text[at] != '\t') {
            return base::fail("text directly after a quoted string");
        }
        const std::size_t length = out.size() - length_at - 1;
        if (length > 255) return base::fail("a string of more than 255 octets; split it");
        out[length_at] = static_cast<std::uint8_t>(length);
    }
    if (out.empty()) return base::fail("at least one string is needed");
    if (out.size() > kMaxMessageOctets) return base::fail("more than 65535 octets of rdata");
    return out;
}

std::string format_strings(Octets rdata) {
    std::string out;
    std::size_t at = 0;
    while (at < rdata.size()) {
        const std::size_t length = rdata[at++];
        out += out.empty() ? "\"" : " \"";
        for (std::size_t i = 0; i < length; ++i) {
            const std::uint8_t c = rdata[at + i];
            if (c == '"' || c == '\\') {
                out.push_back('\\');
                out.push_back(static_cast<char>(c));
            } else if (c >= 0x20 && c < 0x7f) {
                out.push_back(static_cast<char>(c));
            } else {
                out.push_back('\\');
                out.push_back(static_cast<char>('0' + c / 100));
                out.push_back(static_cast<char>('0' + c / 10 % 10));
                out.push_back(static_cast<char>('0' + c % 10));
            }
        }
        out.push_back('"');
        at += length;
    }
    return out;
}

std::string format_generic(Octets rdata) {
    std::string out = "\\# " + std::to_string(rdata.size());
    if (!rdata.empty()) out += " " + base::to_hex(rdata);
    return out;
}

/// The words of `text`, with their escapes; false where there are quotes.
bool split_words(std::string_view text, std::vector<std::string_view>& words) {
    std::size_t at = 0;
    while (at < text.size()) {
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        std::size_t end = at;
        while (end < text.size() && text[end] != ' ' && text[end] != '\t') {
            if (text[end] == '"') return false;
            end += text[end] == '\\' && end + 1 < text.size() ? 2U : 1U;
        }
        if (end > at) words.push_back(text.substr(at, end - at));
        at = end;
    }
    return true;
}

Result<std::uint32_t> parse_number(std::string_view word, std::uint32_t most) {
    std::uint64_t value = 0;
    for (const char c : word) {
        if (c < '0' || c > '9' || value > most) {
            value = std::uint64_t{most} + 1;
            break;
        }
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (word.empty() || value > most) {
        return base::fail("\"" + std::string(word) + "\" is not a number from 0 to " +
                          std::to_string(most));
    }
    return static_cast<std::uint32_t>(value);
}

/// Types made of numbers, names and addresses, which are nearly all of a zone: without ldns, and
/// with names in the case and form in which they were written. Empty: not such a type.
std::optional<Result<std::vector<std::uint8_t>>> parse_common(RRType type, std::string_view text,
                                                              NameView origin) {
    // n: name, s: 16-bit number, t: TTL or 32-bit number, 4 and 6: addresses.
    std::string_view shape;
    switch (type) {
        case RRType::A:
            shape = "4";
            break;
        case RRType::AAAA:
            shape = "6";
            break;
        case RRType::NS:
        case RRType::CNAME:
        case RRType::DNAME:
        case RRType::PTR:
        case RRType::MB:
        case RRType::MG:
        case RRType::MR:
            shape = "n";
            break;
        case RRType::MX:
        case RRType::AFSDB:
        case RRType::RT:
        case RRType::KX:
        case RRType::LP:
            shape = "sn";
            break;
        case RRType::RP:
        case RRType::MINFO:
        case RRType::TALINK:
            shape = "nn";
            break;
        case RRType::SRV:
            shape = "sssn";
            break;
        case RRType::SOA:
            shape = "nnutttt";
            break;
        default:
            return std::nullopt;
    }
    using Out = Result<std::vector<std::uint8_t>>;
    std::vector<std::string_view> words;
    if (!split_words(text, words)) return Out(base::fail("quotes have no place here"));
    if (words.size() != shape.size()) {
        return Out(base::fail(to_text(type) + " wants " + std::to_string(shape.size()) +
                              " fields, not " + std::to_string(words.size())));
    }
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        switch (shape[i]) {
            case 'n': {
                const auto name = Name::parse(words[i], origin);
                if (!name) return Out(base::fail(name.error().message));
                out.insert(out.end(), name->octets().begin(), name->octets().end());
                break;
            }
            case 's': {
                const auto value = parse_number(words[i], 65535);
                if (!value) return Out(base::fail(value.error().message));
                base::append_be16(out, static_cast<std::uint16_t>(*value));
                break;
            }
            case 'u': {
                const auto value = parse_number(words[i], 0xffffffffU);
                if (!value) return Out(base::fail(value.error().message));
                base::append_be32(out, *value);
                break;
            }
            case 't': {
                // 32 bits (RFC 1035, 3.3.13); more than a TTL may have, if written as a number.
                auto value = parse_number(words[i], 0xffffffffU);
                if (!value) value = parse_ttl(words[i]);
                if (!value) return Out(base::fail(value.error().message));
                base::append_be32(out, *value);
                break;
            }
            default: {
                const auto address = base::IpAddress::parse(words[i]);
                if (!address || address->is_v4() != (shape[i] == '4')) {
                    return Out(base::fail("\"" + std::string(words[i]) + "\" is not an IPv" +
                                          shape[i] + " address"));
                }
                out.insert(out.end(), address->octets().begin(), address->octets().end());
            }
        }
    }
    return Out(std::move(out));
}

/// IPSECKEY (RFC 4025, 3): ours, because ldns leaks memory where the text is wrong.
Result<std::vector<std::uint8_t>> parse_ipseckey(std::string_view text, NameView origin) {
    std::vector<std::string_view> words;
    if (!split_words(text, words) || words.size() < 4) {
        return base::fail("IPSECKEY wants precedence, gateway type, algorithm, gateway and key");
    }
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto value = parse_number(words[i], i == 1 ? 3 : 255);
        if (!value) return base::fail(value.error().message);
        out.push_back(static_cast<std::uint8_t>(*value));
    }
    switch (out[1]) {
        case 0:
            if (words[3] != ".") return base::fail("gateway type 0 wants \".\"");
            break;
        case 3: {
            const auto name = Name::parse(words[3], origin);
            if (!name) return base::fail(name.error().message);
            out.insert(out.end(), name->octets().begin(), name->octets().end());
            break;
        }
        default: {
            const auto address = base::IpAddress::parse(words[3]);
            if (!address || address->is_v4() != (out[1] == 1)) {
                return base::fail("the gateway is not of its type");
            }
            out.insert(out.end(), address->octets().begin(), address->octets().end());
        }
    }
    std::string digits;
    for (std::size_t i = 4; i < words.size(); ++i) digits += words[i];
    const auto key = from_base64(digits);
    if (!key) return base::fail("the key is not base64");
    out.insert(out.end(), key->begin(), key->end());
    return out;
}

/// ldns would take what stands after a semicolon for a comment and drop parentheses: the scanner
/// of master files has done with both, so here they are mistakes. Empty: nothing is wrong.
std::string_view line_fault(std::string_view text) {
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\\') {
            if (++at == text.size()) return "a backslash at the end";
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == '\r') {
            return "a carriage return";
        } else if (!quoted && (c == ';' || c == '(' || c == ')')) {
            return "a bare semicolon or parenthesis";
        }
    }
    return quoted ? "a quoted string has no end" : "";
}

/// ldns asks the C library for the names of protocols and services of WKS, which answers from
/// static buffers; all else in it keeps its state to itself.
std::unique_lock<std::mutex> lock_for(RRType type) {
    static std::mutex mutex;
    return type == RRType::WKS ? std::unique_lock<std::mutex>(mutex)
                               : std::unique_lock<std::mutex>();
}

/// All other types by ldns, which wants a whole record line.
Result<std::vector<std::uint8_t>> parse_by_ldns(RRType type, std::string_view text,
                                                NameView origin) {
    if (const std::string_view why = line_fault(text); !why.empty()) {
        return base::fail("rdata with " + std::string(why));
    }
    // Certificate type 0 is reserved (RFC 4398, 2.1); ldns refuses it too, but leaks memory.
    if (type == RRType::CERT && text.find_first_not_of('0') != 0 &&
        text.substr(0, text.find_first_of(" \t")).find_first_not_of('0') ==
            std::string_view::npos) {
        return base::fail("certificate type 0 is reserved");
    }
    const auto lock = lock_for(type);
    const std::string line = ". 0 IN " + to_text(type) + " " + std::string(text);
    ldns_rdf* raw_origin = ldns_dname_new_frm_str(origin.to_text().c_str());
    if (raw_origin == nullptr) return base::fail("the origin cannot be used");
    const std::unique_ptr<ldns_rdf, FreeRdf> origin_rdf(raw_origin);
    ldns_rr* raw = nullptr;
    // ldns may replace *prev; it does so only for owners, and ours is absolute.
    const ldns_status status =
        ldns_rr_new_frm_str(&raw, line.c_str(), 0, origin_rdf.get(), nullptr);
    const std::unique_ptr<ldns_rr, FreeRr> rr(raw);
    if (status != LDNS_STATUS_OK || !rr) {
        return base::fail("\"" + std::string(text) + "\" is no rdata of type " + to_text(type) +
                          ": " + ldns_get_errorstr_by_id(status));
    }
    const std::unique_ptr<ldns_buffer, FreeBuffer> buffer(ldns_buffer_new(kMaxMessageOctets));
    if (!buffer || ldns_rr_rdata2buffer_wire(buffer.get(), rr.get()) != LDNS_STATUS_OK) {
        return base::fail("rdata of type " + to_text(type) + " is too long");
    }
    const std::uint8_t* begin = ldns_buffer_begin(buffer.get());
    return std::vector<std::uint8_t>(begin, begin + ldns_buffer_position(buffer.get()));
}

/// ldns's text of a record's rdata; empty where it cannot show it.
std::string format_by_ldns(RRType type, Octets rdata) {
    const auto lock = lock_for(type);
    std::vector<std::uint8_t> wire = {0};
    base::append_be16(wire, static_cast<std::uint16_t>(type));
    base::append_be16(wire, 1);
    base::append_be32(wire, 0);
    base::append_be16(wire, static_cast<std::uint16_t>(rdata.size()));
    wire.insert(wire.end(), rdata.begin(), rdata.end());
    ldns_rr* raw = nullptr;
    std::size_t position = 0;
    if (ldns_wire2rr(&raw, wire.data(), wire.size(), &position, LDNS_SECTION_ANSWER) !=
            LDNS_STATUS_OK ||
        position != wire.size()) {
        ldns_rr_free(raw);
        return {};
    }
    const std::unique_ptr<ldns_rr, FreeRr> rr(raw);
    std::string out;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr.get()); ++i) {
        char* text = ldns_rdf2str(ldns_rr_rdf(rr.get(), i));
        if (text == nullptr) return {};
        // It ends the salt of NSEC3 with a space of its own.
        if (i > 0 && !out.ends_with(' ')) out += ' ';
        out += text;
        LDNS_FREE(text);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

}  // namespace

Result<std::vector<std::uint8_t>> parse_rdata(RRType type, std::string_view text, NameView origin) {
    text = trimmed(text);
    if (text.find('\0') != std::string_view::npos || text.find('\n') != std::string_view::npos) {
        return base::fail("rdata holds a NUL or a line break");
    }
    Result<std::vector<std::uint8_t>> out;
    if (is_generic(text)) {
        out = parse_generic(text);
    } else if (auto common = parse_common(type, text, origin)) {
        out = std::move(*common);
    } else if (is_strings_type(type)) {
        out = parse_strings(text);
    } else if (type == RRType::SVCB || type == RRType::HTTPS) {
        out = parse_service_binding(text, origin);
    } else if (type == RRType::NSEC) {
        out = parse_nsec(text, origin);
    } else if (type == RRType::IPSECKEY) {
        out = parse_ipseckey(text, origin);
    } else if (is_newer_type(type)) {
        out = parse_newer_type(type, text, origin);
    } else if (is_unknown_to_ldns(type)) {
        return base::fail("rdata of type " + to_text(type) +
                          " is written as \\# LENGTH HEX (RFC 3597)");
    } else {
        out = parse_by_ldns(type, text, origin);
    }
    if (out && !rdata_valid(type, *out)) {
        return base::fail("\"" + std::string(text) + "\" is no rdata of type " + to_text(type));
    }
    return out;
}

std::string format_rdata(RRType type, Octets rdata) {
    if (!rdata_valid(type, rdata)) return format_generic(rdata);
    if (is_strings_type(type)) {
        // Every string must end inside the rdata; rdata_valid looks only at some types.
        std::size_t at = 0;
        while (at < rdata.size()) at += 1U + rdata[at];
        return at == rdata.size() && at > 0 ? format_strings(rdata) : format_generic(rdata);
    }
    switch (type) {
        case RRType::A:
        case RRType::AAAA:
            return base::IpAddress::from_octets(rdata).to_text();
        case RRType::NS:
        case RRType::CNAME:
        case RRType::DNAME:
        case RRType::PTR:
            return rdata_name(type, rdata).to_text();
        case RRType::MX:
            return std::to_string(base::load_be16(rdata.data())) + " " +
                   rdata_name(type, rdata).to_text();
        case RRType::SRV:
            return std::to_string(base::load_be16(rdata.data())) + " " +
                   std::to_string(base::load_be16(&rdata[2])) + " " +
                   std::to_string(base::load_be16(&rdata[4])) + " " +
                   rdata_name(type, rdata).to_text();
        case RRType::SOA: {
            const SoaNumbers soa = soa_numbers(rdata);
            std::string out =
                rdata_name(type, rdata, 0).to_text() + " " + rdata_name(type, rdata, 1).to_text();
            for (const std::uint32_t number :
                 {soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum}) {
                out += " " + std::to_string(number);
            }
            return out;
        }
        case RRType::SVCB:
        case RRType::HTTPS: {
            std::string out = format_service_binding(rdata);
            return out.empty() ? format_generic(rdata) : out;
        }
        case RRType::NSEC: {
            std::string out = format_nsec(rdata);
            return out.empty() ? format_generic(rdata) : out;
        }
        default:
            break;
    }
    if (is_newer_type(type)) {
        std::string out = format_newer_type(type, rdata);
        return out.empty() ? format_generic(rdata) : out;
    }
    if (is_unknown_to_ldns(type)) return format_generic(rdata);
    const std::string text = format_by_ldns(type, rdata);
    if (text.empty()) return format_generic(rdata);
    // What ldns writes is believed only if it reads back to the same octets.
    const auto again = parse_rdata(type, text, NameView());
    const bool same = again && again->size() == rdata.size() &&
                      std::equal(again->begin(), again->end(), rdata.begin());
    return same ? text : format_generic(rdata);
}

std::string format_rrset(NameView owner, RRsetView rrset) {
    std::string out;
    const std::string head =
        owner.to_text() + " " + std::to_string(rrset.ttl()) + " IN " + to_text(rrset.type()) + " ";
    for (const Octets rdata : rrset) out += head + format_rdata(rrset.type(), rdata) + "\n";
    return out;
}

Result<std::uint32_t> parse_ttl(std::string_view text) {
    constexpr std::uint64_t kMost = 0x7fffffff;
    const auto bad = [&] {
        return base::fail("\"" + std::string(text) +
                          "\" is no time to live (seconds up to 2147483647, or 1w2d3h4m5s)");
    };
    std::uint64_t total = 0;
    std::uint64_t number = 0;
    bool digits = false;
    if (text.empty()) return bad();
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            number = number * 10 + static_cast<std::uint64_t>(c - '0');
            digits = true;
            if (number > kMost) return bad();
            continue;
        }
        std::uint64_t unit = 0;
        switch (c) {
            case 's':
            case 'S':
                unit = 1;
                break;
            case 'm':
            case 'M':
                unit = 60;
                break;
            case 'h':
            case 'H':
                unit = 3600;
                break;
            case 'd':
            case 'D':
                unit = 86400;
                break;
            case 'w':
            case 'W':
                unit = 604800;
                break;
            default:
                return bad();
        }
        if (!digits) return bad();
        total += number * unit;
        number = 0;
        digits = false;
        if (total > kMost) return bad();
    }
    total += number;
    if (total > kMost) return bad();
    return static_cast<std::uint32_t>(total);
}

}  // namespace dns
