#include "zones/records.h"

#include <algorithm>

#include "zones/codec.h"
#include "zones/key.h"

namespace zones {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr char kSeparator = 0x00;
constexpr std::string_view kPolicies = "policies";

}  // namespace

std::string ZoneRecord::key(dns::NameView apex) {
    return canonical_key(apex);
}

std::string ZoneRecord::properties_json() const {
    return "{\"soa_edit\":" + json_string(soa_edit) + ",\"comment\":" + json_string(comment) + "}";
}

std::string ZoneRecord::pack() const {
    ValueWriter out;
    out.u8(kVersion);
    out.name(apex);
    out.u32(base);
    out.u16(static_cast<std::uint16_t>(variants.size()));
    for (const ZoneEntry::Variant& variant : variants) {
        out.u32(variant.view);
        out.u32(variant.id);
    }
    out.text(soa_edit);
    out.text(comment);
    out.u64(revision);
    out.u64(replaced);
    return out.take();
}

std::optional<ZoneRecord> ZoneRecord::parse(std::string_view value) {
    ValueReader in(value);
    ZoneRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    record.apex = in.name();
    record.base = in.u32();
    for (std::uint16_t left = in.u16(); left > 0 && !in.failed(); --left) {
        ZoneEntry::Variant variant;
        variant.view = in.u32();
        variant.id = in.u32();
        record.variants.push_back(variant);
    }
    record.soa_edit = in.text();
    record.comment = in.text();
    record.revision = in.u64();
    record.replaced = in.u64();
    if (!in.complete() || (record.base == 0 && record.variants.empty())) return std::nullopt;
    return record;
}

ZoneId ZoneRecord::id_of(ViewId view) const {
    if (view == kDefaultView) return base;
    for (const ZoneEntry::Variant& variant : variants) {
        if (variant.view == view) return variant.id;
    }
    return 0;
}

ViewId ZoneRecord::own_view() const {
    return base != 0 || variants.empty() ? kDefaultView : variants.front().view;
}

std::string DocumentRecord::prefix(std::string_view kind) {
    std::string key(kind);
    key.push_back(kSeparator);
    return key;
}

std::string DocumentRecord::key(std::string_view kind, std::string_view id) {
    return prefix(kind).append(id);
}

std::string DocumentRecord::pack() const {
    ValueWriter out;
    out.u8(kVersion);
    out.u64(revision);
    out.u32(number);
    out.text(json);
    return out.take();
}

std::optional<DocumentRecord> DocumentRecord::parse(std::string_view value) {
    ValueReader in(value);
    DocumentRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    record.revision = in.u64();
    record.number = in.u32();
    record.json = in.text();
    if (!in.complete()) return std::nullopt;
    return record;
}

std::string PolicyRecord::prefix() {
    return DocumentRecord::prefix(kPolicies);
}

std::string PolicyRecord::prefix(dns::NameView apex) {
    std::string key = prefix() + canonical_key(apex);
    key.push_back(kSeparator);
    return key;
}

std::string PolicyRecord::key() const {
    std::string key = prefix(apex);
    base::append_be32(key, view);
    append_owner_key(key, relative_owner(name, apex));
    key.push_back(kSeparator);
    return key.append(type);
}

std::string PolicyRecord::pack() const {
    ValueWriter out;
    out.u8(kVersion);
    out.u64(revision);
    out.name(apex);
    out.name(name);
    out.u32(view);
    out.text(type);
    out.text(json);
    return out.take();
}

std::optional<PolicyRecord> PolicyRecord::parse(std::string_view value) {
    ValueReader in(value);
    PolicyRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    record.revision = in.u64();
    record.apex = in.name();
    record.name = in.name();
    record.view = in.u32();
    record.type = in.text();
    record.json = in.text();
    if (!in.complete() || !record.name.view().is_at_or_below(record.apex)) return std::nullopt;
    return record;
}

std::string Counters::pack() const {
    ValueWriter out;
    out.u64(revision);
    out.u32(next_zone);
    out.u32(next_view);
    return out.take();
}

std::optional<Counters> Counters::parse(std::string_view value) {
    ValueReader in(value);
    Counters counters;
    counters.revision = in.u64();
    counters.next_zone = in.u32();
    counters.next_view = in.u32();
    if (!in.complete()) return std::nullopt;
    return counters;
}

std::string LoadRecord::key(ZoneId id) {
    std::string key(kLoadPrefix);
    base::append_be32(key, id);
    return key;
}

std::optional<ZoneId> LoadRecord::parse_key(std::string_view key) {
    if (!key.starts_with(kLoadPrefix) || key.size() != kLoadPrefix.size() + 4) return std::nullopt;
    return base::load_be32(base::as_octets(key).data() + kLoadPrefix.size());
}

