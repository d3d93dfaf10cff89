#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "base/ip.h"

namespace net {
namespace {

/// Longer chains are refused by most clients.
constexpr std::size_t kMaxChain = 16;

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

/// The oldest queued error as text; empties the queue of this thread.
std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "no reason given";
}

/// A server has nobody to ask for the password of a key.
int no_password(char*, int, int, void*) noexcept {
    return -1;
}

base::Result<BioPtr> open(const std::string& file) {
    ERR_clear_error();
    BioPtr bio(BIO_new_file(file.c_str(), "r"));
    if (!bio) return base::fail("cannot read " + file + ": " + openssl_error());
    return bio;
}

base::Result<std::vector<X509Ptr>> read_chain(const std::string& file) {
    auto bio = open(file);
    if (!bio) return base::fail(bio.error().message);
    std::vector<X509Ptr> chain;
    while (X509* const next = PEM_read_bio_X509(bio->get(), nullptr, no_password, nullptr)) {
        chain.emplace_back(next);
        if (chain.size() > kMaxChain) {
            return base::fail(file + " holds more than " + std::to_string(kMaxChain) +
                              " certificates");
        }
    }
    const unsigned long code = ERR_peek_last_error();
    const bool at_end =
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (!at_end) return base::fail("cannot use the certificate " + file + ": " + openssl_error());
    ERR_clear_error();
    if (chain.empty()) return base::fail(file + " holds no certificate (PEM)");
    return chain;
}

base::Result<KeyPtr> read_key(const std::string& file) {
    auto bio = open(file);
    if (!bio) return base::fail(bio.error().message);
    KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, no_password, nullptr));
    if (!key) {
        return base::fail("cannot use the key " + file + ": " + openssl_error() +
                          " (a PEM private key without a password is wanted)");
    }
    return key;
}

base::WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    // RFC 5280 writes "never" as the end of the year 9999, which nanoseconds do not reach.
    constexpr std::time_t kLimit = base::kMaxUnixUs / 1000000;
    return std::chrono::system_clock::from_time_t(
        std::clamp<std::time_t>(timegm(&parts), -kLimit, kLimit));
}

std::string day_of(base::WallTime time) {
    return base::format_rfc3339(time).substr(0, 10);
}

std::string name_of(const X509_NAME* name) {
    const BioPtr text(BIO_new(BIO_s_mem()));
    std::array<char, 512> buffer{};
    if (!text || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
    const int got = BIO_read(text.get(), buffer.data(), static_cast<int>(buffer.size()));
    return std::string(buffer.data(), static_cast<std::size_t>(std::max(got, 0)));
}

std::vector<std::string> names_of(X509* certificate) {
    std::vector<std::string> out;
    const NamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!names) return out;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
        int type = 0;
        const auto* const value =
            static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
        if (type != GEN_DNS && type != GEN_IPADD) continue;
        const base::Octets octets(ASN1_STRING_get0_data(value),
                                  static_cast<std::size_t>(ASN1_STRING_length(value)));
        if (type == GEN_DNS) {
            std::string text(base::as_text(octets));
            std::transform(text.begin(), text.end(), text.begin(), [](char c) {
                return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            });
            out.push_back(std::move(text));
        } else {
            out.push_back(base::IpAddress::from_octets(octets).to_text());
        }
    }
    return out;
}

/// Does this machine know who issued it?
bool issuer_is_trusted(X509* certificate) {
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_set_default_paths(store.get()) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) != 1) {
        return false;
    }
    X509* issuer = nullptr;
    const bool found = X509_STORE_CTX_get1_issuer(&issuer, context.get(), certificate) == 1;
    X509_free(issuer);
    ERR_clear_error();
    return found;
}

void check_chain(const std::vector<X509Ptr>& chain, CertificateReport& report) {
    const std::string& file = report.files.certificate;
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        if (X509_check_issued(chain[i + 1].get(), chain[i].get()) == X509_V_OK &&
            X509_verify(chain[i].get(), X509_get0_pubkey(chain[i + 1].get())) == 1) {
            continue;
        }
        ERR_clear_error();
        report.faults.push_back(
            file + ": the chain is broken: certificate " + std::to_string(i + 1) +
            " was issued by " + name_of(X509_get_issuer_name(chain[i].get())) +
            ", and what follows it is " + name_of(X509_get_subject_name(chain[i + 1].get())));
    }
    X509* const last = chain.back().get();
    const X509_NAME* const issuer = X509_get_issuer_name(last);
    if (X509_NAME_cmp(X509_get_subject_name(last), issuer) == 0) return;
    if (issuer_is_trusted(last)) return;
    report.faults.push_back(file +
                            ": the chain is not complete: its last certificate was issued by " +
                            name_of(issuer) +
                            ", which is not in the file and which this machine does not know as an "
                            "authority");
}

void check_times(const std::vector<X509Ptr>& chain, base::WallTime now, CertificateReport& report) {
    report.not_after = base::WallTime::max();
    for (const X509Ptr& each : chain) {
        const base::WallTime from = time_of(X509_get0_notBefore(each.get()));
        const base::WallTime until = time_of(X509_get0_notAfter(each.get()));
        report.not_after = std::min(report.not_after, until);
        const std::string which =
            report.files.certificate + ": " + name_of(X509_get_subject_name(each.get()));
        if (now < from) report.faults.push_back(which + " is not valid before " + day_of(from));
        if (now > until) report.faults.push_back(which + " expired on " + day_of(until));
    }
}

}  // namespace

bool CertificateReport::covers(const std::string& name) const {
    const std::size_t dot = name.find('.');
    const std::string star = dot == std::string::npos ? "" : "*" + name.substr(dot);
    return std::any_of(names.begin(), names.end(), [&](const std::string& each) {
        return each == name || (!star.empty() && each == star);
    });
}

base::Result<CertificateReport> read_certificate(const CertificateFiles& files,
                                                 base::WallTime now) {
    auto chain = read_chain(files.certificate);
    if (!chain) return base::fail(chain.error().message);
    auto key = read_key(files.key);
    if (!key) return base::fail(key.error().message);
    X509* const own = chain->front().get();
    if (X509_check_private_key(own, key->get()) != 1) {
        return base::fail("cannot use the key " + files.key + " with the certificate " +
                          files.certificate + ": " + openssl_error());
    }
    CertificateReport report;
    report.files = files;
    report.names = names_of(own);
    if (report.names.empty()) {
        report.faults.push_back(files.certificate +
                                " names nobody: clients look for a subjectAltName (RFC 6125)");
    }
    check_times(*chain, now, report);
    check_chain(*chain, report);
    return report;
}

}  // namespace net
