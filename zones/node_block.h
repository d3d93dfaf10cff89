#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "zones/ids.h"
#include "zones/node.h"

namespace zones {

/// Nodes of zones in ascending order of their keys, packed one behind the other. One thread fills
/// it; const members may then be called concurrently.
class NodeBlock {
  public:
    /// A node of the zone `id`, with its key below the apex (key.h). Both are copied.
    void add(ZoneId id, std::string_view key, Octets node) {
        rows_.push_back({octets_.size(), 4 + key.size(), node.size()});
        base::append_be32(octets_, id);
        octets_.append(key);
        octets_.append(base::as_text(node));
    }
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
    [[nodiscard]] std::size_t octets() const noexcept { return octets_.size(); }
    /// As the database has it: with the zone id in front.
    [[nodiscard]] std::string_view key(std::size_t row) const noexcept {
        return std::string_view(octets_).substr(rows_[row].at, rows_[row].key);
    }
    [[nodiscard]] std::string_view value(std::size_t row) const noexcept {
        return std::string_view(octets_).substr(rows_[row].at + rows_[row].key, rows_[row].value);
    }
    [[nodiscard]] NodeView node(std::size_t row) const noexcept {
        return NodeView(base::as_octets(value(row)).data());
    }
    /// By the whole key; an invalid view if there is none.
    [[nodiscard]] NodeView find(std::string_view key) const noexcept;
    /// All nodes now belong to one zone with this id.
    void set_zone(ZoneId id) noexcept;
    void append(const NodeBlock& other);
    void clear();

  private:
    struct Row {
        std::size_t at, key, value;  // octets of each
    };
    std::vector<Row> rows_;
    std::string octets_;
};

/// The nodes of a zone: its names, and what belongs to its NSEC3 chain (hashed_id).
struct ZoneNodes {
    NodeBlock names, chain;

    void set_zone(ZoneId id) noexcept {
        names.set_zone(id);
        chain.set_zone(hashed_id(id));
    }
    [[nodiscard]] std::size_t octets() const noexcept { return names.octets() + chain.octets(); }
};

}  // namespace zones
