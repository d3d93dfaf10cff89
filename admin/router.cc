#include "admin/router.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

namespace admin {

namespace {

// The segments of a path, of which no pattern has so many.
struct Segments {
    std::array<std::string_view, 16> at;
    std::size_t count = 0;
};

// False: there are too many.
bool split(std::string_view path, Segments& out) {
    if (path.starts_with('/')) path.remove_prefix(1);
    while (out.count < out.at.size()) {
        const std::size_t end = path.find('/');
        out.at[out.count++] = path.substr(0, end);
        if (end == std::string_view::npos) return true;
        path.remove_prefix(end + 1);
    }
    return false;
}

bool is_parameter(std::string_view segment) {
    return segment.starts_with('{');
}

// The endpoints of one pattern, which are split once.
struct Resource {
    Segments segments;
    std::size_t fixed = 0;  // of them
    std::vector<const Endpoint*> methods;
};

// By the number of their segments; of those first the ones that leave least open.
using Resources = std::array<std::vector<Resource>, Segments().at.size() + 1>;

const Resources& all_resources() {
    static const Resources all = [] {
        Resources made;
        for (const Endpoint& endpoint : endpoints()) {
            Resource resource;
            [[maybe_unused]] const bool fits = split(endpoint.pattern, resource.segments);
            assert(fits);
            auto& alike = made[resource.segments.count];
            const auto same = std::find_if(alike.begin(), alike.end(), [&](const Resource& one) {
                return one.methods.front()->pattern == endpoint.pattern;
            });
            if (same != alike.end()) {
                same->methods.push_back(&endpoint);
                continue;
            }
            for (std::size_t i = 0; i < resource.segments.count; ++i) {
                resource.fixed += is_parameter(resource.segments.at[i]) ? 0 : 1;
            }
            resource.methods.push_back(&endpoint);
            alike.push_back(std::move(resource));
        }
        for (auto& alike : made) {
            std::stable_sort(alike.begin(), alike.end(), [](const Resource& a, const Resource& b) {
                return a.fixed > b.fixed;
            });
        }
        return made;
    }();
    return all;
}

// Those without parameters, which most requests ask for.
const std::unordered_map<std::string_view, std::span<const Endpoint* const>>& plain_resources() {
    static const auto all = [] {
        std::unordered_map<std::string_view, std::span<const Endpoint* const>> made;
        for (const auto& alike : all_resources()) {
            for (const Resource& one : alike) {
                if (one.fixed == one.segments.count) {
                    made.emplace(one.methods.front()->pattern, one.methods);
                }
            }
        }
        return made;
    }();
    return all;
}

// Both have as many segments.
bool matches(const Resource& resource, const Segments& path) {
    for (std::size_t i = 0; i < path.count; ++i) {
        const std::string_view pattern = resource.segments.at[i];
        const std::string_view given = path.at[i];
        if (is_parameter(pattern) ? given.empty() : pattern != given) return false;
    }
    return true;
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
    const auto plain = plain_resources().find(path);
    if (plain != plain_resources().end()) {
        out.methods = plain->second;
        return out;
    }
    Segments segments;
    if (!path.starts_with('/') || !split(path, segments)) return out;
    std::vector<std::string> decoded;  // what they look at, where there are escapes
    if (path.find('%') != std::string_view::npos) {
        decoded.reserve(segments.count);
        for (std::size_t i = 0; i < segments.count; ++i) {
            auto text = net::percent_decode(segments.at[i]);
            if (!text) return out;
            segments.at[i] = decoded.emplace_back(std::move(*text));
        }
    }
    for (const Resource& resource : all_resources()[segments.count]) {
        if (!matches(resource, segments)) continue;
        out.methods = resource.methods;
        for (std::size_t i = 0; i < segments.count; ++i) {
            if (is_parameter(resource.segments.at[i])) out.parameters.emplace_back(segments.at[i]);
        }
        break;
    }
    return out;
}

}  // namespace admin
