#include "server/dns_tcp_connection.h"

#include <algorithm>
#include <utility>

#include "dns/types.h"

namespace server {

namespace {

constexpr std::size_t kLengthOctets = 2;
/// Who holds less than this is not closed for what all hold together.
constexpr std::size_t kHoldsLittle = 4096;

/// Octets of the first message with its length; 0 while the length is not there yet.
std::size_t framed_size(base::Octets octets) noexcept {
    return octets.size() < kLengthOctets ? 0 : kLengthOctets + base::load_be16(octets.data());
}

}  // namespace

DnsTcp::Connection::Connection(DnsTcp& owner, Ticket ticket, std::uint16_t listener,
                               std::unique_ptr<net::Stream> stream)
    : owner_(owner), ticket_(ticket), listener_(listener), stream_(std::move(stream)) {}

DnsTcp::Connection::~Connection() {
    owner_.held_octets_ -= held_;
}

void DnsTcp::Connection::on_read(base::Octets octets) {
    if (ending_) return;  // read on only to see the end
    if (stop_ != Stop::More) {
        // Reading has stopped; a transport may still bring what it held.
        input_.insert(input_.end(), octets.begin(), octets.end());
        return settle();
    }
    if (!input_.empty()) {
        octets = octets.subspan(complete_first(octets));
        answer_input();
    }
    if (stop_ == Stop::More && input_.empty()) octets = octets.subspan(answer_messages(octets));
    input_.insert(input_.end(), octets.begin(), octets.end());
    settle();
}

/// Moves to `input_` what the message that begins there still lacks, and tells how much that was:
/// so only a message that was cut by the end of a read is copied.
std::size_t DnsTcp::Connection::complete_first(base::Octets octets) {
    std::size_t taken = 0;
    const auto take = [&](std::size_t wanted) {
        const std::size_t missing = wanted - std::min(wanted, input_.size());
        const base::Octets part = octets.subspan(taken, std::min(missing, octets.size() - taken));
        input_.insert(input_.end(), part.begin(), part.end());
        taken += part.size();
    };
    take(kLengthOctets);
    if (const std::size_t whole = framed_size(input_); whole > 0) take(whole);
    return taken;
}

void DnsTcp::Connection::answer_input() {
    input_start_ += answer_messages(base::Octets(input_).subspan(input_start_));
    if (input_start_ < input_.size() && stop_ != Stop::More) return;
    // Nothing is left, or the start of one message.
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(input_start_));
    input_start_ = 0;
    if (input_.empty()) input_ = {};  // an idle connection holds no buffer
}

/// Answers the whole messages at the start of `octets` and tells how many octets they are. Sets
/// `stop_`.
std::size_t DnsTcp::Connection::answer_messages(base::Octets octets) {
    std::size_t used = 0;
    stop_ = Stop::More;
    answering_ = true;
    const auto keepalive_ds = static_cast<std::uint16_t>(
        std::min<std::int64_t>(owner_.idle_limit().count() / 100, UINT16_MAX));
    owner_.handler_.begin_messages();
    for (;;) {
        const base::Octets rest = octets.subspan(used);
        const std::size_t whole = framed_size(rest);
        // A message too short for a header says that this is no DNS (RFC 7766, 8).
        if (whole > 0 && whole < kLengthOctets + dns::kHeaderOctets) stop_ = Stop::NotDns;
        if (stop_ != Stop::More || whole == 0 || rest.size() < whole) break;
        if (outstanding_ >= owner_.limits_.outstanding) {
            stop_ = Stop::Outstanding;
            owner_.handler_.on_limit(LimitHit::TcpOutstanding, &owner_.table_.prefix_of(*this));
        } else if (stream_->queued() >= kFlushOctets) {
            stop_ = Stop::Output;
        } else if (owner_.turn_is_over()) {
            stop_ = Stop::Turn;
        }
        if (stop_ != Stop::More) break;
        answer(rest.subspan(kLengthOctets, whole - kLengthOctets), keepalive_ds);
        used += whole;
        if (owner_.answered_octets_ >= kFlushOctets && !send_answers()) stop_ = Stop::Output;
    }
    if (!send_answers() && (stop_ == Stop::More || stop_ == Stop::Turn)) stop_ = Stop::Output;
    owner_.handler_.end_messages();
    answering_ = false;
    if (used > 0) owner_.table_.touch(*this, owner_.loop_.now());
    return used;
}

