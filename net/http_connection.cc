#include "net/http_connection.h"

#include <algorithm>
#include <utility>

#include "net/websocket_session.h"

namespace net {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113, 3.4
constexpr std::chrono::milliseconds kLinger{2000};
// Who holds no more than this is served when there is no room for others.
constexpr std::size_t kSmallHolding = 16 * 1024;

}  // namespace

WebSocketLimits websocket_limits(const HttpLimits& limits) {
    WebSocketLimits own;
    own.max_message = limits.max_websocket_message;
    own.ping_interval = limits.ping_interval;
    own.pong_timeout = limits.pong_timeout;
    own.high_water = limits.high_water;
    own.low_water = limits.low_water;
    return own;
}

HttpConnection::HttpConnection(HttpShared& shared, std::unique_ptr<Stream> stream,
                               std::function<std::string()> alpn)
    : shared_(shared),
      stream_(std::move(stream)),
      alpn_(std::move(alpn)),
      kick_(shared.loop),
      clock_(shared.loop),
      sniff_deadline_(shared.loop.now() +
                      std::max(shared.limits.idle_timeout, shared.limits.head_timeout)),
      moved_at_(shared.loop.now()),
      asked_at_(moved_at_) {}

HttpConnection::~HttpConnection() {
    if (!ended_ && protocol_) protocol_->lost();
    protocol_.reset();  // what its streams hold they give back
    shared_.account.remove(held_);
}

void HttpConnection::start() {
    stream_->start(*this);
    arm();
}

/// Runs one call of the protocol, then what follows from it. Nested calls only mark.
template <class Call>
void HttpConnection::enter(Call call) {
    if (ended_ || busy_) return;
    busy_ = true;
    call();
    if (protocol_ && !ended_) protocol_->settle();
    busy_ = false;
    if (ended_) {
        end();
    } else {
        count_queue();
        arm();
    }
}

void HttpConnection::on_read(base::Octets octets) {
    if (closing_) return;  // read away
    moved_at_ = shared_.loop.now();
    if (protocol_) return receive(octets);
    sniffed_ += base::as_text(octets);
    choose_protocol();
    if (!protocol_) return;
    const std::string first = std::exchange(sniffed_, {});
    receive(base::as_octets(first));
}

void HttpConnection::receive(base::Octets octets) {
    shared_.handler.begin_requests();
    enter([&] { protocol_->receive(octets); });
    shared_.handler.end_requests();
}

void HttpConnection::choose_protocol() {
    const std::string agreed = alpn_ ? alpn_() : std::string();
    const std::size_t known = std::min(sniffed_.size(), kHttp2Preface.size());
    const bool alike =
        std::string_view(sniffed_).substr(0, known) == kHttp2Preface.substr(0, known);
    if (agreed == "h2" || (agreed.empty() && alike && known == kHttp2Preface.size())) {
        protocol_ = make_http2(*this);
    } else if (!agreed.empty() || !alike) {
        protocol_ = make_http1(*this);
    }
    if (protocol_ && shared_.draining) protocol_->drain();
}

void HttpConnection::on_read_end() {
    if (closing_) {
        if (stream_->queued() == 0) abort();
        return;
    }
    if (!protocol_) {
        abort();
        return;
    }
    enter([&] { protocol_->receive_end(); });
}

void HttpConnection::on_writable() {
    if (protocol_) enter([] {});
}

void HttpConnection::on_closed(std::string_view reason) {
    if (reason.starts_with("TLS")) ++shared_.counters.tls_failures;
    abort();
}

void HttpConnection::write(base::Octets octets) {
    if (octets.empty() || ended_) return;
    stream_->write(octets);
    written_ += octets.size();
    count_queue();
    const std::size_t waiting = stream_->queued();
    if (waiting > shared_.limits.hard_limit || (waiting > kSmallHolding && !has_room())) give_up();
}

bool HttpConnection::has_room() const noexcept {
    return !shared_.account.full() || held_ <= kSmallHolding;
}

