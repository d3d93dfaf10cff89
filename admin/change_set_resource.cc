// POST /v1/changes: writes of several resources, each as its own URL takes it, as one change set.
#include <algorithm>
#include <map>

#include "admin/resources.h"
#include "admin/router.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr std::size_t kMaxWrites = 10000;

// One write of the list while it is read.
struct Write {
    std::string method;
    std::string_view pattern;
    std::vector<std::string> path;  // the pattern's parameters
    QueryParameters query;
    zones::Precondition condition;
    const Json* body = nullptr;  // null: none
    std::string pointer;         // of the body
};

// What is read from the list: operations, and where each stands.
class Reading {
  public:
    explicit Reading(zones::StoreReader& reader) : reader_(reader) {}

    void read(const Json& element, const std::string& pointer);

    Faults faults;
    std::vector<zones::Operation> operations;
    std::vector<std::string> pointers;

  private:
    std::optional<Write> write_of(const Json& element, const std::string& pointer);
    void add(const Write& write, decltype(zones::Operation::what) what) {
        operations.push_back({std::move(what), write.condition});
        pointers.push_back(write.pointer);
    }
    void zone(const Write& write);
    void rrset(const Write& write, const dns::Name& apex);
    void rrsets(const Write& write, const dns::Name& apex);
    void policy(const Write& write, const dns::Name& apex);
    void document(const Write& write);
    [[nodiscard]] const Json& body_of(const Write& write) const {
        return write.body == nullptr ? nothing_ : *write.body;
    }
    // The view that a write is about: the one it names, else that of a zone of one view alone.
    std::string view_of(const Write& write, const dns::Name& apex);

    zones::StoreReader& reader_;
    const Json nothing_;
    // One name in whatever case.
    [[nodiscard]] static std::string key_of(dns::Name apex) {
        apex.lower_case();
        return apex.to_text();
    }
    std::map<std::string, std::string> created_;  // zones made by this change set: their views
};

std::optional<Write> Reading::write_of(const Json& element, const std::string& pointer) {
    const std::size_t before = faults.list.size();
    if (!element.is_object()) {
        faults.add(pointer, "an object with method, path and body is wanted");
        return std::nullopt;
    }
    check_members(element, {"method", "path", "body", "if_match", "if_none_match"}, pointer,
                  faults);
    const auto text = [&](const char* key) { return text_member(element, key, pointer, faults); };
    Write write;
    write.pointer = pointer + "/body";
    write.body = element.find("body");
    const std::string* method = text("method");
    const std::string* path = text("path");
    Request conditions;
    if (element.find("if_match") != nullptr) {
        if (const std::string* tags = text("if_match")) {
            conditions.head.headers.add("if-match", *tags);
        }
    }
    if (element.find("if_none_match") != nullptr) {
        if (const std::string* tags = text("if_none_match")) {
            conditions.head.headers.add("if-none-match", *tags);
        }
    }
    auto condition = write_condition(conditions);
    if (!condition) {
        faults.add(pointer, condition.error().message);
    } else {
        write.condition = std::move(*condition);
    }
    if (path != nullptr) {
        const std::size_t question = std::min(path->find('?'), path->size());
        Match found = match(std::string_view(*path).substr(0, question));
        if (found.methods.empty()) {
            faults.add(pointer + "/path", "there is no such resource");
        } else {
            write.pattern = found.methods.front()->pattern;
            write.path = std::move(found.parameters);
        }
        if (question < path->size()) {
            auto query = QueryParameters::parse(std::string_view(*path).substr(question + 1));
            if (!query) {
                faults.add(pointer + "/path", query.error().message);
            } else {
                write.query = std::move(*query);
            }
        }
    }
    if (faults.list.size() > before) return std::nullopt;
    write.method = *method;
    if (write.method == "DELETE" && write.body != nullptr) {
        faults.add(write.pointer, "DELETE has no body");
        return std::nullopt;
    }
    return write;
}

std::string Reading::view_of(const Write& write, const dns::Name& apex) {
    if (const auto view = write.query.get("view")) return *view;
    const auto created = created_.find(key_of(apex));
    if (created != created_.end()) return created->second;
    const auto zone = reader_.zone(apex);
    return zone && *zone ? (*zone)->view : "";  // the committer says if there is no such zone
}

void Reading::zone(const Write& write) {
    if (write.pattern == "/v1/zones") {
        Faults own;
        zones::PutZone zone = parse_zone(body_of(write), own);
        for (Fault& fault : own.list) faults.add(write.pointer + fault.pointer, fault.message);
        created_[key_of(zone.apex)] = zone.view;
        add(write, std::move(zone));
        operations.back().condition.if_none_match = true;
        return;
    }
    const auto apex = parse_zone_name(write.path[0]);
    if (!apex) return faults.add(write.pointer, apex.error().message);
    if (write.method == "DELETE") return add(write, zones::DeleteZone{*apex});
    add(write, parse_zone_properties(body_of(write), *apex, write.pointer, faults));
    // A zone that is deleted meanwhile must not be made anew by a change of its comment.
    auto& condition = operations.back().condition;
    if (!condition.if_match && created_.count(key_of(*apex)) == 0) condition.if_match.emplace();
}

