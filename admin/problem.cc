#include "admin/problem.h"

namespace admin {

namespace {

int status_of(zones::ChangeFault::Kind kind, bool creates) {
    switch (kind) {
        case zones::ChangeFault::Kind::NotFound:
            return 404;
        case zones::ChangeFault::Kind::Exists:
            return 409;
        case zones::ChangeFault::Kind::Precondition:
            return creates ? 409 : 412;
        case zones::ChangeFault::Kind::Invalid:
            return 422;
        case zones::ChangeFault::Kind::Conflict:
            return 409;
        case zones::ChangeFault::Kind::Gone:
            return 410;
        case zones::ChangeFault::Kind::Unavailable:
            return 503;
    }
    return 500;
}

// Which status wins when the faults differ: the one that the client has to deal with first.
int rank(int status) {
    switch (status) {
        case 503:
            return 5;
        case 410:
            return 4;
        case 412:
            return 3;
        case 404:
            return 2;
        case 409:
            return 1;
        default:
            return 0;
    }
}

Reply problem_of(std::string_view type, int status, std::string_view detail,
                 std::vector<Fault> faults) {
    Json document = Json::object();
    document.set("type", type);
    document.set("title", net::reason_phrase(status));
    document.set("status", status);
    document.set("detail", detail);
    if (!faults.empty()) {
        Json errors = Json::array();
        for (Fault& fault : faults) {
            Json entry = Json::object();
            entry.set("pointer", std::move(fault.pointer));
            entry.set("detail", std::move(fault.message));
            errors.push(std::move(entry));
        }
        document.set("errors", std::move(errors));
    }
    Reply reply;
    reply.status = status;
    reply.headers.add("content-type", "application/problem+json");
    if (status == 503) reply.headers.add("retry-after", "1");
    reply.body = document.dump();
    return reply;
}

}  // namespace

Reply problem(int status, std::string_view detail, std::vector<Fault> faults) {
    return problem_of("about:blank", status, detail, std::move(faults));
}

Reply busy(std::string_view detail, unsigned retry_after_s) {
    Reply reply = problem_of(kBusyType, 503, detail, {});
    reply.headers.set("retry-after", std::to_string(retry_after_s));
    return reply;
}

Reply problem(const Refused& error, const std::vector<std::string>& pointer_prefixes,
              bool creates) {
    int status = error.forbidden ? 403 : 0;
    std::vector<Fault> faults;
    for (const zones::ChangeFault& fault : error.faults) {
        const int candidate = status_of(fault.kind, creates);
        if (status == 0 || (!error.forbidden && rank(candidate) > rank(status))) status = candidate;
        std::string pointer = fault.pointer;
        if (fault.operation < pointer_prefixes.size()) {
            pointer.insert(0, pointer_prefixes[fault.operation]);
        }
        faults.push_back({std::move(pointer), fault.message});
    }
    if (faults.empty()) return problem(500, "the change was refused without a reason");
    const std::string detail = faults.front().message;
    return problem(status, detail, std::move(faults));
}

}  // namespace admin
