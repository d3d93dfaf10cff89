#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace zones {

/// What the location databases know of an address. Texts are borrowed from the databases.
struct Location {
    std::string_view continent;    // "EU"
    std::string_view country;      // "DE" (ISO 3166-1)
    std::string_view subdivision;  // "CA" (ISO 3166-2, without the country)
    std::uint32_t asn = 0;
    bool has_coordinates = false;
    double latitude = 0, longitude = 0;
};

/// MaxMind-format databases, copied into memory first (a file truncated in place must not kill
/// the server). Immutable. Any thread. libmaxminddb stays in geo.cc.
class GeoDatabases {
  public:
    struct Files {
        std::vector<std::string> city;  // any of: location databases (IPv4 and IPv6 may be apart)
        std::vector<std::string> asn;
        /// Paths of each field in a record, tried in order (interface: [geo] *_path).
        std::vector<std::vector<std::string>> country_path = {
            {"country", "iso_code"}, {"registered_country", "iso_code"}, {"country_code"}};
        std::vector<std::vector<std::string>> continent_path = {{"continent", "code"},
                                                                {"continent_code"}};
        std::vector<std::vector<std::string>> subdivision_path = {
            {"subdivisions", "0", "iso_code"}};
        std::vector<std::vector<std::string>> latitude_path = {{"location", "latitude"},
                                                               {"latitude"}};
        std::vector<std::vector<std::string>> longitude_path = {{"location", "longitude"},
                                                                {"longitude"}};
        std::vector<std::vector<std::string>> asn_path = {{"autonomous_system_number"}, {"asn"}};

        friend bool operator==(const Files&, const Files&) = default;
    };

    GeoDatabases();  // none
    ~GeoDatabases();
    GeoDatabases(const GeoDatabases&) = delete;
    GeoDatabases& operator=(const GeoDatabases&) = delete;

    /// Fails with the file's name and why: missing, corrupt (each is verified), no such field.
    [[nodiscard]] static base::Result<std::shared_ptr<const GeoDatabases>> open(const Files& files);

    /// No allocation.
    [[nodiscard]] Location locate(const base::IpAddress& address) const noexcept;
    [[nodiscard]] bool empty() const noexcept;
    /// Every network of every database, as prefixes that do not overlap within one database; for
    /// compiling policies.
    void for_each_network(const std::function<void(const base::IpPrefix&)>& visit) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace zones
