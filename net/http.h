#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "net/http_priority.h"
#include "net/peer.h"
#include "net/websocket.h"

namespace net {

/// Header or trailer fields in order. Names are lower case always (RFC 9110, 5.1; RFC 9113,
/// 8.2), values without surrounding white space.
///
/// All of them stand in one block of memory: a message costs two allocations, however many fields
/// it has. What is read from a list is valid until the list changes or moves.
class HeaderList {
  public:
    struct Field {
        std::string_view name;
        std::string_view value;
    };
    class Fields;

    void add(std::string_view name, std::string_view value);
    /// Replaces every field of this name; the first keeps its place.
    void set(std::string_view name, std::string_view value);
    /// Keeps the memory.
    void clear() noexcept;
    /// The first field's value; several fields of one name are the caller's to join.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
    [[nodiscard]] Fields fields() const noexcept;

  private:
    /// A field's name begins at `at` in text_, and right after it its value.
    struct Place {
        std::uint32_t at, name_size, value_size;
    };
    [[nodiscard]] Field field(const Place& place) const noexcept {
        const char* const name = text_.data() + place.at;
        return {{name, place.name_size}, {name + place.name_size, place.value_size}};
    }
    void replace_value(std::size_t index, std::string_view value);
    void remove(std::size_t index);

    std::string text_;
    std::vector<Place> places_;
};

/// The fields of a list, to be gone through.
class HeaderList::Fields {
  public:
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Field;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Field;

        Iterator(const HeaderList& list, const Place* at) noexcept : list_(&list), at_(at) {}
        [[nodiscard]] Field operator*() const noexcept { return list_->field(*at_); }
        Iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        Iterator operator++(int) noexcept { return {*list_, at_++}; }
        [[nodiscard]] bool operator==(const Iterator& other) const noexcept {
            return at_ == other.at_;
        }

      private:
        const HeaderList* list_;
        const Place* at_;
    };

    explicit Fields(const HeaderList& list) noexcept : list_(&list) {}
    [[nodiscard]] Iterator begin() const noexcept { return {*list_, list_->places_.data()}; }
    [[nodiscard]] Iterator end() const noexcept {
        return {*list_, list_->places_.data() + list_->places_.size()};
    }
    [[nodiscard]] std::size_t size() const noexcept { return list_->places_.size(); }
    [[nodiscard]] bool empty() const noexcept { return list_->places_.empty(); }

  private:
    const HeaderList* list_;
};

inline HeaderList::Fields HeaderList::fields() const noexcept {
    return Fields(*this);
}

enum class HttpVersion : std::uint8_t { Http11, Http2, Http3 };

struct RequestHead {
    HttpVersion version = HttpVersion::Http11;
    std::string method;
    std::string scheme;
    std::string authority;  // Host or :authority
    std::string path;       // as sent, still percent-encoded, without the query
    std::string query;      // after '?', still percent-encoded
    std::string protocol;   // extended CONNECT's :protocol (RFC 8441), else empty
    HeaderList headers;
    Peer peer;
};

struct ResponseHead {
    int status = 200;
    HeaderList headers;  // content-length may be left out; then the body is chunked or framed
};

/// The response half of one exchange, owned by the connection. It stays valid until the
/// HttpStream that belongs to it is destroyed. Its loop's thread only.
///
/// Request and response are independent (full duplex): the response may start before, and end
/// before, the request body does.
class HttpExchange {
  public:
    virtual ~HttpExchange() = default;

    /// 1xx heads may be sent any number of times before; this one once. `last`: no body.
    virtual void respond(const ResponseHead& head, bool last = false) = 0;
    virtual void inform(int status, const HeaderList& headers = {}) = 0;
    /// Takes a copy of the octets. False: more than the high-water mark waits for the peer, so
    /// the caller should stop until `HttpStream::on_writable`. (It is queued all the same.)
    virtual bool write(base::Octets octets) = 0;
    /// Ends the response, with trailers where the version can carry them.
    virtual void finish(const HeaderList& trailers = {}) = 0;
    /// Gives the exchange up: RST_STREAM in HTTP/2, closing the connection in HTTP/1.1.
    virtual void reset() = 0;

    /// In place of what the client asks for, now and later (RFC 9218, 8). Without it the client's
    /// word counts; where it says nothing at all, responses of unknown length share with the
    /// others. No effect in HTTP/1.1, where one response is sent after the other.
    virtual void prioritize(const HttpPriority&) {}

    /// The application collects so many octets of the body, which from now until `finish`, or the
    /// end of the exchange, are in the account of what the client holds. False: there is no room
    /// for them, and the client is to be refused. Bodies that are bounded otherwise need not ask.
    [[nodiscard]] virtual bool collect(std::size_t /*octets*/) { return true; }
    /// No `on_body` until `resume_body`; the peer is held back by flow control.
    virtual void pause_body() = 0;
    virtual void resume_body() = 0;

    /// Answers a request for a WebSocket with 101 (GET with Upgrade in HTTP/1.1) or 200 (CONNECT
    /// with `RequestHead::protocol` "websocket" in HTTP/2, RFC 8441) and hands the connection or
    /// the stream to it. Empty: this request does not ask for a WebSocket; nothing was sent and
    /// `respond` is still to be called. `listener` must outlive the WebSocket, which lives until
    /// `on_closed`.
    ///
    /// Such a CONNECT has no body, whatever the client sends: `on_end` comes at once, as after a
    /// GET. A response of 2xx would tell the client that it has a WebSocket, so who does not accept
    /// answers otherwise.
    virtual WebSocket* accept_websocket(std::string_view subprotocol,
                                        WebSocketListener& listener) = 0;

    /// Octets written and not yet handed to the kernel.
    [[nodiscard]] virtual std::size_t queued() const = 0;
};

/// The application's half of one exchange: receives the request body. Destroyed by the
/// connection when the exchange is over (after the response ended and the body was read or
/// given up) or cancelled. Calls come on the loop's thread, never from inside a call the
/// application makes on the exchange.
class HttpStream {
  public:
    virtual ~HttpStream() = default;
    virtual void on_body(base::Octets octets) = 0;
    virtual void on_end(const HeaderList& trailers) = 0;
    virtual void on_writable() {}
    /// The peer or the connection is gone; nothing can be sent. Destruction follows.
    virtual void on_cancel() {}
};

/// What a server does with a request. One handler serves every connection of its listeners.
class HttpHandler {
  public:
    virtual ~HttpHandler() = default;
    /// The head is complete; the body follows by `HttpStream::on_body`. May respond at once.
    virtual std::unique_ptr<HttpStream> on_request(RequestHead head, HttpExchange& exchange) = 0;
    /// Once per finished exchange, for metrics: the status sent. Of the head only version, method
    /// and path are still there.
    virtual void on_response(const RequestHead&, int /*status*/) {}
    /// These bracket what comes with one read of a connection, so that what all its requests need
    /// is fetched once. Requests may come outside, too: those that had waited.
    virtual void begin_requests() {}
    virtual void end_requests() {}
};

/// "Bad Request" for 400; empty for a status without a registered phrase.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
/// Percent-decoding (RFC 3986, 2.1); empty optional when a '%' is not followed by two digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace net
