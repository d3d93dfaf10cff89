#include "admin/resources.h"

#include <algorithm>
#include <charconv>

#include "dns/rdata.h"
#include "server/service.h"

namespace admin {

namespace {

// RRsets whose TTLs are looked at for how long their answers may be kept: of larger zones nothing
// is said about that.
constexpr std::size_t kMaxLookedAt = 100000;

}  // namespace

base::Result<Json, Reply> parse_body(const Request& request) {
    auto body = Json::parse(request.body);
    if (!body) return base::fail(problem(400, body.error().message));
    return std::move(*body);
}

std::optional<zones::Revision> parse_revision(std::string_view text) {
    zones::Revision revision = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), revision);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return revision;
}

base::Result<std::chrono::milliseconds, Reply> wait_of(const Request& request,
                                                       std::chrono::seconds longest) {
    const auto text = request.query.get("wait");
    if (!text) return std::chrono::milliseconds(0);
    const auto seconds = parse_revision(*text);
    const auto most = static_cast<std::uint64_t>(longest.count());
    if (!seconds || *seconds > most) {
        return base::fail(
            problem(422, "wait is a number of seconds, at most " + std::to_string(most)));
    }
    return std::chrono::milliseconds(*seconds * 1000);
}

Reply history_gone(zones::Revision oldest) {
    return problem(
        410, "the history before revision " + std::to_string(oldest) + " is not kept any more");
}

Reply representation(const Request& request, const Json& document, zones::Revision revision,
                     std::string_view mark) {
    const std::string etag = make_etag(revision, mark);
    const auto spared = not_modified(request, etag);
    if (!spared) return problem(400, spared.error().message);
    Reply reply = *spared ? Reply::empty(304) : Reply::json(200, document.dump());
    reply.headers.add("etag", etag);
    reply.headers.add("vary", "accept");
    return reply;
}

Reply written(const zones::Committed& committed, int status, Json document,
              std::optional<std::uint32_t> old_ttl_s, bool dry_run) {
    if (dry_run) {
        status = 200;
        document = Json::object();
        document.set("dry_run", true);
        document.set("changed", committed.changed);
        auto operations = Json::parse(committed.diff.empty() ? "[]" : committed.diff);
        if (!operations) return problem(500, "the diff is damaged: " + operations.error().message);
        document.set("operations", std::move(*operations));
    } else if (committed.changed && old_ttl_s) {
        document.set("old_answer_until",
                     base::format_rfc3339(base::wall_now() + std::chrono::seconds(*old_ttl_s)));
    }
    if (!committed.warnings.empty()) {
        Json warnings = Json::array();
        for (const std::string& warning : committed.warnings) warnings.push(warning);
        document.set("warnings", std::move(warnings));
    }
    Reply reply = Reply::json(status, document.dump());
    reply.headers.add("meridian-revision", std::to_string(committed.revision));
    return reply;
}

base::Result<Page, Reply> open_page(Context& context, const Request& request) {
    Page page;
    page.limit = kPageDefault;
    if (const auto limit = request.query.get("limit")) {
        const char* end = limit->data() + limit->size();
        const auto parsed = std::from_chars(limit->data(), end, page.limit);
        if (parsed.ec != std::errc() || parsed.ptr != end || page.limit < 1 ||
            page.limit > kPageMax) {
            return base::fail(
                problem(422, "limit is a number from 1 to " + std::to_string(kPageMax)));
        }
    }
    const auto cursor = request.query.get("cursor");
    if (!cursor) {
        page.reader = context.service.store().read();
        return page;
    }
    auto place = context.cursors.find(*cursor);
    if (!place) {
        return base::fail(problem(410, "the cursor has expired; start from the first page"));
    }
    page.id = std::move(place->id);
    page.position = std::move(place->position);
    page.reader = std::move(place->reader);
    return page;
}

Reply page_reply(Context& context, const Request& request, Page page, Json items,
                 const std::string& next_position) {
    Json document = Json::object();
    document.set("items", std::move(items));
    document.set("revision", page.reader->revision());
    std::string next;
    if (!next_position.empty()) {
        next = request.head.path +
               "?cursor=" + context.cursors.keep(page.id, page.reader, next_position);
        for (const auto& pair : request.query.all()) {
            if (pair.first == "cursor") continue;
            next += '&' + encode_segment(pair.first) + '=' + encode_segment(pair.second);
        }
    }
    document.set("next", next.empty() ? Json() : Json(next));
    Reply reply = Reply::json(200, document.dump());
    if (!next.empty()) reply.headers.add("link", '<' + next + ">; rel=\"next\"");
    return reply;
}

std::string format_position(const zones::StoreReader::Position& position) {
    return std::to_string(static_cast<unsigned>(position.type)) + ' ' + position.name.to_text();
}

std::optional<zones::StoreReader::Position> parse_position(const std::string& text) {
    std::uint16_t type = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, type);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ' ') return std::nullopt;
    const auto name = dns::Name::parse(std::string_view(parsed.ptr + 1, end));
    if (!name) return std::nullopt;
    return zones::StoreReader::Position{*name, static_cast<dns::RRType>(type)};
}

