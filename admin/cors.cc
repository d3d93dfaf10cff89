#include "admin/cors.h"

#include <algorithm>

#include "admin/coded_reply.h"
#include "base/ip.h"

namespace admin {

namespace {

constexpr std::string_view kRequestFields =
    "authorization, content-type, if-match, if-none-match, idempotency-key, last-event-id, "
    "meridian-message, prefer, x-request-id";
constexpr std::string_view kResponseFields =
    "etag, idempotency-replayed, link, location, meridian-revision, retry-after, x-request-id";
constexpr std::string_view kMaxAgeSeconds = "600";

// The origin to name in the answer; empty: none.
std::string_view origin_of(const std::vector<std::string>& origins,
                           const net::HeaderList& request) {
    const std::string_view origin = request.get("origin").value_or("");
    return allowed_origin(origins, origin) ? origin : std::string_view();
}

}  // namespace

bool allowed_origin(const std::vector<std::string>& origins, std::string_view origin) {
    return !origin.empty() &&
           std::any_of(origins.begin(), origins.end(),
                       [&](const std::string& one) { return one == "*" || one == origin; });
}

bool foreign_origin(const net::RequestHead& head) {
    const std::string_view origin = head.headers.get("origin").value_or("");
    if (origin.empty()) return false;
    const std::size_t scheme = origin.find("://");
    if (scheme == std::string_view::npos) return true;
    if (head.peer.tls && origin.substr(0, scheme) != "https") return true;
    return origin.substr(scheme + 3) != head.authority;
}

bool names_loopback(std::string_view authority) {
    const bool bracketed = authority.starts_with('[');
    if (bracketed) authority.remove_prefix(1);
    const std::string_view host = authority.substr(0, authority.find(bracketed ? ']' : ':'));
    if (host.empty() || host == "localhost") return true;
    const auto address = base::IpAddress::parse(host);
    return address && address->is_loopback();
}

void add_cors(const std::vector<std::string>& origins, const net::HeaderList& request,
              net::HeaderList& response) {
    if (origins.empty()) return;
    vary_by(response, "origin");
    const std::string_view origin = origin_of(origins, request);
    if (origin.empty()) return;
    response.set("access-control-allow-origin", origin);
    response.set("access-control-expose-headers", kResponseFields);
}

void add_preflight(const std::vector<std::string>& origins, const net::HeaderList& request,
                   const std::string& allow, net::HeaderList& response) {
    if (origin_of(origins, request).empty() || !request.get("access-control-request-method")) {
        return;
    }
    response.set("access-control-allow-methods", allow);
    response.set("access-control-allow-headers", kRequestFields);
    response.set("access-control-max-age", kMaxAgeSeconds);
}

}  // namespace admin
