#include "admin/client_commands.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "admin/documents.h"
#include "admin/yaml.h"
#include "server/config.h"

namespace admin {

std::string text_of(const Json& document, std::string_view key) {
    const Json* member = document.find(key);
    if (member == nullptr || member->is_null()) return "-";
    if (const std::string* text = member->as_string()) return text->empty() ? "-" : *text;
    return member->dump();
}

namespace {

std::string joined(const Json* list, std::string_view separator) {
    std::string out;
    if (list == nullptr) return out;
    for (const Json& item : list->items()) {
        if (!out.empty()) out += separator;
        out += item.as_string() == nullptr ? item.dump() : *item.as_string();
    }
    return out;
}

// One line per record, as in a master file; what a master file cannot say stands behind ';'.
std::string rrset_lines(const Json& rrset) {
    const std::string owner = text_of(rrset, "name");
    const std::string type = text_of(rrset, "type");
    const Json* hidden = rrset.find("hidden");
    if (hidden != nullptr && hidden->as_bool().value_or(false)) {
        return "; " + owner + ' ' + type + " is hidden here";
    }
    std::string out;
    const Json* records = rrset.find("records");
    if (records == nullptr) return out;
    for (const Json& record : records->items()) {
        if (!out.empty()) out += '\n';
        out += owner + '\t' + text_of(rrset, "ttl") + "\tIN\t" + type + '\t';
        if (const std::string* plain = record.as_string()) {
            out += *plain;
        } else {
            out += text_of(record, "data") + "\t; weight " + text_of(record, "weight");
        }
    }
    return out;
}

std::string rrsets_url(const std::string& zone) {
    return "/v1/zones/" + encode_segment(zone) + "/rrsets";
}

std::string policy_url(const std::string& zone, const std::string& name, const std::string& type) {
    return "/v1/zones/" + encode_segment(zone) + "/policies/" + encode_segment(name) + '/' +
           encode_segment(type);
}

std::string member_url(const std::string& pool, const std::string& member) {
    return "/v1/pools/" + encode_segment(pool) + "/members/" + encode_segment(member);
}

std::string event_line(const Json& event) {
    const std::string topic = text_of(event, "topic");
    if (topic == "change") {
        return text_of(event, "ts") + " change " + text_of(event, "revision") + " by " +
               text_of(event, "author") + ' ' + joined(event.find("zones"), " ");
    }
    if (topic == "limit") {
        const Json* kind = event.find("kind");
        return text_of(event, "ts") + " limit " + text_of(event, "limit") + ' ' +
               text_of(event, "prefix") + ' ' +
               (kind == nullptr || kind->is_null() ? "" : text_of(event, "kind") + ' ') +
               text_of(event, "times");
    }
    if (topic == "certificate") {
        const std::string what = text_of(event, "what");
        return text_of(event, "ts") + " certificate " + what + ' ' +
               (what == "refused"
                    ? text_of(event, "detail")
                    : text_of(event, "tls") + " until " + text_of(event, "not_after"));
    }
    if (topic != "query") return topic == "heartbeat" ? std::string() : event.dump();
    const Json* client = event.find("client");
    return text_of(event, "ts") + ' ' + (client == nullptr ? "-" : text_of(*client, "addr")) + ' ' +
           text_of(event, "transport") + ' ' + text_of(event, "qname") + ' ' +
           text_of(event, "qtype") + ' ' +
           text_of(event, text_of(event, "rcode") == "-" ? "action" : "rcode") + ' ' +
           text_of(event, "latency_us") + "us " + joined(event.find("answers"), ", ");
}

}  // namespace

int ClientCommands::complain(const std::string& what) {
    std::cerr << "meridian: " << what << std::endl;
    return 1;
}

// The first fault, in one line, and how many there are beside it.
int ClientCommands::complain(const std::string& subject, const ClientResponse& response) {
    const auto problem = Json::parse(response.body);
    if (!problem || !problem->is_object()) {
        return complain(subject + ": the server answered " + std::to_string(response.status));
    }
    if (options_.json) std::cout << problem->dump() << std::endl;
    std::string line = subject + ": " + text_of(*problem, "detail");
    const Json* errors = problem->find("errors");
    if (errors != nullptr && !errors->items().empty()) {
        const Json& first = errors->items().front();
        line = subject + ": ";
        if (text_of(first, "pointer") != "-") line += text_of(first, "pointer") + ": ";
        line += text_of(first, "detail");
        const std::size_t more = errors->items().size() - 1;
        if (more > 0) line += " (and " + std::to_string(more) + " more)";
    }
    return complain(line);
}

Client* ClientCommands::client() {
    if (client_) return client_.get();
    ClientOptions client = options_.client;
    client.data_dir = options_.data_dir;
    if (!options_.token_file.empty()) {
        std::ifstream file(options_.token_file);
        if (!(file >> client.token)) {
            complain("there is no token in " + options_.token_file);
            return nullptr;
        }
    } else if (const char* token = std::getenv("MERIDIAN_TOKEN")) {
        client.token = token;
    }
    auto opened = Client::open(client);
    if (!opened) {
        complain(opened.error().message);
        return nullptr;
    }
    client_ = std::move(*opened);
    return client_.get();
}

std::string ClientCommands::query(std::vector<std::pair<std::string, std::string>> pairs) const {
    if (!options_.view.empty()) pairs.emplace_back("view", options_.view);
    if (options_.dry_run) pairs.emplace_back("dry_run", "true");
    std::string out;
    for (const auto& pair : pairs) {
        out += (out.empty() ? '?' : '&') + pair.first + '=' + encode_segment(pair.second);
    }
    return out;
}

base::Result<ClientResponse> ClientCommands::send_json(Client& server, std::string_view method,
                                                       const std::string& path,
                                                       const std::optional<Json>& body,
                                                       bool lengthy) {
    Client::Body content{.content_type = "application/json", .text = {}, .more = {}};
    if (body) content.text = body->dump();
    // The secret of a new token is told once.
    content.once = path.starts_with("/v1/tokens/");
    Client::Headers headers = {{"Accept", "application/json"}};
    if (lengthy) headers.emplace_back("Prefer", "respond-async");
    return server.request(method, path, headers, body ? &content : nullptr);
}

std::optional<Json> ClientCommands::ask(std::string_view method, const std::string& path,
                                        const std::string& subject,
                                        const std::optional<Json>& body) {
    Client* server = client();
    if (server == nullptr) return std::nullopt;
    const auto response = send_json(*server, method, path, body, false);
    if (!response) {
        complain(response.error().message);
        return std::nullopt;
    }
    if (response->status < 200 || response->status > 299) {
        complain(subject, *response);
        return std::nullopt;
    }
    if (response->body.empty()) return Json::object();
    auto document = Json::parse(response->body);
    if (!document) {
        complain(subject + ": the response is not JSON: " + document.error().message);
        return std::nullopt;
    }
    return std::move(*document);
}

int ClientCommands::list(std::string path, const std::string& subject,
                         const std::function<std::string(const Json&)>& row) {
    while (true) {
        const auto page = ask("GET", path, subject);
        if (!page) return 1;
        const Json* items = page->find("items");
        if (items == nullptr) return complain(subject + ": the response is no listing");
        for (const Json& item : items->items()) {
            std::cout << (options_.json ? item.dump() : row(item)) << '\n';
        }
        const Json* next = page->find("next");
        if (next == nullptr || next->as_string() == nullptr) break;
        path = *next->as_string();
    }
    std::cout.flush();
    return 0;
}

int ClientCommands::write(std::string_view method, const std::string& path,
                          const std::string& subject, const std::optional<Json>& body) {
    const auto answer = ask(method, path, subject, body);
    if (!answer) return 1;
    if (options_.json) {
        std::cout << answer->dump() << std::endl;
    } else if (const Json* operations = answer->find("operations"); operations != nullptr) {
        std::cout << diff_text(*operations) << std::flush;  // of a dry run
    }
    // Of a new token: it is not shown again.
    if (const Json* secret = answer->find("secret"); secret != nullptr && !options_.json) {
        std::cout << text_of(*answer, "secret") << std::endl;
    }
    warn_of(subject, *answer);
    return 0;
}

void ClientCommands::warn_of(const std::string& subject, const Json& answer) {
    const Json* warnings = answer.find("warnings");
    if (warnings == nullptr) return;
    for (const Json& warning : warnings->items()) {
        std::cerr << "meridian: " << subject
                  << ": warning: " << (warning.as_string() == nullptr ? "" : *warning.as_string())
                  << '\n';
    }
}

int ClientCommands::show_document(const std::string& path, const std::string& subject) {
    const auto document = ask("GET", path, subject);
    if (!document) return 1;
    if (options_.json) {
        std::cout << document->dump() << std::endl;
        return 0;
    }
    for (const Json::Member& member : document->members()) {
        std::cout << member.key << ": "
                  << (member.value.as_string() == nullptr ? member.value.dump()
                                                          : *member.value.as_string())
                  << '\n';
    }
    std::cout.flush();
    return 0;
}

bool is_yaml(std::string_view file) {
    return file.ends_with(".yaml") || file.ends_with(".yml");
}

std::optional<Json> ClientCommands::read_document(const std::string& file) {
    std::string text;
    if (file == "-") {
        text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
        std::ifstream in(file);
        if (!in) {
            complain(file + ": cannot be read");
            return std::nullopt;
        }
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    auto document = is_yaml(file) ? parse_yaml(text) : Json::parse(text);
    if (!document) {
        complain(file + ": " + document.error().message);
        return std::nullopt;
    }
    return std::move(*document);
}

int ClientCommands::zone_list(const std::string& search) {
    std::vector<std::pair<std::string, std::string>> pairs{{"limit", "1000"}};
    if (!search.empty()) pairs.emplace_back("search", search);
    return list("/v1/zones" + query(pairs), "zones", [](const Json& zone) {
        return text_of(zone, "name") + "\tserial " + text_of(zone, "serial") + "\tview " +
               text_of(zone, "view") + "\trevision " + text_of(zone, "revision");
    });
}

int ClientCommands::zone_show(const std::string& zone) {
    return show_document("/v1/zones/" + encode_segment(zone), zone);
}

int ClientCommands::zone_create(const std::string& zone, const std::vector<std::string>& ns,
                                const std::string& comment) {
    Json document = Json::object();
    document.set("name", zone);
    Json servers = Json::array();
    for (const std::string& server : ns) servers.push(server);
    document.set("ns", std::move(servers));
    if (!options_.view.empty()) document.set("view", options_.view);
    if (!comment.empty()) document.set("comment", comment);
    return write("POST", options_.dry_run ? "/v1/zones?dry_run=true" : "/v1/zones", zone, document);
}

int ClientCommands::zone_delete(const std::string& zone) {
    return write("DELETE", "/v1/zones/" + encode_segment(zone) + query({}), zone);
}

int ClientCommands::record_list(const std::string& zone, const std::string& name,
                                const std::string& type) {
    std::vector<std::pair<std::string, std::string>> pairs{{"limit", "1000"}};
    if (!name.empty()) pairs.emplace_back("name", name);
    if (!type.empty()) pairs.emplace_back("type", type);
    return list(rrsets_url(zone) + query(pairs), zone, rrset_lines);
}

int ClientCommands::record_set(const std::string& zone, const std::string& name,
                               const std::string& type, std::optional<std::uint32_t> ttl,
                               const std::vector<std::string>& rdata) {
    const std::string path =
        rrsets_url(zone) + '/' + encode_segment(name) + '/' + encode_segment(type) + query({});
    Client* server = client();
    if (server == nullptr) return 1;
    Json document = Json::object();
    document.set("ttl", ttl.value_or(3600));
    if (!ttl) {  // an RRset that is there keeps its TTL
        const auto before = server->request("GET", path);
        if (!before) return complain(before.error().message);
        const auto known = Json::parse(before->body);
        const Json* old = before->status == 200 && known ? known->find("ttl") : nullptr;
        if (old != nullptr) document.set("ttl", *old);
    }
    Json records = Json::array();
    for (const std::string& text : rdata) records.push(text);
    document.set("records", std::move(records));
    return write("PUT", path, zone + ' ' + name + ' ' + type, document);
}

int ClientCommands::record_change(const std::string& op, const std::string& zone,
                                  const std::string& name, const std::string& type,
                                  std::optional<std::uint32_t> ttl,
                                  const std::vector<std::string>& rdata) {
    Json operation = Json::object();
    operation.set("op", op).set("name", name).set("type", type);
    if (ttl) operation.set("ttl", *ttl);
    Json records = Json::array();
    for (const std::string& text : rdata) records.push(text);
    operation.set("records", std::move(records));
    return write("PATCH", rrsets_url(zone) + query({}), zone + ' ' + name + ' ' + type,
                 Json::array().push(std::move(operation)));
}

int ClientCommands::record_delete(const std::string& zone, const std::string& name,
                                  const std::string& type) {
    if (!type.empty()) {
        return write(
            "DELETE",
            rrsets_url(zone) + '/' + encode_segment(name) + '/' + encode_segment(type) + query({}),
            zone + ' ' + name + ' ' + type);
    }
    // Every type the name has, in one change set.
    const auto page =
        ask("GET", rrsets_url(zone) + query({{"name", name}, {"limit", "1000"}}), zone);
    if (!page) return 1;
    Json operations = Json::array();
    const Json* items = page->find("items");
    if (items != nullptr) {
        for (const Json& rrset : items->items()) {
            Json operation = Json::object();
            operation.set("op", "delete").set("name", text_of(rrset, "name"));
            operations.push(operation.set("type", text_of(rrset, "type")));
        }
    }
    if (operations.items().empty()) return complain(zone + ": there is no " + name);
    return write("PATCH", rrsets_url(zone) + query({}), zone + ' ' + name, operations);
}

int ClientCommands::document_list(const std::string& kind) {
    return list("/v1/" + kind, kind, [](const Json& document) { return document.dump(); });
}

int ClientCommands::document_show(const std::string& kind, const std::string& id) {
    return show_document("/v1/" + kind + '/' + encode_segment(id), kind + ' ' + id);
}

int ClientCommands::document_set(const std::string& kind, const std::string& id,
                                 const std::string& file) {
    std::optional<Json> document = Json::object();
    if (!file.empty()) document = read_document(file);
    if (!document) return 1;
    std::string path = "/v1/" + kind + '/' + encode_segment(id);
    if (kind == "networks" && !options_.view.empty()) document->set("view", options_.view);
    if (options_.dry_run) path += "?dry_run=true";
    return write("PUT", path, kind + ' ' + id, document);
}

int ClientCommands::document_delete(const std::string& kind, const std::string& id) {
    return write("DELETE", "/v1/" + kind + '/' + encode_segment(id) + query({}), kind + ' ' + id);
}

int ClientCommands::member_list(const std::string& pool) {
    const auto document = ask("GET", "/v1/pools/" + encode_segment(pool), "pools " + pool);
    if (!document) return 1;
    const Json* members = document->find("members");
    if (members == nullptr) return complain("pools " + pool + ": the response is no pool");
    for (const Json& member : members->items()) std::cout << member.dump() << '\n';
    std::cout.flush();
    return 0;
}

int ClientCommands::member_show(const std::string& pool, const std::string& member) {
    return show_document(member_url(pool, member), pool + ' ' + member);
}

int ClientCommands::member_set(const std::string& pool, const std::string& member,
                               const std::string& file, const std::string& status) {
    const std::string path = member_url(pool, member) + query({});
    if (file.empty()) {
        return write("PATCH", path, pool + ' ' + member, Json::object().set("status", status));
    }
    auto document = read_document(file);
    if (!document) return 1;
    if (!status.empty() && document->is_object()) document->set("status", status);
    return write("PUT", path, pool + ' ' + member, document);
}

int ClientCommands::member_delete(const std::string& pool, const std::string& member) {
    return write("DELETE", member_url(pool, member) + query({}), pool + ' ' + member);
}

int ClientCommands::policy_list(const std::string& zone) {
    return list("/v1/zones/" + encode_segment(zone) + "/policies" + query({}), zone,
                [](const Json& policy) { return policy.dump(); });
}

int ClientCommands::policy_show(const std::string& zone, const std::string& name,
                                const std::string& type) {
    return show_document(policy_url(zone, name, type) + query({}), name + ' ' + type);
}

int ClientCommands::policy_set(const std::string& zone, const std::string& name,
                               const std::string& type, const std::string& file) {
    const auto document = read_document(file);
    if (!document) return 1;
    return write("PUT", policy_url(zone, name, type) + query({}), name + ' ' + type, document);
}

int ClientCommands::policy_delete(const std::string& zone, const std::string& name,
                                  const std::string& type) {
    return write("DELETE", policy_url(zone, name, type) + query({}), name + ' ' + type);
}

int ClientCommands::feed(const std::string& filter) {
    Client* server = client();
    if (server == nullptr) return 1;
    std::vector<std::pair<std::string, std::string>> pairs;
    std::istringstream words(filter);
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            return complain("a filter is key=value, not " + word);
        }
        pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    std::string line;
    const auto response = server->stream(
        "/v1/feed" + query(pairs), {{"Accept", "application/x-ndjson"}},
        [&](std::string_view piece) {
            for (const char c : piece) {
                if (c != '\n') {
                    line += c;
                    continue;
                }
                const auto event = Json::parse(line);
                const std::string shown = options_.json || !event ? line : event_line(*event);
                if (!shown.empty()) std::cout << shown << '\n';
                line.clear();
            }
            std::cout.flush();
            return std::cout.good();  // a reader such as head may have gone
        });
    if (!response) return complain(response.error().message);
    if (response->status != 200) return complain("feed", *response);
    return 0;
}

int ClientCommands::cache_show(const std::string& name) {
    return show_document("/v1/cache/" + encode_segment(name), name);
}

int ClientCommands::cache_purge(const std::string& name, bool subtree) {
    const auto answer =
        ask("DELETE", "/v1/cache/" + encode_segment(name) + (subtree ? "?subtree=true" : ""), name);
    if (!answer) return 1;
    std::cout << (options_.json ? answer->dump() : text_of(*answer, "purged") + " entries purged")
              << std::endl;
    return 0;
}

int ClientCommands::restore(const std::string& directory) {
    const std::string data_dir =
        options_.data_dir.empty() ? server::Config().data_dir : options_.data_dir;
    zones::StoreOptions store;
    store.directory = data_dir + "/store";
    store.min_free_octets = 0;
    const auto restored = zones::Store::restore(directory, store);
    if (!restored) return complain(restored.error().message);
    if (options_.json) {
        Json document = Json::object();
        document.set("data_dir", data_dir);
        document.set("revision", restored->revision);
        document.set("time", base::format_rfc3339(restored->time));
        std::cout << document.dump() << std::endl;
    } else {
        std::cout << "restored revision " << restored->revision << ", taken "
                  << base::format_rfc3339(restored->time) << ", into " << data_dir
                  << "; start with `meridian serve --data-dir " << data_dir << '`' << std::endl;
    }
    return 0;
}

}  // namespace admin
