#include "server/dns_tcp.h"

#include <algorithm>
#include <vector>

#include "dns/types.h"

namespace server {

namespace {

constexpr std::size_t kLengthOctets = 2;

}  // namespace

class DnsTcp::Connection final : public net::StreamHandler {
  public:
    Connection(DnsTcp& owner, std::uint64_t id, std::unique_ptr<net::Stream> stream)
        : owner_(owner), id_(id), stream_(std::move(stream)), last_used_(owner.loop_.now()) {}

    void start() { stream_->start(*this); }

    void on_read(base::Octets octets) override {
        last_used_ = owner_.loop_.now();
        // Whole messages are answered from where they lie; only a rest is kept.
        if (!input_.empty()) {
            input_.insert(input_.end(), octets.begin(), octets.end());
            std::vector<std::uint8_t> taken;
            taken.swap(input_);
            consume(taken);
        } else {
            consume(octets);
        }
        if (finished_) owner_.remove(id_);  // destroys this
    }
    void on_read_end() override {
        read_ended_ = true;
        if (outstanding_ == 0) owner_.remove(id_);
    }
    void on_writable() override { update_reading(); }
    void on_closed(std::string_view /*reason*/) override { owner_.remove(id_); }

    void send_later(base::Octets message) {
        --outstanding_;
        last_used_ = owner_.loop_.now();
        if (!message.empty()) send(message);
        if (outstanding_ == 0 && (read_ended_ || owner_.draining_)) {
            stream_->shutdown();
            return;
        }
        update_reading();
    }

    [[nodiscard]] bool idle_since(base::MonoTime limit) const {
        return last_used_ < limit && outstanding_ == 0;
    }
    void drain() {
        stream_->pause_read();
        if (outstanding_ == 0) stream_->shutdown();
    }
    [[nodiscard]] const net::Peer& peer() const { return stream_->peer(); }

  private:
    void consume(base::Octets octets) {
        owner_.handler_.begin_messages();
        while (octets.size() >= kLengthOctets && !finished_) {
            const std::size_t length = base::load_be16(octets.data());
            if (octets.size() - kLengthOctets < length) break;
            // A message too short for a header says that this is no DNS (RFC 7766, 8).
            if (length < dns::kHeaderOctets) {
                finished_ = true;
                break;
            }
            if (outstanding_ >= owner_.limits_.outstanding) break;
            answer(octets.subspan(kLengthOctets, length));
            octets = octets.subspan(kLengthOctets + length);
        }
        owner_.handler_.end_messages();
        input_.assign(octets.begin(), octets.end());
        update_reading();
    }

    void answer(base::Octets message) {
        base::Octets reply;
        const bool now = owner_.handler_.on_message(
            owner_.listener_, stream_->peer().remote, message, reply, [this] {
                ++outstanding_;
                const std::weak_ptr<DnsTcp*> alive = owner_.alive_;
                const std::uint64_t id = id_;
                return Reply([alive, id](base::Octets late) {
                    const auto owner = alive.lock();
                    if (!owner) return;
                    const auto found = (*owner)->connections_.find(id);
                    if (found != (*owner)->connections_.end()) found->second->send_later(late);
                });
            });
        if (now && !reply.empty()) send(reply);
    }

    void send(base::Octets message) {
        std::uint8_t length[kLengthOctets];
        base::store_be16(length, static_cast<std::uint16_t>(message.size()));
        output_.assign(length, length + kLengthOctets);
        output_.insert(output_.end(), message.begin(), message.end());
        static_cast<void>(stream_->write(output_));  // update_reading looks at the queue
    }

    /// A client that does not take its answers, or has too many questions open, is not read.
    void update_reading() {
        const bool may_read =
            outstanding_ < owner_.limits_.outstanding && stream_->queued() < dns::kMaxMessageOctets;
        if (may_read == reading_) return;
        reading_ = may_read;
        if (!reading_) {
            stream_->pause_read();
            return;
        }
        if (!owner_.draining_) stream_->resume_read();
        // Whole messages may be waiting in `input_`.
        if (input_.size() >= kLengthOctets &&
            input_.size() - kLengthOctets >= base::load_be16(input_.data())) {
            std::vector<std::uint8_t> taken;
            taken.swap(input_);
            consume(taken);
        }
    }

    DnsTcp& owner_;
    std::uint64_t id_;
    std::unique_ptr<net::Stream> stream_;
    std::vector<std::uint8_t> input_;  // the start of a message that is not whole yet
    std::vector<std::uint8_t> output_;
    std::uint32_t outstanding_ = 0;
    base::MonoTime last_used_;
    bool reading_ = true;
    bool read_ended_ = false;
    bool finished_ = false;
};

DnsTcp::DnsTcp(net::Loop& loop, std::uint16_t listener, const Limits& limits, Handler& handler)
    : loop_(loop),
      listener_(listener),
      limits_(limits),
      handler_(handler),
      sweep_timer_(loop),
      alive_(std::make_shared<DnsTcp*>(this)) {
    const std::uint32_t every = std::clamp<std::uint32_t>(limits.idle_ms / 4, 10, 1000);
    sweep_timer_.start_repeating(std::chrono::milliseconds(every), [this] { sweep(); });
}

DnsTcp::~DnsTcp() = default;

void DnsTcp::on_accept(std::unique_ptr<net::Stream> stream) {
    if (draining_) return;
    if (connections_.size() >= limits_.clients) {
        handler_.on_limit();
        return;  // dropping the stream closes it
    }
    const std::uint64_t id = next_id_++;
    auto connection = std::make_unique<Connection>(*this, id, std::move(stream));
    Connection& started = *connection;
    connections_.emplace(id, std::move(connection));
    handler_.on_connection(true);
    started.start();
}

void DnsTcp::remove(std::uint64_t id) {
    if (connections_.erase(id) > 0) handler_.on_connection(false);
}

void DnsTcp::sweep() {
    const base::MonoTime limit = loop_.now() - std::chrono::milliseconds(limits_.idle_ms);
    std::vector<std::uint64_t> idle;
    for (const auto& [id, connection] : connections_) {
        if (connection->idle_since(limit)) idle.push_back(id);
    }
    for (const std::uint64_t id : idle) remove(id);
}

void DnsTcp::drain() {
    draining_ = true;
    for (const auto& [id, connection] : connections_) connection->drain();
}

}  // namespace server
