// HTTP/2 frames of a client: whatever comes behind the preface, and however it is cut, what is sent
// back is made of whole frames in a lawful order, and the application hears of each request in
// order, of its end or its cancellation, and nothing afterwards. The first octet says how the rest
// is cut, and whether the client is slow in taking what it is sent.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "net/http_connection.h"

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

/// Reads what the server sends as frames (RFC 9113, 4.1).
class SentFrames {
  public:
    void take(base::Octets octets) {
        pending_.insert(pending_.end(), octets.begin(), octets.end());
        std::size_t at = 0;
        while (pending_.size() - at >= kHead) {
            const std::size_t length = base::load_be32(&pending_[at]) >> 8;
            must(length <= kMaxFrame);  // nobody allowed larger ones
            if (pending_.size() - at < kHead + length) break;
            frame(pending_[at + 3], pending_[at + 4], base::load_be32(&pending_[at + 5]), length);
            at += kHead + length;
        }
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void end() const { must(pending_.empty()); }

  private:
    static constexpr std::size_t kHead = 9;
    static constexpr std::size_t kMaxFrame = 16384 + 9;  // what a peer may send by default
    enum Type : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoaway = 7 };
    struct Stream {
        bool head = false;
        bool ended = false;
    };

    void frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::size_t length) {
        must(first_ == false || type == kSettings);  // RFC 9113, 3.4
        first_ = false;
        must((id & 0x80000000U) == 0 && (id == 0 || id % 2 == 1));
        if (type == kGoaway) must(id == 0 && length >= 8);
        if (type != kData && type != kHeaders && type != kReset) return;
        must(id != 0);
        Stream& stream = streams_[id];
        must(!stream.ended || type == kReset);
        if (type == kData) must(stream.head);
        if (type == kHeaders) stream.head = true;
        stream.ended = stream.ended || type == kReset || (flags & 1U) != 0;
    }

    std::vector<std::uint8_t> pending_;
    std::map<std::uint32_t, Stream> streams_;
    bool first_ = true;
};

class Wire final : public net::Stream {
  public:
    explicit Wire(bool slow) : slow_(slow) {}
    void start(net::StreamHandler& handler) override { handler_ = &handler; }
    bool write(base::Octets octets) override {
        must(!closed_);
        if (shut_) return true;
        sent_.take(octets);
        if (slow_) queued_ += octets.size();
        full_ = queued_ > kWater;
        return !full_;
    }
    void shutdown() override { shut_ = true; }
    void close() override { closed_ = true; }
    void pause_read() override { paused_ = true; }
    void resume_read() override { paused_ = false; }
    [[nodiscard]] std::size_t queued() const override { return closed_ ? 0 : queued_; }
    [[nodiscard]] const net::Peer& peer() const override { return peer_; }
    [[nodiscard]] const base::Endpoint& local() const override { return peer_.remote; }

    void receive(base::Octets octets) {
        if (!closed_ && !paused_) handler_->on_read(octets);
    }
    /// The client takes all that waits.
    void drain() {
        queued_ = 0;
        if (std::exchange(full_, false) && !closed_) handler_->on_writable();
    }
    void end() {
        if (!closed_) handler_->on_read_end();
        sent_.end();
    }

  private:
    static constexpr std::size_t kWater = 4096;

    const bool slow_;
    const net::Peer peer_;
    net::StreamHandler* handler_ = nullptr;
    SentFrames sent_;
    std::size_t queued_ = 0;
    bool full_ = false;
    bool shut_ = false;
    bool closed_ = false;
    bool paused_ = false;
};

struct Application final : net::HttpHandler {
    std::unique_ptr<net::HttpStream> on_request(net::RequestHead head,
                                                net::HttpExchange& exchange) override;
    void on_response(const net::RequestHead& head, int status) override {
        must(head.version == net::HttpVersion::Http2 && status >= 200 && status <= 599);
        ++responses;
    }
    void begin_requests() override { must(std::exchange(in_read, true) == false); }
    void end_requests() override { must(std::exchange(in_read, false) == true); }

    std::uint64_t responses = 0;
    int streams = 0;  // that are alive
    bool in_read = false;
};

