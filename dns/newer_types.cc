#include "dns/newer_types.h"

#include <algorithm>

#include "base/ip.h"
#include "dns/service_binding.h"

namespace dns {

namespace {

using Wire = std::vector<std::uint8_t>;
using Words = std::vector<std::string_view>;

constexpr std::size_t kMinZoneDigestOctets = 12;  // RFC 8976, 2.2.4
constexpr std::uint64_t kNotifyScheme = 1;        // RFC 9859, 2.1

Words words_of(std::string_view text) {
    Words words;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t begin = text.find_first_not_of(" \t", at);
        if (begin == text.npos) break;
        at = std::min(text.find_first_of(" \t", begin), text.size());
        words.push_back(text.substr(begin, at - begin));
    }
    return words;
}

/// The words from `index` on as one: digits may be written in groups.
std::string rest_of(const Words& words, std::size_t index) {
    std::string out;
    for (; index < words.size(); ++index) out += words[index];
    return out;
}

/// Numbers in their places, read one after the other; the first that is none is remembered.
class Fields {
  public:
    Fields(const Words& words, Wire& out) : words_(words), out_(out) {}

    std::uint64_t number(std::size_t index, std::size_t octets) {
        const std::uint64_t most = (std::uint64_t{1} << (8 * octets)) - 1;
        std::uint64_t value = 0;
        bool good = !words_[index].empty();
        for (const char c : words_[index]) {
            good = good && c >= '0' && c <= '9';
            if (!good) break;
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
            good = value <= most;
        }
        if (!good) {
            fail("\"" + std::string(words_[index]) + "\" is no number up to " +
                 std::to_string(most));
            return 0;
        }
        append(value, octets);
        return value;
    }
    void append(std::uint64_t value, std::size_t octets) {
        for (std::size_t i = octets; i > 0; --i) {
            out_.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
        }
    }
    void append(Octets octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
    void name(std::string_view text, NameView origin) {
        const auto name = Name::parse(text, origin);
        if (!name) return fail(name.error().message);
        append(name->octets());
    }
    void base64(const std::string& text) {
        const auto octets = from_base64(text);
        if (!octets) return fail("\"" + text + "\" is not base64");
        append(*octets);
    }
    void fail(std::string message) {
        if (fault_.empty()) fault_ = std::move(message);
    }
    [[nodiscard]] Result<Wire> take() {
        if (!fault_.empty()) return base::fail(fault_);
        return std::move(out_);
    }

  private:
    const Words& words_;
    Wire& out_;
    std::string fault_;
};

/// The name that fills `octets`, in text; empty if none does.
std::string name_text(Octets octets) {
    const auto name = NameView::check(octets);
    return name && name->size() == octets.size() ? name->to_text() : std::string();
}

Result<Wire> parse_amtrelay(const Words& words, NameView origin) {
    Wire out;
    Fields fields(words, out);
    (void)fields.number(0, 1);
    const std::uint64_t discovery = fields.number(1, 1);
    const std::uint64_t type = fields.number(2, 1);
    auto read = fields.take();
    if (!read) return read;
    if (discovery > 1 || type > 3) {
        return base::fail("AMTRELAY wants a discovery bit and a relay type up to 3");
    }
    out = {(*read)[0], static_cast<std::uint8_t>(discovery << 7 | type)};
    if (type == 0) {
        if (words[3] != ".") return base::fail("relay type 0 wants \".\"");
        return out;
    }
    if (type == 3) {
        fields.name(words[3], origin);
        return fields.take();
    }
    const auto address = base::IpAddress::parse(words[3]);
    if (!address || address->is_v4() != (type == 1)) {
        return base::fail("the relay is not of its type");
    }
    fields.append(address->octets());
    return fields.take();
}

std::string format_amtrelay(Octets rdata) {
    if (rdata.size() < 2) return {};
    const std::string head = std::to_string(rdata[0]) + " " + std::to_string(rdata[1] >> 7) + " " +
                             std::to_string(rdata[1] & 0x7f) + " ";
    const Octets relay = rdata.subspan(2);
    switch (rdata[1] & 0x7f) {
        case 0:
            return relay.empty() ? head + "." : std::string();
        case 1:
            if (relay.size() != 4) return {};
            return head + base::IpAddress::from_octets(relay).to_text();
        case 2:
            if (relay.size() != 16) return {};
            return head + base::IpAddress::from_octets(relay).to_text();
        case 3: {
            const std::string name = name_text(relay);
            return name.empty() ? name : head + name;
        }
        default:
            return {};
    }
}

Result<Wire> parse_dsync(const Words& words, NameView origin) {
    Wire out;
    Fields fields(words, out);
    const auto type = parse_type(words[0]);
    if (!type) return base::fail("\"" + std::string(words[0]) + "\" is no type");
    fields.append(static_cast<std::uint16_t>(*type), 2);
    if (words[1] == "NOTIFY") {
        fields.append(kNotifyScheme, 1);
    } else {
        (void)fields.number(1, 1);
    }
    (void)fields.number(2, 2);
    fields.name(words[3], origin);
    return fields.take();
}

std::string format_dsync(Octets rdata) {
    if (rdata.size() < 6) return {};
    const std::string name = name_text(rdata.subspan(5));
    if (name.empty()) return {};
    const auto type = static_cast<RRType>(base::load_be16(rdata.data()));
    return to_text(type) + " " +
           (rdata[2] == kNotifyScheme ? std::string("NOTIFY") : std::to_string(rdata[2])) + " " +
           std::to_string(base::load_be16(&rdata[3])) + " " + name;
}

Result<Wire> parse_zonemd(const Words& words) {
    Wire out;
    Fields fields(words, out);
    (void)fields.number(0, 4);
    (void)fields.number(1, 1);
    (void)fields.number(2, 1);
    const auto digest = base::from_hex(rest_of(words, 3));
    if (!digest) return base::fail(digest.error().message);
    if (digest->size() < kMinZoneDigestOctets) {
        fields.fail("a digest has at least 12 octets (RFC 8976, 2.2.4)");
    }
    fields.append(*digest);
    return fields.take();
}

std::string format_zonemd(Octets rdata) {
    if (rdata.size() < 6 + kMinZoneDigestOctets) return {};
    return std::to_string(base::load_be32(rdata.data())) + " " + std::to_string(rdata[4]) + " " +
           std::to_string(rdata[5]) + " " + base::to_hex(rdata.subspan(6));
}

Result<Wire> parse_rkey(const Words& words) {
    Wire out;
    Fields fields(words, out);
    (void)fields.number(0, 2);
    (void)fields.number(1, 1);
    (void)fields.number(2, 1);
    fields.base64(rest_of(words, 3));
    return fields.take();
}

std::string format_rkey(Octets rdata) {
    if (rdata.size() < 5) return {};
    return std::to_string(base::load_be16(rdata.data())) + " " + std::to_string(rdata[2]) + " " +
           std::to_string(rdata[3]) + " " + to_base64(rdata.subspan(4));
}

}  // namespace

bool is_newer_type(RRType type) noexcept {
    return type == RRType::AMTRELAY || type == RRType::DSYNC || type == RRType::ZONEMD ||
           type == RRType::RKEY;
}

Result<Wire> parse_newer_type(RRType type, std::string_view text, NameView origin) {
    const Words words = words_of(text);
    const bool open = type == RRType::ZONEMD || type == RRType::RKEY;
    constexpr std::size_t kFields = 4;
    if (words.size() < kFields || (words.size() > kFields && !open)) {
        return base::fail(to_text(type) + " wants " + std::to_string(kFields) + " fields, not " +
                          std::to_string(words.size()));
    }
    switch (type) {
        case RRType::AMTRELAY:
            return parse_amtrelay(words, origin);
        case RRType::DSYNC:
            return parse_dsync(words, origin);
        case RRType::ZONEMD:
            return parse_zonemd(words);
        default:
            return parse_rkey(words);
    }
}

std::string format_newer_type(RRType type, Octets rdata) {
    switch (type) {
        case RRType::AMTRELAY:
            return format_amtrelay(rdata);
        case RRType::DSYNC:
            return format_dsync(rdata);
        case RRType::ZONEMD:
            return format_zonemd(rdata);
        default:
            return format_rkey(rdata);
    }
}

}  // namespace dns
