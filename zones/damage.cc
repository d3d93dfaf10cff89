#include "zones/damage.h"

#include <utility>

namespace zones {

void Damage::log_to(Log log, std::string who) {
    log_ = std::move(log);
    who_ = std::move(who);
}

void Damage::report(const std::string& place, const std::string& why) {
    bool last = false;
    {
        const std::lock_guard lock(mutex_);
        if (seen_.size() >= kRemembered || !seen_.insert(place).second) return;
        last = seen_.size() == kRemembered;
        places_.store(seen_.size());
    }
    if (!log_) return;
    log_("error", who_ + ": damaged: " + place + (why.empty() ? "" : ": " + why));
    if (last) log_("error", who_ + ": damaged: more places are not told of");
}

void Damage::report_key(std::string_view key) {
    report("the data at key " + base::to_hex(base::as_octets(key)), "makes no sense");
}

}  // namespace zones
