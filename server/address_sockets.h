#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "base/ip.h"
#include "net/local_addresses.h"
#include "net/loop.h"
#include "net/udp_socket.h"
#include "server/config.h"
#include "server/worker.h"

namespace server {

/// How the UDP sockets of a configuration are opened.
[[nodiscard]] net::UdpOptions udp_options(const Config& config);

/// Gives every UDP listener on a wildcard a socket for each address of this machine on each worker,
/// and follows as addresses come and go: then a datagram needs no control message that says where
/// it was sent to, and its answer none that says where from. What has no such socket (there is no
/// netlink, the address is link-local or not configured but routed here, binding is not permitted
/// any more) is served by the wildcard socket as before.
///
/// Where there are as many workers as CPUs, and the interface of an address spreads what arrives
/// over all of them, the CPU that received a datagram chooses the worker.
///
/// Made before the workers start, destroyed after they have ended; between, it works on the first
/// worker's loop. Sockets of one address are opened for all workers in order, because their order
/// is the CPU's number.
class AddressSockets final : net::LocalAddresses::Handler {
  public:
    /// Of one listener; the addresses beyond are left to the wildcard socket.
    static constexpr std::size_t kMaxAddresses = 256;

    struct Listener {
        std::uint16_t index = 0;
        base::Endpoint address;  // as it was bound
    };
    /// Opens sockets for the addresses there are. `workers` outlive it and have bound `listeners`.
    AddressSockets(const std::vector<std::unique_ptr<Worker>>& workers,
                   const std::vector<Listener>& listeners, const net::UdpOptions& options);

    void on_addresses() override;

  private:
    struct Wildcard {
        Listener listener;
        std::set<base::IpAddress> open;
        std::set<base::IpAddress> refused;  // told once, tried again with each change
        bool full_told = false;
    };

    bool follow(Wildcard& wildcard, std::size_t& budget);
    bool open(Wildcard& wildcard, const net::LocalAddress& address);
    void steer(int descriptor, std::uint32_t interface_index) const;
    void steer_single(const std::vector<Listener>& listeners) const;

    std::vector<Worker*> workers_;
    net::UdpOptions options_;
    std::vector<Wildcard> wildcards_;
    std::set<base::Endpoint> taken_;  // by listeners of their own, which may have another role
    std::vector<net::LocalAddress> addresses_;
    bool one_worker_per_cpu_ = false;
    net::Timer rest_;
    std::unique_ptr<net::LocalAddresses> local_;
};

}  // namespace server
