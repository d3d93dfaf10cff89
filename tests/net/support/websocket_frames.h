#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace net::testing {

/// Frames written by hand (RFC 6455, 5.2), apart from the library under test.
inline std::string frame_head(int opcode, std::size_t size, bool final, int reserved, int mask) {
    std::string out{static_cast<char>((final ? 0x80 : 0) | reserved | opcode)};
    if (size < 126) {
        out += static_cast<char>(mask | static_cast<int>(size));
    } else if (size < 65536) {
        out += static_cast<char>(mask | 126);
        out += static_cast<char>(size >> 8);
        out += static_cast<char>(size & 0xff);
    } else {
        out += static_cast<char>(mask | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            out += static_cast<char>((size >> shift) & 0xff);
    }
    return out;
}

/// As a client sends it: masked.
inline std::string frame(int opcode, std::string_view payload, bool final = true,
                         int reserved = 0) {
    static constexpr char kMask[] = {0x12, 0x34, 0x56, 0x78};
    std::string out = frame_head(opcode, payload.size(), final, reserved, 0x80);
    out.append(kMask, 4);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out += static_cast<char>(payload[i] ^ kMask[i % 4]);
    }
    return out;
}

/// As a server sends it: not masked.
inline std::string server_frame(int opcode, std::string_view payload) {
    return frame_head(opcode, payload.size(), true, 0, 0) + std::string(payload);
}

}  // namespace net::testing
