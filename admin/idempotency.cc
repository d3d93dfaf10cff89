#include "admin/idempotency.h"

#include <algorithm>

#include "admin/context.h"
#include "admin/jobs.h"
#include "admin/json.h"
#include "admin/problem.h"
#include "admin/resources.h"
#include "admin/tokens.h"
#include "server/log.h"
#include "server/service.h"
#include "zones/codec.h"

namespace admin {

namespace {

constexpr std::string_view kHeader = "idempotency-key";
constexpr std::size_t kMaxKeyOctets = 255;
constexpr std::chrono::hours kKept{24};
constexpr std::uint8_t kVersion = 1;

bool usable(std::string_view key) {
    return !key.empty() && key.size() <= kMaxKeyOctets &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string digest_of(const std::vector<std::string_view>& parts) {
    zones::ValueWriter out;
    for (const std::string_view part : parts) out.text(part);
    return std::string(base::as_text(sha256(out.take())));
}

std::string fingerprint_of(const Request& request) {
    return digest_of({request.head.method, request.head.path, request.head.query,
                      request.header("if-match").value_or(""),
                      request.header("if-none-match").value_or(""), request.body});
}

// What a receipt says of a request: what it was, and how it was answered. Status 0: not known yet.
struct Kept {
    std::string fingerprint;
    Reply reply;

    [[nodiscard]] std::string pack() const {
        zones::ValueWriter out;
        out.u8(kVersion);
        out.text(fingerprint);
        out.u16(static_cast<std::uint16_t>(reply.status));
        out.u32(static_cast<std::uint32_t>(reply.headers.fields().size()));
        for (const net::HeaderList::Field& field : reply.headers.fields()) {
            out.text(field.name);
            out.text(field.value);
        }
        out.text(reply.body);
        return out.take();
    }
    [[nodiscard]] static std::optional<Kept> parse(std::string_view value) {
        zones::ValueReader in(value);
        Kept kept;
        if (in.u8() != kVersion) return std::nullopt;
        kept.fingerprint = in.text();
        kept.reply.status = in.u16();
        for (std::uint32_t left = in.u32(); left > 0 && !in.failed(); --left) {
            const std::string name = in.text();
            kept.reply.headers.add(name, in.text());
        }
        kept.reply.body = in.text();
        if (!in.complete()) return std::nullopt;
        return kept;
    }
};

// The server ended between the change and its answer, which nobody got: this is what is known.
Reply answer_of(zones::Revision revision, bool creates) {
    Json document = Json::object();
    document.set("revision", revision);
    Reply reply = Reply::json(creates ? 201 : 200, document.dump());
    reply.headers.add("meridian-revision", std::to_string(revision));
    return reply;
}

Reply of_another_request() {
    return problem(422, "this Idempotency-Key came with another request before");
}

// The answer to a request that was answered before; nothing if this one is the first.
std::optional<Reply> replay(Context& context, const Endpoint& endpoint, const std::string& id,
                            const std::string& fingerprint) {
    auto found = context.service.store().receipt(id);
    if (!found) return problem(503, found.error().message);
    if (!*found || base::wall_now() - (*found)->receipt.time > kKept) return std::nullopt;
    auto kept = Kept::parse((*found)->receipt.value);
    if (!kept) return problem(503, "the store holds a damaged receipt");
    if (kept->fingerprint != fingerprint) {
        return of_another_request();
    }
    Reply reply = kept->reply.status == 0 ? answer_of((*found)->revision, endpoint.creates)
                                          : std::move(kept->reply);
    reply.headers.set("idempotency-replayed", "true");
    return reply;
}

}  // namespace

bool Idempotency::covers(const Endpoint& endpoint) {
    // The answer to a new session or token is a secret, which is not written down.
    return (endpoint.method == "POST" || endpoint.method == "PATCH") &&
           endpoint.access == Access::Write && !endpoint.secret && endpoint.handle != nullptr;
}

void Idempotency::handle(Context& context, const Endpoint& endpoint, Request& request,
                         const Respond& respond) {
    const auto& fields = request.head.headers.fields();
    const auto given = std::count_if(fields.begin(), fields.end(),
                                     [](const auto& field) { return field.name == kHeader; });
    if (given == 0 || !covers(endpoint)) return endpoint.handle(context, request, respond);
    const std::string_view key = request.header(kHeader).value_or("");
    if (given > 1 || !usable(key)) {
        return respond(problem(400, "an Idempotency-Key has 1 to " + std::to_string(kMaxKeyOctets) +
                                        " printable ASCII characters, and comes once"));
    }
    const std::string id = digest_of({request.principal.name, key});
    const std::string fingerprint = fingerprint_of(request);
    if (const auto same = in_hand_.find(id); same != in_hand_.end()) {
        if (same->second != fingerprint) return respond(of_another_request());
        const auto job = context.jobs.find_running(id);
        const bool own = job && job->asked.token_hash == request.principal.token_hash;
        if (own && request.work) return respond(job_accepted(*job));
        Reply reply = problem(409, "a request with this Idempotency-Key is still being worked on");
        reply.headers.add("retry-after", "1");
        return respond(std::move(reply));
    }
    Kept kept{fingerprint, Reply::empty(0)};
    if (auto answer = replay(context, endpoint, id, fingerprint)) {
        return respond(std::move(*answer));
    }
    in_hand_.emplace(id, fingerprint);
    const base::WallTime time = base::wall_now();
    request.receipt = zones::Receipt{id, time, kept.pack()};
    const bool tried = request.query.flag("dry_run");
    endpoint.handle(
        context, request, [this, &context, id, time, kept, tried, respond](Reply reply) {
            if (tried || reply.status < 200 || reply.status >= 300 || reply.more) {
                in_hand_.erase(id);
                return respond(std::move(reply));
            }
            Kept answered{kept.fingerprint, reply};
            zones::ChangeSet keep;
            keep.receipt = zones::Receipt{id, time, answered.pack()};
            // The answer goes out when it is durable: nobody is told one thing now and another
            // later.
            context.service.store().submit(std::move(keep), [this, mailbox = context.mailbox, id,
                                                             respond, reply](const auto& outcome) {
                const std::string why = outcome ? "" : outcome.error().faults.front().message;
                mailbox->post([this, id, respond, reply, why] {
                    if (!why.empty()) {
                        server::log_warn(
                            "the answer to a request with an Idempotency-Key is not "
                            "kept, only that it was done: " +
                            why);
                    }
                    in_hand_.erase(id);
                    respond(reply);
                });
            });
        });
}

}  // namespace admin
