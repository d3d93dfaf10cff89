#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/octets.h"
#include "server/pipeline.h"

namespace server {

/// A query that could not be answered in its batch, copied out of the batch's buffers, and the
/// way back to its client. Made on a worker; `reply` is called on that worker, once at most.
struct DeferredQuery {
    std::vector<std::uint8_t> message;
    Query query;            // its `message` points into the vector above
    bool personal = false;  // Pipeline::personal of the answer
    /// The answer, empty if there is none, and whether it is personal.
    std::function<void(base::Octets, bool)> reply;

    DeferredQuery(const Query& from, std::function<void(base::Octets, bool)> reply_to)
        : message(from.message.begin(), from.message.end()),
          query(from),
          reply(std::move(reply_to)) {
        query.message = message;
    }
    DeferredQuery(const DeferredQuery&) = delete;
    DeferredQuery& operator=(const DeferredQuery&) = delete;
};

}  // namespace server
