#include "zones/node.h"

#include <algorithm>

namespace zones {

namespace {

/// Labels in wire form without the root, that a root label would make a name of.
bool relative_owner_valid(Octets owner) noexcept {
    std::size_t at = 0;
    while (at < owner.size()) {
        if (owner[at] == 0 || owner[at] > dns::kMaxLabelOctets) return false;
        at += 1U + owner[at];
    }
    return at == owner.size() && owner.size() < dns::kMaxNameOctets;
}

}  // namespace

std::optional<NodeView> NodeView::check(Octets octets) noexcept {
    if (octets.size() < kNodeHeaderOctets || base::load_be32(&octets[4]) != octets.size() ||
        octets[1] > octets.size() - kNodeHeaderOctets ||
        !relative_owner_valid(octets.subspan(kNodeHeaderOctets, octets[1]))) {
        return std::nullopt;
    }
    Octets rest = octets.subspan(kNodeHeaderOctets + octets[1]);
    int previous_type = -1;
    for (std::size_t left = base::load_be16(&octets[2]); left > 0; --left) {
        if (rest.size() < kEntryHeaderOctets) return std::nullopt;
        const auto rrset = dns::RRsetView::check(rest.subspan(kEntryHeaderOctets));
        if (!rrset) return std::nullopt;
        const std::size_t size = node_entry_size(rest.data());
        const int type = static_cast<int>(rrset->type());
        if (size > rest.size() || type <= previous_type) return std::nullopt;
        previous_type = type;
        rest = rest.subspan(size);
    }
    if (!rest.empty()) return std::nullopt;
    return NodeView(octets.data());
}

NodeParts::NodeParts(NodeView node)
    : flags(node.flags()),
      relative_owner(node.relative_owner().begin(), node.relative_owner().end()) {
    entries.reserve(node.entry_count());
    for (const NodeEntry entry : node) {
        Entry parts{dns::RRset(entry.rrset), entry.flags, entry.answer_count, {}};
        if (entry.weights != nullptr) {
            for (std::size_t i = 0; i < entry.rrset.count(); ++i) {
                parts.weights.push_back(entry.weight(i));
            }
        }
        entries.push_back(std::move(parts));
    }
}

NodeParts::Entry* NodeParts::find(dns::RRType type) noexcept {
    for (Entry& entry : entries) {
        if (entry.rrset.type() == type) return &entry;
    }
    return nullptr;
}

void NodeParts::erase(dns::RRType type) {
    entries.erase(std::remove_if(entries.begin(), entries.end(),
                                 [type](const Entry& entry) { return entry.rrset.type() == type; }),
                  entries.end());
}

std::vector<std::uint8_t> NodeParts::pack() {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.rrset.type() < b.rrset.type(); });
    std::vector<std::uint8_t> out;
    out.push_back(flags);
    out.push_back(static_cast<std::uint8_t>(relative_owner.size()));
    base::append_be16(out, static_cast<std::uint16_t>(entries.size()));
    base::append_be32(out, 0);
    out.insert(out.end(), relative_owner.begin(), relative_owner.end());
    for (Entry& entry : entries) {
        const bool weighted = !entry.weights.empty();
        entry.flags = static_cast<std::uint16_t>(weighted ? entry.flags | kEntryWeighted
                                                          : entry.flags & ~kEntryWeighted);
        base::append_be16(out, entry.flags);
        base::append_be16(out, entry.answer_count);
        const Octets rrset = entry.rrset.view().octets();
        out.insert(out.end(), rrset.begin(), rrset.end());
        for (const std::uint16_t weight : entry.weights) base::append_be16(out, weight);
    }
    base::store_be32(&out[4], static_cast<std::uint32_t>(out.size()));
    return out;
}

}  // namespace zones
