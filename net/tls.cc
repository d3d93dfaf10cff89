// The only file that speaks TLS. OpenSSL reads what the caller gives and writes where the caller
// looks, never a socket.
#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <unordered_map>
#include <utility>

namespace net {
namespace {

constexpr std::size_t kRecordOctets = 16 * 1024;
// A ClientHello and certificates fit many times over; more is not a handshake (RFC 8446, 4).
constexpr std::size_t kMaxHandshakeOctets = 256 * 1024;
constexpr std::size_t kMaxSubjectOctets = 1024;  // of a client's certificate; a longer one is none
// What costs least first: AES-128 takes two thirds of what AES-256 does, and its hash is half as
// dear; who puts ChaCha20 first (SSL_OP_PRIORITIZE_CHACHA) has no instructions for AES.
constexpr const char* kTls13Suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// RFC 9325, 4.2: of TLS 1.2 what is forward-secret and authenticates what it encrypts.
constexpr const char* kTls12Suites = "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";

/// The oldest queued error as text; empties the queue of this thread.
std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

/// A server has nobody to ask for the password of a key.
int no_password(char*, int, int, void*) noexcept {
    return -1;
}

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;

}  // namespace

struct TlsContext::State {
    ContextPtr context;
    std::string alpn;  // as on the wire: each name behind its length
    std::shared_ptr<TlsTickets> tickets;
    std::vector<CertificateReport> reports;
    /// One for each certificate, which hold it, its key and its chain.
    std::vector<ContextPtr> holders;
    /// Certificates by each name, stars included; several where they differ in their kind of key.
    std::unordered_map<std::string, std::vector<std::size_t>> by_name;
    std::vector<std::size_t> fallback;

    [[nodiscard]] const std::vector<std::size_t>& choose(std::string name) const;
    /// Gives the handshake its certificates. (SSL_CTX_set_cert_cb.)
    static int present(SSL* ssl, void* state) noexcept;
    [[nodiscard]] base::Result<void> add(const CertificateFiles& files);
    [[nodiscard]] bool install_fallback() const;
    [[nodiscard]] base::Result<void> trust_clients(const std::string& file, bool require);
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

const std::vector<CertificateReport>& TlsContext::certificates() const noexcept {
    return state_->reports;
}

/// Those for this name, else those for the star in place of its first label, else the first.
const std::vector<std::size_t>& TlsContext::State::choose(std::string name) const {
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    auto found = by_name.find(name);
    if (found != by_name.end()) return found->second;
    const std::size_t dot = name.find('.');
    if (dot != std::string::npos) found = by_name.find("*" + name.substr(dot));
    return found != by_name.end() ? found->second : fallback;
}

int TlsContext::State::present(SSL* ssl, void* state) noexcept {
    const State& mine = *static_cast<const State*>(state);
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const std::vector<std::size_t>& chosen = mine.choose(name != nullptr ? name : "");
    if (chosen == mine.fallback) return 1;  // it has them: see install_fallback
    SSL_certs_clear(ssl);
    for (const std::size_t index : chosen) {
        SSL_CTX* const holder = mine.holders[index].get();
        STACK_OF(X509)* chain = nullptr;
        SSL_CTX_get0_chain_certs(holder, &chain);
        if (SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(holder),
                                 SSL_CTX_get0_privatekey(holder), chain, 1) != 1) {
            return 0;
        }
    }
    return 1;
}

base::Result<void> TlsContext::State::add(const CertificateFiles& files) {
    auto report = read_certificate(files, base::wall_now());
    if (!report) return base::fail(report.error().message);
    ContextPtr holder(SSL_CTX_new(TLS_server_method()));
    if (!holder) return base::fail("cannot set up TLS: " + openssl_error());
    SSL_CTX_set_default_passwd_cb(holder.get(), no_password);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(holder.get(), files.certificate.c_str()) != 1) {
        return base::fail("cannot use the certificate " + files.certificate + ": " +
                          openssl_error());
    }
    if (SSL_CTX_use_PrivateKey_file(holder.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(holder.get()) != 1) {
        return base::fail("cannot use the key " + files.key + " with the certificate " +
                          files.certificate + ": " + openssl_error());
    }
    const std::size_t index = holders.size();
    for (const std::string& name : report->names) by_name[name].push_back(index);
    if (holders.empty() || report->names == reports.front().names) fallback.push_back(index);
    holders.push_back(std::move(holder));
    reports.push_back(std::move(*report));
    return {};
}

/// Into the context itself, because giving them to each handshake costs a tenth of it.
bool TlsContext::State::install_fallback() const {
    for (const std::size_t index : fallback) {
        SSL_CTX* const holder = holders[index].get();
        STACK_OF(X509)* chain = nullptr;
        SSL_CTX_get0_chain_certs(holder, &chain);
        if (SSL_CTX_use_cert_and_key(context.get(), SSL_CTX_get0_certificate(holder),
                                     SSL_CTX_get0_privatekey(holder), chain, 1) != 1) {
            return false;
        }
    }
    return true;
}

base::Result<void> TlsContext::State::trust_clients(const std::string& file, bool require) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file.c_str());
    if (names == nullptr ||
        SSL_CTX_load_verify_locations(context.get(), file.c_str(), nullptr) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return base::fail("cannot use the client certificate authority " + file + ": " +
                          openssl_error());
    }
    SSL_CTX_set_client_CA_list(context.get(), names);
    SSL_CTX_set_verify(context.get(),
                       SSL_VERIFY_PEER | (require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    return {};
}

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

/// Any name is served: who does not like the certificate says so. Tells the client that we looked.
int accept_name(SSL*, int*, void*) noexcept {
    return SSL_TLSEXT_ERR_OK;
}

/// Seals and opens session tickets with the keys of the context (SSL_CTX_set_tlsext_ticket_key_cb
/// in OpenSSL's manual tells what is to be returned).
int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac, int seal) noexcept {
    auto& tickets = *static_cast<TlsTickets*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    TlsTickets::Opened opened{};
    if (seal == 1) {
        opened.key = tickets.sealing(base::mono_now());
        std::copy(opened.key.name.begin(), opened.key.name.end(), name);
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    } else {
        const auto found =
            tickets.opening(base::Octets(name, opened.key.name.size()), base::mono_now());
        if (!found) return 0;  // a full handshake
        opened = *found;
    }
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 3> parameters = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, opened.key.mac.data(),
                                          opened.key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(mac, parameters.data()) != 1) return -1;
    const int ready =
        seal == 1
            ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, opened.key.cipher.data(), iv)
            : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, opened.key.cipher.data(), iv);
    if (ready != 1) return -1;
    return opened.newest ? 1 : 2;
}

}  // namespace

