#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"
#include "server/tcp_clients.h"

namespace server {

/// The TCP connections of one worker by their last use, all of them and those of each client
/// prefix, and the prefixes by how many they hold. So who has been idle longest, and who is to go
/// when there is no room, is found without looking at all of them: every call takes constant time
/// but for the map of the few counts that occur. One thread.
class TcpTable {
  public:
    struct Prefix;
    /// What a connection is to the table; a base of it. Must be removed before it is destroyed.
    class Entry {
      public:
        Entry() = default;
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

        /// When it last did something that counts.
        [[nodiscard]] base::MonoTime used() const noexcept { return used_; }
        /// Does it wait for us? Then it is the last of its prefix to be given up.
        [[nodiscard]] virtual bool waits_for_us() const noexcept = 0;

      protected:
        ~Entry() = default;

      private:
        friend class TcpTable;
        base::MonoTime used_{};
        Prefix* prefix_ = nullptr;
        std::list<Entry*>::iterator in_all_;
        std::list<Entry*>::iterator in_prefix_;
    };

    /// `now` must not go back from call to call.
    void add(Entry& entry, const base::IpAddress& prefix, base::MonoTime now);
    void remove(Entry& entry);
    void touch(Entry& entry, base::MonoTime now);

    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    /// The one whose last use is longest ago; null if there is none.
    [[nodiscard]] Entry* oldest() const noexcept;
    [[nodiscard]] const base::IpAddress& prefix_of(const Entry& entry) const noexcept;

    /// Who makes room: of the prefix that holds most here (of several alike the one idle longest,
    /// as far as a short look tells) the connection idle longest. Null if there is none.
    [[nodiscard]] Entry* victim() const noexcept;
    /// The same within one prefix.
    [[nodiscard]] Entry* victim_of(const base::IpAddress& prefix) const noexcept;

  private:
    using ByCount = std::map<std::size_t, std::list<Prefix*>>;
    /// How many are looked at for one that does not wait for us.
    static constexpr std::size_t kLooks = 16;

    void recount(Prefix& prefix, std::size_t before, std::size_t after);
    [[nodiscard]] static Entry* idle_in(const Prefix& prefix) noexcept;

    std::list<Entry*> all_;  // longest idle first
    std::unordered_map<base::IpAddress, Prefix, ClientPrefixHash> prefixes_;
    ByCount by_count_;
};

struct TcpTable::Prefix {
    base::IpAddress address;
    std::list<Entry*> entries;  // longest idle first
    std::list<Prefix*>::iterator in_count;
};

}  // namespace server
