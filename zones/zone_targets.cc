#include "zones/zone_targets.h"

#include <array>
#include <cstring>

#include "dns/rdata.h"
#include "zones/key.h"

namespace zones {

namespace {

using dns::RRType;

bool has_address(NodeView node) {
    return node.has(kNodePolicy) || node.find(RRType::A) || node.find(RRType::AAAA);
}

TargetState state_of(NodeView node) {
    if (has_address(node)) return TargetState::Fine;
    return node.find(RRType::CNAME) ? TargetState::Alias : TargetState::NoAddress;
}

}  // namespace

/// From the apex down, as an answer is found.
TargetState TargetCheck::walk(Octets relative_target) {
    std::array<std::size_t, dns::kMaxLabels> starts{};
    std::size_t labels = 0;
    for (std::size_t at = 0; at < relative_target.size(); at += 1U + relative_target[at]) {
        starts[labels++] = at;
    }
    Octets above = relative_target.subspan(relative_target.size());
    NodeView node = lookup_(above);
    if (!node) return TargetState::NoAddress;
    for (; labels > 0; --labels) {
        if (node.find(RRType::DNAME)) return TargetState::BelowDname;
        const bool wildcard = node.has(kNodeWildcardChild);
        const Octets owner = relative_target.subspan(starts[labels - 1]);
        node = lookup_(owner);
        if (!node) {
            std::array<std::uint8_t, dns::kMaxNameOctets> below{1, '*'};
            if (!wildcard || above.size() + 2 >= below.size()) return TargetState::NoAddress;
            if (!above.empty()) std::memcpy(&below[2], above.data(), above.size());
            node = lookup_(Octets(below.data(), above.size() + 2));
            return node ? state_of(node) : TargetState::NoAddress;
        }
        if (node.find(RRType::NS)) {
            if (owner.size() != relative_target.size()) node = lookup_(relative_target);
            return node && has_address(node) ? TargetState::Glue : TargetState::NoGlue;
        }
        above = owner;
    }
    return state_of(node);
}

TargetState TargetCheck::look(dns::NameView target) {
    std::string key = canonical_key(target);
    const auto known = remembered_.find(key);
    if (known != remembered_.end()) return known->second;
    const TargetState state = walk(relative_owner(target, apex_));
    if (remembered_.size() >= kMaxRemembered) remembered_.clear();
    remembered_.emplace(std::move(key), state);
    return state;
}

void TargetCheck::check(dns::NameView owner, RRType type, dns::NameView target,
                        Finding::Severity severity, std::uint32_t line,
                        const FindingReport& report) {
    const TargetState state = look(target);
    if (state == TargetState::Fine || state == TargetState::Glue) return;
    std::string message = target.to_text();
    const bool delegation = type == RRType::NS && !owner.equals(apex_);
    if (state == TargetState::NoGlue) {
        // Only referrals need addresses from below a cut; whose mail goes there asks there.
        if (type != RRType::NS) return;
        message += delegation && target.is_at_or_below(owner)
                       ? " has no address here and is below the delegation itself, glue is missing "
                         "(RFC 1034, 4.2.1)"
                       : " has no address here and is below another delegation, glue may be "
                         "missing (RFC 9471, 2.2)";
    } else if (state == TargetState::NoAddress) {
        message += " has no address";
    } else if (state == TargetState::Alias) {
        message += " is a CNAME";
    } else {
        message += " is below a DNAME";
    }
    if (state != TargetState::NoGlue) {
        message += type == RRType::SRV ? " (RFC 2782)" : " (RFC 2181, 10.3)";
    }
    if (delegation || type != RRType::NS) severity = Finding::Severity::Warning;
    report({severity, dns::Name(owner), type, std::move(message), line});
}

void each_target(dns::NameView apex, NodeView node,
                 const std::function<void(std::size_t, RRType, dns::NameView)>& each) {
    std::size_t index = 0;
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        if (type == RRType::NS || type == RRType::MX || type == RRType::SRV) {
            for (const Octets rdata : entry.rrset) {
                const dns::NameView target = dns::rdata_name(type, rdata);
                // The root as a target says that there is no such service (RFC 7505; RFC 2782).
                if (!target.is_root() && target.is_at_or_below(apex)) each(index, type, target);
            }
        }
        ++index;
    }
}

}  // namespace zones
