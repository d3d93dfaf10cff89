#include "tests/bench/query_file.h"

#include <fstream>
#include <map>
#include <sstream>

namespace {

const std::map<std::string, unsigned> kTypes = {
    {"A", 1},     {"NS", 2},    {"CNAME", 5},  {"SOA", 6},    {"PTR", 12}, {"MX", 15},
    {"TXT", 16},  {"AAAA", 28}, {"SRV", 33},   {"NAPTR", 35}, {"DS", 43},  {"DNSKEY", 48},
    {"TLSA", 52}, {"SVCB", 64}, {"HTTPS", 65}, {"CAA", 257},  {"ANY", 255}};

std::uint8_t octet(std::uint64_t value) {
    return static_cast<std::uint8_t>(value & 0xff);
}

void append16(std::string& out, unsigned value) {
    out.push_back(static_cast<char>(octet(value >> 8)));
    out.push_back(static_cast<char>(octet(value)));
}

bool append_name(std::string& out, const std::string& name) {
    std::size_t start = 0;
    while (name != "." && start < name.size()) {
        const std::size_t dot = std::min(name.find('.', start), name.size());
        if (dot == start || dot - start > 63) return false;
        out.push_back(static_cast<char>(octet(dot - start)));
        out.append(name, start, dot - start);
        start = dot + 1;
    }
    out.push_back('\0');
    return out.size() <= 12 + 255;
}

// An OPT record (RFC 6891), where wanted with a pseudo-random public /24 (RFC 7871).
void append_opt(std::string& out, const QueryForm& form) {
    static std::uint64_t state = 88172645463325252ULL;
    out.push_back('\0');
    append16(out, 41);
    append16(out, 1232);
    append16(out, 0);
    append16(out, form.dnssec ? 0x8000 : 0);
    append16(out, form.ecs ? 11 : 0);
    if (!form.ecs) return;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::uint8_t first = octet(1 + (state >> 8) % 222);
    if (first == 10 || first == 127) first = 62;
    append16(out, 8);
    append16(out, 7);
    append16(out, 1);
    for (const std::uint8_t value :
         {std::uint8_t{24}, std::uint8_t{0}, first, octet(state >> 16), octet(state >> 24)}) {
        out.push_back(static_cast<char>(value));
    }
}

}  // namespace

std::vector<std::string> read_queries(const std::string& file, const QueryForm& form) {
    std::vector<std::string> queries;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        std::string type;
        if (!(words >> name >> type)) continue;
        const auto known = kTypes.find(type);
        if (known == kTypes.end()) continue;
        std::string query(12, '\0');
        query[2] = form.recurse ? 1 : 0;
        query[5] = 1;
        query[11] = form.edns ? 1 : 0;
        if (!append_name(query, name)) continue;
        append16(query, known->second);
        append16(query, 1);
        if (form.edns) append_opt(query, form);
        queries.push_back(std::move(query));
    }
    return queries;
}
