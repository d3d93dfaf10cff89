#include "zones/policy_document.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace zones {

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxTtl = 0x7fffffff;  // RFC 2181, 8
constexpr std::uint64_t kMaxWeight = 1'000'000;
constexpr std::size_t kMaxMembers = 255;
constexpr std::size_t kMaxRules = 1000;

/// One object of a document: each field read once, by name; what is left over is a fault.
class Object {
  public:
    Object(const Json& json, std::string pointer, PolicyFaults& faults)
        : json_(json), pointer_(std::move(pointer)), faults_(faults) {
        if (!json_.is_object()) fault("", "must be an object");
    }
    ~Object() {
        if (!json_.is_object()) return;
        for (const auto& [key, value] : json_.items()) {
            if (known_.count(key) == 0) fault(key, "unknown field");
        }
    }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    /// The field, or null where it is missing.
    const Json* field(const std::string& key, bool required = false) {
        known_.insert(key);
        if (!json_.is_object()) return nullptr;
        const auto found = json_.find(key);
        if (found != json_.end()) return &*found;
        if (required) fault(key, "is missing");
        return nullptr;
    }
    bool text(const std::string& key, std::string& out, bool required = false) {
        const Json* value = field(key, required);
        if (value == nullptr) return false;
        if (!value->is_string()) {
            fault(key, "must be a string");
            return false;
        }
        out = value->get_ref<const std::string&>();
        if (required && out.empty()) fault(key, "must not be empty");
        return true;
    }
    template <class T>
    bool number(const std::string& key, T& out, std::uint64_t low, std::uint64_t high) {
        const Json* value = field(key);
        if (value == nullptr) return false;
        if (!value->is_number_unsigned() || value->get<std::uint64_t>() < low ||
            value->get<std::uint64_t>() > high) {
            fault(key, "must be a whole number from " + std::to_string(low) + " to " +
                           std::to_string(high));
            return false;
        }
        out = static_cast<T>(value->get<std::uint64_t>());
        return true;
    }
    bool texts(const std::string& key, std::vector<std::string>& out, bool required) {
        const Json* value = field(key, required);
        if (value == nullptr) return false;
        if (!value->is_array() || value->empty()) {
            fault(key, "must be a list that is not empty");
            return false;
        }
        for (std::size_t i = 0; i < value->size(); ++i) {
            if ((*value)[i].is_string()) {
                out.push_back((*value)[i].get_ref<const std::string&>());
            } else {
                fault(key + "/" + std::to_string(i), "must be a string");
            }
        }
        return true;
    }
    void fault(const std::string& key, std::string message) {
        faults_.push_back({key.empty() ? pointer_ : pointer_ + "/" + key, std::move(message)});
    }
    [[nodiscard]] const std::string& pointer() const { return pointer_; }
    [[nodiscard]] PolicyFaults& faults() { return faults_; }

  private:
    const Json& json_;
    std::string pointer_;
    PolicyFaults& faults_;
    std::set<std::string> known_;
};

std::optional<Json> parse_json(std::string_view text, PolicyFaults& faults) {
    Json out = Json::parse(text, nullptr, false);
    if (out.is_discarded()) {
        faults.push_back({"", "is not valid JSON"});
        return std::nullopt;
    }
    return out;
}

bool letters(std::string_view text, std::size_t least, std::size_t most, bool digits) {
    if (text.size() < least || text.size() > most) return false;
    for (const char c : text) {
        if (!(c >= 'A' && c <= 'Z') && !(digits && c >= '0' && c <= '9')) return false;
    }
    return true;
}

/// "EU", "EU-GB", "NA-US-CA" (ISO 3166, as octoDNS writes them).
bool is_geo_code(std::string_view code) {
    static constexpr std::string_view kContinents[] = {"AF", "AN", "AS", "EU", "NA", "OC", "SA"};
    bool known = false;
    for (const std::string_view continent : kContinents) known |= code.substr(0, 2) == continent;
    if (!known) return false;
    if (code.size() == 2) return true;
    if (code[2] != '-' || code.size() < 5 || !letters(code.substr(3, 2), 2, 2, false)) return false;
    if (code.size() == 5) return true;
    return code[5] == '-' && letters(code.substr(6), 1, 3, true);
}

