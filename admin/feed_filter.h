#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/feed_event.h"
#include "admin/json.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/types.h"

namespace admin {

/// Which events a subscriber wants: the topics, and what a query must be like. Conditions are
/// joined by "and"; qtype and rcode take several values. A plain value.
class FeedFilter {
  public:
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    /// From query parameters or `key=value` words; keys that are no filter are an error. "topics"
    /// is a list with commas, `qname` a name or `*.suffix` (the names below it).
    [[nodiscard]] static base::Result<FeedFilter> parse(const Pairs& pairs);
    /// From a subscribe message: {"topics": [...], "filter": {...}}.
    [[nodiscard]] static base::Result<FeedFilter> parse(const Json& message);
    [[nodiscard]] static bool is_key(std::string_view key);

    /// The client prefix that it asks for.
    [[nodiscard]] const std::optional<base::IpPrefix>& client() const noexcept { return client_; }
    [[nodiscard]] bool wants_queries() const noexcept { return queries_; }
    [[nodiscard]] bool wants_changes() const noexcept { return changes_; }
    [[nodiscard]] bool wants_limits() const noexcept { return limits_; }
    [[nodiscard]] bool matches(const FeedEvent& event) const;
    [[nodiscard]] bool matches(const ChangeNotice& notice) const;
    [[nodiscard]] bool matches(const CertificateNotice&) const { return certificates_; }
    /// `client` matches a prefix that lies in it, or in which it lies.
    [[nodiscard]] bool matches(const server::LimitEvent& event) const;

  private:
    [[nodiscard]] base::Result<void> set(const std::string& key, const std::string& value);

    bool queries_ = true;
    bool changes_ = true;
    bool limits_ = true;
    bool certificates_ = true;
    std::optional<base::IpPrefix> client_;
    std::optional<dns::Name> qname_;
    bool qname_is_suffix_ = false;
    std::vector<dns::RRType> qtypes_;
    std::vector<dns::RCode> rcodes_;
    std::optional<dns::Name> zone_;
    std::string view_, transport_, role_, cache_, action_;  // empty: any
    std::uint32_t min_latency_us_ = 0;
};

}  // namespace admin
