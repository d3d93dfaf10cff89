#include "admin/front.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "admin/access.h"
#include "admin/audit.h"
#include "admin/coded_reply.h"
#include "admin/cors.h"
#include "admin/credentials.h"
#include "admin/idempotency.h"
#include "admin/jobs.h"
#include "admin/problem.h"
#include "admin/resources.h"
#include "admin/tokens.h"
#include "base/ascii.h"
#include "base/octets.h"
#include "base/random.h"
#include "net/recycled.h"
#include "server/log.h"
#include "server/service.h"

namespace admin {

namespace {

bool usable_request_id(std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789._-") == std::string_view::npos;
}

std::string request_id(const net::RequestHead& head) {
    const std::string_view given = head.headers.get("x-request-id").value_or("");
    if (usable_request_id(given)) return std::string(given);
    // It is no secret. As much of it as a string holds in place: no two of 2^28 are alike, likely.
    static thread_local base::Random random = base::Random::from_entropy();
    constexpr std::size_t kDigits = 14;
    std::string id(kDigits, '0');
    std::uint64_t left = random.next64();
    for (char& digit : id) {
        digit = "0123456789abcdef"[left % 16];
        left /= 16;
    }
    return id;
}

// Of a request's fields those that its answer depends on whatever answers it: its coding, its tag
// and who may read it.
net::HeaderList answer_fields(const net::HeaderList& all) {
    net::HeaderList out;
    for (const net::HeaderList::Field& field : all.fields()) {
        if (field.name == "accept-encoding" || field.name == "if-none-match" ||
            field.name == "origin") {
            out.add(field.name, field.value);
        }
    }
    return out;
}

// The response half of one exchange, shared by the stream and by whoever still works on the
// reply. `exchange` becomes null when the connection lets go of the stream.
struct Live : std::enable_shared_from_this<Live> {
    explicit Live(Context& owner) : context(owner) {}

    Context& context;
    net::HttpExchange* exchange = nullptr;
    // Of the request, which goes to its handler.
    std::string method, path, who;
    net::Peer peer;
    net::HeaderList fields;  // answer_fields
    bool is_secret = false;  // what it is answered is not compressed
    bool head_only = false;
    bool http1 = false;
    bool responded = false;
    bool body_ended = false;  // nothing of the request is left on the connection
    std::string request_id;
    std::function<base::Result<std::string>()> more;  // the rest of a body that is pulled
    std::shared_ptr<Work> work;                       // the client asked not to wait
    bool pumping = false;                             // waits for its turn
    Jobs::Asked asked;                                // of that request
    std::shared_ptr<Jobs::Job> job;                   // once the client was told so

