#include "admin/router.h"

#include <algorithm>
#include <optional>
#include <set>

namespace admin {

namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    if (path.starts_with('/')) path.remove_prefix(1);
    while (true) {
        const std::size_t end = path.find('/');
        out.push_back(path.substr(0, end));
        if (end == std::string_view::npos) return out;
        path.remove_prefix(end + 1);
    }
}

bool is_parameter(std::string_view segment) {
    return segment.starts_with('{');
}

// The number of fixed segments, if the pattern matches.
std::optional<std::size_t> matches(const std::vector<std::string_view>& pattern,
                                   const std::vector<std::string>& path) {
    if (pattern.size() != path.size()) return std::nullopt;
    std::size_t fixed = 0;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (is_parameter(pattern[i])) {
            if (path[i].empty()) return std::nullopt;
        } else if (pattern[i] == path[i]) {
            ++fixed;
        } else {
            return std::nullopt;
        }
    }
    return fixed;
}

}  // namespace

const Endpoint* Match::find(std::string_view method) const {
    if (method == "HEAD") method = "GET";
    for (const Endpoint* endpoint : methods) {
        if (endpoint->method == method) return endpoint;
    }
    return nullptr;
}

std::string Match::allow() const {
    std::set<std::string_view> names{"OPTIONS"};
    for (const Endpoint* endpoint : methods) {
        names.insert(endpoint->method);
        if (endpoint->method == "GET") names.insert("HEAD");
    }
    std::string out;
    for (const std::string_view name : names) {
        out += out.empty() ? "" : ", ";
        out += name;
    }
    return out;
}

Match match(std::string_view path) {
    Match out;
    if (!path.starts_with('/')) return out;
    std::vector<std::string> decoded;
    for (const std::string_view segment : segments_of(path)) {
        auto text = net::percent_decode(segment);
        if (!text) return out;
        decoded.push_back(std::move(*text));
    }
    std::size_t best = 0;
    for (const Endpoint& endpoint : endpoints()) {
        const auto pattern = segments_of(endpoint.pattern);
        const auto fixed = matches(pattern, decoded);
        if (!fixed || (!out.methods.empty() && *fixed < best)) continue;
        if (!out.methods.empty() && *fixed > best) out.methods.clear();
        best = *fixed;
        out.methods.push_back(&endpoint);
    }
    if (out.methods.empty()) return out;
    const auto pattern = segments_of(out.methods.front()->pattern);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (is_parameter(pattern[i])) out.parameters.push_back(std::move(decoded[i]));
    }
    return out;
}

}  // namespace admin
