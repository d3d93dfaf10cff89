#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "base/result.h"
#include "net/loop.h"

namespace net {

/// An address of this machine to which a socket can be bound by itself.
struct LocalAddress {
    base::IpAddress address;
    std::uint32_t interface_index = 0;

    friend auto operator<=>(const LocalAddress&, const LocalAddress&) = default;
};

/// What the kernel says of addresses (rtnetlink(7)), without I/O. IPv6 addresses that are not
/// usable yet (duplicate address detection) or need a scope (link-local) are left out.
class AddressTable {
  public:
    struct News {
        bool changed = false;    // `all` is different
        bool scanned = false;    // a whole listing has ended
        bool scan_lost = false;  // it was refused, or addresses changed meanwhile: ask again
    };
    /// The number (nlmsg_seq) that the next listing is to be asked with.
    [[nodiscard]] std::uint32_t next_scan() const noexcept { return scan_ + 1; }
    /// It has been asked for: what is not in it will be gone when it ends, and what is still said
    /// of an earlier one does not count.
    void begin_scan() noexcept { ++scan_; }
    /// One datagram of the kernel's: any number of messages. A malformed one ends it.
    News receive(base::Octets datagram);
    /// In order, without duplicates.
    [[nodiscard]] std::vector<LocalAddress> all() const;

  private:
    struct Entry {
        LocalAddress of;
        std::uint32_t seen;
    };
    std::vector<Entry> entries_;  // in order
    std::uint32_t scan_ = 0;
};

/// Follows the addresses of this machine. Changes come as they happen; when the kernel had to drop
/// some, all addresses are read again. Loop's thread only; before the loop runs, its maker's.
class LocalAddresses {
  public:
    class Handler {
      public:
        virtual ~Handler() = default;
        /// They are different now: see `all`. May not destroy the LocalAddresses.
        virtual void on_addresses() = 0;
    };
    /// Reads them once before it returns (at most a second). Fails where there is no netlink.
    [[nodiscard]] static base::Result<std::unique_ptr<LocalAddresses>> open(Loop& loop,
                                                                            Handler& handler);
    ~LocalAddresses();
    LocalAddresses(const LocalAddresses&) = delete;
    LocalAddresses& operator=(const LocalAddresses&) = delete;

    [[nodiscard]] std::vector<LocalAddress> all() const;
    /// How often the kernel had to drop changes, so that all were read again.
    [[nodiscard]] std::uint64_t overruns() const noexcept;

  private:
    struct State;
    explicit LocalAddresses(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace net
