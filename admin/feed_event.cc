#include "admin/feed_event.h"

#include <algorithm>
#include <charconv>

#include "admin/json.h"
#include "admin/tokens.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace admin {

namespace {

// One event is a few dozen members: they are written straight into the line, not by way of a
// Json value, because a busy server with a subscriber writes thousands a second.
class Line {
  public:
    Line() { out_.reserve(900); }

    void key(std::string_view name) {
        out_ += out_.empty() || out_.back() == '{' ? "" : ",";
        append_json_string(out_, name);
        out_ += ':';
    }
    void text(std::string_view name, std::string_view value) {
        key(name);
        append_json_string(out_, value);
    }
    // Empty text stands for nothing known.
    void text_or_null(std::string_view name, std::string_view value) {
        if (value.empty()) return null(name);
        text(name, value);
    }
    void number(std::string_view name, std::uint64_t value) {
        key(name);
        out_ += std::to_string(value);
    }
    void real(std::string_view name, double value) {
        key(name);
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, value);
        out_.append(digits, end.ptr);
    }
    void flag(std::string_view name, bool value) {
        key(name);
        out_ += value ? "true" : "false";
    }
    void null(std::string_view name) {
        key(name);
        out_ += "null";
    }
    void open(std::string_view name) {
        key(name);
        out_ += '{';
    }
    void begin() { out_ += '{'; }
    void end() { out_ += '}'; }
    template <class Values>
    void list(std::string_view name, const Values& values) {
        key(name);
        char separator = '[';
        for (const auto& value : values) {
            out_ += separator;
            separator = ',';
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
                out_ += std::to_string(value);
            } else {
                append_json_string(out_, value);
            }
        }
        out_ += separator == '[' ? "[]" : "]";
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

void read_opt(const dns::Record& record, base::Octets rdata, FeedEvent& event) {
    const auto edns = dns::Edns::read(record.rr_class, record.ttl, rdata);
    if (!edns) return;
    if (event.rcode) {
        event.rcode = static_cast<dns::RCode>((static_cast<unsigned>(edns->extended_rcode) << 4) |
                                              static_cast<unsigned>(*event.rcode));
    }
    if (edns->subnet) event.ecs_scope = edns->subnet->scope_length;
    base::Octets options = edns->options;
    while (options.size() >= 4) {
        const std::uint16_t code = base::load_be16(options.data());
        const std::size_t size = base::load_be16(options.data() + 2);
        if (size > options.size() - 4) return;
        if (code == static_cast<std::uint16_t>(dns::EdnsOption::ExtendedError) && size >= 2) {
            event.extended_errors.push_back(base::load_be16(options.data() + 4));
        }
        options = options.subspan(4 + size);
    }
}

// What there is of the response; the tap keeps only the start of a long one.
void read_response(base::Octets response, FeedEvent& event) {
    if (response.size() < dns::kHeaderOctets) return;
    const dns::Header header = dns::Header::read(response);
    event.rcode = header.rcode();
    event.response_flags = header.flags;
    auto reader = dns::MessageReader::open(response);
    if (!reader) return;
    std::vector<std::uint8_t> rdata;
    while (true) {
        const auto record = reader->next();
        if (!record || !*record) return;
        if ((*record)->type == dns::RRType::OPT) {
            read_opt(**record, response.subspan((*record)->rdata_offset, (*record)->rdlength),
                     event);
            continue;
        }
        if ((*record)->section != dns::Section::Answer) continue;
        event.answer_ttl = std::min(event.answer_ttl.value_or((*record)->ttl), (*record)->ttl);
        if (event.answers.size() == FeedEvent::kMaxAnswers) continue;
        rdata.clear();
        if (dns::read_rdata((*record)->type, response, (*record)->rdata_offset, (*record)->rdlength,
                            rdata)) {
            event.answers.push_back(dns::format_rdata((*record)->type, rdata));
        }
    }
}

std::vector<std::string_view> flag_names(std::uint16_t flags) {
    std::vector<std::string_view> names;
    if ((flags & dns::kFlagAA) != 0) names.emplace_back("aa");
    if ((flags & dns::kFlagTC) != 0) names.emplace_back("tc");
    if ((flags & dns::kFlagRD) != 0) names.emplace_back("rd");
    if ((flags & dns::kFlagRA) != 0) names.emplace_back("ra");
    if ((flags & dns::kFlagAD) != 0) names.emplace_back("ad");
    if ((flags & dns::kFlagCD) != 0) names.emplace_back("cd");
    return names;
}

// What Privacy::Truncate shows.
constexpr unsigned kShownV4 = 24;
constexpr unsigned kShownV6 = 48;

base::IpPrefix truncated(const base::IpAddress& address, unsigned v4, unsigned v6) {
    const unsigned length = std::min(address.is_v4() ? v4 : v6, address.bits());
    return {address.masked(length), static_cast<std::uint8_t>(length)};
}

std::string mark_of(const std::string& text, const ClientMask& mask) {
    constexpr std::size_t kMarkOctets = 8;
    const Digest digest = sha256(std::string(mask.key) + text);
    return base::to_hex(base::Octets(digest).first(kMarkOctets));
}

// Empty: it is not shown.
std::string masked_prefix(const base::IpPrefix& prefix, const ClientMask& mask) {
    switch (mask.privacy) {
        case Privacy::Full:
            return prefix.to_text();
        case Privacy::Truncate: {
            const unsigned length = prefix.length;
            return truncated(prefix.address, std::min(length, kShownV4), std::min(length, kShownV6))
                .to_text();
        }
        case Privacy::Hash:
            return mark_of(prefix.to_text(), mask);
        case Privacy::None:
            break;
    }
    return {};
}

std::string masked_address(const base::IpAddress& address, const ClientMask& mask) {
    switch (mask.privacy) {
        case Privacy::Full:
            return address.to_text();
        case Privacy::Truncate:
            return truncated(address, kShownV4, kShownV6).to_text();
        case Privacy::Hash:
            return mark_of(address.to_text(), mask);
        case Privacy::None:
            break;
    }
    return {};
}

void write_client(Line& line, const base::Endpoint& client, const zones::Location& location,
                  const ClientMask& mask) {
    if (mask.privacy == Privacy::None) return line.null("client");
    const bool full = mask.privacy == Privacy::Full;
    line.open("client");
    line.text("addr", masked_address(client.address, mask));
    full ? line.number("port", client.port) : line.null("port");
    line.text_or_null("country", location.country);
    location.asn == 0 ? line.null("asn") : line.number("asn", location.asn);
    if (location.has_coordinates && full) {
        line.real("lat", location.latitude);
        line.real("lon", location.longitude);
    } else {
        line.null("lat");
        line.null("lon");
    }
    line.end();
}

void write_edns(Line& line, const FeedEvent& event, const ClientMask& mask) {
    const auto& edns = event.request.edns;
    line.flag("do", edns && edns->dnssec_ok);
    edns ? line.number("edns_size", edns->udp_payload) : line.null("edns_size");
    line.text_or_null("cookie", edns && !edns->cookie.empty() ? "present" : "");
    const bool shown = mask.privacy == Privacy::Full || mask.privacy == Privacy::Truncate;
    if (edns && edns->subnet && shown) {
        const unsigned length = edns->subnet->source_length;
        const bool full = mask.privacy == Privacy::Full;
        const base::IpPrefix subnet =
            truncated(edns->subnet->address, full ? length : std::min(length, kShownV4),
                      full ? length : std::min(length, kShownV6));
        line.open("ecs");
        line.text("prefix", subnet.address.to_text() + '/' + std::to_string(subnet.length));
        event.ecs_scope ? line.number("scope", *event.ecs_scope) : line.null("scope");
        line.end();
    } else {
        line.null("ecs");
    }
}

void write_question(Line& line, const FeedEvent& event) {
    if (event.has_question) {
        line.text("qname", event.request.qname.to_text());
        line.text("qtype", dns::to_text(event.request.qtype));
        line.text("qclass", dns::to_text(event.request.qclass));
    } else {
        line.null("qname");
        line.null("qtype");
        line.null("qclass");
    }
    line.text("opcode", dns::to_text(event.request.header.opcode()));
}

void write_decision(Line& line, const server::TapEvent& tap) {
    if (tap.rule.empty()) {
        line.null("policy");
    } else {
        line.open("policy");
        line.text("rule", tap.rule);
        line.text_or_null("pool", tap.pool);
        line.text_or_null("member", tap.member);
        line.end();
    }
    if (tap.upstream_queries == 0) {
        line.null("upstream");
    } else {
        line.open("upstream");
        line.text("server", tap.upstream.to_text());
        line.number("queries", tap.upstream_queries);
        line.end();
    }
}

std::string_view certificate_what(CertificateNotice::What what) {
    switch (what) {
        case CertificateNotice::What::Loaded:
            return "loaded";
        case CertificateNotice::What::Refused:
            return "refused";
        case CertificateNotice::What::Expiring:
            return "expiring";
        case CertificateNotice::What::Expired:
            return "expired";
    }
    return "";
}

// What every event begins with.
void begin_event(Line& line, std::string_view topic, base::WallTime time,
                 const FeedOrigin& origin) {
    line.begin();
    line.number("schema", 1);
    line.text("topic", topic);
    line.text("id", origin.id);
    line.text("ts", base::format_rfc3339(time));
    line.text("node", origin.node);
}

}  // namespace

