#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/request.h"
#include "net/content_coding.h"
#include "zones/change_set.h"
#include "zones/ids.h"

namespace admin {

/// The strong entity tag (RFC 9110, 8.8.3) of a representation: the revision that last changed
/// the resource and a mark of the representation: "182-j" JSON, "182-dns" master file.
[[nodiscard]] std::string make_etag(zones::Revision revision, std::string_view mark);

/// The opaque tags of an If-Match or If-None-Match field.
struct TagList {
    struct Tag {
        bool weak = false;
        std::string opaque;  // without quotes
    };
    bool any = false;  // "*"
    std::vector<Tag> tags;

    /// Several fields of one name count as one list. Empty: no such field. An error: not a list.
    [[nodiscard]] static base::Result<std::optional<TagList>> read(const net::HeaderList& headers,
                                                                   std::string_view name);
};

/// The conditions of a write (RFC 9110, 13.1.1 and 13.1.2): If-Match names revisions by any mark
/// of theirs (strong comparison: weak tags match nothing), `If-None-Match: *` creates only.
[[nodiscard]] base::Result<zones::Precondition> write_condition(const Request& request);

/// The condition of a write that was made from what stood at `read`: it must not have changed
/// since.
[[nodiscard]] zones::Precondition since_read(zones::Precondition condition, zones::Revision read);

/// Does If-None-Match spare the body of this representation (304), in whatever coding the client
/// has it? Weak comparison.
[[nodiscard]] base::Result<bool> not_modified(const Request& request, std::string_view etag);

/// The tag of a representation in a coding: "182-j" in gzip is "182-j-gzip".
[[nodiscard]] std::string coded_etag(std::string_view etag, net::ContentCoding coding);

}  // namespace admin
