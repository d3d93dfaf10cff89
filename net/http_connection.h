#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/stream.h"

namespace net {

class HttpConnection;
struct WebSocketLimits;

/// What a server shares with its connections. `retire` gives a connection back that is over; it
/// is destroyed in a later turn of the loop.
struct HttpShared {
    Loop& loop;
    HttpHandler& handler;
    const HttpLimits limits;
    HttpAccount& account;
    HttpCounters counters;
    bool draining = false;
    std::function<void(HttpConnection&)> retire;
};

/// The protocol spoken on one connection: HTTP/1.1 or HTTP/2. It reads what `receive` brings,
/// calls the application, and writes through its HttpConnection.
///
/// The application's calls (HttpExchange) only change state and ask for `settle`, which does
/// what follows from them: sends, ends exchanges, calls back. So no callback ever happens inside
/// a call of the application.
class HttpProtocol {
  public:
    virtual ~HttpProtocol() = default;
    virtual void receive(base::Octets octets) = 0;
    virtual void receive_end() = 0;
    /// Called after every other call here, and soon after HttpConnection::kick.
    virtual void settle() = 0;
    /// When `expire` is due if nothing happens before; MonoTime::max() for never.
    [[nodiscard]] virtual base::MonoTime deadline() const = 0;
    virtual void expire(base::MonoTime now) = 0;
    virtual void drain() = 0;
    /// Octets kept for the client that HttpConnection::hold was not asked for.
    [[nodiscard]] virtual std::size_t buffered() const { return 0; }
    /// The transport is gone: cancels every exchange. The last call.
    virtual void lost() = 0;
};

/// One accepted connection: finds out which protocol is spoken, keeps its clock, and closes it
/// so that the peer gets to read the last response. Owned by the server; loop's thread only.
class HttpConnection final : public StreamHandler {
  public:
    HttpConnection(HttpShared& shared, std::unique_ptr<Stream> stream,
                   std::function<std::string()> alpn);
    ~HttpConnection() override;
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    void start();
    void drain();

    // For the protocol:

    [[nodiscard]] HttpShared& shared() noexcept { return shared_; }
    [[nodiscard]] Stream& stream() noexcept { return *stream_; }
    /// Counts what is written, so that a peer that takes nothing is noticed.
    void write(base::Octets octets);
    /// Asks for `settle` in this turn of the loop; from inside a protocol's call it is coming.
    void kick();
    /// Sends what is queued, then ends; reads the rest away for a moment, because a socket
    /// closed with unread octets would reset the connection under the last response.
    void close_gracefully();
    /// Ends now.
    void abort();
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    /// Keeps so many octets more for this client: of heads, bodies, answers. What waits in the
    /// transport counts by itself. False: there is no room for them, and nothing changed.
    [[nodiscard]] bool hold(std::size_t octets);
    void release(std::size_t octets) noexcept;
    /// For HttpExchange::collect; `collected`: what the exchange has collected so far, which goes
    /// where there is no room for more.
    [[nodiscard]] bool collect(std::size_t octets, std::size_t& collected);

    /// A request is here as a whole. What drips is no request.
    void note_request() noexcept { asked_at_ = shared_.loop.now(); }

    // For the server and its account, when there are too many, or too much is held:

    /// When the last whole request came, or else the connection.
    [[nodiscard]] base::MonoTime asked_at() const noexcept { return asked_at_; }

    [[nodiscard]] std::size_t held() const noexcept { return held_; }
    /// Octets last came from the client, or went to it.
    [[nodiscard]] base::MonoTime moved_at() const noexcept { return moved_at_; }
    /// Ends now, because it holds too much.
    void give_up();
    /// Looks again at what waits in the transport.
    void count_queue();

  private:
    void on_read(base::Octets octets) override;
    void on_read_end() override;
    void on_writable() override;
    void on_closed(std::string_view reason) override;

    void choose_protocol();
    void receive(base::Octets octets);
    template <class Call>
    void enter(Call call);
    [[nodiscard]] bool has_room() const noexcept;
    void arm();
    void on_deadline();
    void end();

    HttpShared& shared_;
    std::unique_ptr<Stream> stream_;
    std::function<std::string()> alpn_;  // empty without TLS
    std::unique_ptr<HttpProtocol> protocol_;
    std::string sniffed_;  // the first octets, until they tell HTTP/2 from HTTP/1.1
    Timer kick_;
    Timer clock_;
    bool kicked_ = false;
    bool busy_ = false;  // inside a protocol's call; settle follows
    bool closing_ = false;
    bool ended_ = false;
    base::MonoTime armed_for_ = base::MonoTime::max();
    base::MonoTime sniff_deadline_;
    base::MonoTime linger_deadline_ = base::MonoTime::max();
    std::uint64_t written_ = 0;
    std::uint64_t progress_ = 0;  // written_ less what waited, when last looked at
    std::size_t held_ = 0;        // for this client, queue_ among it
    std::size_t queue_ = 0;       // in the transport and the protocol's buffers, when last counted
    std::uint64_t gone_ = 0;      // written_ less what waits, when last looked at
    base::MonoTime moved_at_;
    base::MonoTime asked_at_;
    base::MonoTime write_deadline_ = base::MonoTime::max();
};

/// What a server's limits leave to each of its WebSockets, whatever carries it.
[[nodiscard]] WebSocketLimits websocket_limits(const HttpLimits& limits);

[[nodiscard]] std::unique_ptr<HttpProtocol> make_http1(HttpConnection& connection);
[[nodiscard]] std::unique_ptr<HttpProtocol> make_http2(HttpConnection& connection);

}  // namespace net
