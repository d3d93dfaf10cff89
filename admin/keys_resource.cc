// /v1/keys: the keys by which servers sign to each other (TSIG, RFC 8945). Both sides have to know
// the secret, so the store has it as it is; it is shown by the answer that made it, and to who may
// do everything.
#include <algorithm>
#include <array>

#include "admin/access.h"
#include "admin/resources.h"
#include "base/random.h"
#include "dns/service_binding.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr char kKeys[] = "keys";
constexpr std::size_t kMinSecretOctets = 8;
constexpr std::size_t kMaxSecretOctets = 512;

struct Algorithm {
    std::string_view name;  // RFC 8945, 6
    std::size_t octets;     // of its hash, and of a secret that is made for it
    bool old;               // for peers that know nothing better
};
constexpr std::array<Algorithm, 5> kAlgorithms = {{{"hmac-sha256", 32, false},
                                                   {"hmac-sha384", 48, false},
                                                   {"hmac-sha512", 64, false},
                                                   {"hmac-sha224", 28, true},
                                                   {"hmac-sha1", 20, true}}};

const Algorithm* algorithm_of(std::string_view name) {
    const auto* found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                     [&](const Algorithm& one) { return one.name == name; });
    return found == kAlgorithms.end() ? nullptr : found;
}

std::string key_url(const std::string& id) {
    return "/v1/keys/" + encode_segment(id);
}

bool may_see_secrets(const Request& request) {
    const Rights& rights = *request.principal.rights;
    return rights.everything(Verb::Read) && rights.everything(Verb::Write);
}

base::Result<Json> key_json(const zones::DocumentInfo& info, bool with_secret) {
    auto stored = Json::parse(info.json);
    if (!stored) return base::fail("the stored key is damaged: " + stored.error().message);
    Json document = Json::object();
    document.set("name", info.id);
    for (const Json::Member& member : stored->members()) {
        if (with_secret || member.key != "secret") document.set(member.key, member.value);
    }
    return document;
}

std::string make_key_secret(const Algorithm& algorithm) {
    std::vector<std::uint8_t> raw(algorithm.octets);
    base::secure_fill(raw);
    return dns::to_base64(raw);
}

// A key as it is to be stored.
struct KeyWrite {
    std::string id;
    Json document;
    std::vector<std::string> warnings;
    bool made_secret = false;
};

// `known`: the key that is there, with its secret; what the body leaves out of algorithm and secret
// stays, because they belong together. `again`: the secret is to be another one.
base::Result<KeyWrite, Reply> parse_key(const Json& body, const std::string& name,
                                        const Json* known, bool again) {
    Faults faults;
    KeyWrite out;
    out.id = key_id(name);
    if (!body.is_object()) faults.add("", "an object is wanted");
    check_members(body, {"name", "algorithm", "secret", "comment"}, "", faults);
    if (const auto parsed = parse_zone_name(name); !parsed) {
        faults.add("/name", parsed.error().message);
    } else if (parsed->view().is_root()) {
        faults.add("/name", "the root is no name of a key");
    }
    const Json* said = body.find("name");
    if (said != nullptr && (said->as_string() == nullptr || key_id(*said->as_string()) != out.id)) {
        faults.add("/name", "the URL names " + out.id);
    }
    const auto value = [&](const char* key) {
        const Json* member = body.find(key);
        if (member != nullptr && member->is_null()) member = nullptr;
        if (member != nullptr && member->as_string() == nullptr) {
            faults.add(pointer_step(key), "a string is wanted");
            return std::optional<std::string>();
        }
        if (member != nullptr) return std::optional<std::string>(*member->as_string());
        const bool keeps = known != nullptr && std::string_view(key) != "comment" &&
                           !(again && std::string_view(key) == "secret");
        const Json* before = keeps ? known->find(key) : nullptr;
        if (before == nullptr || before->as_string() == nullptr) {
            return std::optional<std::string>();
        }
        return std::optional<std::string>(*before->as_string());
    };
    const std::string algorithm_name = value("algorithm").value_or("hmac-sha256");
    std::optional<std::string> secret = value("secret");
    const auto comment = value("comment");
    const Algorithm* algorithm = algorithm_of(algorithm_name);
    if (algorithm == nullptr) {
        faults.add(
            "/algorithm",
            "hmac-sha256, hmac-sha384 or hmac-sha512 is wanted; for old peers hmac-sha224 or "
            "hmac-sha1");
    } else if (algorithm->old) {
        out.warnings.push_back(algorithm_name +
                               " is for peers that know nothing better (RFC 8945, 6)");
    }
    if (secret) {
        const auto raw = dns::from_base64(*secret);
        if (!raw || raw->size() < kMinSecretOctets || raw->size() > kMaxSecretOctets) {
            faults.add("/secret", "base64 of " + std::to_string(kMinSecretOctets) + " to " +
                                      std::to_string(kMaxSecretOctets) + " octets is wanted");
        } else if (algorithm != nullptr && raw->size() < algorithm->octets / 2) {
            out.warnings.push_back("the secret has " + std::to_string(raw->size()) +
                                   " octets: less than half of what " + algorithm_name +
                                   " makes of it (RFC 2104, 3)");
        }
    }
    if (!faults.none()) {
        return base::fail(problem(422, "the key is not valid", std::move(faults.list)));
    }
    if (!secret) {
        out.made_secret = true;
        secret = make_key_secret(*algorithm);
    }
    out.document = Json::object();
    out.document.set("name", out.id).set("algorithm", algorithm_name).set("secret", *secret);
    if (comment) out.document.set("comment", *comment);
    return out;
}

