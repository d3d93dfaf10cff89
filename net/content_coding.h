#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "net/http.h"

namespace net {

/// How a body is compressed on its way (RFC 9110, 8.4.1; RFC 7932; RFC 8878).
enum class ContentCoding : std::uint8_t { Identity, Gzip, Brotli, Zstd };
/// As Content-Encoding names it: "gzip", "br", "zstd"; empty for Identity.
[[nodiscard]] std::string_view to_text(ContentCoding coding) noexcept;

/// What a request's Accept-Encoding likes best (RFC 9110, 12.5.3), of equals zstd, br, gzip in this
/// order. Without the field, and where nothing of ours is acceptable: Identity.
[[nodiscard]] ContentCoding choose_coding(const HeaderList& headers);

/// The quality times 1000 that "gzip;q=0.5" gives, 1000 without one (RFC 9110, 12.4.2). `name`
/// becomes what stands before the parameters, in lower case.
[[nodiscard]] unsigned weight_of(std::string_view item, std::string& name);

/// Compresses one body piece by piece, fast rather than small: the loop that calls it has others to
/// serve. Memory is bounded whatever the body's size (zstd and br under 2 MB). One thread.
class Compressor {
  public:
    virtual ~Compressor() = default;
    /// Null when the library has no memory for it. `coding` is not Identity.
    [[nodiscard]] static std::unique_ptr<Compressor> make(ContentCoding coding);
    /// Takes a piece; what comes out is appended, perhaps nothing yet. False: it failed, and the
    /// body is lost.
    [[nodiscard]] virtual bool add(base::Octets piece, std::string& out) = 0;
    /// The rest, once.
    [[nodiscard]] virtual bool finish(std::string& out) = 0;
};

}  // namespace net
