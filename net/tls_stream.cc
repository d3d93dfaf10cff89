#include <utility>
#include <vector>

#include "net/alive.h"
#include "net/tls.h"

namespace net {
namespace {

class TlsStreamOver final : public TlsStream, private StreamHandler {
  public:
    TlsStreamOver(std::unique_ptr<Stream> transport, std::shared_ptr<const TlsContext> context)
        : transport_(std::move(transport)), session_(std::move(context)) {
        peer_ = transport_->peer();
        peer_.tls = true;
    }

    void start(StreamHandler& handler) override {
        handler_ = &handler;
        transport_->start(*this);
    }

    bool write(base::Octets octets) override {
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
    [[nodiscard]] std::string alpn() const override { return session_.alpn(); }

  private:
    void on_read(base::Octets octets) override {
        if (failed_) return;
        std::vector<std::uint8_t> plaintext;
        const bool before = session_.established();
        const auto received = session_.receive(octets, plaintext);
        const auto alive = alive_.watch();
        flush();  // handshake messages, or the alert that says what is wrong
        if (!received) {
            failed_ = true;
            failure_ = received.error().message;
            transport_->shutdown();
        }
        if (!before && session_.established()) peer_.tls_subject = session_.client_subject();
        if (!plaintext.empty()) {
            handler_->on_read(plaintext);
            if (!*alive || closed_) return;
        }
        if (failed_) return;  // the alert and our end are on their way
        if (session_.peer_closed() && !end_told_) {
            end_told_ = true;
            handler_->on_read_end();
        }
    }

    void on_read_end() override {
        if (end_told_) return;
        if (failure_.empty() && !session_.peer_closed()) {
            // Without close_notify someone else may have cut the connection (RFC 8446, 6.1).
            failure_ = session_.established() ? "the peer ended without close_notify"
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

    bool flush() {
        const std::vector<std::uint8_t> out = session_.take_output();
        return transport_->write(out);
    }

    std::unique_ptr<Stream> transport_;
    TlsSession session_;
    Peer peer_;
    StreamHandler* handler_ = nullptr;
    std::string failure_;
    bool failed_ = false;
    bool closed_ = false;
    bool end_told_ = false;
    Alive alive_;
};

}  // namespace

std::unique_ptr<TlsStream> TlsStream::create(std::unique_ptr<Stream> transport,
                                             std::shared_ptr<const TlsContext> context) {
    return std::make_unique<TlsStreamOver>(std::move(transport), std::move(context));
}

}  // namespace net
