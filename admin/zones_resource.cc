// /v1/zones and /v1/zones/{zone}.
#include <algorithm>

#include "admin/access.h"
#include "admin/resources.h"
#include "dns/presentation.h"
#include "dns/rdata.h"
#include "server/service.h"
#include "zones/policy_document.h"

namespace admin {

namespace {

// The zone as GET shows it: with the name servers and the SOA of its apex.
base::Result<Json> full_zone_json(zones::StoreReader& reader, const zones::ZoneInfo& zone) {
    Json document = zone_json(zone);
    const auto soa = reader.rrset(zone.apex, zone.view, zone.apex, dns::RRType::SOA);
    if (!soa) return base::fail(soa.error().message);
    if (*soa && !(*soa)->value.records.empty()) {
        document.set("soa", soa_json((*soa)->value.records.front()));
    }
    const auto ns = reader.rrset(zone.apex, zone.view, zone.apex, dns::RRType::NS);
    if (!ns) return base::fail(ns.error().message);
    Json names = Json::array();
    if (*ns) {
        for (const auto& rdata : (*ns)->value.records) {
            names.push(dns::format_rdata(dns::RRType::NS, rdata));
        }
    }
    document.set("ns", std::move(names));
    return document;
}

// How long resolvers may keep what goes with a zone: its data, that of all views, and what policies
// answered in either. Takes a while: not for the loop.
std::optional<std::uint32_t> longest_ttl_anywhere(zones::StoreReader& reader,
                                                  const zones::ZoneInfo& zone) {
    std::set<std::string> views = {zone.view};
    const auto documents = reader.documents("views");
    if (!documents) return std::nullopt;
    for (const zones::DocumentInfo& view : *documents) views.insert(view.id);
    auto longest = longest_ttl(reader, zone.apex, views);
    for (auto view = views.begin(); longest && view != views.end(); ++view) {
        const auto policies = reader.policies(zone.apex, *view);
        if (!policies) return std::nullopt;
        for (const zones::PolicyInfo& policy : *policies) {
            zones::PolicyFaults faults;
            const auto document = zones::parse_policy(policy.type, policy.json, faults);
            if (!document) return std::nullopt;
            longest = std::max({*longest, document->ttl, document->ttl_degraded});
        }
    }
    return longest;
}

// The master file of a zone (RFC 1035, 5), one page of RRsets at a time.
class Exporter {
  public:
    static constexpr std::size_t kRRsetsPerPiece = 256;

    Exporter(std::shared_ptr<zones::StoreReader> reader, dns::Name apex, std::string view,
             std::string own_view)
        : reader_(std::move(reader)),
          apex_(apex),
          view_(std::move(view)),
          own_view_(std::move(own_view)) {}

    // Empty at the end.
    base::Result<std::string> next() {
        std::string out;
        if (!started_) {
            started_ = true;
            auto first = header();
            if (!first) return first;
            out = std::move(*first);
        }
        while (out.empty() && !done_) {
            const auto rrsets = reader_->rrsets(apex_, view_, after_, kRRsetsPerPiece);
            if (!rrsets) return base::fail(rrsets.error().message);
            done_ = rrsets->size() < kRRsetsPerPiece;
            for (const zones::RRsetInfo& rrset : *rrsets) {
                if (rrset.type != dns::RRType::SOA) append(out, rrset);
            }
            if (!rrsets->empty()) {
                after_ = zones::StoreReader::Position{rrsets->back().name, rrsets->back().type};
            }
        }
        return out;
    }

  private:
    // The SOA stands first, as readers of master files expect.
    base::Result<std::string> header() {
        std::string out = "; " + apex_.to_text() + " at revision " +
                          std::to_string(reader_->revision()) +
                          (view_.empty() ? "" : ", overlay of the view " + view_) + "\n";
        const auto soa = reader_->rrset(apex_, own_view_, apex_, dns::RRType::SOA);
        if (view_.empty() || view_ == own_view_) {
            if (!soa) return base::fail(soa.error().message);
            if (*soa) append(out, **soa);
        }
        return out;
    }
    static void append(std::string& out, const zones::RRsetInfo& rrset) {
        const std::string owner = rrset.name.to_text();
        const std::string type = dns::to_text(rrset.type);
        if (rrset.value.hidden) {
            out += "; " + owner + ' ' + type + " is hidden here\n";
            return;
        }
        if (!rrset.value.weights.empty()) {
            out += "; " + owner + ' ' + type +
                   " has weights, which a master file cannot hold; read it as JSON\n";
        }
        for (const auto& rdata : rrset.value.records) {
            const std::uint32_t ttl = rrset.type == dns::RRType::RRSIG
                                          ? dns::signature_head(rdata).original_ttl
                                          : rrset.value.ttl;
            out += owner + ' ' + std::to_string(ttl) + " IN " + type + ' ' +
                   dns::format_rdata(rrset.type, rdata) + '\n';
        }
    }

