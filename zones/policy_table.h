#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/random.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/types.h"
#include "zones/ids.h"

namespace zones {

class GeoDatabases;  // zones/geo.h

/// Documents (JSON text, `../docs` names the fields) a table is compiled from. Keys of policies:
/// zone variant and relative owner (as NodeView::relative_owner, lower case) and type
/// ("ADDRESS" or "CNAME").
struct PolicyDocuments {
    struct Policy {
        ZoneId zone = 0;
        std::vector<std::uint8_t> relative_owner;
        std::string type;
        std::string json;
    };
    std::vector<Policy> policies;
    std::map<std::string, std::string> pools;     // id -> JSON
    std::map<std::string, std::string> maps;      // id -> JSON
    std::map<std::string, std::string> monitors;  // id -> JSON
};

/// Up or down as the probes last saw it; by pool and member. Absent means up. Immutable snapshot,
/// posted to each loop: health is not a revision.
struct HealthSnapshot {
    struct Member {
        bool up_v4 = true;
        bool up_v6 = true;
    };
    std::map<std::pair<std::string, std::string>, Member, std::less<>> members;
};

/// What a policy chose for one client.
struct PolicyDecision {
    static constexpr std::size_t kMaxMembers = 32;
    const std::uint8_t* addresses[kMaxMembers] = {};  // rdata of A (4) or AAAA (16), borrowed
    std::uint8_t member_indices[kMaxMembers] = {};
    std::uint8_t count = 0;             // 0: NODATA for this family
    bool servfail = false;              // on_all_down: servfail
    const dns::Name* target = nullptr;  // a CNAME policy's member
    std::uint32_t ttl = 0;
    std::uint8_t scope_length = 0;  // ECS scope for the address family evaluated
    std::string_view rule;          // borrowed from the table
    std::string_view pool;
    std::string_view member;  // the first chosen
};

/// All policies of one revision, compiled (see zones/README.md and steering): each distinct rule
/// set over a map is one longest-prefix trie whose neighbouring leaves with equal outcome are
/// joined; the depth of the leaf is the ECS scope. Immutable. Any thread.
class PolicyTable {
  public:
    PolicyTable();  // no policies
    ~PolicyTable();
    PolicyTable(const PolicyTable&) = delete;
    PolicyTable& operator=(const PolicyTable&) = delete;

    /// Compiles everything. An error names the policy and the fault; documents that were accepted
    /// before do not fail because a database went away (geo rules then do not match).
    [[nodiscard]] static base::Result<std::shared_ptr<const PolicyTable>> compile(
        const PolicyDocuments& documents, const GeoDatabases& geo);
    /// Checks one document on its own for the API, listing all faults with JSON pointers.
    struct Fault {
        std::string pointer;
        std::string message;
    };
    [[nodiscard]] static std::vector<Fault> check_policy(std::string_view type,
                                                         std::string_view json);
    [[nodiscard]] static std::vector<Fault> check_pool(std::string_view json);
    [[nodiscard]] static std::vector<Fault> check_map(std::string_view json);
    [[nodiscard]] static std::vector<Fault> check_monitor(std::string_view json);

    /// Does a policy answer for this owner and qtype? CNAME policies answer for every type.
    [[nodiscard]] bool has(ZoneId zone, base::Octets relative_owner,
                           dns::RRType qtype) const noexcept;
    /// Evaluates: a pure function of client, health and chance. `client` is the ECS prefix's
    /// address or the transport source; `client_length` its known bits. False: no policy here.
    /// No allocation.
    [[nodiscard]] bool decide(ZoneId zone, base::Octets relative_owner, dns::RRType qtype,
                              const base::IpAddress& client, unsigned client_length,
                              const HealthSnapshot& health, base::RandomSource& random,
                              PolicyDecision& out) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace zones
