// /v1/zones/{zone}/rrsets: single RRsets, and lists of operations as one change set.
#include <algorithm>

#include "admin/access.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

// What the path and query of one RRset say.
struct Target {
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
};

base::Result<Target, Reply> target_of(const zones::ZoneInfo& zone, const Request& request) {
    Target target;
    target.zone = zone.apex;
    const auto name = parse_name(request.path[1], zone.apex);
    if (!name) return base::fail(problem(422, name.error().message));
    target.name = *name;
    const auto type = dns::parse_type(request.path[2]);
    if (!type) return base::fail(problem(422, request.path[2] + " is not a type"));
    target.type = *type;
    target.view = request.query.get("view").value_or(zone.view);
    return target;
}

// Name and type may be said again in the body, but not differently.
void check_same(const Json& document, const Target& target, Faults& faults) {
    if (const Json* name = document.find("name")) {
        const auto parsed = name->as_string() == nullptr
                                ? base::Result<dns::Name>(base::fail("a name is wanted"))
                                : parse_name(*name->as_string(), target.zone);
        if (!parsed) {
            faults.add("/name", parsed.error().message);
        } else if (!(*parsed == target.name)) {
            faults.add("/name", "the URL names " + target.name.to_text());
        }
    }
    if (const Json* type = document.find("type")) {
        const auto parsed = type->as_string() == nullptr ? std::optional<dns::RRType>()
                                                         : dns::parse_type(*type->as_string());
        if (!parsed || *parsed != target.type) {
            faults.add("/type", "the URL names " + dns::to_text(target.type));
        }
    }
    if (const Json* view = document.find("view")) {
        if (view->as_string() == nullptr || *view->as_string() != target.view) {
            faults.add("/view", "the view is named by ?view= in the URL");
        }
    }
}

// One element of a PATCH; the faults say what is wrong with it.
struct Parsed {
    zones::Operation operation;
    Target target;
};

std::optional<Parsed> parse_operation(const Json& element, const dns::Name& apex,
                                      const std::string& default_view, const std::string& pointer,
                                      Faults& faults) {
    if (!element.is_object()) {
        faults.add(pointer, "an object with op, name and type is wanted");
        return std::nullopt;
    }
    const std::size_t before = faults.list.size();
    const auto text = [&](const char* key) { return text_member(element, key, pointer, faults); };
    Parsed out;
    out.target.zone = apex;
    out.target.view = default_view;
    if (element.find("view") != nullptr) {
        if (const std::string* view = text("view")) out.target.view = *view;
    }
    const std::string* op = text("op");
    if (const std::string* name = text("name")) {
        const auto parsed = parse_name(*name, apex);
        if (!parsed) faults.add(pointer + "/name", parsed.error().message);
        if (parsed) out.target.name = *parsed;
    }
    if (const std::string* type = text("type")) {
        const auto parsed = dns::parse_type(*type);
        if (!parsed) faults.add(pointer + "/type", *type + " is not a type");
        if (parsed) out.target.type = *parsed;
    }
    if (faults.list.size() > before) return std::nullopt;

    const Target& target = out.target;
    if (*op == "put") {
        check_members(element, {"op", "name", "type", "view", "ttl", "records", "count", "hidden"},
                      pointer, faults);
        out.operation.what =
            zones::PutRRset{apex, target.name, target.type, target.view,
                            parse_rrset_value(element, apex, target.type, pointer, faults)};
    } else if (*op == "add") {
        check_members(element, {"op", "name", "type", "view", "ttl", "records"}, pointer, faults);
        const auto ttl = parse_ttl_member(element, pointer, faults);
        out.operation.what = zones::AddRecords{
            apex,        target.name, target.type,
            target.view, ttl,         parse_records(element, apex, target.type, pointer, faults)};
    } else if (*op == "remove") {
        check_members(element, {"op", "name", "type", "view", "records"}, pointer, faults);
        out.operation.what =
            zones::RemoveRecords{apex, target.name, target.type, target.view,
                                 parse_records(element, apex, target.type, pointer, faults)};
    } else if (*op == "delete") {
        check_members(element, {"op", "name", "type", "view"}, pointer, faults);
        out.operation.what = zones::DeleteRRset{apex, target.name, target.type, target.view};
    } else {
        faults.add(pointer + "/op", "put, add, remove or delete is wanted");
    }
    if (faults.list.size() > before) return std::nullopt;
    return out;
}

}  // namespace

