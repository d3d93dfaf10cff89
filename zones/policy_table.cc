#include "zones/policy_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "zones/geo.h"
#include "zones/policy_document.h"
#include "zones/policy_select.h"
#include "zones/prefix_trie.h"

namespace zones {

namespace {

/// The client of a hash selection is its prefix, so that it keeps its member (steering, 3).
constexpr std::uint8_t kHashBitsV4 = 24;
constexpr std::uint8_t kHashBitsV6 = 56;

/// What a rule comes to for one client: its pools in the order in which they are tried.
struct RuleOutcome {
    std::size_t rule = 0;
    std::vector<std::size_t> pools;  // indices into the pools of the table
    friend bool operator==(const RuleOutcome&, const RuleOutcome&) = default;
};

/// A distinct list of rules over a map, compiled; shared by all policies that use it.
struct RuleSet {
    std::vector<PolicyRule> rules;
    std::vector<RuleOutcome> outcomes;
    PrefixTrie v4, v6;
};

struct CompiledPolicy {
    PolicyDocument document;
    std::shared_ptr<const RuleSet> rules;
    std::optional<std::size_t> all_down_pool;
};

double distance(double lat1, double lon1, double lat2, double lon2) {
    const double rad = 3.14159265358979323846 / 180;
    const double a = std::pow(std::sin((lat2 - lat1) * rad / 2), 2) +
                     std::cos(lat1 * rad) * std::cos(lat2 * rad) *
                         std::pow(std::sin((lon2 - lon1) * rad / 2), 2);
    return std::asin(std::min(1.0, std::sqrt(a)));  // in proportion to the great circle
}

}  // namespace

struct PolicyTable::State {
    struct Key {
        ZoneId zone;
        std::vector<std::uint8_t> owner;
    };
    struct View {
        ZoneId zone;
        base::Octets owner;
    };
    struct Hash {
        using is_transparent = void;
        static std::size_t of(ZoneId zone, base::Octets owner) noexcept {
            std::uint64_t hash = 0xcbf29ce484222325ULL ^ zone;
            for (const std::uint8_t octet : owner) {
                hash = (hash ^ base::to_lower(octet)) * 0x100000001b3ULL;
            }
            return static_cast<std::size_t>(hash ^ (hash >> 32));
        }
        std::size_t operator()(const Key& key) const noexcept { return of(key.zone, key.owner); }
        std::size_t operator()(const View& key) const noexcept { return of(key.zone, key.owner); }
    };
    struct Equal {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            return a.zone == b.zone &&
                   std::equal(a.owner.begin(), a.owner.end(), b.owner.begin(), b.owner.end(),
                              [](std::uint8_t x, std::uint8_t y) {
                                  return base::to_lower(x) == base::to_lower(y);
                              });
        }
    };
    struct Entry {
        std::optional<CompiledPolicy> address, cname;
    };

    std::unordered_map<Key, Entry, Hash, Equal> policies;
    std::vector<PoolDocument> pools;
    std::map<std::string, std::size_t, std::less<>> pool_index;
    std::map<std::string, std::shared_ptr<const RuleSet>> rule_sets;  // by map and rules

    base::Result<std::shared_ptr<const RuleSet>> compile_rules(const PolicyDocument& policy,
                                                               const std::string& what,
                                                               const GeoDatabases& geo);
    [[nodiscard]] const CompiledPolicy* find(ZoneId zone, base::Octets owner,
                                             dns::RRType qtype) const noexcept;
};

namespace {

/// The rule for an address: subnet (longest), AS, subdivision, country, continent, any.
class RuleMatcher {
  public:
    explicit RuleMatcher(const std::vector<PolicyRule>& rules) {
        for (std::size_t i = 0; i < rules.size(); ++i) {
            for (const base::IpPrefix& subnet : rules[i].subnets) subnets_.emplace_back(subnet, i);
            for (const std::uint32_t asn : rules[i].asn) asn_.emplace(asn, i);
            for (const std::string& code : rules[i].geo) geo_.emplace(code, i);
            if (rules[i].when == PolicyRule::When::Any) any_ = i;
        }
        std::sort(subnets_.begin(), subnets_.end(),
                  [](const auto& a, const auto& b) { return a.first.length > b.first.length; });
    }
    [[nodiscard]] std::size_t match(const base::IpAddress& address, const Location& at) const {
        for (const auto& [subnet, rule] : subnets_) {
            if (subnet.contains(address)) return rule;
        }
        const auto by_asn = asn_.find(at.asn);
        if (at.asn != 0 && by_asn != asn_.end()) return by_asn->second;
        const std::string continent(at.continent);
        const std::string country = continent + "-" + std::string(at.country);
        for (const std::string& code :
             {country + "-" + std::string(at.subdivision), country, continent}) {
            const auto by_code = geo_.find(code);
            if (by_code != geo_.end()) return by_code->second;
        }
        return any_;
    }

