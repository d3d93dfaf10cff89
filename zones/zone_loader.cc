#include <algorithm>
#include <map>

#include "dns/rdata.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/records.h"
#include "zones/store_parts.h"
#include "zones/zone_check.h"

namespace zones {

namespace {

// A zone is collected and sorted in memory before it is written.
constexpr std::size_t kMaxLoadOctets = std::size_t{1} << 30;
constexpr std::size_t kNodeOverheadOctets = 160;
constexpr std::size_t kMaxFaults = 100;  // of which `finish` tells

class Loader : public ZoneLoader {
  public:
    Loader(KeyValueStore& store, Residency& residency, ZoneId id, const dns::Name& apex)
        : store_(store), residency_(residency), id_(id), apex_(apex) {}

    [[nodiscard]] std::optional<std::string> add(const dns::Name& owner, dns::RRType type,
                                                 std::uint32_t ttl, Octets rdata) override {
        auto message = take(owner, type, ttl, rdata);
        if (message) ++refused_;
        return message;
    }

    [[nodiscard]] base::Result<Finished, std::vector<std::string>> finish() override {
        std::vector<std::string> faults;
        if (refused_ > 0) {
            faults.push_back(std::to_string(refused_) + " records of " + apex_.to_text() +
                             " were refused");
        }
        add_parents();
        check(faults);
        if (faults.empty()) {
            const auto written = write();
            if (!written) faults.push_back(written.error().message);
        }
        if (!faults.empty()) return base::fail(std::move(faults));
        return Finished{ReplaceZone{apex_, id_, records_}, std::move(warnings_)};
    }

  private:
    std::optional<std::string> take(const dns::Name& owner, dns::RRType type, std::uint32_t ttl,
                                    Octets rdata) {
        if (auto message = check_record(apex_, owner, type, ttl, rdata)) return message;
        if (octets_ > kMaxLoadOctets) {
            return "the zone is larger than " + std::to_string(kMaxLoadOctets >> 20) +
                   " MiB, more than one import takes";
        }
        const Octets relative = relative_owner(owner, apex_);
        NodeParts& node = node_at(relative);
        NodeParts::Entry* entry = node.find(type);
        if (entry == nullptr) {
            node.entries.push_back({dns::RRset(type, ttl), 0, 0, {}});
            entry = &node.entries.back();
        } else if (entry->rrset.view().ttl() != ttl && type != dns::RRType::RRSIG) {
            warn(owner.to_text() + " " + dns::to_text(type) +
                 ": records with several TTLs, the first one is taken (RFC 2181, 5.2)");
        }
        if (entry->rrset.add(rdata)) {
            ++records_;
            octets_ += rdata.size() + 2;
        }
        return std::nullopt;
    }

    NodeParts& node_at(Octets relative) {
        const auto made = nodes_.try_emplace(node_key(id_, relative));
        if (made.second) {
            made.first->second.relative_owner.assign(relative.begin(), relative.end());
            octets_ += made.first->first.size() + relative.size() + kNodeOverheadOctets;
        }
        return made.first->second;
    }

    void warn(std::string message) {
        if (warnings_.size() < kMaxFaults) warnings_.push_back(std::move(message));
    }

    /// Empty non-terminals up to the apex, and the mark of a wildcard on its parent. A node made
    /// here stands before the one it was made for, so its own parents are made on the way up.
    void add_parents() {
        node_at({});
        for (auto& item : nodes_) {
            Octets owner = item.second.relative_owner;
            while (!owner.empty()) {
                const bool wildcard = is_wildcard_owner(owner);
                owner = parent_owner(owner);
                const std::size_t count = nodes_.size();
                NodeParts& parent = node_at(owner);
                if (wildcard) parent.flags |= kNodeWildcardChild;
                if (nodes_.size() == count) break;  // it was there, with all above it
            }
        }
    }

    void check(std::vector<std::string>& faults) {
        const auto fault = [&faults](std::string message) {
            if (faults.size() < kMaxFaults) faults.push_back(std::move(message));
        };
        ZoneCheck check(apex_, [this, &fault](const Finding& finding) {
            if (finding.severity == Finding::Severity::Error) {
                fault(finding.to_text());
            } else {
                warn(finding.to_text());
            }
        });
        std::vector<std::uint8_t> octets;
        for (auto& item : nodes_) {
            octets = item.second.pack();
            const NodeView node(octets.data());
            for (const NodeParts::Entry& entry : item.second.entries) {
                if (const auto message = check_rrset(entry)) {
                    fault(owner_of(node, apex_).to_text() + " " + *message);
                }
            }
            check.add(node);
        }
        check.finish([this, &octets](Octets relative) {
            const auto node = nodes_.find(node_key(id_, relative));
            if (node == nodes_.end()) return NodeView();
            octets = node->second.pack();
            return NodeView(octets.data());
        });
        if (!check.wants_second_pass()) return;
        std::vector<std::uint8_t> second;
        for (auto& item : nodes_) {
            second = item.second.pack();
            check.add_targets(NodeView(second.data()));
        }
    }

    base::Result<void> write() {
        auto next = nodes_.begin();
        const auto each = [this, &next](std::string& key, std::string& value) {
            if (next == nodes_.end()) return false;
            key = next->first;
            const std::vector<std::uint8_t> octets = next->second.pack();
            value.assign(base::as_text(octets));
            ++next;
            return true;
        };
        auto ingested = store_.ingest(Family::Nodes, each);
        if (!ingested) return ingested;
        std::vector<std::uint64_t> hashes;
        hashes.reserve(nodes_.size());
        for (const auto& item : nodes_) {
            hashes.push_back(residency_.cache().hash(id_, item.second.relative_owner));
        }
        residency_.add_loaded(hashes);
        // Now there is something to take over.
        KeyValueBatch batch;
        batch.put(Family::Default, LoadRecord::key(id_), LoadRecord{apex_, records_}.pack());
        return store_.write(batch);
    }

    KeyValueStore& store_;
    Residency& residency_;
    const ZoneId id_;
    const dns::Name apex_;
    std::map<std::string, NodeParts> nodes_;  // by node key
    std::uint64_t records_ = 0;
    std::uint64_t refused_ = 0;
    std::size_t octets_ = 0;
    std::vector<std::string> warnings_;
};

}  // namespace

std::unique_ptr<ZoneLoader> make_zone_loader(KeyValueStore& store, Residency& residency, ZoneId id,
                                             const dns::Name& apex) {
    return std::make_unique<Loader>(store, residency, id, apex);
}

}  // namespace zones
