#include "zones/zone_diff.h"

#include <algorithm>
#include <vector>

#include "zones/documents.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/zone_cursor.h"

namespace zones {

namespace {

using Read = KeyValueStore::Read;

base::Unexpected<base::Error> unreadable() {
    return base::fail("the store cannot be read");
}

std::optional<RRsetValue> unpack(const std::optional<std::string>& packed) {
    if (!packed) return std::nullopt;
    const auto node = NodeView::check(base::as_octets(*packed));
    if (!node || node->empty()) return std::nullopt;
    return value_of(*node->begin());
}

}  // namespace

/// The RRsets of one side in order: what is stored, with the values of the journal laid over it.
class ZoneDiff::Walk {
  public:
    /// With `all` false only the RRsets that the journal names are walked.
    Walk(const ZoneDiff& diff, const Side& side, bool all)
        : diff_(diff), side_(side), cursor_(diff.store_, diff.snapshot_, *side.id), all_(all) {
        laid_ = diff.after_ ? side.values.upper_bound(*diff.after_) : side.values.begin();
        if (!all_) return;
        if (diff.after_) {
            cursor_.seek(relative_owner(diff.question_.after->name, diff.question_.apex));
        }
        fill();
    }

    /// The key of the next RRset; null at the end.
    [[nodiscard]] const Key* key() const {
        if (stored_at_ < stored_.size() && (!laid() || !(laid_->first < stored_[stored_at_].key))) {
            return &stored_[stored_at_].key;
        }
        return laid() ? &laid_->first : nullptr;
    }
    /// Its value, and on to the one after.
    [[nodiscard]] Value take() {
        Value value;
        const Key taken = *key();
        const bool over = laid() && laid_->first == taken;
        if (stored_at_ < stored_.size() && stored_[stored_at_].key == taken) {
            if (!over) value = {stored_[stored_at_].name, std::move(stored_[stored_at_].packed)};
            ++stored_at_;
            if (stored_at_ == stored_.size()) {
                cursor_.next();
                fill();
            }
        }
        if (over) {
            value = laid_->second;
            ++laid_;
        }
        return value;
    }
    /// The value of an RRset that only the other side walks past.
    [[nodiscard]] std::optional<std::string> find(const Key& key, const dns::Name& name) {
        if (all_) return std::nullopt;  // it would have been walked past
        cursor_.seek(relative_owner(name, diff_.question_.apex));
        note_state();
        if (cursor_.state() != ZoneCursor::State::Node ||
            cursor_.key().substr(sizeof(ZoneId)) != key.first) {
            return std::nullopt;
        }
        NodeParts parts(cursor_.node());
        const NodeParts::Entry* found = parts.find(static_cast<dns::RRType>(key.second));
        if (found == nullptr) return std::nullopt;
        return pack_entry(*found);
    }
    /// Could all be read so far? Else a value that seems not to be there may well be.
    [[nodiscard]] base::Result<void> status() const {
        if (state_ == ZoneCursor::State::Damaged) {
            return base::fail("the store holds a damaged node");
        }
        if (state_ == ZoneCursor::State::Unreadable) return unreadable();
        return {};
    }

  private:
    struct Stored {
        Key key;
        dns::Name name;
        std::optional<std::string> packed;
    };

    [[nodiscard]] bool laid() const { return laid_ != side_.values.end(); }

    // The RRsets of the cursor's node, or of the next that has one behind the page's start.
    void fill() {
        stored_.clear();
        stored_at_ = 0;
        for (; cursor_.state() == ZoneCursor::State::Node; cursor_.next()) {
            const auto name = absolute_owner(cursor_.node().relative_owner(), diff_.question_.apex);
            if (!name) continue;
            const std::string owner(cursor_.key().substr(sizeof(ZoneId)));
            const NodeParts parts(cursor_.node());
            for (const NodeParts::Entry& entry : parts.entries) {
                Key key(owner, static_cast<std::uint16_t>(entry.rrset.type()));
                if (diff_.after_ && !(*diff_.after_ < key)) continue;
                stored_.push_back({std::move(key), *name, pack_entry(entry)});
            }
            if (!stored_.empty()) return;
        }
        note_state();
    }
    void note_state() {
        const auto state = cursor_.state();
        if (state != ZoneCursor::State::Node && state != ZoneCursor::State::End) state_ = state;
    }