void Reading::rrsets(const Write& write, const dns::Name& apex) {
    const Json& list = body_of(write);
    if (!list.is_array() || list.items().empty()) {
        return faults.add(write.pointer, "a list of operations is wanted");
    }
    if (write.condition.if_match || write.condition.if_none_match) {
        // It is about the zone: asked by an operation that changes nothing.
        add(write, zones::PutZone{.apex = apex,
                                  .view = {},
                                  .soa_edit = {},
                                  .comment = {},
                                  .ns = {},
                                  .soa_rdata = {}});
    }
    const std::string view = view_of(write, apex);
    std::size_t index = 0;
    for (const Json& element : list.items()) {
        const std::string pointer = write.pointer + '/' + std::to_string(index++);
        auto operation = parse_rrset_operation(element, apex, view, pointer, faults);
        if (!operation) continue;
        operations.push_back(std::move(*operation));
        pointers.push_back(pointer);
    }
}

void Reading::rrset(const Write& write, const dns::Name& apex) {
    // The same as an element of a PATCH that names it.
    Json element = write.method == "DELETE" ? Json::object() : body_of(write);
    if (!element.is_object()) return faults.add(write.pointer, "an object is wanted");
    for (const char* key : {"name", "type", "view"}) {
        if (element.find(key) != nullptr) {
            faults.add(write.pointer + '/' + key, "the path says it");
        }
    }
    element.set("op", write.method == "DELETE" ? "delete" : "put");
    element.set("name", write.path[1]).set("type", write.path[2]);
    auto operation =
        parse_rrset_operation(element, apex, view_of(write, apex), write.pointer, faults);
    if (!operation) return;
    operation->condition = write.condition;
    operations.push_back(std::move(*operation));
    pointers.push_back(write.pointer);
}

void Reading::policy(const Write& write, const dns::Name& apex) {
    const auto name = parse_name(write.path[1], apex);
    if (!name) return faults.add(write.pointer, name.error().message);
    const std::string& type = write.path[2];
    if (type != "ADDRESS" && type != "CNAME") {
        return faults.add(write.pointer, "a policy is of type ADDRESS or CNAME");
    }
    const std::string view = view_of(write, apex);
    if (write.method == "DELETE") return add(write, zones::DeletePolicy{apex, *name, type, view});
    const Json stored = parse_policy(body_of(write), apex, *name, type, write.pointer, faults);
    add(write, zones::PutPolicy{apex, *name, type, view, stored.dump()});
}

void Reading::document(const Write& write) {
    const std::string kind(
        write.pattern.substr(4, write.pattern.size() - 4 - std::string_view("/{id}").size()));
    if (write.method == "DELETE") return add(write, zones::DeleteDocument{kind, write.path[0]});
    const Json stored = parse_document(body_of(write), kind, write.path[0], write.pointer, faults);
    add(write, zones::PutDocument{kind, write.path[0], stored.dump()});
}

void Reading::read(const Json& element, const std::string& pointer) {
    const auto write = write_of(element, pointer);
    if (!write) return;
    const std::string what = write->method + ' ' + std::string(write->pattern);
    if (what == "POST /v1/zones" || what == "PATCH /v1/zones/{zone}" ||
        what == "DELETE /v1/zones/{zone}") {
        return zone(*write);
    }
    const bool puts_or_deletes = write->method == "PUT" || write->method == "DELETE";
    if (write->pattern.starts_with("/v1/zones/{zone}/")) {
        const auto apex = parse_zone_name(write->path[0]);
        if (!apex) return faults.add(pointer + "/path", apex.error().message);
        if (what == "PATCH /v1/zones/{zone}/rrsets") return rrsets(*write, *apex);
        if (puts_or_deletes && write->pattern.ends_with("/rrsets/{name}/{type}")) {
            return rrset(*write, *apex);
        }
        if (puts_or_deletes && write->pattern.ends_with("/policies/{name}/{type}")) {
            return policy(*write, *apex);
        }
    } else if (puts_or_deletes && write->pattern.ends_with("/{id}")) {
        return document(*write);
    }
    faults.add(pointer + "/method", what + " cannot be part of a change set");
}

}  // namespace

void create_change(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const auto reader = context.service.store().read();
    Reading reading(*reader);
    Submission submission = submission_of(request);
    check_members(*body, {"message", "changes"}, "", reading.faults);
    if (const Json* message = body->find("message")) {
        if (message->as_string() == nullptr) {
            reading.faults.add("/message", "a string is wanted");
        } else {
            submission.message = *message->as_string();
        }
    }
    const Json* changes = body->find("changes");
    if (changes == nullptr || !changes->is_array() || changes->items().empty() ||
        changes->items().size() > kMaxWrites) {
        reading.faults.add("/changes",
                           "a list of 1 to " + std::to_string(kMaxWrites) + " writes is wanted");
    } else {
        std::size_t index = 0;
        for (const Json& element : changes->items()) {
            reading.read(element, "/changes/" + std::to_string(index++));
        }
    }
    if (!reading.faults.none()) {
        return respond(problem(422, "the change set is not valid", std::move(reading.faults.list)));
    }
    submit_change_set(context, std::move(submission), std::move(reading.operations),
                      std::move(reading.pointers), respond);
}

}  // namespace admin
