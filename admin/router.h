#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/context.h"
#include "admin/request.h"

namespace admin {

/// What a client must show for an endpoint.
enum class Access : std::uint8_t {
    Open,      // nothing
    Loopback,  // nothing on loopback by its address or as localhost, else as Read (/metrics)
    Read,
    Write,
};

/// Which part of the server an endpoint belongs to; a listener offers some of them.
enum class Part : std::uint8_t { Api, Ui, Metrics, Health, Debug };

/// What a principal's rights have to reach to be let through to an endpoint.
enum class Reach : std::uint8_t {
    Everything,  // all there is: what belongs to no zone
    Some,        // anything: the handler shows, and the change set does, what the rights cover
    InZone,      // anything of {zone}; the rest as Some
    Zone,        // {zone} as a whole
    RRset,       // {name} {type} in {zone}
    Policy,      // the same of a policy
};

/// The largest body of a request that is collected; and where nothing large makes sense: of
/// requests that anybody may make, and of those that have no use for one.
inline constexpr std::size_t kMaxJsonOctets = std::size_t{4} << 20;
inline constexpr std::size_t kMaxLittleOctets = std::size_t{4} << 10;

/// One method of one resource.
struct Endpoint {
    std::string_view method;   // GET answers HEAD too
    std::string_view pattern;  // "/v1/zones/{zone}": {parameters} are whole segments
    Part part = Part::Api;
    Access access = Access::Read;
    Reach reach = Reach::Everything;
    std::string_view produces = "application/json";  // empty: whatever the client accepts
    bool negotiates = false;                         // between several; `produces` is one of them
    bool creates = false;                            // answers 201
    bool secret = false;     // the answer holds a secret, which is not kept for repetitions
    bool lengthy = false;    // may take long, and can be answered later (Prefer: respond-async)
    bool websocket = false;  // GET may ask for one, and so may an extended CONNECT (RFC 8441)
    std::size_t max_body = kMaxJsonOctets;  // where it is collected
    bool bare = false;  // a write that says all in its path: no body, and no type of one, is needed
    /// Exactly one of the three is set. `handle` gets the whole body; `stream` takes it as it
    /// arrives (null: answered already); `take` owns the exchange (the feed).
    void (*handle)(Context&, const Request&, const Respond&) = nullptr;
    std::unique_ptr<BodySink> (*stream)(Context&, Request, Respond) = nullptr;
    std::unique_ptr<net::HttpStream> (*take)(Context&, Request, net::HttpExchange&) = nullptr;
};

/// Every endpoint there is.
[[nodiscard]] std::span<const Endpoint> endpoints();

/// The endpoints of one path, one per method, and the values of its parameters.
struct Match {
    std::span<const Endpoint* const> methods;  // empty: no such resource
    std::vector<std::string> parameters;       // percent-decoded

    /// Null: the method is not among them. HEAD is GET's.
    [[nodiscard]] const Endpoint* find(std::string_view method) const;
    /// "GET, HEAD, OPTIONS, PUT": the value of Allow.
    [[nodiscard]] std::string allow() const;
};

/// Matches a path as sent, still percent-encoded: segments are split first, so that %2F is part
/// of a name. Fixed segments win over parameters. A malformed escape matches nothing.
[[nodiscard]] Match match(std::string_view path);

}  // namespace admin
