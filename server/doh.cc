#include "server/doh.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "dns/message.h"
#include "dns/types.h"
#include "net/recycled.h"

namespace server {

namespace {

constexpr std::string_view kPath = "/dns-query";
constexpr std::string_view kMediaType = "application/dns-message";

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

/// Parameters are of no matter: the type has none (RFC 8484, 6).
bool is_dns_message(std::string_view content_type) noexcept {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return equals_ignoring_case(type, kMediaType);
}

/// The first `name` of a query string; none where it is not there.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) noexcept {
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return pair.substr(equals + 1);
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return std::nullopt;
}

/// A line of text says what was wrong to who looks at it by hand.
void refuse(net::HttpExchange& exchange, int status, std::string_view why) {
    net::ResponseHead head;
    head.status = status;
    head.headers.add("content-type", "text/plain; charset=utf-8");
    head.headers.add("content-length", std::to_string(why.size() + 1));
    if (status == 405) head.headers.add("allow", "GET, POST");
    exchange.respond(head);
    exchange.write(base::as_octets(std::string(why) + '\n'));
    exchange.finish();
}

}  // namespace

Doh::Doh(Handler& handler, base::MutableOctets room) : handler_(handler), room_(room) {
    head_.headers.add("content-type", kMediaType);
}

void Doh::answer(net::HttpExchange& exchange, base::Octets message, bool personal) {
    std::array<char, 48> text;
    auto end = std::to_chars(text.begin(), text.end(), message.size()).ptr;
    head_.headers.set("content-length", std::string_view(text.begin(), end));
    static constexpr std::string_view kPersonal = "private, max-age=";
    static constexpr std::string_view kShared = "max-age=";
    const std::string_view start = personal ? kPersonal : kShared;
    char* const number = std::copy(start.begin(), start.end(), text.begin());
    end = std::to_chars(number, text.end(), freshness_s(message)).ptr;
    head_.headers.set("cache-control", std::string_view(text.begin(), end));
    exchange.respond(head_);
    exchange.write(message);
    exchange.finish();
}

/// One exchange: takes the body of a POST, and waits for what was deferred. Of a body that is of no
/// use a message's worth is let pass: what a client sent before it heard of the refusal is judged
/// as any other, and the connection goes on.
class Doh::Request final : public net::HttpStream, public net::Recycled<Doh::Request> {
  public:
    Request(Doh& owner, net::HttpExchange& exchange, const base::Endpoint& client)
        : owner_(owner), exchange_(exchange), client_(client) {}
    ~Request() override { leave(); }

    void on_body(base::Octets octets) override {
        received_ += octets.size();
        if (received_ > dns::kMaxMessageOctets) {
            if (wants_body_) end(413, "a DNS message has 65535 octets at most");
            exchange_.reset();  // what may still come is of no use
        } else if (wants_body_ && !exchange_.collect(octets.size())) {
            end(503, "too many messages are on their way at a time");
        } else if (wants_body_) {
            body_.insert(body_.end(), octets.begin(), octets.end());
        }
    }
    void on_end(const net::HeaderList& /*trailers*/) override {
        if (wants_body_) ask(body_);
    }
    void on_cancel() override { leave(); }

    void expect_body() { wants_body_ = true; }
    void ask(base::Octets message) {
        wants_body_ = false;
        if (message.size() < dns::kHeaderOctets) {
            return end(400, "this is no DNS message: it is shorter than a header");
        }
        enter();
        Answer given;
        switch (owner_.handler_.on_message({message, client_, ticket_}, owner_.room_, given)) {
            case Outcome::Answered:
                leave();
                return owner_.answer(exchange_, base::Octets(owner_.room_).first(given.size),
                                     given.personal);
            case Outcome::Dropped:
                leave();
                return end(400, "this is no DNS query, or there is no answer to it");
            case Outcome::Deferred:
                body_ = {};
                return;
        }
    }
    void reply(base::Octets message, bool personal) {
        leave();
        if (message.empty()) {
            refuse(exchange_, 503, "no answer in time");
        } else {
            owner_.answer(exchange_, message, personal);
        }
    }
    void end(int status, std::string_view why) {
        wants_body_ = false;
        body_ = {};
        refuse(exchange_, status, why);
    }

