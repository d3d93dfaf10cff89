#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/documents.h"
#include "admin/rrset_documents.h"
#include "base/octets.h"
#include "base/result.h"
#include "dns/name.h"
#include "zones/store.h"

namespace admin {

/// A whole zone as it stands in a request's body, on its way into a ZoneLoader: a master file or
/// JSON. Holds one entry or document at a time. One thread at a time.
class ZoneBody {
  public:
    static constexpr std::size_t kMaxFaultsShown = 20;

    virtual ~ZoneBody() = default;
    virtual void feed(base::Octets piece) = 0;

    struct Done {
        zones::ZoneLoader::Finished zone;
        std::vector<zones::Operation> more;  // to follow the zone's in its change set
    };
    struct Refused {
        std::uint64_t faults = 0;  // all of them
        std::vector<Fault> shown;  // the first ones; messages begin with "zone:17: "
    };
    /// After the last piece, once. May take long for a large zone.
    [[nodiscard]] virtual base::Result<Done, Refused> finish() = 0;
};

/// A master file (RFC 1035, 5) without includes: a zone sent over the network must not read the
/// server's files.
[[nodiscard]] std::unique_ptr<ZoneBody> make_master_file_body(
    std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex);

/// RRset documents: the elements of "rrsets" in a zone document, which may give `ns`, `soa`,
/// `soa_edit` and `comment` too, or one on each line (NDJSON).
[[nodiscard]] std::unique_ptr<ZoneBody> make_documents_body(
    std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex,
    RRsetDocuments::Format format);

}  // namespace admin
