// /v1/zones/{zone}/policies: what steers answers by client, see docs on policies.
#include "admin/access.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

struct Target {
    dns::Name zone, name;
    std::string type, view;
};

base::Result<Target, Reply> target_of(const zones::ZoneInfo& zone, const Request& request) {
    Target target;
    target.zone = zone.apex;
    const auto name = parse_name(request.path[1], zone.apex);
    if (!name) return base::fail(problem(422, name.error().message));
    target.name = *name;
    target.type = request.path[2];
    if (target.type != "ADDRESS" && target.type != "CNAME") {
        return base::fail(problem(422, "a policy is of type ADDRESS or CNAME"));
    }
    target.view = request.query.get("view").value_or(zone.view);
    return target;
}

base::Result<std::optional<zones::PolicyInfo>> find(zones::StoreReader& reader,
                                                    const Target& target) {
    auto policies = reader.policies(target.zone, target.view);
    if (!policies) return base::fail(policies.error().message);
    for (zones::PolicyInfo& policy : *policies) {
        if (policy.name == target.name && policy.type == target.type) return std::move(policy);
    }
    return std::nullopt;
}

base::Result<Json> policy_json(const zones::PolicyInfo& policy) {
    auto document = Json::parse(policy.json);
    if (!document) return base::fail("the stored policy is damaged: " + document.error().message);
    document->set("name", policy.name.to_text());
    document->set("type", policy.type);
    if (!policy.view.empty()) document->set("view", policy.view);
    return document;
}

// A policy's own TTL, or what the name answered without it.
std::optional<std::uint32_t> policy_ttl(zones::StoreReader& reader, const Target& target,
                                        const std::optional<zones::PolicyInfo>& before) {
    if (before) {
        const auto document = Json::parse(before->json);
        const Json* ttl = document ? document->find("ttl") : nullptr;
        if (ttl != nullptr && ttl->as_integer()) {
            return static_cast<std::uint32_t>(*ttl->as_integer());
        }
    }
    return old_ttl(reader, target.zone, target.view, target.name,
                   target.type == "CNAME" ? dns::RRType::CNAME : dns::RRType::A);
}

}  // namespace

void list_policies(Context& context, const Request& request, const Respond& respond) {
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    const auto policies =
        reader->policies(zone->apex, request.query.get("view").value_or(zone->view));
    if (!policies) return respond(problem(503, policies.error().message));
    Json items = Json::array();
    for (const zones::PolicyInfo& policy : *policies) {
        if (!request.principal.rights->policy(Verb::Read, zone->apex, policy.name, policy.type)) {
            continue;
        }
        auto document = policy_json(policy);
        if (!document) return respond(problem(500, document.error().message));
        items.push(document->set("revision", policy.revision));
    }
    Json document = Json::object();
    document.set("items", std::move(items));
    document.set("revision", reader->revision());
    document.set("next", nullptr);
    respond(Reply::json(200, document.dump()));
}

void get_policy(Context& context, const Request& request, const Respond& respond) {
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    const auto target = target_of(*zone, request);
    if (!target) return respond(target.error());
    const auto policy = find(*reader, *target);
    if (!policy) return respond(problem(503, policy.error().message));
    if (!*policy) {
        return respond(problem(404, target->name.to_text() + " has no policy " + target->type));
    }
    const auto document = policy_json(**policy);
    if (!document) return respond(problem(500, document.error().message));
    respond(representation(request, *document, (*policy)->revision));
}

Json parse_policy(const Json& body, const dns::Name& zone, const dns::Name& name,
                  const std::string& type, const std::string& pointer, Faults& faults) {
    if (!body.is_object()) faults.add(pointer, "an object is wanted");
    if (const Json* said = body.find("name")) {
        const auto parsed = said->as_string() == nullptr
                                ? base::Result<dns::Name>(base::fail("a name is wanted"))
                                : parse_name(*said->as_string(), zone);
        if (!parsed || !(*parsed == name)) {
            faults.add(pointer + "/name", "the URL names " + name.to_text());
        }
    }
    if (const Json* said = body.find("type")) {
        if (said->as_string() == nullptr || *said->as_string() != type) {
            faults.add(pointer + "/type", "the URL names " + type);
        }
    }
    Json document = Json::object();
    document.set("name", name.to_text());
    document.set("type", type);
    for (const Json::Member& member : body.members()) {
        if (member.key != "name" && member.key != "type" && member.key != "view") {
            document.set(member.key, member.value);
        }
    }
    return document;
}

void put_policy(Context& context, const Request& request, const Respond& respond) {
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
    const Json document = parse_policy(*body, target->zone, target->name, target->type, "", faults);
    if (!faults.none()) {
        return respond(problem(422, "the policy is not valid", std::move(faults.list)));
    }
    const auto before = find(*reader, *target);
    if (!before) return respond(problem(503, before.error().message));
    const bool existed = before->has_value();
    const auto old = policy_ttl(*reader, *target, *before);
    std::vector<zones::Operation> operations;
    operations.push_back(
        {zones::PutPolicy{target->zone, target->name, target->type, target->view, document.dump()},
         *condition});
    const bool dry_run = request.query.flag("dry_run");
    const std::string url = zone_url(target->zone) + "/policies/" +
                            encode_segment(target->name.to_text()) + '/' + target->type;
    submit(context, request, std::move(operations),
           [&context, respond, target = *target, existed, old, dry_run, url](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error()));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto now = context.service.store().read();
               const auto stored = find(*now, target);
               if (!stored) return respond(problem(503, stored.error().message));
               Json shown = Json::object();
               if (*stored) shown = policy_json(**stored).value_or(Json::object());
               Reply reply = written(*outcome, existed ? 200 : 201, std::move(shown), old, false);
               if (*stored) reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               if (!existed) reply.headers.add("location", url);
               respond(std::move(reply));
           });
}

void delete_policy(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    const auto reader = context.service.store().read();
    const auto zone = zone_of(*reader, request);
    if (!zone) return respond(zone.error());
    auto target = target_of(*zone, request);
    if (!target) return respond(std::move(target.error()));
    const auto before = find(*reader, *target);
    if (!before) return respond(problem(503, before.error().message));
    const auto old = policy_ttl(*reader, *target, *before);
    submit_deletion(
        context, submission_of(request),
        {zones::DeletePolicy{target->zone, target->name, target->type, target->view}, *condition},
        old, respond);
}

}  // namespace admin
