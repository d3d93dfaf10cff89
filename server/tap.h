#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/ip.h"
#include "base/octets.h"
#include "base/time.h"
#include "zones/ids.h"

namespace server {

enum class Role : std::uint8_t { Auth, Recursive, Both };
enum class Transport : std::uint8_t { Udp, Tcp, Dot, Doh, Doq };
/// Limited: truncated by response rate limiting. Dropped: it left nothing.
enum class Action : std::uint8_t { Answered, Refused, Dropped, FormErr, NotImp, ServFail, Limited };
enum class CacheUse : std::uint8_t { None, Hit, Miss, Stale };

[[nodiscard]] std::string_view to_text(Role role) noexcept;
[[nodiscard]] std::string_view to_text(Transport transport) noexcept;
[[nodiscard]] std::string_view to_text(Action action) noexcept;
/// "hit", "miss", "stale"; empty for None.
[[nodiscard]] std::string_view to_text(CacheUse use) noexcept;

/// One query as it happened. Everything is borrowed for the call in which it is passed.
struct TapEvent {
    base::WallTime time{};
    std::uint32_t latency_us = 0;
    Role role = Role::Auth;  // who answered: our zones (Auth) or the resolver (Recursive)
    Transport transport = Transport::Udp;
    Action action = Action::Answered;
    CacheUse cache = CacheUse::None;
    std::uint32_t stale_age_s = 0;
    std::uint16_t listener = 0;  // index into Server's listeners
    base::Endpoint client;
    zones::ViewId view = zones::kDefaultView;
    zones::Revision revision = 0;
    base::Octets request;   // as received
    base::Octets response;  // as sent; empty if dropped. At most kTapResponseOctets of it.
    std::uint32_t response_size = 0;  // the whole response
    base::Octets zone;                // apex in wire form; empty if no zone of ours
    std::string_view rule, pool, member;
    std::uint16_t upstream_queries = 0;
    base::Endpoint upstream;  // asked last, if upstream_queries > 0
};
inline constexpr std::size_t kTapResponseOctets = 2048;

/// A ring from one worker to the feed. While nobody listens a query costs one relaxed load.
/// Full: the event is dropped and counted; a worker never waits.
///
/// `active` and `record`: the worker's thread. `drain`: one consumer's thread. `set_active`,
/// `dropped`: any thread.
class Tap {
  public:
    static constexpr std::size_t kDefaultOctets = std::size_t{1} << 20;

    explicit Tap(std::size_t octets = kDefaultOctets);  // rounded up to a power of two
    ~Tap();
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

    [[nodiscard]] bool active() const noexcept { return active_.load(std::memory_order_relaxed); }
    void set_active(bool active) noexcept { active_.store(active, std::memory_order_relaxed); }

    void record(const TapEvent& event) noexcept;
    /// Hands at most `limit` events to `consume`, oldest first; returns how many.
    std::size_t drain(std::size_t limit, const std::function<void(const TapEvent&)>& consume);
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }

  private:
    std::size_t capacity_;
    std::unique_ptr<std::uint8_t[]> ring_;
    std::atomic<bool> active_{false};
    alignas(64) std::atomic<std::uint64_t> head_{0};  // octets ever written, by the worker
    alignas(64) std::atomic<std::uint64_t> tail_{0};  // octets ever consumed, by the feed
    alignas(64) std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace server
