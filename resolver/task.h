#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "dns/name.h"
#include "dns/types.h"
#include "resolver/chain.h"
#include "resolver/resolution.h"

namespace resolver {

/// One name server of the delegation in hand.
struct Resolution::Candidate {
    struct Address {
        base::IpAddress address;
        std::uint8_t tries = 0;
        bool out = false;  // lame, refusing, or silent too often: not for this delegation
    };
    dns::Name name;
    std::vector<Address> addresses;
    bool looked_up = false;  // tasks for its addresses were started (or cannot be)
};

/// One question on its way; private to the files of Resolution.
struct Resolution::Task {
    Task* parent = nullptr;
    unsigned depth = 0;
    dns::Name qname;
    dns::RRType qtype{};
    Chain chain;  // `chain.name` is what is looked up now
    bool finished = false;
    bool answered = false;
    unsigned children = 0;  // unfinished tasks below

    // The delegation in hand.
    bool located = false;
    dns::Name zone;
    std::vector<Candidate> candidates;
    unsigned lookups = 0;  // names of servers looked up for it

    // The query under way.
    bool asking = false;
    bool queued = false;  // waits for `next`
    bool tcp = false;
    bool edns = true;
    bool random_case = false;
    bool case_lost = false;  // a response came that matched but for the case of its qname
    bool without_edns_after_refusal = false;
    std::uint32_t token = 0;
    std::uint16_t id = 0;
    dns::Name asked;  // chain.name in the case in which it was sent
    base::IpAddress server;
    base::MonoTime sent{};
    base::MonoTime due{};
};

}  // namespace resolver
