#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
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

/// A self-signed certificate (P-256) for `name` and its key, in files that go with the object.
struct CertificateFiles {
    explicit CertificateFiles(const std::string& name) {
        static int number = 0;
        const std::string stem = std::filesystem::temp_directory_path().string() + "/net_tls_" +
                                 std::to_string(getpid()) + "_" + std::to_string(++number);
        certificate = stem + ".crt";
        key = stem + ".key";
        EVP_PKEY* pair = EVP_EC_gen("P-256");
        X509* x509 = X509_new();
        X509_set_version(x509, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), number);
        X509_gmtime_adj(X509_getm_notBefore(x509), -60);
        X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
        X509_set_pubkey(x509, pair);
        X509_NAME* subject = X509_get_subject_name(x509);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(x509, subject);
        X509_EXTENSION* names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
        X509_add_ext(x509, names, -1);
        X509_EXTENSION_free(names);
        X509_sign(x509, pair, EVP_sha256());
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

  private:
    SSL_CTX* context_;
    SSL* ssl_;
    BIO* in_;
    BIO* out_;
    std::string heard_;
};

}  // namespace net::testing
