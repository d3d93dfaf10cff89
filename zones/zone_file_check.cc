#include "zones/zone_file_check.h"

#include <algorithm>
#include <utility>

#include "zones/key.h"
#include "zones/zone_check.h"

namespace zones {

namespace {

constexpr std::size_t kNodeOverheadOctets = 200;

std::string key_of(Octets relative) {
    std::string key;
    append_owner_key(key, relative);
    return key;
}

}  // namespace

std::string ZoneFileCheck::Found::to_text() const {
    std::string out = file;
    if (finding.line != 0) out += ":" + std::to_string(finding.line);
    out += finding.severity == Finding::Severity::Error ? ": error: " : ": warning: ";
    return out + (of_zone ? finding.to_text() : finding.message);
}

ZoneFileCheck::ZoneFileCheck(const dns::Name& apex, std::string file,
                             dns::MasterScanner::Include include, Report report)
    : apex_(apex), file_(std::move(file)), report_(std::move(report)) {
    dns::MasterScanner::Options options;
    options.file = file_;
    options.origin = apex;
    options.include = std::move(include);
    scanner_ = std::make_unique<dns::MasterScanner>(std::move(options), *this);
    files_.push_back(file_);
}

ZoneFileCheck::Place ZoneFileCheck::place_of(const dns::MasterRecord& record) {
    // Records of one file come together, so the newest is nearly always the one.
    for (std::size_t i = files_.size(); i > 0; --i) {
        if (files_[i - 1] == record.file) {
            return {static_cast<std::uint32_t>(i - 1), record.line};
        }
    }
    files_.emplace_back(record.file);
    return {static_cast<std::uint32_t>(files_.size() - 1), record.line};
}

void ZoneFileCheck::tell(Finding finding, const Place& place, bool of_zone) {
    ++(finding.severity == Finding::Severity::Error ? summary_.errors : summary_.warnings);
    finding.line = place.line;
    report_({std::move(finding), files_[place.file], of_zone});
}

void ZoneFileCheck::tell_error(const dns::Name& owner, const std::string& message,
                               const Place& place) {
    tell({Finding::Severity::Error, owner, dns::RRType{}, message}, place, false);
}

ZoneFileCheck::Node& ZoneFileCheck::node_at(Octets relative) {
    const auto made = nodes_.try_emplace(key_of(relative));
    if (made.second) {
        made.first->second.parts.relative_owner.assign(relative.begin(), relative.end());
        octets_ += made.first->first.size() + relative.size() + kNodeOverheadOctets;
    }
    return made.first->second;
}

bool ZoneFileCheck::on_fault(dns::MasterFault fault) {
    Found found{{Finding::Severity::Error, apex_, dns::RRType{}, std::move(fault.message)},
                std::move(fault.file),
                false};
    found.finding.line = fault.line;
    ++summary_.errors;
    report_(found);
    return true;
}

bool ZoneFileCheck::on_record(const dns::MasterRecord& record) {
    ++summary_.records;
    const Place place = place_of(record);
    if (record.rr_class != dns::RRClass::IN) {
        tell_error(record.owner,
                   record.owner.to_text() + ": of another class than IN (RFC 1035, 5.2)", place);
        return true;
    }
    if (const auto message =
            check_record(apex_, record.owner, record.type, record.ttl, record.rdata)) {
        tell_error(record.owner, *message, place);
        return true;
    }
    if (octets_ > kMaxOctets) {
        tell_error(record.owner,
                   "the zone is larger than " + std::to_string(kMaxOctets >> 20) +
                       " MiB, more than is checked in memory",
                   place);
        return false;
    }
    Node& node = node_at(relative_owner(record.owner, apex_));
    NodeParts::Entry* entry = node.parts.find(record.type);
    if (entry == nullptr) {
        node.parts.entries.push_back({dns::RRset(record.type, record.ttl), 0, 0, {}});
        node.places.push_back(place);
        entry = &node.parts.entries.back();
    } else if (entry->rrset.view().ttl() != record.ttl && record.type != dns::RRType::RRSIG) {
        tell({Finding::Severity::Warning, record.owner, record.type,
              "records with several TTLs, the first one is taken (RFC 2181, 5.2)"},
             place);
    }
    if (entry->rrset.add(record.rdata)) {
        octets_ += record.rdata.size() + 2;
    } else {
        tell({Finding::Severity::Warning, record.owner, record.type,
              "the record is there already and kept once (RFC 2181, 5)"},
             place);
    }
    return true;
}

/// Empty non-terminals up to the apex, and the mark of a wildcard on its parent.
void ZoneFileCheck::add_parents() {
    (void)node_at({});
    for (auto& item : nodes_) {
        Octets owner = item.second.parts.relative_owner;
        while (!owner.empty()) {
            const bool wildcard = is_wildcard_owner(owner);
            owner = parent_owner(owner);
            const std::size_t count = nodes_.size();
            NodeParts& parent = node_at(owner).parts;
            if (wildcard) parent.flags |= kNodeWildcardChild;
            if (nodes_.size() == count) break;  // it was there, with all above it
        }
    }
}

void ZoneFileCheck::check_zone() {
    // A "line" of the check is a place's index and one more: 0 says that it is unknown.
    std::vector<Place> places;
    ZoneCheck check(apex_, [this, &places](Finding finding) {
        const std::uint32_t index = finding.line;
        tell(std::move(finding), index != 0 ? places[index - 1] : Place{});
    });
    std::vector<std::uint32_t> lines;
    const auto packed = [&places, &lines](Node& node) {
        lines.clear();
        std::vector<std::pair<dns::RRType, Place>> order;
        for (std::size_t i = 0; i < node.places.size(); ++i) {
            order.emplace_back(node.parts.entries[i].rrset.type(), node.places[i]);
        }
        std::vector<std::uint8_t> octets = NodeParts(node.parts).pack();  // sorts its copy
        std::sort(order.begin(), order.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        for (const auto& item : order) {
            places.push_back(item.second);
            lines.push_back(static_cast<std::uint32_t>(places.size()));
        }
        return octets;
    };
    for (auto& item : nodes_) {
        Node& node = item.second;
        const auto octets = packed(node);
        for (std::size_t i = 0; i < node.parts.entries.size(); ++i) {
            const NodeParts::Entry& entry = node.parts.entries[i];
            if (const auto message = check_rrset(entry)) {
                const dns::Name owner = owner_of(NodeView(octets.data()), apex_);
                tell_error(owner, owner.to_text() + " " + *message, node.places[i]);
            }
        }
        check.add(NodeView(octets.data()), lines);
    }
    std::vector<std::uint8_t> found;
    check.finish([this, &found](Octets relative) {
        const auto node = nodes_.find(key_of(relative));
        if (node == nodes_.end()) return NodeView();
        found = NodeParts(node->second.parts).pack();
        return NodeView(found.data());
    });
    if (!check.wants_second_pass()) return;
    for (auto& item : nodes_) {
        const auto octets = packed(item.second);
        check.add_targets(NodeView(octets.data()), lines);
    }
}

ZoneFileCheck::Summary ZoneFileCheck::finish() {
    (void)scanner_->finish();
    add_parents();
    check_zone();
    return summary_;
}

}  // namespace zones
