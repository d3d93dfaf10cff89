#include "server/dns_tcp.h"

#include <algorithm>
#include <utility>

#include "dns/types.h"
#include "server/dns_tcp_connection.h"

namespace server {

namespace {

constexpr std::size_t kLengthOctets = 2;
constexpr std::size_t kMaxClosedAtOnce = 256;  // of idle connections; the others come right after
// The timer of idle connections does not fire more often than this, whatever their number.
constexpr std::chrono::milliseconds kTimerGrain{20};

}  // namespace

class DnsTcp::Door final : public net::AcceptHandler {
  public:
    Door(DnsTcp& owner, std::uint16_t listener, Wrap wrap)
        : owner_(owner), listener_(listener), wrap_(std::move(wrap)) {}
    void on_accept(std::unique_ptr<net::Stream> stream) override {
        owner_.accept(listener_, std::move(stream), wrap_);
    }
    bool on_exhausted() override { return owner_.on_exhausted(); }

  private:
    DnsTcp& owner_;
    std::uint16_t listener_;
    const Wrap wrap_;
};

DnsTcp::DnsTcp(net::Loop& loop, const Limits& limits, TcpClients& clients, Handler& handler)
    : loop_(loop),
      limits_(limits),
      clients_(clients),
      handler_(handler),
      idle_timer_(loop),
      turn_timer_(loop),
      answers_(kFlushOctets + kLengthOctets + dns::kMaxMessageOctets) {}

DnsTcp::~DnsTcp() {
    for (Slot& slot : slots_) {
        if (slot.connection) close(*slot.connection);
    }
}

net::AcceptHandler& DnsTcp::door(std::uint16_t listener, Wrap wrap) {
    doors_.push_back(std::make_unique<Door>(*this, listener, std::move(wrap)));
    return *doors_.back();
}

net::StreamLimits DnsTcp::stream_limits() noexcept {
    net::StreamLimits limits;
    limits.high_water = kFlushOctets;
    limits.low_water = kFlushOctets / 4;
    limits.read_octets = kReadOctets;
    return limits;
}

void DnsTcp::accept(std::uint16_t listener, std::unique_ptr<net::Stream> stream, const Wrap& wrap) {
    if (draining_) return;
    const base::IpAddress prefix = client_prefix(stream->peer().remote.address);
    if (!admit(prefix)) {
        handler_.on_refused();
        return;  // dropping the stream closes it
    }
    if (wrap) stream = wrap(std::move(stream));
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t number = free_slots_.back();
    free_slots_.pop_back();
    Slot& slot = slots_[number];
    slot.connection = std::make_unique<Connection>(*this, Ticket{number, slot.generation}, listener,
                                                   std::move(stream));
    Connection& made = *slot.connection;
    table_.add(made, prefix, loop_.now());
    handler_.on_connection(true);
    watch_oldest();
    made.start();
}

/// Takes a place, if need be that of another connection. Another worker may be faster in taking
/// what became free; then the newcomer is turned away.
bool DnsTcp::admit(const base::IpAddress& prefix) {
    TcpClients::Admission admission = clients_.admit(prefix);
    if (admission == TcpClients::Admission::PrefixFull) {
        if (!make_room(table_.victim_of(prefix), LimitHit::TcpClientsPerPrefix, &prefix)) {
            return false;
        }
        admission = clients_.admit(prefix);
    }
    if (admission == TcpClients::Admission::Full) {
        if (!make_room(table_.victim(), LimitHit::TcpClients, &prefix)) return false;
        admission = clients_.admit(prefix);
    }
    if (admission == TcpClients::Admission::Admitted) return true;
    handler_.on_limit(limit_of(admission), &prefix);
    return false;
}

/// It concerns who goes, or else who may not come.
bool DnsTcp::make_room(TcpTable::Entry* victim, LimitHit why, const base::IpAddress* newcomer) {
    handler_.on_limit(why, victim == nullptr ? newcomer : &table_.prefix_of(*victim));
    if (victim == nullptr) return false;
    close(static_cast<Connection&>(*victim));
    return true;
}

bool DnsTcp::make_room_for(const base::IpAddress& prefix, bool of_prefix) {
    TcpTable::Entry* const victim = of_prefix ? table_.victim_of(prefix) : table_.victim();
    if (victim == nullptr) return false;
    return make_room(victim, of_prefix ? LimitHit::TcpClientsPerPrefix : LimitHit::TcpClients,
                     &prefix);
}

bool DnsTcp::on_exhausted() {
    return make_room(table_.victim(), LimitHit::Descriptors, nullptr);
}

void DnsTcp::close(Connection& connection) {
    const base::IpAddress prefix = table_.prefix_of(connection);
    table_.remove(connection);
    clients_.leave(prefix);
    const std::uint32_t number = connection.ticket().slot;
    Slot& slot = slots_[number];
    ++slot.generation;
    slot.connection.reset();
    free_slots_.push_back(number);
    handler_.on_connection(false);
}

DnsTcp::Connection* DnsTcp::find(Ticket ticket) noexcept {
    if (ticket.slot >= slots_.size()) return nullptr;
    Slot& slot = slots_[ticket.slot];
    return slot.generation == ticket.generation ? slot.connection.get() : nullptr;
}

void DnsTcp::reply(Ticket ticket, base::Octets message) {
    if (Connection* const connection = find(ticket)) connection->reply(message);
}

/// All of it while at most half of the places are taken, then less and less, down to a tenth.
std::chrono::milliseconds DnsTcp::idle_limit() const noexcept {
    const std::uint64_t used = std::min<std::uint64_t>(clients_.used(), clients_.limit());
    const std::uint64_t permille = used * 1000 / std::max<std::uint64_t>(clients_.limit(), 1);
    const std::uint64_t part = permille <= 500 ? 1000 : 1000 - (permille - 500) * 9 / 5;
    return std::chrono::milliseconds(limits_.idle_ms * part / 1000);
}

/// Sets the timer for the connection idle longest, if it is not set for an earlier moment. Those
/// that did something meanwhile have moved behind others, so nobody is looked at twice.
void DnsTcp::watch_oldest() {
    const TcpTable::Entry* const oldest = table_.oldest();
    if (oldest == nullptr) return;
    const base::MonoTime due = oldest->used() + idle_limit();
    if (idle_timer_at_ <= due + kTimerGrain) return;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
        std::max<base::Duration>(due - loop_.now(), {}));
    idle_timer_at_ = loop_.now() + std::max(wait, kTimerGrain);
    idle_timer_.start(std::max(wait, kTimerGrain), [this] { expire(); });
}

