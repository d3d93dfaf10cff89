#include "admin/router.h"

#include <gtest/gtest.h>

#include <set>

#include "admin/json.h"
#include "admin/page.h"

namespace admin {
namespace {

TEST(Router, FindsResources) {
    struct Row {
        const char* path;
        const char* pattern;  // null: nothing there
        std::vector<std::string> parameters;
    };
    const Row rows[] = {
        {"/", "/", {}},
        {"/v1/zones", "/v1/zones", {}},
        {"/v1/zones/example.com", "/v1/zones/{zone}", {"example.com"}},
        {"/v1/zones/example.com.", "/v1/zones/{zone}", {"example.com."}},
        {"/v1/zones/0%2F25.2.0.192.in-addr.arpa",
         "/v1/zones/{zone}",
         {"0/25.2.0.192.in-addr.arpa"}},
        {"/v1/zones/example.com/rrsets/@/A",
         "/v1/zones/{zone}/rrsets/{name}/{type}",
         {"example.com", "@", "A"}},
        {"/v1/zones/example.com/rrsets/%2A.w/TXT",
         "/v1/zones/{zone}/rrsets/{name}/{type}",
         {"example.com", "*.w", "TXT"}},
        {"/v1/networks/10.0.0.0%2F8", "/v1/networks/{id}", {"10.0.0.0/8"}},
        {"/v1/zones/", nullptr, {}},
        {"/v1/zones/example.com/", nullptr, {}},
        {"/v1/zones/example.com/rrsets/a", nullptr, {}},
        {"/v1/zones/%zz", nullptr, {}},
        {"/v2/zones", nullptr, {}},
        {"v1/zones", nullptr, {}},
        {"", nullptr, {}},
        {"//", nullptr, {}},
    };
    for (const Row& row : rows) {
        const Match found = match(row.path);
        if (row.pattern == nullptr) {
            EXPECT_TRUE(found.methods.empty()) << row.path;
            continue;
        }
        ASSERT_FALSE(found.methods.empty()) << row.path;
        EXPECT_EQ(found.methods.front()->pattern, row.pattern) << row.path;
        EXPECT_EQ(found.parameters, row.parameters) << row.path;
    }
}

TEST(Router, AllowNamesEveryMethod) {
    EXPECT_EQ(match("/v1/zones").allow(), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(match("/v1/zones/a").allow(), "DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
    EXPECT_EQ(match("/v1/zones").find("HEAD"), match("/v1/zones").find("GET"));
    EXPECT_EQ(match("/v1/zones").find("PUT"), nullptr);
}

TEST(Router, EveryEndpointHasOneHandlerAndIsUnique) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const Endpoint& endpoint : endpoints()) {
        EXPECT_TRUE(seen.emplace(endpoint.method, endpoint.pattern).second) << endpoint.pattern;
        const int handlers = (endpoint.handle != nullptr ? 1 : 0) +
                             (endpoint.stream != nullptr ? 1 : 0) +
                             (endpoint.take != nullptr ? 1 : 0);
        EXPECT_EQ(handlers, 1) << endpoint.method << ' ' << endpoint.pattern;
    }
}

// Whoever may only read must not reach what writes, and nothing of the API is open by accident.
TEST(Router, AccessFollowsTheMethod) {
    for (const Endpoint& endpoint : endpoints()) {
        const std::string_view pattern = endpoint.pattern;
        const bool session = pattern == "/v1/session";
        if (endpoint.part != Part::Api || session || pattern == "/v1/openapi.json") continue;
        EXPECT_EQ(endpoint.access, endpoint.method == "GET" ? Access::Read : Access::Write)
            << endpoint.method << ' ' << pattern;
    }
}

TEST(OpenApi, DescribesExactlyTheEndpoints) {
    const EmbeddedFile* file = find_embedded("openapi.json");
    ASSERT_NE(file, nullptr);
    const auto document = Json::parse(file->content);
    ASSERT_TRUE(document) << document.error().message;
    std::set<std::string> described;
    for (const Json::Member& path : document->find("paths")->members()) {
        for (const Json::Member& operation : path.value.members()) {
            std::string method = operation.key;
            for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
            described.insert(method + ' ' + path.key);
            // Every {parameter} of the path is declared.
            std::set<std::string> declared;
            if (const Json* parameters = operation.value.find("parameters")) {
                for (const Json& parameter : parameters->items()) {
                    const Json* in = parameter.find("in");
                    if (in != nullptr && *in->as_string() == "path") {
                        declared.insert('{' + *parameter.find("name")->as_string() + '}');
                    }
                }
            }
            std::set<std::string> used;
            for (std::size_t at = path.key.find('{'); at != std::string::npos;
                 at = path.key.find('{', at + 1)) {
                used.insert(path.key.substr(at, path.key.find('}', at) - at + 1));
            }
            EXPECT_EQ(declared, used) << path.key;
            EXPECT_NE(operation.value.find("summary"), nullptr) << path.key;
            EXPECT_NE(operation.value.find("responses"), nullptr) << path.key;
        }
    }
    std::set<std::string> served;
    for (const Endpoint& endpoint : endpoints()) {
        served.insert(std::string(endpoint.method) + ' ' + std::string(endpoint.pattern));
    }
    EXPECT_EQ(described, served);
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
    const auto document = Json::parse(find_embedded("openapi.json")->content);
    ASSERT_TRUE(document);
    const std::function<void(const Json&)> walk = [&](const Json& value) {
        for (const Json& item : value.items()) walk(item);
        for (const Json::Member& member : value.members()) {
            walk(member.value);
            if (member.key != "$ref") continue;
            const Json* at = &*document;
            std::string_view path = *member.value.as_string();
            path.remove_prefix(2);
            while (at != nullptr && !path.empty()) {
                const std::size_t end = std::min(path.find('/'), path.size());
                at = at->find(path.substr(0, end));
                path.remove_prefix(std::min(end + 1, path.size()));
            }
            EXPECT_NE(at, nullptr) << *member.value.as_string();
        }
    };
    walk(*document);
}

}  // namespace
}  // namespace admin
