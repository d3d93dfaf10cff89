#include "admin/change_plan.h"

#include <algorithm>

#include "dns/presentation.h"
#include "dns/rdata.h"

namespace admin {

namespace {

using Layer = DocumentSet::Layer;
using Zone = DocumentSet::Zone;
using PlanPart = ChangePlan::Part;
using dns::RRType;

std::string tag_of(zones::Revision revision) {
    return '"' + std::to_string(revision) + "-j\"";
}

Json element(const char* method, std::string path) {
    Json out = Json::object();
    out.set("method", method).set("path", std::move(path));
    return out;
}

void add(PlanPart& part, Json write) {
    part.octets += write.dump().size() + 1;
    part.writes.push_back(std::move(write));
}

const zones::RRsetValue* find_rrset(const Layer& layer, const dns::Name& name, RRType type) {
    if (!layer.rrsets) return nullptr;
    const auto found = layer.rrsets->find({name, type});
    return found == layer.rrsets->end() ? nullptr : &found->second;
}

// As a server tells that a zone was signed elsewhere: by DNSKEY and RRSIG at its apex.
bool is_signed(const Zone& zone) {
    return find_rrset(zone.own, zone.apex, RRType::DNSKEY) != nullptr &&
           find_rrset(zone.own, zone.apex, RRType::RRSIG) != nullptr;
}

// The serial is the server's: a zone that is there goes on with its own, unless the operator, or
// who signed the zone, keeps it.
zones::RRsetValue with_serial_of(zones::RRsetValue soa, const zones::RRsetValue& there) {
    if (soa.records.size() != 1 || there.records.size() != 1) return soa;
    constexpr std::size_t kSerial = 20;  // octets from the end (RFC 1035, 3.3.13)
    std::vector<std::uint8_t>& rdata = soa.records.front();
    base::store_be32(&rdata[rdata.size() - kSerial],
                     dns::soa_numbers(there.records.front()).serial);
    return soa;
}

class Planner {
  public:
    Planner(const DocumentSet& wanted, const DocumentSet& there, bool prune)
        : wanted_(wanted), there_(there), prune_(prune) {}

    base::Result<ChangePlan> run() {
        for (const std::string_view kind : DocumentSet::kKinds) put_documents(kind);
        for (const auto& zone : wanted_.zones) {
            if (auto put = put_zone(zone.second); !put) return base::fail(put.error().message);
        }
        if (!prune_) return std::move(plan_);
        remove_zones();
        for (std::size_t i = std::size(DocumentSet::kKinds); i-- > 0;) {
            remove_documents(DocumentSet::kKinds[i]);
        }
        return std::move(plan_);
    }

  private:
    static const DocumentSet::Document* find_document(const DocumentSet& set, std::string_view kind,
                                                      const std::string& id) {
        const auto of_kind = set.documents.find(kind);
        if (of_kind == set.documents.end()) return nullptr;
        const auto found = of_kind->second.find(id);
        return found == of_kind->second.end() ? nullptr : &found->second;
    }

    void put_documents(std::string_view kind) {
        const auto of_kind = wanted_.documents.find(kind);
        if (of_kind == wanted_.documents.end()) return;
        for (const auto& one : of_kind->second) {
            const DocumentSet::Document* before = find_document(there_, kind, one.first);
            if (before != nullptr && same_document(before->value, one.second.value)) continue;
            PlanPart part;
            part.subject = std::string(kind) + ' ' + one.first;
            part.file = one.second.file;
            Json write =
                element("PUT", "/v1/" + std::string(kind) + '/' + encode_segment(one.first));
            if (before == nullptr) {
                write.set("if_none_match", "*");
            } else {
                write.set("if_match", tag_of(before->revision));
            }
            add(part, std::move(write.set("body", one.second.value)));
            ++(before == nullptr ? plan_.created : plan_.changed);
            plan_.parts.push_back(std::move(part));
        }
    }