  private:
    std::vector<std::pair<base::IpPrefix, std::size_t>> subnets_;
    std::map<std::uint32_t, std::size_t> asn_;
    std::map<std::string, std::size_t> geo_;
    std::size_t any_ = 0;
};

std::string signature(const PolicyDocument& policy) {
    std::string out = policy.map;
    const auto add = [&out](const std::string& text) { out += '\x1f' + text; };
    for (const PolicyRule& rule : policy.rules) {
        add("rule");
        add(rule.id);
        for (const auto& subnet : rule.subnets) add(subnet.to_text());
        for (const std::uint32_t asn : rule.asn) add(std::to_string(asn));
        for (const std::string& code : rule.geo) add(code);
        add(std::to_string(static_cast<int>(rule.choose)) + "/" + std::to_string(rule.limit));
        for (const std::string& pool : rule.pools) add(pool);
    }
    return out;
}

}  // namespace

base::Result<std::shared_ptr<const RuleSet>> PolicyTable::State::compile_rules(
    const PolicyDocument& policy, const std::string& what, const GeoDatabases& geo) {
    const std::string key = signature(policy);
    const auto known = rule_sets.find(key);
    if (known != rule_sets.end()) return known->second;
    auto out = std::make_shared<RuleSet>();
    out->rules = policy.rules;
    std::vector<std::vector<std::size_t>> pools_of_rule;
    bool looks_at_location = false;
    std::vector<base::IpPrefix> boundaries;
    for (const PolicyRule& rule : policy.rules) {
        std::vector<std::size_t> indices;
        for (const std::string& pool : rule.pools) {
            const auto found = pool_index.find(pool);
            if (found == pool_index.end()) {
                return base::fail(what + ": rule \"" + rule.id + "\" names the pool \"" + pool +
                                  "\", which does not exist");
            }
            if (rule.choose != PolicyRule::Choose::Pools && !pools[found->second].has_coordinates) {
                return base::fail(what + ": rule \"" + rule.id +
                                  "\" wants the distance to pool \"" + pool +
                                  "\", which has no coords");
            }
            indices.push_back(found->second);
        }
        pools_of_rule.push_back(std::move(indices));
        boundaries.insert(boundaries.end(), rule.subnets.begin(), rule.subnets.end());
        looks_at_location |= rule.choose != PolicyRule::Choose::Pools ||
                             rule.when == PolicyRule::When::Asn ||
                             rule.when == PolicyRule::When::Geo;
    }
    if (looks_at_location) {
        geo.for_each_network([&](const base::IpPrefix& prefix) { boundaries.push_back(prefix); });
    }
    const RuleMatcher matcher(policy.rules);
    const auto evaluate = [&](const base::IpAddress& address) -> PrefixTrie::Outcome {
        const Location at = geo.locate(address);
        RuleOutcome outcome;
        outcome.rule = matcher.match(address, at);
        outcome.pools = pools_of_rule[outcome.rule];
        const PolicyRule& rule = policy.rules[outcome.rule];
        // No round-trip time is known to this version, so fastest is nearest (steering, 4).
        if (rule.choose != PolicyRule::Choose::Pools && at.has_coordinates) {
            std::stable_sort(
                outcome.pools.begin(), outcome.pools.end(), [&](std::size_t a, std::size_t b) {
                    return distance(at.latitude, at.longitude, pools[a].latitude,
                                    pools[a].longitude) < distance(at.latitude, at.longitude,
                                                                   pools[b].latitude,
                                                                   pools[b].longitude);
                });
        }
        if (rule.choose != PolicyRule::Choose::Pools && outcome.pools.size() > rule.limit) {
            outcome.pools.resize(rule.limit);
        }
        const auto same = std::find(out->outcomes.begin(), out->outcomes.end(), outcome);
        if (same != out->outcomes.end()) {
            return static_cast<PrefixTrie::Outcome>(same - out->outcomes.begin());
        }
        out->outcomes.push_back(std::move(outcome));
        return static_cast<PrefixTrie::Outcome>(out->outcomes.size() - 1);
    };
    out->v4 = PrefixTrie::build(base::IpFamily::V4, boundaries, evaluate);
    out->v6 = PrefixTrie::build(base::IpFamily::V6, boundaries, evaluate);
    rule_sets.emplace(key, out);
    return std::shared_ptr<const RuleSet>(out);
}

const CompiledPolicy* PolicyTable::State::find(ZoneId zone, base::Octets owner,
                                               dns::RRType qtype) const noexcept {
    const auto found = policies.find(View{zone, owner});
    if (found == policies.end()) return nullptr;
    if (found->second.cname) return &*found->second.cname;
    const bool address = qtype == dns::RRType::A || qtype == dns::RRType::AAAA;
    return address && found->second.address ? &*found->second.address : nullptr;
}

PolicyTable::PolicyTable() : state_(std::make_unique<State>()) {}
PolicyTable::~PolicyTable() = default;

