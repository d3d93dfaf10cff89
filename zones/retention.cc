#include "zones/retention.h"

#include <algorithm>

#include "zones/key.h"
#include "zones/records.h"

namespace zones {

namespace {

/// Where the search for the oldest entry begins: before it lie only marks of what was deleted.
std::optional<Draft::Row> oldest_row(Draft& draft, const HistoryRecord& history) {
    return draft.first(Family::Journal, JournalRecord::key(history.oldest), "r");
}

/// Data that the change set of `revision` or an older one let go. True: one piece went.
bool drop_retained(Draft& draft, Revision revision, HistoryRecord& history) {
    const std::string prefix(kRetainedOrderPrefix);
    const auto row = draft.first(Family::Default, prefix, prefix);
    const auto order = row ? RetainedRecord::parse_order_key(row->first) : std::nullopt;
    if (!order || order->revision > revision) return false;
    const std::string key = RetainedRecord::key(order->id);
    const auto value = draft.get(Family::Default, key);
    const auto record = value ? RetainedRecord::parse(*value) : std::nullopt;
    for (const KeyRange& range : zone_ranges(order->id, order->id + 1)) {
        draft.erase_range(Family::Nodes, range.from, range.to);
        draft.erase_range(Family::Meta, range.from, range.to);
    }
    draft.erase(Family::Default, key);
    draft.erase(Family::Default, row->first);
    if (record) history.octets -= std::min(history.octets, record->octets);
    return true;
}

}  // namespace

Trimmed trim_history(Draft& draft, const HistoryLimits& limits, base::WallTime now, Revision newest,
                     std::size_t steps) {
    Trimmed trimmed;
    if (limits.age == base::Duration{} && limits.octets == 0) return trimmed;
    HistoryRecord history = HistoryRecord::of(draft.get(Family::Default, std::string(kHistoryKey)));
    bool changed = false;
    while (!draft.failed()) {
        const auto row = oldest_row(draft, history);
        if (!row) break;
        const Revision revision = JournalRecord::revision_of(row->first);
        const auto record = JournalRecord::parse(row->second);
        const bool large = limits.octets != 0 && history.octets > limits.octets;
        // A damaged entry tells no time; it goes when it is too much, or with those after it.
        const bool old =
            limits.age != base::Duration{} && record && now - record->time > limits.age;
        if (revision >= newest || (!large && !old)) break;
        if (steps == 0) {
            trimmed.more = true;
            break;
        }
        --steps;
        changed = true;
        if (drop_retained(draft, revision, history)) continue;
        draft.erase(Family::Journal, row->first);
        if (record) {
            for (const std::string& zone : record->zones) {
                if (const auto apex = dns::Name::parse(zone)) {
                    draft.erase(Family::Journal, JournalRecord::zone_key(*apex, revision));
                }
            }
        }
        history.octets -=
            std::min<std::uint64_t>(history.octets, row->first.size() + row->second.size());
        history.oldest = revision + 1;
        ++trimmed.entries;
    }
    if (changed) draft.put(Family::Default, std::string(kHistoryKey), history.pack());
    return trimmed;
}

Revision oldest_kept(Draft& draft) {
    const auto row =
        oldest_row(draft, HistoryRecord::of(draft.get(Family::Default, std::string(kHistoryKey))));
    return row ? JournalRecord::revision_of(row->first) : 0;
}

}  // namespace zones
