#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "zones/draft.h"
#include "zones/policy_table.h"
#include "zones/view.h"

namespace zones {

/// Documents of `config`: which kinds there are, what each must say, and the tables that are made
/// from all of them. Faults carry JSON pointers.
using DocumentFaults = std::vector<PolicyTable::Fault>;

[[nodiscard]] bool document_kind_known(std::string_view kind);
/// Does a change of this kind change the compiled policies?
[[nodiscard]] bool document_steers(std::string_view kind);

/// `{"name": "internal", "recursion": true}`. The number is given by the store.
[[nodiscard]] base::Result<View, DocumentFaults> parse_view(std::string_view id,
                                                            std::string_view json);
/// `{"prefix": "10.0.0.0/8", "view": "internal"}`; the id is the prefix.
struct NetworkDocument {
    base::IpPrefix prefix;
    std::string view;
};
[[nodiscard]] base::Result<NetworkDocument, DocumentFaults> parse_network(std::string_view id,
                                                                          std::string_view json);
/// A document of any known kind on its own, not what it refers to.
[[nodiscard]] DocumentFaults check_document(std::string_view kind, std::string_view id,
                                            std::string_view json);

/// What the journal keeps of a zone's properties and of its data.
struct ZoneProperties {
    std::string soa_edit, comment;
};
[[nodiscard]] std::optional<ZoneProperties> parse_zone_properties(std::string_view json);
/// `{"zone_id": 7, ...}`; 0 if that is not what it says.
[[nodiscard]] ZoneId parse_data_id(std::string_view json);

/// All views and networks. A network whose view is not there is left out and named.
struct ViewDocuments {
    std::vector<View> views;
    std::vector<Network> networks;
    struct Orphan {
        std::string network, view;
    };
    std::vector<Orphan> orphans;
};
[[nodiscard]] ViewDocuments read_views(Draft& draft);

/// All policies with what they refer to, compiled.
[[nodiscard]] base::Result<std::shared_ptr<const PolicyTable>> compile_policies(
    Draft& draft, const GeoDatabases& geo);

}  // namespace zones