base::Result<std::shared_ptr<const PolicyTable>> PolicyTable::compile(
    const PolicyDocuments& documents, const GeoDatabases& geo) {
    auto out = std::make_shared<PolicyTable>();
    State& state = *out->state_;
    const auto first = [](const PolicyFaults& faults) {
        return (faults.front().pointer.empty() ? "" : faults.front().pointer + " ") +
               faults.front().message;
    };
    for (const auto& [id, json] : documents.pools) {
        PolicyFaults faults;
        auto pool = parse_pool(json, faults);
        if (!pool) return base::fail("pool \"" + id + "\": " + first(faults));
        pool->id = id;
        if (!pool->monitor.empty() && documents.monitors.count(pool->monitor) == 0) {
            return base::fail("pool \"" + id + "\" names the monitor \"" + pool->monitor +
                              "\", which does not exist");
        }
        state.pool_index.emplace(id, state.pools.size());
        state.pools.push_back(std::move(*pool));
    }
    for (const PolicyDocuments::Policy& source : documents.policies) {
        const std::string what = source.type + " policy";
        PolicyFaults faults;
        auto document = parse_policy(source.type, source.json, faults);
        if (!document) return base::fail(what + ": " + first(faults));
        if (document->map != "default" && documents.maps.count(document->map) == 0) {
            return base::fail(what + " names the map \"" + document->map +
                              "\", which does not exist");
        }
        CompiledPolicy compiled;
        if (document->on_all_down == PolicyDocument::AllDown::Pool) {
            const auto pool = state.pool_index.find(document->all_down_pool);
            if (pool == state.pool_index.end()) {
                return base::fail(what + ": on_all_down names the pool \"" +
                                  document->all_down_pool + "\", which does not exist");
            }
            compiled.all_down_pool = pool->second;
        }
        auto rules = state.compile_rules(*document, what, geo);
        if (!rules) return base::fail(rules.error().message);
        compiled.rules = std::move(*rules);
        compiled.document = std::move(*document);
        State::Entry& entry = state.policies[State::Key{source.zone, source.relative_owner}];
        (compiled.document.cname ? entry.cname : entry.address) = std::move(compiled);
    }
    return std::shared_ptr<const PolicyTable>(std::move(out));
}

bool PolicyTable::has(ZoneId zone, base::Octets relative_owner, dns::RRType qtype) const noexcept {
    return state_->find(zone, relative_owner, qtype) != nullptr;
}

std::size_t PolicyTable::size() const noexcept {
    return state_->policies.size();
}

bool PolicyTable::decide(ZoneId zone, base::Octets relative_owner, dns::RRType qtype,
                         const base::IpAddress& client, unsigned client_length,
                         const HealthSnapshot& health, base::RandomSource& random,
                         PolicyDecision& out) const noexcept {
    const CompiledPolicy* policy = state_->find(zone, relative_owner, qtype);
    if (policy == nullptr) return false;
    const RuleSet& rules = *policy->rules;
    const PrefixTrie::Found found = (client.is_v4() ? rules.v4 : rules.v6).find(client);
    const RuleOutcome& outcome = rules.outcomes[found.outcome];
    out = PolicyDecision{};
    out.scope_length = found.depth;
    out.rule = rules.rules[outcome.rule].id;
    out.ttl = policy->document.ttl;

    const MemberKind kind = policy->document.cname       ? MemberKind::Target
                            : qtype == dns::RRType::AAAA ? MemberKind::Aaaa
                                                         : MemberKind::A;
    const std::uint8_t hash_bits = client.is_v4() ? kHashBitsV4 : kHashBitsV6;
    const PoolDocument* chosen = nullptr;
    const PoolDocument* fallback = nullptr;  // the first that has a member of this kind at all
    for (const std::size_t index : outcome.pools) {
        const PoolDocument& pool = state_->pools[index];
        const PoolHealth state = pool_health(pool, kind, health);
        if (state.any_down) out.ttl = policy->document.ttl_degraded;
        if (pool.select == SelectMethod::Hash) {
            out.scope_length = std::max(out.scope_length, hash_bits);
        }
        if (state.members == 0) continue;
        if (fallback == nullptr) fallback = &pool;
        if (chosen == nullptr && state.up && state.available > 0) chosen = &pool;
    }
    Candidates which = Candidates::Up;
    if (chosen == nullptr) {
        switch (policy->document.on_all_down) {
            case PolicyDocument::AllDown::ServFail:
                out.servfail = fallback != nullptr;
                return true;
            case PolicyDocument::AllDown::Pool:
                chosen = &state_->pools[*policy->all_down_pool];
                break;
            case PolicyDocument::AllDown::ServeAll:
                chosen = fallback;
                break;
        }
        which = Candidates::All;
        if (chosen == nullptr) return true;  // nobody has an address of this family: NODATA
    }
    out.pool = chosen->id;
    select_members(*chosen, kind, which, health,
                   client.masked(std::min<unsigned>(hash_bits, client_length)), random, out);
    return true;
}

}  // namespace zones
