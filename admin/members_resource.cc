// /v1/pools/{id}/members/{member}: one member of a pool. A pool is one document in the store, so
// its revision is what entity tags of its members say.
#include <algorithm>

#include "admin/access.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr char kPools[] = "pools";
constexpr char kMembers[] = "members";

struct StoredPool {
    Json document;
    zones::Revision revision = 0;
    std::size_t at = 0;  // where the member stands; else how many members there are
    bool exists = false;

    [[nodiscard]] const Json::Array& members() const { return document.find(kMembers)->items(); }
};

Reply no_member(const Request& request) {
    return problem(404,
                   "there is no member " + request.path[1] + " in the pool " + request.path[0]);
}

base::Result<StoredPool, Reply> find_pool(Context& context, const Request& request) {
    const auto stored = context.service.store().read()->document(kPools, request.path[0]);
    if (!stored) return base::fail(problem(503, stored.error().message));
    if (!*stored) return base::fail(problem(404, "there is no pool " + request.path[0]));
    auto document = Json::parse((*stored)->json);
    if (!document || document->find(kMembers) == nullptr) {
        return base::fail(problem(500, "the stored pool is damaged"));
    }
    StoredPool pool;
    pool.document = std::move(*document);
    pool.revision = (*stored)->revision;
    const Json::Array& members = pool.members();
    const auto found = std::find_if(members.begin(), members.end(), [&](const Json& member) {
        const Json* id = member.find("id");
        return id != nullptr && id->as_string() != nullptr && *id->as_string() == request.path[1];
    });
    pool.exists = found != members.end();
    pool.at = static_cast<std::size_t>(found - members.begin());
    return pool;
}

// One write of a member. Another write of the same pool may come in between: then, if the client
// set no condition of its own, it is made anew on what that one left, so that two who drain two
// members of one pool do not hinder each other.
class MemberWrite : public std::enable_shared_from_this<MemberWrite> {
  public:
    MemberWrite(Context& context, const Request& request, Respond respond,
                zones::Precondition condition, std::optional<Json> body)
        : context_(context),
          request_(request),
          respond_(std::move(respond)),
          condition_(std::move(condition)),
          body_(std::move(body)) {}

    void run() {
        auto pool = find_pool(context_, request_);
        if (!pool) return respond_(std::move(pool.error()));
        if (condition_.if_none_match && pool->exists) {
            return respond_(problem(412, "the pool has the member " + request_.path[1]));
        }
        if (!pool->exists && request_.head.method != "PUT") {
            if (!condition_.if_match) return respond_(no_member(request_));
        }
        if (!pool->exists && condition_.if_match) {
            return respond_(problem(412, "the pool has no member " + request_.path[1]));
        }
        const auto member = new_member(*pool);
        if (!member) return respond_(member.error());
        submit_pool(*pool, *member);
    }

  private:
    static constexpr unsigned kMaxTries = 16;

    // What the member is to be; null: it goes.
    base::Result<Json, Reply> new_member(const StoredPool& pool) const {
        if (!body_) return Json();
        Faults faults;
        if (!body_->is_object()) faults.add("", "an object is wanted");
        const bool patch = request_.head.method == "PATCH";
        const Json said = patch ? merge_patch(pool.members()[pool.at], *body_) : *body_;
        Json member = Json::object();
        member.set("id", request_.path[1]);
        for (const Json::Member& one : said.members()) member.set(one.key, one.value);
        const std::string* id = member.find("id")->as_string();
        if (id == nullptr || *id != request_.path[1]) {
            faults.add("/id", "the URL names " + request_.path[1]);
        }
        if (!faults.none()) {
            return base::fail(problem(422, "the member is not valid", std::move(faults.list)));
        }
        return member;
    }

    void submit_pool(const StoredPool& pool, const Json& member) {
        Json members = Json::array();
        for (std::size_t i = 0; i < pool.members().size(); ++i) {
            if (i != pool.at) {
                members.push(pool.members()[i]);
            } else if (!member.is_null()) {
                members.push(member);
            }
        }
        if (!pool.exists) members.push(member);
        Json document = pool.document;
        document.set(kMembers, std::move(members));
        zones::Precondition condition = condition_;
        condition.if_none_match = false;  // it was about the member
        std::vector<zones::Operation> operations;
        operations.push_back({zones::PutDocument{kPools, request_.path[0], document.dump()},
                              since_read(std::move(condition), pool.revision)});
        submit(context_, request_, std::move(operations),
               [self = shared_from_this(), at = pool.at, existed = pool.exists](Outcome outcome) {
                   self->answer(std::move(outcome), at, existed);
               });
    }

    void answer(Outcome outcome, std::size_t at, bool existed) {
        if (!outcome) {
            const bool met =
                std::any_of(outcome.error().faults.begin(), outcome.error().faults.end(),
                            [](const zones::ChangeFault& fault) {
                                return fault.kind == zones::ChangeFault::Kind::Precondition;
                            });
            if (met && !condition_.if_match && ++tries_ < kMaxTries) return run();
            // The store speaks of the pool; the client sent one member.
            const std::string prefix = "/members/" + std::to_string(at);
            for (zones::ChangeFault& fault : outcome.error().faults) {
                if (fault.pointer.starts_with(prefix)) fault.pointer.erase(0, prefix.size());
            }
            return respond_(problem(outcome.error(), {}, !condition_.if_match));
        }
        if (request_.query.flag("dry_run")) {
            return respond_(written(*outcome, 200, {}, std::nullopt, true));
        }
        if (!body_) {
            Reply reply = Reply::empty(204);
            reply.headers.add("meridian-revision", std::to_string(outcome->revision));
            return respond_(std::move(reply));
        }
        // Somebody else may have deleted it already; the write was made all the same.
        const auto pool = find_pool(context_, request_);
        const bool there = pool && pool->exists;
        // A patch of what its author may not read does not show it.
        const bool show = there && request_.principal.rights->everything(Verb::Read);
        Reply reply =
            written(*outcome, existed ? 200 : 201,
                    show ? pool->members()[pool->at] : Json::object(), std::nullopt, false);
        if (there) reply.headers.add("etag", make_etag(pool->revision, "j"));
        if (!existed) {
            reply.headers.add("location", "/v1/pools/" + encode_segment(request_.path[0]) +
                                              "/members/" + encode_segment(request_.path[1]));
        }
        respond_(std::move(reply));
    }

    Context& context_;
    const Request request_;
    const Respond respond_;
    const zones::Precondition condition_;  // the client's
    const std::optional<Json> body_;       // nothing: DELETE
    unsigned tries_ = 0;
};

void write_member(Context& context, const Request& request, const Respond& respond,
                  std::optional<Json> body) {
    auto condition = write_condition(request);
    if (!condition) return respond(problem(400, condition.error().message));
    std::make_shared<MemberWrite>(context, request, respond, std::move(*condition), std::move(body))
        ->run();
}

}  // namespace

void get_member(Context& context, const Request& request, const Respond& respond) {
    const auto pool = find_pool(context, request);
    if (!pool) return respond(pool.error());
    if (!pool->exists) return respond(no_member(request));
    respond(representation(request, pool->members()[pool->at], pool->revision));
}

void put_member(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    write_member(context, request, respond, std::move(*body));
}

void delete_member(Context& context, const Request& request, const Respond& respond) {
    write_member(context, request, respond, std::nullopt);
}

}  // namespace admin
