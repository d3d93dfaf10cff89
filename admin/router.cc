#include "admin/router.h"

#include <algorithm>
#include <set>
#include <utility>

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

// The endpoints of one pattern, which are split once.
struct Resource {
    std::vector<std::string_view> segments;
    std::size_t fixed = 0;  // of them
    std::vector<const Endpoint*> methods;
};

const std::vector<Resource>& all_resources() {
    static const std::vector<Resource> all = [] {
        std::vector<Resource> made;
        for (const Endpoint& endpoint : endpoints()) {
            const auto same = std::find_if(made.begin(), made.end(), [&](const Resource& one) {
                return one.methods.front()->pattern == endpoint.pattern;
            });
            if (same != made.end()) {
                same->methods.push_back(&endpoint);
                continue;
            }
            Resource resource;
            resource.segments = segments_of(endpoint.pattern);
            for (const std::string_view segment : resource.segments) {
                resource.fixed += is_parameter(segment) ? 0 : 1;
            }
            resource.methods.push_back(&endpoint);
            made.push_back(std::move(resource));
        }
        return made;
    }();
    return all;
}

bool matches(const Resource& resource, const std::vector<std::string_view>& path) {
    return std::equal(resource.segments.begin(), resource.segments.end(), path.begin(), path.end(),
                      [](std::string_view pattern, std::string_view given) {
                          return is_parameter(pattern) ? !given.empty() : pattern == given;
                      });
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
    std::vector<std::string_view> segments = segments_of(path);
    std::vector<std::string> decoded;  // what `segments` look at, where there are escapes
    if (path.find('%') != std::string_view::npos) {
        decoded.reserve(segments.size());
        for (std::string_view& segment : segments) {
            auto text = net::percent_decode(segment);
            if (!text) return out;
            segment = decoded.emplace_back(std::move(*text));
        }
    }
    const Resource* best = nullptr;
    for (const Resource& resource : all_resources()) {
        if (best != nullptr && resource.fixed <= best->fixed) continue;
        if (matches(resource, segments)) best = &resource;
    }
    if (best == nullptr) return out;
    out.methods = best->methods;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (is_parameter(best->segments[i])) out.parameters.emplace_back(segments[i]);
    }
    return out;
}

}  // namespace admin
