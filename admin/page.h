#pragma once

#include <string_view>

namespace admin {

/// A file of the program that stands in the binary (see embed.cmake). Lives for ever.
struct EmbeddedFile {
    std::string_view name;  // "index.html"
    std::string_view content;
};

/// The embedded file of this name; null when there is none. Any thread.
[[nodiscard]] const EmbeddedFile* find_embedded(std::string_view name);

/// The policy that keeps the page to its own scripts, styles and server (CSP level 3).
inline constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace admin
