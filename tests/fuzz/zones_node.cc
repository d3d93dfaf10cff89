// Nodes come from disk: whatever `check` accepts can be walked, and packs to the same octets.
#include <cstdlib>

#include "zones/node.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto node = zones::NodeView::check({data, size});
    if (!node) return 0;
    std::size_t octets = 0;
    for (const zones::NodeEntry entry : *node) {
        for (const base::Octets rdata : entry.rrset) octets += rdata.size();
        for (std::size_t i = 0; entry.weights != nullptr && i < entry.rrset.count(); ++i) {
            octets += entry.weight(i);
        }
        if (!node->find(entry.rrset.type())) std::abort();
    }
    const std::vector<std::uint8_t> packed = zones::NodeParts(*node).pack();
    if (packed.size() > size || !zones::NodeView::check(packed)) std::abort();
    return octets == ~std::size_t{0} ? 1 : 0;
}
