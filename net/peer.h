#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"

namespace net {

/// Who is at the other end of a connection, as far as the transport knows. A value.
struct Peer {
    base::Endpoint remote;
    bool local_socket = false;       // a Unix socket; then uid and gid are the peer's own
    std::uint32_t uid = 0, gid = 0;  // SO_PEERCRED
    bool tls = false;
    std::string tls_subject;  // of a verified client certificate, else empty
};

}  // namespace net
