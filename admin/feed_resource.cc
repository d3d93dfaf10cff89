// /v1/feed: one event model over WebSocket (RFC 6455), server-sent events (HTML Living Standard)
// and newline-delimited JSON.
#include <algorithm>
#include <utility>

#include "admin/access.h"
#include "admin/audit.h"
#include "admin/cors.h"
#include "admin/credentials.h"
#include "admin/feed.h"
#include "admin/front.h"
#include "admin/resources.h"
#include "base/octets.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr std::string_view kSubprotocol = "meridian.v1.json";
// What may wait below a carrier before it counts as not ready; the rest waits in the feed's
// queue, where the oldest is dropped.
constexpr std::size_t kReadyOctets = std::size_t{256} << 10;
// It yields to all else that its connection asks for, whatever the client would prefer.
constexpr net::HttpPriority kYielding{net::HttpPriority::kLowest, true};

std::string gap_json(const std::string& from, const std::string& to) {
    Json gap = Json::object();
    gap.set("schema", 1).set("topic", "gap").set("from", from).set("to", to);
    return gap.dump();
}

std::string dropped_json(std::uint64_t dropped) {
    Json event = Json::object();
    event.set("schema", 1).set("topic", "dropped").set("dropped", dropped);
    return event.dump();
}

// Whose token does not show clients must not find them by asking for one prefix after another.
constexpr std::string_view kNotByClient =
    "the token does not show clients, so the feed cannot be asked for one";
bool tells_clients_apart(const FeedFilter& filter, Privacy privacy) {
    return filter.client() && privacy != Privacy::Full;
}

// SSE and NDJSON: a response that does not end.
class StreamCarrier final : public FeedSubscriber, public net::HttpStream {
  public:
    StreamCarrier(Feed& feed, net::HttpExchange& exchange, bool sse)
        : feed_(feed), exchange_(&exchange), sse_(sse) {}
    ~StreamCarrier() override { feed_.unsubscribe(*this); }

    void start(const Request& request, const std::vector<std::string>& origins,
               const std::string& resume_from) {
        net::ResponseHead head;
        head.headers.add("content-type", sse_ ? "text/event-stream" : "application/x-ndjson");
        add_common_fields(origins, request.head.peer, request.head.headers, request.id,
                          head.headers);
        exchange_->respond(head);
        std::string first = sse_ ? "retry: 2000\n\n" : "";
        // Nothing is kept while nobody listens, so whoever resumes is told what is missing.
        if (!resume_from.empty()) append(first, "", gap_json(resume_from, feed_.next_id()));
        if (!first.empty()) exchange_->write(base::as_octets(first));
    }

    // FeedSubscriber
    [[nodiscard]] bool ready() const override {
        return exchange_ != nullptr && exchange_->queued() < kReadyOctets;
    }
    void send(const FeedBatch& batch, std::uint64_t dropped) override {
        std::string out;
        if (dropped > 0) append(out, "", dropped_json(dropped));
        for (const auto& message : batch) append(out, message->id, message->json);
        exchange_->write(base::as_octets(out));
    }
    void heartbeat() override {
        Json event = Json::object();
        event.set("schema", 1).set("topic", "heartbeat");
        event.set("ts", base::format_rfc3339(base::wall_now()));
        const std::string out = sse_ ? std::string(":\n\n") : event.dump() + "\n";
        exchange_->write(base::as_octets(out));
    }
    void end(FeedEnd /*why*/) override {
        feed_.unsubscribe(*this);
        net::HttpExchange* exchange = std::exchange(exchange_, nullptr);
        if (exchange != nullptr) exchange->finish();  // may destroy this
    }

    // HttpStream
    void on_body(base::Octets /*octets*/) override {}
    void on_end(const net::HeaderList& /*trailers*/) override {}
    void on_cancel() override {
        exchange_ = nullptr;
        feed_.unsubscribe(*this);
    }

  private:
    void append(std::string& out, const std::string& id, const std::string& json) const {
        if (sse_ && !id.empty()) out += "id: " + id + '\n';
        if (sse_) out += "data: ";
        out += json;
        out += sse_ ? "\n\n" : "\n";
    }

