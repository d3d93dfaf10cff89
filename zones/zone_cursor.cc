#include "zones/zone_cursor.h"

#include "zones/key.h"

namespace zones {

ZoneCursor::ZoneCursor(KeyValueStore& store, const std::shared_ptr<const StoreSnapshot>& snapshot,
                       ZoneId id) {
    names_ = {store.cursor(Family::Nodes, snapshot, true), zone_prefix(id)};
    hashes_ = {store.cursor(Family::Nodes, snapshot, true), zone_prefix(hashed_id(id))};
    seek({});
}

bool ZoneCursor::Side::valid() const {
    return cursor->valid() && cursor->key().starts_with(prefix);
}

std::string_view ZoneCursor::Side::owner_key() const {
    return cursor->key().substr(prefix.size());
}

void ZoneCursor::seek(Octets relative_owner) {
    std::string owner;
    append_owner_key(owner, relative_owner);
    names_.cursor->seek(names_.prefix + owner);
    hashes_.cursor->seek(hashes_.prefix + owner);
    look();
}

void ZoneCursor::next() {
    if (at_name_) names_.cursor->next();
    if (at_hash_) hashes_.cursor->next();
    look();
}

void ZoneCursor::look() {
    node_ = NodeView();
    key_ = {};
    const bool names = names_.valid();
    const bool hashes = hashes_.valid();
    for (const Side* side : {&names_, &hashes_}) {
        if (!side->cursor->valid() && side->cursor->status() != KeyValueStore::Read::Found) {
            state_ = State::Unreadable;
            return;
        }
    }
    if (!names && !hashes) {
        state_ = State::End;
        return;
    }
    const int order = !names ? 1 : !hashes ? -1 : names_.owner_key().compare(hashes_.owner_key());
    at_name_ = order <= 0;
    at_hash_ = order >= 0;
    key_ = (at_name_ ? names_ : hashes_).cursor->key();
    const auto node =
        NodeView::check(base::as_octets((at_name_ ? names_ : hashes_).cursor->value()));
    const auto beside =
        at_name_ && at_hash_ ? NodeView::check(base::as_octets(hashes_.cursor->value())) : node;
    if (!node || !beside) {
        state_ = State::Damaged;
        return;
    }
    state_ = State::Node;
    node_ = *node;
    if (!at_name_ || !at_hash_) return;
    merged_ = join_nodes(*node, *beside);
    node_ = NodeView(merged_.data());
}

std::vector<std::uint8_t> join_nodes(NodeView name, NodeView hash) {
    NodeParts parts(name);
    for (const NodeEntry entry : hash) {
        NodeParts::Entry* there = parts.find(entry.rrset.type());
        if (there == nullptr) {
            parts.entries.push_back({dns::RRset(entry.rrset), entry.flags, 0, {}});
            continue;
        }
        for (const Octets rdata : entry.rrset) (void)there->rrset.add(rdata);
    }
    return parts.pack();
}

}  // namespace zones