FeedEvent::FeedEvent(const server::TapEvent& event, std::string_view view_name)
    : tap(event), view(view_name) {
    const dns::RequestOutcome outcome = dns::parse_request(event.request, request);
    has_question = outcome == dns::RequestOutcome::Answer ||
                   outcome == dns::RequestOutcome::FormErrQuestion ||
                   outcome == dns::RequestOutcome::BadVers;
    read_response(event.response, *this);
}

std::string query_event_json(const FeedEvent& event, const FeedOrigin& origin,
                             const zones::Location& location, const ClientMask& mask) {
    const server::TapEvent& tap = event.tap;
    Line line;
    begin_event(line, "query", tap.time, origin);
    line.text("listener", origin.listener);
    line.text("role", server::to_text(tap.role));
    line.text("transport", server::to_text(tap.transport));
    write_client(line, tap.client, location, mask);
    line.text("view", event.view);
    line.text_or_null("zone", tap.zone.empty() ? std::string() : dns::NameView(tap.zone).to_text());
    line.number("revision", tap.revision);
    write_question(line, event);
    line.text("action", server::to_text(tap.action));
    line.text_or_null("rcode", event.rcode ? dns::to_text(*event.rcode) : std::string());
    line.list("flags", flag_names(event.response_flags));
    write_edns(line, event, mask);
    line.number("latency_us", tap.latency_us);
    line.number("request_size", tap.request.size());
    line.number("response_size", tap.response_size);
    line.text_or_null("cache", server::to_text(tap.cache));
    tap.cache == server::CacheUse::Stale ? line.number("stale_age_s", tap.stale_age_s)
                                         : line.null("stale_age_s");
    line.list("answers", event.answers);
    event.answer_ttl ? line.number("answer_ttl", *event.answer_ttl) : line.null("answer_ttl");
    line.list("ede", event.extended_errors);
    write_decision(line, tap);
    line.null("dnssec");  // no validation, so nothing to say
    line.number("sample_weight", 1);
    line.end();
    return line.take();
}

