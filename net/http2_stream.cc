#include "net/http2_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/http1.h"

namespace net {
namespace {

// A response waits here until it is sent, nearly always in the same turn of the loop: the memory
// for it goes round among the streams of a thread.
constexpr std::size_t kMostSpareBuffers = 64;
constexpr std::size_t kMaxSpareOctets = 4096;
thread_local std::vector<std::string> spare_buffers;

void take_spare_buffer(std::string& buffer) {
    if (spare_buffers.empty()) return;
    buffer.swap(spare_buffers.back());
    spare_buffers.pop_back();
}

void give_spare_buffer(std::string& buffer) {
    constexpr std::size_t kOfAnyUse = 256;
    const std::size_t octets = buffer.capacity();
    if (octets < kOfAnyUse || octets > kMaxSpareOctets) return;
    if (spare_buffers.size() >= kMostSpareBuffers) return;
    buffer.clear();
    spare_buffers.push_back(std::move(buffer));
}

// After a WebSocket's end, as after that of an HTTP/1.1 connection.
constexpr std::chrono::milliseconds kLinger{2000};

// What a stream takes beside what is counted, the application's objects among it; and a field.
constexpr std::size_t kStreamOctets = 2048;
constexpr std::size_t kFieldOctets = sizeof(HeaderList::Field);
// Room for fields is taken in steps. Most heads need the first alone, which comes with the stream.
constexpr std::size_t kHeadStep = 512;

}  // namespace

Http2Stream::Http2Stream(std::int32_t id, HttpConnection& connection, Host& host)
    : id_(id),
      connection_(connection),
      shared_(connection.shared()),
      host_(host),
      progress_at_(connection.shared().loop.now()) {
    (void)keep_head(kStreamOctets);
}

Http2Stream::~Http2Stream() {
    host_.drop_head(kept_head_);
    connection_.release(out_.size() + pending_.size() + unfinished_ + collected_);
    give_spare_buffer(out_);
}

/// False: the request is refused.
bool Http2Stream::keep_head(std::size_t octets) {
    if (octets > head_room_) {
        const std::size_t more = octets - head_room_ + kHeadStep;
        if (const int status = host_.keep_head(more); status != 0) {
            refuse_head(status);
            return false;
        }
        kept_head_ += more;
        head_room_ += more;
    }
    head_room_ -= octets;
    return true;
}

/// What there is of the head is of no use; of trailers, they are left out.
void Http2Stream::refuse_head(int status) {
    refusal_ = status;
    // Not cleared, which would keep the memory.
    const HeaderList gone = std::exchange(began_ ? trailers_ : request_.headers, {});
    if (began_) return;
    host_.drop_head(kept_head_);
    kept_head_ = head_room_ = 0;
}

void Http2Stream::add_field(std::string_view name, std::string_view value) {
    if (refusal_ != 0) return;
    // As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113, 6.5.2), which binds no client.
    head_octets_ += name.size() + value.size() + 32;
    HeaderList& fields = began_ ? trailers_ : request_.headers;
    if (head_octets_ > shared_.limits.max_head_octets ||
        fields.fields().size() >= shared_.limits.max_fields) {
        return refuse_head(431);
    }
    if (!keep_head(kFieldOctets + name.size() + value.size())) return;
    if (name.empty() || name[0] != ':') {
        fields.add(name, value);
    } else if (name == ":method") {
        request_.method.assign(value);
    } else if (name == ":scheme") {
        request_.scheme.assign(value);
    } else if (name == ":authority") {
        request_.authority.assign(value);
    } else if (name == ":protocol") {
        request_.protocol.assign(value);
    } else if (name == ":path") {
        const std::size_t mark = value.find('?');
        request_.path.assign(value.substr(0, mark));
        if (mark != std::string_view::npos) request_.query.assign(value.substr(mark + 1));
    }
}

/// nghttp2 has checked fields and pseudo-fields (RFC 9113, 8.1 to 8.3); this is the rest.
int Http2Stream::check_head() {
    if (refusal_ != 0) return refusal_;
    if (request_.method == "CONNECT") {
        if (request_.protocol != "websocket") return 501;
        asks_websocket_ = true;
    }
    if (request_.path.empty() || !is_target(request_.path) || !is_target(request_.query)) {
        return 400;
    }
    if (const auto expect = request_.headers.get("expect")) {
        if (*expect != "100-continue") return 417;
        continue_owed_ = true;
    }
    const std::string_view host = request_.headers.get("host").value_or(request_.authority);
    if (request_.authority.empty()) request_.authority.assign(host);
    // Who is asked must not be read in two ways (RFC 9113, 8.3.1).
    const bool same =
        host.size() == request_.authority.size() &&
        base::equal_ignoring_case(base::as_octets(host).data(),
                                  base::as_octets(request_.authority).data(), host.size());
    return same && is_authority(host) ? 0 : 400;
}

void Http2Stream::begin(bool has_body) {
    began_ = true;
    ++shared_.counters.requests;
    body_clock_.begin(shared_.loop.now());
    request_.version = HttpVersion::Http2;
    request_.peer = connection_.stream().peer();
    head_octets_ = 0;  // trailers are counted anew
    wants_head_ = request_.method == "HEAD";
    int status = check_head();
    // Whose half has ended can say nothing over a WebSocket, not even its end.
    if (status == 0 && asks_websocket_ && (!has_body || websocket_status(request_) != 200)) {
        status = 400;
    }
    if (status != 0) {
        ++shared_.counters.bad_requests;
        refuse(status);
        return;
    }
    if (!has_body || asks_websocket_) continue_owed_ = false;
    std::string method = request_.method;
    std::string path = request_.path;
    application_ = shared_.handler.on_request(std::move(request_), *this);
    request_.method = std::move(method);
    request_.path = std::move(path);
    if (!application_ && !websocket_) {
        if (status_ == 0) {
            refuse(500);  // nobody is left to answer: the handler broke its promise
        } else {
            reset();  // after the response, what is left of the body is of no use
        }
    }
    touch();
}

void Http2Stream::refuse(int status) {
    ResponseHead head{status, {}};
    if (status == 503) head.headers.add("retry-after", "1");
    if (asks_websocket_) head.headers.add("sec-websocket-version", "13");  // RFC 6455, 4.4
    respond(head, true);
    reset();
}

/// There is no room for more of this stream: what there is of it goes, and the client is told.
void Http2Stream::overflow() {
    ++shared_.counters.slow_readers;
    overflowed_ = reset_wanted_ = true;
    connection_.release(out_.size());
    out_ = {};
    fetched_ = 0;
    drop_pending();
    touch();
}

/// The window of the connection is for other streams, too.
void Http2Stream::drop_pending() {
    host_.consume(id_, pending_.size());
    connection_.release(pending_.size());
    pending_ = {};
}

void Http2Stream::receive(base::Octets octets) {
    if (asks_websocket_) return receive_websocket(octets);
    body_clock_.receive(octets.size(), shared_.loop.now());
    if (!application_ || reset_wanted_ || closed_) {
        host_.consume(id_, octets.size());
    } else if (paused_ || !pending_.empty()) {
        put_aside(octets);
    } else {
        application_->on_body(octets);
        host_.consume(id_, octets.size());
    }
}

void Http2Stream::put_aside(base::Octets octets) {
    if (!connection_.hold(octets.size())) {
        host_.consume(id_, octets.size());
        return overflow();
    }
    pending_.insert(pending_.end(), octets.begin(), octets.end());
}

void Http2Stream::receive_end() {
    request_ended_ = true;
    connection_.note_request();
    websocket_ ? touch() : deliver();
}

/// What waited while the application paused.
void Http2Stream::deliver() {
    if (paused_ || !application_ || reset_wanted_ || closed_) return;
    if (asks_websocket_) {
        if (end_delivered_) return;
        end_delivered_ = true;
        application_->on_end({});
        return;
    }
    if (!pending_.empty()) {
        const std::vector<std::uint8_t> octets = std::exchange(pending_, {});
        connection_.release(octets.size());
        application_->on_body(octets);
        host_.consume(id_, octets.size());
    }
    if (request_ended_ && !end_delivered_ && !paused_) {
        end_delivered_ = true;
        application_->on_end(trailers_);
    }
}

void Http2Stream::touch() {
    if (touched_) return;
    touched_ = true;
    host_.touch(id_);
}

void Http2Stream::closed() {
    closed_ = true;
    touch();
}

void Http2Stream::settle() {
    touched_ = false;
    if (closed_) return;
    if (websocket_) {
        settle_websocket();
    } else {
        deliver();
    }
    if (closed_) return;
    if (overflowed_) {
        host_.reset_stream(id_, Reset::SlowPeer);
        closed_ = true;
        return;
    }
    if (continue_owed_ && !paused_ && status_ == 0 && !request_ended_) {
        continue_owed_ = false;
        inform(100, {});
    }
    if (full_ && queued() <= shared_.limits.low_water) {
        full_ = false;
        if (application_) application_->on_writable();
    }
    // Who is refused a WebSocket has nothing more to say.
    const bool refused = asks_websocket_ && !websocket_ && finished_;
    if (!reset_wanted_ && !refused) return;
    if (!finished_) {
        host_.reset_stream(id_, Reset::GivenUp);
        closed_ = true;
    } else if (end_sent_) {
        // The response is complete: the client may stop sending (RFC 9113, 8.1).
        if (!request_ended_) host_.reset_stream(id_, Reset::Finished);
        closed_ = true;
    }
}

Http2Stream::Fetched Http2Stream::fetch(base::MutableOctets out) {
    Fetched result;
    result.octets = std::min(out.size(), queued());
    std::memcpy(out.data(), out_.data() + fetched_, result.octets);
    fetched_ += result.octets;
    if (result.octets > 0) progress_at_ = shared_.loop.now();
    if (fetched_ == out_.size()) {
        connection_.release(out_.size());
        // A stream that goes on keeps a little memory, not what its longest answer took.
        if (out_.capacity() > shared_.limits.low_water) {
            out_ = {};
        } else {
            out_.clear();
        }
        fetched_ = 0;
        result.end = finished_;
        if (finished_ && !out_trailers_.fields().empty()) result.trailers = &out_trailers_;
    } else if (fetched_ >= shared_.limits.low_water) {
        connection_.release(fetched_);
        out_.erase(0, fetched_);
        fetched_ = 0;
    }
    if ((full_ || websocket_) && queued() <= shared_.limits.low_water) touch();
    deferred_ = result.octets == 0 && !result.end;
    return result;
}

void Http2Stream::end_sent() {
    end_sent_ = true;
    if (reset_wanted_ || asks_websocket_) touch();
}

base::MonoTime Http2Stream::deadline() const {
    base::MonoTime due = base::MonoTime::max();
    if (closed_ || !began_) return due;
    if (websocket_) {
        if (!finished_) due = websocket_->deadline();
        if (finished_ && !request_ended_ && !reset_wanted_) due = linger_until_;
    } else if (!request_ended_ && !reset_wanted_ && !asks_websocket_) {
        due = body_clock_.deadline(shared_.limits);
    }
    if (queued() > 0) due = std::min(due, progress_at_ + shared_.limits.write_timeout);
    return due;
}

void Http2Stream::expire(base::MonoTime now) {
    const bool still = queued() > 0 && now >= progress_at_ + shared_.limits.write_timeout;
    if (still && host_.waits_its_turn(id_, now)) {
        progress_at_ = now;
        if (now < deadline()) return;
    } else if (still) {
        ++shared_.counters.slow_readers;
        host_.reset_stream(id_, Reset::SlowPeer);
        closed_ = true;
        touch();
        return;
    }
    if (websocket_) {
        if (finished_) {
            reset();
        } else {
            websocket_->expire(now);
        }
        return;
    }
    ++shared_.counters.timeouts;
    if (status_ == 0) {
        respond(ResponseHead{408, {}}, true);
    }
    reset();
}

void Http2Stream::cancel() {
    closed_ = true;
    if (websocket_) {
        websocket_->lost();
    } else if (application_ && !(finished_ && end_sent_ && end_delivered_)) {
        application_->on_cancel();
    }
    application_.reset();
    websocket_.reset();
    drop_pending();
    if (status_ != 0) shared_.handler.on_response(request_, status_);
}

void Http2Stream::respond(const ResponseHead& head, bool last) {
    if (status_ != 0 || closed_ || head.status < 200) return;
    // An answer that goes on may want the body, and afterwards it is too late to say so.
    if (continue_owed_ && !last) inform(100, {});
    status_ = head.status;
    sends_body_ = !last && !wants_head_ && head.status != 204 && head.status != 304;
    finished_ = last;
    if (!host_.submit_head(id_, head.headers, head.status,
                           sends_body_ ? Head::WithBody : Head::WithoutBody)) {
        reset_wanted_ = true;
        finished_ = false;
    }
    touch();
}

void Http2Stream::inform(int status, const HeaderList& headers) {
    if (status_ != 0 || closed_ || status < 100 || status > 199 || status == 101) return;
    if (status == 100) continue_owed_ = false;
    if (!host_.submit_head(id_, headers, status, Head::Informational)) reset_wanted_ = true;
    touch();
}

/// False: there is no room for it, and the stream ends.
bool Http2Stream::append(base::Octets octets) {
    if (overflowed_) return false;
    if (!connection_.hold(octets.size())) {
        overflow();
        return false;
    }
    if (queued() == 0) progress_at_ = shared_.loop.now();
    if (out_.empty()) take_spare_buffer(out_);
    out_ += base::as_text(octets);
    resume();
    return true;
}

bool Http2Stream::write(base::Octets octets) {
    if (closed_ || finished_ || !sends_body_ || websocket_ || octets.empty()) return true;
    if (!append(octets)) return false;
    touch();
    if (queued() < shared_.limits.high_water) return true;
    full_ = true;
    return false;
}

void Http2Stream::finish(const HeaderList& trailers) {
    if (closed_ || finished_ || websocket_ || status_ == 0) return;
    finished_ = true;
    connection_.release(std::exchange(collected_, 0));
    if (!trailers.fields().empty()) out_trailers_ = trailers;
    resume();
    touch();
}

void Http2Stream::resume() {
    if (std::exchange(deferred_, false)) host_.resume(id_);
}

void Http2Stream::reset() {
    reset_wanted_ = true;
    touch();
}

void Http2Stream::prioritize(const HttpPriority& priority) {
    if (closed_) return;
    prioritized_ = true;
    host_.prioritize(id_, priority);
}

bool Http2Stream::collect(std::size_t octets) {
    return connection_.collect(octets, collected_);
}

void Http2Stream::pause_body() {
    paused_ = true;
    body_clock_.pause(shared_.loop.now());
}

void Http2Stream::resume_body() {
    if (!paused_) return;
    paused_ = false;
    body_clock_.resume(shared_.loop.now());
    touch();
}

WebSocket* Http2Stream::accept_websocket(std::string_view subprotocol,
                                         WebSocketListener& listener) {
    if (!asks_websocket_ || status_ != 0 || reset_wanted_ || closed_) return nullptr;
    ResponseHead head;
    if (!subprotocol.empty()) head.headers.add("sec-websocket-protocol", subprotocol);
    respond(head, false);
    if (reset_wanted_) return nullptr;  // the head could not be sent
    websocket_ = std::make_unique<WebSocketSession>(websocket_limits(shared_.limits), listener,
                                                    static_cast<WebSocketSession::Host&>(*this),
                                                    shared_.loop.now());
    ++shared_.counters.websockets;
    if (shared_.draining) drain();
    return websocket_.get();
}

void Http2Stream::drain() {
    if (websocket_) websocket_->close(1001, "the server is stopping");
}

/// What comes before the application has answered waits, and what comes while the client takes
/// nothing of what it is sent: its window stays shut meanwhile.
void Http2Stream::receive_websocket(base::Octets octets) {
    const bool open = websocket_ ? !websocket_->ended() : status_ == 0;
    if (!open || reset_wanted_ || closed_) {
        host_.consume(id_, octets.size());
        return;
    }
    host_.carried(octets.size());
    if (!websocket_ || held_ || !pending_.empty()) {
        put_aside(octets);
    } else {
        feed_websocket(octets);
    }
}

void Http2Stream::feed_websocket(base::Octets octets) {
    websocket_->receive(octets, shared_.loop.now());
    host_.consume(id_, octets.size());
    count_unfinished();
    held_ = websocket_->queued() >= shared_.limits.high_water;
}

/// The window is given back before a message is whole, which may be larger.
void Http2Stream::count_unfinished() {
    const std::size_t now = websocket_->unfinished();
    if (now <= unfinished_) {
        connection_.release(unfinished_ - now);
    } else if (!connection_.hold(now - unfinished_)) {
        return overflow();
    }
    unfinished_ = now;
}

void Http2Stream::send_websocket() {
    const std::string octets = websocket_->take_output();
    if (!octets.empty()) (void)append(base::as_octets(octets));
}

void Http2Stream::settle_websocket() {
    if (finished_ || reset_wanted_) return;
    send_websocket();
    websocket_->settle(shared_.loop.now());
    if (websocket_->queued() <= shared_.limits.low_water) held_ = false;
    if (!held_ && !pending_.empty()) {
        const std::vector<std::uint8_t> octets = std::exchange(pending_, {});
        connection_.release(octets.size());
        feed_websocket(octets);
    }
    // As the end of a TCP connection, behind all that the client has said.
    if (!held_ && request_ended_) websocket_->lost();
    if (!websocket_->ended()) return;
    send_websocket();
    if (reset_wanted_) return;
    if (websocket_->broken() && !request_ended_) {
        host_.reset_stream(id_, Reset::Cancelled);
        closed_ = true;
        return;
    }
    finished_ = true;
    linger_until_ = shared_.loop.now() + kLinger;
    resume();
}

}  // namespace net