    const ZoneDiff& diff_;
    const Side& side_;
    ZoneCursor cursor_;
    const bool all_;
    std::map<Key, Value>::const_iterator laid_;
    std::vector<Stored> stored_;  // of one node
    std::size_t stored_at_ = 0;
    ZoneCursor::State state_ = ZoneCursor::State::Node;  // or what has gone wrong
};

ZoneDiff::ZoneDiff(KeyValueStore& store, std::shared_ptr<const StoreSnapshot> snapshot,
                   Question question)
    : store_(store), snapshot_(std::move(snapshot)), question_(std::move(question)) {
    from_.at = question_.from;
    to_.at = question_.to;
    if (!question_.after) return;
    std::string owner;
    append_owner_key(owner, relative_owner(question_.after->name, question_.apex));
    after_.emplace(std::move(owner), static_cast<std::uint16_t>(question_.after->type));
}

base::Result<StoreReader::Diff> ZoneDiff::run() {
    if (const auto read = read_journal(); !read) return base::fail(read.error());
    for (Side* side : {&from_, &to_}) {
        if (!side->id) side->id = question_.present;
    }
    return compare();
}

base::Result<void> ZoneDiff::read_journal() {
    std::string prefix = JournalRecord::zone_key(question_.apex, 0);
    prefix.resize(prefix.size() - sizeof(Revision));
    const auto index = store_.cursor(Family::Journal, snapshot_, true);
    index->seek(JournalRecord::zone_key(question_.apex, std::min(from_.at, to_.at) + 1));
    for (; index->valid() && index->key().starts_with(prefix); index->next()) {
        const Revision revision = JournalRecord::revision_of(index->key());
        std::string value;
        if (store_.get(Family::Journal, JournalRecord::key(revision), snapshot_.get(), true,
                       value) != Read::Found) {
            return unreadable();
        }
        const auto record = JournalRecord::parse(value);
        if (!record) return base::fail("the store holds a damaged journal entry");
        for (const Effect& effect : record->effects) {
            if (effect.kind == Effect::Kind::Document || !(effect.zone == question_.apex)) continue;
            if (from_.at < revision) take(from_, effect);
            if (to_.at < revision) take(to_, effect);
        }
    }
    if (!index->valid() && index->status() != Read::Found) return unreadable();
    return {};
}

/// One effect later than the side's revision.
void ZoneDiff::take(Side& side, const Effect& effect) {
    if (effect.kind == Effect::Kind::Zone && !effect.before) {
        // It was made here. An import or a revert tells of its data besides.
        if (!side.id) side.id = 0;
        side.open = false;
        return;
    }
    if (effect.view != question_.view) return;
    if (effect.kind == Effect::Kind::Data) {
        const ZoneId before = effect.before ? parse_data_id(*effect.before) : 0;
        const ZoneId after = effect.after ? parse_data_id(*effect.after) : 0;
        if (!side.id) side.id = before;
        // A revert may have served the same data again, and then it was edited on.
        side.open = after != 0 && after == *side.id;
        return;
    }
    if (effect.kind == Effect::Kind::RRset && side.open) lay(side, effect);
}

void ZoneDiff::lay(Side& side, const Effect& effect) {
    if (!effect.name.view().is_at_or_below(question_.apex)) return;
    std::string owner;
    append_owner_key(owner, relative_owner(effect.name, question_.apex));
    Key key(std::move(owner), static_cast<std::uint16_t>(effect.type));
    if (after_ && !(*after_ < key)) return;
    if (horizon_ && !(key < *horizon_)) return;
    // The first effect after the revision says what there was at it.
    const auto laid = side.values.try_emplace(std::move(key), Value{effect.name, effect.before});
    if (!laid.second) return;
    side.octets += effect.before ? effect.before->size() : 0;
    while (side.values.size() > kMaxWindow ||
           (side.octets > kMaxWindowOctets && side.values.size() > 1)) {
        const auto last = std::prev(side.values.end());
        side.octets -= last->second.packed ? last->second.packed->size() : 0;
        horizon_ = last->first;
        side.values.erase(last);
    }
}

base::Result<StoreReader::Diff> ZoneDiff::compare() {
    StoreReader::Diff out;
    const bool all = *from_.id != *to_.id;
    Walk from(*this, from_, all);
    Walk to(*this, to_, all);
    std::optional<StoreReader::Position> last;
    for (std::size_t walked = 0;; ++walked) {
        const Key* next = from.key();
        if (to.key() != nullptr && (next == nullptr || *to.key() < *next)) next = to.key();
        const bool beyond = next != nullptr && horizon_ && !(*next < *horizon_);
        if (next == nullptr || beyond || out.rrsets.size() == question_.limit ||
            walked == kMaxWalked) {
            if (next != nullptr || horizon_) out.next = last;
            break;
        }
        const Key key = *next;
        const bool in_from = from.key() != nullptr && *from.key() == key;
        const bool in_to = to.key() != nullptr && *to.key() == key;
        Value before, after;
        if (in_from) before = from.take();
        if (in_to) after = to.take();
        const dns::Name name = in_from ? before.name : after.name;
        if (!in_from) before.packed = from.find(key, name);
        if (!in_to) after.packed = to.find(key, name);
        const auto type = static_cast<dns::RRType>(key.second);
        last = StoreReader::Position{name, type};
        if (before.packed == after.packed) continue;
        out.rrsets.push_back({name, type, unpack(before.packed), unpack(after.packed)});
    }
    for (const Walk* walk : {&from, &to}) {
        if (auto status = walk->status(); !status) return base::fail(status.error());
    }
    return out;
}

}  // namespace zones
