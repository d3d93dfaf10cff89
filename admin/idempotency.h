#pragma once

#include <map>
#include <string>

#include "admin/request.h"
#include "admin/router.h"

namespace admin {

struct Context;

/// Requests that are done once however often they are sent: POST and PATCH with an
/// `Idempotency-Key`, of 1 to 255 printable ASCII characters, chosen by the client.
///
/// What such a request answered is kept in the store for a day and sent again to whoever repeats
/// it, with `Idempotency-Replayed: true`. The key becomes durable in the same write as the change,
/// so that no crash lies between them. One that comes while the first is still being worked on is
/// 409; one of another method, URL, condition or body is 422. Keys of different principals have
/// nothing to do with each other. Requests that failed or only tried (dry_run) are not remembered:
/// they have done nothing, and are done anew. Admin loop only.
class Idempotency {
  public:
    /// True: this method of this endpoint heeds the key.
    [[nodiscard]] static bool covers(const Endpoint& endpoint);

    /// Lets the endpoint handle the request, or answers in its place.
    void handle(Context& context, const Endpoint& endpoint, Request& request,
                const Respond& respond);

  private:
    std::map<std::string, std::string> in_hand_;  // not answered yet: id to fingerprint
};

}  // namespace admin
