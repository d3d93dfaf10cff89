// /v1/views, /networks, /maps, /pools and /monitors: documents with an id. The store checks what
// they say; here they are named, listed and versioned.
#include <algorithm>
#include <array>

#include "admin/access.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

struct Kind {
    std::string_view name;    // as in the URL and in the store
    std::string_view id_key;  // the member that names a document
};
constexpr std::array<Kind, 5> kKinds = {{{"views", "name"},
                                         {"networks", "prefix"},
                                         {"maps", "id"},
                                         {"pools", "id"},
                                         {"monitors", "id"}}};

// Which of the kinds the path names: "/v1/pools/fra".
const Kind& kind_of(const Request& request) {
    for (const Kind& kind : kKinds) {
        if (std::string_view(request.head.path).substr(4).starts_with(kind.name)) return kind;
    }
    return kKinds.back();  // not reached: the routes name the kinds above
}

std::string url_of(const Kind& kind, const std::string& id) {
    return "/v1/" + std::string(kind.name) + '/' + encode_segment(id);
}

base::Result<Json> document_json(const Kind& kind, const zones::DocumentInfo& info) {
    auto stored = Json::parse(info.json);
    if (!stored) return base::fail("the stored document is damaged: " + stored.error().message);
    Json document = Json::object();
    document.set(kind.id_key, info.id);
    for (const Json::Member& member : stored->members()) document.set(member.key, member.value);
    return document;
}

// Submits the document and answers with it as it is stored.
void put(Context& context, const Request& request, const Respond& respond, const Kind& kind,
         std::string id, Json document, zones::Precondition condition, bool existed, bool creates) {
    std::vector<zones::Operation> operations;
    operations.push_back(
        {zones::PutDocument{std::string(kind.name), id, document.dump()}, std::move(condition)});
    const bool dry_run = request.query.flag("dry_run");
    // A patch of what its author may not read does not show it.
    const bool show = request.principal.rights->everything(Verb::Read);
    submit(context, request, std::move(operations),
           [&context, respond, &kind, id, existed, creates, dry_run, show](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), {}, creates));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto reader = context.service.store().read();
               const auto stored = reader->document(kind.name, id);
               if (!stored) return respond(problem(503, stored.error().message));
               Json shown = Json::object();
               if (*stored && show) {
                   shown = document_json(kind, **stored).value_or(Json::object());
               }
               Reply reply =
                   written(*outcome, existed ? 200 : 201, std::move(shown), std::nullopt, false);
               if (*stored) reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               if (!existed) reply.headers.add("location", url_of(kind, id));
               respond(std::move(reply));
           });
}

}  // namespace

void list_documents(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    respond(list_stored(context, kind.name, [&kind](const zones::DocumentInfo& info) {
        return document_json(kind, info);
    }));
}

void create_document(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const Json* id = body->find(kind.id_key);
    if (id == nullptr || id->as_string() == nullptr || id->as_string()->empty()) {
        return respond(problem(422, "the document is not valid",
                               {{pointer_step(kind.id_key), "a string that names it is wanted"}}));
    }
    put(context, request, respond, kind, *id->as_string(), *body,
        {.if_match = std::nullopt, .if_none_match = true}, false, true);
}

void get_document(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    const auto reader = context.service.store().read();
    const auto stored = reader->document(kind.name, request.path[0]);
    if (!stored) return respond(problem(503, stored.error().message));
    if (!*stored) {
        return respond(
            problem(404, "there is no " + request.path[0] + " in " + std::string(kind.name)));
    }
    const auto document = document_json(kind, **stored);
    if (!document) return respond(problem(500, document.error().message));
    respond(representation(request, *document, (*stored)->revision));
}

Json parse_document(const Json& body, std::string_view kind, const std::string& id,
                    const std::string& pointer, Faults& faults) {
    const auto* known = std::find_if(kKinds.begin(), kKinds.end(),
                                     [kind](const Kind& one) { return one.name == kind; });
    const std::string id_key(known == kKinds.end() ? "id" : known->id_key);
    if (!body.is_object()) {
        faults.add(pointer, "an object is wanted");
        return body;
    }
    const Json* named = body.find(id_key);
    if (named != nullptr && (named->as_string() == nullptr || *named->as_string() != id)) {
        faults.add(pointer + pointer_step(id_key), "the URL names " + id);
    }
    Json document = body;
    document.set(id_key, id);
    return document;
}

void put_document(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const std::string& id = request.path[0];
    Faults faults;
    Json document = parse_document(*body, kind.name, id, "", faults);
    if (!faults.none()) {
        return respond(problem(422, "the document is not valid", std::move(faults.list)));
    }
    const auto before = context.service.store().read()->document(kind.name, id);
    if (!before) return respond(problem(503, before.error().message));
    put(context, request, respond, kind, id, std::move(document), std::move(*condition),
        before->has_value(), false);
}

void patch_document(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const std::string& id = request.path[0];
    const auto before = context.service.store().read()->document(kind.name, id);
    if (!before) return respond(problem(503, before.error().message));
    if (!*before) {
        return respond(problem(404, "there is no " + id + " in " + std::string(kind.name)));
    }
    const auto stored = document_json(kind, **before);
    if (!stored) return respond(problem(500, stored.error().message));
    Faults faults;
    if (!body->is_object()) faults.add("", "an object is wanted");
    Json document = parse_document(merge_patch(*stored, *body), kind.name, id, "", faults);
    if (!faults.none()) {
        return respond(problem(422, "the patch is not valid", std::move(faults.list)));
    }
    // Without a condition of the client's, somebody else's write in between is a conflict (409).
    const bool asked = condition->if_match.has_value();
    put(context, request, respond, kind, id, std::move(document),
        since_read(std::move(*condition), (*before)->revision), true, !asked);
}

void delete_document(Context& context, const Request& request, const Respond& respond) {
    const Kind& kind = kind_of(request);
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    submit_removal(
        context, request,
        {zones::DeleteDocument{std::string(kind.name), request.path[0]}, std::move(*condition)},
        respond);
}

}  // namespace admin
