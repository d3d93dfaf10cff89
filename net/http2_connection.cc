// HTTP/2 on one connection. The only file that knows nghttp2, which is fed octets and asked for
// octets. Its callbacks run inside `receive` and `flush`; they hand bodies to the application,
// and leave everything that ends a stream to `settle`.
//
// Flow control: a window is given back when the application has taken the octets, so what is
// buffered for paused streams never passes the connection's window. What the application writes
// waits in its stream until nghttp2 fetches it, and nghttp2 is asked only while the transport
// takes more. All that waits, and the heads of open requests, are in the account of the connection
// and of the server (HttpConnection::hold): a client that opens no window is bounded by the sum.
//
// nghttp2's own limits against floods are partial (it knows nothing of empty DATA, PING answers
// that we do send, or WINDOW_UPDATE): what carries no request is accounted by Http2Guard.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "net/http1.h"
#include "net/http2_frames.h"
#include "net/http2_guard.h"
#include "net/http2_memory.h"
#include "net/http2_priorities.h"
#include "net/http2_stream.h"
#include "net/http_connection.h"

namespace net {
namespace {

constexpr std::int32_t kConnectionWindow = 1024 * 1024;
constexpr std::size_t kSendWater = 64 * 1024;  // waiting in the transport before we ask for more
// A head of up to this many times what is allowed is answered 431; beyond, decoding it costs more
// than its client is worth.
constexpr std::size_t kMaxSwelling = 4;
constexpr std::uint32_t kNameKnownFor = 64;  // responses; the table holds many times as many fields
constexpr std::chrono::milliseconds kGoawayGrace{100};  // RFC 9113, 6.8: a round trip and more

/// What RFC 9113, 8.2.2 forbids.
bool of_one_hop(std::string_view name) {
    switch (name.size()) {
        case 7:
            return name == "upgrade";
        case 10:
            return name == "connection" || name == "keep-alive";
        case 16:
            return name == "proxy-connection";
        case 17:
            return name == "transfer-encoding";
        default:
            return false;
    }
}

class Http2Connection final : public HttpProtocol, private Http2Stream::Host {
    using Head = Http2Stream::Head;
    using Reset = Http2Stream::Reset;

