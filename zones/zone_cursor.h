#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zones/ids.h"
#include "zones/kv.h"
#include "zones/node.h"

namespace zones {

/// Walks all that one zone id holds, owner by owner in canonical order (RFC 4034, 6.1): its names
/// with the owners of its NSEC3 records in their places, though those are kept apart (ids.h). An
/// owner that is both is one node. Reads the disk. One thread; keeps the snapshot.
class ZoneCursor {
  public:
    ZoneCursor(KeyValueStore& store, const std::shared_ptr<const StoreSnapshot>& snapshot,
               ZoneId id);

    /// To the first owner at or behind this one.
    void seek(Octets relative_owner);
    void next();

    enum class State : std::uint8_t {
        Node,
        End,
        Damaged,     // a node that makes no sense
        Unreadable,  // the store
    };
    [[nodiscard]] State state() const noexcept { return state_; }
    /// In State::Node, until the cursor moves.
    [[nodiscard]] NodeView node() const noexcept { return node_; }
    /// The key of the node; of an owner that is both, the name's.
    [[nodiscard]] std::string_view key() const noexcept { return key_; }

  private:
    struct Side {
        std::unique_ptr<KeyValueStore::Cursor> cursor;
        std::string prefix;
        [[nodiscard]] bool valid() const;
        [[nodiscard]] std::string_view owner_key() const;
    };
    void look();

    Side names_, hashes_;
    bool at_name_ = false, at_hash_ = false;  // which of the two the node comes from
    State state_ = State::End;
    NodeView node_;
    std::string_view key_;
    std::vector<std::uint8_t> merged_;
};

/// Two nodes of one owner, whose types differ but for RRSIG, as one.
[[nodiscard]] std::vector<std::uint8_t> join_nodes(NodeView name, NodeView hash);

}  // namespace zones
