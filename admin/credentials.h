#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "admin/problem.h"
#include "admin/request.h"
#include "base/result.h"
#include "net/http.h"

namespace admin {

struct Context;

/// Who sends this request: bearer token, client certificate, session cookie or the peer of the
/// admin socket. Empty name: nobody. An error: no token is looked at, because too many wrong ones
/// came from there. Admin loop.
[[nodiscard]] base::Result<Principal, Reply> authenticate(Context& context,
                                                          const net::RequestHead& head);
/// 429 to who guesses tokens.
[[nodiscard]] Reply locked_out(std::chrono::seconds wait);

/// The session cookie's name, and its value in a request; empty if none.
inline constexpr std::string_view kCookieName = "meridian_session";
[[nodiscard]] std::string session_cookie(const net::RequestHead& head);

}  // namespace admin