void read_when(Object& rule, PolicyRule& out) {
    const Json* when = rule.field("when", true);
    if (when == nullptr) return;
    if (when->is_string() && *when == "any") return;
    if (!when->is_object() || when->size() != 1) {
        rule.fault("when", "must be \"any\" or an object with one of subnets, asn, geo");
        return;
    }
    Object object(*when, rule.pointer() + "/when", rule.faults());
    std::vector<std::string> subnets;
    if (object.texts("subnets", subnets, false)) {
        out.when = PolicyRule::When::Subnets;
        for (std::size_t i = 0; i < subnets.size(); ++i) {
            const auto prefix = base::IpPrefix::parse(subnets[i]);
            if (prefix) {
                out.subnets.push_back(*prefix);
            } else {
                object.fault("subnets/" + std::to_string(i), prefix.error().message);
            }
        }
    }
    if (object.texts("geo", out.geo, false)) {
        out.when = PolicyRule::When::Geo;
        for (std::size_t i = 0; i < out.geo.size(); ++i) {
            if (!is_geo_code(out.geo[i])) {
                object.fault("geo/" + std::to_string(i),
                             "\"" + out.geo[i] + "\" is no geo code (EU, EU-GB, NA-US-CA)");
            }
        }
    }
    if (const Json* asn = object.field("asn")) {
        out.when = PolicyRule::When::Asn;
        if (!asn->is_array() || asn->empty()) object.fault("asn", "must be a list of numbers");
        for (std::size_t i = 0; asn->is_array() && i < asn->size(); ++i) {
            const Json& value = (*asn)[i];
            if (value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffffffU) {
                out.asn.push_back(value.get<std::uint32_t>());
            } else {
                object.fault("asn/" + std::to_string(i), "must be an AS number");
            }
        }
    }
}

void read_choice(Object& rule, PolicyRule& out) {
    const Json* pools = rule.field("pools");
    const Json* nearest = rule.field("nearest");
    const Json* fastest = rule.field("fastest");
    if ((pools != nullptr) + (nearest != nullptr) + (fastest != nullptr) != 1) {
        rule.fault("", "must have one of pools, nearest, fastest");
        return;
    }
    if (pools != nullptr) {
        rule.texts("pools", out.pools, true);
        return;
    }
    out.choose = nearest != nullptr ? PolicyRule::Choose::Nearest : PolicyRule::Choose::Fastest;
    Object object(nearest != nullptr ? *nearest : *fastest,
                  rule.pointer() + (nearest != nullptr ? "/nearest" : "/fastest"), rule.faults());
    object.texts("of", out.pools, true);
    if (nearest != nullptr) {
        object.number("limit", out.limit, 1, kMaxMembers);
    } else {
        out.limit = static_cast<std::uint32_t>(out.pools.size());
    }
}

/// Two rules of equal specificity must not both apply to one client.
void check_overlaps(const PolicyDocument& policy, PolicyFaults& faults) {
    std::map<std::string, std::string> owner_of;  // what a rule matches -> its id
    std::set<std::string> ids;
    int any = 0;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const PolicyRule& rule = policy.rules[i];
        const std::string pointer = "/rules/" + std::to_string(i);
        if (!ids.insert(rule.id).second) {
            faults.push_back({pointer + "/id", "another rule is called \"" + rule.id + "\""});
        }
        std::vector<std::string> keys;
        for (const auto& subnet : rule.subnets) keys.push_back("subnet " + subnet.to_text());
        for (const std::uint32_t asn : rule.asn) keys.push_back("AS " + std::to_string(asn));
        for (const std::string& code : rule.geo) keys.push_back("geo " + code);
        if (rule.when == PolicyRule::When::Any) {
            ++any;
            keys.emplace_back("any");
        }
        for (const std::string& key : keys) {
            const auto [at, fresh] = owner_of.emplace(key, rule.id);
            if (!fresh) {
                faults.push_back({pointer + "/when", "rules \"" + at->second + "\" and \"" +
                                                         rule.id + "\" both match " + key});
            }
        }
    }
    if (any == 0) faults.push_back({"/rules", "a rule with \"when\": \"any\" is needed"});
}

