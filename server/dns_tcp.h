#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/octets.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "server/tap.h"

namespace server {

/// DNS over TCP (RFC 1035, 4.2.2; RFC 7766): messages behind two octets of length, any number of
/// them on one connection, answered in whatever order they get ready. Loop's thread only.
class DnsTcp final : public net::AcceptHandler {
  public:
    struct Limits {
        std::uint32_t clients = 10000;
        std::uint32_t idle_ms = 10000;
        /// Queries of one connection that wait for an answer; more are not read (RFC 7766, 6.2.1).
        std::uint32_t outstanding = 128;
    };

    /// The way back for one message: empty octets drop it. May be called after the connection
    /// has gone, then it does nothing; on the loop's thread.
    using Reply = std::function<void(base::Octets)>;

    /// What answers messages. `on_messages` brackets what one read brought.
    class Handler {
      public:
        virtual ~Handler() = default;
        virtual void begin_messages() = 0;
        /// True: `reply` was filled (empty: no answer) and is sent now. False: `later` will be
        /// called.
        virtual bool on_message(std::uint16_t listener, const base::Endpoint& client,
                                base::Octets message, base::Octets& reply,
                                const std::function<Reply()>& later) = 0;
        virtual void end_messages() = 0;
        virtual void on_connection(bool opened) = 0;  // for counters
        virtual void on_limit() = 0;                  // a client was turned away
    };

    DnsTcp(net::Loop& loop, std::uint16_t listener, const Limits& limits, Handler& handler);
    ~DnsTcp() override;

    void on_accept(std::unique_ptr<net::Stream> stream) override;
    /// No new messages are read; connections close when what is in hand is answered.
    void drain();
    [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }

  private:
    class Connection;
    void remove(std::uint64_t id);
    void sweep();

    net::Loop& loop_;
    std::uint16_t listener_;
    Limits limits_;
    Handler& handler_;
    net::Timer sweep_timer_;  // looks for idle connections; one timer, not one a connection
    std::uint64_t next_id_ = 1;
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::shared_ptr<DnsTcp*> alive_;  // replies that come late find nothing here
    bool draining_ = false;
};

}  // namespace server
