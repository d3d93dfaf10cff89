#include "server/rrl_watch.h"

#include <utility>

#include "base/thread.h"
#include "server/log.h"

namespace server {

namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr int kNiceness = 10;

}  // namespace

RrlDiary::RrlDiary(std::uint32_t responses_per_second, Say say)
    : responses_per_second_(responses_per_second), say_(std::move(say)) {}

void RrlDiary::note(const std::vector<Rrl::Limited>& limited, base::MonoTime now) {
    if (now - minute_ >= std::chrono::minutes(1)) {
        if (untold_ > 0) {
            say_(true, "answers to " + std::to_string(untold_) +
                           " more prefixes are limited, or were within a minute");
        }
        minute_ = now;
        lines_ = untold_ = 0;
    }
    for (const Rrl::Limited& what : limited) {
        auto known = prefixes_.find(what.prefix);
        if (known == prefixes_.end()) {
            if (prefixes_.size() >= kMaxLimitedPrefixes) {
                ++untold_;
                continue;
            }
            known = prefixes_.emplace(what.prefix, Spell{}).first;
            begin(what, known->second, now);
        }
        known->second.last = now;
        known->second.answers += what.answers;
    }
    for (auto at = prefixes_.begin(); at != prefixes_.end();) {
        if (now - at->second.last < kQuiet) {
            ++at;
            continue;
        }
        end(at->first, at->second);
        at = prefixes_.erase(at);
    }
}

void RrlDiary::begin(const Rrl::Limited& what, Spell& spell, base::MonoTime now) {
    spell.since = now;
    if (lines_ >= kMaxRrlLines) {
        ++untold_;
        return;
    }
    ++lines_;
    spell.told = true;
    const bool all = what.kind == RrlKind::All;
    const std::uint64_t rate = std::uint64_t{responses_per_second_} * (all ? Rrl::kAllFactor : 1);
    say_(true, "answers to " + what.prefix.to_text() + " are limited: more than " +
                   std::to_string(rate) + " a second " +
                   (all ? std::string("of all kinds together")
                        : "of kind " + std::string(to_text(what.kind))) +
                   ". Its addresses may be forged to flood it; if these are clients of yours, see "
                   "limits.responses_per_second and limits.rrl_exempt");
}

void RrlDiary::end(const base::IpPrefix& prefix, const Spell& spell) {
    if (!spell.told) return;
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(spell.last - spell.since).count() + 1;
    say_(false, "answers to " + prefix.to_text() +
                    " are no longer limited: " + std::to_string(spell.answers) +
                    " were dropped or truncated within " + std::to_string(seconds) + " s");
}

RrlWatch::RrlWatch(Rrl& rrl, LimitEvents& events)
    : rrl_(rrl),
      events_(events),
      diary_(
          rrl.settings().responses_per_second,
          [](bool warning, const std::string& text) { warning ? log_warn(text) : log_info(text); }),
      thread_([this] { watch(); }) {}

RrlWatch::~RrlWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void RrlWatch::watch() {
    base::name_thread("rrl");
    base::lower_priority(kNiceness);
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
        const std::vector<Rrl::Limited> limited = rrl_.limited();
        if (events_.active()) {
            for (const Rrl::Limited& what : limited) {
                events_.note({.limit = kLimitRrl,
                              .kind = to_text(what.kind),
                              .prefix = what.prefix,
                              .times = what.answers});
            }
        }
        diary_.note(limited, base::mono_now());
        limited_prefixes_.store(diary_.limited_prefixes());
    }
}

}  // namespace server