std::string LoadRecord::pack() const {
    ValueWriter out;
    out.name(apex);
    out.u64(records);
    if (ids > 1) out.u32(ids);
    return out.take();
}

std::optional<LoadRecord> LoadRecord::parse(std::string_view value) {
    ValueReader in(value);
    LoadRecord record;
    record.apex = in.name();
    record.records = in.u64();
    if (!in.failed() && !in.complete()) {
        record.ids = in.u32();
        if (record.ids <= 1 || record.records != 0) return std::nullopt;
    }
    if (!in.complete()) return std::nullopt;
    return record;
}

std::string HistoryRecord::pack() const {
    ValueWriter out;
    out.u64(octets);
    out.u64(oldest);
    return out.take();
}

HistoryRecord HistoryRecord::of(const std::optional<std::string>& value) {
    HistoryRecord record;
    if (!value) return record;
    ValueReader in(*value);
    record.octets = in.u64();
    record.oldest = in.u64();
    return in.complete() ? record : HistoryRecord{};
}

std::string RetainedRecord::pack() const {
    ValueWriter out;
    out.u64(revision);
    out.u64(octets);
    return out.take();
}

std::optional<RetainedRecord> RetainedRecord::parse(std::string_view value) {
    ValueReader in(value);
    RetainedRecord record;
    record.revision = in.u64();
    record.octets = in.u64();
    if (!in.complete()) return std::nullopt;
    return record;
}

std::string RetainedRecord::key(ZoneId id) {
    std::string key(kRetainedPrefix);
    base::append_be32(key, id);
    return key;
}

std::string RetainedRecord::order_key(Revision revision, ZoneId id) {
    std::string key(kRetainedOrderPrefix);
    base::append_be64(key, revision);
    base::append_be32(key, id);
    return key;
}

std::optional<RetainedRecord::Order> RetainedRecord::parse_order_key(std::string_view key) {
    if (!key.starts_with(kRetainedOrderPrefix)) return std::nullopt;
    ValueReader in(key.substr(kRetainedOrderPrefix.size()));
    Order order{};
    order.revision = in.u64();
    order.id = in.u32();
    if (!in.complete()) return std::nullopt;
    return order;
}

std::string JournalRecord::key(Revision revision) {
    std::string key = "r";
    base::append_be64(key, revision);
    return key;
}

std::string JournalRecord::zone_key(dns::NameView apex, Revision revision) {
    std::string key = "z" + canonical_key(apex);
    key.push_back(kSeparator);
    base::append_be64(key, revision);
    return key;
}

Revision JournalRecord::revision_of(std::string_view key) {
    if (key.size() < 8) return 0;
    return base::load_be64(base::as_octets(key).data() + key.size() - 8);
}

std::string JournalRecord::pack() const {
    ValueWriter out;
    out.u8(kVersion);
    out.text(author);
    out.text(request_id);
    out.text(message);
    out.u64(static_cast<std::uint64_t>(base::to_unix_us(time)));
    out.u32(static_cast<std::uint32_t>(zones.size()));
    for (const std::string& zone : zones) out.text(zone);
    out.u32(static_cast<std::uint32_t>(effects.size()));
    for (const Effect& effect : effects) {
        out.u8(static_cast<std::uint8_t>(effect.kind));
        out.name(effect.zone);
        out.name(effect.name);
        out.u16(static_cast<std::uint16_t>(effect.type));
        out.text(effect.view);
        out.text(effect.label);
        out.text(effect.id);
        out.optional_text(effect.before);
        out.optional_text(effect.after);
    }
    return out.take();
}

std::optional<JournalRecord> JournalRecord::parse(std::string_view value) {
    ValueReader in(value);
    JournalRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    record.author = in.text();
    record.request_id = in.text();
    record.message = in.text();
    const auto unix_us = static_cast<std::int64_t>(in.u64());
    if (unix_us > base::kMaxUnixUs || unix_us < -base::kMaxUnixUs) return std::nullopt;
    record.time = base::from_unix_us(unix_us);
    for (std::uint32_t left = in.u32(); left > 0 && !in.failed(); --left) {
        record.zones.push_back(in.text());
    }
    for (std::uint32_t left = in.u32(); left > 0 && !in.failed(); --left) {
        Effect effect;
        const std::uint8_t kind = in.u8();
        if (kind < 1 || kind > 5) return std::nullopt;
        effect.kind = static_cast<Effect::Kind>(kind);
        effect.zone = in.name();
        effect.name = in.name();
        effect.type = static_cast<dns::RRType>(in.u16());
        effect.view = in.text();
        effect.label = in.text();
        effect.id = in.text();
        effect.before = in.optional_text();
        effect.after = in.optional_text();
        record.effects.push_back(std::move(effect));
    }
    if (!in.complete()) return std::nullopt;
    return record;
}

}  // namespace zones
