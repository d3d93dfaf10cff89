#include "zones/view.h"

#include <algorithm>
#include <utility>

namespace zones {

namespace {

bool before(const Network& a, const Network& b) noexcept {
    if (a.prefix.address.family() != b.prefix.address.family()) {
        return a.prefix.address.family() < b.prefix.address.family();
    }
    if (a.prefix.length != b.prefix.length) return a.prefix.length > b.prefix.length;
    return a.prefix.address < b.prefix.address;
}

}  // namespace

ViewTable::ViewTable() : ViewTable({}, {}) {}

ViewTable::ViewTable(std::vector<View> views, std::vector<Network> networks)
    : views_(std::move(views)), networks_(std::move(networks)) {
    const bool has_default = std::any_of(views_.begin(), views_.end(),
                                         [](const View& view) { return view.id == kDefaultView; });
    if (!has_default) views_.insert(views_.begin(), View{});
    std::sort(views_.begin(), views_.end(),
              [](const View& a, const View& b) { return a.id < b.id; });
    std::sort(networks_.begin(), networks_.end(), before);
}

ViewId ViewTable::search(const base::IpAddress& source) const noexcept {
    // One binary search per prefix length that occurs, longest first: real configurations have a
    // handful of lengths however many networks they list.
    const base::IpAddress address = source.unmapped();
    auto at = std::partition_point(networks_.begin(), networks_.end(), [&](const Network& network) {
        return network.prefix.address.family() < address.family();
    });
    while (at != networks_.end() && at->prefix.address.family() == address.family()) {
        const std::uint8_t length = at->prefix.length;
        const auto end = std::partition_point(at, networks_.end(), [&](const Network& network) {
            return network.prefix.address.family() == address.family() &&
                   network.prefix.length == length;
        });
        const base::IpAddress wanted = address.masked(length);
        const auto found = std::partition_point(
            at, end, [&](const Network& network) { return network.prefix.address < wanted; });
        if (found != end && found->prefix.address == wanted) return found->view;
        at = end;
    }
    return kDefaultView;
}

const View& ViewTable::view(ViewId id) const noexcept {
    const auto found = std::partition_point(views_.begin(), views_.end(),
                                            [&](const View& view) { return view.id < id; });
    // The default view has the smallest id, so it stands first.
    return found != views_.end() && found->id == id ? *found : views_.front();
}

const View* ViewTable::find(std::string_view name) const noexcept {
    for (const View& view : views_) {
        if (view.name == name) return &view;
    }
    return nullptr;
}

}  // namespace zones
