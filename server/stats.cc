#include "server/stats.h"

namespace server {

std::size_t type_slot(dns::RRType type) noexcept {
    for (std::size_t i = 0; i < kCountedTypes.size(); ++i) {
        if (kCountedTypes[i] == type) return i;
    }
    return kCountedTypes.size();
}

std::string_view to_text(DropReason reason) noexcept {
    switch (reason) {
        case DropReason::Malformed:
            return "malformed";
        case DropReason::Response:
            return "response";
        case DropReason::QueueFull:
            return "queue_full";
        case DropReason::SendFailed:
            return "send_failed";
        case DropReason::TcpLimit:
            return "tcp_limit";
        case DropReason::kCount:
            break;
    }
    return "unknown";
}

}  // namespace server
