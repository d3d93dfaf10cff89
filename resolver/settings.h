#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace resolver {

/// What [recursion] and [recursion.serve_stale] of the configuration say, as far as it is the
/// resolver's business. A value, fixed while the server runs.
struct Settings {
    std::string root_hints_file;  // a master file; empty: the built-in hints
    bool case_randomisation = true;
    bool ipv4 = true;  // which address families upstream servers are asked over
    bool ipv6 = true;
    bool prefer_ipv6 = false;
    bool priming = true;                       // RFC 8109
    std::vector<base::IpPrefix> do_not_query;  // addresses never asked
    std::uint16_t upstream_port = 53;

    std::uint64_t cache_mb = 256;
    std::uint32_t min_ttl_s = 0;
    std::uint32_t max_ttl_s = 86400;
    std::uint32_t max_negative_ttl_s = 3600;

    std::uint32_t budget_packets = 100;  // upstream packets per client query
    std::uint32_t timeout_ms = 10000;    // the longest a client query may take

    // RFC 8767.
    bool stale_enabled = true;
    std::uint32_t stale_client_timeout_ms = 1800;
    std::uint32_t stale_answer_ttl_s = 30;
    std::uint32_t max_stale_s = 86400;
    std::uint32_t failure_recheck_s = 30;

    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace resolver