    Feed& feed_;
    net::HttpExchange* exchange_;
    bool sse_;
};

// Lives until the WebSocket is closed, longer than the exchange it came from; the feed owns it.
class WebSocketCarrier final : public FeedSubscriber, public net::WebSocketListener {
  public:
    WebSocketCarrier(Feed& feed, FeedGrant grant) : feed_(feed), grant_(std::move(grant)) {}

    void attach(net::WebSocket* socket) { socket_ = socket; }

    void subscribe(FeedFilter filter) {
        if (!feed_.subscribe(*this, std::move(filter), grant_)) {
            socket_->close(1013, "too many subscribers");  // try again later
            return;
        }
        Json message = Json::object();
        message.set("type", "subscribed").set("next", feed_.next_id());
        say(message);
    }
    void gap(const std::string& from) {
        const auto event =
            std::make_shared<const FeedMessage>(FeedMessage{"", gap_json(from, feed_.next_id())});
        send({event}, 0);
    }

    // FeedSubscriber
    [[nodiscard]] bool ready() const override { return socket_->queued() < kReadyOctets; }
    void send(const FeedBatch& batch, std::uint64_t dropped) override {
        std::string out =
            "{\"type\":\"batch\",\"dropped\":" + std::to_string(dropped) + ",\"events\":[";
        for (const auto& message : batch) {
            if (out.back() != '[') out += ',';
            out += message->json;
        }
        out += "]}";
        socket_->send(base::as_octets(out), true);
    }
    void heartbeat() override {}  // the WebSocket pings
    void end(FeedEnd why) override {
        feed_.unsubscribe(*this);
        ended_ = true;
        constexpr std::uint16_t kGoingAway = 1001;
        constexpr std::uint16_t kPolicyViolation = 1008;
        why == FeedEnd::Stopping
            ? socket_->close(kGoingAway, "the server stops")
            : socket_->close(kPolicyViolation, "what let you in is not valid any more");
    }

    // WebSocketListener
    void on_message(base::Octets payload, bool text) override {
        if (ended_) return;
        if (!text) return refuse("messages are JSON text");
        const auto message = Json::parse(base::as_text(payload));
        if (!message) return refuse(message.error().message);
        const Json* type = message->find("type");
        if (type == nullptr || type->as_string() == nullptr || *type->as_string() != "subscribe") {
            return refuse("the message to send is {\"type\":\"subscribe\",...}");
        }
        auto filter = FeedFilter::parse(*message);
        if (!filter) return refuse(filter.error().message);
        if (tells_clients_apart(*filter, grant_.privacy)) return refuse(std::string(kNotByClient));
        subscribe(std::move(*filter));
    }
    void on_closed(std::uint16_t /*code*/, std::string_view /*reason*/) override {
        feed_.disown(*this);  // destroys this
    }

  private:
    void say(const Json& message) { socket_->send(base::as_octets(message.dump()), true); }
    // The subscription stays as it was; the client is told what was wrong with its message.
    void refuse(const std::string& why) {
        Json message = Json::object();
        message.set("type", "error").set("message", why);
        say(message);
    }

    Feed& feed_;
    const FeedGrant grant_;
    net::WebSocket* socket_ = nullptr;
    bool ended_ = false;
};

// After a WebSocket or an error: nothing of this exchange is left to do.
class DoneStream final : public net::HttpStream {
  public:
    void on_body(base::Octets /*octets*/) override {}
    void on_end(const net::HeaderList& /*trailers*/) override {}
};

// A page of another site must not open a WebSocket by what the browser sends along unasked, not
// even one that may use the API: it may with a token alone.
bool may_upgrade(const Request& request, const std::vector<std::string>& allowed) {
    if (!foreign_origin(request.head)) return true;
    if (request.principal.by_cookie || request.principal.by_certificate) return false;
    return allowed_origin(allowed, request.head.headers.get("origin").value_or(""));
}

