#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace net::testing {

/// What a command prints.
inline std::string run_command(const std::string& command) {
    std::string out;
    std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return "cannot run " + command;
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
        out.append(buffer, got);
    }
    pclose(pipe);
    return out;
}

/// A certificate (P-256, or RSA) for `name` and its key, in files that go with the object.
/// Self-signed, or issued by `issuer`, whose own certificate the file leaves out.
struct CertificateFiles {
    explicit CertificateFiles(const std::string& name, const CertificateFiles* issuer = nullptr,
                              long from_s = -60, long until_s = 3600, bool names = true,
                              bool rsa = false) {
        static int number = 0;
        const std::string stem = std::filesystem::temp_directory_path().string() + "/net_tls_" +
                                 std::to_string(getpid()) + "_" + std::to_string(++number);
        certificate = stem + ".crt";
        key = stem + ".key";
        EVP_PKEY* pair = rsa ? EVP_RSA_gen(2048U) : EVP_EC_gen("P-256");
        X509* x509 = X509_new();
        X509_set_version(x509, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), number);
        X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
        X509_gmtime_adj(X509_getm_notAfter(x509), until_s);
        X509_set_pubkey(x509, pair);
        X509_NAME* subject = X509_get_subject_name(x509);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        if (names) {
            X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                                                            ("DNS:" + name).c_str());
            X509_add_ext(x509, extension, -1);
            X509_EXTENSION_free(extension);
        }
        if (issuer == nullptr) {
            X509_set_issuer_name(x509, subject);
            X509_sign(x509, pair, EVP_sha256());
        } else {
            std::FILE* file = std::fopen(issuer->certificate.c_str(), "r");
            X509* above = PEM_read_X509(file, nullptr, nullptr, nullptr);
            std::fclose(file);
            file = std::fopen(issuer->key.c_str(), "r");
            EVP_PKEY* signer = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
            std::fclose(file);
            X509_set_issuer_name(x509, X509_get_subject_name(above));
            X509_sign(x509, signer, EVP_sha256());
            X509_free(above);
            EVP_PKEY_free(signer);
        }
        write(certificate, [&](std::FILE* f) { PEM_write_X509(f, x509); });
        write(key, [&](std::FILE* f) {
            PEM_write_PrivateKey(f, pair, nullptr, nullptr, 0, nullptr, nullptr);
        });
        X509_free(x509);
        EVP_PKEY_free(pair);
    }
    ~CertificateFiles() {
        unlink(certificate.c_str());
        unlink(key.c_str());
    }
    CertificateFiles(const CertificateFiles&) = delete;
    CertificateFiles& operator=(const CertificateFiles&) = delete;

    /// Puts the other's certificates behind those of this file.
    void append(const CertificateFiles& other) const {
        std::ofstream(certificate, std::ios::app) << std::ifstream(other.certificate).rdbuf();
    }

    std::string certificate;
    std::string key;

  private:
    template <class Print>
    static void write(const std::string& path, Print print) {
        std::FILE* file = std::fopen(path.c_str(), "w");
        if (file == nullptr) return;
        print(file);
        std::fclose(file);
    }
};

/// A TLS client over memory BIOs, by OpenSSL itself.
class TlsClient {
  public:
    TlsClient(const std::string& trusted, const std::string& name,
              const std::vector<std::string>& alpn, int max_version = 0)
        : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_load_verify_locations(context_, trusted.c_str(), nullptr);
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
        if (max_version != 0) SSL_CTX_set_max_proto_version(context_, max_version);
        ssl_ = SSL_new(context_);
        std::string wire;
        for (const std::string& protocol : alpn) {
            wire += static_cast<char>(protocol.size());
            wire += protocol;
        }
        SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
        SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(name.c_str()));
        SSL_set1_host(ssl_, name.c_str());
        in_ = BIO_new(BIO_s_mem());
        out_ = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl_, in_, out_);
        SSL_set_connect_state(ssl_);
    }
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    void use(const CertificateFiles& files) {
        SSL_use_certificate_file(ssl_, files.certificate.c_str(), SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(ssl_, files.key.c_str(), SSL_FILETYPE_PEM);
    }
    bool handshake() { return SSL_do_handshake(ssl_) == 1; }
    void give(std::string_view octets) {
        if (!octets.empty()) BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
        char buffer[16384];
        if (SSL_is_init_finished(ssl_) == 0) return;
        for (int got = 0; (got = SSL_read(ssl_, buffer, sizeof buffer)) > 0;) {
            heard_.append(buffer, static_cast<std::size_t>(got));
        }
    }
    std::string take_output() {
        std::string out(BIO_ctrl_pending(out_), '\0');
        if (!out.empty()) BIO_read(out_, out.data(), static_cast<int>(out.size()));
        return out;
    }
    void write(std::string_view text) {
        SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
    }
    std::string read() {
        give({});
        return std::exchange(heard_, {});
    }
    void shutdown() { SSL_shutdown(ssl_); }
    std::string version() { return SSL_get_version(ssl_); }
    std::string cipher() { return SSL_get_cipher_name(ssl_); }
    bool resumed() { return SSL_session_reused(ssl_) == 1; }
    /// What `resume` of another client wants; the caller's to free. After a `read`, which takes the
    /// tickets of TLS 1.3.
    SSL_SESSION* session() { return SSL_get1_session(ssl_); }
    void resume(SSL_SESSION* session) { SSL_set_session(ssl_, session); }
    bool set_suites(const char* suites) { return SSL_set_cipher_list(ssl_, suites) == 1; }
    /// The subject of the server's certificate.
    std::string server() {
        X509* certificate = SSL_get0_peer_certificate(ssl_);
        char name[256] = {};
        if (certificate != nullptr) {
            X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                      sizeof name);
        }
        return name;
    }
    void trust_anything() { SSL_set_verify(ssl_, SSL_VERIFY_NONE, nullptr); }
    void key_update() { SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED); }

  private:
    SSL_CTX* context_;
    SSL* ssl_;
    BIO* in_;
    BIO* out_;
    std::string heard_;
};

}  // namespace net::testing
