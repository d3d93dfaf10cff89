// What is embedded in the binary: the page at / and the description of the API.
#include "admin/page.h"

#include "admin/resources.h"
#include "admin/tokens.h"
#include "base/octets.h"

namespace admin {

namespace {

std::string_view media_type(std::string_view name) {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "application/json";
}

Reply serve(const Request& request, std::string_view name) {
    const EmbeddedFile* file = find_embedded(name);
    if (file == nullptr) return problem(404, "there is nothing at " + request.head.path);
    const std::string etag = '"' + base::to_hex(base::Octets(sha256(file->content)).first(8)) + '"';
    const auto spared = not_modified(request, etag);
    if (!spared) return problem(400, spared.error().message);
    Reply reply = Reply::empty(*spared ? 304 : 200);
    // The names stay the same from version to version, so browsers have to ask; 304 is cheap.
    reply.headers.add("cache-control", "no-cache");
    reply.headers.add("etag", etag);
    if (!*spared) {
        reply.headers.add("content-type", media_type(name));
        reply.headers.add("content-security-policy", kContentSecurityPolicy);
        reply.headers.add("referrer-policy", "no-referrer");
        reply.body = std::string(file->content);
    }
    return reply;
}

}  // namespace

void get_page(Context& /*context*/, const Request& request, const Respond& respond) {
    const std::string& path = request.head.path;
    respond(serve(request, path == "/" ? "index.html" : std::string_view(path).substr(1)));
}

void get_openapi(Context& /*context*/, const Request& request, const Respond& respond) {
    respond(serve(request, "openapi.json"));
}

}  // namespace admin
