// /v1/tokens: who may use the API. The secret is shown once, when the token is made; the store has
// its hash alone, which is never shown.
#include <algorithm>

#include "admin/access.h"
#include "admin/resources.h"
#include "admin/tokens.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr char kTokens[] = "tokens";
constexpr std::size_t kMaxNameOctets = 64;

std::string url_of(const std::string& name) {
    return "/v1/tokens/" + encode_segment(name);
}

// What others are called in the journal must not be a token's name.
bool usable_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxNameOctets &&
           name.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789._-") == std::string_view::npos &&
           name != kLoginLink && name != "server" && name != "import";
}

// The document as it is shown: all but the hash.
base::Result<Json> shown(const zones::DocumentInfo& info) {
    auto stored = Json::parse(info.json);
    if (!stored) return base::fail("the stored token is damaged: " + stored.error().message);
    Json document = Json::object();
    document.set("name", info.id);
    for (const Json::Member& member : stored->members()) {
        if (member.key != "hash") document.set(member.key, member.value);
    }
    return document;
}

// Preset acme: a client that proves its names by DNS-01 (RFC 8555, 8.4) may write those TXT
// records, in the zones that its scopes name, and see them.
Json acme_scope(const Json* zones) {
    Json scope = Json::object();
    scope.set("verbs", Json::array().push("read").push("write"));
    if (zones != nullptr) scope.set("zones", *zones);
    scope.set("names", Json::array().push("_acme-challenge.*"));
    scope.set("types", Json::array().push("TXT"));
    return scope;
}

void expand_preset(Json& document, Faults& faults) {
    const Json* preset = document.find("preset");
    if (preset == nullptr || preset->is_null()) return;
    if (preset->as_string() == nullptr || *preset->as_string() != "acme") {
        return faults.add("/preset", "the presets are: acme");
    }
    Json scopes = Json::array();
    const Json* given = document.find("scopes");
    if (given == nullptr) {
        scopes.push(acme_scope(nullptr));
    } else {
        std::size_t index = 0;
        for (const Json& one : given->items()) {
            const std::string where = "/scopes/" + std::to_string(index++);
            Json scope = acme_scope(one.find("zones"));
            for (const Json::Member& member : one.members()) {
                const Json* same = scope.find(member.key);
                if (same == nullptr || same->dump() != member.value.dump()) {
                    faults.add(where + pointer_step(member.key), "the preset says it");
                }
            }
            scopes.push(std::move(scope));
        }
    }
    document.set("scopes", std::move(scopes));
}

// What a new token has of the one that makes it, where it says nothing else: its end, and where it
// is good.
void inherit(const Principal& maker, Json& document) {
    if (maker.expires && document.find("expires") == nullptr) {
        document.set("expires", base::format_rfc3339(*maker.expires));
    }
    if (maker.from.empty() || document.find("from") != nullptr) return;
    Json from = Json::array();
    for (const base::IpPrefix& prefix : maker.from) from.push(prefix.to_text());
    document.set("from", std::move(from));
}

// What this grants beyond what its maker has, or nothing.
std::string beyond(const Principal& maker, const TokenGrant& grant) {
    if (grant.privacy < maker.privacy) return "that see more of clients than it does";
    if (maker.expires && (!grant.expires || *grant.expires > *maker.expires)) {
        return "that are good for longer than it is";
    }
    const auto within = [&](const base::IpPrefix& prefix) {
        return std::any_of(maker.from.begin(), maker.from.end(), [&](const base::IpPrefix& wide) {
            return wide.length <= prefix.length && wide.contains(prefix.address);
        });
    };
    const bool anywhere = grant.from.empty();
    if (!maker.from.empty() &&
        (anywhere || !std::all_of(grant.from.begin(), grant.from.end(), within))) {
        return "that are good where it is not";
    }
    return {};
}

// The body as it is stored, its hash apart. Nobody gives a token more than they have.
base::Result<Json, Reply> parse_token(const Request& request, const Json& body,
                                      const std::string& name, bool creates) {
    Faults faults;
    if (!body.is_object()) faults.add("", "an object is wanted");
    check_members(body,
                  {"name", "scopes", "from", "expires", "privacy", "subject", "preset", "comment"},
                  "", faults);
    const Json* said = body.find("name");
    if (said != nullptr && (said->as_string() == nullptr || *said->as_string() != name)) {
        faults.add("/name", "the URL names " + name);
    }
    if (!usable_name(name)) {
        faults.add("/name", "a token's name has 1 to " + std::to_string(kMaxNameOctets) +
                                " letters, digits, dots, hyphens and underscores, and is none "
                                "that the server uses itself");
    }
    Json document = Json::object();
    document.set("name", name);
    for (const Json::Member& member : body.members()) {
        if (!member.value.is_null()) document.set(member.key, member.value);
    }
    expand_preset(document, faults);
    const Json* comment = document.find("comment");
    if (comment != nullptr && comment->as_string() == nullptr) {
        faults.add("/comment", "a string is wanted");
    }
    if (creates) inherit(request.principal, document);
    const TokenGrant grant = TokenGrant::parse(document, faults);
    if (!faults.none()) {
        return base::fail(problem(422, "the token is not valid", std::move(faults.list)));
    }
    const std::string more = beyond(request.principal, grant);
    if (!more.empty()) return base::fail(forbidden(request, "write tokens " + more));
    return document;
}

