// The only file that knows TLS. OpenSSL reads and writes memory BIOs, never a socket.
#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cassert>
#include <new>
#include <utility>

namespace net {
namespace {

constexpr std::size_t kRecordOctets = 16 * 1024;
// A ClientHello and certificates fit many times over; more is not a handshake (RFC 8446, 4).
constexpr std::size_t kMaxHandshakeOctets = 256 * 1024;

/// The oldest queued error as text; empties the queue of this thread.
std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace

struct TlsContext::State {
    SSL_CTX* context = nullptr;
    std::string alpn;  // as on the wire: each name behind its length

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { SSL_CTX_free(context); }
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

namespace {

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void* wire) noexcept {
    const std::string& ours = *static_cast<const std::string*>(wire);
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, base::as_octets(ours).data(),
                              static_cast<unsigned>(ours.size()), in,
                              in_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301, 3.2: no_application_protocol
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

base::Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsConfig& config) {
    ERR_clear_error();
    auto state = std::make_unique<State>();
    state->context = SSL_CTX_new(TLS_server_method());
    if (state->context == nullptr) return base::fail("cannot set up TLS: " + openssl_error());
    SSL_CTX* const context = state->context;
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    // Written buffers may move between tries, and idle connections give their buffers back.
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(context, config.certificate_file.c_str()) != 1) {
        return base::fail("cannot use the certificate " + config.certificate_file + ": " +
                          openssl_error());
    }
    if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return base::fail("cannot use the key " + config.key_file + " with the certificate " +
                          config.certificate_file + ": " + openssl_error());
    }
    if (!config.client_ca_file.empty()) {
        STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(config.client_ca_file.c_str());
        if (names == nullptr ||
            SSL_CTX_load_verify_locations(context, config.client_ca_file.c_str(), nullptr) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return base::fail("cannot use the client certificate authority " +
                              config.client_ca_file + ": " + openssl_error());
        }
        SSL_CTX_set_client_CA_list(context, names);
        const int verify =
            SSL_VERIFY_PEER |
            (config.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
        SSL_CTX_set_verify(context, verify, nullptr);
        // Without it OpenSSL refuses to resume sessions of clients with certificates.
        static constexpr unsigned char kSessionContext[] = "meridian";
        if (SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext) != 1) {
            return base::fail("cannot set up TLS: " + openssl_error());
        }
    }
    for (const std::string& name : config.alpn) {
        if (name.empty() || name.size() > 255) {
            return base::fail("an ALPN protocol name has 1 to 255 octets");
        }
        state->alpn += static_cast<char>(name.size());
        state->alpn += name;
    }
    if (!state->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, select_alpn, &state->alpn);
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(state)));
}

struct TlsSession::State {
    std::shared_ptr<const TlsContext> context;
    SSL* ssl = nullptr;
    BIO* in = nullptr;                // owned by ssl
    BIO* out = nullptr;               // owned by ssl
    std::vector<std::uint8_t> early;  // sent before the handshake was complete
    std::size_t handshake_octets = 0;
    bool peer_closed = false;
    bool shutdown = false;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { SSL_free(ssl); }

    /// What a failed call means: true when it only wants more octets.
    [[nodiscard]] base::Result<bool> wants_more(int result, const char* what) {
        const int error = SSL_get_error(ssl, result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
        if (error == SSL_ERROR_ZERO_RETURN) {
            peer_closed = true;
            return true;
        }
        return base::fail(std::string("TLS ") + what + ": " + openssl_error());
    }

    [[nodiscard]] base::Result<void> write(base::Octets octets) {
        if (octets.empty()) return {};
        ERR_clear_error();
        std::size_t written = 0;
        // A memory BIO takes everything, so this is all or an error.
        const int result = SSL_write_ex(ssl, octets.data(), octets.size(), &written);
        if (result != 1 || written != octets.size()) {
            return base::fail("TLS cannot send: " + openssl_error());
        }
        return {};
    }
};

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context)
    : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.context = std::move(context);
    s.ssl = SSL_new(s.context->state_->context);
    s.in = BIO_new(BIO_s_mem());
    s.out = BIO_new(BIO_s_mem());
    if (s.ssl == nullptr || s.in == nullptr || s.out == nullptr) {
        BIO_free(s.in);
        BIO_free(s.out);
        throw std::bad_alloc();
    }
    SSL_set_bio(s.ssl, s.in, s.out);
    SSL_set_accept_state(s.ssl);
}

