#include "tests/resolver/scenario.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace scenario {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Duration kRoundTrip = milliseconds(10);

std::string join(const std::vector<std::string>& words, std::size_t from) {
    std::string out;
    for (std::size_t i = from; i < words.size(); ++i) out += (i > from ? " " : "") + words[i];
    return out;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string value_of(const std::vector<std::string>& words, const std::string& key) {
    for (const std::string& word : words) {
        if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
    }
    return {};
}

std::string to_line(const std::string& section, dns::NameView owner, std::uint32_t ttl,
                    dns::RRType type, base::Octets rdata) {
    return section + " " + owner.to_text() + " " + std::to_string(ttl) + " " + dns::to_text(type) +
           " " + dns::format_rdata(type, rdata);
}

dns::Section section_of(const std::string& name) {
    if (name == "authority") return dns::Section::Authority;
    return name == "additional" ? dns::Section::Additional : dns::Section::Answer;
}

}  // namespace

std::optional<Record> parse_record(const std::vector<std::string>& words) {
    if (words.size() < 5) return std::nullopt;
    Record record;
    record.section = words[0];
    const auto owner = dns::Name::parse(words[1]);
    const auto ttl = dns::parse_ttl(words[2]);
    const auto type = dns::parse_type(words[3]);
    if (!owner || !ttl || !type) return std::nullopt;
    const auto rdata = dns::parse_rdata(*type, join(words, 4), dns::NameView());
    if (!rdata) return std::nullopt;
    record.owner = *owner;
    record.ttl = *ttl;
    record.type = *type;
    record.rdata = *rdata;
    return record;
}

std::string Runner::fail(const Line& line, const std::string& what) const {
    return file_ + ":" + std::to_string(line.number) + ": " + what;
}

std::optional<std::string> Runner::run() {
    std::ifstream in(file_);
    if (!in) return file_ + ": cannot be read";
    Line line;
    for (std::string text; std::getline(in, text);) {
        ++line.number;
        line.words.clear();
        std::istringstream words(text.substr(0, text.find('#')));
        for (std::string word; words >> word;) line.words.push_back(word);
        if (line.words.empty()) continue;
        if (auto fault = step(line)) return fault;
    }
    return end_expectations();
}

std::optional<std::string> Runner::step(const Line& line) {
    const std::string& word = line.words[0];
    const std::size_t count = line.words.size();
    const bool record = word == "answer" || word == "authority" || word == "additional";
    if (!record && word != "expect") {
        if (auto fault = end_expectations()) return fault;
    }
    if (word == "setting") return setting(line);
    if (word == "root" && count == 3) {
        const auto name = dns::Name::parse(line.words[1]);
        const auto address = base::IpAddress::parse(line.words[2]);
        if (!name || !address) return fail(line, "root NAME ADDRESS");
        roots_.push_back({*name, {*address}});
    } else if (word == "server" && count == 2) {  // what it did before is forgotten
        rules_ = &servers_[line.words[1]];
        rules_->clear();
        reply_ = nullptr;
    } else if (word == "on" && count >= 3 && rules_ != nullptr) {
        Rule rule;
        rule.qname = line.words[1];
        rule.qtype = line.words[2];
        rule.filters.assign(line.words.begin() + 3, line.words.end());
        rules_->push_back(std::move(rule));
        reply_ = nullptr;
    } else if (word == "reply" && rules_ != nullptr && !rules_->empty()) {
        Reply reply;
        reply.options.assign(line.words.begin() + 1, line.words.end());
        rules_->back().replies.push_back(std::move(reply));
        reply_ = &rules_->back().replies.back();
    } else if (record) {
        auto parsed = parse_record(line.words);
        if (!parsed) return fail(line, "SECTION OWNER TTL TYPE RDATA");
        if (expecting_) {
            expected_.push_back(
                to_line(word, parsed->owner, parsed->ttl, parsed->type, parsed->rdata));
        } else if (reply_ != nullptr) {
            reply_->records.push_back(std::move(*parsed));
        } else {
            return fail(line, "a record belongs below reply or expect");
        }
    } else if (word == "advance" && count == 2) {
        const auto by = dns::parse_ttl(line.words[1]);
        if (!by) return fail(line, "advance TIME");
        now_ += seconds(*by);
    } else if (word == "purge" && count >= 2) {
        set_up();
        (void)cache_->purge(*dns::Name::parse(line.words[1]), has(line.words, "subtree"));
    } else if (word == "ask" && count == 3) {
        asked_at_ = line;
        ask(line.words[1], line.words[2]);
    } else if (word == "expect") {
        return expect(line);
    } else {
        return fail(line, "what is " + word + "?");
    }
    return std::nullopt;
}

