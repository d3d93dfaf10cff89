#include "dns/nsec3.h"

#include <openssl/evp.h>

#include <algorithm>

namespace dns {

namespace {

constexpr std::uint8_t kSha1 = 1;  // IANA "NSEC3 Hash Algorithms"
constexpr std::size_t kSaltAt = 5;

/// A thread's digest: made once, so that a hash neither looks the algorithm up nor allocates.
class Sha1 {
  public:
    Sha1() noexcept : digest_(EVP_MD_fetch(nullptr, "SHA1", nullptr)), context_(EVP_MD_CTX_new()) {}
    Sha1(const Sha1&) = delete;
    Sha1& operator=(const Sha1&) = delete;
    ~Sha1() {
        EVP_MD_CTX_free(context_);
        EVP_MD_free(digest_);
    }

    [[nodiscard]] bool hash(Octets input, Octets salt, Nsec3Hash& out) noexcept {
        unsigned size = 0;
        return digest_ != nullptr && context_ != nullptr &&
               EVP_DigestInit_ex2(context_, digest_, nullptr) == 1 &&
               EVP_DigestUpdate(context_, input.data(), input.size()) == 1 &&
               EVP_DigestUpdate(context_, salt.data(), salt.size()) == 1 &&
               EVP_DigestFinal_ex(context_, out.data(), &size) == 1 && size == out.size();
    }

  private:
    EVP_MD* digest_;
    EVP_MD_CTX* context_;
};

}  // namespace

std::optional<Nsec3Parameters> Nsec3Parameters::read(Octets rdata) noexcept {
    if (rdata.size() < kSaltAt || rdata.size() < kSaltAt + rdata[kSaltAt - 1]) return std::nullopt;
    return Nsec3Parameters{rdata[0], rdata[1], base::load_be16(&rdata[2]),
                           rdata.subspan(kSaltAt, rdata[kSaltAt - 1])};
}

bool Nsec3Parameters::same_hashes(const Nsec3Parameters& other) const noexcept {
    return algorithm == other.algorithm && iterations == other.iterations &&
           std::equal(salt.begin(), salt.end(), other.salt.begin(), other.salt.end());
}

bool Nsec3Parameters::computable() const noexcept {
    return algorithm == kSha1 && iterations <= kMaxNsec3Iterations;
}

std::optional<Nsec3Hash> nsec3_hash(NameView name, const Nsec3Parameters& parameters) noexcept {
    if (!parameters.computable()) return std::nullopt;
    thread_local Sha1 sha1;
    std::array<std::uint8_t, kMaxNameOctets> canonical;
    std::transform(name.octets().begin(), name.octets().end(), canonical.begin(),
                   [](std::uint8_t octet) { return base::to_lower(octet); });
    Nsec3Hash hash;
    if (!sha1.hash(Octets(canonical.data(), name.size()), parameters.salt, hash)) {
        return std::nullopt;
    }
    for (unsigned i = 0; i < parameters.iterations; ++i) {
        if (!sha1.hash(hash, parameters.salt, hash)) return std::nullopt;
    }
    return hash;
}

Nsec3Label nsec3_label(const Nsec3Hash& hash) noexcept {
    constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
    Nsec3Label label;
    label[0] = static_cast<std::uint8_t>(label.size() - 1);
    // Five octets are eight digits.
    std::size_t at = 1;
    for (std::size_t i = 0; i < hash.size(); i += 5) {
        std::uint64_t bits = 0;
        for (std::size_t j = 0; j < 5; ++j) bits = bits << 8 | hash[i + j];
        for (int shift = 35; shift >= 0; shift -= 5) {
            label[at++] = static_cast<std::uint8_t>(kDigits[bits >> shift & 31]);
        }
    }
    return label;
}

}  // namespace dns