void DnsTcp::Connection::answer(base::Octets message, std::uint16_t keepalive_ds) {
    std::uint8_t* const at = owner_.answers_.data() + owner_.answered_octets_;
    const Message asked{message, stream_->peer().remote, listener_, ticket_, keepalive_ds};
    std::size_t size = 0;
    ++outstanding_;
    const Outcome outcome =
        owner_.handler_.on_message(asked, {at + kLengthOctets, dns::kMaxMessageOctets}, size);
    if (outcome != Outcome::Deferred) --outstanding_;
    if (outcome == Outcome::Answered) {
        base::store_be16(at, static_cast<std::uint16_t>(size));
        owner_.answered_octets_ += kLengthOctets + size;
    }
    owner_.spent_ += 1 + size / 1024;
}

/// False: the stream wants no more until it says so.
bool DnsTcp::Connection::send_answers() {
    if (owner_.answered_octets_ == 0) return true;
    const base::Octets answers = base::Octets(owner_.answers_).first(owner_.answered_octets_);
    owner_.answered_octets_ = 0;
    return stream_->write(answers);
}

void DnsTcp::Connection::reply(base::Octets message) {
    --outstanding_;
    if (!message.empty()) {
        std::vector<std::uint8_t> framed(kLengthOctets);
        base::store_be16(framed.data(), static_cast<std::uint16_t>(message.size()));
        framed.insert(framed.end(), message.begin(), message.end());
        const bool room = stream_->write(framed);
        if (!room && stop_ == Stop::More && !answering_) stop_ = Stop::Output;
        owner_.table_.touch(*this, owner_.loop_.now());
    }
    if (answering_) return;  // from inside on_message: the loop there goes on
    if (stop_ == Stop::Outstanding) {
        resume();
    } else {
        settle();
    }
}

void DnsTcp::Connection::resume() {
    if (stop_ == Stop::NotDns) return end_nonsense();
    answer_input();
    settle();
}

/// What the state that was reached asks for. May destroy this.
void DnsTcp::Connection::settle() {
    if (over_held_limit()) {
        owner_.handler_.on_limit(LimitHit::TcpHeld, &owner_.table_.prefix_of(*this));
        owner_.close(*this);
        return;
    }
    if (stop_ == Stop::Turn || (stop_ == Stop::NotDns && !ending_)) owner_.answer_later(*this);
    const bool done = stop_ == Stop::More && outstanding_ == 0;
    if (done && (read_ended_ || owner_.draining_) && !ending_) {
        // What was asked before a half-close is answered all the same.
        ending_ = true;
        stream_->shutdown();
    }
    const bool may_read = ending_ || (stop_ == Stop::More && !owner_.draining_);
    if (may_read == reading_) return;
    reading_ = may_read;
    if (may_read) {
        stream_->resume_read();
    } else {
        stream_->pause_read();
    }
}

/// In the turn after: the answers of what was good before have been handed over, if they could be.
void DnsTcp::Connection::end_nonsense() {
    if (stream_->queued() == 0) {
        owner_.close(*this);
        return;
    }
    ending_ = true;
    stream_->shutdown();
    settle();
}

/// Keeps the account of what lies here. Answers count once they had to wait: those of a read that
/// was not refused any leave with it.
bool DnsTcp::Connection::over_held_limit() {
    const std::size_t queued = stop_ == Stop::Output ? stream_->queued() : 0;
    const std::size_t now = input_.capacity() + queued;
    owner_.held_octets_ += now - held_;
    held_ = now;
    return owner_.held_octets_ > owner_.limits_.held_octets && held_ > kHoldsLittle;
}

void DnsTcp::Connection::on_read_end() {
    read_ended_ = true;
    settle();
}

void DnsTcp::Connection::on_writable() {
    owner_.table_.touch(*this, owner_.loop_.now());
    if (stop_ == Stop::Output) resume();
}

void DnsTcp::Connection::on_closed(std::string_view /*reason*/) {
    owner_.close(*this);
}

void DnsTcp::Connection::drain() {
    settle();
}

}  // namespace server
