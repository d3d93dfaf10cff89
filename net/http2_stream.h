#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/body_clock.h"
#include "net/http.h"
#include "net/http_connection.h"
#include "net/recycled.h"
#include "net/websocket_session.h"

namespace net {

/// One HTTP/2 stream: a request being received and a response being sent, or a WebSocket (RFC
/// 8441), for which the stream is what a TCP connection is elsewhere: END_STREAM ends one
/// direction, RST_STREAM with CANCEL breaks it. Knows nothing of frames; the connection (its Host)
/// does. Owned by the connection; loop's thread only.
class Http2Stream final : public HttpExchange,
                          public Recycled<Http2Stream>,
                          private WebSocketSession::Host {
  public:
    enum class Head : std::uint8_t { Informational, WithBody, WithoutBody, Trailers };
    enum class Reset : std::uint8_t { Finished, SlowPeer, GivenUp, Cancelled };

    /// The session, as far as a stream needs it. None of these calls back.
    class Host {
      public:
        virtual ~Host() = default;
        /// Asks for `settle`; a stream asks once until it comes.
        virtual void touch(std::int32_t id) = 0;
        /// The application took these octets: the peer may send as many again.
        virtual void consume(std::int32_t id, std::size_t octets) = 0;
        /// DATA brought so many octets to a WebSocket, whose messages are often small.
        virtual void carried(std::size_t octets) = 0;
        /// A final head gets a Date where it has none.
        virtual bool submit_head(std::int32_t id, const HeaderList& headers, int status,
                                 Head kind) = 0;
        /// So many octets of a head are kept until `drop_head`. 0, or the status that the request
        /// is refused with: there is no room for them.
        [[nodiscard]] virtual int keep_head(std::size_t octets) = 0;
        virtual void drop_head(std::size_t octets) = 0;
        /// `HttpExchange::prioritize`.
        virtual void prioritize(std::int32_t id, const HttpPriority& priority) = 0;
        /// Nothing of this stream went out because the client takes others first.
        [[nodiscard]] virtual bool waits_its_turn(std::int32_t id, base::MonoTime now) const = 0;
        /// There is something to fetch again, where `fetch` had nothing.
        virtual void resume(std::int32_t id) = 0;
        virtual void reset_stream(std::int32_t id, Reset reason) = 0;
    };

    Http2Stream(std::int32_t id, HttpConnection& connection, Host& host);
    ~Http2Stream() override;
    Http2Stream(const Http2Stream&) = delete;
    Http2Stream& operator=(const Http2Stream&) = delete;
    [[nodiscard]] std::int32_t id() const noexcept { return id_; }

    // From the session:

    void add_field(std::string_view name, std::string_view value);
    /// Fields of the request; before `begin`.
    [[nodiscard]] const HeaderList& fields() const noexcept { return request_.headers; }
    /// The request's head is complete.
    void begin(bool has_body);
    void receive(base::Octets octets);
    void receive_end();
    struct Fetched {
        std::size_t octets = 0;
        bool end = false;
        const HeaderList* trailers = nullptr;  // only at the end, and only if there are some
    };
    [[nodiscard]] Fetched fetch(base::MutableOctets out);
    void end_sent();
    void closed();
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    /// The application decided how urgent it is.
    [[nodiscard]] bool prioritized() const noexcept { return prioritized_; }

    void settle();
    [[nodiscard]] base::MonoTime deadline() const;
    void expire(base::MonoTime now);
    /// The server is stopping: who has a WebSocket here is told so.
    void drain();
    /// The stream is over: tells the application unless it has had everything.
    void cancel();

    // HttpExchange

    void respond(const ResponseHead& head, bool last) override;
    void inform(int status, const HeaderList& headers) override;
    bool write(base::Octets octets) override;
    void finish(const HeaderList& trailers) override;
    void reset() override;
    void prioritize(const HttpPriority& priority) override;
    [[nodiscard]] bool collect(std::size_t octets) override;
    void pause_body() override;
    void resume_body() override;
    WebSocket* accept_websocket(std::string_view subprotocol, WebSocketListener& listener) override;
    [[nodiscard]] std::size_t queued() const override { return out_.size() - fetched_; }

  private:
    [[nodiscard]] int check_head();
    [[nodiscard]] bool keep_head(std::size_t octets);
    void refuse_head(int status);
    void overflow();
    void drop_pending();
    void touch();
    void deliver();
    void resume();
    void refuse(int status);
    void put_aside(base::Octets octets);
    [[nodiscard]] bool append(base::Octets octets);

    // WebSocketSession::Host

    void wake() override {
        if (!closed_) touch();
    }
    [[nodiscard]] std::size_t queued_below() const override { return queued(); }

    void receive_websocket(base::Octets octets);
    void feed_websocket(base::Octets octets);
    void count_unfinished();
    void send_websocket();
    void settle_websocket();

    const std::int32_t id_;
    HttpConnection& connection_;
    HttpShared& shared_;
    Host& host_;

    /// Moved to the application: version, method and path are left, for on_response.
    RequestHead request_;
    HeaderList trailers_;
    std::unique_ptr<HttpStream> application_;
    std::size_t head_octets_ = 0;
    std::size_t kept_head_ = 0;          // of the head, as the connection's account has it
    std::size_t head_room_ = 0;          // what is left of that
    std::size_t collected_ = 0;          // of the body, by the application, in the account too
    int refusal_ = 0;                    // the status that the head is refused with
    std::vector<std::uint8_t> pending_;  // received while paused; its window is not given back
    // Times are those of the loop's turn.
    BodyClock body_clock_;
    base::MonoTime progress_at_;  // the last octet fetched, or the first to wait
    std::string out_;
    std::size_t fetched_ = 0;  // octets of out_ that have gone
    HeaderList out_trailers_;
    int status_ = 0;
    std::unique_ptr<WebSocketSession> websocket_;
    std::size_t unfinished_ = 0;   // of its message, as the connection's account has it
    base::MonoTime linger_until_;  // for the client's END_STREAM behind a WebSocket's end

    bool touched_ = false;     // settle has been asked for
    bool wants_head_ = false;  // HEAD
    bool prioritized_ = false;
    bool began_ = false;
    bool paused_ = false;
    bool request_ended_ = false;  // received
    bool end_delivered_ = false;  // told to the application
    bool sends_body_ = false;
    bool finished_ = false;  // by the application
    bool end_sent_ = false;
    bool deferred_ = false;  // fetch had nothing, and is not called again before `resume`
    bool reset_wanted_ = false;
    bool overflowed_ = false;  // there was no room for what is written, or comes
    bool full_ = false;
    bool continue_owed_ = false;
    bool asks_websocket_ = false;  // an extended CONNECT: what follows is no body
    bool held_ = false;  // the WebSocket is given nothing until the client takes something
    bool closed_ = false;
};

/// The streams of one connection by their ids, which grow: 128 of them, by default, at most.
class Http2StreamTable {
  public:
    using Stream = std::unique_ptr<Http2Stream>;

