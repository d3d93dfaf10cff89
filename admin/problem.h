#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "admin/request.h"
#include "zones/change_set.h"

namespace admin {

/// One thing wrong with a request: where (a JSON pointer into its body, RFC 6901, may be empty)
/// and what.
struct Fault {
    std::string pointer;
    std::string message;
};

/// An error answer as application/problem+json (RFC 9457) with every fault found.
[[nodiscard]] Reply problem(int status, std::string_view detail, std::vector<Fault> faults = {});

/// 503, because others are being served; the client may come again in `retry_after_s` seconds. Its
/// type tells it from a server that is in trouble.
inline constexpr std::string_view kBusyType = "urn:meridian:busy";
[[nodiscard]] Reply busy(std::string_view detail, unsigned retry_after_s);

/// A change set that was refused: by the store, or before it because it is not for this author.
struct Refused : zones::ChangeError {
    bool forbidden = false;
};

/// The answer to a change set that was refused. `pointer_prefixes`, one per operation (or none),
/// say where each operation stands in the request body. `creates`: the request may only create,
/// so that a failed precondition means 409.
[[nodiscard]] Reply problem(const Refused& error,
                            const std::vector<std::string>& pointer_prefixes = {},
                            bool creates = false);

}  // namespace admin