base::Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsConfig& config) {
    ERR_clear_error();
    auto state = std::make_unique<State>();
    state->context.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = state->context.get();
    static constexpr unsigned char kSessionContext[] = "meridian";
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, kTls12Suites) != 1 ||
        SSL_CTX_set_ciphersuites(context, kTls13Suites) != 1 ||
        SSL_CTX_set1_groups_list(context, kGroups) != 1 ||
        // Without it OpenSSL refuses to resume sessions of clients with certificates.
        SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext) != 1) {
        return base::fail("cannot set up TLS: " + openssl_error());
    }
    // Written buffers may move between tries, and idle connections give their buffers back. What
    // has come is taken as a whole, or each record would cost two reads and a buffer of its own.
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_max_early_data(context, 0);
    if (config.certificates.empty()) return base::fail("TLS needs a certificate");
    for (const CertificateFiles& files : config.certificates) {
        if (auto added = state->add(files); !added) return base::fail(added.error().message);
    }
    if (!state->install_fallback()) {
        return base::fail("cannot use the certificate " + config.certificates[0].certificate +
                          ": " + openssl_error());
    }
    if (!config.client_ca_file.empty()) {
        auto trusted =
            state->trust_clients(config.client_ca_file, config.require_client_certificate);
        if (!trusted) return base::fail(trusted.error().message);
    }
    for (const std::string& name : config.alpn) {
        if (name.empty() || name.size() > 255) {
            return base::fail("an ALPN protocol name has 1 to 255 octets");
        }
        state->alpn += static_cast<char>(name.size());
        state->alpn += name;
    }
    if (!state->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, select_alpn, &state->alpn);
    // What the macro of OpenSSL does, which casts in the old style.
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(accept_name));
    // Sessions live with the clients, as tickets: thousands of them would take megabytes here.
    state->tickets = config.tickets ? config.tickets : std::make_shared<TlsTickets>();
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, TlsTickets::kTicketLifetime.count());
    // One for each handshake: a client that resumes gets the next with that.
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_app_data(context, state->tickets.get());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
    SSL_CTX_set_cert_cb(context, State::present, state.get());
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(state)));
}

