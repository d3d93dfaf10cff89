#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/octets.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "server/stats.h"
#include "server/tcp_clients.h"
#include "server/tcp_table.h"

namespace server {

/// The limit that keeps out who is not admitted.
[[nodiscard]] constexpr LimitHit limit_of(TcpClients::Admission refusal) noexcept {
    return refusal == TcpClients::Admission::PrefixFull ? LimitHit::TcpClientsPerPrefix
                                                        : LimitHit::TcpClients;
}

/// DNS over TCP (RFC 1035, 4.2.2; RFC 7766) and over TLS (RFC 7858): messages behind two octets of
/// length, any number of them on one connection, answered in whatever order they get ready. All
/// connections of one worker, whichever listener they came by and whatever carries the stream.
/// Loop's thread only.
///
/// What one read brings is answered together and leaves in one write; no message allocates. A
/// connection that brings more than its share is answered on in the next turn of the loop, in
/// order of coming. Who takes no answers, or has too many questions open, is not read from.
///
/// A connection that did nothing useful for a while is closed: no question got whole, no answer
/// went out. That while shrinks as the table of all workers fills; when it is full, the
/// connection idle longest of the client prefix that holds most goes (RFC 7766, 6.2.3).
class DnsTcp final {
  public:
    /// Answers are handed to the stream when there are so many octets of them, and a client is not
    /// read from while as many wait for it.
    static constexpr std::size_t kFlushOctets = 64 * 1024;
    /// Read at a time from one connection: some hundred questions.
    static constexpr std::size_t kReadOctets = 16 * 1024;
    /// What may be answered in one turn of the loop: messages, and kibioctets of long answers. It
    /// keeps a turn below some milliseconds, however many connections are busy.
    static constexpr std::size_t kTurnShare = 512;

    struct Limits {
        std::uint32_t idle_ms = 10000;
        /// Queries of one connection that wait for an answer; more are not read (RFC 7766, 6.2.1).
        std::uint32_t outstanding = 128;
        /// Octets that all connections together may leave with us: messages not whole or not
        /// answered yet, answers not taken. Who goes beyond is closed, unless it holds little.
        std::size_t held_octets = std::size_t{256} << 20;
    };

    /// The way back to the client for one deferred message.
    struct Ticket {
        std::uint32_t slot = 0;
        std::uint32_t generation = 0;
    };
    struct Message {
        base::Octets octets;
        const base::Endpoint& client;
        std::uint16_t listener = 0;
        Ticket ticket;
        std::uint16_t keepalive_ds = 0;  // how long it may be idle, in units of 100 ms (RFC 7828)
    };
    enum class Outcome : std::uint8_t {
        Answered,  // the answer was written
        Dropped,   // there is none
        Deferred,  // `reply` will be called with the ticket
    };

    /// What answers messages. `begin_messages` and `end_messages` bracket what is answered
    /// together.
    class Handler {
      public:
        virtual ~Handler() = default;
        virtual void begin_messages() = 0;
        /// `room` has 65535 octets; `size` is how many of them are the answer.
        virtual Outcome on_message(const Message& message, base::MutableOctets room,
                                   std::size_t& size) = 0;
        virtual void end_messages() = 0;
        virtual void on_connection(bool opened) = 0;  // for counters
        /// `prefix`: of the client whose connection it concerns; null where there is none.
        virtual void on_limit(LimitHit limit, const base::IpAddress* prefix) = 0;
        virtual void on_refused() = 0;  // there was no room for a client
    };

    DnsTcp(net::Loop& loop, const Limits& limits, TcpClients& clients, Handler& handler);
    ~DnsTcp();
    DnsTcp(const DnsTcp&) = delete;
    DnsTcp& operator=(const DnsTcp&) = delete;

    /// What a listener's connections are wrapped into once there is room for them: TLS.
    using Wrap = std::function<std::unique_ptr<net::Stream>(std::unique_ptr<net::Stream>)>;
    /// What a net::Listener hands its connections to; lives as long as this.
    [[nodiscard]] net::AcceptHandler& door(std::uint16_t listener, Wrap wrap = {});
    /// Limits for the streams: how much is read at a time, and waits for slow readers.
    [[nodiscard]] static net::StreamLimits stream_limits() noexcept;

    void accept(std::uint16_t listener, std::unique_ptr<net::Stream> stream, const Wrap& wrap = {});
    /// Answers a deferred message; once each. Empty: there is no answer. The connection may have
    /// gone, then nothing happens.
    void reply(Ticket ticket, base::Octets message);
    /// There is no descriptor for a connection that waits, to us or to others of this thread: the
    /// greediest client's that is idle longest is closed. False: there is none.
    [[nodiscard]] bool on_exhausted();
    /// Closes the connection that is first to go, for a newcomer who comes another way. False:
    /// there is none. `prefix`: of the newcomer; `of_prefix`: only one of the same will do.
    bool make_room_for(const base::IpAddress& prefix, bool of_prefix);
    /// No new messages are read; connections end when what is in hand is answered.
    void drain();
    [[nodiscard]] std::size_t connections() const noexcept { return table_.size(); }

  private:
    class Connection;
    class Door;
    struct Slot {
        std::unique_ptr<Connection> connection;
        std::uint32_t generation = 0;  // changes when the connection goes
    };

    [[nodiscard]] Connection* find(Ticket ticket) noexcept;
    bool admit(const base::IpAddress& prefix);
    bool make_room(TcpTable::Entry* victim, LimitHit why, const base::IpAddress* newcomer);
    void close(Connection& connection);
    [[nodiscard]] std::chrono::milliseconds idle_limit() const noexcept;
    void expire();
    void watch_oldest();
    void answer_later(Connection& connection);
    void answer_waiting();
    [[nodiscard]] bool turn_is_over() noexcept;

    net::Loop& loop_;
    const Limits limits_;
    TcpClients& clients_;
    Handler& handler_;
    std::vector<std::unique_ptr<Door>> doors_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    TcpTable table_;
    std::size_t held_octets_ = 0;

    net::Timer idle_timer_;  // runs while there are connections: for the oldest of them
    base::MonoTime idle_timer_at_ = base::MonoTime::max();
    net::Timer turn_timer_;
    std::deque<Ticket> waiting_;  // connections with messages for the next turn, in order
    base::MonoTime turn_{};
    std::size_t spent_ = 0;  // of what may be answered in this turn

    std::vector<std::uint8_t> answers_;  // of what is answered together, framed
    std::size_t answered_octets_ = 0;    // of answers_
    bool draining_ = false;
};

}  // namespace server