TlsSession::~TlsSession() = default;

base::Result<void> TlsSession::receive(base::Octets ciphertext,
                                       std::vector<std::uint8_t>& plaintext) {
    State& s = *state_;
    if (s.peer_closed) return {};
    ERR_clear_error();
    if (!ciphertext.empty()) {
        std::size_t taken = 0;
        if (BIO_write_ex(s.in, ciphertext.data(), ciphertext.size(), &taken) != 1 ||
            taken != ciphertext.size()) {
            return base::fail("TLS is out of memory");
        }
    }
    if (!established()) {
        s.handshake_octets += ciphertext.size();
        const int result = SSL_do_handshake(s.ssl);
        if (result != 1) {
            const auto more = s.wants_more(result, "handshake failed");
            if (!more) return base::fail(more.error().message);
            if (s.handshake_octets > kMaxHandshakeOctets) {
                return base::fail("TLS handshake failed: too long");
            }
            return {};
        }
        const std::vector<std::uint8_t> early = std::exchange(s.early, {});
        if (auto sent = s.write(early); !sent) return sent;
        if (s.shutdown) SSL_shutdown(s.ssl);
    }
    for (;;) {
        const std::size_t old = plaintext.size();
        plaintext.resize(old + kRecordOctets);
        std::size_t got = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(s.ssl, plaintext.data() + old, kRecordOctets, &got);
        plaintext.resize(old + got);
        if (result == 1) continue;
        const auto more = s.wants_more(result, "failed");
        if (!more) return base::fail(more.error().message);
        return {};
    }
}

base::Result<void> TlsSession::send(base::Octets plaintext) {
    State& s = *state_;
    if (s.shutdown) return {};
    if (!established()) {
        s.early.insert(s.early.end(), plaintext.begin(), plaintext.end());
        return {};
    }
    return s.write(plaintext);
}

void TlsSession::shutdown() {
    State& s = *state_;
    if (s.shutdown) return;
    s.shutdown = true;
    // The result says whether the peer has answered, which is no matter here.
    if (established()) SSL_shutdown(s.ssl);
    ERR_clear_error();
}

std::vector<std::uint8_t> TlsSession::take_output() {
    std::vector<std::uint8_t> out(BIO_ctrl_pending(state_->out));
    std::size_t got = 0;
    if (!out.empty() && BIO_read_ex(state_->out, out.data(), out.size(), &got) != 1) got = 0;
    out.resize(got);
    return out;
}

bool TlsSession::established() const noexcept {
    return SSL_is_init_finished(state_->ssl) != 0;
}

bool TlsSession::peer_closed() const noexcept {
    return state_->peer_closed;
}

std::string TlsSession::alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(state_->ssl, &name, &size);
    return std::string(base::as_text({name, size}));
}

std::string TlsSession::server_name() const {
    const char* name = SSL_get_servername(state_->ssl, TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
}

std::string TlsSession::client_subject() const {
    X509* certificate = SSL_get0_peer_certificate(state_->ssl);
    if (certificate == nullptr || SSL_get_verify_result(state_->ssl) != X509_V_OK) return {};
    std::string out;
    BIO* text = BIO_new(BIO_s_mem());
    if (text == nullptr) return {};
    if (X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        std::array<char, 1024> buffer{};
        const int got = BIO_read(text, buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) out.assign(buffer.data(), static_cast<std::size_t>(got));
    }
    BIO_free(text);
    return out;
}

}  // namespace net
