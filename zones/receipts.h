#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "zones/change_set.h"
#include "zones/draft.h"

namespace zones {

/// What the store keeps of requests that may be sent again (Receipt in change_set.h), in `default`
/// so that it is written with the change set that it speaks of.
struct ReceiptRecord {
    base::WallTime time{};
    Revision revision = 0;
    std::string value;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<ReceiptRecord> parse(std::string_view value);
    [[nodiscard]] static std::string key(std::string_view id);
    /// By age: the time, then the id.
    [[nodiscard]] static std::string order_key(base::WallTime time, std::string_view id);
};
inline constexpr std::string_view kReceiptPrefix = "receipt/";
inline constexpr std::string_view kReceiptOrderPrefix = "receipt-by/";

/// How many there are, what they take, and a time before which none is kept: where the search for
/// the oldest begins, because before it lie only marks of what was deleted.
struct ReceiptTotals {
    std::uint64_t count = 0;
    std::uint64_t octets = 0;
    std::uint64_t oldest_us = 0;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static ReceiptTotals of(const std::optional<std::string>& value);
};
inline constexpr std::string_view kReceiptTotalsKey = "receipts";

struct ReceiptLimits {
    base::Duration age = std::chrono::hours(24);
    std::uint64_t count = 1000000;
    std::uint64_t octets = std::uint64_t{256} << 20;
};

/// Puts a receipt into a draft, in place of an older one of this id. The committer's thread, as
/// all below.
void put_receipt(Draft& draft, const Receipt& receipt, Revision revision);

/// Lets go of receipts beyond the limits, the oldest first, at most `steps` of them.
void trim_receipts(Draft& draft, const ReceiptLimits& limits, base::WallTime now,
                   std::size_t steps);

}  // namespace zones
