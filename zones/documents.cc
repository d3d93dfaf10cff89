#include "zones/documents.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "zones/key.h"
#include "zones/records.h"

namespace zones {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kDefaultViewName = "default";
constexpr std::size_t kMaxViewNameOctets = 63;

/// The object, with no other members than these; else faults.
Json parse_object(std::string_view text, std::initializer_list<std::string_view> members,
                  DocumentFaults& faults) {
    Json document = Json::parse(text, nullptr, false);
    if (!document.is_object()) {
        faults.push_back({"", "must be a JSON object"});
        return Json::object();
    }
    for (const auto& item : document.items()) {
        if (std::find(members.begin(), members.end(), item.key()) == members.end()) {
            faults.push_back({"/" + item.key(), "unknown member"});
        }
    }
    return document;
}

/// A text member; `otherwise` where it is missing, a fault where there is no such value.
std::string text_member(const Json& document, const std::string& name,
                        const std::optional<std::string>& otherwise, DocumentFaults& faults) {
    const auto member = document.find(name);
    if (member == document.end()) {
        if (!otherwise) faults.push_back({"/" + name, "is missing"});
        return otherwise.value_or("");
    }
    if (!member->is_string()) {
        faults.push_back({"/" + name, "must be a string"});
        return "";
    }
    return member->get<std::string>();
}

bool view_name_valid(std::string_view name) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= kMaxViewNameOctets &&
           std::all_of(name.begin(), name.end(), plain);
}

std::map<std::string, std::string> documents_of(Draft& draft, std::string_view kind) {
    const std::string prefix = DocumentRecord::prefix(kind);
    std::map<std::string, std::string> documents;
    for (const Draft::Row& row : draft.all(Family::Config, prefix)) {
        auto record = DocumentRecord::parse(row.second);
        if (record) documents[row.first.substr(prefix.size())] = std::move(record->json);
    }
    return documents;
}

}  // namespace

bool document_kind_known(std::string_view kind) {
    return kind == "views" || kind == "networks" || kind == "keys" || kind == "tokens" ||
           document_steers(kind);
}

bool document_steers(std::string_view kind) {
    return kind == "maps" || kind == "pools" || kind == "monitors";
}

base::Result<View, DocumentFaults> parse_view(std::string_view id, std::string_view json) {
    DocumentFaults faults;
    const Json document = parse_object(json, {"name", "recursion"}, faults);
    View view;
    view.name = text_member(document, "name", std::string(id), faults);
    if (view.name != id) faults.push_back({"/name", "must be the id of the document"});
    if (!view_name_valid(id)) {
        faults.push_back({"/name", "must be 1 to 63 letters, digits, '-', '_' or '.'"});
    }
    if (id == kDefaultViewName) {
        faults.push_back({"/name", "the default view is always there and cannot be changed"});
    }
    const auto recursion = document.find("recursion");
    if (recursion != document.end()) {
        if (recursion->is_boolean()) {
            view.recursion = recursion->get<bool>();
        } else {
            faults.push_back({"/recursion", "must be true or false"});
        }
    }
    if (!faults.empty()) return base::fail(std::move(faults));
    return view;
}

base::Result<NetworkDocument, DocumentFaults> parse_network(std::string_view id,
                                                            std::string_view json) {
    DocumentFaults faults;
    const Json document = parse_object(json, {"prefix", "view"}, faults);
    NetworkDocument network;
    const std::string prefix = text_member(document, "prefix", std::string(id), faults);
    network.view = text_member(document, "view", std::nullopt, faults);
    const auto parsed = base::IpPrefix::parse(prefix);
    if (!parsed) {
        faults.push_back({"/prefix", parsed.error().message});
    } else {
        network.prefix = *parsed;
        if (parsed->to_text() != id) {
            faults.push_back({"/prefix", "the id must be the prefix: " + parsed->to_text()});
        }
    }
    if (!faults.empty()) return base::fail(std::move(faults));
    return network;
}

DocumentFaults check_document(std::string_view kind, std::string_view id, std::string_view json) {
    if (kind == "views") {
        auto view = parse_view(id, json);
        return view ? DocumentFaults{} : std::move(view.error());
    }
    if (kind == "networks") {
        auto network = parse_network(id, json);
        return network ? DocumentFaults{} : std::move(network.error());
    }
    if (kind == "pools") return PolicyTable::check_pool(json);
    if (kind == "maps") return PolicyTable::check_map(json);
    if (kind == "monitors") return PolicyTable::check_monitor(json);
    // Keys and tokens are checked by who uses them; here they are objects.
    const Json document = Json::parse(json, nullptr, false);
    if (!document.is_object()) return {{"", "must be a JSON object"}};
    return {};
}

std::optional<ZoneProperties> parse_zone_properties(std::string_view json) {
    DocumentFaults faults;
    const Json document = parse_object(json, {"soa_edit", "comment"}, faults);
    ZoneProperties properties;
    properties.soa_edit = text_member(document, "soa_edit", std::nullopt, faults);
    properties.comment = text_member(document, "comment", std::nullopt, faults);
    if (!faults.empty()) return std::nullopt;
    return properties;
}

ZoneId parse_data_id(std::string_view json) {
    const Json document = Json::parse(json, nullptr, false);
    if (!document.is_object()) return 0;
    const auto id = document.find("zone_id");
    if (id == document.end() || !id->is_number_unsigned()) return 0;
    const auto number = id->get<std::uint64_t>();
    return number > 0xffffffffU ? 0 : static_cast<ZoneId>(number);
}

ViewDocuments read_views(Draft& draft) {
    ViewDocuments all;
    std::map<std::string, ViewId, std::less<>> ids = {
        {std::string(kDefaultViewName), kDefaultView}};
    const std::string prefix = DocumentRecord::prefix("views");
    for (const Draft::Row& row : draft.all(Family::Config, prefix)) {
        const auto record = DocumentRecord::parse(row.second);
        if (!record) continue;
        auto view = parse_view(row.first.substr(prefix.size()), record->json);
        if (!view) continue;
        view->id = record->number;
        ids[view->name] = view->id;
        all.views.push_back(std::move(*view));
    }
    for (const auto& document : documents_of(draft, "networks")) {
        const auto network = parse_network(document.first, document.second);
        if (!network) continue;
        const auto view = ids.find(network->view);
        if (view == ids.end()) {
            all.orphans.push_back({document.first, network->view});
        } else {
            all.networks.push_back({network->prefix, view->second});
        }
    }
    return all;
}

base::Result<std::shared_ptr<const PolicyTable>> compile_policies(Draft& draft,
                                                                  const GeoDatabases& geo) {
    PolicyDocuments documents;
    documents.pools = documents_of(draft, "pools");
    documents.maps = documents_of(draft, "maps");
    documents.monitors = documents_of(draft, "monitors");
    for (const Draft::Row& row : draft.all(Family::Config, PolicyRecord::prefix())) {
        auto policy = PolicyRecord::parse(row.second);
        if (!policy) return base::fail("the store holds a damaged policy");
        const auto value = draft.get(Family::Zones, ZoneRecord::key(policy->apex));
        const auto zone = value ? ZoneRecord::parse(*value) : std::nullopt;
        if (!zone) continue;  // its zone goes in the same change set
        dns::Name lower = policy->name;
        lower.lower_case();
        const base::Octets owner = relative_owner(lower, policy->apex);
        documents.policies.push_back({zone->id_of(policy->view),
                                      {owner.begin(), owner.end()},
                                      policy->type,
                                      std::move(policy->json)});
    }
    return PolicyTable::compile(documents, geo);
}

}  // namespace zones
