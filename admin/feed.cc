#include "admin/feed.h"

#include <algorithm>
#include <array>

#include "admin/tokens.h"
#include "base/octets.h"
#include "base/random.h"

namespace admin {

Feed::Feed(net::Loop& loop, FeedSources sources) : sources_(std::move(sources)), timer_(loop) {
    std::uint8_t raw[4];
    base::secure_fill(raw);
    boot_ = base::to_hex(raw);
    mask_key_ = make_secret();
}

Feed::~Feed() {
    subscribers_.clear();
    switch_taps();
}

bool Feed::subscribe(FeedSubscriber& subscriber, FeedFilter filter, FeedGrant grant) {
    const auto known = subscribers_.find(&subscriber);
    if (known != subscribers_.end()) {
        known->second.filter = std::move(filter);
    } else {
        if (subscribers_.size() >= kMaxSubscribers) return false;
        if (subscribers_.empty()) {
            tap_drops_seen_ = tap_drops();
            timer_.start_repeating(kTick, [this] { tick(); });
        }
        Subscription subscription;
        subscription.filter = std::move(filter);
        subscription.grant = std::move(grant);
        subscription.last_sent = subscription.last_held = base::mono_now();
        subscribers_.emplace(&subscriber, std::move(subscription));
    }
    switch_taps();
    return true;
}

void Feed::unsubscribe(FeedSubscriber& subscriber) {
    if (subscribers_.erase(&subscriber) == 0) return;
    if (subscribers_.empty()) timer_.stop();
    switch_taps();
}

void Feed::own(std::unique_ptr<FeedSubscriber> subscriber) {
    owned_.push_back(std::move(subscriber));
}

void Feed::disown(FeedSubscriber& subscriber) {
    unsubscribe(subscriber);
    std::erase_if(owned_, [&](const auto& owned) { return owned.get() == &subscriber; });
}

void Feed::end() {
    std::vector<FeedSubscriber*> all;
    for (auto& entry : subscribers_) all.push_back(entry.first);
    for (FeedSubscriber* subscriber : all) subscriber->end(FeedEnd::Stopping);
}

void Feed::check_grants(base::MonoTime now) {
    std::vector<FeedSubscriber*> revoked;
    for (auto& entry : subscribers_) {
        Subscription& one = entry.second;
        if (!one.grant.holds || now - one.last_held < kGrantEvery) continue;
        one.last_held = now;
        if (!one.grant.holds()) revoked.push_back(entry.first);
    }
    for (FeedSubscriber* subscriber : revoked) {
        if (subscribers_.find(subscriber) != subscribers_.end()) subscriber->end(FeedEnd::Revoked);
    }
}

void Feed::switch_taps() {
    const bool wanted =
        std::any_of(subscribers_.begin(), subscribers_.end(),
                    [](const auto& entry) { return entry.second.filter.wants_queries(); });
    for (server::Tap* tap : sources_.taps) {
        if (tap->active() == wanted) continue;
        // What a tap still holds from its last subscriber is nobody's now.
        if (wanted) tap->drain(~std::size_t{0}, [](const server::TapEvent&) {});
        tap->set_active(wanted);
    }
    if (sources_.limits == nullptr) return;
    const bool limits_wanted =
        std::any_of(subscribers_.begin(), subscribers_.end(),
                    [](const auto& entry) { return entry.second.filter.wants_limits(); });
    if (sources_.limits->active() == limits_wanted) return;
    sources_.limits->set_active(limits_wanted);
    limit_drops_seen_ = sources_.limits->dropped();
}

std::string Feed::next_id() const {
    return boot_ + '.' + std::to_string(sequence_ + 1);
}

std::uint64_t Feed::tap_drops() const {
    std::uint64_t sum = 0;
    for (const server::Tap* tap : sources_.taps) sum += tap->dropped();
    return sum;
}

/// One message for all whose filter it matches: it shows nothing of clients.
template <class Notice, class Write>
void Feed::publish(const Notice& notice, Write write) {
    if (subscribers_.empty()) return;
    const std::string id = next_id();
    ++sequence_;
    ++events_;
    std::shared_ptr<const FeedMessage> message;
    for (auto& entry : subscribers_) {
        if (!entry.second.filter.matches(notice)) continue;
        if (!message) {
            message = std::make_shared<const FeedMessage>(
                FeedMessage{id, write(notice, {.id = id, .node = sources_.node, .listener = {}})});
        }
        push(entry.second, message);
    }
}

void Feed::publish(const ChangeNotice& notice) {
    publish(notice, change_event_json);
}

void Feed::publish(const CertificateNotice& notice) {
    publish(notice, certificate_event_json);
}

void Feed::take(const server::TapEvent& tap) {
    auto name = view_names_.find(tap.view);
    if (name == view_names_.end()) {
        name = view_names_.emplace(tap.view, sources_.view_name(tap.view)).first;
    }
    const FeedEvent event(tap, name->second);
    const std::string id = next_id();
    ++sequence_;
    ++events_;
    // One message for all who may see the same.
    std::array<std::shared_ptr<const FeedMessage>, kPrivacyLevels> messages;
    for (auto& entry : subscribers_) {
        if (!entry.second.filter.matches(event)) continue;
        const Privacy privacy = entry.second.grant.privacy;
        std::shared_ptr<const FeedMessage>& message = messages[static_cast<std::size_t>(privacy)];
        if (!message) {
            const std::string_view listener =
                tap.listener < sources_.listeners.size()
                    ? std::string_view(sources_.listeners[tap.listener])
                    : std::string_view();
            const zones::Location location =
                locations_ ? locations_->locate(tap.client.address) : zones::Location();
            message = std::make_shared<const FeedMessage>(FeedMessage{
                id, query_event_json(event, {.id = id, .node = sources_.node, .listener = listener},
                                     location, {.privacy = privacy, .key = mask_key_})});
        }
        push(entry.second, message);
    }
}

void Feed::take_limits(base::MonoTime now) {
    if (sources_.limits == nullptr || !sources_.limits->active()) return;
    if (now - limits_taken_ < kLimitsEvery) return;
    limits_taken_ = now;
    const base::WallTime time = base::wall_now();
    for (const server::LimitEvent& event : sources_.limits->take()) {
        const std::string id = next_id();
        ++sequence_;
        ++events_;
        std::array<std::shared_ptr<const FeedMessage>, kPrivacyLevels> messages;
        for (auto& entry : subscribers_) {
            if (!entry.second.filter.matches(event)) continue;
            const Privacy privacy = entry.second.grant.privacy;
            auto& message = messages[static_cast<std::size_t>(privacy)];
            if (!message) {
                message = std::make_shared<const FeedMessage>(FeedMessage{
                    id,
                    limit_event_json(event, time, {.id = id, .node = sources_.node, .listener = {}},
                                     {.privacy = privacy, .key = mask_key_})});
            }
            push(entry.second, message);
        }
    }
    const std::uint64_t drops = sources_.limits->dropped();
    const std::uint64_t fresh = drops - limit_drops_seen_;
    limit_drops_seen_ = drops;
    dropped_ += fresh;
    for (auto& entry : subscribers_) {
        if (entry.second.filter.wants_limits()) entry.second.dropped += fresh;
    }
}

void Feed::push(Subscription& subscription, const std::shared_ptr<const FeedMessage>& message) {
    subscription.queue.push_back(message);
    subscription.queued_octets += message->json.size();
    while (subscription.queue.size() > kQueueEvents || subscription.queued_octets > kQueueOctets) {
        subscription.queued_octets -= subscription.queue.front()->json.size();
        subscription.queue.pop_front();
        ++subscription.dropped;
        ++dropped_;
    }
}

void Feed::tick() {
    check_grants(base::mono_now());
    view_names_.clear();  // views may have been renamed since
    locations_ = sources_.geo ? sources_.geo() : nullptr;
    for (server::Tap* tap : sources_.taps) {
        tap->drain(kDrainPerTick, [this](const server::TapEvent& event) { take(event); });
    }
    take_limits(base::mono_now());
    const std::uint64_t drops = tap_drops();
    const std::uint64_t fresh = drops - tap_drops_seen_;
    tap_drops_seen_ = drops;
    dropped_ += fresh;

    // A carrier may lose its peer while it sends, and leave; so the list is copied first.
    std::vector<FeedSubscriber*> all;
    for (auto& entry : subscribers_) {
        if (entry.second.filter.wants_queries()) entry.second.dropped += fresh;
        all.push_back(entry.first);
    }
    for (FeedSubscriber* subscriber : all) {
        const auto entry = subscribers_.find(subscriber);
        if (entry != subscribers_.end()) flush(*subscriber, entry->second);
    }
}

void Feed::flush(FeedSubscriber& subscriber, Subscription& subscription) {
    const base::MonoTime now = base::mono_now();
    while ((!subscription.queue.empty() || subscription.dropped > 0) && subscriber.ready()) {
        FeedBatch batch;
        while (!subscription.queue.empty() && batch.size() < kBatchEvents) {
            subscription.queued_octets -= subscription.queue.front()->json.size();
            batch.push_back(std::move(subscription.queue.front()));
            subscription.queue.pop_front();
        }
        const std::uint64_t dropped = subscription.dropped;
        subscription.dropped = 0;
        subscription.last_sent = now;
        subscriber.send(batch, dropped);
        if (subscribers_.find(&subscriber) == subscribers_.end()) return;
    }
    if (now - subscription.last_sent >= kHeartbeat && subscriber.ready()) {
        subscription.last_sent = now;
        subscriber.heartbeat();
    }
}

}  // namespace admin
