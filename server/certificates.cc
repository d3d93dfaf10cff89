#include "server/certificates.h"

#include <algorithm>
#include <utility>

#include "server/log.h"

namespace server {

namespace {

base::Result<std::shared_ptr<const net::TlsContext>> load_context(
    const TlsTable& table, std::vector<std::string> alpn,
    std::shared_ptr<net::TlsTickets> tickets) {
    net::TlsConfig config;
    config.certificates = table.certificates;
    config.alpn = std::move(alpn);
    config.client_ca_file = table.client_ca;
    config.require_client_certificate = table.client_auth == TlsTable::ClientAuth::Require;
    config.tickets = std::move(tickets);
    auto context = net::TlsContext::load(config);
    if (!context) return base::fail("tls." + table.name + ": " + context.error().message);
    return context;
}

}  // namespace

base::Result<Certificates::Tables> Certificates::read(const std::vector<TlsTable>& tables,
                                                      const Tables& before) {
    Tables out;
    for (const TlsTable& table : tables) {
        Loaded loaded;
        loaded.asks_clients = table.client_auth != TlsTable::ClientAuth::None;
        // A ticket stands for the certificates that were shown for it. Whom a new file does not
        // trust any more must not come back with one, so those who ask clients begin anew.
        const auto old = before.find(table.name);
        const bool keep = old != before.end() && !loaded.asks_clients && !old->second.asks_clients;
        loaded.tickets = keep ? old->second.tickets : std::make_shared<net::TlsTickets>();
        auto dot = load_context(table, {"dot"}, loaded.tickets);
        if (!dot) return base::fail(dot.error().message);
        auto http = load_context(table, {"h2", "http/1.1"}, loaded.tickets);
        if (!http) return base::fail(http.error().message);
        loaded.dot = std::move(*dot);
        loaded.http = std::move(*http);
        for (const net::CertificateReport& report : loaded.dot->certificates()) {
            for (const std::string& fault : report.faults) {
                log_warn("tls." + table.name + ": " + fault);
            }
        }
        out.emplace(table.name, std::move(loaded));
    }
    return out;
}

base::Result<std::unique_ptr<Certificates>> Certificates::load(
    const std::vector<TlsTable>& tables) {
    auto read_tables = read(tables, {});
    if (!read_tables) return base::fail(read_tables.error().message);
    std::unique_ptr<Certificates> out(new Certificates);
    out->tables_ = std::move(*read_tables);
    return out;
}

base::Result<void> Certificates::reload(const std::vector<TlsTable>& tables) {
    Tables before;
    {
        const std::lock_guard lock(mutex_);
        before = tables_;
    }
    auto after = read(tables, before);
    if (!after) return base::fail(after.error().message);
    for (const auto& each : before) {
        if (after->count(each.first) == 0) {
            return base::fail("the table [tls." + each.first + "] is gone; restart to do without");
        }
    }
    const std::lock_guard lock(mutex_);
    tables_ = std::move(*after);
    return {};
}

std::shared_ptr<const net::TlsContext> Certificates::context(const std::string& table,
                                                             Use use) const {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end()) return nullptr;
    return use == Use::Dot ? found->second.dot : found->second.http;
}

std::vector<Certificates::Expiry> Certificates::expiries() const {
    std::vector<Expiry> out;
    const std::lock_guard lock(mutex_);
    for (const auto& each : tables_) {
        Expiry expiry{each.first, base::WallTime::max(), {}};
        for (const net::CertificateReport& report : each.second.dot->certificates()) {
            expiry.at = std::min(expiry.at, report.not_after);
            for (const std::string& name : report.names) {
                const auto known = std::find(expiry.names.begin(), expiry.names.end(), name);
                if (known == expiry.names.end()) expiry.names.push_back(name);
            }
        }
        out.push_back(std::move(expiry));
    }
    return out;
}

std::vector<std::string> Certificates::check(const std::vector<TlsTable>& tables) {
    std::vector<std::string> out;
    for (const TlsTable& table : tables) {
        const std::string where = "tls." + table.name + ": ";
        bool readable = true;
        for (const net::CertificateFiles& files : table.certificates) {
            const auto report = net::read_certificate(files, base::wall_now());
            if (!report) {
                readable = false;
                out.push_back(where + report.error().message);
                continue;
            }
            for (const std::string& fault : report->faults) out.push_back(where + fault);
        }
        if (!readable) continue;
        // What remains is for the library to find: weak keys, the authority of clients.
        const auto context = load_context(table, {}, nullptr);
        if (!context) out.push_back(context.error().message);
    }
    return out;
}

}  // namespace server
