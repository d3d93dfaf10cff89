#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
        std::optional<zones::ReplaceZone> zone;  // nothing: an overlay
        std::uint64_t records = 0;
        std::vector<std::string> warnings;
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

/// The overlay of a view in place of the one that is there, as a change set of RRsets: an overlay
/// is a small part of a zone, and its size is limited. As a master file, which cannot say that an
/// RRset is hidden (what is hidden stays so, unless the file has it), as a JSON object with
/// "rrsets" alone, or as NDJSON. `store` must outlive it.
inline constexpr std::size_t kMaxOverlayRRsets = 10000;
inline constexpr std::size_t kMaxOverlayOctets = std::size_t{4} << 20;
enum class OverlayFormat : std::uint8_t { MasterFile, Object, Lines };
[[nodiscard]] std::unique_ptr<ZoneBody> make_overlay_body(zones::Store& store,
                                                          const dns::Name& apex, std::string view,
                                                          OverlayFormat format);

}  // namespace admin
