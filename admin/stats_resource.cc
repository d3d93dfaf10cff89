// /v1/stats: what the server has done since it started, and, with from, to or step, how much of it
// when.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "admin/resources.h"
#include "admin/stats_history.h"
#include "admin/timestamp.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr std::chrono::seconds kLately{60};      // of the rates beside the totals
constexpr std::chrono::seconds kUsualSpan{600};  // where `from` is not said
constexpr std::int64_t kUsualRows = 300;         // where `step` is not said
constexpr std::int64_t kDaySeconds = 86400;

// Either the totals up to a sample, or, between two, so much of each a second.
class Counted {
  public:
    Counted(const StatsSample* before, const StatsSample& after) : before_(before), after_(after) {
        if (before != nullptr) {
            seconds_ = std::chrono::duration<double>(after.at - before->at).count();
        }
    }
    [[nodiscard]] double seconds() const { return seconds_; }

    template <class Member>
    [[nodiscard]] Json value(Member member) const {
        return of(before_ == nullptr ? 0 : before_->*member, after_.*member);
    }
    /// An object of those that are not 0; `name` gives the key of a place in the array.
    template <class Array, class Name>
    [[nodiscard]] Json group(Array StatsSample::*member, Name name) const {
        Json out = Json::object();
        for (std::size_t i = 0; i < (after_.*member).size(); ++i) {
            const std::uint64_t before = before_ == nullptr ? 0 : (before_->*member)[i];
            const std::uint64_t after = (after_.*member)[i];
            if (after > before) out.set(name(i), of(before, after));
        }
        return out;
    }
    [[nodiscard]] Json of(std::uint64_t before, std::uint64_t after) const {
        const std::uint64_t count = after - std::min(before, after);
        if (before_ == nullptr) return count;
        return seconds_ > 0 ? static_cast<double>(count) / seconds_ : 0.0;
    }
    [[nodiscard]] Json latency() const {
        Json out = Json::object();
        for (std::size_t role = 0; role < server::kRoles; ++role) {
            std::uint64_t queries = 0;
            for (std::size_t i = 0; i < after_.durations[role].size(); ++i) {
                queries += after_.durations[role][i] -
                           (before_ == nullptr ? 0 : before_->durations[role][i]);
            }
            if (queries == 0) continue;
            const std::uint64_t us =
                after_.duration_us[role] - (before_ == nullptr ? 0 : before_->duration_us[role]);
            Json one = Json::object();
            one.set("mean_us", rounded(static_cast<double>(us) / static_cast<double>(queries)));
            for (const auto& quantile :
                 {std::pair("p50_us", 0.5), std::pair("p90_us", 0.9), std::pair("p99_us", 0.99)}) {
                const auto seconds = duration_quantile(before_, after_, role, quantile.second);
                one.set(quantile.first, rounded(seconds.value_or(0) * 1e6));
            }
            out.set(server::to_text(static_cast<server::Role>(role)), std::move(one));
        }
        return out;
    }
    [[nodiscard]] Json commit_mean_us() const {
        const std::uint64_t commits = after_.commits - (before_ == nullptr ? 0 : before_->commits);
        if (commits == 0) return nullptr;
        const double seconds =
            after_.commit_seconds - (before_ == nullptr ? 0 : before_->commit_seconds);
        return rounded(seconds * 1e6 / static_cast<double>(commits));
    }

  private:
    // A tenth of a microsecond says more than the buckets know.
    static double rounded(double us) { return std::round(us * 10) / 10; }

    const StatsSample* before_;
    const StatsSample& after_;
    double seconds_ = 0;
};

std::string type_name(std::size_t slot) {
    return slot < server::kCountedTypes.size() ? dns::to_text(server::kCountedTypes[slot])
                                               : "other";
}

std::string rcode_name(std::size_t slot) {
    return slot + 1 == server::kRCodes ? "other" : dns::to_text(static_cast<dns::RCode>(slot));
}