std::optional<std::string> Runner::setting(const Line& line) {
    if (line.words.size() != 3 || cache_) return fail(line, "setting NAME NUMBER, before any ask");
    const std::string& name = line.words[1];
    const auto value = static_cast<std::uint32_t>(std::stoul(line.words[2]));
    if (name == "case_randomisation") {
        settings_.case_randomisation = value != 0;
    } else if (name == "stale_enabled") {
        settings_.stale_enabled = value != 0;
    } else if (name == "ipv6") {
        settings_.ipv6 = value != 0;
    } else if (name == "budget_packets") {
        settings_.budget_packets = value;
    } else if (name == "timeout_ms") {
        settings_.timeout_ms = value;
    } else if (name == "max_negative_ttl_s") {
        settings_.max_negative_ttl_s = value;
    } else if (name == "seed") {
        seed_ = value;
    } else {
        return fail(line, "no setting " + name);
    }
    return std::nullopt;
}

void Runner::set_up() {
    if (cache_) return;
    settings_.cache_mb = 2;
    random_ = std::make_unique<base::Random>(seed_);
    cache_ = std::make_unique<resolver::Cache>(settings_);
    hints_ = std::make_unique<resolver::RootHints>(resolver::RootHints::of(roots_));
    table_ = std::make_unique<resolver::ServerTable>(1);
}

void Runner::ask(const std::string& qname, const std::string& qtype) {
    set_up();
    question_.qname = *dns::Name::parse(qname);
    question_.qtype = *dns::parse_type(qtype);
    asked_.clear();
    Result result;
    result.at = now_;
    const auto hit = resolver::answer_from_cache(*cache_, question_, now_, result.outcome.answer);
    result.cached = hit != resolver::CacheResult::Miss;
    if (!result.cached) {
        resolver::Resolution resolution({*cache_, *hints_, *table_, *random_}, question_, now_);
        converse(resolution, result);
    }
    write(result);
    result_ = std::move(result);
}

/// Runs the resolution to its end, stepping the clock from event to event.
void Runner::converse(resolver::Resolution& resolution, Result& result) {
    const base::MonoTime started = now_;
    std::vector<Delivery> deliveries;
    const auto take = [&](const resolver::Outcome& outcome) {
        result.outcome = outcome;
        result.elapsed = now_ - started;
        result.at = now_;
    };
    while (!resolution.done()) {
        while (auto query = resolution.next(now_)) {
            ++result.queries;
            serve(*query, deliveries);
        }
        const auto first =
            std::min_element(deliveries.begin(), deliveries.end(),
                             [](const Delivery& a, const Delivery& b) { return a.at < b.at; });
        if (first != deliveries.end() && first->at <= resolution.deadline()) {
            const Delivery delivery = *first;
            deliveries.erase(first);
            now_ = std::max(now_, delivery.at);
            if (resolution.awaiting(delivery.token)) {
                (void)resolution.receive(delivery.token, delivery.message, now_);
            }
        } else {
            now_ = std::max(now_, resolution.deadline());
            (void)resolution.expire(now_);
        }
        if (!result.stale_early && !resolution.done() && resolution.stale() != nullptr) {
            result.stale_early = true;
            take(*resolution.stale());
        }
    }
    if (!result.stale_early) take(resolution.outcome());
}

void Runner::serve(const resolver::UpstreamQuery& query, std::vector<Delivery>& out) {
    dns::Request request;
    if (dns::parse_request(query.message, request) != dns::RequestOutcome::Answer) {
        asked_.push_back("malformed query");
        return;
    }
    const std::string address = query.server.address.to_text();
    asked_.push_back(address + " " + request.qname.to_text() + " " + dns::to_text(request.qtype));
    for (Rule& rule : servers_[address]) {
        if (rule.qname != "*" && !request.qname.equals(*dns::Name::parse(rule.qname))) continue;
        if (rule.qtype != "*" && dns::parse_type(rule.qtype) != request.qtype) continue;
        if (has(rule.filters, "udp") && query.tcp) continue;
        if (has(rule.filters, "tcp") && !query.tcp) continue;
        if (has(rule.filters, "edns") && !request.edns) continue;
        if (has(rule.filters, "plain") && request.edns) continue;
        if (has(rule.filters, "once") && rule.used) continue;
        rule.used = true;
        base::MonoTime at = now_;
        for (const Reply& reply : rule.replies) {
            at += kRoundTrip;
            std::vector<std::uint8_t> message(dns::kMaxMessageOctets);
            dns::MessageWriter writer(message);
            std::uint16_t flags = dns::kFlagQR;
            if (!has(reply.options, "noaa")) flags |= dns::kFlagAA;
            if (has(reply.options, "ra")) flags |= dns::kFlagRA;
            if (has(reply.options, "tc")) flags |= dns::kFlagTC;
            if (const auto rcode = dns::parse_rcode(value_of(reply.options, "rcode"))) {
                flags = static_cast<std::uint16_t>(flags | static_cast<unsigned>(*rcode));
            }
            const bool wrong_id = has(reply.options, "wrong-id");
            writer.header(static_cast<std::uint16_t>(request.header.id + (wrong_id ? 1 : 0)),
                          flags);
            dns::Name qname(request.qname);
            if (has(reply.options, "wrong-case")) qname.lower_case();
            if (const std::string other = value_of(reply.options, "qname"); !other.empty()) {
                qname = *dns::Name::parse(other);
            }
            if (!has(reply.options, "no-question")) {
                (void)writer.question(qname, request.qtype, request.qclass);
            }
            for (const Record& record : reply.records) {
                (void)writer.record(section_of(record.section), record.owner, record.type,
                                    dns::RRClass::IN, record.ttl, record.rdata);
            }
            message.resize(writer.finish());
            out.push_back({at, query.token, std::move(message)});
        }
        return;
    }
}

