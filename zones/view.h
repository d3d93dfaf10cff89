#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "zones/ids.h"

namespace zones {

/// A view (split horizon) and what it decides beside zone data.
struct View {
    ViewId id = kDefaultView;
    std::string name = "default";
    bool recursion = true;  // may its clients recurse, where listener and ACL allow it too
};

/// Which clients see which view. Immutable, part of Published. Any thread.
struct Network {
    base::IpPrefix prefix;
    ViewId view = kDefaultView;
};

/// The views and networks of one revision: longest prefix over the transport source. Immutable,
/// part of Published. Any thread.
class ViewTable {
  public:
    ViewTable();  // the default view for everyone
    /// Views without the default one, and networks that name existing views.
    ViewTable(std::vector<View> views, std::vector<Network> networks);

    /// Longest prefix over the *transport source address*, never ECS: a client can claim any
    /// subnet there. The default view where nothing matches. No allocation.
    [[nodiscard]] ViewId view_of(const base::IpAddress& source) const noexcept {
        return networks_.empty() ? kDefaultView : search(source);
    }
    [[nodiscard]] const View& view(ViewId id) const noexcept;  // the default view if unknown
    [[nodiscard]] const View* find(std::string_view name) const noexcept;

  private:
    [[nodiscard]] ViewId search(const base::IpAddress& source) const noexcept;

    std::vector<View> views_;
    std::vector<Network> networks_;  // by family, then descending length, then address
};

}  // namespace zones
