#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/access.h"
#include "base/time.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/types.h"
#include "server/limit_events.h"
#include "server/tap.h"
#include "zones/geo.h"
#include "zones/ids.h"

namespace admin {

/// A change set that was committed, for the topic `change`.
struct ChangeNotice {
    zones::Revision revision = 0;
    base::WallTime time{};
    std::string author, request_id, message;
    std::vector<std::string> zones;  // apexes
};

/// What became of the certificates of a [tls.NAME] table, for the topic `certificate`.
struct CertificateNotice {
    enum class What : std::uint8_t {
        Loaded,    // read at the start, or anew
        Refused,   // could not be read anew; those before stay. Of no table alone
        Expiring,  // soon (certificate_watch.h)
        Expired,
    };
    What what = What::Loaded;
    base::WallTime time{};
    std::string table;                        // empty: of all
    std::vector<std::string> names;           // that its certificates are good for
    std::optional<base::WallTime> not_after;  // of the first that expires
    std::string detail;                       // why they were refused
};

/// A tap event, read once for all subscribers. Borrows from the tap event and `view`.
struct FeedEvent {
    explicit FeedEvent(const server::TapEvent& event, std::string_view view_name);

    const server::TapEvent& tap;
    std::string_view view;
    dns::Request request;
    bool has_question = false;
    std::optional<dns::RCode> rcode;  // with its extended bits; empty: no answer was sent
    std::uint16_t response_flags = 0;
    std::optional<std::uint8_t> ecs_scope;
    std::optional<std::uint32_t> answer_ttl;  // the least of the answer section
    std::vector<std::string> answers;         // rdata in presentation form, at most kMaxAnswers
    std::vector<std::uint16_t> extended_errors;

    static constexpr std::size_t kMaxAnswers = 16;
};

/// Where an event comes from, as its JSON names it.
struct FeedOrigin {
    std::string_view id;  // boot.sequence
    std::string_view node;
    std::string_view listener;  // address:port
};

/// What a subscriber may see of clients. Truncate: their prefix (/24, /48). Hash: a mark that is
/// the same for the same address or limited prefix, as long as the server runs. None: nothing. In
/// neither of the last two a client subnet (ECS) is shown, and where a client is on the map only in
/// Full.
struct ClientMask {
    Privacy privacy = Privacy::Full;
    std::string_view key = {};  // of the hash
};

/// The event in the one event model of all carriers (docs: the feed), one line.
[[nodiscard]] std::string query_event_json(const FeedEvent& event, const FeedOrigin& origin,
                                           const zones::Location& location,
                                           const ClientMask& mask = {});
[[nodiscard]] std::string limit_event_json(const server::LimitEvent& event, base::WallTime time,
                                           const FeedOrigin& origin, const ClientMask& mask = {});
[[nodiscard]] std::string change_event_json(const ChangeNotice& notice, const FeedOrigin& origin);
[[nodiscard]] std::string certificate_event_json(const CertificateNotice& notice,
                                                 const FeedOrigin& origin);

}  // namespace admin