    std::shared_ptr<zones::StoreReader> reader_;
    dns::Name apex_;
    std::string view_;
    std::string own_view_;  // of a zone that exists in one view alone
    std::optional<zones::StoreReader::Position> after_;
    bool started_ = false;
    bool done_ = false;
};

}  // namespace

void list_zones(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    std::optional<dns::Name> after;
    if (!page->position.empty()) {
        const auto name = dns::Name::parse(page->position);
        if (!name) return respond(problem(400, "the cursor is not one of this listing"));
        after = *name;
    }
    const auto found =
        page->reader->zones(after, page->limit, request.query.get("search").value_or(""));
    if (!found) return respond(problem(503, found.error().message));
    Json items = Json::array();
    for (const zones::ZoneInfo& zone : found->zones) {
        if (request.principal.rights->some_of(Verb::Read, zone.apex)) items.push(zone_json(zone));
    }
    const std::string next = found->next ? found->next->to_text() : std::string();
    respond(page_reply(context, request, std::move(*page), std::move(items), next));
}

void create_zone(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    Faults faults;
    zones::PutZone zone = parse_zone(*body, faults);
    if (!faults.none()) {
        return respond(problem(422, "the zone document is not valid", std::move(faults.list)));
    }
    const dns::Name apex = zone.apex;
    const bool dry_run = request.query.flag("dry_run");
    std::vector<zones::Operation> operations;
    operations.push_back({std::move(zone), {.if_match = std::nullopt, .if_none_match = true}});
    submit(context, request, std::move(operations),
           [&context, respond, apex, dry_run](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), {}, true));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto reader = context.service.store().read();
               const auto stored = reader->zone(apex);
               if (!stored || !*stored) return respond(problem(503, "the zone cannot be read"));
               auto document = full_zone_json(*reader, **stored);
               if (!document) return respond(problem(503, document.error().message));
               Reply reply = written(*outcome, 201, std::move(*document), std::nullopt, false);
               reply.headers.add("location", zone_url(apex));
               reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               respond(std::move(reply));
           });
}

void get_zone(Context& context, const Request& request, const Respond& respond) {
    const unsigned json = request.accepts("application/json");
    const unsigned text = request.accepts("text/dns");
    if (json == 0 && text == 0) {
        return respond(problem(406, "a zone is application/json or text/dns"));
    }
    std::shared_ptr<zones::StoreReader> reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    if (json >= text) {
        const auto document = full_zone_json(*reader, *zone);
        if (!document) return respond(problem(503, document.error().message));
        return respond(representation(request, *document, zone->revision));
    }
    if (!request.principal.rights->zone(Verb::Read, zone->apex)) {
        return respond(forbidden(request, "read all of " + zone->apex.to_text()));
    }
    const std::string etag = make_etag(zone->revision, "dns");
    const auto spared = not_modified(request, etag);
    if (!spared) return respond(problem(400, spared.error().message));
    Reply reply = Reply::empty(*spared ? 304 : 200);
    reply.headers.add("etag", etag);
    reply.headers.add("vary", "accept");
    if (!*spared) {
        reply.headers.add("content-type", "text/dns");
        std::string view = request.query.get("view").value_or(zone->view);
        if (view == "default") view.clear();  // the base zone's other name
        auto exporter =
            std::make_shared<Exporter>(std::move(reader), zone->apex, std::move(view), zone->view);
        reply.more = [exporter] { return exporter->next(); };
    }
    respond(std::move(reply));
}

zones::PutZone parse_zone_properties(const Json& body, const dns::Name& zone,
                                     const std::string& pointer, Faults& faults) {
    if (!body.is_object()) faults.add(pointer, "an object is wanted");
    check_members(body, {"comment", "soa_edit"}, pointer, faults);
    zones::PutZone change{
        .apex = zone, .view = {}, .soa_edit = {}, .comment = {}, .ns = {}, .soa_rdata = {}};
    for (const Json::Member& member : body.members()) {
        if (member.value.as_string() == nullptr) {
            faults.add(pointer + pointer_step(member.key), "a string is wanted");
        } else if (member.key == "comment") {
            change.comment = *member.value.as_string();
        } else {
            change.soa_edit = *member.value.as_string();
        }
    }
    return change;
}

void patch_zone(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto zone = zone_of(*context.service.store().read(), request);
    if (!zone) return respond(zone.error());

    Faults faults;
    zones::PutZone change = parse_zone_properties(*body, zone->apex, "", faults);
    if (!faults.none()) {
        return respond(problem(422, "the properties are not valid", std::move(faults.list)));
    }
    // A zone that is deleted meanwhile must not be made anew by a change of its comment.
    if (!condition->if_match) condition->if_match.emplace();
    std::vector<zones::Operation> operations;
    operations.push_back({std::move(change), *condition});
    const dns::Name apex = zone->apex;
    const bool dry_run = request.query.flag("dry_run");
    // What its author may not read is not shown.
    const bool show = request.principal.rights->some_of(Verb::Read, apex);
    submit(context, request, std::move(operations),
           [&context, respond, apex, dry_run, show](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error()));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto reader = context.service.store().read();
               const auto stored = reader->zone(apex);
               if (!stored || !*stored) return respond(problem(503, "the zone cannot be read"));
               auto document = show ? full_zone_json(*reader, **stored) : Json::object();
               if (!document) return respond(problem(503, document.error().message));
               Reply reply = written(*outcome, 200, std::move(*document), std::nullopt, false);
               reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               respond(std::move(reply));
           });
}

void delete_zone(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    zones::Operation operation{zones::DeleteZone{zone->apex}, *condition};
    const bool may = request.principal.rights->covers(operation);
    const auto remove = [&context, respond, operation = std::move(operation), work = request.work,
                         submission = submission_of(request)](std::optional<std::uint32_t> old) {
        if (work && work->cancelled) return respond(cancelled_reply(*work));
        submit_deletion(context, submission, operation, old, respond);
    };
    if (!may || request.query.flag("dry_run")) return remove(std::nullopt);
    context.background.run([&context, mailbox = context.mailbox, zone = *zone, remove] {
        const auto old = longest_ttl_anywhere(*context.service.store().read(), zone);
        mailbox->post([remove, old] { remove(old); });
    });
}

}  // namespace admin