    void remove_documents(std::string_view kind) {
        const auto of_kind = there_.documents.find(kind);
        if (of_kind == there_.documents.end()) return;
        if (wanted_.documents.find(kind) == wanted_.documents.end()) return;
        for (const auto& one : of_kind->second) {
            if (find_document(wanted_, kind, one.first) != nullptr) continue;
            PlanPart part;
            part.subject = std::string(kind) + ' ' + one.first;
            Json write =
                element("DELETE", "/v1/" + std::string(kind) + '/' + encode_segment(one.first));
            add(part, std::move(write.set("if_match", tag_of(one.second.revision))));
            ++plan_.removed;
            plan_.parts.push_back(std::move(part));
        }
    }

    void remove_zones() {
        if (!wanted_.zones_told) return;
        for (const auto& zone : there_.zones) {
            if (wanted_.zones.count(zone.first) != 0) continue;
            PlanPart part;
            part.subject = zone.first.to_text();
            Json write = element("DELETE", zone_url(zone.first));
            add(part, std::move(write.set("if_match", tag_of(zone.second.revision))));
            ++plan_.removed;
            plan_.parts.push_back(std::move(part));
        }
    }

    base::Result<void> put_zone(const Zone& zone) {
        const auto found = there_.zones.find(zone.apex);
        const Zone* before = found == there_.zones.end() ? nullptr : &found->second;
        if (before != nullptr && before->view != zone.view) {
            return base::fail(zone.file + ": " + zone.apex.to_text() +
                              " is a zone of another view on the server; delete it there first");
        }
        PlanPart part;
        part.subject = zone.apex.to_text();
        part.file = zone.file;
        part.revision = before == nullptr ? 0 : before->revision;
        const bool fits = before == nullptr ? create(part, zone) : change(part, zone, *before);
        if (!fits && !zone.own.rrsets) {
            return base::fail(zone.file + ": what is to be changed in " + zone.apex.to_text() +
                              " is too much for one change set");
        }
        if (!fits) whole(part, zone, before);
        if (part.writes.empty() && part.whole == nullptr) return {};
        ++(before == nullptr ? plan_.created : plan_.changed);
        plan_.parts.push_back(std::move(part));
        return {};
    }

    // Each of these says whether it can be done by single writes.

    bool create(PlanPart& part, const Zone& zone) const {
        if (is_signed(zone)) return false;
        add(part, creation_of(zone));
        layers(part, zone, nullptr, true);
        return part.octets <= ChangePlan::kMaxOctets;
    }

    static Json creation_of(const Zone& zone) {
        Json document = Json::object();
        document.set("name", zone.apex.to_text());
        if (!zone.view.empty()) document.set("view", zone.view);
        if (zone.soa_edit) document.set("soa_edit", *zone.soa_edit);
        if (zone.comment) document.set("comment", *zone.comment);
        Json servers = Json::array();
        if (const auto* ns = find_rrset(zone.own, zone.apex, RRType::NS)) {
            for (const auto& rdata : ns->records) {
                servers.push(dns::format_rdata(RRType::NS, rdata));
            }
        }
        document.set("ns", std::move(servers));
        const auto* soa = find_rrset(zone.own, zone.apex, RRType::SOA);
        if (soa != nullptr && !soa->records.empty()) {
            document.set("soa", soa_json(soa->records.front()));
        }
        return element("POST", "/v1/zones").set("body", std::move(document));
    }

    bool change(PlanPart& part, const Zone& zone, const Zone& before) const {
        if ((before.signed_elsewhere || is_signed(zone)) && own_differs(zone, before)) {
            return false;
        }
        Json properties = changed_properties(zone, before);
        PlanPart rest = part;
        layers(rest, zone, &before, true);
        if (properties.members().empty() && rest.writes.empty()) return true;
        // It also asks that nobody has changed the zone since it was read.
        Json guard = element("PATCH", zone_url(zone.apex));
        guard.set("if_match", tag_of(before.revision));
        add(part, std::move(guard.set("body", std::move(properties))));
        part.octets += rest.octets;
        for (Json& write : rest.writes) part.writes.push_back(std::move(write));
        return part.octets <= ChangePlan::kMaxOctets;
    }

    static Json changed_properties(const Zone& zone, const Zone& before) {
        Json out = Json::object();
        if (zone.soa_edit && zone.soa_edit != before.soa_edit) out.set("soa_edit", *zone.soa_edit);
        if (zone.comment && zone.comment != before.comment) out.set("comment", *zone.comment);
        return out;
    }

