#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace admin {

/// Which pages of other sites may use the API from a browser (Fetch Standard, 3.2;
/// admin.cors_origins). They bring a token: cookies are for our own page, so credentials of the
/// browser's are never allowed. An origin is allowed as it stands in the list, or all by "*".
[[nodiscard]] bool allowed_origin(const std::vector<std::string>& origins, std::string_view origin);

/// Is this from a page of another site? Browsers send Origin with WebSockets and writes, and let
/// the server decide (RFC 6455, 10.2); others send none. Over TLS a page without it is another's,
/// whatever its host: anybody on the way may have written it.
[[nodiscard]] bool foreign_origin(const net::RequestHead& head);

/// Is this the authority of a request that means this machine: an address of loopback, localhost,
/// or none (HTTP/1.0)? A page of another site can let its own name lead to loopback (DNS
/// rebinding), and a proxy passes on the name that its clients asked for: neither comes from whom
/// it seems to.
[[nodiscard]] bool names_loopback(std::string_view authority);

/// Adds what a browser wants to see before it shows an answer to the page that asked, and Vary.
void add_cors(const std::vector<std::string>& origins, const net::HeaderList& request,
              net::HeaderList& response);
/// The same for the answer to a preflight (OPTIONS with Access-Control-Request-Method); `allow`
/// are the resource's methods.
void add_preflight(const std::vector<std::string>& origins, const net::HeaderList& request,
                   const std::string& allow, net::HeaderList& response);

}  // namespace admin
