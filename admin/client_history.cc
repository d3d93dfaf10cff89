// The commands that look at what was changed, and undo it.
#include <iostream>

#include "admin/client_commands.h"
#include "admin/documents.h"

namespace admin {

namespace {

// What an operation is about, where its sides do not say it themselves.
std::string subject_of(const Json& operation) {
    const std::string op = text_of(operation, "op");
    std::string out;
    if (op == "document") return text_of(operation, "kind") + ' ' + text_of(operation, "id");
    if (op == "policy") {
        out = "policy " + text_of(operation, "name") + ' ' + text_of(operation, "type");
    } else {
        out = op + ' ' + text_of(operation, "zone");
    }
    if (operation.find("view") != nullptr) out += " in the view " + text_of(operation, "view");
    return out;
}

// One side of an operation, each line with its sign.
std::string side_text(const Json& operation, std::string_view key, char sign) {
    const Json* side = operation.find(key);
    if (side == nullptr || side->is_null()) return {};
    const std::string line(1, sign);
    if (text_of(operation, "op") != "rrset") {
        return line + ' ' + subject_of(operation) + ' ' + side->dump() + '\n';
    }
    const std::string owner = text_of(operation, "name");
    const std::string type = text_of(operation, "type");
    const std::string view = operation.find("view") == nullptr
                                 ? std::string()
                                 : "\t; view " + text_of(operation, "view");
    const Json* records = side->find("records");
    if (records == nullptr) return line + ' ' + owner + ' ' + type + " hidden" + view + '\n';
    std::string out;
    for (const Json& record : records->items()) {
        out += line + ' ' + owner + '\t' + text_of(*side, "ttl") + "\tIN\t" + type + '\t';
        if (const std::string* plain = record.as_string()) {
            out += *plain;
        } else {
            out += text_of(record, "data") + "\t; weight " + text_of(record, "weight");
        }
        out += view + '\n';
    }
    return out;
}

}  // namespace

std::string ClientCommands::diff_text(const Json& operations) {
    std::string out;
    for (const Json& operation : operations.items()) {
        out += side_text(operation, "before", '-') + side_text(operation, "after", '+');
    }
    return out;
}

int ClientCommands::changes(const ChangeFilter& filter) {
    std::vector<std::pair<std::string, std::string>> pairs{{"limit", "1000"}};
    if (!filter.zone.empty()) pairs.emplace_back("zone", filter.zone);
    if (!filter.author.empty()) pairs.emplace_back("author", filter.author);
    if (!filter.resource.empty()) pairs.emplace_back("resource", filter.resource);
    if (!filter.since.empty()) pairs.emplace_back("since", filter.since);
    return list("/v1/changes" + query(pairs), "changes", [](const Json& change) {
        std::string zones;
        if (const Json* names = change.find("zones")) {
            for (const Json& zone : names->items()) {
                if (!zones.empty()) zones += ' ';
                zones += zone.as_string() == nullptr ? zone.dump() : *zone.as_string();
            }
        }
        return text_of(change, "revision") + '\t' + text_of(change, "time") + '\t' +
               text_of(change, "author") + '\t' + zones + '\t' + text_of(change, "message");
    });
}

int ClientCommands::change_show(const std::string& revision) {
    const auto change =
        ask("GET", "/v1/changes/" + encode_segment(revision), "revision " + revision);
    if (!change) return 1;
    if (options_.json) {
        std::cout << change->dump() << std::endl;
        return 0;
    }
    std::cout << "revision " << text_of(*change, "revision") << "  " << text_of(*change, "time")
              << "  by " << text_of(*change, "author") << '\n';
    if (text_of(*change, "message") != "-") std::cout << text_of(*change, "message") << '\n';
    if (const Json* operations = change->find("operations")) std::cout << diff_text(*operations);
    std::cout.flush();
    return 0;
}

int ClientCommands::revert(const std::string& path, const std::string& subject,
                           const std::optional<Json>& body) {
    if (options_.json || options_.dry_run) return write("POST", path + query({}), subject, body);
    const auto answer = ask("POST", path, subject, body);
    if (!answer) return 1;
    const Json* changed = answer->find("changed");
    if (changed != nullptr && changed->as_bool().value_or(true)) {
        std::cout << subject << ": undone by revision " << text_of(*answer, "revision")
                  << std::endl;
    } else {
        std::cout << subject << ": there was nothing to undo" << std::endl;
    }
    return 0;
}

int ClientCommands::change_revert(const std::string& revision) {
    return revert("/v1/changes/" + encode_segment(revision) + "/revert", "revision " + revision,
                  std::nullopt);
}

int ClientCommands::zone_diff(const std::string& zone, std::uint64_t from,
                              std::optional<std::uint64_t> to) {
    std::vector<std::pair<std::string, std::string>> pairs{{"limit", "1000"},
                                                           {"from", std::to_string(from)}};
    if (to) pairs.emplace_back("to", std::to_string(*to));
    return list("/v1/zones/" + encode_segment(zone) + "/diff" + query(pairs), zone,
                [](const Json& rrset) {
                    Json operation = rrset;
                    operation.set("op", "rrset");
                    std::string text = diff_text(Json::array().push(std::move(operation)));
                    if (!text.empty()) text.pop_back();  // the listing ends its lines itself
                    return text;
                });
}

int ClientCommands::zone_revert(const std::string& zone, std::uint64_t to) {
    Json body = Json::object();
    body.set("to", to);
    return revert("/v1/zones/" + encode_segment(zone) + "/revert", zone, body);
}

}  // namespace admin
