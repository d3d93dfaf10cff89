#include <algorithm>

#include "dns/rdata.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/records.h"
#include "zones/store_parts.h"
#include "zones/zone_cursor.h"
#include "zones/zone_diff.h"

namespace zones {

namespace {

using Read = KeyValueStore::Read;

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    return out;
}

/// The first key after all that begin with `prefix`, which does not end with ff.
std::string after_prefix(std::string prefix) {
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

base::Unexpected<base::Error> unreadable() {
    return base::fail("the store cannot be read");
}
base::Unexpected<base::Error> damaged(const char* what) {
    return base::fail(std::string("the store holds a damaged ") + what);
}

JournalEntry entry_of(Revision revision, JournalRecord record) {
    JournalEntry entry;
    entry.revision = revision;
    entry.author = std::move(record.author);
    entry.request_id = std::move(record.request_id);
    entry.message = std::move(record.message);
    entry.time = record.time;
    entry.zones = std::move(record.zones);
    return entry;
}

bool concerns(const Effect& effect, const ChangeFilter::Resource& resource) {
    using Kind = ChangeFilter::Resource::Kind;
    if (resource.kind == Kind::Document) {
        return effect.kind == Effect::Kind::Document && effect.label == resource.label &&
               effect.id == resource.id;
    }
    if (effect.kind == Effect::Kind::Document || !(effect.zone == resource.zone) ||
        (resource.view && effect.view != *resource.view)) {
        return false;
    }
    if (resource.kind == Kind::Policy) {
        return effect.kind == Effect::Kind::Policy && effect.name == resource.name &&
               effect.label == resource.label;
    }
    if (effect.kind == Effect::Kind::Data) return effect.label != kOverlayLabel;
    return effect.kind == Effect::Kind::RRset && effect.name == resource.name &&
           effect.type == resource.type;
}

bool matches(const JournalRecord& record, const ChangeFilter& filter) {
    if (!filter.author.empty() && record.author != filter.author) return false;
    if (filter.from && record.time < *filter.from) return false;
    if (!filter.resource) return true;
    return std::any_of(
        record.effects.begin(), record.effects.end(),
        [&filter](const Effect& effect) { return concerns(effect, *filter.resource); });
}

class Reader : public StoreReader {
  public:
    Reader(KeyValueStore& store, const Published& published)
        : store_(store), revision_(published.revision), snapshot_(published.snapshot) {}

    [[nodiscard]] Revision revision() const override { return revision_; }

    [[nodiscard]] base::Result<Zones> zones(const std::optional<dns::Name>& after,
                                            std::size_t limit, std::string_view search) override {
        Zones found;
        const std::string wanted = lower(search);
        const auto cursor = store_.cursor(Family::Zones, snapshot_, true);
        // No name's key is another one's and 00: that key stands right behind.
        cursor->seek(after ? ZoneRecord::key(*after) + '\0' : "");
        std::optional<dns::Name> last = after;
        std::size_t examined = 0;
        for (; cursor->valid(); cursor->next()) {
            if (found.zones.size() == limit || examined == kMaxZonesExamined) {
                found.next = last;
                return found;
            }
            const auto record = ZoneRecord::parse(cursor->value());
            if (!record) return damaged("zone record");
            last = record->apex;
            if (!wanted.empty()) {
                ++examined;
                if (lower(record->apex.to_text()).find(wanted) == std::string::npos) continue;
            }
            auto info = info_of(*record);
            if (!info) return base::fail(info.error());
            found.zones.push_back(std::move(*info));
        }
        if (cursor->status() != Read::Found) return unreadable();
        return found;
    }

    [[nodiscard]] base::Result<std::optional<ZoneInfo>> zone(const dns::Name& apex) override {
        const auto record = zone_record(apex);
        if (!record) return base::fail(record.error());
        if (!*record) return std::optional<ZoneInfo>();
        auto info = info_of(**record);
        if (!info) return base::fail(info.error());
        return std::optional<ZoneInfo>(std::move(*info));
    }

    [[nodiscard]] base::Result<std::vector<RRsetInfo>> rrsets(const dns::Name& apex,
                                                              std::string_view view,
                                                              const std::optional<Position>& after,
                                                              std::size_t limit) override {
        std::vector<RRsetInfo> infos;
        const auto where = variant(apex, view);
        if (!where) return base::fail(where.error());
        if (where->id == 0) return infos;
        ZoneCursor cursor(store_, snapshot_, where->id);
        std::string from;
        if (after && after->name.view().is_at_or_below(apex)) {
            const Octets owner = relative_owner(after->name, apex);
            append_owner_key(from, owner);
            cursor.seek(owner);
        }
        for (; cursor.state() == ZoneCursor::State::Node; cursor.next()) {
            const bool first = after && cursor.key().substr(sizeof(ZoneId)) == from;
            for (const NodeEntry entry : cursor.node()) {
                if (first && entry.rrset.type() <= after->type) continue;
                if (infos.size() == limit) return infos;
                auto info = info_of(where->record, cursor.key(), cursor.node(), entry);
                if (!info) return base::fail(info.error());
                infos.push_back(std::move(*info));
            }
        }
        if (cursor.state() == ZoneCursor::State::Damaged) return damaged("node");
        if (cursor.state() == ZoneCursor::State::Unreadable) return unreadable();
        return infos;
    }

    [[nodiscard]] base::Result<std::optional<RRsetInfo>> rrset(const dns::Name& apex,
                                                               std::string_view view,
                                                               const dns::Name& name,
                                                               dns::RRType type) override {
        const auto where = variant(apex, view);
        if (!where) return base::fail(where.error());
        if (where->id == 0 || !name.view().is_at_or_below(apex)) return std::optional<RRsetInfo>();
        const Octets owner = relative_owner(name, apex);
        if (type == dns::RRType::NSEC3 || type == dns::RRType::RRSIG) {
            return rrset_of_both(*where, owner, type);
        }
        // Only those two types may stand with the hashes of the owners (ids.h): one read will do.
        const std::string key = node_key(where->id, owner);
        const auto octets = get(Family::Nodes, key);
        if (!octets) return base::fail(octets.error());
        if (!*octets) return std::optional<RRsetInfo>();
        const auto node = NodeView::check(base::as_octets(**octets));
        if (!node) return damaged("node");
        return found_rrset(where->record, key, *node, type);
    }

    [[nodiscard]] base::Result<std::vector<PolicyInfo>> policies(const dns::Name& apex,
                                                                 std::string_view view) override {
        std::vector<PolicyInfo> infos;
        const auto where = variant(apex, view);
        if (!where) return base::fail(where.error());
        if (where->id == 0) return infos;
        const std::string prefix = PolicyRecord::prefix(apex);
        const auto cursor = store_.cursor(Family::Config, snapshot_, true);
        cursor->seek(prefix);
        for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
            auto policy = PolicyRecord::parse(cursor->value());
            if (!policy) return damaged("policy");
            if (policy->view != where->view) continue;
            infos.push_back({policy->name, std::move(policy->type), std::string(view),
                             std::move(policy->json), policy->revision});
        }
        if (!cursor->valid() && cursor->status() != Read::Found) return unreadable();
        return infos;
    }

    [[nodiscard]] base::Result<std::vector<DocumentInfo>> documents(
        std::string_view kind) override {
        std::vector<DocumentInfo> infos;
        const std::string prefix = DocumentRecord::prefix(kind);
        const auto cursor = store_.cursor(Family::Config, snapshot_, true);
        cursor->seek(prefix);
        for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
            auto record = DocumentRecord::parse(cursor->value());
            if (!record) return damaged("document");
            infos.push_back({std::string(cursor->key().substr(prefix.size())),
                             std::move(record->json), record->revision});
        }
        if (!cursor->valid() && cursor->status() != Read::Found) return unreadable();
        return infos;
    }

