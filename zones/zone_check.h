#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zones/node_rules.h"
#include "zones/zone_targets.h"

namespace zones {

/// Checks a whole zone as named-checkzone does, from a stream of its nodes and in constant memory:
///
///     ZoneCheck check(apex, report);
///     for (each node in canonical order, the apex first) check.add(node, lines);
///     check.finish(lookup);
///     if (check.wants_second_pass()) for (each node again) check.add_targets(node, lines);
///
/// The first pass sees what one name holds and what stands above it: of all ancestors only the
/// topmost cut or DNAME matters, everything below is hidden by it. Whether the names that NS, MX
/// and SRV point to have addresses is looked up at the end; the second pass is for zones with so
/// many that they were not remembered (a top-level domain).
///
/// Findings go to `report` as they are made; how many are kept is its business. One thread.
class ZoneCheck {
  public:
    static constexpr std::size_t kMaxTargets = 1024;  // remembered in the first pass

    /// The apex is copied.
    ZoneCheck(const dns::Name& apex, FindingReport report);
    ZoneCheck(const ZoneCheck&) = delete;
    ZoneCheck& operator=(const ZoneCheck&) = delete;

    /// `lines`: where each of the node's RRsets stands in its file, in the node's order; may be
    /// shorter or empty.
    void add(NodeView node, std::span<const std::uint32_t> lines = {});
    /// After the last node. `lookup` is used until the last `add_targets`.
    void finish(NodeLookup lookup);
    [[nodiscard]] bool wants_second_pass() const noexcept { return too_many_targets_; }
    void add_targets(NodeView node, std::span<const std::uint32_t> lines = {});

    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }
    [[nodiscard]] std::uint64_t warnings() const noexcept { return warnings_; }

  private:
    struct Target {
        dns::Name owner, target;
        dns::RRType type{};
        std::uint32_t line = 0;
    };
    enum class Barrier : std::uint8_t { None, Cut, Dname };

    void tell(Finding finding);
    [[nodiscard]] bool hidden(NodeView node);
    void pass(NodeView node);
    void below(NodeView node, std::span<const std::uint32_t> lines);

    const dns::Name apex_;
    const FindingReport report_;
    Barrier barrier_ = Barrier::None;
    std::string barrier_key_;  // of the topmost cut or DNAME that is being passed
    dns::Name barrier_owner_;
    std::string key_;  // of the node that is looked at
    bool apex_seen_ = false;
    std::vector<Target> targets_;
    bool too_many_targets_ = false;
    std::optional<TargetCheck> target_check_;
    std::uint64_t errors_ = 0, warnings_ = 0;
};

}  // namespace zones