// What totals and rates have in common.
void describe(const Counted& counted, const StatsSample& sample, Json& out) {
    const auto role = [](std::size_t i) {
        return std::string(server::to_text(static_cast<server::Role>(i)));
    };
    const auto transport = [](std::size_t i) {
        return std::string(server::to_text(static_cast<server::Transport>(i)));
    };
    const auto reason = [](std::size_t i) {
        return std::string(server::to_text(static_cast<server::DropReason>(i)));
    };
    out.set("roles", counted.group(&StatsSample::roles, role));
    out.set("transports", counted.group(&StatsSample::transports, transport));
    out.set("qtypes", counted.group(&StatsSample::types, type_name));
    out.set("rcodes", counted.group(&StatsSample::rcodes, rcode_name));
    out.set("dropped", counted.group(&StatsSample::dropped, reason));
    out.set("latency", counted.latency());
    Json cache = Json::object();
    cache.set("packet_hits", counted.value(&StatsSample::packet_cache_hits));
    cache.set("node_hits", counted.value(&StatsSample::node_cache_hits));
    cache.set("node_misses", counted.value(&StatsSample::node_cache_misses));
    cache.set("resolver_hits", counted.value(&StatsSample::resolver_hits));
    cache.set("resolver_misses", counted.value(&StatsSample::resolver_misses));
    cache.set("resolver_stale", counted.value(&StatsSample::resolver_stale));
    cache.set("node_octets", sample.node_cache_octets);
    cache.set("resolver_octets", sample.resolver_cache_octets);
    out.set("cache", std::move(cache));
    Json store = Json::object();
    store.set("commits", counted.value(&StatsSample::commits));
    store.set("refused", counted.value(&StatsSample::refused));
    store.set("commit_mean_us", counted.commit_mean_us());
    store.set("revision", sample.revision);
    out.set("store", std::move(store));
    Json connections = Json::object();
    connections.set("open", sample.connections);
    connections.set("accepted", counted.value(&StatsSample::connections_accepted));
    out.set("connections", std::move(connections));
    out.set("http_requests", counted.value(&StatsSample::http_requests));
}

Json row_json(const StatsSample& before, const StatsSample& after) {
    const Counted counted(&before, after);
    Json row = Json::object();
    row.set("time", base::format_rfc3339(after.time));
    row.set("seconds", counted.seconds());
    row.set("queries", counted.of(before.queries(), after.queries()));
    describe(counted, after, row);
    return row;
}

Reply totals(const Context& context) {
    const StatsSample sample = context.stats.now();
    const auto lately = context.stats.history().between(sample.time - kLately, sample.time,
                                                        std::chrono::seconds(1));
    Json out = Json::object();
    out.set("time", base::format_rfc3339(sample.time));
    out.set("started", base::format_rfc3339(context.service.started()));
    out.set("queries", sample.queries());
    describe(Counted(nullptr, sample), sample, out);
    out.set("lately", lately.size() < 2 ? Json() : row_json(lately.front(), lately.back()));
    return Reply::json(200, out.dump());
}

// A time, or seconds since 1970.
std::optional<base::WallTime> parse_moment(const std::string& text) {
    if (const auto time = parse_time(text)) return time;
    const auto seconds = parse_revision(text);
    constexpr std::uint64_t kMaxSeconds = base::kMaxUnixUs / 1000000;
    if (!seconds || *seconds > kMaxSeconds) return std::nullopt;
    return base::from_unix_us(static_cast<std::int64_t>(*seconds) * 1000000);
}

}  // namespace

void get_stats(Context& context, const Request& request, const Respond& respond) {
    const auto from_text = request.query.get("from");
    const auto to_text = request.query.get("to");
    const auto step_text = request.query.get("step");
    if (!from_text && !to_text && !step_text) return respond(totals(context));

    const auto to = to_text ? parse_moment(*to_text) : base::wall_now();
    const auto from = from_text ? parse_moment(*from_text)
                      : to      ? std::optional<base::WallTime>(*to - kUsualSpan)
                                : std::nullopt;
    if (!from || !to) {
        return respond(problem(422, "from and to are times (RFC 3339, or seconds since 1970)"));
    }
    if (*from >= *to) return respond(problem(422, "from lies before to"));
    const auto span = std::chrono::duration_cast<std::chrono::seconds>(*to - *from).count();
    std::int64_t step = std::clamp<std::int64_t>(span / kUsualRows, 1, kDaySeconds);
    if (step_text) {
        const auto seconds = parse_revision(*step_text);
        if (!seconds || *seconds < 1 || *seconds > kDaySeconds) {
            return respond(
                problem(422, "step is a number of seconds, 1 to " + std::to_string(kDaySeconds)));
        }
        step = static_cast<std::int64_t>(*seconds);
    }
    const auto samples = context.stats.history().between(*from, *to, std::chrono::seconds(step));
    Json items = Json::array();
    for (std::size_t i = 1; i < samples.size(); ++i) {
        items.push(row_json(samples[i - 1], samples[i]));
    }
    Json out = Json::object();
    out.set("from", base::format_rfc3339(*from));
    out.set("to", base::format_rfc3339(*to));
    out.set("step", step);
    out.set("items", std::move(items));
    respond(Reply::json(200, out.dump()));
}

}  // namespace admin
