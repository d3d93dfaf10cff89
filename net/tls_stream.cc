#include <utility>
#include <vector>

#include "net/alive.h"
#include "net/tls.h"

namespace net {
namespace {

/// Octets of handshakes, key updates and alerts that may wait for a peer: a long chain of
/// certificates is a tenth of it.
constexpr std::size_t kMaxOwnQueued = 256 * 1024;
constexpr const char* kDeafPeer = "TLS failed: the peer does not read what it makes us say";

/// A request begins with its method, which is a token, or with the empty line that some put in
/// front of it (RFC 9112, 2.2 and 3.1); a ClientHello with its type, 22 (RFC 8446, 5.1), and that
/// of SSL 2 with its length, whose highest bit is set.
bool begins_http(std::uint8_t octet) {
    return octet == '\r' || octet == '\n' || (octet > 0x20 && octet < 0x7f);
}

class TlsStreamOver final : public TlsStream, private StreamHandler {
  public:
    TlsStreamOver(std::unique_ptr<Stream> transport, std::shared_ptr<const TlsContext> context,
                  TlsObserver* observer, Plain plain)
        : transport_(std::move(transport)),
          session_(std::move(context)),
          observer_(observer),
          undecided_(plain == Plain::LetIn) {
        peer_ = transport_->peer();
        peer_.tls = true;
    }

    ~TlsStreamOver() override { tell(TlsObserver::Handshake::Failed); }

    void start(StreamHandler& handler) override {
        handler_ = &handler;
        transport_->start(*this);
    }

    bool write(base::Octets octets) override {
        if (plain_) return transport_->write(octets);
        if (failed_) return true;
        if (auto sent = session_.send(octets); !sent) {
            // Told when the transport ends, never from inside the owner's call.
            failure_ = sent.error().message;
            failed_ = true;
            transport_->shutdown();
            return true;
        }
        return flush();
    }

    void shutdown() override {
        if (plain_) return transport_->shutdown();
        session_.shutdown();
        flush();
        transport_->shutdown();
    }

    void close() override {
        closed_ = true;
        transport_->close();
    }
    void pause_read() override { transport_->pause_read(); }
    void resume_read() override { transport_->resume_read(); }
    [[nodiscard]] std::size_t queued() const override { return transport_->queued(); }
    [[nodiscard]] const Peer& peer() const override { return peer_; }
    [[nodiscard]] const base::Endpoint& local() const override { return transport_->local(); }
    [[nodiscard]] bool ready() const override { return ready_; }
    [[nodiscard]] std::string alpn() const override { return session_.alpn(); }

  private:
    void on_read(base::Octets octets) override {
        if (failed_) return;
        if (undecided_ && !octets.empty()) {
            undecided_ = false;
            if (begins_http(octets[0])) pass_through();
        }
        if (plain_) return handler_->on_read(octets);
        // One buffer for all the connections of a thread: what is read is consumed at once.
        static thread_local std::vector<std::uint8_t> plaintext;
        plaintext.clear();
        const auto received = session_.receive(octets, plaintext);
        const auto alive = alive_.watch();
        const bool listens = send_own_answers();
        if (!received || !listens) {
            failed_ = true;
            failure_ = received ? kDeafPeer : received.error().message;
            transport_->shutdown();
        }
        if (!ready_ && session_.established()) {
            ready_ = true;
            peer_.tls_subject = session_.client_subject();
            tell(session_.resumed() ? TlsObserver::Handshake::Resumed
                                    : TlsObserver::Handshake::Full);
        }
        if (!plaintext.empty()) {
            session_.keep_buffers(true);
            handler_->on_read(plaintext);
            if (!*alive) return;
            session_.keep_buffers(false);
            if (closed_) return;
        }
        if (failed_) return;  // the alert and our end are on their way
        if (session_.peer_closed() && !end_told_) {
            end_told_ = true;
            handler_->on_read_end();
        }
    }

    void on_read_end() override {
        if (plain_) return handler_->on_read_end();
        if (end_told_) return;
        if (failure_.empty() && !session_.peer_closed()) {
            // Without close_notify someone else may have cut the connection (RFC 8446, 6.1).
            failure_ = ready_ ? "the peer ended without close_notify"
                              : "TLS handshake failed: the peer left";
        }
        if (!failure_.empty()) {
            close();
            handler_->on_closed(failure_);
            return;
        }
        end_told_ = true;
        handler_->on_read_end();
    }

    void on_writable() override { handler_->on_writable(); }

    void on_closed(std::string_view reason) override {
        handler_->on_closed(failure_.empty() ? reason : std::string_view(failure_));
    }

    void pass_through() {
        plain_ = ready_ = true;
        peer_.tls = false;
        observer_ = nullptr;
    }

    bool flush() {
        const bool room = transport_->write(session_.output());
        session_.output_sent();
        return room;
    }

    /// What TLS itself has to say: handshake messages, or the alert that says what is wrong. False
    /// when too much of it waits for a peer who makes us say more and more.
    bool send_own_answers() {
        if (transport_->queued() == 0) own_queued_ = 0;
        own_queued_ += session_.output().size();
        flush();
        return own_queued_ <= kMaxOwnQueued;
    }

    void tell(TlsObserver::Handshake handshake) {
        if (observer_ != nullptr) std::exchange(observer_, nullptr)->on_handshake(handshake);
    }

    std::unique_ptr<Stream> transport_;
    TlsSession session_;
    TlsObserver* observer_;  // null: told already, or there is none
    Peer peer_;
    StreamHandler* handler_ = nullptr;
    std::size_t own_queued_ = 0;  // since the transport's queue was empty
    std::string failure_;
    bool undecided_;      // the first octet will tell whether it is TLS
    bool plain_ = false;  // it is not, and is passed through
    bool ready_ = false;  // the handshake is over
    bool failed_ = false;
    bool closed_ = false;
    bool end_told_ = false;
    Alive alive_;
};

}  // namespace

std::unique_ptr<TlsStream> TlsStream::create(std::unique_ptr<Stream> transport,
                                             std::shared_ptr<const TlsContext> context,
                                             TlsObserver* observer, Plain plain) {
    return std::make_unique<TlsStreamOver>(std::move(transport), std::move(context), observer,
                                           plain);
}

}  // namespace net