void read_address(Object& object, const std::string& key, base::IpFamily family, std::uint8_t* into,
                  bool& present) {
    std::string text;
    if (!object.text(key, text)) return;
    const auto address = base::IpAddress::parse(text);
    if (!address || address->family() != family) {
        object.fault(key, "\"" + text + "\" is not an address of this family");
        return;
    }
    std::copy(address->octets().begin(), address->octets().end(), into);
    present = true;
}

PoolMember read_member(const Json& json, const std::string& pointer, PolicyFaults& faults) {
    PoolMember out;
    Object object(json, pointer, faults);
    object.text("id", out.id, true);
    std::array<std::uint8_t, 16> raw{};
    bool present = false;
    read_address(object, "A", base::IpFamily::V4, raw.data(), present);
    if (present) {
        out.a.emplace();
        std::copy(raw.begin(), raw.begin() + 4, out.a->begin());
    }
    present = false;
    read_address(object, "AAAA", base::IpFamily::V6, raw.data(), present);
    if (present) out.aaaa = raw;
    std::string target;
    if (object.text("CNAME", target)) {
        const auto name = dns::Name::parse(target);
        if (name) {
            out.target = *name;
        } else {
            object.fault("CNAME", name.error().message);
        }
    }
    if (!out.a && !out.aaaa && !out.target) object.fault("", "needs A, AAAA or CNAME");
    object.number("weight", out.weight, 0, kMaxWeight);
    std::string status = "obey";
    object.text("status", status);
    if (status == "up") {
        out.status = MemberStatus::Up;
    } else if (status == "down") {
        out.status = MemberStatus::Down;
    } else if (status == "drain") {
        out.status = MemberStatus::Drain;
    } else if (status != "obey") {
        object.fault("status", "must be obey, up, down or drain");
    }
    return out;
}

void read_select(Object& pool, PoolDocument& out) {
    const Json* select = pool.field("select");
    if (select == nullptr) return;
    Object object(*select, "/select", pool.faults());
    std::string method = "weighted";
    object.text("method", method, true);
    if (method == "all") {
        out.select = SelectMethod::All;
        out.count = PolicyDecision::kMaxMembers;
    } else if (method == "first") {
        out.select = SelectMethod::First;
    } else if (method == "hash") {
        out.select = SelectMethod::Hash;
    } else if (method != "weighted") {
        object.fault("method", "must be weighted, all, first or hash");
    }
    object.number("count", out.count, 1, PolicyDecision::kMaxMembers);
}

void read_coordinates(Object& pool, PoolDocument& out) {
    const Json* coords = pool.field("coords");
    if (coords == nullptr) return;
    if (!coords->is_array() || coords->size() != 2 || !(*coords)[0].is_number() ||
        !(*coords)[1].is_number()) {
        return pool.fault("coords", "must be [latitude, longitude]");
    }
    out.latitude = (*coords)[0].get<double>();
    out.longitude = (*coords)[1].get<double>();
    out.has_coordinates = true;
    if (std::abs(out.latitude) > 90 || std::abs(out.longitude) > 180) {
        pool.fault("coords", "latitude goes to 90 degrees, longitude to 180");
    }
}

void read_map(const Json& json, PolicyFaults& faults) {
    Object object(json, "", faults);
    std::string ignored;
    object.text("id", ignored);
    if (const Json* databases = object.field("databases")) {
        if (!databases->is_array() || !databases->empty()) {
            object.fault("databases",
                         "maps use the databases of the configuration; lists of their own are "
                         "not built yet, leave it empty");
        }
    }
    if (const Json* rtt = object.field("rtt")) {
        if (!rtt->is_boolean()) object.fault("rtt", "must be true or false");
    }
}

}  // namespace

