// Every endpoint of the admin server. admin/openapi.json describes the same list; a test holds
// them together.
#include "admin/resources.h"
#include "admin/router.h"

namespace admin {

namespace {

constexpr Endpoint api(std::string_view method, std::string_view pattern,
                       void (*handle)(Context&, const Request&, const Respond&)) {
    Endpoint endpoint;
    endpoint.method = method;
    endpoint.pattern = pattern;
    endpoint.access = method == "GET" ? Access::Read : Access::Write;
    endpoint.handle = handle;
    if (method == "GET") endpoint.max_body = kMaxLittleOctets;
    return endpoint;
}

constexpr Endpoint open(std::string_view method, std::string_view pattern, Part part, Access access,
                        void (*handle)(Context&, const Request&, const Respond&)) {
    Endpoint endpoint = api(method, pattern, handle);
    endpoint.part = part;
    endpoint.access = access;
    endpoint.max_body = kMaxLittleOctets;
    return endpoint;
}

constexpr Endpoint bare(std::string_view method, std::string_view pattern,
                        void (*handle)(Context&, const Request&, const Respond&)) {
    Endpoint endpoint = api(method, pattern, handle);
    endpoint.bare = true;
    return endpoint;
}

constexpr Endpoint creating(std::string_view pattern,
                            void (*handle)(Context&, const Request&, const Respond&)) {
    Endpoint endpoint = api("POST", pattern, handle);
    endpoint.creates = true;
    return endpoint;
}

constexpr Endpoint producing(std::string_view type, Endpoint endpoint) {
    endpoint.produces = type;
    return endpoint;
}

constexpr Endpoint negotiating(Endpoint endpoint) {
    endpoint.negotiates = true;
    return endpoint;
}

constexpr Endpoint reaching(Reach reach, Endpoint endpoint) {
    endpoint.reach = reach;
    return endpoint;
}

constexpr Endpoint lengthy(Endpoint endpoint) {
    endpoint.lengthy = true;
    return endpoint;
}

constexpr Endpoint showing_secret(Endpoint endpoint) {
    endpoint.secret = true;
    return endpoint;
}

constexpr Endpoint streamed(std::string_view method, std::string_view pattern,
                            std::unique_ptr<BodySink> (*stream)(Context&, Request, Respond)) {
    Endpoint endpoint = api(method, pattern, nullptr);
    endpoint.stream = stream;
    return endpoint;
}

constexpr Endpoint taken(std::string_view method, std::string_view pattern,
                         std::unique_ptr<net::HttpStream> (*take)(Context&, Request,
                                                                  net::HttpExchange&)) {
    Endpoint endpoint = api(method, pattern, nullptr);
    endpoint.take = take;
    return endpoint;
}

constexpr Endpoint websocket(std::string_view pattern,
                             std::unique_ptr<net::HttpStream> (*take)(Context&, Request,
                                                                      net::HttpExchange&)) {
    Endpoint endpoint = taken("GET", pattern, take);
    endpoint.websocket = true;
    return endpoint;
}

constexpr Endpoint diagnostic(Endpoint endpoint) {
    endpoint.part = Part::Debug;
    endpoint.access = Access::Open;
    endpoint.produces = "";
    return endpoint;
}

constexpr Endpoint kEndpoints[] = {
    reaching(Reach::Some, api("GET", "/v1/zones", list_zones)),
    reaching(Reach::Some, creating("/v1/zones", create_zone)),
    reaching(Reach::InZone, negotiating(api("GET", "/v1/zones/{zone}", get_zone))),
    lengthy(reaching(Reach::Zone, streamed("PUT", "/v1/zones/{zone}", put_zone))),
    reaching(Reach::Zone, api("PATCH", "/v1/zones/{zone}", patch_zone)),
    lengthy(reaching(Reach::Zone, api("DELETE", "/v1/zones/{zone}", delete_zone))),
    reaching(Reach::InZone, api("GET", "/v1/zones/{zone}/rrsets", list_rrsets)),
    lengthy(reaching(Reach::InZone, api("PATCH", "/v1/zones/{zone}/rrsets", patch_rrsets))),
    reaching(Reach::RRset, api("GET", "/v1/zones/{zone}/rrsets/{name}/{type}", get_rrset)),
    reaching(Reach::RRset, api("PUT", "/v1/zones/{zone}/rrsets/{name}/{type}", put_rrset)),
    reaching(Reach::RRset, api("DELETE", "/v1/zones/{zone}/rrsets/{name}/{type}", delete_rrset)),
    lengthy(reaching(Reach::Zone, api("GET", "/v1/zones/{zone}/diff", get_zone_diff))),
    lengthy(reaching(Reach::Zone, api("POST", "/v1/zones/{zone}/revert", revert_zone))),
    reaching(Reach::InZone, api("GET", "/v1/zones/{zone}/policies", list_policies)),
    reaching(Reach::Policy, api("GET", "/v1/zones/{zone}/policies/{name}/{type}", get_policy)),
    reaching(Reach::Policy, api("PUT", "/v1/zones/{zone}/policies/{name}/{type}", put_policy)),
    reaching(Reach::Policy,
             api("DELETE", "/v1/zones/{zone}/policies/{name}/{type}", delete_policy)),

    api("GET", "/v1/views", list_documents),
    creating("/v1/views", create_document),
    api("GET", "/v1/views/{id}", get_document),
    api("PUT", "/v1/views/{id}", put_document),
    api("PATCH", "/v1/views/{id}", patch_document),
    api("DELETE", "/v1/views/{id}", delete_document),
    api("GET", "/v1/networks", list_documents),
    creating("/v1/networks", create_document),
    api("GET", "/v1/networks/{id}", get_document),
    api("PUT", "/v1/networks/{id}", put_document),
    api("PATCH", "/v1/networks/{id}", patch_document),
    api("DELETE", "/v1/networks/{id}", delete_document),
    api("GET", "/v1/maps", list_documents),
    creating("/v1/maps", create_document),
    api("GET", "/v1/maps/{id}", get_document),
    api("PUT", "/v1/maps/{id}", put_document),
    api("PATCH", "/v1/maps/{id}", patch_document),
    api("DELETE", "/v1/maps/{id}", delete_document),
    api("GET", "/v1/pools", list_documents),
    creating("/v1/pools", create_document),
    api("GET", "/v1/pools/{id}", get_document),
    api("PUT", "/v1/pools/{id}", put_document),
    api("PATCH", "/v1/pools/{id}", patch_document),
    api("DELETE", "/v1/pools/{id}", delete_document),
    api("GET", "/v1/pools/{id}/members/{member}", get_member),
    api("PUT", "/v1/pools/{id}/members/{member}", put_member),
    api("PATCH", "/v1/pools/{id}/members/{member}", put_member),
    api("DELETE", "/v1/pools/{id}/members/{member}", delete_member),
    api("GET", "/v1/monitors", list_documents),
    creating("/v1/monitors", create_document),
    api("GET", "/v1/monitors/{id}", get_document),
    api("PUT", "/v1/monitors/{id}", put_document),
    api("PATCH", "/v1/monitors/{id}", patch_document),
    api("DELETE", "/v1/monitors/{id}", delete_document),

    api("GET", "/v1/tokens", list_tokens),
    showing_secret(creating("/v1/tokens", create_token)),
    api("GET", "/v1/tokens/{token}", get_token),
    showing_secret(api("PUT", "/v1/tokens/{token}", put_token)),
    api("PATCH", "/v1/tokens/{token}", patch_token),
    api("DELETE", "/v1/tokens/{token}", delete_token),

    api("GET", "/v1/keys", list_keys),
    showing_secret(creating("/v1/keys", create_key)),
    showing_secret(api("GET", "/v1/keys/{key}", get_key)),
    showing_secret(api("PUT", "/v1/keys/{key}", put_key)),
    showing_secret(api("PATCH", "/v1/keys/{key}", patch_key)),
    api("DELETE", "/v1/keys/{key}", delete_key),

    reaching(Reach::Some, api("GET", "/v1/changes", list_changes)),
    lengthy(reaching(Reach::Some, api("POST", "/v1/changes", create_change))),
    reaching(Reach::Some, api("GET", "/v1/changes/{revision}", get_change)),
    lengthy(bare("POST", "/v1/changes/{revision}/revert", revert_change)),
    api("GET", "/v1/audit", list_audit),
    lengthy(creating("/v1/backup", create_backup)),
    producing("application/x-ndjson", api("GET", "/v1/dump", get_dump)),
    reaching(Reach::Some, api("GET", "/v1/jobs", list_jobs)),
    reaching(Reach::Some, api("GET", "/v1/jobs/{job}", get_job)),
    reaching(Reach::Some, api("DELETE", "/v1/jobs/{job}", delete_job)),
    reaching(Reach::Some, api("GET", "/v1/server", get_server)),
    api("GET", "/v1/stats", get_stats),
    api("GET", "/v1/cache/{name}", get_cache),
    api("DELETE", "/v1/cache/{name}", delete_cache),
    negotiating(websocket("/v1/feed", take_feed)),
    open("POST", "/v1/session", Part::Api, Access::Open, create_session),
    reaching(Reach::Some, api("GET", "/v1/session", get_session)),
    reaching(Reach::Some, open("DELETE", "/v1/session", Part::Api, Access::Read, delete_session)),

    open("GET", "/v1/openapi.json", Part::Api, Access::Open, get_openapi),
    producing("text/plain", reaching(Reach::Some, open("GET", "/metrics", Part::Metrics,
                                                       Access::Loopback, get_metrics))),
    producing("", open("GET", "/healthz", Part::Health, Access::Open, get_liveness)),
    producing("", open("GET", "/readyz", Part::Health, Access::Open, get_readiness)),
    producing("", open("GET", "/", Part::Ui, Access::Open, get_page)),
    producing("", open("GET", "/page.js", Part::Ui, Access::Open, get_page)),
    producing("", open("GET", "/page.css", Part::Ui, Access::Open, get_page)),
    producing("", open("GET", "/login", Part::Ui, Access::Open, follow_login_link)),

    diagnostic(api("GET", "/debug/blob", get_debug_blob)),
    diagnostic(taken("POST", "/debug/echo", take_debug_echo)),
    diagnostic(websocket("/debug/ws", take_debug_websocket)),
};

}  // namespace

std::span<const Endpoint> endpoints() {
    return kEndpoints;
}

}  // namespace admin
