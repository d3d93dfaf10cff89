#include "zones/receipts.h"

#include <algorithm>

#include "zones/codec.h"

namespace zones {

namespace {

constexpr std::uint8_t kVersion = 1;

std::uint64_t unix_us(base::WallTime time) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(base::to_unix_us(time), 0));
}

ReceiptTotals totals_of(Draft& draft) {
    return ReceiptTotals::of(draft.get(Family::Default, std::string(kReceiptTotalsKey)));
}

/// Takes one out of the draft and the totals; not out of the order by age.
void forget(Draft& draft, ReceiptTotals& totals, const std::string& key, const std::string& value) {
    totals.octets -= std::min<std::uint64_t>(totals.octets, key.size() + value.size());
    totals.count -= std::min<std::uint64_t>(totals.count, 1);
    draft.erase(Family::Default, key);
}

}  // namespace

std::string ReceiptRecord::pack() const {
    ValueWriter out;
    out.u8(kVersion);
    out.u64(unix_us(time));
    out.u64(revision);
    out.text(value);
    return out.take();
}

std::optional<ReceiptRecord> ReceiptRecord::parse(std::string_view value) {
    ValueReader in(value);
    ReceiptRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    const std::uint64_t time = in.u64();
    if (time > static_cast<std::uint64_t>(base::kMaxUnixUs)) return std::nullopt;
    record.time = base::from_unix_us(static_cast<std::int64_t>(time));
    record.revision = in.u64();
    record.value = in.text();
    if (!in.complete()) return std::nullopt;
    return record;
}

std::string ReceiptRecord::key(std::string_view id) {
    return std::string(kReceiptPrefix) + std::string(id);
}

std::string ReceiptRecord::order_key(base::WallTime time, std::string_view id) {
    std::string key(kReceiptOrderPrefix);
    base::append_be64(key, unix_us(time));
    key += id;
    return key;
}

std::string ReceiptTotals::pack() const {
    ValueWriter out;
    out.u64(count);
    out.u64(octets);
    out.u64(oldest_us);
    return out.take();
}

ReceiptTotals ReceiptTotals::of(const std::optional<std::string>& value) {
    ReceiptTotals totals;
    if (!value) return totals;
    ValueReader in(*value);
    totals.count = in.u64();
    totals.octets = in.u64();
    totals.oldest_us = in.u64();
    return in.complete() ? totals : ReceiptTotals{};
}

void put_receipt(Draft& draft, const Receipt& receipt, Revision revision) {
    ReceiptTotals totals = totals_of(draft);
    std::string key = ReceiptRecord::key(receipt.id);
    if (const auto before = draft.get(Family::Default, key)) {
        const auto record = ReceiptRecord::parse(*before);
        if (record) {
            draft.erase(Family::Default, ReceiptRecord::order_key(record->time, receipt.id));
        }
        forget(draft, totals, key, *before);
    }
    std::string value = ReceiptRecord{receipt.time, revision, receipt.value}.pack();
    ++totals.count;
    totals.octets += key.size() + value.size();
    // A clock that was put back makes receipts that are older than the oldest.
    totals.oldest_us = std::min(totals.oldest_us, unix_us(receipt.time));
    draft.put(Family::Default, std::move(key), std::move(value));
    draft.put(Family::Default, ReceiptRecord::order_key(receipt.time, receipt.id), "");
    draft.put(Family::Default, std::string(kReceiptTotalsKey), totals.pack());
}

void trim_receipts(Draft& draft, const ReceiptLimits& limits, base::WallTime now,
                   std::size_t steps) {
    ReceiptTotals totals = totals_of(draft);
    bool changed = false;
    for (; steps > 0 && !draft.failed(); --steps) {
        const bool many = totals.count > limits.count || totals.octets > limits.octets;
        const bool old = totals.oldest_us < unix_us(now - limits.age);
        if (!many && !old) break;
        std::string from(kReceiptOrderPrefix);
        base::append_be64(from, totals.oldest_us);
        const auto row = draft.first(Family::Default, from, kReceiptOrderPrefix);
        changed = true;
        if (!row) {  // there are none left
            totals = {0, 0, unix_us(now)};
            break;
        }
        ValueReader in(std::string_view(row->first).substr(kReceiptOrderPrefix.size()));
        totals.oldest_us = in.u64();
        if (!many && totals.oldest_us >= unix_us(now - limits.age)) break;
        const std::string key =
            ReceiptRecord::key(std::string_view(row->first).substr(from.size()));
        if (const auto value = draft.get(Family::Default, key)) forget(draft, totals, key, *value);
        draft.erase(Family::Default, row->first);
    }
    if (changed) draft.put(Family::Default, std::string(kReceiptTotalsKey), totals.pack());
}

}  // namespace zones