bool HttpConnection::hold(std::size_t octets) {
    held_ += octets;
    shared_.account.add(octets);
    if (held_ <= shared_.limits.hard_limit && has_room()) return true;
    release(octets);
    return false;
}

void HttpConnection::release(std::size_t octets) noexcept {
    held_ -= octets;
    shared_.account.remove(octets);
}

bool HttpConnection::collect(std::size_t octets, std::size_t& collected) {
    if (hold(octets)) {
        collected += octets;
        return true;
    }
    ++shared_.counters.slow_readers;
    release(std::exchange(collected, 0));  // room for the refusal
    return false;
}

void HttpConnection::count_queue() {
    std::size_t now = 0;
    if (!ended_) now = stream_->queued() + (protocol_ ? protocol_->buffered() : sniffed_.size());
    if (now == queue_) return;
    held_ = held_ - queue_ + now;
    const std::size_t before = std::exchange(queue_, now);
    if (now > before) {
        shared_.account.add(now - before);
    } else {
        shared_.account.remove(before - now);
    }
}

void HttpConnection::kick() {
    if (busy_ || kicked_ || ended_) return;
    kicked_ = true;
    kick_.start(std::chrono::milliseconds(0), [this] {
        kicked_ = false;
        enter([] {});
    });
}

void HttpConnection::close_gracefully() {
    if (closing_ || ended_) return;
    closing_ = true;
    linger_deadline_ = shared_.loop.now() + kLinger;
    stream_->resume_read();
    stream_->shutdown();
}

void HttpConnection::abort() {
    if (ended_) return;
    ended_ = true;
    if (!busy_) end();
}

void HttpConnection::give_up() {
    ++shared_.counters.slow_readers;
    abort();
}

void HttpConnection::end() {
    stream_->close();
    clock_.stop();
    kick_.stop();
    if (protocol_) {
        busy_ = true;
        protocol_->lost();
    }
    count_queue();
    shared_.retire(*this);
}

void HttpConnection::drain() {
    if (closing_ || ended_) return;
    if (protocol_) {
        enter([&] { protocol_->drain(); });
    } else {
        abort();
    }
}

/// The timer is moved only when it would fire too late; one that fires early just looks again. The
/// time is that of this turn of the loop, which is the same for all that comes with a read.
void HttpConnection::arm() {
    const base::MonoTime now = shared_.loop.now();
    const std::size_t waiting = stream_->queued();
    if (written_ - waiting != gone_) {
        gone_ = written_ - waiting;
        moved_at_ = now;
    }
    if (waiting == 0) {
        write_deadline_ = base::MonoTime::max();
    } else if (written_ - waiting != progress_ || write_deadline_ == base::MonoTime::max()) {
        progress_ = written_ - waiting;
        write_deadline_ = now + shared_.limits.write_timeout;
    }
    base::MonoTime due = write_deadline_;
    if (closing_) {
        due = std::min(due, linger_deadline_);
    } else {
        due = std::min(due, protocol_ ? protocol_->deadline() : sniff_deadline_);
    }
    if (due >= armed_for_) return;
    armed_for_ = due;
    // Rounded up, so that the deadline has passed when the timer fires.
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    clock_.start(delay, [this] { on_deadline(); });
}

void HttpConnection::on_deadline() {
    armed_for_ = base::MonoTime::max();
    const base::MonoTime now = base::mono_now();
    const std::size_t waiting = stream_->queued();
    if (waiting > 0 && written_ - waiting == progress_ && now >= write_deadline_) {
        ++shared_.counters.slow_readers;
        abort();
        return;
    }
    if (closing_ && now >= linger_deadline_) {
        if (waiting == 0) {
            abort();
            return;
        }
        linger_deadline_ = now + kLinger;  // the response has the time that writing has
    }
    if (!closing_ && !protocol_ && now >= sniff_deadline_) {
        ++shared_.counters.timeouts;
        abort();
        return;
    }
    if (!closing_ && protocol_ && now >= protocol_->deadline()) {
        enter([&] { protocol_->expire(now); });
        return;
    }
    arm();
}

}  // namespace net
