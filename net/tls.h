#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "net/stream.h"

namespace net {

struct TlsConfig {
    std::string certificate_file;   // PEM, leaf first, then the chain
    std::string key_file;           // PEM
    std::vector<std::string> alpn;  // in our order of preference: "h2", "http/1.1", "dot"
    std::string client_ca_file;     // PEM; empty: clients are not asked for a certificate
    bool require_client_certificate = false;
};

/// Certificates and settings of a TLS 1.3 server (RFC 8446), read once. Immutable and shared;
/// any thread.
class TlsContext {
  public:
    /// The error names the file and what is wrong with it (missing, unreadable, key of another
    /// certificate, ...).
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsContext>> load(
        const TlsConfig& config);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

  private:
    friend class TlsSession;
    struct State;
    explicit TlsContext(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// The server's side of one TLS connection without I/O: ciphertext in, plaintext out, and the
/// reverse. One thread at a time. After an error only `take_output` (the alert) makes sense.
class TlsSession {
  public:
    explicit TlsSession(std::shared_ptr<const TlsContext> context);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Takes what the peer sent and appends to `plaintext` what it says.
    [[nodiscard]] base::Result<void> receive(base::Octets ciphertext,
                                             std::vector<std::uint8_t>& plaintext);
    /// Encrypts at once; before the end of the handshake the octets wait.
    [[nodiscard]] base::Result<void> send(base::Octets plaintext);
    /// Queues close_notify after everything sent.
    void shutdown();
    /// What is to be sent to the peer now; empties it.
    [[nodiscard]] std::vector<std::uint8_t> take_output();

    [[nodiscard]] bool established() const noexcept;
    /// close_notify has come: the peer's direction ended in order, not by truncation.
    [[nodiscard]] bool peer_closed() const noexcept;
    [[nodiscard]] std::string alpn() const;         // the protocol chosen, or empty
    [[nodiscard]] std::string server_name() const;  // SNI, or empty
    [[nodiscard]] std::string client_subject() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// TLS over `transport`, whose ownership it takes. A failed handshake, or an end without
/// close_notify, is `on_closed` with the reason.
class TlsStream : public Stream {
  public:
    [[nodiscard]] static std::unique_ptr<TlsStream> create(
        std::unique_ptr<Stream> transport, std::shared_ptr<const TlsContext> context);
    /// Known from the first `on_read` on. Empty: the client offered none of ours.
    [[nodiscard]] virtual std::string alpn() const = 0;
};

}  // namespace net
