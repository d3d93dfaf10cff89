#include "zones/documents.h"
#include "zones/store_parts.h"

namespace zones {

base::Result<Counters> read_counters(Draft& draft, const std::string& directory) {
    const auto value = draft.get(Family::Default, std::string(kCountersKey));
    if (draft.failed()) return base::fail("store " + directory + ": cannot be read");
    if (!value) return Counters{};
    const auto counters = Counters::parse(*value);
    if (!counters)
        return base::fail("store " + directory + ": damaged: its counters make no sense");
    return *counters;
}

base::Result<Held> read_held(KeyValueStore& store, const StoreOptions& options,
                             const GeoDatabases& geo) {
    const std::string who = "store " + options.directory;
    Draft draft(store);
    auto counters = read_counters(draft, options.directory);
    if (!counters) return base::fail(std::move(counters.error()));
    Held held;
    held.counters = *counters;
    Published& published = held.published;
    published.revision = counters->revision;
    ZoneTable::Builder zones;
    const auto cursor = store.cursor(Family::Zones, nullptr, true);
    for (cursor->seek(""); cursor->valid(); cursor->next()) {
        const auto record = ZoneRecord::parse(cursor->value());
        if (record) {
            zones.add(record->row());
        } else if (options.log) {
            options.log("error", who + ": a damaged zone record is left out, key " +
                                     base::to_hex(base::as_octets(cursor->key())));
        }
    }
    if (cursor->status() != KeyValueStore::Read::Found) {
        return base::fail(who + ": the zones cannot be read");
    }
    published.zones = zones.finish();

    ViewDocuments views = read_views(draft);
    published.views =
        std::make_shared<const ViewTable>(std::move(views.views), std::move(views.networks));
    auto policies = compile_policies(draft, geo);
    if (!policies) return base::fail(who + ": " + policies.error().message);
    published.policies = std::move(*policies);
    if (draft.failed()) return base::fail(who + ": cannot be read");
    published.snapshot = store.snapshot();
    return held;
}

}  // namespace zones
