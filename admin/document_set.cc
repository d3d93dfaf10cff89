#include "admin/document_set.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace admin {

namespace {

using Layer = DocumentSet::Layer;
using Zone = DocumentSet::Zone;

// The records with their weights in the order of their octets, each once: how they are listed makes
// no difference.
std::vector<std::pair<std::vector<std::uint8_t>, std::uint16_t>> record_set(
    const zones::RRsetValue& value) {
    std::vector<std::pair<std::vector<std::uint8_t>, std::uint16_t>> out;
    for (std::size_t i = 0; i < value.records.size(); ++i) {
        const bool weighted = i < value.weights.size();
        out.emplace_back(value.records[i], weighted ? value.weights[i] : std::uint16_t{1});
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
    out.erase(std::unique(out.begin(), out.end(), same), out.end());
    return out;
}

// Reads the parts of one file, and of a dump's lines.
class DocumentReader {
  public:
    explicit DocumentReader(Faults& faults) : faults_(faults) {}

    void rrset(Layer& layer, const dns::Name& apex, const Json& document,
               const std::string& pointer) {
        const std::size_t before = faults_.list.size();
        if (!document.is_object()) return faults_.add(pointer, "an RRset is an object");
        check_members(document, {"name", "type", "ttl", "records", "count", "hidden"}, pointer,
                      faults_);
        const auto owner = name_of(document, apex, pointer);
        const std::string* text = text_member(document, "type", pointer, faults_);
        const auto type = text == nullptr ? std::nullopt : dns::parse_type(*text);
        if (text != nullptr && (!type || dns::is_meta(*type))) {
            faults_.add(pointer + "/type", *text + " is no type that a zone can hold");
        }
        if (!owner || !type || faults_.list.size() > before) return;
        Faults own;  // the parser is content only while nothing at all is wrong
        zones::RRsetValue value = parse_rrset_value(document, apex, *type, pointer, own);
        for (Fault& fault : own.list) faults_.list.push_back(std::move(fault));
        if (faults_.list.size() > before) return;
        if (!layer.rrsets->emplace(std::pair(*owner, *type), std::move(value)).second) {
            faults_.add(pointer, owner->to_text() + ' ' + *text + " stands here twice");
        }
    }

    void policy(Layer& layer, const dns::Name& apex, const Json& document,
                const std::string& pointer) {
        if (!document.is_object()) return faults_.add(pointer, "a policy is an object");
        const auto owner = name_of(document, apex, pointer);
        const std::string* type = text_member(document, "type", pointer, faults_);
        if (!owner || type == nullptr) return;
        Json absolute = document;  // as the server shows it
        absolute.set("name", owner->to_text());
        if (!layer.policies->emplace(std::pair(*owner, *type), std::move(absolute)).second) {
            faults_.add(pointer, owner->to_text() + ' ' + *type + " stands here twice");
        }
    }

    // The lists of a zone, or of one view's overlay.
    void layer(Layer& layer, const dns::Name& apex, const Json& document,
               const std::string& pointer) {
        if (document.find("rrsets") != nullptr) layer.rrsets.emplace();
        each(document, "rrsets", pointer,
             [&](const Json& one, const std::string& where) { rrset(layer, apex, one, where); });
        if (document.find("policies") != nullptr) layer.policies.emplace();
        each(document, "policies", pointer,
             [&](const Json& one, const std::string& where) { policy(layer, apex, one, where); });
    }

    // The zone without its lists.
    std::optional<Zone> properties(const Json& document, const std::string& pointer) {
        const std::size_t before = faults_.list.size();
        Zone zone;
        if (const std::string* name = text_member(document, "name", pointer, faults_)) {
            const auto apex = parse_zone_name(*name);
            if (!apex) faults_.add(pointer + "/name", apex.error().message);
            if (apex) zone.apex = *apex;
        }
        const auto text = [&](const char* key) -> std::optional<std::string> {
            const Json* member = document.find(key);
            if (member == nullptr || member->is_null()) return std::nullopt;
            const std::string* value = text_member(document, key, pointer, faults_);
            return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
        };
        zone.view = text("view").value_or("");
        zone.soa_edit = text("soa_edit");
        zone.comment = text("comment");
        zone.signed_elsewhere = text("signed").has_value();
        if (faults_.list.size() > before) return std::nullopt;
        return zone;
    }

    void zone(DocumentSet& set, const Json& document, const std::string& file,
              const std::string& pointer) {
        if (!document.is_object()) return faults_.add(pointer, "a zone is an object");
        check_members(
            document,
            {"name", "view", "soa_edit", "comment", "signed", "rrsets", "policies", "overlays"},
            pointer, faults_);
        auto zone = properties(document, pointer);
        if (!zone) return;
        zone->file = file;
        layer(zone->own, zone->apex, document, pointer);
        if (document.find("overlays") != nullptr) zone->overlays.emplace();
        each(document, "overlays", pointer,
             [&](const Json& one, const std::string& where) { overlay(*zone, one, where); });
        const dns::Name apex = zone->apex;
        const auto made = set.zones.emplace(apex, std::move(*zone));
        if (!made.second) {
            faults_.add(pointer, "the zone " + apex.to_text() + " stands in " +
                                     made.first->second.file + " already");
        }
    }

    // Calls `take` with each element of a list that may be missing.
    template <class Take>
    void each(const Json& document, const char* key, const std::string& pointer, Take take) {
        const Json* list = document.find(key);
        if (list == nullptr) return;
        if (!list->is_array()) return faults_.add(pointer + '/' + key, "a list is wanted");
        std::size_t index = 0;
        for (const Json& one : list->items()) {
            take(one, pointer + '/' + key + '/' + std::to_string(index++));
        }
    }

  private:
    void overlay(Zone& zone, const Json& document, const std::string& pointer) {
        if (!document.is_object()) return faults_.add(pointer, "an overlay is an object");
        check_members(document, {"view", "rrsets", "policies"}, pointer, faults_);
        const std::string* view = text_member(document, "view", pointer, faults_);
        if (view == nullptr) return;
        const auto made = zone.overlays->try_emplace(*view);
        if (!made.second) return faults_.add(pointer, "the view " + *view + " stands here twice");
        layer(made.first->second, zone.apex, document, pointer);
    }

    std::optional<dns::Name> name_of(const Json& document, const dns::Name& apex,
                                     const std::string& pointer) {
        const std::string* text = text_member(document, "name", pointer, faults_);
        if (text == nullptr) return std::nullopt;
        const auto name = parse_name(*text, apex);
        if (name) return *name;
        faults_.add(pointer + "/name", name.error().message);
        return std::nullopt;
    }

    Faults& faults_;
};

// The first fault of a dump, which is the server's own.
base::Result<void> in_dump(const Faults& faults) {
    if (faults.none()) return {};
    return base::fail("the dump is not understood: " + faults.list.front().pointer + ": " +
                      faults.list.front().message);
}

}  // namespace

std::string_view id_member(std::string_view kind) {
    if (kind == "views") return "name";
    if (kind == "networks") return "prefix";
    return kind == "maps" || kind == "monitors" || kind == "pools" ? "id" : "";
}

void DocumentSet::add_file(const Json& file, const std::string& name, Faults& faults) {
    Faults own;
    DocumentReader reader(own);
    if (!file.is_object()) own.add("", "an object with lists of documents is wanted");
    for (const Json::Member& member : file.members()) {
        const std::string_view id_key = id_member(member.key);
        if (member.key == "tokens" || member.key == "keys") {
            own.add(pointer_step(member.key), "secrets are not kept in documents");
        } else if (member.key != "zones" && id_key.empty()) {
            own.add(pointer_step(member.key), "there are no such documents");
        }
        if (member.key == "zones") {
            zones_told = true;
            reader.each(file, "zones", "", [&](const Json& one, const std::string& where) {
                reader.zone(*this, one, name, where);
            });
        }
        if (id_key.empty()) continue;
        auto& of_kind = documents[member.key];
        reader.each(file, member.key.c_str(), "", [&](const Json& one, const std::string& where) {
            if (!one.is_object()) return own.add(where, "an object is wanted");
            const std::string* id = text_member(one, std::string(id_key).c_str(), where, own);
            if (id == nullptr) return;
            const auto made = of_kind.try_emplace(*id, Document{one, 0, name});
            if (!made.second) {
                own.add(where, *id + " stands in " + made.first->second.file + " already");
            }
        });
    }
    for (const Fault& fault : own.list) {
        faults.add(
            "", name + ": " + (fault.pointer.empty() ? "" : fault.pointer + ": ") + fault.message);
    }
}

base::Result<void> DocumentSet::add_line(std::string_view line) {
    const auto parsed = Json::parse(line);
    if (!parsed) return base::fail("the dump is not understood: " + parsed.error().message);
    Faults faults;
    DocumentReader reader(faults);
    const std::string* kind = text_member(*parsed, "kind", "", faults);
    const Json* number = parsed->find("revision");
    const std::int64_t changed = number == nullptr ? -1 : number->as_integer().value_or(-1);
    if (changed < 0) faults.add("/revision", "a revision is wanted");
    if (!faults.none()) return in_dump(faults);
    const auto at_revision = static_cast<zones::Revision>(changed);
    if (*kind == "dump") {
        revision = at_revision;
        zones_told = true;
        for (const std::string_view one : kKinds) documents.try_emplace(std::string(one));
        return {};
    }
    const Json* document = parsed->find("document");
    if (document == nullptr) return base::fail("the dump is not understood: a line says nothing");
    const std::string_view id_key = id_member(*kind);
    if (!id_key.empty()) {
        const std::string* id = text_member(*document, std::string(id_key).c_str(), "", faults);
        if (id != nullptr) documents[*kind][*id] = Document{*document, at_revision, ""};
        return in_dump(faults);
    }
    if (*kind == "zones") {
        auto zone = reader.properties(*document, "");
        if (!zone) return in_dump(faults);
        zone->revision = at_revision;
        zone->overlays.emplace();
        zone->own.rrsets.emplace();
        zone->own.policies.emplace();
        const dns::Name apex = zone->apex;
        zones.insert_or_assign(apex, std::move(*zone));
        return {};
    }
    const std::string* name = text_member(*parsed, "zone", "", faults);
    const auto apex =
        name == nullptr ? base::Result<dns::Name>(base::fail("no zone")) : parse_zone_name(*name);
    const auto found = apex ? zones.find(*apex) : zones.end();
    if (found == zones.end()) return base::fail("the dump is not understood: a line of no zone");
    Layer* layer = &found->second.own;
    if (parsed->find("view") != nullptr) {
        const std::string* view = text_member(*parsed, "view", "", faults);
        if (view == nullptr) return in_dump(faults);
        layer = &(*found->second.overlays)[*view];
        if (!layer->rrsets) layer->rrsets.emplace();
        if (!layer->policies) layer->policies.emplace();
    }
    if (*kind == "rrsets") {
        reader.rrset(*layer, found->second.apex, *document, "");
    } else if (*kind == "policies") {
        reader.policy(*layer, found->second.apex, *document, "");
    }
    return in_dump(faults);
}

bool same_document(const Json& a, const Json& b) {
    if (a.is_object() || b.is_object()) {
        return a.is_object() && b.is_object() && a.members().size() == b.members().size() &&
               std::all_of(a.members().begin(), a.members().end(), [&](const Json::Member& one) {
                   const Json* other = b.find(one.key);
                   return other != nullptr && same_document(one.value, *other);
               });
    }
    if (a.is_array() || b.is_array()) {
        return a.is_array() && b.is_array() &&
               std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                          same_document);
    }
    if (a.as_number() && b.as_number()) return *a.as_number() == *b.as_number();
    return a.dump() == b.dump();
}

bool same_rrset(const zones::RRsetValue& a, const zones::RRsetValue& b) {
    if (a.hidden || b.hidden) return a.hidden == b.hidden;
    if (a.ttl != b.ttl || a.weights.empty() != b.weights.empty()) return false;
    if (!a.weights.empty() && a.answer_count != b.answer_count) return false;
    if (a.records == b.records && a.weights == b.weights) return true;
    return record_set(a) == record_set(b);
}

}  // namespace admin
