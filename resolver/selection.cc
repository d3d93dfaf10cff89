// Which server a task asks, and where the addresses of servers come from.
#include <algorithm>

#include "dns/rdata.h"
#include "resolver/resolution.h"
#include "resolver/task.h"

namespace resolver {

namespace {

constexpr std::uint32_t kPreferenceMs = 50;  // head start of the preferred address family

}  // namespace

/// May this address be asked at all?
bool Resolution::usable(const base::IpAddress& address) const noexcept {
    if (address.is_v4() ? !settings_.ipv4 : !settings_.ipv6) return false;
    if (address.is_unspecified() || address.unmapped() != address) return false;
    // Multicast and, for IPv4, what is above it, are no server's.
    if (address.octets()[0] >= (address.is_v4() ? 224 : 255)) return false;
    return std::none_of(settings_.do_not_query.begin(), settings_.do_not_query.end(),
                        [&](const base::IpPrefix& prefix) { return prefix.contains(address); });
}

/// Makes these the servers of the delegation in hand, with the addresses that are known.
void Resolution::use_servers(Task& task, const std::vector<NameServer>& servers,
                             base::MonoTime now) {
    task.candidates.clear();
    task.lookups = 0;
    for (const NameServer& server : servers) {
        Candidate candidate;
        candidate.name = server.name;
        for (const base::IpAddress& address : server.addresses) {
            if (usable(address)) candidate.addresses.push_back({address});
        }
        if (server.addresses.empty()) {
            for (const dns::RRType type : {dns::RRType::A, dns::RRType::AAAA}) {
                const Ref known =
                    environment_.cache.find_rrset(question_.partition, server.name, type, now);
                if (!known) continue;
                for (const base::Octets rdata : known->rrset()) {
                    const base::IpAddress address = base::IpAddress::from_octets(rdata);
                    if (usable(address)) candidate.addresses.push_back({address});
                }
            }
        } else {
            candidate.looked_up = true;  // asking about glue would only lead here again
        }
        task.candidates.push_back(std::move(candidate));
    }
}

/// Picks the server that is likely to answer soonest, and asks it. False when none is left.
bool Resolution::choose(Task& task, base::MonoTime now) {
    Candidate::Address* best = nullptr;
    std::uint64_t best_score = 0;
    for (Candidate& candidate : task.candidates) {
        for (Candidate::Address& address : candidate.addresses) {
            if (address.out) continue;
            std::uint64_t score =
                environment_.servers.score_ms(address.address, now, environment_.random);
            score += 1000000ULL * address.tries;  // all once before any twice
            if (address.address.is_v4() == settings_.prefer_ipv6) score += kPreferenceMs;
            if (best == nullptr || score < best_score) {
                best = &address;
                best_score = score;
            }
        }
    }
    if (best == nullptr) return false;
    ++best->tries;
    ask(task, best->address, false, environment_.servers.speaks_edns(best->address, now),
        settings_.case_randomisation && environment_.servers.keeps_case(best->address, now));
    return task.asking;
}

/// Starts tasks for the addresses of one more server that is known by name only. False when
/// there is none, or a bound is reached.
bool Resolution::look_up_servers(Task& task, base::MonoTime now) {
    if (task.depth >= kMaxDepth) return false;
    std::vector<Candidate*> unknown;
    for (Candidate& candidate : task.candidates) {
        if (!candidate.looked_up) unknown.push_back(&candidate);
    }
    while (!unknown.empty() && task.lookups < kMaxLookups) {
        const std::uint32_t drawn =
            environment_.random.below(static_cast<std::uint32_t>(unknown.size()));
        Candidate& candidate = *unknown[drawn];
        unknown.erase(unknown.begin() + drawn);
        candidate.looked_up = true;
        ++task.lookups;
        const dns::Name name = candidate.name;
        std::vector<Task*> started;
        for (const dns::RRType type : {dns::RRType::A, dns::RRType::AAAA}) {
            if (type == dns::RRType::A ? !settings_.ipv4 : !settings_.ipv6) continue;
            if (tasks_.size() >= kMaxTasks) break;
            bool barred = std::any_of(hopeless_.begin(), hopeless_.end(), [&](const auto& item) {
                return item.second == type && item.first == name;
            });
            // A task that waits for itself waits for ever.
            for (const Task* above = &task; above != nullptr && !barred; above = above->parent) {
                barred =
                    above->qtype == type && (above->qname == name || above->chain.name == name);
            }
            if (!barred) started.push_back(add_task(&task, name, type));
        }
        if (started.empty()) continue;
        // While they start, the parent is not to be advanced by one that ends at once.
        task.located = false;
        for (Task* child : started) {
            if (!done_) advance(*child, now);
        }
        task.located = true;
        return true;
    }
    return false;
}

void Resolution::addresses_found(Task& task, const Task& child) {
    if (!child.answered) return;
    const Answer& answer = child.chain.answer;
    for (Candidate& candidate : task.candidates) {
        if (candidate.name != child.qname) continue;
        for (std::size_t i = 0; i < answer.set_count; ++i) {
            if (answer.sets[i]->type() != child.qtype) continue;  // an alias before it
            for (const base::Octets rdata : answer.sets[i]->rrset()) {
                const base::IpAddress address = base::IpAddress::from_octets(rdata);
                if (usable(address)) candidate.addresses.push_back({address});
            }
        }
    }
}

}  // namespace resolver