  public:
    explicit Http2Connection(HttpConnection& connection)
        : connection_(connection),
          shared_(connection.shared()),
          activity_(shared_.loop.now()),
          guard_(kMaxSwelling * connection.shared().limits.max_head_octets, activity_),
          priorities_(connection.shared().limits.max_concurrent_streams) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_option* option = nullptr;
        if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
            throw std::bad_alloc();
        }
        set_callbacks(callbacks);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_max_settings(option, 32);
        nghttp2_option_set_max_outbound_ack(option, 1000);
        nghttp2_option_set_user_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
        nghttp2_mem memory{nullptr, http2_malloc, http2_free, http2_calloc, http2_realloc};
        const int made = nghttp2_session_server_new3(&session_, callbacks, this, option, &memory);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_option_del(option);
        if (made != 0) throw std::bad_alloc();
        const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_allowed()},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
             static_cast<std::uint32_t>(shared_.limits.max_head_octets)},
            {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
            {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},     // those of RFC 9218 instead
            {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}};  // WebSocket (RFC 8441)
        if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) !=
                0 ||
            nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                  kConnectionWindow) != 0) {
            broken_ = true;
        }
    }
    ~Http2Connection() override {
        streams_.clear();  // they give back what they hold
        nghttp2_session_del(session_);
    }

    void receive(base::Octets octets) override {
        if (guilty_) return;
        const base::MonoTime now = shared_.loop.now();
        heads_.feed(octets, [&](const Http2FrameHeads::Head& head) {
            judge(guard_.frame(head.type, head.flags, head.length, now));
            const auto error = done_.frame(head, [this](std::uint32_t stream) {
                return streams_.find(static_cast<std::int32_t>(stream)) != nullptr;
            });
            if (error) give_up(*error);
            // Without a meaning here (RFC 9218, 2.1), but not without rules (RFC 9113, 6.3; RFC
            // 7540, 5.3.1), which nghttp2 leaves out then.
            const bool priority = head.type == NGHTTP2_PRIORITY;
            if (priority && (head.stream == 0 || head.dependency == head.stream)) {
                give_up(NGHTTP2_PROTOCOL_ERROR);
            }
        });
        if (guilty_) return;
        const auto used = nghttp2_session_mem_recv(session_, octets.data(), octets.size());
        if (used < 0) {
            // What nghttp2 can answer (GOAWAY with a reason) it has queued.
            ++shared_.counters.bad_requests;
            broken_ = true;
        }
    }

    void receive_end() override {
        // A client that sends no more acknowledges and opens windows no more: nothing can end
        // in order.
        connection_.abort();
    }

    void settle() override {
        do {
            again_ = false;
            settling_.swap(touched_);
            for (const std::int32_t id : settling_) settle_stream(id);
            settling_.clear();
            flush();
        } while ((again_ || !touched_.empty()) && !connection_.closing());
        if (connection_.closing()) return;
        // After the first GOAWAY nghttp2 wants nothing more when no stream is left, but the client
        // has not been told yet which of its streams were the last.
        const bool telling = drained_at_ && !goaway_sent_;
        const bool done = (goaway_sent_ && streams_.empty()) ||
                          (nghttp2_session_want_read(session_) == 0 && !telling);
        if (broken_ || (done && nghttp2_session_want_write(session_) == 0)) {
            connection_.close_gracefully();
        }
    }

    [[nodiscard]] base::MonoTime deadline() const override {
        base::MonoTime due = base::MonoTime::max();
        if (streams_.empty()) due = activity_ + shared_.limits.idle_timeout;
        if (head_started_) due = std::min(due, *head_started_ + shared_.limits.head_timeout);
        if (drained_at_ && !goaway_sent_) due = std::min(due, *drained_at_ + kGoawayGrace);
        for (const auto& stream : streams_) due = std::min(due, stream->deadline());
        return due;
    }

    void expire(base::MonoTime now) override {
        if (drained_at_ && !goaway_sent_ && now >= *drained_at_ + kGoawayGrace) {
            goaway_sent_ = true;
            nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                                  nghttp2_session_get_last_proc_stream_id(session_),
                                  NGHTTP2_NO_ERROR, nullptr, 0);
        }
        if (streams_.empty() && now >= activity_ + shared_.limits.idle_timeout) {
            nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
        } else if (head_started_ && now >= *head_started_ + shared_.limits.head_timeout) {
            ++shared_.counters.timeouts;
            nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        for (const auto& stream : streams_) {
            if (now >= stream->deadline()) stream->expire(now);
        }
    }

    void drain() override {
        if (drained_at_) return;
        drained_at_ = shared_.loop.now();
        nghttp2_submit_shutdown_notice(session_);
        for (const auto& stream : streams_) stream->drain();
    }

    void lost() override {
        last_found_ = nullptr;
        const Http2StreamTable streams = std::exchange(streams_, {});
        for (const auto& stream : streams) stream->cancel();
    }

  private:
    static Http2Connection& self(void* user) noexcept {
        return *static_cast<Http2Connection*>(user);
    }

    static void set_callbacks(nghttp2_session_callbacks* callbacks) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
                self(user).begin_headers(*frame);
                return 0;
            });
        nghttp2_session_callbacks_set_on_header_callback(
            callbacks,
            [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
               std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
               std::uint8_t, void* user) noexcept -> int {
                // Each costs 32 octets more than it has (RFC 7541, 4.1), so that empty ones count.
                if (self(user).judge(self(user).guard_.field(name_size + value_size + 32))) {
                    return NGHTTP2_ERR_CALLBACK_FAILURE;  // nothing more is decoded
                }
                if (name_size == 8 && std::memcmp(name, "priority", 8) == 0) {
                    self(user).client_prioritizes_ = true;
                }
                if (Http2Stream* stream = self(user).find(frame->hd.stream_id)) {
                    stream->add_field(base::as_text({name, name_size}),
                                      base::as_text({value, value_size}));
                }
                return 0;
            });
        // Without it nghttp2 forgets the field and lets the request through; it is malformed
        // (RFC 9113, 8.2.1).
        nghttp2_session_callbacks_set_on_invalid_header_callback(
            callbacks,
            [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
               const std::uint8_t*, std::size_t, std::uint8_t,
               void*) noexcept -> int { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
                self(user).frame_received(*frame);
                return 0;
            });
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) noexcept {
                if (frame->hd.type == NGHTTP2_HEADERS) self(user).head_started_.reset();
                ++self(user).shared_.counters.bad_requests;
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            callbacks, [](nghttp2_session* session, std::uint8_t, std::int32_t id,
                          const std::uint8_t* data, std::size_t size, void* user) noexcept {
                if (Http2Stream* stream = self(user).find(id)) {
                    stream->receive({data, size});
                } else {
                    nghttp2_session_consume_connection(session, size);
                }
                return 0;
            });
        nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame_hd*, const std::uint8_t* data,
                          std::size_t size, void* user) noexcept {
                self(user).priorities_.receive({data, size});
                return 0;
            });
        nghttp2_session_callbacks_set_unpack_extension_callback(
            callbacks,
            [](nghttp2_session*, void**, const nghttp2_frame_hd*, void*) noexcept { return 0; });
        nghttp2_session_callbacks_set_on_frame_send_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
                if (frame->hd.type == NGHTTP2_RST_STREAM &&
                    frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
                    self(user).judge(self(user).guard_.provoked_reset());
                    // nghttp2 resets the streams whose windows SETTINGS made too large, but it is
                    // an error of the connection (RFC 9113, 6.9.2).
                    if (self(user).windows_changed_ &&
                        frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR) {
                        self(user).give_up(NGHTTP2_FLOW_CONTROL_ERROR);
                    }
                }
                const bool ends =
                    frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
                if (ends && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
                    if (Http2Stream* stream = self(user).find(frame->hd.stream_id)) {
                        stream->end_sent();
                    }
                }
                return 0;
            });
        nghttp2_session_callbacks_set_on_stream_close_callback(
            callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* user) noexcept {
                if (Http2Stream* stream = self(user).find(id)) stream->closed();
                return 0;
            });
    }

    [[nodiscard]] std::uint32_t streams_allowed() const noexcept {
        return shared_.limits.max_concurrent_streams;
    }

    Http2Stream* find(std::int32_t id) {
        if (last_found_ != nullptr && last_found_->id() == id) return last_found_;
        Http2Stream* const found = streams_.find(id);
        if (found != nullptr) last_found_ = found;
        return found;
    }

    /// Ends the connection of a client that is guilty of something; true: it is.
    bool judge(std::optional<Http2Abuse> abuse) noexcept {
        if (!abuse) return false;
        guilty_ = true;
        ++shared_.counters.http2_abuses[static_cast<std::size_t>(*abuse)];
        nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
        return true;
    }

    /// Ends the connection for an error of the protocol that nghttp2 does not see as one.
    void give_up(std::uint32_t code) noexcept {
        if (guilty_) return;
        guilty_ = true;
        ++shared_.counters.bad_requests;
        nghttp2_session_terminate_session(session_, code);
    }

    void begin_headers(const nghttp2_frame& frame) {
        if (frame.hd.type != NGHTTP2_HEADERS) return;
        head_started_ = shared_.loop.now();
        guard_.begin_head();
        if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
        const std::int32_t id = frame.hd.stream_id;
        streams_.add(
            std::make_unique<Http2Stream>(id, connection_, static_cast<Http2Stream::Host&>(*this)));
    }

    void frame_received(const nghttp2_frame& frame) {
        if (frame.hd.type == NGHTTP2_SETTINGS) {
            const nghttp2_settings_entry* const first = frame.settings.iv;
            windows_changed_ |= std::any_of(
                first, first + frame.settings.niv, [](const nghttp2_settings_entry& entry) {
                    return entry.settings_id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
                });
        }
        if (frame.hd.type == NGHTTP2_PRIORITY_UPDATE) return update_priority(frame.hd);
        if (frame.hd.type == NGHTTP2_HEADERS) head_started_.reset();
        Http2Stream* stream = find(frame.hd.stream_id);
        if (stream == nullptr) return;
        if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
            if (!std::exchange(knows_client_, true)) look_at_client(stream->fields());
            // It counts more than the request's own field.
            const std::int32_t id = stream->id();
            const auto early = priorities_.begin(static_cast<std::uint32_t>(id));
            if (early) change_priority(id, *early, 0);
            stream->begin((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0);
        }
        const bool carries = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
        if (carries && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->receive_end();
    }

    void update_priority(const nghttp2_frame_hd& head) {
        const auto update =
            priorities_.end(static_cast<std::uint32_t>(head.stream_id), done_.next());
        if (update.error) return give_up(*update.error);
        if (!update.priority) return;
        client_prioritizes_ = true;
        const auto id = static_cast<std::int32_t>(update.stream);
        const Http2Stream* const stream = find(id);
        if (stream == nullptr) {
            priorities_.keep(update.stream, *update.priority);
        } else if (!stream->prioritized()) {
            change_priority(id, *update.priority, 0);
        }
    }

    /// By the first request of it.
    void look_at_client(const HeaderList& fields) {
        const std::string_view lone = shared_.limits.lone_responses_to;
        lone_responses_ = !lone.empty() && fields.get("user-agent").value_or("").starts_with(lone);
    }

    void settle_stream(std::int32_t id) {
        Http2Stream* const stream = streams_.find(id);
        if (stream == nullptr) return;
        stream->settle();
        if (!stream->is_closed()) return;
        // Out of the table first: its end calls the application.
        const Http2StreamTable::Stream last = streams_.take(id);
        last_found_ = nullptr;
        activity_ = shared_.loop.now();
        last->cancel();
    }

    /// `frame` begins with a frame's head (RFC 9113, 4.1), as all that nghttp2 gives to send.
    static bool ends_stream(base::Octets frame) {
        return frame.size() >= 9 && (frame[3] == NGHTTP2_DATA || frame[3] == NGHTTP2_HEADERS) &&
               (frame[4] & NGHTTP2_FLAG_END_STREAM) != 0;
    }

    void flush() {
        // One buffer for all the connections of a thread: what is in it is written at once.
        static thread_local std::string block;
        block.clear();
        bool wrote = false;
        const auto write = [&] {
            if (block.empty()) return;
            guard_.sent(block.size());
            connection_.write(base::as_octets(block));
            block.clear();
            wrote = true;
        };
        while (connection_.stream().queued() + block.size() < kSendWater) {
            const std::uint8_t* data = nullptr;
            const auto size = nghttp2_session_mem_send(session_, &data);
            if (size < 0) broken_ = true;
            if (size <= 0) {
                windows_changed_ = false;
                break;
            }
            const base::Octets frame(data, static_cast<std::size_t>(size));
            block.append(base::as_text(frame));
            if (lone_responses_ && ends_stream(frame)) write();
        }
        write();
        if (!wrote) return;
        again_ = connection_.stream().queued() < kSendWater;  // the kernel took it: ask for more
    }

    // Http2Stream::Host: what a stream asks of the session.

    void touch(std::int32_t id) override {
        touched_.push_back(id);
        connection_.kick();
    }

    void consume(std::int32_t id, std::size_t octets) override {
        // Of a stream that is gone only the connection's window is given back.
        nghttp2_session_consume(session_, id, octets);
    }

    void carried(std::size_t octets) override { guard_.carried(octets); }

    bool submit_head(std::int32_t id, const HeaderList& headers, int status, Head kind) override {
        fields_.clear();
        const auto add = [this](std::string_view name, std::string_view value) {
            // What never comes again would only push others out of HPACK's table. Now and then it
            // goes there nevertheless, for its name to be known.
            const bool once = name == "x-request-id" && ++request_ids_ % kNameKnownFor != 1;
            const auto flags =
                static_cast<std::uint8_t>(once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
            // nghttp2 copies both; it does not write through these pointers.
            fields_.push_back({const_cast<std::uint8_t*>(base::as_octets(name).data()),
                               const_cast<std::uint8_t*>(base::as_octets(value).data()),
                               name.size(), value.size(), flags});
        };
        std::array<char, 12> code{};
        const char* const code_end = std::to_chars(code.begin(), code.end(), status).ptr;
        if (kind != Head::Trailers) {
            add(":status", std::string_view(code.begin(), code_end));
        }
        bool sized = false;
        bool dated = kind == Head::Trailers || kind == Head::Informational;
        for (const HeaderList::Field& field : headers.fields()) {
            if (of_one_hop(field.name) || !is_token(field.name) || !is_field_value(field.value)) {
                continue;
            }
            add(field.name, field.value);
            dated = dated || field.name == "date";
            sized = sized || field.name == "content-length";
        }
        if (!dated) add("date", http_date());
        int result = 0;
        if (kind == Head::Trailers) {
            result = nghttp2_submit_trailer(session_, id, fields_.data(), fields_.size());
        } else if (kind == Head::Informational) {
            result = nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr,
                                            fields_.data(), fields_.size(), nullptr);
        } else {
            if (kind == Head::WithBody && !sized) share(id);
            nghttp2_data_provider provider{};
            provider.read_callback =
                [](nghttp2_session*, std::int32_t stream_id, std::uint8_t* buffer, std::size_t size,
                   std::uint32_t* flags, nghttp2_data_source*, void* user) noexcept -> ssize_t {
                return self(user).fetch(stream_id, {buffer, size}, *flags);
            };
            result = nghttp2_submit_response(session_, id, fields_.data(), fields_.size(),
                                             kind == Head::WithBody ? &provider : nullptr);
        }
        return result == 0;
    }

    ssize_t fetch(std::int32_t id, base::MutableOctets out, std::uint32_t& flags) {
        Http2Stream* stream = find(id);
        if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const Http2Stream::Fetched fetched = stream->fetch(out);
        if (fetched.octets > 0) data_at_ = shared_.loop.now();
        if (fetched.end) {
            flags |= NGHTTP2_DATA_FLAG_EOF;
            if (fetched.trailers != nullptr &&
                submit_head(id, *fetched.trailers, 0, Head::Trailers)) {
                flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            }
        } else if (fetched.octets == 0) {
            return NGHTTP2_ERR_DEFERRED;
        }
        return static_cast<ssize_t>(fetched.octets);
    }

    int keep_head(std::size_t octets) override {
        if (open_heads_ + octets > shared_.limits.max_open_heads) return 431;
        if (!connection_.hold(octets)) return 503;
        open_heads_ += octets;
        return 0;
    }

    void drop_head(std::size_t octets) override {
        open_heads_ -= octets;
        connection_.release(octets);
    }

    void prioritize(std::int32_t id, const HttpPriority& priority) override {
        constexpr int kInPlaceOfTheClients = 1;
        change_priority(id, priority, kInPlaceOfTheClients);
    }

    /// A body of unknown length may be long, and a client that knows nothing of priorities does not
    /// expect the others to wait for its end.
    void share(std::int32_t id) {
        const Http2Stream* const stream = find(id);
        if (client_prioritizes_ || stream == nullptr || stream->prioritized()) return;
        change_priority(id, {HttpPriority::kUsual, true}, 0);
    }

    bool waits_its_turn(std::int32_t id, base::MonoTime now) const override {
        return now < data_at_ + shared_.limits.write_timeout &&
               nghttp2_session_get_stream_remote_window_size(session_, id) > 0;
    }

    void change_priority(std::int32_t id, const HttpPriority& priority, int final) {
        const nghttp2_extpri said{priority.urgency, priority.incremental ? 1 : 0};
        // Fails only for a stream that is gone.
        nghttp2_session_change_extpri_stream_priority(session_, id, &said, final);
    }

    void resume(std::int32_t id) override {
        // Fails only for a stream that is gone.
        nghttp2_session_resume_data(session_, id);
    }

    void reset_stream(std::int32_t id, Reset reason) override {
        const std::uint32_t code = reason == Reset::Finished    ? NGHTTP2_NO_ERROR
                                   : reason == Reset::SlowPeer  ? NGHTTP2_ENHANCE_YOUR_CALM
                                   : reason == Reset::Cancelled ? NGHTTP2_CANCEL
                                                                : NGHTTP2_INTERNAL_ERROR;
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
    }

    HttpConnection& connection_;
    HttpShared& shared_;
    nghttp2_session* session_ = nullptr;
    Http2StreamTable streams_;
    Http2Stream* last_found_ = nullptr;           // of streams_: calls of one stream come in a row
    std::vector<std::int32_t> touched_;           // streams for settle to look at
    std::vector<std::int32_t> settling_;          // those it looks at; kept for its memory
    std::vector<nghttp2_nv> fields_;              // of the head that is being submitted, likewise
    std::uint32_t request_ids_ = 0;               // sent
    base::MonoTime activity_;                     // when the last stream ended
    base::MonoTime data_at_;                      // when DATA last went out
    std::optional<base::MonoTime> head_started_;  // of the header block being received
    std::optional<base::MonoTime> drained_at_;
    std::size_t open_heads_ = 0;  // octets kept of the heads of streams_
    Http2Guard guard_;
    Http2FrameHeads heads_;
    Http2DoneStreams done_;
    Http2Priorities priorities_;
    bool guilty_ = false;              // nothing more of this client is read
    bool client_prioritizes_ = false;  // it asks for priorities of some of its streams
    bool windows_changed_ = false;     // by SETTINGS, to which we have not said everything yet
    bool knows_client_ = false;
    bool lone_responses_ = false;  // HttpLimits::lone_responses_to
    bool goaway_sent_ = false;
    bool again_ = false;
    bool broken_ = false;
};

}  // namespace

std::unique_ptr<HttpProtocol> make_http2(HttpConnection& connection) {
    return std::make_unique<Http2Connection>(connection);
}

}  // namespace net
