#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "net/http.h"

namespace net {

/// Why a request is refused, and the status that says so. The connection must be closed after
/// it: where the next request begins is no longer certain.
struct Http1Error {
    int status = 400;
    std::string message;
    bool foreign = false;  // the request line names another protocol in the place of HTTP's version
};

struct Http1Limits {
    std::size_t max_head_octets = 64 * 1024;  // request line and fields; trailers likewise
    std::size_t max_line_octets = 16 * 1024;
    std::size_t max_fields = 128;
};

/// Reads HTTP/1.1 requests (RFC 9112) from octets, without I/O. One thread at a time.
///
/// Strict where leniency lets two readers see different messages (request smuggling): lines end
/// in CRLF; no white space before a colon, no obs-fold; exactly one Host; one Content-Length of
/// digits alone; Transfer-Encoding is "chunked" and nothing else, and never beside a
/// Content-Length. The events do not depend on how the octets are cut.
class Http1Decoder {
  public:
    class Events {
      public:
        virtual ~Events() = default;
        virtual void on_head(RequestHead head) = 0;
        virtual void on_body(base::Octets octets) = 0;
        virtual void on_end(const HeaderList& trailers) = 0;
    };

    /// What the framing layer needs of a head besides the head itself; valid from on_head on.
    struct Framing {
        bool http10 = false;  // HTTP/1.0: no chunks, and close unless asked otherwise
        bool keep_alive = true;
        bool expects_continue = false;
        bool has_body = false;  // a length above 0, or chunks
    };

    Http1Decoder(const Http1Limits& limits, Events& events) : limits_(limits), events_(events) {}

    /// Consumes octets up to the end of one message at most, and returns how many; the rest is
    /// the next (pipelined) request's. After `pause` it stops as soon as it can. After an error
    /// it must not be called again.
    [[nodiscard]] base::Result<std::size_t, Http1Error> receive(base::Octets octets);

    /// From inside an event: stop consuming after it.
    void pause() noexcept { paused_ = true; }

    [[nodiscard]] const Framing& framing() const noexcept { return framing_; }
    /// Between messages, without a single octet of the next one.
    [[nodiscard]] bool idle() const noexcept { return state_ == State::Head && line_.empty(); }
    /// Octets kept of a head, or of trailers, that are not whole.
    [[nodiscard]] std::size_t buffered() const noexcept { return line_.size(); }
    /// Inside a message's body or trailers.
    [[nodiscard]] bool in_body() const noexcept { return state_ != State::Head; }

  private:
    enum class State : std::uint8_t {
        Head,
        Length,  // remaining_ octets of a body with Content-Length
        ChunkSize,
        ChunkData,
        ChunkEnd,  // CRLF after the data
        Trailers,
    };
    using Step = base::Result<void, Http1Error>;

    [[nodiscard]] base::Result<bool, Http1Error> collect(base::Octets octets, std::size_t& used,
                                                         bool single_line);
    [[nodiscard]] Step finish_head();
    [[nodiscard]] Step read_request_line(std::string_view line, RequestHead& head);
    [[nodiscard]] Step read_target(std::string_view target, RequestHead& head);
    [[nodiscard]] Step read_fields(std::string_view block, HeaderList& out);
    [[nodiscard]] Step read_framing(RequestHead& head);
    [[nodiscard]] Step read_chunk_size();
    [[nodiscard]] Step finish_trailers();
    void end_message(const HeaderList& trailers);

    const Http1Limits limits_;
    Events& events_;
    State state_ = State::Head;
    std::string line_;            // the head, chunk line or trailers as far as received
    std::size_t line_start_ = 0;  // of the line being received, in line_
    std::uint64_t remaining_ = 0;
    std::size_t chunk_extensions_ = 0;  // octets of them in this message
    Framing framing_;
    bool paused_ = false;
    bool ended_ = false;
};

/// Writes one HTTP/1.1 response (RFC 9112), without I/O. Made for one exchange. Fields that
/// would break the framing (a name that is no token, a value with a control character) are left
/// out: they can only come from a fault on our side that echoes a client's octets.
class Http1Writer {
  public:
    struct Request {
        bool head = false;  // HEAD: a head as for GET, no body
        bool http10 = false;
        bool keep_alive = true;
    };
    explicit Http1Writer(Request request) : request_(request), keep_alive_(request.keep_alive) {}

    void inform(int status, const HeaderList& headers, std::string& out);
    void respond(const ResponseHead& head, bool last, std::string& out);
    void write(base::Octets octets, std::string& out);
    void finish(const HeaderList& trailers, std::string& out);
    /// Before `respond`: announces "connection: close".
    void close_after() noexcept { keep_alive_ = false; }

    [[nodiscard]] bool responded() const noexcept { return responded_; }
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    [[nodiscard]] int status() const noexcept { return status_; }
    /// After `finish`: whether the connection may carry another exchange. False also when the
    /// body had not the length that Content-Length announced.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

  private:
    enum class Body : std::uint8_t { None, Length, Chunked, UntilClose };

    const Request request_;
    bool keep_alive_;
    bool responded_ = false;
    bool finished_ = false;
    int status_ = 0;
    Body body_ = Body::None;
    std::uint64_t remaining_ = 0;  // of the announced length
};

/// The Date of now, as RFC 9110, 5.6.7 writes it ("Sun, 06 Nov 1994 08:49:37 GMT"). Written once a
/// second by each thread, and good until its next call.
[[nodiscard]] std::string_view http_date();
[[nodiscard]] bool is_token(std::string_view text) noexcept;
/// uri-host [":" port] as far as its characters go (RFC 3986, 3.2.2): no user information, no path.
[[nodiscard]] bool is_authority(std::string_view text) noexcept;
/// Visible characters alone, and no fragment: what a path and a query may have (RFC 3986, 3.3).
[[nodiscard]] bool is_target(std::string_view text) noexcept;
/// No control characters apart from the tab (RFC 9110, 5.5).
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

}  // namespace net
