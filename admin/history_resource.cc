// Undoing: /v1/changes/{revision}/revert and /v1/zones/{zone}/revert.
#include <algorithm>

#include "admin/access.h"
#include "admin/jobs.h"
#include "admin/resources.h"
#include "dns/presentation.h"
#include "server/service.h"

namespace admin {

namespace {

// A change that makes a token is small: a larger one is not looked into for one.
constexpr std::size_t kMaxLookedInto = std::size_t{64} << 10;

// How long resolvers may keep what a change took away: the longest TTL among what it says was
// there, or the negative TTL of the zone where nothing was (RFC 2308, 5). Nothing for a change so
// large that looking would hold up the loop, or one of whole zones, whose TTLs it does not tell.
std::optional<std::uint32_t> longest_ttl_before(zones::StoreReader& reader,
                                                const zones::JournalEntry& entry) {
    constexpr std::size_t kMaxOctets = std::size_t{1} << 20;
    if (entry.json.size() > kMaxOctets) return std::nullopt;
    const auto operations = Json::parse(entry.json);
    if (!operations) return std::nullopt;
    std::optional<std::uint32_t> longest;
    std::optional<std::uint32_t> negative;
    for (const Json& operation : operations->items()) {
        const Json* op = operation.find("op");
        const Json* before = operation.find("before");
        const Json* zone = operation.find("zone");
        if (op == nullptr || op->as_string() == nullptr || before == nullptr) continue;
        if (*op->as_string() == "data" || *op->as_string() == "policy") return std::nullopt;
        if (*op->as_string() != "rrset") continue;
        std::optional<std::uint32_t> ttl;
        if (const Json* member = before->find("ttl"); member != nullptr && member->as_integer()) {
            ttl = static_cast<std::uint32_t>(*member->as_integer());
        } else if (zone != nullptr && zone->as_string() != nullptr) {
            const auto apex = dns::Name::parse(*zone->as_string());
            if (apex && !negative) {
                negative = old_ttl(reader, *apex, "", *apex, dns::RRType{});
            }
            ttl = negative;
        }
        if (ttl) longest = std::max(longest.value_or(0), *ttl);
    }
    return longest;
}

// What is compared.
struct Span {
    dns::Name apex;
    std::string view;
    zones::Revision from = 0, to = 0;
    std::optional<zones::StoreReader::Position> after;
};

// Is the zone there, or was it once?
base::Result<bool> is_known(zones::StoreReader& reader, const dns::Name& apex) {
    const auto zone = reader.zone(apex);
    if (!zone) return base::fail(zone.error().message);
    if (*zone) return true;
    zones::ChangeFilter filter;
    filter.zone = apex;
    const auto changes = reader.changes(0, 1, filter);
    if (!changes) return base::fail(changes.error().message);
    return !changes->entries.empty();
}

Json diff_json(const zones::RRsetDiff& diff, const std::string& view) {
    Json out = Json::object();
    out.set("name", diff.name.to_text());
    out.set("type", dns::to_text(diff.type));
    if (!view.empty()) out.set("view", view);
    for (const auto& side : {std::pair("before", &diff.before), std::pair("after", &diff.after)}) {
        out.set(side.first, *side.second ? rrset_value_json(diff.type, **side.second) : Json());
    }
    return out;
}

// What a revert may say: nothing, or {"to": N} for a zone.
base::Result<Json, Reply> body_of(const Request& request, const char* wanted) {
    Json body = Json::object();
    if (!request.body.empty()) {
        auto parsed = parse_body(request);
        if (!parsed) return base::fail(std::move(parsed.error()));
        body = std::move(*parsed);
    }
    Faults faults;
    if (!body.is_object()) faults.add("", "an object is wanted");
    for (const Json::Member& member : body.members()) {
        if (member.key != wanted) {
            faults.add(pointer_step(member.key), "there is no such member");
        }
    }
    if (!faults.none()) {
        return base::fail(problem(422, "the revert is not valid", std::move(faults.list)));
    }
    return body;
}

// Does this undo what was done to a token? It would bring back what the token could before, which
// may be more than its author can: whose own token has limits may not. A change of tokens is small:
// a large one is not looked into, and may be one.
bool undoes_token(const zones::JournalEntry& entry) {
    if (entry.json.size() > kMaxLookedInto) return true;
    const auto operations = Json::parse(entry.json);
    if (!operations) return true;
    const auto is_token = [](const Json& operation) {
        const Json* kind = operation.find("kind");
        return kind != nullptr && kind->as_string() != nullptr && *kind->as_string() == "tokens";
    };
    return std::any_of(operations->items().begin(), operations->items().end(), is_token);
}

bool has_limits(const Principal& who) {
    return who.expires || !who.from.empty() || who.privacy != Privacy::Full;
}

// The token that a revert would take from under its author's feet, or the one without which nobody
// comes in from elsewhere; nothing if it takes neither. It has to be deleted by its name, which
// nobody does by mistake.
std::optional<std::string> token_taken(const zones::JournalEntry& entry,
                                       const std::string& author) {
    if (entry.json.size() > kMaxLookedInto) return std::nullopt;
    const auto operations = Json::parse(entry.json);
    if (!operations) return std::nullopt;
    for (const Json& operation : operations->items()) {
        const auto is = [&](const char* key, std::string_view value) {
            const Json* member = operation.find(key);
            return member != nullptr && member->as_string() != nullptr &&
                   *member->as_string() == value;
        };
        const Json* before = operation.find("before");
        if (!is("op", "document") || !is("kind", "tokens")) continue;
        if (before == nullptr || !before->is_null()) continue;
        for (const std::string& name : {author, std::string("admin")}) {
            if (is("id", name)) return name;
        }
    }
    return std::nullopt;
}

void submit_revert(Context& context, const Request& request, const Respond& respond,
                   zones::Operation operation, const std::string& message) {
    Submission submission = submission_of(request);
    if (submission.message.empty()) submission.message = message;
    std::vector<zones::Operation> operations;
    operations.push_back(std::move(operation));
    submit_change_set(context, std::move(submission), std::move(operations), {}, respond);
}

}  // namespace

void submit_change_set(Context& context, Submission submission,
                       std::vector<zones::Operation> operations, std::vector<std::string> pointers,
                       const Respond& respond) {
    const bool dry_run = submission.dry_run;
    submit(context, std::move(submission), std::move(operations),
           [&context, respond, dry_run, pointers = std::move(pointers)](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), pointers));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               Json document = Json::object();
               document.set("revision", outcome->revision);
               document.set("changed", outcome->changed);
               Json zones = Json::array();
               for (const dns::Name& zone : outcome->zones) zones.push(zone.to_text());
               document.set("zones", std::move(zones));
               const auto reader = context.service.store().read();
               std::optional<std::uint32_t> old;
               if (outcome->changed) {
                   const auto entry = reader->change(outcome->revision);
                   if (entry && *entry) old = longest_ttl_before(*reader, **entry);
               }
               Reply reply = written(*outcome, 200, std::move(document), old, false);
               if (outcome->changed) {
                   reply.headers.add("location",
                                     "/v1/changes/" + std::to_string(outcome->revision));
               }
               respond(std::move(reply));
           });
}

