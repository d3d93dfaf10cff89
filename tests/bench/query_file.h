#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Queries as the load generators send them.
struct QueryForm {
    bool edns = false, dnssec = false;  // dnssec: DO, which needs edns
    bool recurse = false;
    bool ecs = false;  // with a pseudo-random public /24 (RFC 7871), which needs edns
};

/// Messages, each with the ID 0, of a file in dnsperf's format ("name type" a line). Lines that
/// make no sense are left out; empty if there are none.
[[nodiscard]] std::vector<std::string> read_queries(const std::string& file, const QueryForm& form);
