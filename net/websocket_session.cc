// The only file that knows wslay. Its frames are read from `input` and written to `output`;
// messages are collected while it runs and handed to the listener afterwards, so that a
// listener may send and close freely.
#include "net/websocket_session.h"

#include <wslay/wslay.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace net {
namespace {

// Pongs that may wait in one received block; more come only from a peer that floods.
constexpr unsigned kMaxPingsPerBlock = 256;
constexpr std::size_t kMaxReason = 123;  // RFC 6455, 5.5

/// Cuts at a boundary of characters, so that the reason stays UTF-8.
std::string_view fitting_reason(std::string_view reason) noexcept {
    if (reason.size() <= kMaxReason) return reason;
    std::size_t end = kMaxReason;
    while (end > 0 && (static_cast<std::uint8_t>(reason[end]) & 0xc0U) == 0x80U) --end;
    return reason.substr(0, end);
}

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept {
    const base::Octets in = base::as_octets(text);
    for (std::size_t i = 0; i < in.size();) {
        const std::uint8_t first = in[i++];
        if (first < 0x80) continue;
        const unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || in.size() - i < more) return false;
        const std::uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        const std::uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (in[i] < low || in[i] > high) return false;
        for (unsigned k = 1; k < more; ++k) {
            if ((in[i + k] & 0xc0U) != 0x80) return false;
        }
        i += more;
    }
    return true;
}

}  // namespace

struct WebSocketSession::Codec {
    struct Message {
        std::uint8_t opcode;
        std::uint16_t close_code;
        std::string payload;
    };

    wslay_event_context_ptr context = nullptr;
    base::Octets input;
    std::string output;
    std::vector<Message> messages;
    unsigned pings = 0;
    std::size_t unfinished = 0;
    bool failed = false;

    explicit Codec(std::size_t max_message) {
        wslay_event_callbacks callbacks{};
        callbacks.recv_callback = [](wslay_event_context_ptr ctx, std::uint8_t* buffer,
                                     std::size_t size, int, void* user) noexcept -> ssize_t {
            base::Octets& in = static_cast<Codec*>(user)->input;
            if (in.empty()) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
            }
            const std::size_t take = std::min(size, in.size());
            std::memcpy(buffer, in.data(), take);
            in = in.subspan(take);
            return static_cast<ssize_t>(take);
        };
        callbacks.send_callback = [](wslay_event_context_ptr, const std::uint8_t* data,
                                     std::size_t size, int, void* user) noexcept -> ssize_t {
            static_cast<Codec*>(user)->output.append(base::as_text({data, size}));
            return static_cast<ssize_t>(size);
        };
        callbacks.on_frame_recv_start_callback = [](wslay_event_context_ptr,
                                                    const wslay_event_on_frame_recv_start_arg* arg,
                                                    void* user) noexcept {
            if (wslay_is_ctrl_frame(arg->opcode)) return;
            static_cast<Codec*>(user)->unfinished += arg->payload_length;
        };
        callbacks.on_msg_recv_callback = [](wslay_event_context_ptr ctx,
                                            const wslay_event_on_msg_recv_arg* arg,
                                            void* user) noexcept {
            Codec& self = *static_cast<Codec*>(user);
            if (arg->opcode == WSLAY_PING && ++self.pings > kMaxPingsPerBlock) {
                self.fail(ctx, WSLAY_CODE_POLICY_VIOLATION, "too many pings");
                return;
            }
            if (arg->opcode == WSLAY_PING) return;
            if (!wslay_is_ctrl_frame(arg->opcode)) self.unfinished = 0;
            const base::Octets payload{arg->msg, arg->msg_length};
            self.messages.push_back(
                {arg->opcode, arg->status_code, std::string(base::as_text(payload))});
        };
        if (wslay_event_context_server_init(&context, &callbacks, this) != 0) {
            throw std::bad_alloc();
        }
        wslay_event_config_set_max_recv_msg_length(context, max_message);
    }
    ~Codec() { wslay_event_context_free(context); }
    Codec(const Codec&) = delete;
    Codec& operator=(const Codec&) = delete;

    void fail(wslay_event_context_ptr ctx, std::uint16_t code, std::string_view reason) {
        wslay_event_queue_close(ctx, code, base::as_octets(reason).data(), reason.size());
        wslay_event_shutdown_read(ctx);
    }

    /// Returns false if the session cannot go on at all.
    bool send_queued() { return wslay_event_send(context) == 0; }

    /// A close frame of our own, where wslay's says the wrong thing.
    void append_close(std::uint16_t code) {
        output += "\x88\x02";
        output += static_cast<char>(code >> 8);
        output += static_cast<char>(code & 0xff);
    }

    /// wslay answers a malformed control frame with a close frame without a code: it says 1002.
    void name_protocol_error() {
        if (wslay_event_get_status_code_sent(context) != WSLAY_CODE_NO_STATUS_RCVD) return;
        assert(output.size() >= 2);
        output.resize(output.size() - 2);
        append_close(WSLAY_CODE_PROTOCOL_ERROR);
    }

    [[nodiscard]] bool close_sent() const { return wslay_event_get_close_sent(context) != 0; }
};

