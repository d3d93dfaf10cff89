// meridian apply and diff: documents against what a server has.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "admin/change_plan.h"
#include "admin/client_commands.h"
#include "admin/document_set.h"
#include "admin/documents.h"

namespace admin {

namespace {

namespace fs = std::filesystem;
using PlanPart = ChangePlan::Part;

constexpr int kDiffers = 1;  // of diff, as diff(1) has it
constexpr int kTrouble = 2;

// Every document below a directory, in an order that does not change; hidden ones (.git) are not
// ours.
base::Result<std::vector<std::string>> documents_below(const std::string& directory) {
    std::vector<std::string> files;
    std::error_code error;
    auto at = fs::recursive_directory_iterator(directory, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        const std::string name = at->path().filename().string();
        if (name.starts_with('.')) {
            if (at->is_directory()) at.disable_recursion_pending();
        } else if ((name.ends_with(".json") || is_yaml(name)) && at->is_regular_file()) {
            files.push_back(at->path().string());
        }
    }
    if (error) return base::fail(directory + ": " + error.message());
    if (files.empty()) return base::fail(directory + ": there is no *.json, *.yaml or *.yml in it");
    std::sort(files.begin(), files.end());
    return files;
}

Json body_of(const std::vector<const PlanPart*>& parts, const std::string& message) {
    Json changes = Json::array();
    for (const PlanPart* part : parts) {
        for (const Json& write : part->writes) changes.push(write);
    }
    Json body = Json::object();
    if (!message.empty()) body.set("message", message);
    return std::move(body.set("changes", std::move(changes)));
}

// Takes the first number off a JSON pointer: "/3/body" gives 3 and leaves "/body".
std::optional<std::size_t> take_index(std::string_view& pointer) {
    if (!pointer.starts_with('/')) return std::nullopt;
    std::size_t index = 0;
    const char* end = pointer.data() + pointer.size();
    const auto parsed = std::from_chars(pointer.data() + 1, end, index);
    if (parsed.ec != std::errc()) return std::nullopt;
    pointer = std::string_view(parsed.ptr, end);
    return index;
}

// What a fault of a change set is about, in words of the documents: "/changes/3/body/5/ttl" is
// "zones/example.com.json: example.com.: www.example.com. A: /ttl".
std::string place_of(const std::vector<const PlanPart*>& parts, std::string_view pointer) {
    constexpr std::string_view kChanges = "/changes";
    constexpr std::string_view kBody = "/body";
    constexpr std::string_view kPolicies = "/policies/";
    if (!pointer.starts_with(kChanges)) return std::string(pointer);
    pointer.remove_prefix(kChanges.size());
    auto index = take_index(pointer);
    if (!index) return std::string(pointer);
    for (const PlanPart* part : parts) {
        if (*index >= part->writes.size()) {
            *index -= part->writes.size();
            continue;
        }
        std::string out = (part->file.empty() ? "" : part->file + ": ") + part->subject;
        const Json& write = part->writes[*index];
        if (pointer.starts_with(kBody)) pointer.remove_prefix(kBody.size());
        const Json* body = write.find("body");
        const auto item = body != nullptr && body->is_array() ? take_index(pointer) : std::nullopt;
        if (item && *item < body->items().size()) {
            const Json& operation = body->items()[*item];
            out += ": " + text_of(operation, "name") + ' ' + text_of(operation, "type");
        } else if (const std::string path = text_of(write, "path");
                   path.find(kPolicies) != std::string::npos) {
            // One that goes has no body: NAME/TYPE.
            out += ": policy " + (body != nullptr
                                      ? text_of(*body, "name")
                                      : path.substr(path.find(kPolicies) + kPolicies.size()));
        }
        return out + (pointer.empty() ? "" : ": " + std::string(pointer));
    }
    return std::string(pointer);
}

std::string zone_path(const PlanPart& part) {
    return zone_url(part.whole->apex);
}

std::string revision_tag(zones::Revision revision) {
    return '"' + std::to_string(revision) + "-j\"";
}

std::string plan_text(const ChangePlan& plan) {
    std::string out;
    for (const PlanPart& part : plan.parts) {
        if (part.whole != nullptr) out += "PUT " + zone_path(part) + '\n';
        for (const Json& write : part.writes) {
            out += text_of(write, "method") + ' ' + text_of(write, "path") + '\n';
        }
    }
    return out;
}

std::string plan_summary(const ChangePlan& plan) {
    return std::to_string(plan.created) + " created, " + std::to_string(plan.changed) +
           " changed, " + std::to_string(plan.removed) + " removed";
}

}  // namespace

std::optional<DocumentSet> ClientCommands::read_documents(const std::vector<std::string>& from) {
    std::vector<std::string> files;
    for (const std::string& name : from) {
        std::error_code ignored;
        if (name == "-" || !fs::is_directory(name, ignored)) {
            files.push_back(name);
            continue;
        }
        auto below = documents_below(name);
        if (!below) {
            complain(below.error().message);
            return std::nullopt;
        }
        files.insert(files.end(), below->begin(), below->end());
    }
    DocumentSet set;
    Faults faults;
    for (const std::string& name : files) {
        const auto document = read_document(name);
        if (!document) return std::nullopt;
        set.add_file(*document, name == "-" ? "standard input" : name, faults);
    }
    if (faults.none()) return set;
    const std::size_t more = faults.list.size() - 1;
    complain(faults.list.front().message +
             (more == 0 ? "" : " (and " + std::to_string(more) + " more)"));
    return std::nullopt;
}

std::optional<DocumentSet> ClientCommands::served_documents() {
    DocumentSet set;
    base::Result<void> taken;
    const bool read = read_dump([&](std::string_view line) {
        taken = set.add_line(line);
        return taken.has_value();
    });
    if (!read) return std::nullopt;
    if (!taken) {
        complain(taken.error().message);
        return std::nullopt;
    }
    return set;
}

std::optional<Json> ClientCommands::post_changes(const std::vector<const PlanPart*>& parts,
                                                 const std::string& message) {
    Client* server = client();
    if (server == nullptr) return std::nullopt;
    const Client::Body body{
        .content_type = "application/json", .text = body_of(parts, message).dump(), .more = {}};
    const auto response =
        server->request("POST", options_.dry_run ? "/v1/changes?dry_run=true" : "/v1/changes",
                        {{"Accept", "application/json"}}, &body);
    if (!response) {
        complain(response.error().message);
        return std::nullopt;
    }
    auto document = Json::parse(response->body);
    if (response->status >= 200 && response->status <= 299 && document) {
        warn_of("changes", *document);
        return std::move(*document);
    }
    const Json* errors = document ? document->find("errors") : nullptr;
    if (errors == nullptr || errors->items().empty()) {
        complain("changes", *response);
        return std::nullopt;
    }
    if (options_.json) std::cout << document->dump() << std::endl;
    const Json& first = errors->items().front();
    const std::size_t more = errors->items().size() - 1;
    const Json* pointer = first.find("pointer");
    const bool placed = pointer != nullptr && pointer->as_string() != nullptr;
    complain((placed ? place_of(parts, *pointer->as_string()) : std::string("changes")) + ": " +
             text_of(first, "detail") +
             (more == 0 ? "" : " (and " + std::to_string(more) + " more)") +
             (response->status == 412 ? "; nothing was done: look at diff and apply again" : ""));
    return std::nullopt;
}

// A zone's own data as a whole, with what else there is of the zone.
bool ClientCommands::apply_whole(const PlanPart& part, const std::string& message,
                                 zones::Revision& revision) {
    zones::Revision known = part.revision;
    const auto told = [&](const std::optional<Json>& answer) {
        const Json* number = answer ? answer->find("revision") : nullptr;
        if (number == nullptr || !number->as_integer()) return false;
        known = static_cast<zones::Revision>(*number->as_integer());
        revision = known;
        return true;
    };
    if (part.before_whole) {
        PlanPart first;
        first.subject = part.subject;
        first.file = part.file;
        first.writes.push_back(*part.before_whole);
        if (!told(post_changes({&first}, message))) return false;
    }
    const Client::Body body{
        .content_type = "application/json", .text = zone_body(part), .more = {}};
    Client::Headers headers{{"Accept", "application/json"}};
    headers.emplace_back(known == 0 ? "If-None-Match" : "If-Match",
                         known == 0 ? "*" : revision_tag(known));
    if (!message.empty()) headers.emplace_back("Meridian-Message", message);
    const auto response = client()->request("PUT", zone_path(part), headers, &body);
    if (!response) {
        complain(response.error().message);
        return false;
    }
    if (response->status < 200 || response->status > 299) {
        complain(part.file + ": " + part.subject, *response);
        return false;
    }
    const auto answer = Json::parse(response->body);
    if (!told(answer ? std::optional<Json>(*answer) : std::nullopt)) {
        complain(part.subject + ": the response is not understood");
        return false;
    }
    if (part.writes.empty()) return true;
    PlanPart rest = part;
    Json guard = Json::object();
    guard.set("method", "PATCH").set("path", zone_path(part)).set("if_match", revision_tag(known));
    rest.writes.insert(rest.writes.begin(), std::move(guard.set("body", Json::object())));
    return told(post_changes({&rest}, message));
}

// More than a change set holds: one after the other, each of them whole.
bool ClientCommands::apply_parts(const ChangePlan& plan, const std::string& message,
                                 zones::Revision& revision) {
    std::vector<const PlanPart*> waiting;
    std::size_t octets = 0;
    std::size_t writes = 0;
    std::size_t done = 0;
    const auto flush = [&] {
        if (waiting.empty()) return true;
        const auto answer = post_changes(waiting, message);
        const Json* number = answer ? answer->find("revision") : nullptr;
        if (number == nullptr || !number->as_integer()) return false;
        revision = static_cast<zones::Revision>(*number->as_integer());
        done += waiting.size();
        waiting.clear();
        octets = 0;
        writes = 0;
        return true;
    };
    bool good = true;
    for (const PlanPart& part : plan.parts) {
        if (part.whole != nullptr) {
            good = flush() && apply_whole(part, message, revision);
            if (good) ++done;
        } else {
            if (octets + part.octets > ChangePlan::kMaxOctets ||
                writes + part.writes.size() > ChangePlan::kMaxWrites) {
                good = flush();
            }
            waiting.push_back(&part);
            octets += part.octets;
            writes += part.writes.size();
        }
        if (!good) break;
    }
    if (good && flush()) return true;
    complain(std::to_string(done) + " of " + std::to_string(plan.parts.size()) +
             " zones and documents were written before; apply again when the rest is mended");
    return false;
}

// What would be done. The server tells, if it can be asked of one change set.
std::optional<bool> ClientCommands::try_plan(const ChangePlan& plan) {
    if (plan.parts.empty()) {
        if (options_.json) std::cout << R"({"changed":false,"operations":[]})" << std::endl;
        return false;
    }
    if (!plan.is_one()) {
        if (options_.json) {
            std::cout << R"({"changed":true})" << std::endl;
        } else {
            std::cout << plan_text(plan) << std::flush;
        }
        complain("more than one change set holds: compared, but not tried by the server");
        return true;
    }
    std::vector<const PlanPart*> parts;
    for (const PlanPart& part : plan.parts) parts.push_back(&part);
    const bool before = options_.dry_run;
    options_.dry_run = true;
    const auto answer = post_changes(parts, "");
    options_.dry_run = before;
    if (!answer) return std::nullopt;
    if (options_.json) {
        std::cout << answer->dump() << std::endl;
    } else if (const Json* operations = answer->find("operations")) {
        std::cout << diff_text(*operations) << std::flush;
    }
    const Json* changed = answer->find("changed");
    return changed == nullptr || changed->as_bool().value_or(true);
}

int ClientCommands::apply(const Declared& declared) {
    const auto wanted = read_documents(declared.files);
    if (!wanted) return 1;
    const auto there = served_documents();
    if (!there) return 1;
    const auto plan = make_plan(*wanted, *there, declared.prune);
    if (!plan) return complain(plan.error().message);
    if (options_.dry_run) return try_plan(*plan) ? 0 : 1;
    zones::Revision revision = there->revision;
    if (plan->is_one() && !plan->parts.empty()) {
        std::vector<const PlanPart*> parts;
        for (const PlanPart& part : plan->parts) parts.push_back(&part);
        const auto answer = post_changes(parts, declared.message);
        if (!answer) return 1;
        const Json* number = answer->find("revision");
        if (number != nullptr && number->as_integer()) {
            revision = static_cast<zones::Revision>(*number->as_integer());
        }
    } else if (!plan->parts.empty()) {
        if (!apply_parts(*plan, declared.message, revision)) return 1;
    }
    if (options_.json) {
        Json out = Json::object();
        out.set("changed", !plan->parts.empty()).set("revision", revision);
        out.set("created", plan->created).set("updated", plan->changed);
        std::cout << out.set("removed", plan->removed).dump() << std::endl;
    } else if (plan->parts.empty()) {
        std::cout << "nothing to change" << std::endl;
    } else {
        std::cout << plan_summary(*plan) << ": revision " << revision << std::endl;
    }
    return 0;
}

int ClientCommands::diff(const Declared& declared) {
    const auto wanted = read_documents(declared.files);
    if (!wanted) return kTrouble;
    const auto there = served_documents();
    if (!there) return kTrouble;
    const auto plan = make_plan(*wanted, *there, declared.prune);
    if (!plan) {
        complain(plan.error().message);
        return kTrouble;
    }
    const auto differs = try_plan(*plan);
    if (!differs) return kTrouble;
    return *differs ? kDiffers : 0;
}

}  // namespace admin
