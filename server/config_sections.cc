// In which parts of the file two configurations differ.
#include <tuple>

#include "server/config.h"

namespace server {

namespace {

template <class... Member>
bool same(const Config& a, const Config& b, Member... member) {
    return std::tie(a.*member...) == std::tie(b.*member...);
}

}  // namespace

std::vector<std::string> Config::sections_unlike(const Config& other) const {
    const auto same_in_both = [this, &other](auto... member) {
        return same(*this, other, member...);
    };
    const std::pair<const char*, bool> sections[] = {
        {"data_dir", same_in_both(&Config::data_dir)},
        {"run_dir", same_in_both(&Config::run_dir)},
        {"workers", same_in_both(&Config::workers)},
        {"node", same_in_both(&Config::node)},
        {"[[listener]]", same_in_both(&Config::listeners)},
        {"[[admin.listener]]", same_in_both(&Config::admin_listeners)},
        {"[admin]",
         same_in_both(&Config::head_timeout_ms, &Config::body_timeout_ms, &Config::body_grace_ms,
                      &Config::min_body_rate, &Config::body_total_ms, &Config::write_timeout_ms,
                      &Config::max_head_octets, &Config::max_zone_mb, &Config::idle_timeout_ms,
                      &Config::max_connections, &Config::max_connections_per_client,
                      &Config::max_websocket_message, &Config::diagnostics, &Config::cors_origins)},
        {"[geo]", same_in_both(&Config::geo_configured, &Config::geo, &Config::ecs_trusted)},
        {"[edns]",
         same_in_both(&Config::udp_payload, &Config::nsid, &Config::cookies,
                      &Config::require_cookies, &Config::cookie_secret, &Config::version_bind)},
        {"[recursion]", same_in_both(&Config::recursion_allow, &Config::recursion)},
        {"[limits]", same_in_both(&Config::tcp_clients, &Config::tcp_clients_per_prefix,
                                  &Config::tcp_idle_ms, &Config::tcp_backlog, &Config::udp_rcvbuf,
                                  &Config::responses_per_second, &Config::rrl_slip,
                                  &Config::rrl_exempt, &Config::memory_mb, &Config::min_free_mb)},
        {"[history]", same_in_both(&Config::keep_days, &Config::keep_mb)},
        {"[log] format", same_in_both(&Config::log_format)},
    };
    std::vector<std::string> out;
    for (const auto& section : sections) {
        if (!section.second) out.emplace_back(section.first);
    }
    return out;
}

}  // namespace server