WebSocketSession::WebSocketSession(const WebSocketLimits& limits, WebSocketListener& listener,
                                   Host& host, base::MonoTime now)
    : limits_(limits),
      listener_(listener),
      host_(host),
      codec_(std::make_unique<Codec>(limits.max_message)),
      ping_at_(now + limits.ping_interval) {}

WebSocketSession::~WebSocketSession() = default;

bool WebSocketSession::send(base::Octets payload, bool text) {
    if (ended_) return true;
    const wslay_event_msg message{
        static_cast<std::uint8_t>(text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME), payload.data(),
        payload.size()};
    // Refused only after a close frame: then nobody waits for it.
    if (wslay_event_queue_msg(codec_->context, &message) == 0) pump();
    if (queued() < limits_.high_water) return true;
    full_ = true;
    return false;
}

void WebSocketSession::close(std::uint16_t code, std::string_view reason) {
    if (ended_ || closing_) return;
    const base::Octets text = base::as_octets(fitting_reason(reason));
    wslay_event_queue_close(codec_->context, code, text.data(), text.size());
    closing_ = true;
    pong_due_.reset();
    pump();
}

std::size_t WebSocketSession::queued() const {
    return codec_->output.size() + host_.queued_below();
}

/// Turns what is queued into octets. While receiving, wslay is on the stack: `receive` does it.
void WebSocketSession::pump() {
    if (receiving_ || ended_) return;
    if (!codec_->send_queued()) codec_->failed = true;
    host_.wake();
}

void WebSocketSession::receive(base::Octets octets, base::MonoTime now) {
    if (ended_) return;
    // Any octet shows that the peer is alive, the pong may wait behind a long message.
    if (pong_due_) pong_due_ = now + limits_.pong_timeout;
    codec_->input = octets;
    codec_->pings = 0;
    receiving_ = true;
    const int result = wslay_event_recv(codec_->context);
    receiving_ = false;
    codec_->input = {};
    if (result != 0) codec_->failed = true;

    const std::vector<Codec::Message> messages = std::exchange(codec_->messages, {});
    for (const Codec::Message& message : messages) {
        if (ended_) return;
        if (message.opcode == WSLAY_PONG) {
            pong_due_.reset();
            ping_at_ = now + limits_.ping_interval;
        } else if (message.opcode == WSLAY_CONNECTION_CLOSE) {
            const std::string_view payload(message.payload);
            const std::string_view reason = payload.size() > 2 ? payload.substr(2) : "";
            if (!is_utf8(reason)) {  // wslay looks at text messages only
                if (!closing_) codec_->append_close(WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA);
                end(WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "");
                return;
            }
            if (payload.size() == 1) {  // half a code; wslay takes it for none
                if (!closing_) codec_->append_close(WSLAY_CODE_PROTOCOL_ERROR);
                end(WSLAY_CODE_PROTOCOL_ERROR, "");
                return;
            }
            pump();  // our half of the handshake
            end(message.close_code == 0 ? std::uint16_t{WSLAY_CODE_NO_STATUS_RCVD}
                                        : message.close_code,
                reason);
            return;
        } else if (!closing_) {
            listener_.on_message(base::as_octets(message.payload),
                                 message.opcode == WSLAY_TEXT_FRAME);
        }
    }
    pump();
    if (ended_) return;
    // We closed because the peer broke the protocol: nothing it says now counts (RFC 6455, 7.1.7).
    if (codec_->close_sent() && !closing_) {
        const std::uint16_t code = wslay_event_get_status_code_sent(codec_->context);
        codec_->name_protocol_error();
        end(code == WSLAY_CODE_NO_STATUS_RCVD ? std::uint16_t{WSLAY_CODE_PROTOCOL_ERROR} : code,
            "");
    } else if (codec_->failed) {
        end(1006, "");
    }
}

std::string WebSocketSession::take_output() {
    return std::exchange(codec_->output, {});
}

void WebSocketSession::settle(base::MonoTime now) {
    // Not from within `close`, which is not told the time.
    if (closing_ && !close_due_) close_due_ = now + limits_.close_timeout;
    if (ended_ || !full_ || queued() > limits_.low_water) return;
    full_ = false;
    listener_.on_writable();
}

std::size_t WebSocketSession::unfinished() const noexcept {
    return ended_ ? 0 : codec_->unfinished;
}

base::MonoTime WebSocketSession::deadline() const noexcept {
    if (ended_) return base::MonoTime::max();
    if (close_due_) return *close_due_;
    return pong_due_ ? *pong_due_ : ping_at_;
}

void WebSocketSession::expire(base::MonoTime now) {
    if (ended_ || now < deadline() || (closing_ && !close_due_)) return;
    if (close_due_ || pong_due_) {
        end(1006, "");
        return;
    }
    const wslay_event_msg ping{WSLAY_PING, nullptr, 0};
    if (wslay_event_queue_msg(codec_->context, &ping) == 0) pump();
    pong_due_ = now + limits_.pong_timeout;
}

void WebSocketSession::lost() {
    if (!ended_) end(1006, "");
}

void WebSocketSession::end(std::uint16_t code, std::string_view reason) {
    ended_ = true;
    broken_ = code == 1006;
    host_.wake();
    listener_.on_closed(code, reason);
}

}  // namespace net