/// One exchange. The first letter of its path says what it does.
class Exchange final : public net::HttpStream, private net::WebSocketListener {
  public:
    Exchange(Application& owner, net::HttpExchange& exchange, char way)
        : owner_(owner), exchange_(exchange), way_(way) {
        ++owner_.streams;
        if (way == 'h') exchange_.pause_body();  // holds the body and answers never
        if (way == 'h' || way == 'l') return;    // or answers late, with trailers
        // A WebSocket that sends back what comes, if there is to be one.
        if (way == 'w') socket_ = exchange_.accept_websocket({}, *this);
        if (socket_ != nullptr) return;
        if (way == 'i') exchange_.inform(103, {});  // informs before
        exchange_.respond({}, false);
        if (way == 'e') return;                           // echoes
        const std::size_t size = way == 'b' ? 80000 : 5;  // a blob, or little
        (void)exchange_.write(std::vector<std::uint8_t>(size, 'x'));
        if (way == 'r') {
            exchange_.reset();
        } else {
            exchange_.finish({});
        }
    }
    ~Exchange() override {
        must(socket_ == nullptr);  // it has been told
        --owner_.streams;
    }
    void on_body(base::Octets octets) override {
        must(!ended_ && !cancelled_ && !octets.empty());
        if (way_ == 'e' && !exchange_.write(octets)) exchange_.pause_body();
    }
    void on_end(const net::HeaderList& trailers) override {
        must(!ended_ && !cancelled_);
        ended_ = true;
        if (way_ == 'e') exchange_.finish(trailers);
        if (way_ != 'l') return;
        exchange_.respond({404, {}}, false);
        (void)exchange_.write(base::as_octets("late"));
        net::HeaderList own;
        own.add("x-sum", "1");
        exchange_.finish(own);
    }
    void on_writable() override {
        must(!cancelled_);
        if (way_ == 'e') exchange_.resume_body();
    }
    void on_cancel() override {
        must(!cancelled_);
        cancelled_ = true;
    }

  private:
    void on_message(base::Octets payload, bool text) override {
        must(socket_ != nullptr);
        const std::string_view said = base::as_text(payload);
        if (said == "close") socket_->close(4000, "as asked");
        (void)socket_->send(payload, text);
        (void)exchange_.write(payload);  // of no effect
    }
    void on_closed(std::uint16_t, std::string_view) override {
        must(std::exchange(socket_, nullptr) != nullptr);
    }

    Application& owner_;
    net::HttpExchange& exchange_;
    net::WebSocket* socket_ = nullptr;
    const char way_;
    bool ended_ = false;
    bool cancelled_ = false;
};

std::unique_ptr<net::HttpStream> Application::on_request(net::RequestHead head,
                                                         net::HttpExchange& exchange) {
    must(in_read);
    must(head.version == net::HttpVersion::Http2 && !head.method.empty() && !head.path.empty());
    for (const net::HeaderList::Field& field : head.headers.fields()) {
        must(!field.name.empty() && field.name[0] != ':');
        for (const char c : field.name) must(c < 'A' || c > 'Z');
    }
    for (const char c : head.path + head.query) must(c > 0x20 && c < 0x7f);
    const char way = head.path.size() > 1 ? head.path[1] : 'o';
    if (way == 'n') return nullptr;  // nobody is left to answer
    return std::make_unique<Exchange>(*this, exchange, way);
}

void run(base::Octets input, std::size_t step, bool slow) {
    static net::Loop loop;
    Application application;
    net::HttpLimits limits;
    limits.max_head_octets = 1024;
    limits.high_water = 8192;
    limits.low_water = 2048;
    limits.max_concurrent_streams = 8;
    limits.hard_limit = 64 * 1024;
    limits.max_open_heads = 12 * 1024;
    {
        bool retired = false;
        net::HttpAccount account(loop, 48 * 1024);
        net::HttpShared shared{
            loop, application, limits, account, {}, false, [&](net::HttpConnection&) {
                must(!std::exchange(retired, true));
            }};
        {
            auto stream = std::make_unique<Wire>(slow);
            Wire& wire = *stream;
            net::HttpConnection connection(shared, std::move(stream), [] { return "h2"; });
            connection.start();
            wire.receive(base::as_octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
            for (std::size_t pieces = 1; !input.empty(); ++pieces) {
                const std::size_t size = std::min(step, input.size());
                wire.receive(input.first(size));
                input = input.subspan(size);
                if (pieces % 3 == 0) wire.drain();
            }
            wire.drain();
            // What the application asked for outside of a read.
            loop.stop();
            loop.run();
            wire.end();
            must(!application.in_read);
        }
        must(account.count() == 0);
        must(application.streams == 0 && application.responses <= shared.counters.requests);
    }
    // What their timers left with the loop.
    loop.stop();
    loop.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const base::Octets input(data + 1, size - 1);
    const bool slow = data[0] % 2 == 1;
    const std::size_t step = std::size_t{data[0]} / 2;
    run(input, step == 0 ? input.size() : step, slow);
    return 0;
}