std::optional<zones::Operation> parse_rrset_operation(const Json& element, const dns::Name& zone,
                                                      const std::string& default_view,
                                                      const std::string& pointer, Faults& faults) {
    auto parsed = parse_operation(element, zone, default_view, pointer, faults);
    if (!parsed) return std::nullopt;
    return std::move(parsed->operation);
}

void list_rrsets(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    const auto zone = zone_of(*page->reader, request);
    if (!zone) return respond(zone.error());
    const std::string view = request.query.get("view").value_or(zone->view);

    std::optional<dns::Name> only_name;
    if (const auto text = request.query.get("name")) {
        const auto name = parse_name(*text, zone->apex);
        if (!name) return respond(problem(422, name.error().message));
        only_name = *name;
    }
    std::optional<dns::RRType> only_type;
    if (const auto text = request.query.get("type")) {
        only_type = dns::parse_type(*text);
        if (!only_type) return respond(problem(422, *text + " is not a type"));
    }
    std::optional<zones::StoreReader::Position> after;
    if (!page->position.empty()) {
        after = parse_position(page->position);
        if (!after) return respond(problem(400, "the cursor is not one of this listing"));
    } else if (only_name) {
        after = zones::StoreReader::Position{*only_name, dns::RRType{}};
    }

    // A filter on the type, or on what may be seen, reads on until the page is full or a bound is
    // met, so that no request holds the loop for a whole large zone; then the page is short, and
    // has a next one.
    constexpr std::size_t kMaxScanned = 20000;
    const Rights& rights = *request.principal.rights;
    const bool all = rights.zone(Verb::Read, zone->apex);
    const std::size_t chunk = only_type || !all ? kPageMax : page->limit + 1;
    Json items = Json::array();
    std::size_t taken = 0;
    std::size_t scanned = 0;
    bool more = true;
    while (more && taken < page->limit && scanned < kMaxScanned) {
        const auto rrsets = page->reader->rrsets(zone->apex, view, after, chunk);
        if (!rrsets) return respond(problem(503, rrsets.error().message));
        more = rrsets->size() == chunk;
        for (std::size_t i = 0; i < rrsets->size(); ++i) {
            const zones::RRsetInfo& rrset = (*rrsets)[i];
            if (only_name && !(rrset.name == *only_name)) {
                more = false;
                break;
            }
            if (taken == page->limit) {
                more = true;
                break;
            }
            ++scanned;
            after = zones::StoreReader::Position{rrset.name, rrset.type};
            if (only_type && rrset.type != *only_type) continue;
            if (!rights.rrset(Verb::Read, zone->apex, rrset.name, rrset.type)) continue;
            ++taken;
            items.push(rrset_json(rrset, view).set("revision", rrset.revision));
        }
    }
    std::string next;
    if (more && after) {
        next = format_position(*after);
    }
    respond(page_reply(context, request, std::move(*page), std::move(items), next));
}

