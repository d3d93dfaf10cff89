// DNS over HTTPS requests: each ends in one response, and what is asked of the server is a message
// that a GET or POST can carry. The first octet chooses the method, the second how a body is cut.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "dns/types.h"
#include "server/doh.h"

namespace {

class Exchange final : public net::HttpExchange {
  public:
    void respond(const net::ResponseHead& head, bool) override {
        if (responses++ > 0 || head.status < 200) std::abort();
        status = head.status;
    }
    void inform(int, const net::HeaderList&) override { std::abort(); }
    bool write(base::Octets octets) override {
        if (responses != 1 || octets.size() > dns::kMaxMessageOctets) std::abort();
        return true;
    }
    void finish(const net::HeaderList&) override { finished = true; }
    void reset() override {}
    void pause_body() override {}
    void resume_body() override {}
    net::WebSocket* accept_websocket(std::string_view, net::WebSocketListener&) override {
        return nullptr;
    }
    [[nodiscard]] std::size_t queued() const override { return 0; }

    int responses = 0;
    int status = 0;
    bool finished = false;
};

/// The message is its own answer, so that its TTLs are read too.
class Echo final : public server::Doh::Handler {
  public:
    void begin_messages() override {}
    void end_messages() override {}
    server::Doh::Outcome on_message(const server::Doh::Message& message, base::MutableOctets room,
                                    server::Doh::Answer& answer) override {
        if (message.octets.size() < dns::kHeaderOctets || message.octets.size() > room.size()) {
            std::abort();
        }
        std::copy(message.octets.begin(), message.octets.end(), room.begin());
        answer.size = message.octets.size();
        return server::Doh::Outcome::Answered;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    static std::vector<std::uint8_t> room(dns::kMaxMessageOctets);
    Echo echo;
    server::Doh doh(echo, room);
    Exchange exchange;
    base::Octets rest(data + 2, size - 2);
    net::RequestHead head;
    head.path = "/dns-query";
    const bool post = data[0] % 2 == 1;
    head.method = post ? "POST" : "GET";
    if (post) {
        head.headers.add("content-type", "application/dns-message");
    } else {
        head.query = base::as_text(rest);
    }
    const auto stream = doh.on_request(std::move(head), exchange);
    if (!stream) std::abort();
    if (post) {
        const std::size_t step = std::size_t{data[1]} + 1;
        for (; !rest.empty(); rest = rest.subspan(std::min(step, rest.size()))) {
            stream->on_body(rest.first(std::min(step, rest.size())));
        }
        stream->on_end({});
    }
    if (exchange.responses != 1 || !exchange.finished) std::abort();
    return 0;
}
