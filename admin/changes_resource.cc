// /v1/changes: the journal of everything that was written.
#include <algorithm>
#include <chrono>

#include "admin/resources.h"
#include "admin/router.h"
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

// "2026-01-05T12:00:00Z", with fractions and offsets as RFC 3339, 5.6 has them.
std::optional<base::WallTime> parse_time(std::string_view text) {
    const auto number = [&text](std::size_t digits) -> std::optional<int> {
        if (text.size() < digits) return std::nullopt;
        int value = 0;
        for (const char c : text.substr(0, digits)) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        text.remove_prefix(digits);
        return value;
    };
    const auto skip = [&text](std::string_view any) {
        if (text.empty() || any.find(text.front()) == std::string_view::npos) return false;
        text.remove_prefix(1);
        return true;
    };
    const auto year = number(4);
    if (!year || !skip("-")) return std::nullopt;
    const auto month = number(2);
    if (!month || !skip("-")) return std::nullopt;
    const auto day = number(2);
    if (!day || !skip("Tt ")) return std::nullopt;
    const auto hour = number(2);
    if (!hour || !skip(":")) return std::nullopt;
    const auto minute = number(2);
    if (!minute || !skip(":")) return std::nullopt;
    const auto second = number(2);
    const std::chrono::year_month_day date(std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
    // Beyond these years a count of nanoseconds overflows.
    if (!second || !date.ok() || *year < 1970 || *year > 2261 || *hour > 23 || *minute > 59 ||
        *second > 60) {
        return std::nullopt;
    }
    std::int64_t us = 0;
    if (skip(".")) {
        std::int64_t unit = 1000000;
        if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
        while (const auto digit = number(1)) {
            unit /= 10;
            us += unit * *digit;
        }
    }
    std::chrono::minutes offset{0};
    if (!skip("Zz")) {
        const bool west = !text.empty() && text.front() == '-';
        if (!skip("+-")) return std::nullopt;
        const auto hours = number(2);
        if (!hours || !skip(":")) return std::nullopt;
        const auto minutes = number(2);
        if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
        offset = std::chrono::minutes(*hours * 60 + *minutes) * (west ? -1 : 1);
    }
    if (!text.empty()) return std::nullopt;
    return base::WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
           std::chrono::minutes(*minute) + std::chrono::seconds(*second) +
           std::chrono::microseconds(us) - offset;
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
        if (!pattern.ends_with("/{id}") || question < text.size()) return false;
        resource.kind = zones::ChangeFilter::Resource::Kind::Document;
        resource.label = pattern.substr(4, pattern.size() - 4 - std::string_view("/{id}").size());
        resource.id = found.parameters[0];
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

// How long the client is willing to wait for a revision that is not there yet.
base::Result<std::chrono::milliseconds, Reply> wait_of(const Request& request) {
    const auto text = request.query.get("wait");
    if (!text) return std::chrono::milliseconds(0);
    const auto seconds = parse_revision(*text);
    const auto most = static_cast<std::uint64_t>(RevisionWaits::kLongest.count());
    if (!seconds || *seconds > most) {
        return base::fail(
            problem(422, "wait is a number of seconds, at most " + std::to_string(most)));
    }
    return std::chrono::milliseconds(*seconds * 1000);
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
    Json document = entry_json(**entry);
    auto operations = Json::parse((*entry)->json);
    if (!operations) {
        return respond(problem(500, "the journal entry is damaged: " + operations.error().message));
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
    for (const zones::JournalEntry& entry : changes->entries) items.push(entry_json(entry));
    std::string next;
    if (changes->before != 0) next = std::to_string(changes->before);
    respond(page_reply(context, request, std::move(*page), std::move(items), next));
}

void get_change(Context& context, const Request& request, const Respond& respond) {
    const auto revision = parse_revision(request.path[0]);
    if (!revision) return respond(problem(422, "a revision is a number"));
    const auto wait = wait_of(request);
    if (!wait) return respond(wait.error());
    if (wait->count() == 0 || *revision <= context.service.store().read()->revision()) {
        return show_change(context, request, *revision, respond);
    }
    context.waits.wait(*revision, *wait, [&context, request, revision = *revision, respond] {
        show_change(context, request, revision, respond);
    });
}

}  // namespace admin