    // The zone's own data by PUT, and what views lay over it by the part's writes.
    static void whole(PlanPart& part, const Zone& zone, const Zone* before) {
        part.whole = &zone;
        if (before != nullptr) part.soa = find_rrset(before->own, zone.apex, RRType::SOA);
        part.writes.clear();
        part.octets = 0;
        if (before == nullptr && !zone.view.empty()) {
            // PUT makes zones of everybody; this one is made first.
            part.before_whole = creation_of(zone);
        }
        layers(part, zone, before, false);
    }

    static bool keeps_serial(const Zone& zone, const Zone& before) {
        return zone.soa_edit.value_or(before.soa_edit.value_or("")) == "keep" ||
               before.signed_elsewhere;
    }

    // What an RRset is to be, when it is not what there is.
    static std::optional<zones::RRsetValue> changed_rrset(const Zone& zone, const Zone* before,
                                                          const Layer* there,
                                                          const DocumentSet::RRsetKey& key,
                                                          const zones::RRsetValue& value) {
        const auto* old = there == nullptr ? nullptr : find_rrset(*there, key.first, key.second);
        if (old == nullptr) return value;
        zones::RRsetValue wanted = value;
        if (key.second == RRType::SOA && !keeps_serial(zone, *before)) {
            wanted = with_serial_of(std::move(wanted), *old);
        }
        if (same_rrset(wanted, *old)) return std::nullopt;
        return wanted;
    }

    static bool own_differs(const Zone& zone, const Zone& before) {
        if (!zone.own.rrsets || !before.own.rrsets) return false;
        if (zone.own.rrsets->size() != before.own.rrsets->size()) return true;
        return std::any_of(zone.own.rrsets->begin(), zone.own.rrsets->end(), [&](const auto& one) {
            return changed_rrset(zone, &before, &before.own, one.first, one.second).has_value();
        });
    }

    // `own`: also the zone's own RRsets, not only policies and overlays.
    static void layers(PlanPart& part, const Zone& zone, const Zone* before, bool own) {
        Json operations = Json::array();
        if (own) {
            rrsets(operations, zone, before, zone.own, before == nullptr ? nullptr : &before->own,
                   "");
        }
        if (zone.overlays) {
            for (const auto& overlay : *zone.overlays) {
                rrsets(operations, zone, before, overlay.second,
                       find_overlay(before, overlay.first), overlay.first);
            }
            for (const auto& gone : lost_overlays(zone, before)) {
                rrsets(operations, zone, before, Layer{kNoRRsets, std::nullopt},
                       find_overlay(before, gone), gone);
            }
        }
        if (!operations.items().empty()) {
            Json write = element("PATCH", zone_url(zone.apex) + "/rrsets");
            add(part, std::move(write.set("body", std::move(operations))));
        }
        policies(part, zone, zone.own, before == nullptr ? nullptr : &before->own, "");
        if (!zone.overlays) return;
        for (const auto& overlay : *zone.overlays) {
            policies(part, zone, overlay.second, find_overlay(before, overlay.first),
                     overlay.first);
        }
        for (const auto& gone : lost_overlays(zone, before)) {
            policies(part, zone, Layer{std::nullopt, kNoPolicies}, find_overlay(before, gone),
                     gone);
        }
    }

    static const Layer* find_overlay(const Zone* zone, const std::string& view) {
        if (zone == nullptr || !zone->overlays) return nullptr;
        const auto found = zone->overlays->find(view);
        return found == zone->overlays->end() ? nullptr : &found->second;
    }

    // Views that lie over the zone on the server, and not in its document.
    static std::vector<std::string> lost_overlays(const Zone& zone, const Zone* before) {
        std::vector<std::string> out;
        if (before == nullptr || !before->overlays) return out;
        for (const auto& overlay : *before->overlays) {
            if (zone.overlays->count(overlay.first) == 0) out.push_back(overlay.first);
        }
        return out;
    }

    static Json operation(const char* op, const DocumentSet::RRsetKey& key,
                          const std::string& view) {
        Json out = Json::object();
        out.set("op", op).set("name", key.first.to_text()).set("type", dns::to_text(key.second));
        if (!view.empty()) out.set("view", view);
        return out;
    }