std::optional<PolicyDocument> parse_policy(std::string_view type, std::string_view json,
                                           PolicyFaults& faults) {
    const std::size_t before = faults.size();
    PolicyDocument out;
    out.cname = type == "CNAME";
    if (!out.cname && type != "ADDRESS") {
        faults.push_back({"/type", "policies are of type ADDRESS or CNAME"});
    }
    const auto parsed = parse_json(json, faults);
    if (!parsed) return std::nullopt;
    {
        Object object(*parsed, "", faults);
        std::string ignored;
        object.text("name", ignored);  // the path of the request says both
        object.text("type", ignored);
        object.text("map", out.map);
        object.number("ttl", out.ttl, 0, kMaxTtl);
        out.ttl_degraded = out.ttl;
        object.number("ttl_degraded", out.ttl_degraded, 0, kMaxTtl);
        const Json* down = object.field("on_all_down");
        if (down != nullptr && down->is_object()) {
            out.on_all_down = PolicyDocument::AllDown::Pool;
            Object inner(*down, "/on_all_down", faults);
            inner.text("pool", out.all_down_pool, true);
        } else if (down != nullptr && *down == "servfail") {
            out.on_all_down = PolicyDocument::AllDown::ServFail;
        } else if (down != nullptr && *down != "serve_all") {
            object.fault("on_all_down", "must be \"serve_all\", \"servfail\" or {\"pool\": id}");
        }
        const Json* rules = object.field("rules", true);
        if (rules != nullptr &&
            (!rules->is_array() || rules->empty() || rules->size() > kMaxRules)) {
            object.fault("rules", "must be a list of 1 to 1000 rules");
        } else if (rules != nullptr) {
            for (std::size_t i = 0; i < rules->size(); ++i) {
                PolicyRule rule;
                Object inner((*rules)[i], "/rules/" + std::to_string(i), faults);
                inner.text("id", rule.id, true);
                read_when(inner, rule);
                read_choice(inner, rule);
                out.rules.push_back(std::move(rule));
            }
        }
    }
    if (faults.size() == before) check_overlaps(out, faults);
    if (faults.size() != before) return std::nullopt;
    return out;
}

std::optional<PoolDocument> parse_pool(std::string_view json, PolicyFaults& faults) {
    const std::size_t before = faults.size();
    const auto parsed = parse_json(json, faults);
    if (!parsed) return std::nullopt;
    PoolDocument out;
    {
        Object object(*parsed, "", faults);
        object.text("id", out.id);
        object.text("monitor", out.monitor);
        read_coordinates(object, out);
        if (const Json* share = object.field("min_up")) {
            if (share->is_number() && share->get<double>() >= 0 && share->get<double>() <= 1) {
                out.min_up = share->get<double>();
            } else {
                object.fault("min_up", "must be a number from 0 to 1");
            }
        }
        read_select(object, out);
        const Json* members = object.field("members", true);
        if (members != nullptr && (!members->is_array() || members->size() > kMaxMembers)) {
            object.fault("members", "must be a list of at most 255 members");
        } else if (members != nullptr) {
            std::set<std::string> ids;
            for (std::size_t i = 0; i < members->size(); ++i) {
                const std::string pointer = "/members/" + std::to_string(i);
                PoolMember member = read_member((*members)[i], pointer, faults);
                if (!ids.insert(member.id).second) {
                    faults.push_back({pointer + "/id", "another member has this id"});
                }
                out.members.push_back(std::move(member));
            }
        }
    }
    if (faults.size() != before) return std::nullopt;
    return out;
}

std::vector<PolicyTable::Fault> PolicyTable::check_policy(std::string_view type,
                                                          std::string_view json) {
    PolicyFaults faults;
    static_cast<void>(parse_policy(type, json, faults));
    return faults;
}

std::vector<PolicyTable::Fault> PolicyTable::check_pool(std::string_view json) {
    PolicyFaults faults;
    static_cast<void>(parse_pool(json, faults));
    return faults;
}

std::vector<PolicyTable::Fault> PolicyTable::check_map(std::string_view json) {
    PolicyFaults faults;
    const auto parsed = parse_json(json, faults);
    if (!parsed) return faults;
    read_map(*parsed, faults);
    return faults;
}

std::vector<PolicyTable::Fault> PolicyTable::check_monitor(std::string_view json) {
    PolicyFaults faults;
    const auto parsed = parse_json(json, faults);
    if (!parsed) return faults;
    faults.push_back({"/type", "monitors are not built yet in this version"});
    return faults;
}

}  // namespace zones
