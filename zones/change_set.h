#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "dns/name.h"
#include "dns/rrset.h"
#include "zones/ids.h"

namespace zones {

struct ZoneNodes;

/// An RRset as people write it: what an API document says, in wire form.
struct RRsetValue {
    std::uint32_t ttl = 3600;
    std::vector<std::vector<std::uint8_t>> records;  // rdata, uncompressed
    std::vector<std::uint16_t> weights;              // empty, or one per record
    std::uint16_t answer_count = 1;                  // weighted: records per answer
    bool hidden = false;                             // overlay: hides the base's RRset
};

/// Condition on a resource (If-Match, If-None-Match): the revision that last changed it.
struct Precondition {
    std::optional<std::vector<Revision>> if_match;  // any of these; empty list: must exist ("*")
    bool if_none_match = false;                     // must not exist
};

// Operations. Names are absolute. `view` empty: the base zone; else that view's overlay.

struct PutZone {  // create (SOA and NS included), or change properties of an existing zone
    dns::Name apex;
    std::string view;                     // create only: a zone that exists in this view alone
    std::optional<std::string> soa_edit;  // increment | date | epoch | keep
    std::optional<std::string> comment;
    std::vector<dns::Name> ns;                           // create only
    std::optional<std::vector<std::uint8_t>> soa_rdata;  // create only; else made from ns
};
struct DeleteZone {
    dns::Name apex;
};
struct ReplaceZone {  // swaps in data that a ZoneLoader has made
    dns::Name apex;
    ZoneId loaded = 0;  // the id under which it was written; 0: `small` has it all
    std::uint64_t records = 0;
    std::shared_ptr<const ZoneNodes> small = nullptr;  // its zone id stands for none
};
struct PutRRset {
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
    RRsetValue value;
};
struct AddRecords {  // makes the RRset if needed; records that are there already are kept once
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
    std::optional<std::uint32_t> ttl;
    std::vector<std::vector<std::uint8_t>> records;
};
struct RemoveRecords {  // removing the last record deletes the RRset
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
    std::vector<std::vector<std::uint8_t>> records;
};
struct DeleteRRset {
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
};
struct PutPolicy {
    dns::Name zone, name;
    std::string type;  // ADDRESS | CNAME
    std::string view;
    std::string json;
};
struct DeletePolicy {
    dns::Name zone, name;
    std::string type;
    std::string view;
};
/// A document of `config`: views, networks, maps, pools, monitors, keys, tokens.
struct PutDocument {
    std::string kind;
    std::string id;
    std::string json;
};
struct DeleteDocument {
    std::string kind;
    std::string id;
};

/// Puts back what one change set changed. Where something has been changed since, that is a
/// conflict and nothing is done. A revert is a change set like any other, and can be reverted.
struct RevertRevision {
    Revision revision = 0;
};
/// Undoes every later change of a zone, the newest first, whatever lies between: edits, whole
/// replacements, its deletion. Serials go on (RFC 1982): only the rest of the SOA is put back.
struct RevertZone {
    dns::Name apex;
    Revision to = 0;
};

struct Operation {
    std::variant<PutZone, DeleteZone, ReplaceZone, PutRRset, AddRecords, RemoveRecords, DeleteRRset,
                 PutPolicy, DeletePolicy, PutDocument, DeleteDocument, RevertRevision, RevertZone>
        what;
    Precondition condition;
};

/// What is remembered of a request that its sender may send again (an idempotency key), so that it
/// is done once: an id that nobody else uses, and what is known of the answer. It becomes durable
/// with the change set, in the same write, and is kept for a day (receipts.h).
struct Receipt {
    std::string id;
    base::WallTime time{};  // by which it ages
    std::string value;
};

/// The unit of change: validated as a whole, written at once with its journal entry, numbered by
/// one revision, undone as one. See architecture, "One revision, one committer".
struct ChangeSet {
    std::string author;  // token name, "uid:0", "import"
    std::string request_id;
    std::string message;
    base::WallTime time{};
    std::vector<Operation> operations;
    bool dry_run = false;  // validate and describe, write nothing
    // What a ZoneLoader wrote for it goes when it is refused or only tried, unless it is to be
    // taken over by another change set.
    bool keeps_loads = false;
    // Kept if the change set changes something. A change set with a receipt and no operations keeps
    // the receipt and does nothing else.
    std::optional<Receipt> receipt = {};
};

/// One thing wrong with a change set; all of them are reported at once.
struct ChangeFault {
    enum class Kind : std::uint8_t {
        NotFound,      // 404: zone, RRset or document
        Exists,        // 409
        Precondition,  // 412
        Invalid,       // 422: the rules of DNS or of the document
        Conflict,      // 409: a revert of what was changed since
        Gone,          // 410: history that is not kept any more
        Unavailable,   // 503: store in error, disk full, shutting down
    };
    Kind kind = Kind::Invalid;
    std::size_t operation = 0;  // index
    std::string pointer;        // JSON pointer inside that operation's document, may be empty
    std::string message;
};
struct ChangeError {
    std::vector<ChangeFault> faults;  // not empty
};

/// What was done, after it is durable and served.
struct Committed {
    Revision revision = 0;
    std::vector<std::string> warnings;
    bool changed = true;  // false: the change set changed nothing and got no revision of its own
    std::string diff;     // dry run: what would have been done, as JournalEntry::json
    std::vector<dns::Name> zones;  // that were changed
};

}  // namespace zones