// Stores a token. `secret` is shown in the answer if there is a new one. `conflict`: a failed
// condition is not the client's, and means 409.
void put(Context& context, const Request& request, const Respond& respond, const std::string& name,
         Json document, const std::string& secret, zones::Precondition condition, bool conflict) {
    std::vector<zones::Operation> operations;
    operations.push_back(
        {zones::PutDocument{kTokens, name, document.dump()}, std::move(condition)});
    const bool dry_run = request.query.flag("dry_run");
    submit(context, request, std::move(operations),
           [&context, respond, name, secret, conflict, dry_run](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), {}, conflict));
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               const auto stored = context.service.store().read()->document(kTokens, name);
               if (!stored) return respond(problem(503, stored.error().message));
               Json answer = Json::object();
               if (*stored) answer = shown(**stored).value_or(Json::object());
               if (!secret.empty()) answer.set("secret", secret);
               Reply reply = written(*outcome, secret.empty() ? 200 : 201, std::move(answer),
                                     std::nullopt, false);
               if (*stored) reply.headers.add("etag", make_etag((*stored)->revision, "j"));
               if (!secret.empty()) reply.headers.add("location", url_of(name));
               respond(std::move(reply));
           });
}

// Gives the document a hash: that of the token that is there, or of a new secret, which it returns.
base::Result<std::string> add_hash(Json& document,
                                   const std::optional<zones::DocumentInfo>& stored) {
    if (!stored) {
        std::string secret = make_secret();
        document.set("hash", base::to_hex(sha256(secret)));
        return secret;
    }
    const auto before = Json::parse(stored->json);
    const Json* hash = before ? before->find("hash") : nullptr;
    if (hash == nullptr) return base::fail("the stored token is damaged: it has no hash");
    document.set("hash", *hash);
    return std::string();
}

}  // namespace

void list_tokens(Context& context, const Request& /*request*/, const Respond& respond) {
    respond(list_stored(context, kTokens, shown));
}

void create_token(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const Json* name = body->find("name");
    if (name == nullptr || name->as_string() == nullptr) {
        return respond(problem(422, "the token is not valid",
                               {{"/name", "a string that names it is wanted"}}));
    }
    auto document = parse_token(request, *body, *name->as_string(), true);
    if (!document) return respond(std::move(document.error()));
    const auto secret = add_hash(*document, std::nullopt);
    if (!secret) return respond(problem(500, secret.error().message));
    put(context, request, respond, *name->as_string(), std::move(*document), *secret,
        {.if_match = std::nullopt, .if_none_match = true}, true);
}

void get_token(Context& context, const Request& request, const Respond& respond) {
    const auto stored = context.service.store().read()->document(kTokens, request.path[0]);
    if (!stored) return respond(problem(503, stored.error().message));
    if (!*stored) return respond(problem(404, "there is no token " + request.path[0]));
    const auto document = shown(**stored);
    if (!document) return respond(problem(500, document.error().message));
    respond(representation(request, *document, (*stored)->revision));
}

void put_token(Context& context, const Request& request, const Respond& respond) {
    const std::string& name = request.path[0];
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto before = context.service.store().read()->document(kTokens, name);
    if (!before) return respond(problem(503, before.error().message));
    auto document = parse_token(request, *body, name, !*before);
    if (!document) return respond(std::move(document.error()));
    const auto secret = add_hash(*document, *before);
    if (!secret) return respond(problem(500, secret.error().message));
    // What is there keeps its secret, so it has to be the same until the write is made; and what is
    // not there must not come to be meanwhile, lest its secret changes.
    const bool asked = condition->if_match.has_value() || condition->if_none_match;
    if (!*before) {
        condition->if_none_match = condition->if_none_match || !condition->if_match;
    } else if (!condition->if_none_match) {
        *condition = since_read(std::move(*condition), (*before)->revision);
    }
    put(context, request, respond, name, std::move(*document), *secret, std::move(*condition),
        !asked);
}

void patch_token(Context& context, const Request& request, const Respond& respond) {
    const std::string& name = request.path[0];
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto before = context.service.store().read()->document(kTokens, name);
    if (!before) return respond(problem(503, before.error().message));
    if (!*before) return respond(problem(404, "there is no token " + name));
    const auto stored = shown(**before);
    if (!stored) return respond(problem(500, stored.error().message));
    auto document = parse_token(request, merge_patch(*stored, *body), name, false);
    if (!document) return respond(std::move(document.error()));
    const auto secret = add_hash(*document, *before);
    if (!secret) return respond(problem(500, secret.error().message));
    const bool asked = condition->if_match.has_value() || condition->if_none_match;
    put(context, request, respond, name, std::move(*document), *secret,
        since_read(std::move(*condition), (*before)->revision), !asked);
}

void delete_token(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    submit_removal(context, request,
                   {zones::DeleteDocument{kTokens, request.path[0]}, std::move(*condition)},
                   respond);
}

}  // namespace admin