void Runner::write(Result& result) {
    std::vector<std::uint8_t> message(dns::kMaxMessageOctets);
    dns::MessageWriter writer(message);
    writer.header(0, dns::kFlagQR);
    (void)writer.question(question_.qname, question_.qtype, dns::RRClass::IN);
    if (!resolver::write_answer(question_, result.outcome.answer, result.at,
                                settings_.stale_answer_ttl_s, writer)) {
        result.lines.push_back("truncated");
    }
    message.resize(writer.finish());
    auto reader = dns::MessageReader::open(message);
    while (true) {
        const auto next = reader->next();
        if (!next || !next->has_value()) break;
        const dns::Record& record = **next;
        std::vector<std::uint8_t> rdata;
        (void)dns::read_rdata(record.type, message, record.rdata_offset, record.rdlength, rdata);
        const char* const section = record.section == dns::Section::Answer ? "answer" : "authority";
        result.lines.push_back(to_line(section, record.owner, record.ttl, record.type, rdata));
    }
}

/// expect RCODE [cached] [stale] [early] [ede=N] [queries=N] [queries<=N] [elapsed_ms=N]
///        [asked=ADDRESS] [not-asked=ADDRESS]
std::optional<std::string> Runner::expect(const Line& line) {
    if (!result_ || line.words.size() < 2) return fail(line, "expect RCODE after an ask");
    const Result& result = *result_;
    const resolver::Answer& answer = result.outcome.answer;
    std::string seen;
    for (const std::string& query : asked_) seen += "\n  asked " + query;
    const auto rcode = dns::parse_rcode(line.words[1]);
    if (!rcode || *rcode != answer.rcode) {
        return fail(line, "the answer is " + dns::to_text(answer.rcode) + seen);
    }
    const auto flag = [&](const std::string& name, bool actual) -> std::optional<std::string> {
        if (has(line.words, name) == actual) return std::nullopt;
        return fail(line, std::string(actual ? "it is " : "it is not ") + name + seen);
    };
    if (auto fault = flag("cached", result.cached)) return fault;
    if (auto fault = flag("stale", answer.stale)) return fault;
    if (auto fault = flag("early", result.stale_early)) return fault;
    const auto number = [&](const std::string& name, std::uint64_t actual) {
        const std::string wanted = value_of(line.words, name);
        const std::string most = value_of(line.words, name + "<");
        if ((wanted.empty() || std::stoull(wanted) == actual) &&
            (most.empty() || actual <= std::stoull(most))) {
            return std::optional<std::string>{};
        }
        return std::optional<std::string>{
            fail(line, name + " is " + std::to_string(actual) + seen)};
    };
    if (auto fault = number("queries", result.queries)) return fault;
    if (auto fault = number("ede", answer.error ? static_cast<std::uint64_t>(*answer.error) : 0)) {
        return fault;
    }
    const auto ms = std::chrono::duration_cast<milliseconds>(result.elapsed).count();
    if (auto fault = number("elapsed_ms", static_cast<std::uint64_t>(ms))) return fault;
    const auto asked = [&](const std::string& what) {
        return std::any_of(asked_.begin(), asked_.end(),
                           [&](const std::string& query) { return query.starts_with(what + " "); });
    };
    for (const std::string& word : line.words) {
        const std::size_t at = word.find('=');
        if (word.starts_with("asked=") && !asked(word.substr(at + 1))) {
            return fail(line, word.substr(at + 1) + " was not asked" + seen);
        }
        if (word.starts_with("not-asked=") && asked(word.substr(at + 1))) {
            return fail(line, word.substr(at + 1) + " was asked" + seen);
        }
    }
    expecting_ = true;
    return std::nullopt;
}

/// Compares the records wanted with those given, once all of them have been read.
std::optional<std::string> Runner::end_expectations() {
    if (!expecting_) return std::nullopt;
    expecting_ = false;
    std::vector<std::string> given = result_->lines;
    std::sort(given.begin(), given.end());
    std::sort(expected_.begin(), expected_.end());
    const bool equal = given == expected_;
    expected_.clear();
    if (equal) return std::nullopt;
    std::string all;
    for (const std::string& text : given) all += "\n  " + text;
    for (const std::string& query : asked_) all += "\n  asked " + query;
    return fail(asked_at_, "the answer holds" + (all.empty() ? std::string(" nothing") : all));
}

}  // namespace scenario
