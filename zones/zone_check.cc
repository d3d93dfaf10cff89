#include "zones/zone_check.h"

#include <functional>
#include <utility>

#include "zones/key.h"

namespace zones {

namespace {

using dns::RRType;

std::uint32_t line_of(std::span<const std::uint32_t> lines, std::size_t index) {
    return index < lines.size() ? lines[index] : 0;
}

std::uint32_t first_line(std::span<const std::uint32_t> lines) {
    return line_of(lines, 0);
}

}  // namespace

ZoneCheck::ZoneCheck(const dns::Name& apex, FindingReport report)
    : apex_(apex), report_(std::move(report)) {}

void ZoneCheck::tell(Finding finding) {
    ++(finding.severity == Finding::Severity::Error ? errors_ : warnings_);
    report_(std::move(finding));
}

/// Is this node below the cut or DNAME that is being passed? Everything below it comes right
/// after it in canonical order.
bool ZoneCheck::hidden(NodeView node) {
    if (barrier_ == Barrier::None) return false;
    key_.clear();
    append_owner_key(key_, node.relative_owner());
    if (key_.starts_with(barrier_key_)) return true;
    barrier_ = Barrier::None;
    return false;
}

void ZoneCheck::pass(NodeView node) {
    const bool is_apex = node.relative_owner().empty();
    if (node.find(RRType::NS) && !is_apex) {
        barrier_ = Barrier::Cut;
    } else if (node.find(RRType::DNAME)) {
        barrier_ = Barrier::Dname;
    } else {
        return;
    }
    barrier_key_.clear();
    append_owner_key(barrier_key_, node.relative_owner());
    barrier_owner_ = owner_of(node, apex_);
}

void ZoneCheck::below(NodeView node, std::span<const std::uint32_t> lines) {
    const dns::Name owner = owner_of(node, apex_);
    if (barrier_ == Barrier::Dname) {
        if (!holds_own_data(node)) return;
        tell({Finding::Severity::Error, owner, RRType{},
              "stands below the DNAME at " + barrier_owner_.to_text() + " (RFC 6672, 2.4)",
              first_line(lines)});
        return;
    }
    const auto type = hidden_by_cut(node);
    if (!type) return;
    tell({Finding::Severity::Warning, owner, *type,
          "is never answered: it is below the delegation of " + barrier_owner_.to_text() +
              " (RFC 1034, 4.2.1)",
          first_line(lines)});
}

void ZoneCheck::add(NodeView node, std::span<const std::uint32_t> lines) {
    const bool is_apex = node.relative_owner().empty();
    apex_seen_ = apex_seen_ || is_apex;
    const bool is_hidden = hidden(node);
    if (is_hidden) below(node, lines);
    const auto located = [this, node, lines](Finding finding) {
        finding.line = first_line(lines);
        std::size_t index = 0;
        for (const NodeEntry entry : node) {
            if (entry.rrset.type() == finding.type) finding.line = line_of(lines, index);
            ++index;
        }
        tell(std::move(finding));
    };
    const dns::Name owner = owner_of(node, apex_);
    check_node(apex_, owner, node, std::cref(located));  // by reference: it would not fit in place
    if (is_hidden) return;
    pass(node);
    if (too_many_targets_) return;
    each_target(apex_, node, [&](std::size_t index, RRType type, dns::NameView target) {
        if (targets_.size() < kMaxTargets) {
            targets_.push_back({owner, dns::Name(target), type, line_of(lines, index)});
        } else {
            too_many_targets_ = true;
        }
    });
    if (too_many_targets_) targets_.clear();
}

void ZoneCheck::finish(NodeLookup lookup) {
    if (!apex_seen_) {
        check_node(apex_, apex_, NodeView(NodeParts().pack().data()),
                   [this](Finding finding) { tell(std::move(finding)); });
    }
    barrier_ = Barrier::None;
    target_check_.emplace(apex_, std::move(lookup));
    const auto report = [this](Finding finding) { tell(std::move(finding)); };
    for (const Target& target : targets_) {
        target_check_->check(target.owner, target.type, target.target, Finding::Severity::Error,
                             target.line, report);
    }
    targets_.clear();
}

void ZoneCheck::add_targets(NodeView node, std::span<const std::uint32_t> lines) {
    if (hidden(node)) return;
    pass(node);
    const auto report = [this](Finding finding) { tell(std::move(finding)); };
    each_target(apex_, node, [&](std::size_t index, RRType type, dns::NameView target) {
        target_check_->check(owner_of(node, apex_), type, target, Finding::Severity::Error,
                             line_of(lines, index), report);
    });
}

}  // namespace zones
