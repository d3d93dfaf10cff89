#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "dns/name.h"

namespace resolver {

/// A name server and the addresses it is known by.
struct NameServer {
    dns::Name name;
    std::vector<base::IpAddress> addresses;
};

/// Where iteration starts when nothing better is known: the root servers (RFC 9609). Immutable,
/// any thread. Real use of it is one priming query (RFC 8109).
class RootHints {
  public:
    /// The thirteen root servers as of 2026, from https://www.internic.net/domain/named.root.
    [[nodiscard]] static RootHints built_in();
    /// From a master file: the NS records of the root and the addresses of their targets. Fails
    /// when it holds no usable server.
    [[nodiscard]] static base::Result<RootHints> load(const std::string& file);
    [[nodiscard]] static base::Result<RootHints> parse(const std::string& text,
                                                       const std::string& file);
    [[nodiscard]] static RootHints of(std::vector<NameServer> servers);

    [[nodiscard]] const std::vector<NameServer>& servers() const noexcept { return servers_; }

  private:
    std::vector<NameServer> servers_;
};

}  // namespace resolver
