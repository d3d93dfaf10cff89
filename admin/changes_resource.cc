// /v1/changes: the journal of everything that was written.
#include <algorithm>

#include "admin/access.h"
#include "admin/resources.h"
#include "admin/router.h"
#include "admin/timestamp.h"
#include "server/service.h"

namespace admin {

namespace {

bool may_read_zone(const Rights& rights, const std::string& zone) {
    const auto apex = dns::Name::parse(zone);
    return apex && rights.zone(Verb::Read, *apex);
}

Json entry_json(const zones::JournalEntry& entry, const Rights& rights) {
    Json out = Json::object();
    out.set("revision", entry.revision);
    out.set("time", base::format_rfc3339(entry.time));
    out.set("author", entry.author);
    out.set("request_id", entry.request_id);
    out.set("message", entry.message);
    Json zones = Json::array();
    for (const std::string& zone : entry.zones) {
        if (may_read_zone(rights, zone)) zones.push(zone);
    }
    out.set("zones", std::move(zones));
    return out;
}

// The path of an RRset, a policy or a document, or of a zone, which is another filter.
bool parse_resource(const std::string& text, zones::ChangeFilter& filter) {
    const std::size_t question = std::min(text.find('?'), text.size());
    const Match found = match(text.substr(0, question));
    if (found.methods.empty()) return false;
    const std::string_view pattern = found.methods.front()->pattern;
    zones::ChangeFilter::Resource resource;
    if (pattern.starts_with("/v1/zones/{zone}")) {
        const auto apex = parse_zone_name(found.parameters[0]);
        if (!apex) return false;
        if (pattern == "/v1/zones/{zone}") {
            filter.zone = *apex;
            return question == text.size();
        }
        if (found.parameters.size() != 3) return false;
        const auto name = parse_name(found.parameters[1], *apex);
        if (!name) return false;
        resource.zone = *apex;
        resource.name = *name;
        if (pattern == "/v1/zones/{zone}/rrsets/{name}/{type}") {
            const auto type = dns::parse_type(found.parameters[2]);
            if (!type) return false;
            resource.type = *type;
        } else {
            resource.kind = zones::ChangeFilter::Resource::Kind::Policy;
            resource.label = found.parameters[2];
        }
        if (question < text.size()) {
            const auto query = QueryParameters::parse(text.substr(question + 1));
            if (!query) return false;
            resource.view = query->get("view");
        }
    } else {
        const bool document = pattern.ends_with("/{id}") || pattern.ends_with("/{token}") ||
                              pattern.ends_with("/{key}");
        if (!document || question < text.size()) return false;
        resource.kind = zones::ChangeFilter::Resource::Kind::Document;
        resource.label = pattern.substr(4, pattern.rfind('/') - 4);
        resource.id = resource.label == "keys" ? key_id(found.parameters[0]) : found.parameters[0];
    }
    filter.resource = std::move(resource);
    return true;
}

base::Result<zones::ChangeFilter, Reply> filter_of(const Request& request) {
    zones::ChangeFilter filter;
    filter.author = request.query.get("author").value_or("");
    if (const auto text = request.query.get("resource")) {
        if (!parse_resource(*text, filter)) {
            return base::fail(problem(422,
                                      "resource is the path of a zone, an RRset, a policy or a "
                                      "document, like /v1/pools/fra"));
        }
    }
    if (const auto text = request.query.get("zone")) {
        const auto apex = parse_zone_name(*text);
        if (!apex) return base::fail(problem(422, apex.error().message));
        if (filter.zone && !(*filter.zone == *apex)) {
            return base::fail(problem(422, "zone and resource name different zones"));
        }
        filter.zone = *apex;
    }
    if (const auto text = request.query.get("since")) {
        if (const auto revision = parse_revision(*text)) {
            filter.since = *revision;
        } else if (const auto time = parse_time(*text)) {
            filter.from = *time;
        } else {
            return base::fail(problem(422, "since is a revision or a time (RFC 3339)"));
        }
    }
    return filter;
}

void show_change(Context& context, const Request& request, zones::Revision revision,
                 const Respond& respond) {
    const auto reader = context.service.store().read();
    const auto entry = reader->change(revision);
    if (!entry) return respond(problem(503, entry.error().message));
    if (!*entry) {
        const auto oldest = reader->oldest_change();
        if (!oldest) return respond(problem(503, oldest.error().message));
        if (revision > 0 && revision < *oldest) return respond(history_gone(*oldest));
        return respond(
            problem(404, "there is no change with revision " + std::to_string(revision)));
    }
    const Rights& rights = *request.principal.rights;
    Json document = entry_json(**entry, rights);
    auto operations = Json::parse((*entry)->json);
    if (!operations) {
        return respond(problem(500, "the journal entry is damaged: " + operations.error().message));
    }
    const bool shown =
        rights.everything(Verb::Read) ||
        std::all_of(operations->items().begin(), operations->items().end(), [&](const Json& one) {
            const Json* zone = one.find("zone");
            return zone != nullptr && zone->as_string() != nullptr &&
                   may_read_zone(rights, *zone->as_string());
        });
    if (!shown) {
        return respond(forbidden(request, "read all that this change is about"));
    }
    document.set("operations", std::move(*operations));
    respond(representation(request, document, revision));
}

}  // namespace

void list_changes(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    const auto filter = filter_of(request);
    if (!filter) return respond(filter.error());
    const Rights& rights = *request.principal.rights;
    const auto& resource = filter->resource;
    const bool within =
        filter->zone && rights.zone(Verb::Read, *filter->zone) &&
        (!resource || (resource->kind != zones::ChangeFilter::Resource::Kind::Document &&
                       resource->zone == *filter->zone));
    if (!rights.everything(Verb::Read) && !within) {
        return respond(forbidden(request, "read changes but those of its zones: ?zone="));
    }
    zones::Revision before = 0;
    if (!page->position.empty()) {
        const auto revision = parse_revision(page->position);
        if (!revision || *revision == 0) {
            return respond(problem(400, "the cursor is not one of this listing"));
        }
        before = *revision;
    }
    const auto changes = page->reader->changes(before, page->limit, *filter);
    if (!changes) return respond(problem(503, changes.error().message));
    Json items = Json::array();
    for (const zones::JournalEntry& entry : changes->entries) items.push(entry_json(entry, rights));
    std::string next;
    if (changes->before != 0) next = std::to_string(changes->before);
    respond(page_reply(context, request, std::move(*page), std::move(items), next));
}

void get_change(Context& context, const Request& request, const Respond& respond) {
    const auto revision = parse_revision(request.path[0]);
    if (!revision) return respond(problem(422, "a revision is a number"));
    const auto wait = wait_of(request, RevisionWaits::kLongest);
    if (!wait) return respond(wait.error());
    if (wait->count() == 0 || *revision <= context.service.store().read()->revision()) {
        return show_change(context, request, *revision, respond);
    }
    context.waits.wait(*revision, *wait, [&context, request, revision = *revision, respond] {
        show_change(context, request, revision, respond);
    });
}

}  // namespace admin