void get_zone_diff(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    const auto apex = parse_zone_name(request.path[0]);
    if (!apex) return respond(problem(422, apex.error().message));
    Span span;
    span.apex = *apex;
    span.view = request.query.get("view").value_or("");
    span.to = page->reader->revision();
    const auto from = request.query.get("from");
    const auto to = request.query.get("to");
    for (const auto& side : {std::pair(&from, &span.from), std::pair(&to, &span.to)}) {
        if (!*side.first) continue;
        const auto revision = parse_revision(**side.first);
        if (!revision) return respond(problem(422, "from and to are revisions, numbers"));
        if (*revision > page->reader->revision()) {
            return respond(problem(404, "there is no revision " + **side.first + " yet"));
        }
        *side.second = *revision;
    }
    if (!from) return respond(problem(422, "from is missing: the revision to compare with"));
    const auto known = is_known(*page->reader, *apex);
    if (!known) return respond(problem(503, known.error().message));
    if (!*known) {
        return respond(
            problem(404, "there is no zone " + apex->to_text() + ", and history knows of none"));
    }
    const auto oldest = page->reader->oldest_change();
    if (!oldest) return respond(problem(503, oldest.error().message));
    if (std::min(span.from, span.to) + 1 < *oldest) return respond(history_gone(*oldest));
    if (!page->position.empty()) {
        span.after = parse_position(page->position);
        if (!span.after || !span.after->name.view().is_at_or_below(*apex)) {
            return respond(problem(400, "the cursor is not one of this listing"));
        }
    }
    // A long history takes longer to read than the loop may stand still.
    context.background.run([&context, mailbox = context.mailbox, request, respond,
                            page = std::move(*page), span]() mutable {
        if (request.work && request.work->cancelled) {
            mailbox->post([request, respond] { respond(cancelled_reply(*request.work)); });
            return;
        }
        auto diff = std::make_shared<base::Result<zones::StoreReader::Diff>>(
            page.reader->diff(span.apex, span.view, span.from, span.to, span.after, page.limit));
        mailbox->post([&context, request, respond, page = std::move(page), span, diff]() mutable {
            if (!*diff) return respond(problem(503, diff->error().message));
            Json items = Json::array();
            for (const zones::RRsetDiff& rrset : (*diff)->rrsets) {
                items.push(diff_json(rrset, span.view));
            }
            std::string next;
            if ((*diff)->next) next = format_position(*(*diff)->next);
            respond(page_reply(context, request, std::move(page), std::move(items), next));
        });
    });
}

