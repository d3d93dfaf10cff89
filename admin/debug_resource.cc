// /debug: what the web module does, without anything of the server behind it, for benchmarks and
// for suites that try it. There only with [admin] diagnostics, and then open: such suites have no
// tokens.
#include <algorithm>
#include <charconv>
#include <cstdint>

#include "admin/front.h"
#include "admin/problem.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr std::size_t kBlobPieceOctets = std::size_t{64} << 10;
constexpr std::uint64_t kMaxBlobOctets = std::uint64_t{1} << 30;
constexpr std::string_view kAnyOctets = "application/octet-stream";

class EchoStream final : public net::HttpStream {
  public:
    explicit EchoStream(net::HttpExchange& exchange) : exchange_(exchange) {}
    void on_body(base::Octets octets) override {
        if (!exchange_.write(octets)) exchange_.pause_body();
    }
    void on_end(const net::HeaderList& /*trailers*/) override { exchange_.finish(); }
    void on_writable() override { exchange_.resume_body(); }

  private:
    net::HttpExchange& exchange_;
};

// Its stream lives as long as the connection, and so longer than the WebSocket.
class EchoSocket final : public net::HttpStream, public net::WebSocketListener {
  public:
    void attach(net::WebSocket* socket) { socket_ = socket; }
    void on_message(base::Octets payload, bool text) override {
        if (socket_ != nullptr) socket_->send(payload, text);
    }
    void on_closed(std::uint16_t /*code*/, std::string_view /*reason*/) override {
        socket_ = nullptr;
    }
    void on_body(base::Octets /*octets*/) override {}
    void on_end(const net::HeaderList& /*trailers*/) override {}

  private:
    net::WebSocket* socket_ = nullptr;
};

}  // namespace

void get_debug_blob(Context& /*context*/, const Request& request, const Respond& respond) {
    const std::string text = request.query.get("bytes").value_or("1024");
    std::uint64_t octets = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), octets);
    if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
        octets > kMaxBlobOctets) {
        return respond(problem(422, "bytes: a number from 0 to " + std::to_string(kMaxBlobOctets)));
    }
    Reply reply = Reply::empty(200);
    reply.headers.add("content-type", kAnyOctets);
    if (octets <= kBlobPieceOctets) {
        reply.body.assign(static_cast<std::size_t>(octets), 'x');
        return respond(std::move(reply));
    }
    reply.headers.add("content-length", std::to_string(octets));
    reply.more = [left = octets]() mutable -> base::Result<std::string> {
        const std::uint64_t part = std::min<std::uint64_t>(left, kBlobPieceOctets);
        left -= part;
        return std::string(static_cast<std::size_t>(part), 'x');
    };
    respond(std::move(reply));
}

std::unique_ptr<net::HttpStream> take_debug_echo(Context& context, Request request,
                                                 net::HttpExchange& exchange) {
    net::ResponseHead head;
    // Never what a browser would show as a page.
    head.headers.add("content-type", kAnyOctets);
    add_common_fields(context.service.config().cors_origins, request.head.peer,
                      request.head.headers, request.id, head.headers);
    if (const auto length = request.header("content-length")) {
        head.headers.add("content-length", *length);
    }
    exchange.respond(head);
    return std::make_unique<EchoStream>(exchange);
}

std::unique_ptr<net::HttpStream> take_debug_websocket(Context& context, Request request,
                                                      net::HttpExchange& exchange) {
    auto stream = std::make_unique<EchoSocket>();
    net::WebSocket* const socket = exchange.accept_websocket({}, *stream);
    if (socket == nullptr) {
        return answer_taken(context, exchange, request,
                            problem(400, "this is no WebSocket handshake"));
    }
    stream->attach(socket);
    return stream;
}

}  // namespace admin