    [[nodiscard]] bool empty() const noexcept { return streams_.empty(); }
    void clear() noexcept { streams_.clear(); }
    [[nodiscard]] auto begin() const noexcept { return streams_.begin(); }
    [[nodiscard]] auto end() const noexcept { return streams_.end(); }
    /// Null: there is none.
    [[nodiscard]] Http2Stream* find(std::int32_t id) const {
        const auto at = place_of(id);
        return at != streams_.end() && (*at)->id() == id ? at->get() : nullptr;
    }
    void add(Stream stream) {
        assert(streams_.empty() || streams_.back()->id() < stream->id());
        streams_.push_back(std::move(stream));
    }
    [[nodiscard]] Stream take(std::int32_t id) {
        const auto at = streams_.begin() + (place_of(id) - streams_.begin());
        if (at == streams_.end() || (*at)->id() != id) return nullptr;
        Stream stream = std::move(*at);
        streams_.erase(at);
        return stream;
    }

  private:
    [[nodiscard]] std::vector<Stream>::const_iterator place_of(std::int32_t id) const {
        return std::lower_bound(
            streams_.begin(), streams_.end(), id,
            [](const Stream& stream, std::int32_t wanted) { return stream->id() < wanted; });
    }

    std::vector<Stream> streams_;
};

}  // namespace net
