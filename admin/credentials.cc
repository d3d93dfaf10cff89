#include "admin/credentials.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "admin/access.h"
#include "admin/context.h"
#include "admin/tokens.h"
#include "base/ascii.h"
#include "base/time.h"
#include "server/service.h"

namespace admin {

std::string session_cookie(const net::RequestHead& head) {
    for (const net::HeaderList::Field& field : head.headers.fields()) {
        if (field.name != "cookie") continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const std::size_t end = std::min(list.find(';'), list.size());
            std::string_view pair = list.substr(0, end);
            list.remove_prefix(std::min(end + 1, list.size()));
            while (pair.starts_with(' ')) pair.remove_prefix(1);
            if (pair.starts_with(kCookieName) && pair.substr(kCookieName.size()).starts_with('=')) {
                return std::string(pair.substr(kCookieName.size() + 1));
            }
        }
    }
    return {};
}

Reply locked_out(std::chrono::seconds wait) {
    Reply reply = problem(429, "too many wrong tokens came from this address");
    reply.headers.add("retry-after", std::to_string(wait.count()));
    return reply;
}

base::Result<Principal, Reply> authenticate(Context& context, const net::RequestHead& head) {
    const std::string_view authorization = head.headers.get("authorization").value_or("");
    if (!authorization.empty()) {
        // A wrong token is not made good by a cookie or the socket: the client means the token.
        const std::size_t space = std::min(authorization.find(' '), authorization.size());
        std::string scheme(authorization.substr(0, space));
        for (char& c : scheme) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
        std::string_view token = authorization.substr(space);
        while (token.starts_with(' ')) token.remove_prefix(1);
        if (scheme != "bearer") return Principal();
        if (const auto wait = context.tokens.locked_out(token, head.peer)) {
            return base::fail(locked_out(*wait));
        }
        return context.tokens.find(token, head.peer).value_or(Principal());
    }
    if (head.peer.local_socket) {
        if (head.peer.uid != 0 && head.peer.uid != geteuid()) return Principal();
        static const auto kAll = std::make_shared<const Rights>(Rights::all());
        Principal principal;
        principal.name = "uid:" + std::to_string(head.peer.uid);
        principal.rights = kAll;
        return principal;
    }
    const std::string cookie = session_cookie(head);
    auto session = cookie.empty() ? std::nullopt : context.sessions.find(cookie, base::mono_now());
    // A browser keeps the cookie of a session that is gone.
    if (!session) return context.tokens.by_certificate(head.peer).value_or(Principal());
    if (session->name != kLoginLink) {
        // A token that was taken away or narrowed takes its sessions with it, and a new one of the
        // same name does not bring them back.
        const auto token = context.tokens.by_name(session->name, head.peer);
        if (!token || token->token_hash != session->token_hash) return Principal();
        session->rights = token->rights;
        session->privacy = token->privacy;
        session->expires = token->expires;
        session->from = token->from;
    }
    return *session;
}

}  // namespace admin
