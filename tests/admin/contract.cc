#include "tests/admin/contract.h"

#include <algorithm>

#include "admin/json.h"
#include "admin/page.h"
#include "admin/router.h"
#include "base/octets.h"

namespace admin::fakes {

namespace {

const Json& contract() {
    static const Json document = *Json::parse(find_embedded("openapi.json")->content);
    return document;
}

// What a $ref leads to.
const Json* resolve(const Json* value) {
    while (value != nullptr) {
        const Json* ref = value->find("$ref");
        if (ref == nullptr) return value;
        const Json* at = &contract();
        std::string_view path = std::string_view(*ref->as_string()).substr(2);
        while (at != nullptr && !path.empty()) {
            const std::size_t end = std::min(path.find('/'), path.size());
            at = at->find(path.substr(0, end));
            path.remove_prefix(std::min(end + 1, path.size()));
        }
        value = at;
    }
    return nullptr;
}

// Members that the schema does not have; a schema without properties takes any.
std::string unknown_members(const Json& schema, const Json& document) {
    const Json* properties = schema.find("properties");
    if (properties == nullptr) return {};
    for (const Json::Member& member : document.members()) {
        // Of any write: what it warns of, and what it would do.
        const bool common = member.key == "warnings" || document.find("dry_run") != nullptr;
        if (!common && properties->find(member.key) == nullptr) return member.key;
    }
    return {};
}

}  // namespace

std::string contract_breach(const std::string& method, const std::string& path, int status,
                            const net::HeaderList& headers, const std::string& body) {
    const Match found = match(path);
    if (found.methods.empty() || method == "OPTIONS") return {};
    const Endpoint* endpoint = found.find(method);
    if (endpoint == nullptr) return status == 405 ? "" : "the method is not served";
    const std::string where = std::string(endpoint->method) + ' ' + std::string(endpoint->pattern);
    std::string verb(endpoint->method);
    for (char& c : verb) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    const Json* operation = contract().find("paths")->find(endpoint->pattern);
    operation = operation == nullptr ? nullptr : operation->find(verb);
    if (operation == nullptr) return where + " is not described";

    const Json* responses = operation->find("responses");
    const Json* response = responses->find(std::to_string(status));
    if (response == nullptr && status >= 400) response = responses->find("default");
    response = resolve(response);
    if (response == nullptr) return where + " does not name " + std::to_string(status);

    if (body.empty() || headers.get("content-encoding")) return {};
    const std::string_view full = headers.get("content-type").value_or("");
    const std::string type(full.substr(0, full.find(';')));
    const Json* content = response->find("content");
    const Json* media = content == nullptr ? nullptr : content->find(type);
    if (content != nullptr && media == nullptr) {
        return where + ' ' + std::to_string(status) + " does not name " + type;
    }
    const Json* schema = media == nullptr ? nullptr : resolve(media->find("schema"));
    const auto document = Json::parse(body);
    if (schema == nullptr || !document) return {};
    const std::string unknown = unknown_members(*schema, *document);
    return unknown.empty() ? ""
                           : where + ' ' + std::to_string(status) + " does not have " + unknown;
}

}  // namespace admin::fakes
