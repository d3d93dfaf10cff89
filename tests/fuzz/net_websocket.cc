// WebSocket frames: whatever comes, and however it is cut, the messages are the same, and
// `on_closed` is the last and only once.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "net/websocket_session.h"

namespace {

struct Recorder final : net::WebSocketListener, net::WebSocketSession::Host {
    void on_message(base::Octets payload, bool is_text) override {
        if (closed) std::abort();
        text += (is_text ? "T" : "B") + std::to_string(payload.size()) + ":";
        text += base::as_text(payload);
    }
    // How it ends is not compared: wslay looks at a close frame's reason as soon as it can, so a
    // frame that is broken twice, or never completed, fails sooner or later by the cut.
    void on_closed(std::uint16_t, std::string_view) override {
        if (closed) std::abort();
        closed = true;
    }
    void wake() override {}
    [[nodiscard]] std::size_t queued_below() const override { return 0; }
    std::string text;
    bool closed = false;
};

std::string decode(base::Octets input, std::size_t step) {
    Recorder recorder;
    net::WebSocketLimits limits;
    limits.max_message = 4096;
    net::WebSocketSession session(limits, recorder, recorder, {});
    while (!input.empty()) {
        const base::Octets piece = input.first(std::min(step, input.size()));
        input = input.subspan(piece.size());
        session.receive(piece, {});
        (void)session.take_output().size();
    }
    session.lost();
    if (!recorder.closed) std::abort();
    return recorder.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Longer input could hold more pings than one block may, which depends on the cut.
    if (size < 2 || size > 1024) return 0;
    const base::Octets input(data + 1, size - 1);
    if (decode(input, input.size()) != decode(input, std::size_t{data[0]} % 40 + 1)) std::abort();
    return 0;
}
