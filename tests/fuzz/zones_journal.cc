// Journal entries, as a damaged or foreign store may hold them: what is accepted and packed reads
// back to the same, shows as JSON with balanced brackets, and is brought together by a revert
// without a surprise. The first octet says which of the journal's records it is.
#include <cstdlib>

#include "zones/documents.h"
#include "zones/proposal.h"
#include "zones/records.h"

namespace {

void check_shown(const std::string& json) {
    if (json.size() < 2 || json.front() != '[' || json.back() != ']') std::abort();
    // Values that are JSON already are shown as they were stored, so only what is outside of them
    // is ours to promise: an entry of RRsets alone is well-formed.
    bool in_string = false;
    int depth = 0;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            } else if (static_cast<unsigned char>(c) < 0x20) {
                std::abort();
            }
            continue;
        }
        if (c == '"') in_string = true;
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        if (depth < 0) std::abort();
    }
    if (in_string || depth != 0) std::abort();
}

void check_entry(std::string_view value) {
    auto record = zones::JournalRecord::parse(value);
    if (!record) return;
    const std::string packed = record->pack();
    const auto again = zones::JournalRecord::parse(packed);
    if (!again || again->pack() != packed) std::abort();
    bool rrsets_alone = true;
    for (const zones::Effect& effect : record->effects) {
        if (effect.kind != zones::Effect::Kind::RRset) rrsets_alone = false;
        for (const auto& side : {effect.before, effect.after}) {
            if (!side) continue;
            (void)zones::parse_data_id(*side);
            (void)zones::parse_zone_properties(*side);
        }
    }
    const std::string json = zones::effects_json(record->effects);
    if (rrsets_alone) check_shown(json);
    const std::size_t effects = record->effects.size();
    zones::merge_effects(record->effects);
    if (record->effects.size() > effects) std::abort();
    (void)zones::effects_json(record->effects);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view value = base::as_text({data + 1, size - 1});
    switch (data[0] % 4) {
        case 0: {
            const auto record = zones::RetainedRecord::parse(value);
            if (record && record->pack() != value) std::abort();
            break;
        }
        case 1: {
            const auto order = zones::RetainedRecord::parse_order_key(value);
            if (order && zones::RetainedRecord::order_key(order->revision, order->id) != value) {
                std::abort();
            }
            break;
        }
        default:
            check_entry(value);
    }
    return 0;
}
