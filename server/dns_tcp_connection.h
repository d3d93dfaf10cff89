#pragma once

// One connection of DnsTcp; only for its own files.

#include <memory>
#include <vector>

#include "server/dns_tcp.h"

namespace server {

/// The story of a connection. A read brings octets. Whole messages are answered from where they
/// lie, up to the first that may not be answered yet (`stop_` says why); the rest is kept in
/// `input_`. While `stop_` is not More nothing is read, and whatever ends the stop (an answer, room
/// in the stream, the next turn) calls `resume`.
class DnsTcp::Connection final : public net::StreamHandler, public TcpTable::Entry {
  public:
    Connection(DnsTcp& owner, Ticket ticket, std::uint16_t listener,
               std::unique_ptr<net::Stream> stream);
    ~Connection() override;

    void start() { stream_->start(*this); }
    /// Goes on with what waits in `input_`. May destroy this.
    void resume();
    void reply(base::Octets message);  // may destroy this
    void drain();

    [[nodiscard]] Ticket ticket() const noexcept { return ticket_; }
    /// Is it in the line of those who go on in the next turn? Kept by the owner.
    bool in_line = false;
    [[nodiscard]] bool waits_for_us() const noexcept override { return outstanding_ > 0; }
    /// What it did not do in time.
    [[nodiscard]] LimitHit idled() const {
        if (!stream_->ready()) return LimitHit::TlsHandshake;
        // A message is not whole, or answers were not taken.
        return !input_.empty() || stream_->queued() > 0 ? LimitHit::TcpSlow : LimitHit::TcpIdle;
    }

  private:
    enum class Stop : std::uint8_t {
        More,         // all is answered: more octets are wanted
        Outstanding,  // too many questions are open
        Output,       // the client does not take its answers
        Turn,         // others have their turn
        NotDns,       // and never goes on
    };

    void on_read(base::Octets octets) override;
    void on_read_end() override;
    void on_writable() override;
    void on_closed(std::string_view reason) override;

    std::size_t complete_first(base::Octets octets);
    void answer_input();
    std::size_t answer_messages(base::Octets octets);
    void answer(base::Octets message, std::uint16_t keepalive_ds);
    bool send_answers();
    void settle();
    void end_nonsense();
    [[nodiscard]] bool over_held_limit();

    DnsTcp& owner_;
    const Ticket ticket_;
    const std::uint16_t listener_;
    Stop stop_ = Stop::More;
    bool answering_ = false;
    bool reading_ = true;
    bool read_ended_ = false;
    bool ending_ = false;  // our end is on its way
    std::uint32_t outstanding_ = 0;
    std::size_t held_ = 0;  // of the owner's held_octets_
    std::unique_ptr<net::Stream> stream_;
    /// From the first message that is not answered yet; whole messages only while `stop_` says why.
    std::vector<std::uint8_t> input_;
    std::size_t input_start_ = 0;  // octets of it that are done with
};

}  // namespace server
