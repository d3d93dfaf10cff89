#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "net/websocket_session.h"

namespace net {
namespace {

// 16 octets in base64 (RFC 6455, 4.1): 22 digits and two signs of padding.
bool is_key(std::string_view key) noexcept {
    if (key.size() != 24 || !key.ends_with("==")) return false;
    return std::all_of(key.begin(), key.end() - 2, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
    });
}

}  // namespace

int websocket_status(const RequestHead& head) {
    const auto version = head.headers.get("sec-websocket-version");
    if (head.method == "CONNECT" && head.protocol == "websocket") {
        // No keys (RFC 8441, 5), and no 426, which has to name a protocol to upgrade to (RFC 9110,
        // 15.5.22), which HTTP/2 cannot. A length would be that of a body, which there is none of.
        const bool fits = version && *version == "13" &&
                          (head.scheme == "http" || head.scheme == "https") &&
                          !head.headers.get("content-length");
        return fits ? 200 : 400;
    }
    if (!head.headers.has_token("upgrade", "websocket") ||
        !head.headers.has_token("connection", "upgrade") || head.method != "GET") {
        return 0;
    }
    const auto key = head.headers.get("sec-websocket-key");
    if (!version || *version != "13") return 426;
    return key && is_key(*key) ? 101 : 400;
}

std::string websocket_accept(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    // Fails only where SHA-1 is switched off; then the empty value makes the client refuse.
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        return {};
    }
    std::array<unsigned char, 64> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return std::string(base::as_text({encoded.data(), static_cast<std::size_t>(length)}));
}

}  // namespace net
