#pragma once

#include "admin/request.h"
#include "net/content_coding.h"

namespace admin {

/// Smaller bodies are sent as they are: what compressing saves is less than it costs.
inline constexpr std::size_t kMinCodedOctets = 1024;

/// Puts a reply into the coding that the request's Accept-Encoding likes best, if its kind of body
/// is worth it: Content-Encoding, the ETag of that representation, and Vary in any case. A body
/// that is pulled, or is large, is compressed piece by piece as it leaves.
void encode_reply(Reply& reply, const net::HeaderList& request);

/// Adds a name to Vary, unless it is there.
void vary_by(net::HeaderList& headers, std::string_view name);

}  // namespace admin
