#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "admin/context.h"
#include "admin/router.h"
#include "net/http.h"

namespace admin {

/// Which parts one listener offers ([[admin.listener]] expose; [admin] diagnostics).
struct Expose {
    bool api = true, ui = true, metrics = true, health = true, debug = false;
    [[nodiscard]] bool has(Part part) const noexcept;
};

/// The door of the admin server: finds the route, lets in who may enter, collects the body, and
/// sends the reply, whatever thread it was decided on and whether or not the client still waits.
/// One per listener. Admin loop only.
class Front final : public net::HttpHandler {
  public:
    static constexpr std::size_t kMaxJsonOctets = admin::kMaxJsonOctets;
    /// Bodies that are being collected, all together; beyond, 503. Those that are small have some
    /// more room, and those that anybody may send have only their own.
    static constexpr std::size_t kMaxCollectedOctets = std::size_t{32} << 20;
    static constexpr std::size_t kSmallBodyOctets = std::size_t{64} << 10;
    static constexpr std::size_t kMaxCollectedSmall = std::size_t{40} << 20;
    static constexpr std::size_t kMaxCollectedOpen = std::size_t{4} << 20;
    struct Collected {
        std::size_t open = 0;  // octets of bodies that anybody may send
        std::size_t known = 0;
    };

    /// `context` is borrowed and outlives every exchange. `over_tls`: who comes without TLS is sent
    /// to where there is TLS (308), whatever he asks.
    Front(Context& context, Expose expose, bool over_tls = false)
        : context_(context), expose_(expose), over_tls_(over_tls) {}

    std::unique_ptr<net::HttpStream> on_request(net::RequestHead head,
                                                net::HttpExchange& exchange) override;
    void on_response(const net::RequestHead& head, int status) override;

  private:
    Context& context_;
    Expose expose_;
    bool over_tls_;
    Collected collected_;  // the streams count in it
};

/// Adds what every answer has, to a request with these fields: no caching unless it says how, no
/// guessing of its type, the request's id, what CORS wants, and over TLS that browsers come by TLS
/// only for a year (RFC 6797), which must not be said over anything else.
void add_common_fields(const std::vector<std::string>& cors_origins, const net::Peer& peer,
                       const net::HeaderList& request, std::string_view request_id,
                       net::HeaderList& response);

}  // namespace admin
