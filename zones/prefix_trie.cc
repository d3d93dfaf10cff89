#include "zones/prefix_trie.h"

#include <array>

namespace zones {

namespace {

constexpr std::uint32_t kNone = 0xffffffffU;

/// The cuts as a binary tree: a node stands where a boundary passes or ends.
struct CutTree {
    struct Node {
        std::uint32_t child[2] = {kNone, kNone};
    };
    std::vector<Node> nodes = {Node{}};

    void add(const base::IpPrefix& prefix) {
        std::uint32_t at = 0;
        for (unsigned depth = 0; depth < prefix.length; ++depth) {
            const unsigned side = prefix.address.bit(depth) ? 1 : 0;
            if (nodes[at].child[side] == kNone) {
                nodes[at].child[side] = static_cast<std::uint32_t>(nodes.size());
                nodes.emplace_back();
            }
            at = nodes[at].child[side];
        }
    }
};

}  // namespace

PrefixTrie PrefixTrie::build(base::IpFamily family, const std::vector<base::IpPrefix>& boundaries,
                             const std::function<Outcome(const base::IpAddress&)>& evaluate) {
    CutTree cuts;
    for (const base::IpPrefix& prefix : boundaries) {
        if (prefix.address.family() == family) cuts.add(prefix);
    }
    PrefixTrie out;
    const std::size_t octets = family == base::IpFamily::V4 ? 4 : 16;
    std::array<std::uint8_t, 16> address{};
    // Depth is at most 128, so recursion is bounded. Returns a child: an index or a leaf.
    const std::function<std::uint32_t(std::uint32_t, unsigned)> join =
        [&](std::uint32_t cut, unsigned depth) -> std::uint32_t {
        if (cut == kNone ||
            (cuts.nodes[cut].child[0] == kNone && cuts.nodes[cut].child[1] == kNone)) {
            return kLeaf | evaluate(base::IpAddress::from_octets({address.data(), octets}));
        }
        const auto bit = static_cast<std::uint8_t>(0x80U >> (depth % 8));
        Node node;
        node.child[0] = join(cuts.nodes[cut].child[0], depth + 1);
        address[depth / 8] = static_cast<std::uint8_t>(address[depth / 8] | bit);
        node.child[1] = join(cuts.nodes[cut].child[1], depth + 1);
        address[depth / 8] = static_cast<std::uint8_t>(address[depth / 8] & ~bit);
        if (node.child[0] == node.child[1] && (node.child[0] & kLeaf) != 0) return node.child[0];
        out.nodes_.push_back(node);
        return static_cast<std::uint32_t>(out.nodes_.size() - 1);
    };
    out.root_ = join(0, 0);
    out.nodes_.shrink_to_fit();
    return out;
}

PrefixTrie::Found PrefixTrie::find(const base::IpAddress& address) const noexcept {
    std::uint32_t at = root_;
    std::uint8_t depth = 0;
    while ((at & kLeaf) == 0) at = nodes_[at].child[address.bit(depth++) ? 1 : 0];
    return {at & ~kLeaf, depth};
}

}  // namespace zones
