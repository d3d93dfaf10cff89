#include "net/descriptor.h"

#include <string.h>
#include <unistd.h>

namespace net {

void Descriptor::reset(int value) noexcept {
    // close() is not repeated on EINTR: on Linux the descriptor is gone already.
    if (value_ >= 0) close(value_);
    value_ = value;
}

std::string system_error(std::string_view what, int error) {
    std::string out(what);
    out += ": ";
    const char* text = strerrordesc_np(error);  // unlike strerror, safe from several threads
    out += text != nullptr ? text : "unknown error";
    if (const char* name = strerrorname_np(error); name != nullptr) {
        out += std::string(" (") + name + ")";
    }
    return out;
}

}  // namespace net