    void send(Reply&& reply, bool close = false);
    // The answer: to the client, or to the job that it became.
    void answer(Reply&& reply, bool close = false);
    // All of the request is here. If it is not answered yet and the client does not want to wait,
    // it becomes a job.
    void defer();
    // Sends more of a body that is pulled, in turn with others.
    void pump();
    // One piece of it. False: it is over, or the client has to take some first.
    bool send_piece();
    void note_refusal(const Reply& reply) const;
};

void Live::note_refusal(const Reply& reply) const {
    if (!Audit::is_refusal(reply)) return;
    context.audit.note(reply, peer,
                       {.time = {},
                        .status = 0,
                        .who = who,
                        .from = {},
                        .method = method,
                        .path = path,
                        .request_id = request_id,
                        .detail = {}});
}

void Live::send(Reply&& reply, bool close) {
    if (exchange == nullptr || responded) return;
    responded = true;
    note_refusal(reply);
    // A secret must not stand beside what others may choose in one compressed body (BREACH).
    if (!is_secret) encode_reply(reply, fields);
    net::ResponseHead head;
    head.status = reply.status;
    head.headers = std::move(reply.headers);
    add_common_fields(context.service.config().cors_origins, peer, fields, request_id,
                      head.headers);
    if (close && http1 && !body_ended) head.headers.set("connection", "close");
    const bool bodiless = reply.status == 204 || reply.status == 304;
    if (!bodiless && !reply.more) {
        head.headers.set("content-length", std::to_string(reply.body.size()));
    }
    if (bodiless || head_only || (!reply.more && reply.body.empty())) {
        exchange->respond(head, true);
        return;
    }
    exchange->respond(head, false);
    more = std::move(reply.more);
    const bool room = reply.body.empty() || exchange->write(base::as_octets(reply.body));
    if (!more) {
        exchange->finish();
    } else if (room) {
        pump();
    }
}

void Live::answer(Reply&& reply, bool close) {
    if (!job) return send(std::move(reply), close);
    note_refusal(reply);
    context.jobs.finish(*job, std::move(reply));
}

void Live::defer() {
    if (!work || responded || exchange == nullptr) return;
    job = context.jobs.begin(std::move(asked), work);
    if (job) send(job_accepted(*job));
}

void Live::pump() {
    if (pumping || !more) return;
    pumping = true;
    context.turns.add([live = shared_from_this()] {
        live->pumping = live->send_piece();
        return live->pumping;
    });
}

bool Live::send_piece() {
    if (exchange == nullptr || !more) return false;
    const auto piece = more();
    if (!piece) {
        server::log_error("a response was broken off: " + piece.error().message);
        more = nullptr;
        exchange->reset();
        return false;
    }
    if (piece->empty()) {
        more = nullptr;
        exchange->finish();
        return false;
    }
    return exchange->write(base::as_octets(*piece));  // else on_writable goes on
}

// A request that was answered from its head alone; the body, if there is one, is not wanted.
class AnsweredStream final : public net::HttpStream, public net::Recycled<AnsweredStream> {
  public:
    explicit AnsweredStream(std::shared_ptr<Live> live) : live_(std::move(live)) {}
    ~AnsweredStream() override { live_->exchange = nullptr; }
    void on_body(base::Octets /*octets*/) override {}
    void on_end(const net::HeaderList& /*trailers*/) override {}
    void on_writable() override { live_->pump(); }
    void on_cancel() override { live_->exchange = nullptr; }

  private:
    std::shared_ptr<Live> live_;
};

std::size_t max_body(const Endpoint& endpoint, const server::Config& config) {
    if (endpoint.stream == nullptr) return endpoint.max_body;
    return std::size_t{config.max_zone_mb} << 20;
}

// Takes the body of a request: whole for a resource, piece by piece for a sink.
class BodyStream final : public net::HttpStream, public net::Recycled<BodyStream> {
  public:
    BodyStream(Context& context, const Endpoint& endpoint, Front::Collected& collected)
        : context_(context),
          endpoint_(endpoint),
          collected_(endpoint.access == Access::Open ? collected.open : collected.known),
          is_open_(endpoint.access == Access::Open) {}
    ~BodyStream() override {
        if (live_) live_->exchange = nullptr;
        forget();
    }

    // For the door to fill in while it has not let the request in.
    [[nodiscard]] Request& request() noexcept { return request_; }
    // The request is let in: this is its stream.
    void let_in(std::shared_ptr<Live> live) { live_ = std::move(live); }
    void stream(std::unique_ptr<BodySink> sink) {
        sink_ = std::move(sink);
        if (!sink_) return;
        sink_->on_begin([live = live_](bool hold) {
            if (live->exchange == nullptr) return;
            hold ? live->exchange->pause_body() : live->exchange->resume_body();
        });
    }

    void on_body(base::Octets octets) override {
        if (live_->responded) return;
        received_ += octets.size();
        const std::size_t limit = max_body(endpoint_, context_.service.config());
        if (received_ > limit) {
            sink_.reset();
            forget();
            live_->send(
                problem(413, "the body is larger than " + std::to_string(limit) + " octets"), true);
        } else if (endpoint_.stream == nullptr) {
            if (keep(octets)) return;
            forget();
            live_->send(busy("many bodies are coming in at this moment", 1), true);
        } else if (sink_ && !sink_->on_body(octets)) {
            sink_.reset();
        }
    }
    void on_end(const net::HeaderList& /*trailers*/) override {
        live_->body_ended = true;
        if (live_->responded) return;
        if (endpoint_.stream == nullptr) {
            context_.idempotency.handle(context_, endpoint_, request_, [live = live_](Reply reply) {
                live->answer(std::move(reply));
            });
            if (request_.receipt) live_->asked.receipt = request_.receipt->id;
            forget();  // who works on it has what he needs: the client may leave at any time
        } else if (sink_) {
            sink_->on_end();
        }
        live_->defer();
    }
    void on_writable() override { live_->pump(); }
    void on_cancel() override {
        live_->exchange = nullptr;
        sink_.reset();
    }