    static void rrsets(Json& operations, const Zone& zone, const Zone* before, const Layer& layer,
                       const Layer* there, const std::string& view) {
        if (!layer.rrsets) return;
        for (const auto& one : *layer.rrsets) {
            const auto value = changed_rrset(zone, before, there, one.first, one.second);
            if (!value) continue;
            Json put = operation("put", one.first, view);
            const Json said = rrset_value_json(one.first.second, *value);
            for (const Json::Member& member : said.members()) put.set(member.key, member.value);
            operations.push(std::move(put));
        }
        if (there == nullptr || !there->rrsets) return;
        for (const auto& one : *there->rrsets) {
            if (layer.rrsets->count(one.first) != 0) continue;
            // A zone has a SOA; a document without one leaves it as it is.
            if (one.first.second == RRType::SOA && view.empty()) continue;
            operations.push(operation("delete", one.first, view));
        }
    }

    static void policies(PlanPart& part, const Zone& zone, const Layer& layer, const Layer* there,
                         const std::string& view) {
        if (!layer.policies) return;
        const auto url = [&](const DocumentSet::PolicyKey& key) {
            return zone_url(zone.apex) + "/policies/" + encode_segment(key.first.to_text()) + '/' +
                   encode_segment(key.second) +
                   (view.empty() ? "" : "?view=" + encode_segment(view));
        };
        const bool known = there != nullptr && there->policies;
        for (const auto& one : *layer.policies) {
            if (known) {
                const auto old = there->policies->find(one.first);
                if (old != there->policies->end() && same_document(old->second, one.second)) {
                    continue;
                }
            }
            add(part, std::move(element("PUT", url(one.first)).set("body", one.second)));
        }
        if (!known) return;
        for (const auto& one : *there->policies) {
            if (layer.policies->count(one.first) != 0) continue;
            add(part, element("DELETE", url(one.first)));
        }
    }

    static inline const decltype(Layer::rrsets) kNoRRsets{std::in_place};
    static inline const decltype(Layer::policies) kNoPolicies{std::in_place};

    const DocumentSet& wanted_;
    const DocumentSet& there_;
    const bool prune_;
    ChangePlan plan_;
};

}  // namespace

bool ChangePlan::is_one() const {
    std::size_t octets = 0;
    std::size_t writes = 0;
    for (const PlanPart& part : parts) {
        if (part.whole != nullptr) return false;
        octets += part.octets;
        writes += part.writes.size();
    }
    return octets <= kMaxOctets && writes <= kMaxWrites;
}

base::Result<ChangePlan> make_plan(const DocumentSet& wanted, const DocumentSet& there,
                                   bool prune) {
    return Planner(wanted, there, prune).run();
}

std::string zone_body(const ChangePlan::Part& part) {
    const Zone& zone = *part.whole;
    std::string out = "{";
    const auto member = [&out](const char* key, const std::string& json) {
        append_json_string(out, key);
        out += ':' + json + ',';
    };
    if (zone.soa_edit) member("soa_edit", Json(*zone.soa_edit).dump());
    if (zone.comment) member("comment", Json(*zone.comment).dump());
    const bool has_soa = find_rrset(zone.own, zone.apex, RRType::SOA) != nullptr;
    const auto* ns = find_rrset(zone.own, zone.apex, RRType::NS);
    if (!has_soa && part.soa == nullptr && ns != nullptr && !ns->records.empty()) {
        // The server makes one, as for a zone that POST creates.
        Json soa = Json::object();
        soa.set("mname", dns::format_rdata(RRType::NS, ns->records.front()));
        member("soa", soa.dump());
    }
    out += "\"rrsets\":[";
    const char* separator = "";
    const auto rrset = [&](const dns::Name& name, RRType type, const zones::RRsetValue& value) {
        Json document = Json::object();
        document.set("name", name.to_text()).set("type", dns::to_text(type));
        const Json said = rrset_value_json(type, value);
        for (const Json::Member& one : said.members()) document.set(one.key, one.value);
        out += separator + document.dump();
        separator = ",";
    };
    if (!has_soa && part.soa != nullptr) rrset(zone.apex, RRType::SOA, *part.soa);
    for (const auto& one : *zone.own.rrsets) rrset(one.first.first, one.first.second, one.second);
    return out + "]}";
}

}  // namespace admin
