#pragma once

#include <string>

#include "net/http.h"

namespace admin::fakes {

/// What is wrong with an answer by admin/openapi.json, the contract: a status that is not among the
/// operation's responses, a media type or a member of the document that it does not have. Empty:
/// nothing.
[[nodiscard]] std::string contract_breach(const std::string& method, const std::string& path,
                                          int status, const net::HeaderList& headers,
                                          const std::string& body);

}  // namespace admin::fakes