  private:
    // False: there is no room.
    bool keep(base::Octets octets) {
        const std::size_t size = request_.body.size() + octets.size();
        const std::size_t most = is_open_                          ? Front::kMaxCollectedOpen
                                 : size <= Front::kSmallBodyOctets ? Front::kMaxCollectedSmall
                                                                   : Front::kMaxCollectedOctets;
        if (collected_ - counted_ + size > most) return false;
        request_.body.append(base::as_text(octets));
        const std::size_t now = request_.body.capacity();
        collected_ = collected_ - counted_ + now;
        counted_ = now;
        return true;
    }
    void forget() {
        collected_ -= std::exchange(counted_, 0);
        request_ = {};
    }

    Context& context_;
    const Endpoint& endpoint_;
    std::shared_ptr<Live> live_;  // null: not let in
    std::size_t& collected_;      // octets of all bodies of its kind
    const bool is_open_;
    std::size_t counted_ = 0;  // of them, ours
    Request request_;
    std::unique_ptr<BodySink> sink_;
    std::size_t received_ = 0;
};

bool is_write(std::string_view method) {
    return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

// 308, so that the client asks the same again, its body too (RFC 9110, 15.4.9). The port it came to
// is the one to come to.
Reply to_https(const net::RequestHead& head) {
    constexpr std::string_view kOfHosts =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~:[]";
    if (head.authority.empty() || head.authority.find_first_not_of(kOfHosts) != std::string::npos) {
        return problem(400, "this port speaks HTTPS");
    }
    std::string place = "https://" + head.authority;
    place += head.path.starts_with('/') ? head.path : "/";
    if (!head.query.empty()) place += '?' + head.query;
    Reply reply = problem(308, "this port speaks HTTPS: " + place);
    reply.headers.add("location", place);
    return reply;
}

Reply unauthorized() {
    Reply reply = problem(401, "a token is wanted: Authorization: Bearer TOKEN");
    reply.headers.add("www-authenticate", "Bearer realm=\"meridian\"");
    return reply;
}

// Do these rights reach the endpoint? A path that names nothing is for the handler to refuse.
bool reaches(const Rights& rights, Verb verb, Reach reach, const std::vector<std::string>& path) {
    if (reach == Reach::Everything) return rights.everything(verb);
    if (reach == Reach::Some) return rights.some(verb);
    const auto zone = parse_zone_name(path[0]);
    if (!zone) return rights.some(verb);
    if (reach == Reach::Zone) return rights.zone(verb, *zone);
    if (reach == Reach::InZone) return rights.some_of(verb, *zone);
    const auto name = parse_name(path[1], *zone);
    if (!name) return rights.some_of(verb, *zone);
    if (reach == Reach::Policy) return rights.policy(verb, *zone, *name, path[2]);
    const auto type = dns::parse_type(path[2]);
    return type ? rights.rrset(verb, *zone, *name, *type) : rights.some_of(verb, *zone);
}

// Why this principal may not do this, or nothing.
std::optional<Reply> refusal(const Endpoint& endpoint, const Principal& principal,
                             const net::RequestHead& head, const std::vector<std::string>& path) {
    if (endpoint.access == Access::Open) return std::nullopt;
    if (endpoint.access == Access::Loopback &&
        (head.peer.local_socket ||
         (head.peer.remote.address.is_loopback() && names_loopback(head.authority)))) {
        return std::nullopt;
    }
    if (principal.name.empty()) return unauthorized();
    const Verb verb = endpoint.access == Access::Write      ? Verb::Write
                      : endpoint.access == Access::Loopback ? Verb::Metrics
                                                            : Verb::Read;
    if (!reaches(*principal.rights, verb, endpoint.reach, path)) {
        return problem(403, "the token " + principal.name + " may not " +
                                std::string(to_text(verb)) + " this");
    }
    // Not by the method sent, which is CONNECT for a WebSocket over HTTP/2.
    const bool writes = is_write(endpoint.method);
    if (principal.by_cookie && writes) {
        const std::string_view given = head.headers.get("x-meridian-csrf").value_or("");
        if (!base::equal_constant_time(base::as_octets(given), base::as_octets(principal.csrf))) {
            return problem(403, "a write with the session cookie needs the X-Meridian-CSRF header");
        }
    }
    // A browser shows its certificate to whatever page asks for it.
    if (principal.by_certificate && writes && foreign_origin(head)) {
        return problem(403, "the Origin is not this server");
    }
    return std::nullopt;
}

// Why the client cannot be given what this endpoint has, or nothing.
std::optional<Reply> accept_refusal(const Endpoint& endpoint, const Request& request) {
    if (endpoint.negotiates || endpoint.produces.empty()) return std::nullopt;
    if (request.accepts(endpoint.produces) > 0) return std::nullopt;
    return problem(406, "here is only " + std::string(endpoint.produces));
}

// Why a body of this kind cannot be taken, or nothing.
std::optional<Reply> body_refusal(const Endpoint& endpoint, const Request& request,
                                  const server::Config& config) {
    const std::string_view length = request.header("content-length").value_or("");
    if (!length.empty()) {
        std::uint64_t octets = 0;
        const auto parsed = std::from_chars(length.data(), length.data() + length.size(), octets);
        const std::size_t limit = max_body(endpoint, config);
        if (parsed.ec != std::errc() || octets > limit) {
            return problem(413, "the body is larger than " + std::to_string(limit) + " octets");
        }
    }
    if (endpoint.stream != nullptr || endpoint.method == "DELETE" || !is_write(endpoint.method)) {
        return std::nullopt;
    }
    const std::string type = request.content_type();
    if (type.empty() && endpoint.bare) return std::nullopt;
    if (type == "application/json" || type == "application/merge-patch+json") return std::nullopt;
    Reply reply = problem(415, "the body has to be application/json");
    reply.headers.add("accept", "application/json");
    return reply;
}

// Prefer: respond-async (RFC 7240, 4.1), alone or among others.
bool prefers_async(const Request& request) {
    for (const net::HeaderList::Field& field : request.head.headers.fields()) {
        if (field.name != "prefer") continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const std::size_t end = std::min(list.find(','), list.size());
            std::string_view one = list.substr(0, end);
            list.remove_prefix(std::min(end + 1, list.size()));
            one = one.substr(0, one.find(';'));
            while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
            while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
            constexpr std::string_view kAsync = "respond-async";
            if (one.size() == kAsync.size() &&
                base::equal_ignoring_case(base::as_octets(one).data(),
                                          base::as_octets(kAsync).data(), kAsync.size())) {
                return true;
            }
        }
    }
    return false;
}

std::string_view known_method(std::string_view method) {
    for (const std::string_view known :
         {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"}) {
        if (method == known) return known;
    }
    return "other";  // labels of a metric have to stay few
}

}  // namespace

bool Expose::has(Part part) const noexcept {
    switch (part) {
        case Part::Api:
            return api;
        case Part::Ui:
            return ui;
        case Part::Metrics:
            return metrics;
        case Part::Health:
            return health;
        case Part::Debug:
            return debug;
    }
    return false;
}

void add_common_fields(const std::vector<std::string>& cors_origins, const net::Peer& peer,
                       const net::HeaderList& request, std::string_view request_id,
                       net::HeaderList& response) {
    if (!response.get("cache-control")) response.add("cache-control", "no-store");
    response.set("x-content-type-options", "nosniff");
    response.set("x-request-id", request_id);
    if (peer.tls) response.set("strict-transport-security", "max-age=31536000");
    add_cors(cors_origins, request, response);
}

std::unique_ptr<net::HttpStream> Front::on_request(net::RequestHead head,
                                                   net::HttpExchange& exchange) {
    auto live = std::allocate_shared<Live>(net::RecyclingAllocator<Live>(), context_);
    live->exchange = &exchange;
    live->method = head.method;
    live->path = head.path;
    live->peer = head.peer;
    live->fields = answer_fields(head.headers);
    live->head_only = head.method == "HEAD";
    live->http1 = head.version == net::HttpVersion::Http11;
    live->request_id = request_id(head);
    const auto answered = [&](Reply reply) {
        live->send(std::move(reply));
        return std::make_unique<AnsweredStream>(live);
    };

    if (over_tls_ && !head.peer.tls) {
        live->send(to_https(head), true);
        return std::make_unique<AnsweredStream>(live);
    }

    if (head.path == "*") {
        // The server itself, which only OPTIONS can ask about (RFC 9110, 9.3.7).
        Reply reply = Reply::empty(204);
        reply.headers.add("allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
        return answered(std::move(reply));
    }
    Match found = match(head.path);
    if (found.methods.empty() || !expose_.has(found.methods.front()->part)) {
        return answered(problem(404, "there is nothing at " + head.path));
    }
    // An extended CONNECT (RFC 8441) asks for a WebSocket as GET with Upgrade does in HTTP/1.1.
    const bool extended_connect = head.method == "CONNECT" && head.protocol == "websocket";
    const Endpoint* endpoint = found.find(extended_connect ? "GET" : head.method);
    if (extended_connect && endpoint != nullptr && !endpoint->websocket) endpoint = nullptr;
    if (head.method == "OPTIONS") {
        Reply reply = Reply::empty(204);
        reply.headers.add("allow", found.allow());
        add_preflight(context_.service.config().cors_origins, head.headers, found.allow(),
                      reply.headers);
        return answered(std::move(reply));
    }
    if (endpoint == nullptr) {
        Reply reply = problem(405, head.method + " does not exist here");
        reply.headers.add("allow", found.allow());
        return answered(std::move(reply));
    }

    auto stream = std::make_unique<BodyStream>(context_, *endpoint, collected_);
    Request& request = stream->request();
    request.id = live->request_id;
    request.path = std::move(found.parameters);
    if (endpoint->access != Access::Open) {
        auto principal = authenticate(context_, head);
        if (!principal) return answered(std::move(principal.error()));
        request.principal = std::move(*principal);
        live->who = request.principal.name;
    }
    live->is_secret = endpoint->secret || endpoint->pattern == "/v1/session";
    auto query = QueryParameters::parse(head.query);
    request.head = std::move(head);
    if (auto refused = refusal(*endpoint, request.principal, request.head, request.path)) {
        return answered(std::move(*refused));
    }
    if (!query) return answered(problem(400, query.error().message));
    request.query = std::move(*query);
    if (auto refused = accept_refusal(*endpoint, request)) return answered(std::move(*refused));
    if (endpoint->take != nullptr) return endpoint->take(context_, std::move(request), exchange);

    if (auto refused = body_refusal(*endpoint, request, context_.service.config())) {
        live->send(std::move(*refused), true);
        return std::make_unique<AnsweredStream>(live);
    }
    if (endpoint->lengthy && !live->head_only && prefers_async(request)) {
        request.work = live->work = std::make_shared<Work>();
        live->asked = {.author = request.principal.name,
                       .token_hash = request.principal.token_hash,
                       .method = request.head.method,
                       .path = request.head.path,
                       .request_id = request.id};
    }
    stream->let_in(live);
    if (endpoint->stream != nullptr) {
        stream->stream(endpoint->stream(context_, std::move(request), [live](Reply reply) {
            live->answer(std::move(reply), true);
        }));
    }
    return stream;
}

void Front::on_response(const net::RequestHead& head, int status) {
    const Match found = match(head.path);
    context_.counters.count(
        known_method(head.method),
        found.methods.empty() ? std::string_view("none") : found.methods.front()->pattern, status);
}

}  // namespace admin
