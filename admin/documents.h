#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "admin/problem.h"
#include "dns/name.h"
#include "dns/types.h"
#include "zones/change_set.h"
#include "zones/store.h"

namespace admin {

/// A zone's apex as it stands in a URL or document: absolute with or without the final dot.
[[nodiscard]] base::Result<dns::Name> parse_zone_name(std::string_view text);

/// A name of a zone as it stands in a URL or document: `@` is the apex; at or under the zone a
/// name is absolute even without the final dot; else, without it, relative to the zone.
[[nodiscard]] base::Result<dns::Name> parse_name(std::string_view text, const dns::Name& zone);

/// One segment of a path, percent-encoded (RFC 3986, 3.3).
[[nodiscard]] std::string encode_segment(std::string_view text);
/// "/v1/zones/example.com."
[[nodiscard]] std::string zone_url(const dns::Name& apex);
/// "/v1/zones/example.com./rrsets/www.example.com./A"
[[nodiscard]] std::string rrset_url(const dns::Name& apex, const dns::Name& name, dns::RRType type,
                                    std::string_view view);

/// The parts of a parser share the faults they find; `pointer` is where the document stands.
struct Faults {
    std::vector<Fault> list;
    void add(std::string pointer, std::string message) {
        list.push_back({std::move(pointer), std::move(message)});
    }
    [[nodiscard]] bool none() const noexcept { return list.empty(); }
};

/// Members that nobody knows are faults: a typing mistake must not be taken for consent.
void check_members(const Json& document, const std::vector<std::string_view>& known,
                   const std::string& pointer, Faults& faults);

/// A member that must be there and be a string; else a fault, and null.
[[nodiscard]] const std::string* text_member(const Json& document, const char* key,
                                             const std::string& pointer, Faults& faults);

/// TTL, records, weights, count and hidden of an RRset document. Relative names in rdata are
/// completed with the zone.
[[nodiscard]] zones::RRsetValue parse_rrset_value(const Json& document, const dns::Name& zone,
                                                  dns::RRType type, const std::string& pointer,
                                                  Faults& faults);
/// The records alone, for `add` and `remove`.
[[nodiscard]] std::vector<std::vector<std::uint8_t>> parse_records(const Json& document,
                                                                   const dns::Name& zone,
                                                                   dns::RRType type,
                                                                   const std::string& pointer,
                                                                   Faults& faults);
/// "ttl" of a document, where it is there.
[[nodiscard]] std::optional<std::uint32_t> parse_ttl_member(const Json& document,
                                                            const std::string& pointer,
                                                            Faults& faults);

/// TTL, records, weights, count and hidden.
[[nodiscard]] Json rrset_value_json(dns::RRType type, const zones::RRsetValue& value);
[[nodiscard]] Json rrset_json(const zones::RRsetInfo& rrset, std::string_view view);
/// What every listing shows of a zone.
[[nodiscard]] Json zone_json(const zones::ZoneInfo& zone);
/// A SOA's fields as the zone document has them.
[[nodiscard]] Json soa_json(base::Octets rdata);

/// A zone document for POST, as the operation that creates the zone.
[[nodiscard]] zones::PutZone parse_zone(const Json& document, Faults& faults);

}  // namespace admin
