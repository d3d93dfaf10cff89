#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "net/certificate.h"
#include "net/stream.h"
#include "net/tls_tickets.h"

namespace net {

struct TlsConfig {
    /// Chosen by the name that the client asks for (SNI, RFC 6066, 3); of several for one name by
    /// the signatures it knows. The first is for those who ask for none, or for none of these.
    std::vector<CertificateFiles> certificates;
    std::vector<std::string> alpn;  // in our order of preference: "h2", "http/1.1", "dot"
    std::string client_ca_file;     // PEM; empty: clients are not asked for a certificate
    bool require_client_certificate = false;
    /// For session tickets, kept from one context to the next that replaces it. Null: its own.
    /// Contexts that trust different clients must not share them.
    std::shared_ptr<TlsTickets> tickets;
};

/// Certificates and settings of a TLS server, read once: TLS 1.3 (RFC 8446), and TLS 1.2 with
/// forward-secret AEAD suites alone (RFC 9325); no renegotiation, no compression, no early data
/// (0-RTT could be replayed). Immutable and shared; any thread.
class TlsContext {
  public:
    /// The error names the file and what is wrong with it (missing, unreadable, key of another
    /// certificate, ...).
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsContext>> load(
        const TlsConfig& config);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    /// In the order of the configuration; their faults as of loading.
    [[nodiscard]] const std::vector<CertificateReport>& certificates() const noexcept;

  private:
    friend class TlsSession;
    struct State;
    explicit TlsContext(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// The server's side of one TLS connection without I/O: ciphertext in, plaintext out, and the
/// reverse. One thread at a time. After an error only `output` (the alert) makes sense. An idle
/// session holds no buffers, unless half a record came.
class TlsSession {
  public:
    explicit TlsSession(std::shared_ptr<const TlsContext> context);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Takes what the peer sent and appends to `plaintext` what it says.
    [[nodiscard]] base::Result<void> receive(base::Octets ciphertext,
                                             std::vector<std::uint8_t>& plaintext);
    /// Encrypts at once, in as few records as possible; before the end of the handshake the
    /// octets wait.
    [[nodiscard]] base::Result<void> send(base::Octets plaintext);
    /// Between `true` and `false` the buffers of records are kept, which pays where many are sent
    /// at once: else each takes one of 16 kB and gives it back.
    void keep_buffers(bool keep);
    /// Queues close_notify after everything sent.
    void shutdown();
    /// What is to be sent to the peer now, until `output_sent` says that it is.
    [[nodiscard]] base::Octets output() const noexcept;
    void output_sent() noexcept;

    [[nodiscard]] bool established() const noexcept;
    /// A session ticket took the place of certificates. Once established.
    [[nodiscard]] bool resumed() const noexcept;
    /// close_notify has come: the peer's direction ended in order, not by truncation.
    [[nodiscard]] bool peer_closed() const noexcept;
    [[nodiscard]] std::string alpn() const;         // the protocol chosen, or empty
    [[nodiscard]] std::string server_name() const;  // SNI, or empty
    [[nodiscard]] std::string client_subject() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Is told once of each TLS connection how its handshake ended, on the loop's thread.
class TlsObserver {
  public:
    enum class Handshake : std::uint8_t { Full, Resumed, Failed };
    virtual ~TlsObserver() = default;
    virtual void on_handshake(Handshake handshake) = 0;
};

/// TLS over `transport`, whose ownership it takes. A failed handshake, or an end without
/// close_notify, is `on_closed` with the reason. A peer that makes us answer to TLS itself (key
/// updates, alerts) and reads none of it is disconnected.
class TlsStream : public Stream {
  public:
    /// What becomes of a peer that does not begin as TLS begins.
    enum class Plain : std::uint8_t {
        Refused,  // a failed handshake
        /// If it may be HTTP it is passed through as it is, so that the peer can be told where to
        /// go: `peer().tls` is false then, and there is no handshake to observe.
        LetIn,
    };

    /// `observer`, where there is one, outlives the stream.
    [[nodiscard]] static std::unique_ptr<TlsStream> create(
        std::unique_ptr<Stream> transport, std::shared_ptr<const TlsContext> context,
        TlsObserver* observer = nullptr, Plain plain = Plain::Refused);
    /// Known from the first `on_read` on. Empty: the client offered none of ours.
    [[nodiscard]] virtual std::string alpn() const = 0;
};

}  // namespace net
