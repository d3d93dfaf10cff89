// Stored values other than nodes: what is accepted and packed reads back to what packs the same,
// and shows as JSON. The first octet says which.
#include <cstdlib>

#include "zones/key.h"
#include "zones/records.h"

namespace {

template <class Record>
void check(std::string_view value) {
    const auto record = Record::parse(value);
    if (!record) return;
    const std::string packed = record->pack();
    const auto again = Record::parse(packed);
    if (!again || again->pack() != packed) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view value = base::as_text({data + 1, size - 1});
    switch (data[0] % 8) {
        case 0:
            check<zones::ZoneRecord>(value);
            break;
        case 1:
            check<zones::DocumentRecord>(value);
            break;
        case 2:
            check<zones::PolicyRecord>(value);
            break;
        case 3:
            check<zones::LoadRecord>(value);
            break;
        case 4: {
            check<zones::JournalRecord>(value);
            const auto record = zones::JournalRecord::parse(value);
            if (record && zones::effects_json(record->effects).empty()) std::abort();
            break;
        }
        case 5: {
            const auto parts = zones::parse_node_key(value);
            if (parts &&
                zones::node_key(parts->zone, parts->relative_owner).size() != value.size()) {
                std::abort();
            }
            break;
        }
        case 6:
            check<zones::Counters>(value);
            break;
        default: {
            const auto id = zones::LoadRecord::parse_key(value);
            if (id && zones::LoadRecord::key(*id) != value) std::abort();
        }
    }
    return 0;
}