void revert_change(Context& context, const Request& request, const Respond& respond) {
    const auto revision = parse_revision(request.path[0]);
    if (!revision) return respond(problem(422, "a revision is a number"));
    auto body = body_of(request, "");
    if (!body) return respond(std::move(body.error()));
    const auto entry = context.service.store().read()->change(*revision);
    if (!entry) return respond(problem(503, entry.error().message));
    const Rights& rights = *request.principal.rights;
    if (*entry && has_limits(request.principal) && undoes_token(**entry)) {
        return respond(forbidden(request, "undo what was done to tokens, being limited itself"));
    }
    // Others are told that they may not, whatever it is.
    if (*entry && rights.everything(Verb::Read) && rights.everything(Verb::Write)) {
        if (const auto token = token_taken(**entry, request.principal.name)) {
            return respond(problem(409, "revision " + std::to_string(*revision) +
                                            " made the token " + *token +
                                            ", which a revert does not take away: DELETE "
                                            "/v1/tokens/" +
                                            *token + " does"));
        }
    }
    submit_revert(context, request, respond, {zones::RevertRevision{*revision}, {}},
                  "revert of revision " + std::to_string(*revision));
}

void revert_zone(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    const auto apex = parse_zone_name(request.path[0]);
    if (!apex) return respond(problem(422, apex.error().message));
    auto body = body_of(request, "to");
    if (!body) return respond(std::move(body.error()));
    const Json* to = body->find("to");
    const auto revision = to == nullptr ? std::optional<std::int64_t>() : to->as_integer();
    if (!revision || *revision < 0) {
        return respond(problem(422, "the revert is not valid",
                               {{"/to", "the revision to go back to is wanted, a number"}}));
    }
    submit_revert(
        context, request, respond,
        {zones::RevertZone{*apex, static_cast<zones::Revision>(*revision)}, std::move(*condition)},
        "revert of " + apex->to_text() + " to revision " + std::to_string(*revision));
}

}  // namespace admin