// Stores a key. `conflict`: a failed condition is not the client's, and means 409.
void write_key(Context& context, const Request& request, const Respond& respond, KeyWrite key,
               bool created, zones::Precondition condition, bool conflict) {
    std::vector<zones::Operation> operations;
    operations.push_back(
        {zones::PutDocument{kKeys, key.id, key.document.dump()}, std::move(condition)});
    const bool dry_run = request.query.flag("dry_run");
    // Who may only write is shown what is new, not what a patch left as it was.
    const bool reads = request.principal.rights->everything(Verb::Read);
    submit(context, request, std::move(operations),
           [&context, respond, key = std::move(key), created, conflict, dry_run,
            reads](Outcome outcome) {
               if (!outcome) return respond(problem(outcome.error(), {}, conflict));
               outcome->warnings.insert(outcome->warnings.end(), key.warnings.begin(),
                                        key.warnings.end());
               if (dry_run) return respond(written(*outcome, 200, {}, std::nullopt, true));
               // What was written; somebody else may have written another one since.
               const bool show = created || key.made_secret;
               Json answer = Json::object();
               for (const Json::Member& member : key.document.members()) {
                   const bool secret = member.key == "secret";
                   if (secret ? show : reads || created || member.key == "name") {
                       answer.set(member.key, member.value);
                   }
               }
               Reply reply =
                   written(*outcome, created ? 201 : 200, std::move(answer), std::nullopt, false);
               const auto stored = context.service.store().read()->document(kKeys, key.id);
               if (stored && *stored) {
                   reply.headers.add("etag", make_etag((*stored)->revision, show ? "jk" : "j"));
               }
               if (created) reply.headers.add("location", key_url(key.id));
               respond(std::move(reply));
           });
}

// What a write begins with that may find the key there.
struct KeyBefore {
    zones::Precondition condition;
    bool asked;  // a condition of the request's own
    Json body;
    std::optional<zones::DocumentInfo> before;
    std::optional<Json> known;  // the document that is there, with its secret
};

base::Result<KeyBefore, Reply> read_before(Context& context, const Request& request,
                                           const std::string& id) {
    auto condition = write_condition(request);
    if (!condition) return base::fail(problem(400, condition.error().message));
    const bool asked = condition->if_match.has_value() || condition->if_none_match;
    auto body = parse_body(request);
    if (!body) return base::fail(std::move(body.error()));
    auto before = context.service.store().read()->document(kKeys, id);
    if (!before) return base::fail(problem(503, before.error().message));
    std::optional<Json> known;
    if (*before) {
        auto document = key_json(**before, true);
        if (!document) return base::fail(problem(500, document.error().message));
        known = std::move(*document);
    }
    return KeyBefore{std::move(*condition), asked, std::move(*body), std::move(*before),
                     std::move(known)};
}

}  // namespace

std::string key_id(const std::string& name) {
    auto parsed = parse_zone_name(name);
    if (!parsed) return name;
    parsed->lower_case();
    return parsed->to_text();
}

void list_keys(Context& context, const Request& /*request*/, const Respond& respond) {
    respond(list_stored(context, kKeys,
                        [](const zones::DocumentInfo& info) { return key_json(info, false); }));
}

void create_key(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const Json* name = body->find("name");
    if (name == nullptr || name->as_string() == nullptr) {
        return respond(
            problem(422, "the key is not valid", {{"/name", "a string that names it is wanted"}}));
    }
    auto key = parse_key(*body, *name->as_string(), nullptr, false);
    if (!key) return respond(std::move(key.error()));
    write_key(context, request, respond, std::move(*key), true,
              {.if_match = std::nullopt, .if_none_match = true}, true);
}

void get_key(Context& context, const Request& request, const Respond& respond) {
    const std::string id = key_id(request.path[0]);
    const auto stored = context.service.store().read()->document(kKeys, id);
    if (!stored) return respond(problem(503, stored.error().message));
    if (!*stored) return respond(problem(404, "there is no key " + id));
    const bool show = may_see_secrets(request);
    const auto document = key_json(**stored, show);
    if (!document) return respond(problem(500, document.error().message));
    respond(representation(request, *document, (*stored)->revision, show ? "jk" : "j"));
}

void put_key(Context& context, const Request& request, const Respond& respond) {
    const std::string id = key_id(request.path[0]);
    auto write = read_before(context, request, id);
    if (!write) return respond(std::move(write.error()));
    auto key = parse_key(write->body, id, write->known ? &*write->known : nullptr, false);
    if (!key) return respond(std::move(key.error()));
    // What is there may keep its secret, so it has to be the same until the write is made; and what
    // is not there must not come to be meanwhile.
    zones::Precondition condition = std::move(write->condition);
    if (!write->before) {
        condition.if_none_match = condition.if_none_match || !condition.if_match;
    } else if (!condition.if_none_match) {
        condition = since_read(std::move(condition), write->before->revision);
    }
    write_key(context, request, respond, std::move(*key), !write->before, std::move(condition),
              !write->asked);
}

void patch_key(Context& context, const Request& request, const Respond& respond) {
    const std::string id = key_id(request.path[0]);
    auto write = read_before(context, request, id);
    if (!write) return respond(std::move(write.error()));
    if (!write->before) return respond(problem(404, "there is no key " + id));
    // Taking the secret away asks for another one.
    const Json* secret = write->body.find("secret");
    const bool again = secret != nullptr && secret->is_null();
    auto key = parse_key(merge_patch(*write->known, write->body), id, &*write->known, again);
    if (!key) return respond(std::move(key.error()));
    write_key(context, request, respond, std::move(*key), false,
              since_read(std::move(write->condition), write->before->revision), !write->asked);
}

void delete_key(Context& context, const Request& request, const Respond& respond) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    submit_removal(context, request,
                   {zones::DeleteDocument{kKeys, key_id(request.path[0])}, std::move(*condition)},
                   respond);
}

}  // namespace admin