namespace {

/// What a session reads and writes while one of its calls runs.
struct Wire {
    base::Octets in;
    std::vector<std::uint8_t> out;
};

/// Of sessions of this thread that had something to send: so none allocates for it, and an idle
/// one holds nothing.
thread_local std::vector<std::uint8_t> spare_output;
constexpr std::size_t kMaxSpareOctets = 128 * 1024;

Wire& wire_of(BIO* bio) noexcept {
    return *static_cast<Wire*>(BIO_get_data(bio));
}

int wire_read(BIO* bio, char* to, int size) noexcept {
    Wire& wire = wire_of(bio);
    BIO_clear_retry_flags(bio);
    if (wire.in.empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const std::size_t part = std::min(wire.in.size(), static_cast<std::size_t>(size));
    std::copy_n(wire.in.begin(), part, reinterpret_cast<std::uint8_t*>(to));
    wire.in = wire.in.subspan(part);
    return static_cast<int>(part);
}

int wire_write(BIO* bio, const char* from, int size) noexcept {
    Wire& wire = wire_of(bio);
    BIO_clear_retry_flags(bio);
    if (wire.out.capacity() == 0) wire.out.swap(spare_output);
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(from);
    wire.out.insert(wire.out.end(), octets, octets + size);
    return size;
}

long wire_control(BIO*, int what, long, void*) noexcept {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

/// Made once and never freed, as OpenSSL's own are.
const BIO_METHOD* wire_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        if (made == nullptr) throw std::bad_alloc();
        BIO_meth_set_read(made, wire_read);
        BIO_meth_set_write(made, wire_write);
        BIO_meth_set_ctrl(made, wire_control);
        return made;
    }();
    return method;
}

}  // namespace

struct TlsSession::State {
    std::shared_ptr<const TlsContext> context;
    SSL* ssl = nullptr;
    Wire wire;
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
        // The wire takes everything, so this is all or an error.
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
    s.ssl = SSL_new(s.context->state_->context.get());
    BIO* const bio = BIO_new(wire_method());
    if (s.ssl == nullptr || bio == nullptr) {
        BIO_free(bio);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, &s.wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(s.ssl, bio, bio);
    SSL_set_accept_state(s.ssl);
}

TlsSession::~TlsSession() = default;

base::Result<void> TlsSession::receive(base::Octets ciphertext,
                                       std::vector<std::uint8_t>& plaintext) {
    State& s = *state_;
    if (s.peer_closed) return {};
    ERR_clear_error();
    // Whatever is no whole record yet OpenSSL keeps: it asks for more until there is none.
    s.wire.in = ciphertext;
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
    static thread_local std::array<std::uint8_t, kRecordOctets> record;
    // Asking where there is nothing would make OpenSSL take a buffer and give it back.
    while (!s.wire.in.empty() || SSL_has_pending(s.ssl) != 0) {
        std::size_t got = 0;
        const int result = SSL_read_ex(s.ssl, record.data(), record.size(), &got);
        if (result == 1) {
            plaintext.insert(plaintext.end(), record.begin(),
                             record.begin() + static_cast<std::ptrdiff_t>(got));
            continue;
        }
        const auto more = s.wants_more(result, "failed");
        if (!more) return base::fail(more.error().message);
        break;
    }
    return {};
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

void TlsSession::keep_buffers(bool keep) {
    if (keep) {
        SSL_clear_mode(state_->ssl, SSL_MODE_RELEASE_BUFFERS);
    } else {
        SSL_set_mode(state_->ssl, SSL_MODE_RELEASE_BUFFERS);
        // Refuses while half a record waits; then the next record that is done with gives them
        // back.
        [[maybe_unused]] const int freed = SSL_free_buffers(state_->ssl);
    }
}

void TlsSession::shutdown() {
    State& s = *state_;
    if (s.shutdown) return;
    s.shutdown = true;
    // The result says whether the peer has answered, which is no matter here.
    if (established()) SSL_shutdown(s.ssl);
    ERR_clear_error();
}

base::Octets TlsSession::output() const noexcept {
    return state_->wire.out;
}

void TlsSession::output_sent() noexcept {
    std::vector<std::uint8_t>& out = state_->wire.out;
    out.clear();
    if (spare_output.capacity() == 0 && out.capacity() <= kMaxSpareOctets) {
        spare_output.swap(out);
    } else {
        out = {};
    }
}

bool TlsSession::established() const noexcept {
    return SSL_is_init_finished(state_->ssl) != 0;
}

bool TlsSession::resumed() const noexcept {
    return SSL_session_reused(state_->ssl) != 0;
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
        std::array<char, kMaxSubjectOctets + 1> buffer{};
        const int got = BIO_read(text, buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) out.assign(buffer.data(), static_cast<std::size_t>(got));
    }
    BIO_free(text);
    // Cut, it could be somebody else's.
    return out.size() > kMaxSubjectOctets ? std::string() : out;
}

}  // namespace net
