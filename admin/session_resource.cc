// /v1/session and /login: how browsers come in. A cookie stands for the token, out of reach of
// scripts; what writes must show a value that only our own page can read.
#include "admin/credentials.h"
#include "admin/resources.h"
#include "admin/tokens.h"

namespace admin {

namespace {

std::string set_cookie(const Request& request, const std::string& value, long max_age_s) {
    std::string cookie =
        std::string(kCookieName) + '=' + value +
        "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(max_age_s);
    if (request.head.peer.tls) cookie += "; Secure";
    return cookie;
}

constexpr long kLifetimeSeconds = static_cast<long>(
    std::chrono::duration_cast<std::chrono::seconds>(Sessions::kLifetime).count());

}  // namespace

void create_session(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const Json* token = body->find("token");
    if (token == nullptr || token->as_string() == nullptr) {
        return respond(problem(422, "the session is not valid",
                               {{"/token", "a token is wanted, as a string"}}));
    }
    if (const auto wait = context.tokens.locked_out(*token->as_string(), request.head.peer)) {
        return respond(locked_out(*wait));
    }
    const auto principal = context.tokens.find(*token->as_string(), request.head.peer);
    if (!principal) {
        Reply reply = problem(401, "this is no token of this server");
        reply.headers.add("www-authenticate", "Bearer realm=\"meridian\"");
        return respond(std::move(reply));
    }
    const Sessions::Opened opened = context.sessions.open(*principal, base::mono_now());
    Json document = Json::object();
    document.set("name", principal->name);
    document.set("csrf", opened.csrf);
    document.set("expires", base::format_rfc3339(base::wall_now() + Sessions::kLifetime));
    Reply reply = Reply::json(201, document.dump());
    reply.headers.add("location", "/v1/session");
    reply.headers.add("set-cookie", set_cookie(request, opened.cookie, kLifetimeSeconds));
    respond(std::move(reply));
}

void get_session(Context& /*context*/, const Request& request, const Respond& respond) {
    Json document = Json::object();
    document.set("name", request.principal.name);
    document.set("read", request.principal.rights->some(Verb::Read));
    document.set("write", request.principal.rights->some(Verb::Write));
    if (request.principal.by_cookie) document.set("csrf", request.principal.csrf);
    respond(Reply::json(200, document.dump()));
}

void delete_session(Context& context, const Request& request, const Respond& respond) {
    context.sessions.close(session_cookie(request.head));
    Reply reply = Reply::empty(204);
    reply.headers.add("set-cookie", set_cookie(request, "", 0));
    respond(std::move(reply));
}

void follow_login_link(Context& context, const Request& request, const Respond& respond) {
    const auto code = request.query.get("once");
    const base::MonoTime now = base::mono_now();
    // A look at the head alone, as link previews do, must not use the link up.
    if (request.head.method == "HEAD") return respond(Reply::empty(204));
    if (!code || !context.sessions.redeem(*code, now)) {
        return respond(problem(403,
                               "this link was used already, or is too old; the page at / "
                               "takes a token"));
    }
    Principal principal;
    principal.name = kLoginLink;
    principal.rights = std::make_shared<const Rights>(Rights::all());
    const Sessions::Opened opened = context.sessions.open(principal, now);
    Reply reply = Reply::empty(303);
    reply.headers.add("location", "/");
    reply.headers.add("referrer-policy", "no-referrer");
    reply.headers.add("set-cookie", set_cookie(request, opened.cookie, kLifetimeSeconds));
    respond(std::move(reply));
}

}  // namespace admin