base::Result<zones::ZoneInfo, Reply> zone_of(zones::StoreReader& reader, const Request& request) {
    const auto apex = parse_zone_name(request.path[0]);
    if (!apex) return base::fail(problem(422, apex.error().message));
    auto zone = reader.zone(*apex);
    if (!zone) return base::fail(problem(503, zone.error().message));
    if (!*zone) return base::fail(problem(404, "there is no zone " + apex->to_text()));
    return std::move(**zone);
}

std::optional<std::uint32_t> old_ttl(zones::StoreReader& reader, const dns::Name& zone,
                                     std::string_view view, const dns::Name& name,
                                     dns::RRType type) {
    for (const std::string_view variant : {view, std::string_view()}) {
        const auto rrset = reader.rrset(zone, variant, name, type);
        if (rrset && *rrset && !(*rrset)->value.hidden) return (*rrset)->value.ttl;
        if (rrset && *rrset) break;  // hidden in the view: the old answer was negative
    }
    const auto soa = reader.rrset(zone, "", zone, dns::RRType::SOA);
    if (!soa || !*soa || (*soa)->value.records.empty()) return std::nullopt;
    return std::min((*soa)->value.ttl, dns::soa_numbers((*soa)->value.records.front()).minimum);
}

std::optional<std::uint32_t> longest_ttl(zones::StoreReader& reader, const dns::Name& zone,
                                         std::set<std::string> views) {
    const auto info = reader.zone(zone);
    if (!info || !*info) return std::nullopt;
    views.insert((*info)->view);  // where the zone's own data is
    std::uint32_t longest = 0;
    std::size_t looked_at = 0;
    for (const std::string& view : views) {
        std::optional<zones::StoreReader::Position> after;
        for (bool more = true; more;) {
            const auto rrsets = reader.rrsets(zone, view, after, kPageMax);
            looked_at += rrsets ? rrsets->size() : 0;
            if (!rrsets || looked_at > kMaxLookedAt) return std::nullopt;
            for (const zones::RRsetInfo& rrset : *rrsets) {
                longest = std::max(longest, rrset.value.ttl);
            }
            more = rrsets->size() == kPageMax;
            if (more) {
                after = zones::StoreReader::Position{rrsets->back().name, rrsets->back().type};
            }
        }
    }
    return longest;
}

void submit_removal(Context& context, const Request& request, zones::Operation operation,
                    const Respond& respond) {
    std::vector<zones::Operation> operations;
    operations.push_back(std::move(operation));
    const bool dry_run = request.query.flag("dry_run");
    submit(context, request, std::move(operations), [respond, dry_run](Outcome outcome) {
        if (!outcome) return respond(problem(outcome.error()));
        if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
        Reply reply = Reply::empty(204);
        reply.headers.add("meridian-revision", std::to_string(outcome->revision));
        respond(std::move(reply));
    });
}

void submit_deletion(Context& context, Submission submission, zones::Operation operation,
                     std::optional<std::uint32_t> old_ttl_s, const Respond& respond) {
    std::vector<zones::Operation> operations;
    operations.push_back(std::move(operation));
    const bool dry_run = submission.dry_run;
    submit(context, std::move(submission), std::move(operations),
           [respond, old_ttl_s, dry_run](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error()));
               Json document = Json::object();
               document.set("revision", outcome->revision);
               respond(written(*outcome, 200, std::move(document), old_ttl_s, dry_run));
           });
}

Reply list_stored(Context& context, std::string_view kind,
                  const std::function<base::Result<Json>(const zones::DocumentInfo&)>& show) {
    const auto reader = context.service.store().read();
    const auto documents = reader->documents(kind);
    if (!documents) return problem(503, documents.error().message);
    Json items = Json::array();
    for (const zones::DocumentInfo& info : *documents) {
        auto document = show(info);
        if (!document) return problem(500, document.error().message);
        items.push(document->set("revision", info.revision));
    }
    Json out = Json::object();
    out.set("items", std::move(items));
    out.set("revision", reader->revision());
    out.set("next", nullptr);
    return Reply::json(200, out.dump());
}

Json merge_patch(const Json& target, const Json& patch) {
    if (!patch.is_object()) return patch;
    Json out = Json::object();
    for (const Json::Member& member : target.members()) {
        const Json* change = patch.find(member.key);
        if (change == nullptr) {
            out.set(member.key, member.value);
        } else if (!change->is_null()) {
            out.set(member.key, merge_patch(member.value, *change));
        }
    }
    for (const Json::Member& member : patch.members()) {
        const Json* before = target.find(member.key);
        if (before != nullptr || member.value.is_null()) continue;
        out.set(member.key, merge_patch(Json(), member.value));
    }
    return out;
}

Reply forbidden(const Request& request, std::string_view what) {
    return problem(403, "the token " + request.principal.name + " may not " + std::string(what));
}

}  // namespace admin
