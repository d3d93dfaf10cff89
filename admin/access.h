#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/documents.h"
#include "admin/json.h"
#include "dns/name.h"
#include "dns/types.h"
#include "zones/change_set.h"

namespace admin {

/// Metrics is to read /metrics, and nothing else; who may read everything may do that too.
enum class Verb : std::uint8_t { Read, Write, Metrics };
[[nodiscard]] std::string_view to_text(Verb verb) noexcept;  // "read", "write", "metrics"

/// A pattern of names: labels, of which `*` stands for one or more whatever they are. Without a
/// star it names itself alone: "example.com." the zone, "*.example.com." every zone below it,
/// "_acme-challenge.*" every name that begins with that label. ASCII case is ignored.
[[nodiscard]] bool matches_pattern(dns::NameView pattern, dns::NameView name);

/// What somebody may do: the union of scopes, each of verbs, within zones, names and types.
///
/// A scope that names no zones is about the whole server, also about what belongs to no zone
/// (views, pools, tokens, the feed). One that names names or types is about RRsets and policies
/// alone, not about zones as a whole. A policy counts as the records that it answers with: ADDRESS
/// as A and AAAA. A plain value.
class Rights {
  public:
    /// May do nothing.
    Rights() = default;
    [[nodiscard]] static Rights all();
    /// The scopes of a token's document, [{"verbs": [...], "zones": [...], "names": [...],
    /// "types": [...]}]. What is wrong with them is added to `faults`, and that scope grants
    /// nothing.
    [[nodiscard]] static Rights parse(const Json& scopes, const std::string& pointer,
                                      Faults& faults);

    /// Anything at all.
    [[nodiscard]] bool some(Verb verb) const;
    /// Everything there is.
    [[nodiscard]] bool everything(Verb verb) const;
    /// Anything of this zone.
    [[nodiscard]] bool some_of(Verb verb, const dns::Name& zone) const;
    /// The zone as a whole: its properties, its data, its end.
    [[nodiscard]] bool zone(Verb verb, const dns::Name& zone) const;
    [[nodiscard]] bool rrset(Verb verb, const dns::Name& zone, const dns::Name& name,
                             dns::RRType type) const;
    /// `type` is ADDRESS or CNAME.
    [[nodiscard]] bool policy(Verb verb, const dns::Name& zone, const dns::Name& name,
                              std::string_view type) const;
    /// May this be part of a change set?
    [[nodiscard]] bool covers(const zones::Operation& operation) const;

  private:
    struct Scope {
        bool read = false, write = false, metrics = false;
        bool any_zone = true, any_name = true, any_type = true;
        std::vector<dns::Name> zones, names;  // patterns
        std::vector<dns::RRType> types;

        [[nodiscard]] bool unlimited() const { return any_zone && any_name && any_type; }
        [[nodiscard]] bool has(Verb verb) const;
        [[nodiscard]] bool has_zone(const dns::Name& zone) const;
        [[nodiscard]] bool has_name(const dns::Name& name) const;
        [[nodiscard]] bool has_type(dns::RRType type) const;
    };
    [[nodiscard]] static std::optional<Scope> parse_scope(const Json& document,
                                                          const std::string& pointer,
                                                          Faults& faults);

    std::vector<Scope> scopes_;
};

/// How much of a client's address and questions the feed shows to a token; later ones show less.
enum class Privacy : std::uint8_t { Full, Truncate, Hash, None };
inline constexpr std::size_t kPrivacyLevels = 4;
[[nodiscard]] std::optional<Privacy> parse_privacy(std::string_view text) noexcept;

}  // namespace admin
