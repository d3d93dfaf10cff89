// HTTP/1.1 on one connection: one exchange at a time, pipelined requests wait in `backlog_`.
//
// The decoder's events reach the application's HttpStream; the application's calls fill `out_`
// and set flags; `settle` draws the conclusions: sends, ends the exchange, goes on with the
// backlog, or becomes a WebSocket, after which the octets are that session's.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "net/body_clock.h"
#include "net/http1.h"
#include "net/http_connection.h"
#include "net/websocket_session.h"

namespace net {
namespace {

// Of a body that nobody reads any more; beyond, closing is cheaper than reading it away.
constexpr std::uint64_t kMaxDiscarded = 1024 * 1024;

class Http1Connection final : public HttpProtocol,
                              private HttpExchange,
                              private Http1Decoder::Events,
                              private WebSocketSession::Host {
  public:
    explicit Http1Connection(HttpConnection& connection)
        : connection_(connection),
          shared_(connection.shared()),
          decoder_({shared_.limits.max_head_octets, shared_.limits.max_line_octets,
                    shared_.limits.max_fields},
                   *this),
          activity_(shared_.loop.now()) {}

    // HttpProtocol

    void receive(base::Octets octets) override {
        if (websocket_) {
            websocket_->receive(octets, base::mono_now());
            return;
        }
        // Time counts from a head's first octet; a body has its own.
        if (decoder_.idle()) activity_ = shared_.loop.now();
        if (!backlog_.empty() || !can_decode()) {
            backlog_.insert(backlog_.end(), octets.begin(), octets.end());
            return;
        }
        const std::size_t used = decode(octets);
        backlog_.assign(octets.begin() + static_cast<std::ptrdiff_t>(used), octets.end());
    }

    void receive_end() override {
        read_ended_ = true;
        if (websocket_) {
            websocket_->lost();
        } else if (!active_ || !request_ended_) {
            connection_.abort();
        }
    }

    void settle() override {
        do {
            again_ = false;
            if (websocket_) {
                settle_websocket();
            } else {
                settle_exchange();
            }
        } while (again_ && !connection_.closing());
        if (connection_.closing()) return;
        // While a response is under way reading goes on, so that a client that leaves is noticed.
        if (websocket_ || (backlog_.empty() && !paused_)) {
            connection_.stream().resume_read();
        } else {
            connection_.stream().pause_read();
        }
    }

    [[nodiscard]] base::MonoTime deadline() const override {
        const HttpLimits& limits = shared_.limits;
        if (websocket_) return websocket_->deadline();
        if (!active_ && !backlog_.empty()) return base::MonoTime::max();  // answers are to be taken
        if (!active_) {
            return activity_ + (decoder_.idle() ? limits.idle_timeout : limits.head_timeout);
        }
        if (!request_ended_ && !unwanted_) return body_clock_.deadline(limits);
        return base::MonoTime::max();
    }

    void expire(base::MonoTime now) override {
        if (websocket_) {
            websocket_->expire(now);
            return;
        }
        if (!active_ && decoder_.idle()) {
            connection_.close_gracefully();
            return;
        }
        ++shared_.counters.timeouts;
        refuse(408, "the request did not arrive in time");
    }

    void drain() override {
        if (websocket_) {
            websocket_->close(1001, "the server is stopping");
        } else if (!active_ && decoder_.idle() && backlog_.empty()) {
            connection_.close_gracefully();
        } else if (writer_) {
            writer_->close_after();
        }
    }

    [[nodiscard]] std::size_t buffered() const override {
        return out_.size() + backlog_.size() + decoder_.buffered() + kept_head_ +
               (websocket_ ? websocket_->unfinished() : 0);
    }

    void lost() override {
        if (websocket_) websocket_->lost();
        if (application_ && !websocket_ && !(writer_done_ && request_ended_)) {
            application_->on_cancel();
        }
        finish_accounting();
        application_.reset();
        websocket_.reset();
    }

  private:
    // Http1Decoder::Events

    void on_head(RequestHead head) override {
        spoke_http_ = true;
        ++shared_.counters.requests;
        const Http1Decoder::Framing& framing = decoder_.framing();
        writer_.emplace(Http1Writer::Request{head.method == "HEAD", framing.http10,
                                             framing.keep_alive && !shared_.draining});
        active_ = true;
        kept_head_ = octets_of(head);
        request_ended_ = paused_ = writer_done_ = reset_ = unwanted_ = full_ = false;
        continue_owed_ = framing.expects_continue && framing.has_body;
        discarded_ = 0;
        body_clock_.begin(shared_.loop.now());
        head.peer = connection_.stream().peer();
        head.scheme = head.peer.tls ? "https" : "http";

        websocket_status_ = websocket_status(head);
        if (websocket_status_ == 101 && framing.has_body) websocket_status_ = 400;
        if (websocket_status_ == 426 || websocket_status_ == 400) {
            ++shared_.counters.bad_requests;
            writer_->close_after();
            ResponseHead answer{websocket_status_, {}};
            if (websocket_status_ == 426) {
                answer.headers.add("sec-websocket-version", "13");
                answer.headers.add("upgrade", "websocket");
            }
            respond(answer, true);
            return;
        }
        if (websocket_status_ == 101) {
            websocket_key_ = std::string(*head.headers.get("sec-websocket-key"));
        }
        head_.version = head.version;
        head_.method = head.method;
        head_.path = head.path;
        reported_ = false;
        application_ = shared_.handler.on_request(std::move(head), *this);
        if (!application_ && !writer_done_ && !websocket_) {
            // Nobody is left to answer: the handler broke its promise.
            if (!writer_->responded()) {
                respond(ResponseHead{500, {}}, true);
            } else {
                connection_.abort();
            }
        }
        if (!can_decode()) decoder_.pause();
    }

    void on_body(base::Octets octets) override {
        body_clock_.receive(octets.size(), shared_.loop.now());
        if (application_) {
            application_->on_body(octets);
        } else {
            discarded_ += octets.size();
            if (discarded_ > kMaxDiscarded) unwanted_ = true;
        }
        // Pausing, giving up or closing inside the call must stop the decoder.
        if (!can_decode()) decoder_.pause();
    }

    void on_end(const HeaderList& trailers) override {
        request_ended_ = true;
        connection_.note_request();
        // A WebSocket's handshake is no request body: it goes on elsewhere.
        if (application_ && !websocket_) application_->on_end(trailers);
    }

    // HttpExchange

    void respond(const ResponseHead& head, bool last) override {
        if (!writer_ || writer_->responded()) return;
        if (shared_.draining || read_ended_) writer_->close_after();
        head_at_ = out_.size();
        writer_->respond(head, last, out_);
        writer_done_ = writer_->finished();
        touch();
    }

    void inform(int status, const HeaderList& headers) override {
        if (!writer_ || status == 101) return;
        if (status == 100) continue_owed_ = false;
        writer_->inform(status, headers, out_);
        touch();
    }

    bool write(base::Octets octets) override {
        if (!writer_) return true;
        writer_->write(octets, out_);
        touch();
        if (queued() < shared_.limits.high_water) return true;
        full_ = true;
        return false;
    }

    void finish(const HeaderList& trailers) override {
        if (!writer_) return;
        writer_->finish(trailers, out_);
        writer_done_ = writer_->finished();
        connection_.release(std::exchange(collected_, 0));
        touch();
    }

    void reset() override {
        reset_ = true;
        touch();
    }

    bool collect(std::size_t octets) override { return connection_.collect(octets, collected_); }

    void pause_body() override {
        paused_ = true;
        body_clock_.pause(shared_.loop.now());
    }

    void resume_body() override {
        if (!paused_) return;
        paused_ = false;
        body_clock_.resume(shared_.loop.now());
        touch();
    }

    WebSocket* accept_websocket(std::string_view subprotocol,
                                WebSocketListener& listener) override {
        if (websocket_status_ != 101 || !writer_ || writer_->responded() || websocket_) {
            return nullptr;
        }
        HeaderList headers;
        headers.add("upgrade", "websocket");
        headers.add("connection", "Upgrade");
        headers.add("sec-websocket-accept", websocket_accept(websocket_key_));
        if (!subprotocol.empty()) headers.add("sec-websocket-protocol", subprotocol);
        writer_->inform(101, headers, out_);
        websocket_ = std::make_unique<WebSocketSession>(websocket_limits(shared_.limits), listener,
                                                        static_cast<WebSocketSession::Host&>(*this),
                                                        base::mono_now());
        ++shared_.counters.websockets;
        if (shared_.draining) websocket_->close(1001, "the server is stopping");
        touch();
        return websocket_.get();
    }

    [[nodiscard]] std::size_t queued() const override {
        return out_.size() + connection_.stream().queued();
    }

    // WebSocketSession::Host

    void wake() override { touch(); }
    [[nodiscard]] std::size_t queued_below() const override { return queued(); }

    // The rest is ours.

    [[nodiscard]] bool can_decode() const noexcept {
        // No new request of a client that does not take the answers it has.
        const bool taken = active_ || queued() < shared_.limits.high_water;
        return !connection_.closing() && !websocket_ && !paused_ && !unwanted_ && !reset_ &&
               !refused_ && !(active_ && request_ended_) && taken;
    }

    void touch() {
        again_ = true;
        connection_.kick();
    }

    std::size_t decode(base::Octets octets) {
        std::size_t used = 0;
        while (used < octets.size() && can_decode()) {
            const auto taken = decoder_.receive(octets.subspan(used));
            if (!taken) {
                ++shared_.counters.bad_requests;
                if (taken.error().foreign && !spoke_http_) {
                    // Who never spoke HTTP would take an answer in it for something else, as a
                    // client of HTTP/2 does with a bad preface (RFC 9113, 3.4).
                    refused_ = true;
                    connection_.close_gracefully();
                } else {
                    refuse(taken.error().status, taken.error().message);
                }
                return octets.size();
            }
            used += *taken;
            again_ = true;
            if (active_ && request_ended_) break;  // the next one waits for this response
        }
        return used;
    }

    static std::size_t octets_of(const RequestHead& head) {
        std::size_t octets = head.path.size() + head.query.size();
        for (const HeaderList::Field& field : head.headers.fields()) {
            octets += sizeof field + field.name.size() + field.value.size();
        }
        return octets;
    }

    /// Answers what the application shall not see, or can no longer complete, and closes.
    void refuse(int status, std::string_view why) {
        refused_ = true;
        if (writer_ && writer_->responded() && !writer_done_) {
            connection_.abort();
            return;
        }
        if (application_) application_->on_cancel();
        if (!active_) writer_.emplace(Http1Writer::Request{false, false, false});
        writer_->close_after();
        ResponseHead head{status, {}};
        head.headers.add("content-type", "text/plain; charset=utf-8");
        const std::string body = std::string(why) + "\n";
        head.headers.add("content-length", std::to_string(body.size()));
        writer_->respond(head, false, out_);  // nothing happens if the response was complete
        writer_->write(base::as_octets(body), out_);
        writer_->finish({}, out_);
        flush();
        finish_accounting();
        application_.reset();
        active_ = false;
        connection_.close_gracefully();
    }

    void flush() {
        if (out_.empty()) return;
        const std::string out = std::exchange(out_, {});
        connection_.write(base::as_octets(out));
    }

    void settle_websocket() {
        if (backlog_.size() > 0) {
            const std::vector<std::uint8_t> first = std::exchange(backlog_, {});
            websocket_->receive(first, base::mono_now());
        }
        out_ += websocket_->take_output();
        flush();
        if (!websocket_) return;
        websocket_->settle(shared_.loop.now());
        if (!websocket_->ended()) return;
        out_ += websocket_->take_output();
        flush();
        finish_accounting();
        connection_.close_gracefully();
    }

    /// Whether the client that asked is told to send its body (RFC 9110, 10.1.1). Nothing has
    /// left since the application was asked, so the head of a response is still in out_.
    void decide_continue() {
        // A client that already sends has not waited.
        if (request_ended_ || !backlog_.empty()) {
            continue_owed_ = false;
        } else if (writer_done_) {
            // Answered without the body, which may never come: the connection ends with it.
            continue_owed_ = false;
            unwanted_ = true;
            if (writer_->keep_alive()) {
                out_.insert(out_.find("\r\n", head_at_) + 2, "connection: close\r\n");
            }
        } else if (!paused_) {
            continue_owed_ = false;
            out_.insert(writer_->responded() ? head_at_ : out_.size(),
                        "HTTP/1.1 100 Continue\r\n\r\n");
        } else if (writer_->responded()) {
            continue_owed_ = false;  // the head leaves now, and nothing may stand behind it
        }
    }

    void settle_exchange() {
        if (continue_owed_ && active_) decide_continue();
        flush();
        if (connection_.closing() || refused_) return;
        if (active_ && reset_ && !writer_done_) {
            connection_.abort();
            return;
        }
        if (active_ && writer_done_ && (request_ended_ || unwanted_ || reset_)) {
            end_exchange();
            return;
        }
        if (full_ && queued() <= shared_.limits.low_water) {
            full_ = false;
            if (application_) application_->on_writable();
        }
        if (!backlog_.empty() && can_decode()) {
            if (!active_) activity_ = shared_.loop.now();
            std::vector<std::uint8_t> waiting = std::exchange(backlog_, {});
            const std::size_t used = decode(waiting);
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
            backlog_ = std::move(waiting);
        }
    }

    void end_exchange() {
        const bool close =
            !writer_->keep_alive() || !request_ended_ || read_ended_ || shared_.draining;
        finish_accounting();
        active_ = false;
        kept_head_ = 0;
        paused_ = false;
        application_.reset();
        writer_.reset();
        activity_ = shared_.loop.now();
        again_ = true;
        if (close) connection_.close_gracefully();
    }

    void finish_accounting() {
        connection_.release(std::exchange(collected_, 0));
        if (reported_ || !writer_) return;
        reported_ = true;
        const int status = websocket_ ? 101 : writer_->status();
        if (status != 0) shared_.handler.on_response(head_, status);
    }

    HttpConnection& connection_;
    HttpShared& shared_;
    Http1Decoder decoder_;
    std::vector<std::uint8_t> backlog_;  // received, not decoded yet; reading is paused meanwhile
    std::string out_;
    base::MonoTime activity_;
    BodyClock body_clock_;  // of the exchange in hand

    // The exchange in hand.
    bool active_ = false;
    RequestHead head_;           // for on_response: version, method and path
    std::size_t kept_head_ = 0;  // octets of the head that the application has
    std::size_t collected_ = 0;  // and of the body, as the connection's account has them
    std::optional<Http1Writer> writer_;
    std::unique_ptr<HttpStream> application_;
    bool request_ended_ = false;
    bool paused_ = false;
    bool writer_done_ = false;
    bool reset_ = false;     // the application gave up
    bool unwanted_ = false;  // the rest of the body is not read
    bool full_ = false;      // write() said so, on_writable is owed
    bool continue_owed_ = false;
    std::size_t head_at_ = 0;  // where the response begins in out_
    bool reported_ = true;
    std::uint64_t discarded_ = 0;
    int websocket_status_ = 0;
    std::string websocket_key_;
    std::unique_ptr<WebSocketSession> websocket_;

    bool again_ = false;  // settle has more to do
    bool read_ended_ = false;
    bool refused_ = false;
    bool spoke_http_ = false;  // a request of this connection was understood
};

}  // namespace

std::unique_ptr<HttpProtocol> make_http1(HttpConnection& connection) {
    return std::make_unique<Http1Connection>(connection);
}

}  // namespace net
