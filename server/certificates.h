#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/tls.h"
#include "server/config.h"

namespace server {

/// The [tls.*] tables of the configuration, read from disk: what handshakes use from now on. Read
/// again as a whole or not at all; connections keep what they began with, so none is dropped. Any
/// thread.
class Certificates {
  public:
    /// What is spoken inside: decides the protocols offered by ALPN.
    enum class Use : std::uint8_t { Dot, Http };

    /// The error names table and file. What clients will not like is written to the log.
    [[nodiscard]] static base::Result<std::unique_ptr<Certificates>> load(
        const std::vector<TlsTable>& tables);
    /// Everything stays as it was when one file cannot be used, or a table is gone.
    [[nodiscard]] base::Result<void> reload(const std::vector<TlsTable>& tables);

    /// Null where there is no such table.
    [[nodiscard]] std::shared_ptr<const net::TlsContext> context(const std::string& table,
                                                                 Use use) const;

    struct Expiry {
        std::string table;
        base::WallTime at;  // the first of its certificates, or of what leads to their authority
        std::vector<std::string> names;  // that they are good for; those of the first one first
    };
    /// Of every table, in the order of their names.
    [[nodiscard]] std::vector<Expiry> expiries() const;

    /// For `check-config`: every sentence about files that cannot be used, or that clients will not
    /// like.
    [[nodiscard]] static std::vector<std::string> check(const std::vector<TlsTable>& tables);

  private:
    struct Loaded {
        std::shared_ptr<const net::TlsContext> dot, http;
        std::shared_ptr<net::TlsTickets> tickets;
        bool asks_clients = false;
    };
    using Tables = std::map<std::string, Loaded>;

    Certificates() = default;
    [[nodiscard]] static base::Result<Tables> read(const std::vector<TlsTable>& tables,
                                                   const Tables& before);

    mutable std::mutex mutex_;
    Tables tables_;  // guarded by mutex_; what it points to is immutable
};

}  // namespace server