// The feed is open for long: who is let in now must be let in all the while.
FeedGrant grant_of(Context& context, const Request& request) {
    FeedGrant grant;
    grant.privacy = request.principal.privacy;
    grant.holds = [&context, head = request.head, privacy = grant.privacy] {
        const auto now = authenticate(context, head);
        if (!now) return true;  // locked out for guesses, which says nothing of this one
        return !now->name.empty() && now->rights->everything(Verb::Read) && now->privacy == privacy;
    };
    return grant;
}

}  // namespace

std::unique_ptr<net::HttpStream> answer_taken(Context& context, net::HttpExchange& exchange,
                                              const Request& request, Reply reply) {
    context.audit.note(reply, request.head.peer,
                       {.time = {},
                        .status = 0,
                        .who = request.principal.name,
                        .from = {},
                        .method = request.head.method,
                        .path = request.head.path,
                        .request_id = request.id,
                        .detail = {}});
    net::ResponseHead head;
    head.status = reply.status;
    head.headers = std::move(reply.headers);
    add_common_fields(context.service.config().cors_origins, request.head.peer,
                      request.head.headers, request.id, head.headers);
    head.headers.set("content-length", std::to_string(reply.body.size()));
    const bool bodiless = request.head.method == "HEAD";
    exchange.respond(head, bodiless);
    if (!bodiless) {
        exchange.write(base::as_octets(reply.body));
        exchange.finish();
    }
    return std::make_unique<DoneStream>();
}

std::unique_ptr<net::HttpStream> take_feed(Context& context, Request request,
                                           net::HttpExchange& exchange) {
    FeedFilter::Pairs pairs;
    std::string resume(request.header("last-event-id").value_or(""));
    for (const auto& pair : request.query.all()) {
        if (pair.first == "after") {
            resume = pair.second;
        } else {
            pairs.push_back(pair);
        }
    }
    auto filter = FeedFilter::parse(pairs);
    if (!filter) {
        return answer_taken(context, exchange, request, problem(422, filter.error().message));
    }
    const FeedGrant grant = grant_of(context, request);
    if (tells_clients_apart(*filter, grant.privacy)) {
        return answer_taken(context, exchange, request, problem(403, kNotByClient));
    }
    if (context.feed.subscribers() >= Feed::kMaxSubscribers) {
        return answer_taken(context, exchange, request,
                            problem(503, "the feed has too many subscribers"));
    }

    exchange.prioritize(kYielding);
    const std::vector<std::string>& origins = context.service.config().cors_origins;
    const bool upgrade = request.head.headers.has_token("upgrade", "websocket") ||
                         request.head.protocol == "websocket";
    if (upgrade) {
        if (!may_upgrade(request, origins)) {
            return answer_taken(context, exchange, request,
                                problem(403, "the Origin is not this server"));
        }
        const bool offered = request.head.headers.has_token("sec-websocket-protocol", kSubprotocol);
        auto carrier = std::make_unique<WebSocketCarrier>(context.feed, grant);
        net::WebSocket* socket =
            exchange.accept_websocket(offered ? kSubprotocol : std::string_view(), *carrier);
        if (socket == nullptr) {
            return answer_taken(context, exchange, request,
                                problem(400, "this is no WebSocket handshake"));
        }
        WebSocketCarrier& attached = *carrier;
        attached.attach(socket);
        context.feed.own(std::move(carrier));
        attached.subscribe(std::move(*filter));
        if (!resume.empty()) attached.gap(resume);
        return std::make_unique<DoneStream>();
    }

    const unsigned sse = request.accepts("text/event-stream");
    const unsigned lines = request.accepts("application/x-ndjson");
    if (sse == 0 && lines == 0) {
        return answer_taken(context, exchange, request,
                            problem(406,
                                    "the feed is text/event-stream, application/x-ndjson or a "
                                    "WebSocket"));
    }
    if (request.head.method == "HEAD") {
        Reply reply = Reply::empty(200);
        reply.headers.add("content-type",
                          sse > lines ? "text/event-stream" : "application/x-ndjson");
        return answer_taken(context, exchange, request, std::move(reply));
    }
    auto carrier = std::make_unique<StreamCarrier>(context.feed, exchange, sse > lines);
    carrier->start(request, origins, resume);
    (void)context.feed.subscribe(*carrier, std::move(*filter), grant);  // there is room, see above
    return carrier;
}

}  // namespace admin