    [[nodiscard]] base::Result<std::optional<DocumentInfo>> document(std::string_view kind,
                                                                     std::string_view id) override {
        const auto value = get(Family::Config, DocumentRecord::key(kind, id));
        if (!value) return base::fail(value.error());
        if (!*value) return std::optional<DocumentInfo>();
        auto record = DocumentRecord::parse(**value);
        if (!record) return damaged("document");
        return std::optional<DocumentInfo>(
            DocumentInfo{std::string(id), std::move(record->json), record->revision});
    }

    [[nodiscard]] base::Result<Changes> changes(Revision before, std::size_t limit,
                                                const ChangeFilter& filter) override {
        Changes found;
        const auto key = [&filter](Revision revision) {
            return filter.zone ? JournalRecord::zone_key(*filter.zone, revision)
                               : JournalRecord::key(revision);
        };
        std::string prefix = key(0);
        prefix.resize(prefix.size() - sizeof(Revision));
        const auto cursor = store_.cursor(Family::Journal, snapshot_, true);
        cursor->seek_before(before != 0 ? key(before) : after_prefix(prefix));
        std::size_t examined = 0;
        std::size_t octets = 0;
        Revision revision = before;
        for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->previous()) {
            if (found.entries.size() == limit || examined == kMaxExamined ||
                octets >= kMaxExaminedOctets) {
                found.before = revision;
                return found;
            }
            revision = JournalRecord::revision_of(cursor->key());
            if (revision < filter.since) return found;
            ++examined;
            const auto value = get(Family::Journal, JournalRecord::key(revision));
            if (!value) return base::fail(value.error());
            if (!*value) continue;
            octets += (*value)->size();
            auto record = JournalRecord::parse(**value);
            if (!record) return damaged("journal entry");
            if (matches(*record, filter)) {
                found.entries.push_back(entry_of(revision, std::move(*record)));
            }
        }
        if (!cursor->valid() && cursor->status() != Read::Found) return unreadable();
        return found;
    }

    [[nodiscard]] base::Result<std::optional<JournalEntry>> change(Revision revision) override {
        const auto value = get(Family::Journal, JournalRecord::key(revision));
        if (!value) return base::fail(value.error());
        if (!*value) return std::optional<JournalEntry>();
        auto record = JournalRecord::parse(**value);
        if (!record) return damaged("journal entry");
        std::string operations = effects_json(record->effects);
        JournalEntry entry = entry_of(revision, std::move(*record));
        entry.json = std::move(operations);
        return std::optional<JournalEntry>(std::move(entry));
    }

    [[nodiscard]] base::Result<Revision> oldest_change() override {
        const auto known = get(Family::Default, std::string(kHistoryKey));
        if (!known) return base::fail(known.error());
        std::string prefix = JournalRecord::key(0);
        prefix.resize(prefix.size() - sizeof(Revision));
        const auto cursor = store_.cursor(Family::Journal, snapshot_, true);
        cursor->seek(JournalRecord::key(HistoryRecord::of(*known).oldest));
        if (cursor->valid() && cursor->key().starts_with(prefix)) {
            return JournalRecord::revision_of(cursor->key());
        }
        if (!cursor->valid() && cursor->status() != Read::Found) return unreadable();
        return revision_ + 1;
    }

    [[nodiscard]] base::Result<Diff> diff(const dns::Name& apex, std::string_view view,
                                          Revision from, Revision to,
                                          const std::optional<Position>& after,
                                          std::size_t limit) override {
        ZoneDiff::Question question;
        question.apex = apex;
        question.view = view == "default" ? std::string_view() : view;
        question.from = from;
        question.to = to;
        question.after = after;
        question.limit = limit;
        auto where = variant(apex, view);
        if (!where) return base::fail(where.error());
        question.present = where->id;
        if (view.empty() && where->view != kDefaultView) {
            const auto own = documents_by_number(where->view);
            if (!own) return base::fail(own.error());
            question.view = *own;
        }
        return ZoneDiff(store_, snapshot_, std::move(question)).run();
    }

  private:
    static constexpr std::size_t kMaxExamined = 5000;  // entries, for one page of a listing
    static constexpr std::size_t kMaxExaminedOctets = std::size_t{4} << 20;
    static constexpr std::size_t kMaxZonesExamined = 2000;

    struct Variant {
        ZoneRecord record;
        ViewId view = kDefaultView;
        ZoneId id = 0;  // 0: there is no such zone, or nothing of it in this view
    };

    base::Result<std::optional<RRsetInfo>> rrset_of_both(const Variant& where, Octets owner,
                                                         dns::RRType type) {
        std::string key;
        append_owner_key(key, owner);
        ZoneCursor cursor(store_, snapshot_, where.id);
        cursor.seek(owner);
        if (cursor.state() == ZoneCursor::State::Damaged) return damaged("node");
        if (cursor.state() == ZoneCursor::State::Unreadable) return unreadable();
        if (cursor.state() != ZoneCursor::State::Node ||
            cursor.key().substr(sizeof(ZoneId)) != key) {
            return std::optional<RRsetInfo>();
        }
        return found_rrset(where.record, cursor.key(), cursor.node(), type);
    }
    base::Result<std::optional<RRsetInfo>> found_rrset(const ZoneRecord& record,
                                                       std::string_view key, NodeView node,
                                                       dns::RRType type) {
        const auto entry = node.find(type);
        if (!entry) return std::optional<RRsetInfo>();
        auto info = info_of(record, key, node, *entry);
        if (!info) return base::fail(info.error());
        return std::optional<RRsetInfo>(std::move(*info));
    }

    base::Result<std::optional<std::string>> get(Family family, const std::string& key) {
        std::string value;
        switch (store_.get(family, key, snapshot_.get(), true, value)) {
            case Read::Found:
                return std::optional<std::string>(std::move(value));
            case Read::Absent:
                return std::optional<std::string>();
            case Read::WouldBlock:
            case Read::Failed:
                break;
        }
        return unreadable();
    }

    base::Result<std::optional<ZoneRecord>> zone_record(const dns::Name& apex) {
        const auto value = get(Family::Zones, ZoneRecord::key(apex));
        if (!value) return base::fail(value.error());
        if (!*value) return std::optional<ZoneRecord>();
        auto record = ZoneRecord::parse(**value);
        if (!record) return damaged("zone record");
        return record;
    }

    base::Result<Variant> variant(const dns::Name& apex, std::string_view view) {
        Variant found;
        auto record = zone_record(apex);
        if (!record) return base::fail(record.error());
        if (!*record) return found;
        found.record = std::move(**record);
        found.view = found.record.own_view();
        if (!view.empty() && view != "default") {
            const auto value = get(Family::Config, DocumentRecord::key("views", view));
            if (!value) return base::fail(value.error());
            if (!*value) return found;
            const auto document = DocumentRecord::parse(**value);
            if (!document) return damaged("document");
            found.view = document->number;
        }
        found.id = found.record.id_of(found.view);
        return found;
    }

    base::Result<ZoneInfo> info_of(const ZoneRecord& record) {
        ZoneInfo info;
        info.apex = record.apex;
        info.soa_edit = record.soa_edit;
        info.comment = record.comment;
        info.revision = record.revision;
        if (record.own_view() != kDefaultView) {
            const auto views = documents_by_number(record.own_view());
            if (!views) return base::fail(views.error());
            info.view = *views;
        }
        const auto octets = get(Family::Nodes, node_key(record.own_id(), {}));
        if (!octets) return base::fail(octets.error());
        const auto node =
            *octets ? NodeView::check(base::as_octets(**octets)) : std::optional<NodeView>();
        const auto soa = node ? node->find(dns::RRType::SOA) : std::optional<NodeEntry>();
        if (!soa || soa->rrset.count() == 0) return damaged("zone without a SOA");
        info.serial = dns::soa_numbers(*soa->rrset.begin()).serial;
        info.signed_elsewhere = signed_elsewhere(*node);
        if (info.signed_elsewhere) info.soa_edit = "keep";
        return info;
    }

    /// The name of the view with this number.
    base::Result<std::string> documents_by_number(ViewId view) {
        const std::string prefix = DocumentRecord::prefix("views");
        const auto cursor = store_.cursor(Family::Config, snapshot_, true);
        cursor->seek(prefix);
        for (; cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
            const auto record = DocumentRecord::parse(cursor->value());
            if (record && record->number == view) {
                return std::string(cursor->key().substr(prefix.size()));
            }
        }
        return damaged("zone of a view that is not there");
    }

    base::Result<RRsetInfo> info_of(const ZoneRecord& record, std::string_view key, NodeView node,
                                    const NodeEntry& entry) {
        const auto name = absolute_owner(node.relative_owner(), record.apex);
        if (!name) return damaged("node: its name is too long");
        RRsetInfo info;
        info.name = *name;
        info.type = entry.rrset.type();
        info.value = value_of(entry);
        const auto revision = get(Family::Meta, rrset_key(key, info.type));
        if (!revision) return base::fail(revision.error());
        info.revision = record.replaced;
        if (*revision && (*revision)->size() == sizeof(Revision)) {
            info.revision = base::load_be64(base::as_octets(**revision).data());
        }
        return info;
    }

    KeyValueStore& store_;
    const Revision revision_;
    const std::shared_ptr<const StoreSnapshot> snapshot_;
};

}  // namespace

std::unique_ptr<StoreReader> make_store_reader(KeyValueStore& store, const Published& published) {
    return std::make_unique<Reader>(store, published);
}

}  // namespace zones
