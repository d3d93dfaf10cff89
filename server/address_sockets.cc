#include "server/address_sockets.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "server/log.h"

namespace server {

namespace {

// Opening a socket takes some 10 µs; the first worker's queries wait meanwhile.
constexpr std::size_t kSocketsPerTurn = 128;

bool all_cpus_have_a_worker(std::size_t workers) {
    // The kernel numbers CPUs without gaps only if none of them is missing.
    const long configured = sysconf(_SC_NPROCESSORS_CONF);
    return workers > 1 && configured == sysconf(_SC_NPROCESSORS_ONLN) &&
           configured == static_cast<long>(workers);
}

}  // namespace

net::UdpOptions udp_options(const Config& config) {
    net::UdpOptions options;
    options.receive_buffer_octets = static_cast<int>(config.udp_rcvbuf);
    return options;
}

AddressSockets::AddressSockets(const std::vector<std::unique_ptr<Worker>>& workers,
                               const std::vector<Listener>& listeners,
                               const net::UdpOptions& options)
    : options_(options),
      one_worker_per_cpu_(all_cpus_have_a_worker(workers.size())),
      rest_(workers.front()->loop()) {
    for (const auto& worker : workers) workers_.push_back(worker.get());
    for (const Listener& listener : listeners) {
        if (!listener.address.address.is_unspecified()) {
            taken_.insert(listener.address);
            continue;
        }
        wildcards_.emplace_back();
        wildcards_.back().listener = listener;
    }
    if (wildcards_.empty() && !one_worker_per_cpu_) return;
    auto local = net::LocalAddresses::open(workers.front()->loop(), *this);
    if (!local) {
        log_info(local.error().message + "; wildcard listeners use one socket for all");
        return;
    }
    local_ = std::move(*local);
    addresses_ = local_->all();
    std::size_t unlimited = std::numeric_limits<std::size_t>::max();
    for (Wildcard& wildcard : wildcards_) follow(wildcard, unlimited);
    steer_single(listeners);
}

void AddressSockets::on_addresses() {
    addresses_ = local_->all();
    std::size_t budget = kSocketsPerTurn;
    bool done = true;
    for (Wildcard& wildcard : wildcards_) done = follow(wildcard, budget) && done;
    if (!done) rest_.start(std::chrono::milliseconds(1), [this] { on_addresses(); });
}

/// False when there is more to be done than `budget`.
bool AddressSockets::follow(Wildcard& wildcard, std::size_t& budget) {
    std::set<base::IpAddress> wanted;
    std::vector<net::LocalAddress> missing;
    const base::IpFamily family = wildcard.listener.address.address.family();
    bool full = false;
    for (const net::LocalAddress& address : addresses_) {
        if (address.address.family() != family) continue;
        if (taken_.contains({address.address, wildcard.listener.address.port})) continue;
        full = wanted.size() == kMaxAddresses;
        if (full) break;
        wanted.insert(address.address);
        if (!wildcard.open.contains(address.address)) missing.push_back(address);
    }
    if (full && !wildcard.full_told) {
        log_info("UDP " + wildcard.listener.address.to_text() + ": beyond " +
                 std::to_string(kMaxAddresses) + " addresses one socket serves the others");
    }
    wildcard.full_told = full;
    for (auto it = wildcard.open.begin(); it != wildcard.open.end();) {
        if (wanted.contains(*it)) {
            ++it;
            continue;
        }
        for (Worker* const worker : workers_) worker->remove_address(wildcard.listener.index, *it);
        it = wildcard.open.erase(it);
    }
    std::erase_if(wildcard.refused,
                  [&](const base::IpAddress& address) { return !wanted.contains(address); });
    for (const net::LocalAddress& address : missing) {
        if (budget < workers_.size()) return false;
        budget -= workers_.size();
        if (open(wildcard, address)) wildcard.open.insert(address.address);
    }
    return true;
}

bool AddressSockets::open(Wildcard& wildcard, const net::LocalAddress& address) {
    const base::Endpoint endpoint{address.address, wildcard.listener.address.port};
    std::vector<net::Descriptor> sockets;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        auto bound = net::UdpSocket::open(endpoint, options_);
        if (!bound) {
            // Gone again already, or the port may not be bound any more: the wildcard serves it.
            if (wildcard.refused.insert(address.address).second) {
                log_info(bound.error().message + "; served by the socket for all addresses");
            }
            return false;
        }
        sockets.push_back(std::move(*bound));
    }
    wildcard.refused.erase(address.address);
    steer(sockets.front().get(), address.interface_index);
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        workers_[i]->add_address(wildcard.listener.index, std::move(sockets[i]));
    }
    return true;
}

void AddressSockets::steer(int descriptor, std::uint32_t interface_index) const {
    if (!one_worker_per_cpu_ || net::receive_queues(interface_index) < workers_.size()) return;
    const auto steered = net::steer_by_cpu(descriptor);
    if (!steered) log_debug(steered.error().message);
}

/// Listeners on one address have their sockets already.
void AddressSockets::steer_single(const std::vector<Listener>& listeners) const {
    for (const Listener& listener : listeners) {
        const auto found = std::find_if(
            addresses_.begin(), addresses_.end(),
            [&](const net::LocalAddress& a) { return a.address == listener.address.address; });
        const int descriptor = workers_.front()->udp_descriptor(listener.index);
        if (found != addresses_.end() && descriptor >= 0) {
            steer(descriptor, found->interface_index);
        }
    }
}

}  // namespace server
