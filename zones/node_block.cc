#include "zones/node_block.h"

#include <algorithm>

namespace zones {

NodeView NodeBlock::find(std::string_view key) const noexcept {
    std::size_t low = 0;
    std::size_t high = rows_.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (this->key(middle) < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == rows_.size() || this->key(low) != key) return NodeView();
    return node(low);
}

void NodeBlock::set_zone(ZoneId id) noexcept {
    std::uint8_t octets[4];
    base::store_be32(octets, id);
    for (const Row& row : rows_) {
        std::copy(std::begin(octets), std::end(octets),
                  octets_.begin() + static_cast<std::ptrdiff_t>(row.at));
    }
}

void NodeBlock::append(const NodeBlock& other) {
    for (Row row : other.rows_) {
        row.at += octets_.size();
        rows_.push_back(row);
    }
    octets_ += other.octets_;
}

void NodeBlock::clear() {
    rows_.clear();
    octets_.clear();
}

}  // namespace zones