void patch_rrsets(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    // If-Match on the list is about the zone. No operation of a PATCH carries that condition, so
    // it is asked of the zone by an operation that changes nothing else.
    Faults faults;
    std::vector<zones::Operation> operations;
    std::vector<std::string> pointers;
    std::optional<std::uint32_t> longest;
    if (condition->if_match || condition->if_none_match) {
        zones::PutZone guard{.apex = zone->apex,
                             .view = {},
                             .soa_edit = {},
                             .comment = {},
                             .ns = {},
                             .soa_rdata = {}};
        operations.push_back({std::move(guard), *condition});
        pointers.emplace_back();
    }
    if (!body->is_array()) faults.add("", "a list of operations is wanted");
    if (body->is_array() && body->items().empty()) faults.add("", "the list is empty");
    const std::string view = request.query.get("view").value_or(zone->view);
    std::size_t index = 0;
    for (const Json& element : body->items()) {
        std::string pointer = '/' + std::to_string(index++);
        auto parsed = parse_operation(element, zone->apex, view, pointer, faults);
        if (!parsed) continue;
        if (const auto ttl = old_ttl(*reader, zone->apex, parsed->target.view, parsed->target.name,
                                     parsed->target.type)) {
            longest = std::max(longest.value_or(0), *ttl);
        }
        operations.push_back(std::move(parsed->operation));
        pointers.push_back(std::move(pointer));
    }
    if (!faults.none()) {
        return respond(problem(422, "the operations are not valid", std::move(faults.list)));
    }
    const bool dry_run = request.query.flag("dry_run");
    submit(context, request, std::move(operations),
           [respond, pointers = std::move(pointers), longest, dry_run](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), pointers));
               Json document = Json::object();
               document.set("revision", outcome->revision);
               document.set("changed", outcome->changed);
               respond(written(*outcome, 200, std::move(document), longest, dry_run));
           });
}

void get_rrset(Context& context, const Request& request, const Respond& respond) {
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    const auto target = target_of(*zone, request);
    if (!target) return respond(target.error());
    const auto rrset = reader->rrset(zone->apex, target->view, target->name, target->type);
    if (!rrset) return respond(problem(503, rrset.error().message));
    if (!*rrset) {
        return respond(
            problem(404, target->name.to_text() + " has no " + dns::to_text(target->type) +
                             (target->view.empty() ? "" : " in the view " + target->view)));
    }
    respond(representation(request, rrset_json(**rrset, target->view), (*rrset)->revision));
}

void put_rrset(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    auto target = target_of(*zone, request);
    if (!target) return respond(std::move(target.error()));

    Faults faults;
    if (!body->is_object()) {
        return respond(problem(422, "an RRset is an object", {{"", "an object is wanted"}}));
    }
    check_members(*body, {"name", "type", "view", "ttl", "records", "count", "hidden"}, "", faults);
    check_same(*body, *target, faults);
    zones::PutRRset put{target->zone, target->name, target->type, target->view,
                        parse_rrset_value(*body, target->zone, target->type, "", faults)};
    if (!faults.none()) {
        return respond(problem(422, "the RRset is not valid", std::move(faults.list)));
    }
    const auto before = reader->rrset(zone->apex, target->view, target->name, target->type);
    if (!before) return respond(problem(503, before.error().message));
    const bool existed = before->has_value();
    const auto old = existed && !(*before)->value.hidden
                         ? std::optional<std::uint32_t>((*before)->value.ttl)
                         : old_ttl(*reader, zone->apex, target->view, target->name, target->type);
    std::vector<zones::Operation> operations;
    operations.push_back({std::move(put), *condition});
    const bool dry_run = request.query.flag("dry_run");
    submit(context, request, std::move(operations),
           [&context, respond, target = *target, existed, old, dry_run](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error()));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto now = context.service.store().read();
               const auto stored = now->rrset(target.zone, target.view, target.name, target.type);
               if (!stored) return respond(problem(503, stored.error().message));
               // Somebody else may have deleted it already; the write was made all the same.
               Json document = *stored ? rrset_json(**stored, target.view) : Json::object();
               Reply reply =
                   written(*outcome, existed ? 200 : 201, std::move(document), old, false);
               if (*stored) reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               if (!existed) {
                   reply.headers.add("location",
                                     rrset_url(target.zone, target.name, target.type, target.view));
               }
               respond(std::move(reply));
           });
}

void delete_rrset(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    auto target = target_of(*zone, request);
    if (!target) return respond(std::move(target.error()));
    const auto old = old_ttl(*reader, zone->apex, target->view, target->name, target->type);
    submit_deletion(
        context, submission_of(request),
        {zones::DeleteRRset{target->zone, target->name, target->type, target->view}, *condition},
        old, respond);
}

}  // namespace admin
