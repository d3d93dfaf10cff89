#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dns/name.h"
#include "zones/policy_table.h"

namespace zones {

/// What the JSON documents of steering say, checked and in the form that is compiled. Values;
/// parsing lists every fault with a JSON pointer (RFC 6901). JSON itself stays in the .cc.

enum class MemberStatus : std::uint8_t { Obey, Up, Down, Drain };

struct PoolMember {
    std::string id;
    std::optional<std::array<std::uint8_t, 4>> a;
    std::optional<std::array<std::uint8_t, 16>> aaaa;
    std::optional<dns::Name> target;  // of CNAME policies
    std::uint32_t weight = 1;
    MemberStatus status = MemberStatus::Obey;
};

enum class SelectMethod : std::uint8_t { Weighted, All, First, Hash };

struct PoolDocument {
    std::string id;
    bool has_coordinates = false;
    double latitude = 0, longitude = 0;  // degrees
    std::string monitor;
    double min_up = 0.5;  // share of the total weight that must be up
    SelectMethod select = SelectMethod::Weighted;
    std::uint32_t count = 1;  // members in an answer
    std::vector<PoolMember> members;
};

struct PolicyRule {
    enum class When : std::uint8_t { Any, Subnets, Asn, Geo };
    enum class Choose : std::uint8_t { Pools, Nearest, Fastest };

    std::string id;
    When when = When::Any;
    std::vector<base::IpPrefix> subnets;
    std::vector<std::uint32_t> asn;
    std::vector<std::string> geo;  // "EU", "EU-GB", "NA-US-CA"
    Choose choose = Choose::Pools;
    std::vector<std::string> pools;  // in order, or of which nearest and fastest choose
    std::uint32_t limit = 3;         // nearest: pools kept
};

struct PolicyDocument {
    enum class AllDown : std::uint8_t { ServeAll, Pool, ServFail };

    bool cname = false;  // else ADDRESS
    std::uint32_t ttl = 60;
    std::uint32_t ttl_degraded = 60;
    std::string map = "default";
    std::vector<PolicyRule> rules;
    AllDown on_all_down = AllDown::ServeAll;
    std::string all_down_pool;
};

using PolicyFaults = std::vector<PolicyTable::Fault>;

[[nodiscard]] std::optional<PolicyDocument> parse_policy(std::string_view type,
                                                         std::string_view json,
                                                         PolicyFaults& faults);
[[nodiscard]] std::optional<PoolDocument> parse_pool(std::string_view json, PolicyFaults& faults);

}  // namespace zones
