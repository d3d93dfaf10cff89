#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/feed_event.h"
#include "admin/feed_filter.h"
#include "net/loop.h"
#include "server/limit_events.h"
#include "server/tap.h"
#include "zones/geo.h"

namespace admin {

/// One event as it is sent, shared by all who get it.
struct FeedMessage {
    std::string id;    // boot.sequence
    std::string json;  // one line
};
using FeedBatch = std::vector<std::shared_ptr<const FeedMessage>>;

/// Why a subscription ends.
enum class FeedEnd : std::uint8_t {
    Stopping,  // the server stops
    Revoked,   // its grant does not hold any more
};

/// One carrier's end of a subscription (WebSocket, SSE, NDJSON). The feed calls it on the admin
/// loop.
class FeedSubscriber {
  public:
    virtual ~FeedSubscriber() = default;
    /// Can the peer take more now? While it cannot, events wait in the feed's queue, and the
    /// oldest are dropped when that is full.
    [[nodiscard]] virtual bool ready() const = 0;
    /// `dropped` events were lost for this subscriber since the last call. Never both empty.
    virtual void send(const FeedBatch& batch, std::uint64_t dropped) = 0;
    /// Nothing was sent for kHeartbeat.
    virtual void heartbeat() = 0;
    virtual void end(FeedEnd why) = 0;
};

/// What a subscriber may see, and for how long.
struct FeedGrant {
    Privacy privacy = Privacy::Full;
    /// Asked every kGrantEvery; after a "no" the subscriber is ended. Empty: for good.
    std::function<bool()> holds = {};
};

/// Where the feed's events come from; a test gives its own.
struct FeedSources {
    std::vector<server::Tap*> taps;
    server::LimitEvents* limits = nullptr;  // null: none come
    std::string node;
    std::vector<std::string> listeners;  // by index
    std::function<std::shared_ptr<const zones::GeoDatabases>()> geo;
    std::function<std::string(zones::ViewId)> view_name;
};

/// The fan-out of queries, changes, what limits did and what became of certificates to subscribers.
/// The taps are switched on only while somebody subscribes to queries, likewise the events of
/// limits; DNS never waits for the feed, nor one subscriber for another. Admin loop only. Outlives
/// the HTTP servers.
class Feed {
  public:
    static constexpr std::chrono::milliseconds kTick{50};
    static constexpr std::chrono::seconds kHeartbeat{10};
    static constexpr std::chrono::seconds kLimitsEvery{
        1};  // what a limit does to a prefix is one event
    static constexpr std::chrono::seconds kGrantEvery{1};
    static constexpr std::size_t kMaxSubscribers = 256;
    static constexpr std::size_t kQueueEvents = 4096;                  // per subscriber
    static constexpr std::size_t kQueueOctets = std::size_t{4} << 20;  // per subscriber
    static constexpr std::size_t kBatchEvents = 256;                   // per message
    static constexpr std::size_t kDrainPerTick = 4096;                 // per tap

    Feed(net::Loop& loop, FeedSources sources);
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    /// False: there are kMaxSubscribers already. Called again it only changes the filter.
    [[nodiscard]] bool subscribe(FeedSubscriber& subscriber, FeedFilter filter,
                                 FeedGrant grant = {});
    void unsubscribe(FeedSubscriber& subscriber);
    /// Keeps a subscriber that nobody else owns until `disown`, which destroys it.
    void own(std::unique_ptr<FeedSubscriber> subscriber);
    void disown(FeedSubscriber& subscriber);

    void publish(const ChangeNotice& notice);
    void publish(const CertificateNotice& notice);
    /// Ends every carrier: the server stops.
    void end();
    /// Drains the taps and sends what waits; the timer's work, and a test's.
    void tick();

    /// The id that the next event will have.
    [[nodiscard]] std::string next_id() const;
    [[nodiscard]] const std::string& node() const noexcept { return sources_.node; }
    [[nodiscard]] std::size_t subscribers() const noexcept { return subscribers_.size(); }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    struct Subscription {
        FeedFilter filter;
        FeedGrant grant;
        std::deque<std::shared_ptr<const FeedMessage>> queue;
        std::size_t queued_octets = 0;
        std::uint64_t dropped = 0;  // not told yet
        base::MonoTime last_sent{};
        base::MonoTime last_held{};  // its grant
    };

    template <class Notice, class Write>
    void publish(const Notice& notice, Write write);
    void switch_taps();
    void check_grants(base::MonoTime now);
    void take(const server::TapEvent& tap);
    void take_limits(base::MonoTime now);
    void push(Subscription& subscription, const std::shared_ptr<const FeedMessage>& message);
    void flush(FeedSubscriber& subscriber, Subscription& subscription);
    [[nodiscard]] std::uint64_t tap_drops() const;

    FeedSources sources_;
    net::Timer timer_;
    std::string boot_;      // of this process: ids of an earlier one are recognized
    std::string mask_key_;  // of what Privacy::Hash shows
    std::uint64_t sequence_ = 0;
    std::map<FeedSubscriber*, Subscription> subscribers_;
    std::vector<std::unique_ptr<FeedSubscriber>> owned_;
    std::map<zones::ViewId, std::string> view_names_;       // during a tick
    std::shared_ptr<const zones::GeoDatabases> locations_;  // during a tick
    std::uint64_t events_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t tap_drops_seen_ = 0;
    std::uint64_t limit_drops_seen_ = 0;
    base::MonoTime limits_taken_{};
};

}  // namespace admin
