#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/octets.h"

namespace zones {

/// Places in the store that cannot be read back as they were written: counted once each, and told
/// to the log once each, however often a query asks for them. Never served.
///
/// Any thread. Remembers the first `kRemembered` places; of those beyond it knows no more than
/// that there are some.
class Damage {
  public:
    using Log = std::function<void(std::string_view level, const std::string& message)>;
    static constexpr std::size_t kRemembered = 10000;

    /// `who` begins each message. Before anyone else knows of this object.
    void log_to(Log log, std::string who);
    /// A place, as text, and what is wrong with it (may be empty).
    void report(const std::string& place, const std::string& why);
    /// A node or another value whose octets make no sense, by its key.
    void report_key(std::string_view key);
    [[nodiscard]] std::uint64_t places() const noexcept { return places_.load(); }

  private:
    Log log_;
    std::string who_;
    std::atomic<std::uint64_t> places_{0};
    std::mutex mutex_;
    std::set<std::string, std::less<>> seen_;  // guarded by mutex_
};

}  // namespace zones
