#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "server/limit_events.h"
#include "server/rrl.h"

namespace server {

/// Which prefixes are limited now, and what the log says about it: a line when that begins and one
/// when it is over. Told once in a while what was limited since; no clock, no thread of its own.
class RrlDiary {
  public:
    /// Prefixes remembered; what is beyond is limited all the same.
    static constexpr std::size_t kMaxLimitedPrefixes = 1024;
    /// Lines about a beginning, a minute; what is beyond is counted in one line.
    static constexpr std::size_t kMaxRrlLines = 10;
    /// How long nothing must have been limited until it is over.
    static constexpr std::chrono::seconds kQuiet{10};

    /// `say(warning, text)`: a line of the log.
    using Say = std::function<void(bool warning, const std::string& text)>;
    RrlDiary(std::uint32_t responses_per_second, Say say);

    void note(const std::vector<Rrl::Limited>& limited, base::MonoTime now);
    [[nodiscard]] std::size_t limited_prefixes() const noexcept { return prefixes_.size(); }

  private:
    struct Spell {
        base::MonoTime since{};
        base::MonoTime last{};
        std::uint64_t answers = 0;
        bool told = false;
    };
    void begin(const Rrl::Limited& what, Spell& spell, base::MonoTime now);
    void end(const base::IpPrefix& prefix, const Spell& spell);

    std::uint32_t responses_per_second_;
    Say say_;
    std::map<base::IpPrefix, Spell> prefixes_;
    base::MonoTime minute_{};  // when the lines were counted anew
    std::size_t lines_ = 0;
    std::size_t untold_ = 0;
};

/// Looks once a second at what was limited, on a thread of its own that gives way to all others:
/// the table is walked while something is limited, and no worker should wait for that.
class RrlWatch {
  public:
    /// `events` gets what was limited, for the feed.
    RrlWatch(Rrl& rrl, LimitEvents& events);
    ~RrlWatch();
    RrlWatch(const RrlWatch&) = delete;
    RrlWatch& operator=(const RrlWatch&) = delete;

    /// Any thread.
    [[nodiscard]] std::size_t limited_prefixes() const noexcept { return limited_prefixes_.load(); }

  private:
    void watch();

    Rrl& rrl_;
    LimitEvents& events_;
    RrlDiary diary_;
    std::atomic<std::size_t> limited_prefixes_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace server