std::string limit_event_json(const server::LimitEvent& event, base::WallTime time,
                             const FeedOrigin& origin, const ClientMask& mask) {
    Line line;
    begin_event(line, "limit", time, origin);
    line.text("limit", event.limit);
    line.text_or_null("prefix", event.prefix ? masked_prefix(*event.prefix, mask) : std::string());
    line.text_or_null("kind", event.kind);
    line.number("times", event.times);
    line.end();
    return line.take();
}

std::string change_event_json(const ChangeNotice& notice, const FeedOrigin& origin) {
    Line line;
    begin_event(line, "change", notice.time, origin);
    line.number("revision", notice.revision);
    line.text("author", notice.author);
    line.text("request_id", notice.request_id);
    line.text("message", notice.message);
    line.list("zones", notice.zones);
    line.end();
    return line.take();
}

std::string certificate_event_json(const CertificateNotice& notice, const FeedOrigin& origin) {
    Line line;
    begin_event(line, "certificate", notice.time, origin);
    line.text("what", certificate_what(notice.what));
    line.text_or_null("tls", notice.table);
    line.list("names", notice.names);
    line.text_or_null("not_after",
                      notice.not_after ? base::format_rfc3339(*notice.not_after) : std::string());
    line.text_or_null("detail", notice.detail);
    line.end();
    return line.take();
}

}  // namespace admin