  private:
    void enter() {
        if (owner_.free_slots_.empty()) {
            owner_.free_slots_.push_back(static_cast<std::uint32_t>(owner_.slots_.size()));
            owner_.slots_.emplace_back();
        }
        ticket_.slot = owner_.free_slots_.back();
        owner_.free_slots_.pop_back();
        Slot& slot = owner_.slots_[ticket_.slot];
        slot.request = this;
        ticket_.generation = slot.generation;
        entered_ = true;
    }
    void leave() {
        if (!std::exchange(entered_, false)) return;
        Slot& slot = owner_.slots_[ticket_.slot];
        slot.request = nullptr;
        ++slot.generation;
        owner_.free_slots_.push_back(ticket_.slot);
    }

    Doh& owner_;
    net::HttpExchange& exchange_;
    const base::Endpoint client_;
    Ticket ticket_;
    bool entered_ = false;
    bool wants_body_ = false;
    std::size_t received_ = 0;  // of the body
    std::vector<std::uint8_t> body_;
};

Doh::~Doh() = default;

std::unique_ptr<net::HttpStream> Doh::on_request(net::RequestHead head,
                                                 net::HttpExchange& exchange) {
    auto request = std::make_unique<Request>(*this, exchange, head.peer.remote);
    if (head.path != kPath) {
        request->end(404, "DNS is at /dns-query");
    } else if (head.method == "GET") {
        const auto text = parameter(head.query, "dns");
        if (!text || !from_base64url(*text, question_)) {
            request->end(400, "`dns` is to be a DNS message in base64url without padding");
        } else if (question_.size() > dns::kMaxMessageOctets) {
            request->end(414, "a DNS message has 65535 octets at most");
        } else {
            request->ask(question_);
        }
    } else if (head.method == "POST") {
        if (!is_dns_message(head.headers.get("content-type").value_or(""))) {
            request->end(415, "the body is to be application/dns-message");
        } else {
            request->expect_body();
        }
    } else {
        request->end(405, "GET or POST");
    }
    return request;
}

void Doh::reply(Ticket ticket, base::Octets message, bool personal) {
    if (ticket.slot >= slots_.size()) return;
    const Slot& slot = slots_[ticket.slot];
    if (slot.generation == ticket.generation && slot.request != nullptr) {
        slot.request->reply(message, personal);
    }
}

std::uint32_t freshness_s(base::Octets response) noexcept {
    auto reader = dns::MessageReader::open(response);
    if (!reader) return 0;
    const dns::RCode rcode = reader->header().rcode();
    if (rcode != dns::RCode::NoError && rcode != dns::RCode::NXDomain) return 0;
    std::optional<std::uint32_t> answer;
    std::optional<std::uint32_t> authority;
    bool denied = rcode == dns::RCode::NXDomain;
    const auto keep = [](std::optional<std::uint32_t>& least, std::uint32_t ttl) {
        least = std::min(least.value_or(ttl), ttl);
    };
    for (;;) {
        const auto record = reader->next();
        if (!record || !*record) break;
        const dns::Record& each = **record;
        if (each.section == dns::Section::Answer) {
            keep(answer, each.ttl);
        } else if (each.section == dns::Section::Authority) {
            keep(authority, each.ttl);
            if (each.type != dns::RRType::SOA || each.rdlength < 4) continue;
            denied = true;
            // MINIMUM is its last field (RFC 1035, 3.3.13).
            keep(authority, base::load_be32(&response[each.rdata_offset + each.rdlength - 4]));
        } else {
            break;
        }
    }
    // With an alias that leads to nothing both must hold.
    if (answer && denied && authority) return std::min(*answer, *authority);
    if (answer) return denied ? 0 : *answer;
    return authority.value_or(0);
}

bool from_base64url(std::string_view text, std::vector<std::uint8_t>& out) {
    static constexpr std::array<std::int8_t, 256> kValues = [] {
        std::array<std::int8_t, 256> values{};
        for (std::int8_t& value : values) value = -1;
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
            values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::int8_t>(i);
        }
        return values;
    }();
    if (text.size() % 4 == 1) return false;
    out.resize(text.size() * 3 / 4);
    std::uint8_t* at = out.data();
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const int value = kValues[static_cast<std::uint8_t>(c)];
        if (value < 0) return false;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *at++ = static_cast<std::uint8_t>(bits >> held);
        }
    }
    // What is left over of the last character is zero, or the text has other spellings.
    return (bits & ((1U << held) - 1U)) == 0;
}

}  // namespace server