void DnsTcp::expire() {
    idle_timer_at_ = base::MonoTime::max();
    const base::MonoTime now = loop_.now();
    for (std::size_t i = 0; i < kMaxClosedAtOnce; ++i) {
        TcpTable::Entry* const oldest = table_.oldest();
        if (oldest == nullptr || oldest->used() + idle_limit() > now) break;
        if (oldest->waits_for_us()) {
            table_.touch(*oldest, now);  // not idle (RFC 7766, 3)
            continue;
        }
        auto& connection = static_cast<Connection&>(*oldest);
        handler_.on_limit(connection.idled(), &table_.prefix_of(connection));
        close(connection);
    }
    watch_oldest();
}

bool DnsTcp::turn_is_over() noexcept {
    if (turn_ != loop_.now()) {
        turn_ = loop_.now();
        spent_ = 0;
    }
    return spent_ >= kTurnShare;
}

void DnsTcp::answer_later(Connection& connection) {
    if (connection.in_line) return;
    connection.in_line = true;
    if (waiting_.empty()) {
        turn_timer_.start(std::chrono::milliseconds(0), [this] { answer_waiting(); });
    }
    waiting_.push_back(connection.ticket());
}

void DnsTcp::answer_waiting() {
    turn_ = loop_.now();
    spent_ = 0;
    // Who is not done goes to the end of the line, and is not met again here.
    for (std::size_t left = waiting_.size(); left > 0 && !turn_is_over(); --left) {
        const Ticket ticket = waiting_.front();
        waiting_.pop_front();
        Connection* const connection = find(ticket);
        if (connection == nullptr) continue;
        connection->in_line = false;
        connection->resume();
    }
    if (!waiting_.empty()) {
        turn_timer_.start(std::chrono::milliseconds(0), [this] { answer_waiting(); });
    }
}

void DnsTcp::drain() {
    draining_ = true;
    for (Slot& slot : slots_) {
        if (slot.connection) slot.connection->drain();
    }
}

}  // namespace server
