#include "resolver/delegation.h"

#include <algorithm>

namespace resolver {

std::vector<std::uint8_t> pack_servers(const std::vector<NameServer>& servers) {
    std::vector<std::uint8_t> out;
    const std::size_t count = std::min(servers.size(), kMaxNameServers);
    for (std::size_t i = 0; i < count; ++i) {
        const NameServer& server = servers[i];
        const base::Octets name = server.name.octets();
        out.insert(out.end(), name.begin(), name.end());
        const std::size_t counts_at = out.size();
        out.resize(out.size() + 2);
        for (const base::IpFamily family : {base::IpFamily::V4, base::IpFamily::V6}) {
            std::uint8_t& taken = out[counts_at + (family == base::IpFamily::V4 ? 0 : 1)];
            std::uint8_t n = 0;
            std::vector<std::uint8_t> addresses;
            for (const base::IpAddress& address : server.addresses) {
                if (address.family() != family || n == kMaxAddressesPerServer) continue;
                addresses.insert(addresses.end(), address.octets().begin(), address.octets().end());
                ++n;
            }
            taken = n;
            out.insert(out.end(), addresses.begin(), addresses.end());
        }
    }
    return out;
}

std::vector<NameServer> unpack_servers(base::Octets octets) {
    std::vector<NameServer> out;
    while (!octets.empty()) {
        const auto name = dns::NameView::check(octets);
        if (!name) break;
        NameServer server;
        server.name = dns::Name(*name);
        octets = octets.subspan(name->size());
        const std::size_t v4 = octets[0];
        const std::size_t v6 = octets[1];
        octets = octets.subspan(2);
        for (std::size_t i = 0; i < v4 + v6; ++i) {
            const std::size_t size = i < v4 ? 4 : 16;
            server.addresses.push_back(base::IpAddress::from_octets(octets.first(size)));
            octets = octets.subspan(size);
        }
        out.push_back(std::move(server));
    }
    return out;
}

}  // namespace resolver
