#include "admin/feed_filter.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace admin {

namespace {

constexpr std::array<std::string_view, 12> kKeys = {"topics", "client", "qname",  "qtype",
                                                    "rcode",  "zone",   "view",   "transport",
                                                    "role",   "cache",  "action", "min_latency_us"};

// The topics that carry events now.
constexpr std::array<std::string_view, 4> kTopics = {"query", "change", "limit", "certificate"};

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while (at <= text.size()) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

base::Result<void> one_of(const std::string& key, const std::string& value,
                          std::initializer_list<std::string_view> known, std::string& out) {
    if (std::find(known.begin(), known.end(), value) == known.end()) {
        std::string names;
        for (const std::string_view name : known) {
            names += (names.empty() ? "" : ", ") + std::string(name);
        }
        return base::fail(key + " is one of " + names);
    }
    out = value;
    return {};
}

// A filter's value in JSON as the text that a query parameter would have.
base::Result<std::string> value_text(const std::string& key, const Json& value) {
    if (const std::string* text = value.as_string()) return *text;
    if (const auto number = value.as_integer()) return std::to_string(*number);
    if (value.is_array()) {
        std::string out;
        for (const Json& item : value.items()) {
            if (item.as_string() == nullptr) return base::fail(key + " is a list of strings");
            out += (out.empty() ? "" : ",") + *item.as_string();
        }
        return out;
    }
    return base::fail(key + " is a string, a number or a list of strings");
}

}  // namespace

bool FeedFilter::is_key(std::string_view key) {
    return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

base::Result<FeedFilter> FeedFilter::parse(const Pairs& pairs) {
    FeedFilter filter;
    for (const auto& pair : pairs) {
        if (pair.second.empty()) continue;  // a field of a form that was left empty
        if (auto set = filter.set(pair.first, pair.second); !set) {
            return base::fail(set.error().message);
        }
    }
    return filter;
}

base::Result<FeedFilter> FeedFilter::parse(const Json& message) {
    Pairs pairs;
    for (const Json::Member& member : message.members()) {
        if (member.key == "type") continue;
        if (member.key == "topics") {
            auto text = value_text(member.key, member.value);
            if (!text) return base::fail(text.error().message);
            pairs.emplace_back(member.key, std::move(*text));
        } else if (member.key == "filter" && member.value.is_object()) {
            for (const Json::Member& condition : member.value.members()) {
                auto text = value_text(condition.key, condition.value);
                if (!text) return base::fail(text.error().message);
                pairs.emplace_back(condition.key, std::move(*text));
            }
        } else {
            return base::fail("a subscribe message has topics and filter, not " + member.key);
        }
    }
    return parse(pairs);
}

base::Result<void> FeedFilter::set(const std::string& key, const std::string& value) {
    if (key == "topics") {
        queries_ = changes_ = limits_ = certificates_ = false;
        for (const std::string& topic : split(value)) {
            if (std::find(kTopics.begin(), kTopics.end(), topic) == kTopics.end()) {
                return base::fail("there is no topic " + topic +
                                  "; topics are query, change, limit, certificate");
            }
            queries_ = queries_ || topic == "query";
            changes_ = changes_ || topic == "change";
            limits_ = limits_ || topic == "limit";
            certificates_ = certificates_ || topic == "certificate";
        }
        return {};
    }
    if (key == "client") {
        const auto prefix = base::IpPrefix::parse(value);
        if (!prefix) return base::fail("client: " + prefix.error().message);
        client_ = *prefix;
        return {};
    }
    if (key == "qname") {
        qname_is_suffix_ = value.starts_with("*.");
        const auto name = dns::Name::parse(qname_is_suffix_ ? value.substr(2) : value);
        if (!name) return base::fail("qname: " + name.error().message);
        qname_ = *name;
        return {};
    }
    if (key == "zone") {
        const auto name = dns::Name::parse(value);
        if (!name) return base::fail("zone: " + name.error().message);
        zone_ = *name;
        return {};
    }
    if (key == "qtype") {
        for (const std::string& text : split(value)) {
            const auto type = dns::parse_type(text);
            if (!type) return base::fail("qtype: " + text + " is not a type");
            qtypes_.push_back(*type);
        }
        return {};
    }
    if (key == "rcode") {
        for (const std::string& text : split(value)) {
            const auto rcode = dns::parse_rcode(text);
            if (!rcode) return base::fail("rcode: " + text + " is not a response code");
            rcodes_.push_back(*rcode);
        }
        return {};
    }
    if (key == "min_latency_us") {
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, min_latency_us_);
        if (parsed.ec != std::errc() || parsed.ptr != end) {
            return base::fail("min_latency_us is a number of microseconds");
        }
        return {};
    }
    if (key == "view") {
        view_ = value;
        return {};
    }
    if (key == "transport") {
        return one_of(key, value, {"udp", "tcp", "dot", "doh", "doq"}, transport_);
    }
    if (key == "role") return one_of(key, value, {"auth", "recursive"}, role_);
    if (key == "cache") return one_of(key, value, {"hit", "miss", "stale"}, cache_);
    if (key == "action") {
        return one_of(
            key, value,
            {"answered", "refused", "dropped", "formerr", "notimp", "servfail", "limited"},
            action_);
    }
    return base::fail("there is no filter " + key);
}

bool FeedFilter::matches(const FeedEvent& event) const {
    const server::TapEvent& tap = event.tap;
    if (!queries_ || tap.latency_us < min_latency_us_) return false;
    if (client_ && !client_->contains(tap.client.address)) return false;
    if (qname_) {
        if (!event.has_question) return false;
        const dns::NameView qname = event.request.qname;
        if (!qname.is_at_or_below(*qname_)) return false;
        if (qname_is_suffix_ == (qname.size() == qname_->size())) return false;
    }
    if (!qtypes_.empty()) {
        if (!event.has_question ||
            std::find(qtypes_.begin(), qtypes_.end(), event.request.qtype) == qtypes_.end()) {
            return false;
        }
    }
    if (!rcodes_.empty()) {
        if (!event.rcode ||
            std::find(rcodes_.begin(), rcodes_.end(), *event.rcode) == rcodes_.end()) {
            return false;
        }
    }
    if (zone_ && (tap.zone.empty() || !dns::NameView(tap.zone).equals(*zone_))) return false;
    const auto is = [](const std::string& wanted, std::string_view value) {
        return wanted.empty() || wanted == value;
    };
    return is(view_, event.view) && is(transport_, server::to_text(tap.transport)) &&
           is(role_, server::to_text(tap.role)) && is(cache_, server::to_text(tap.cache)) &&
           is(action_, server::to_text(tap.action));
}

bool FeedFilter::matches(const ChangeNotice& notice) const {
    if (!changes_) return false;
    if (!zone_) return true;
    for (const std::string& zone : notice.zones) {
        const auto name = dns::Name::parse(zone);
        if (name && name->view().equals(*zone_)) return true;
    }
    return false;
}

bool FeedFilter::matches(const server::LimitEvent& event) const {
    if (!limits_) return false;
    if (!client_) return true;
    return event.prefix &&
           (client_->contains(event.prefix->address) || event.prefix->contains(client_->address));
}

}  // namespace admin
