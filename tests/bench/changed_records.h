#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/octets.h"

/// What the programs share that change A records over HTTP and ask for them over UDP (changes.cc,
/// put.cc). The names are those of make_zone's kind: h000000000 and on.
namespace bench {

[[noreturn]] inline void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

inline std::string label(std::uint32_t number) {
    char text[16];
    std::snprintf(text, sizeof text, "h%09u", number);
    return text;
}

/// An address of 10.0.0.0/8, another one for each number below 2^24.
inline std::uint32_t address_of(std::uint32_t number) {
    return 10U << 24U | (number & 0xffffffU);
}

/// The document that sets it.
inline std::string document_of(std::uint32_t address) {
    return "{\"ttl\":300,\"records\":[\"10." + std::to_string(address >> 16U & 255U) + "." +
           std::to_string(address >> 8U & 255U) + "." + std::to_string(address & 255U) + "\"]}";
}

/// The query for the A records of a name with its last dot.
inline std::string query_for(const std::string& name, std::uint16_t id) {
    std::string query("\0\0\0\0\0\1\0\0\0\0\0\0", 12);
    base::store_be16(reinterpret_cast<std::uint8_t*>(query.data()), id);
    for (std::size_t start = 0; start < name.size();) {
        const std::size_t dot = name.find('.', start);
        query.push_back(static_cast<char>(dot - start));
        query.append(name, start, dot - start);
        start = dot + 1;
    }
    return query.append("\0\0\1\0\1", 5);
}

/// The address in a response with one A record, which is the last thing in it; 0 if it is none.
inline std::uint32_t address_in(const std::uint8_t* reply, std::size_t octets) {
    const bool one = octets >= 32 && reply[3] % 16 == 0 && reply[7] == 1 && reply[9] == 0;
    return one ? base::load_be32(reply + octets - 4) : 0;
}

/// The value below which this share of them lies; 0 if there is none.
inline double quantile(std::vector<float>& values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size()));
    return static_cast<double>(values[std::min(index, values.size() - 1)]);
}

}  // namespace bench
