#pragma once

#include "base/octets.h"
#include "dns/nsec3.h"
#include "zones/change_marks.h"
#include "zones/ids.h"
#include "zones/node.h"

namespace zones {

enum class Presence : std::uint8_t {
    Present,
    Absent,
    WouldBlock,  // only a read from disk could tell, and this source must not wait
    Failed,      // the store could not be read or holds damaged octets: SERVFAIL
};

struct NodeFound {
    Presence presence = Presence::Absent;
    NodeView node;  // if Present; valid until the source's `release`
};

/// Where answers read nodes from, at one revision: a worker's through the node cache, a reader
/// thread's that may wait for the disk, a test's from memory. One thread.
///
/// `relative_owner` is the owner's labels below the apex in wire form without the root, in any
/// case: a slice of the qname, so that nothing is copied.
class NodeSource {
  public:
    virtual ~NodeSource() = default;
    [[nodiscard]] virtual NodeFound find(ZoneId zone, Octets relative_owner) = 0;
    /// Is there any node below this owner? (Rare: views that hide all a name holds.)
    [[nodiscard]] virtual Presence has_descendant(ZoneId zone, Octets relative_owner) = 0;
    /// The greatest owner at or before this one in canonical order (RFC 4034, 6.1) whose node holds
    /// an RRset of `type`: with NSEC the record that matches or covers the name. Names without
    /// one, such as glue, are passed over. Among NSEC3, under a zone's hashed_id, only those of one
    /// chain count: `chain` is null for all other types.
    [[nodiscard]] virtual NodeFound predecessor(ZoneId zone, Octets relative_owner,
                                                dns::RRType type,
                                                const dns::Nsec3Parameters* chain) = 0;
    /// May a query take its time here? Not on a worker, whose other clients wait.
    [[nodiscard]] virtual bool may_wait() const = 0;
    /// Nodes found so far are no longer used; called at the end of each batch.
    virtual void release() = 0;

    /// From here on what is found is what the next answer relies on, read at this revision.
    void begin_reliance(Revision revision) noexcept {
        reliance_.revision = revision;
        reliance_.count = 0;
    }
    /// Of all that was found, or looked for in vain, since `begin_reliance`.
    [[nodiscard]] const Reliance& reliance() const noexcept { return reliance_; }
    /// The answer uses something that was made from these nodes before.
    void rely_on(const Reliance& other) noexcept { reliance_.add(other); }
    /// Of one owner. A source whose nodes never change has one mark for all, which is never raised.
    [[nodiscard]] virtual ChangeMarks::Mark mark_of(ZoneId /*zone*/, Octets /*relative_owner*/) {
        return 0;
    }

  protected:
    Reliance reliance_;
};

}  // namespace zones
