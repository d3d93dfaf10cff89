#pragma once

#include "admin/request.h"
#include "net/content_coding.h"

namespace admin {

/// Smaller bodies are sent as they are: what compressing saves is less than it costs.
inline constexpr std::size_t kMinCodedOctets = 1024;

/// Bodies that are compressed piece by piece at a time: each holds a compressor of up to 2 MB for
/// as long as its client takes to read. Beyond, such a body is sent as it is.
inline constexpr std::size_t kMaxCodedBodies = 64;

/// Puts a reply into the coding that the request's Accept-Encoding likes best, if its kind of body
/// is worth it: Content-Encoding, the ETag of that representation, and Vary in any case. A body
/// that is pulled, or is large, is compressed piece by piece as it leaves.
void encode_reply(Reply& reply, const net::HeaderList& request);

/// Adds a name to Vary, unless it is there.
void vary_by(net::HeaderList& headers, std::string_view name);

}  // namespace admin
