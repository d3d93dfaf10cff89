// /v1/changes: the journal of everything that was written.
#include <charconv>

#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

Json entry_json(const zones::JournalEntry& entry) {
    Json out = Json::object();
    out.set("revision", entry.revision);
    out.set("time", base::format_rfc3339(entry.time));
    out.set("author", entry.author);
    out.set("request_id", entry.request_id);
    out.set("message", entry.message);
    Json zones = Json::array();
    for (const std::string& zone : entry.zones) zones.push(zone);
    out.set("zones", std::move(zones));
    return out;
}

std::optional<zones::Revision> parse_revision(std::string_view text) {
    zones::Revision revision = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), revision);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return revision;
}

}  // namespace

void list_changes(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    std::optional<dns::Name> zone;
    if (const auto text = request.query.get("zone")) {
        const auto apex = parse_zone_name(*text);
        if (!apex) return respond(problem(422, apex.error().message));
        zone = *apex;
    }
    zones::Revision before = 0;
    if (!page->position.empty()) {
        const auto revision = parse_revision(page->position);
        if (!revision) return respond(problem(400, "the cursor is not one of this listing"));
        before = *revision;
    }
    const auto entries = page->reader->changes(before, page->limit + 1, zone);
    if (!entries) return respond(problem(503, entries.error().message));
    Json items = Json::array();
    std::string next;
    for (std::size_t i = 0; i < entries->size() && i < page->limit; ++i) {
        items.push(entry_json((*entries)[i]));
    }
    if (entries->size() > page->limit) next = std::to_string((*entries)[page->limit - 1].revision);
    respond(page_reply(context, request, std::move(*page), std::move(items), next));
}

void get_change(Context& context, const Request& request, const Respond& respond) {
    const auto revision = parse_revision(request.path[0]);
    if (!revision) return respond(problem(422, "a revision is a number"));
    const auto entry = context.service.store().read()->change(*revision);
    if (!entry) return respond(problem(503, entry.error().message));
    if (!*entry) {
        return respond(problem(404, "there is no change with revision " + request.path[0]));
    }
    Json document = entry_json(**entry);
    auto operations = Json::parse((*entry)->json);
    if (!operations) {
        return respond(problem(500, "the journal entry is damaged: " + operations.error().message));
    }
    document.set("operations", std::move(*operations));
    respond(representation(request, document, *revision));
}

}  // namespace admin
