// /v1/server, /v1/cache, /healthz and /readyz: the running server itself.
#include "admin/resources.h"
#include "dns/presentation.h"
#include "resolver/cache.h"
#include "server/service.h"

namespace admin {

namespace {

std::string_view kind_text(resolver::EntryKind kind) {
    switch (kind) {
        case resolver::EntryKind::RRset:
            return "rrset";
        case resolver::EntryKind::NoData:
            return "nodata";
        case resolver::EntryKind::NXDomain:
            return "nxdomain";
        case resolver::EntryKind::Delegation:
            return "delegation";
        case resolver::EntryKind::Failure:
            return "failure";
    }
    return "";
}

Json entry_json(const resolver::Entry& entry, base::MonoTime now) {
    Json out = Json::object();
    out.set("kind", kind_text(entry.kind()));
    if (entry.type() != dns::RRType{}) out.set("type", dns::to_text(entry.type()));
    if (entry.fresh(now)) {
        out.set("ttl", entry.ttl(now));
    } else {
        out.set("stale_age_s", entry.stale_age(now));
    }
    if (entry.kind() == resolver::EntryKind::RRset) {
        out.set("authoritative", entry.rank() == resolver::Rank::Authoritative);
        Json records = Json::array();
        for (const base::Octets rdata : entry.rrset()) {
            records.push(dns::format_rdata(entry.type(), rdata));
        }
        out.set("records", std::move(records));
    }
    if (entry.kind() == resolver::EntryKind::NoData ||
        entry.kind() == resolver::EntryKind::NXDomain) {
        out.set("soa_owner", entry.soa_owner().to_text());
    }
    return out;
}

}  // namespace

void get_server(Context& context, const Request& /*request*/, const Respond& respond) {
    server::Service& service = context.service;
    const auto reader = service.store().read();
    Json document = Json::object();
    document.set("version", MERIDIAN_VERSION);
    document.set("node", service.node());
    document.set("started", base::format_rfc3339(service.started()));
    document.set("revision", reader->revision());
    document.set("workers", service.workers());
    Json listeners = Json::array();
    for (const server::ListenerInfo& info : service.listeners()) {
        Json listener = Json::object();
        listener.set("address", info.address.to_text());
        Json protocols = Json::array();
        if (info.udp) protocols.push("udp");
        if (info.tcp) protocols.push("tcp");
        if (info.dot) protocols.push("dot");
        if (info.doh) protocols.push("doh");
        listener.set("protocols", std::move(protocols));
        listener.set("role", server::to_text(info.role));
        listeners.push(std::move(listener));
    }
    document.set("listeners", std::move(listeners));
    Json admin = Json::array();
    for (const base::Endpoint& address : context.addresses) admin.push(address.to_text());
    document.set("admin", std::move(admin));
    const auto reasons = service.not_ready();
    document.set("ready", reasons.empty());
    Json list = Json::array();
    for (const std::string& reason : reasons) list.push(reason);
    document.set("not_ready", std::move(list));
    respond(Reply::json(200, document.dump()));
}

void get_cache(Context& context, const Request& request, const Respond& respond) {
    const auto name = dns::Name::parse(request.path[0]);
    if (!name) return respond(problem(422, name.error().message));
    const base::MonoTime now = base::mono_now();
    Json entries = Json::array();
    for (const resolver::Ref& entry : context.service.resolver_cache().list(*name)) {
        entries.push(entry_json(*entry, now));
    }
    if (entries.items().empty()) {
        return respond(problem(404, "the cache holds nothing of " + name->to_text()));
    }
    Json document = Json::object();
    document.set("name", name->to_text());
    document.set("entries", std::move(entries));
    respond(Reply::json(200, document.dump()));
}

void delete_cache(Context& context, const Request& request, const Respond& respond) {
    const auto name = dns::Name::parse(request.path[0]);
    if (!name) return respond(problem(422, name.error().message));
    const std::size_t purged =
        context.service.resolver_cache().purge(*name, request.query.flag("subtree"));
    Json document = Json::object();
    document.set("name", name->to_text());
    document.set("purged", purged);
    respond(Reply::json(200, document.dump()));
}

void get_liveness(Context& /*context*/, const Request& /*request*/, const Respond& respond) {
    Reply reply = Reply::empty(200);
    reply.headers.add("content-type", "text/plain; charset=utf-8");
    reply.body = "ok\n";
    respond(std::move(reply));
}

void get_readiness(Context& context, const Request& /*request*/, const Respond& respond) {
    const auto reasons = context.service.not_ready();
    Reply reply = Reply::empty(reasons.empty() ? 200 : 503);
    reply.headers.add("content-type", "text/plain; charset=utf-8");
    if (reasons.empty()) {
        reply.body = "ready\n";
    } else {
        reply.headers.add("retry-after", "1");
        for (const std::string& reason : reasons) reply.body += reason + '\n';
    }
    respond(std::move(reply));
}

}  // namespace admin
