#include "zones/key.h"

#include <array>

namespace zones {

namespace {

constexpr char kEnd = 0x00;
constexpr char kEscape = 0x01;

/// `put(char)` for each octet of the key of these labels.
template <class Put>
void write_owner(base::Octets owner, Put put) {
    std::array<std::uint8_t, dns::kMaxLabels> offsets;
    std::size_t count = 0;
    for (std::size_t at = 0; at < owner.size() && count < offsets.size(); at += 1U + owner[at]) {
        offsets[count++] = static_cast<std::uint8_t>(at);
    }
    while (count > 0) {
        const std::size_t at = offsets[--count];
        for (const std::uint8_t octet : owner.subspan(at + 1, owner[at])) {
            if (octet <= 1) {
                put(kEscape);
                put(static_cast<char>(octet + 1));
            } else {
                put(static_cast<char>(base::to_lower(octet)));
            }
        }
        put(kEnd);
    }
}

}  // namespace

void append_owner_key(std::string& key, base::Octets relative_owner) {
    write_owner(relative_owner, [&key](char octet) { key.push_back(octet); });
}

std::string canonical_key(dns::NameView name) {
    std::string key;
    append_owner_key(key, name.octets().first(name.size() - 1));
    return key;
}

std::string zone_prefix(ZoneId zone) {
    std::string key;
    base::append_be32(key, zone);
    return key;
}

std::array<KeyRange, 2> zone_ranges(ZoneId first, ZoneId end) {
    return {KeyRange{zone_prefix(first), zone_prefix(end)},
            KeyRange{zone_prefix(hashed_id(first)), zone_prefix(hashed_id(end))}};
}

std::string node_key(ZoneId zone, base::Octets relative_owner) {
    std::string key = zone_prefix(zone);
    append_owner_key(key, relative_owner);
    return key;
}

std::size_t write_node_key(ZoneId zone, base::Octets relative_owner,
                           char (&out)[kMaxNodeKeyOctets]) noexcept {
    std::uint8_t prefix[4];
    base::store_be32(prefix, zone);
    std::size_t size = 0;
    for (const std::uint8_t octet : prefix) out[size++] = static_cast<char>(octet);
    write_owner(relative_owner, [&out, &size](char octet) { out[size++] = octet; });
    return size;
}

std::string rrset_key(std::string_view node_key, dns::RRType type) {
    std::string key(node_key);
    key.push_back(kEnd);
    base::append_be16(key, static_cast<std::uint16_t>(type));
    return key;
}

std::optional<NodeKeyParts> parse_node_key(std::string_view key) {
    if (key.size() < 4 || key.size() > kMaxNodeKeyOctets) return std::nullopt;
    NodeKeyParts parts;
    parts.zone = base::load_be32(base::as_octets(key).data());
    std::vector<std::uint8_t> label;
    bool escaped = false;
    for (const std::uint8_t octet : base::as_octets(key.substr(4))) {
        if (escaped) {
            if (octet != 1 && octet != 2) return std::nullopt;
            label.push_back(static_cast<std::uint8_t>(octet - 1));
            escaped = false;
        } else if (octet == 1) {
            escaped = true;
        } else if (octet != 0) {
            // Written in lower case: anything else would be a second key of one name.
            if (octet != base::to_lower(octet)) return std::nullopt;
            label.push_back(octet);
        } else {
            if (label.empty() || label.size() > dns::kMaxLabelOctets) return std::nullopt;
            label.insert(label.begin(), static_cast<std::uint8_t>(label.size()));
            parts.relative_owner.insert(parts.relative_owner.begin(), label.begin(), label.end());
            label.clear();
        }
    }
    if (escaped || !label.empty() || parts.relative_owner.size() >= dns::kMaxNameOctets) {
        return std::nullopt;
    }
    return parts;
}

std::optional<dns::Name> absolute_owner(base::Octets relative_owner, dns::NameView apex) noexcept {
    const std::size_t size = relative_owner.size() + apex.size();
    if (size > dns::kMaxNameOctets) return std::nullopt;
    std::array<std::uint8_t, dns::kMaxNameOctets> octets;
    std::copy(relative_owner.begin(), relative_owner.end(), octets.begin());
    std::copy(apex.octets().begin(), apex.octets().end(),
              octets.begin() + static_cast<std::ptrdiff_t>(relative_owner.size()));
    return dns::Name(dns::NameView({octets.data(), size}));
}

}  // namespace zones
