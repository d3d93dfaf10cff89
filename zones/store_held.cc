#include "zones/documents.h"
#include "zones/key.h"
#include "zones/store_parts.h"

namespace zones {

namespace {

/// The apex whose record stands under this key of `zones`, in lower case.
std::optional<dns::Name> apex_of(std::string_view key) {
    // A node's key but for the zone id in front.
    const auto parts = parse_node_key(zone_prefix(0) + std::string(key));
    if (!parts) return std::nullopt;
    return absolute_owner(parts->relative_owner, dns::Name());
}

}  // namespace

base::Result<Counters> read_counters(Draft& draft, const std::string& directory) {
    const auto value = draft.get(Family::Default, std::string(kCountersKey));
    if (draft.failed()) return base::fail("store " + directory + ": cannot be read");
    if (!value) return Counters{};
    const auto counters = Counters::parse(*value);
    if (!counters) {
        return base::fail("store " + directory + ": damaged: its counters make no sense");
    }
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
        // The key says which zone it is, too: a record that names another one is damaged.
        if (record && ZoneRecord::key(record->apex) == cursor->key()) {
            zones.add(record->row());
            continue;
        }
        const auto apex = apex_of(cursor->key());
        if (apex) zones.add({*apex, kUnknownData, {}});
        if (options.log) {
            options.log("error", who + ": the record of the zone " +
                                     (apex ? apex->to_text()
                                           : "with the key " +
                                                 base::to_hex(base::as_octets(cursor->key()))) +
                                     " is damaged: its names are SERVFAIL");
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
