// Responses from outside into a resolution, in whatever state those before them have left it.
//
// The input is a list of events: kind u8 | size u16 | octets. Kinds, modulo 4: a response with
// the id and question of the query under way put in front (the octets are flags, the counts of
// three sections, records), the octets as they are, the deadline, a broken exchange.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "resolver/resolution.h"

namespace {

std::vector<std::uint8_t> complete(const std::vector<std::uint8_t>& query, base::Octets tail) {
    std::vector<std::uint8_t> out(query.begin(), query.begin() + 2);
    constexpr std::size_t kHead = 8;
    std::uint8_t head[kHead] = {};
    std::copy_n(tail.begin(), std::min(kHead, tail.size()), head);
    out.push_back(head[0] | 0x80);  // QR
    out.push_back(head[1]);
    base::append_be16(out, 1);
    out.insert(out.end(), head + 2, head + kHead);
    dns::Request request;
    if (dns::parse_request(query, request) != dns::RequestOutcome::Answer) std::abort();
    out.insert(out.end(), request.question.begin(), request.question.end());
    if (tail.size() > kHead) out.insert(out.end(), tail.begin() + kHead, tail.end());
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    resolver::Settings settings;
    settings.cache_mb = 1;
    settings.budget_packets = 30;
    resolver::Cache cache(settings);
    resolver::ServerTable servers(1, 16);
    base::Random random(1);
    const auto hints = resolver::RootHints::of(
        {{*dns::Name::parse("a.root."), {*base::IpAddress::parse("192.0.2.53")}}});
    base::MonoTime now = base::MonoTime{} + std::chrono::hours(1);
    resolver::Question question;
    question.qname = *dns::Name::parse("www.example.com.");
    question.qtype = dns::RRType::A;
    resolver::Resolution resolution({cache, hints, servers, random}, question, now);

    base::Octets input(data, size);
    std::vector<resolver::UpstreamQuery> open;
    while (!resolution.done()) {
        while (auto query = resolution.next(now)) open.push_back(std::move(*query));
        const auto gone = [&](const auto& query) { return !resolution.awaiting(query.token); };
        open.erase(std::remove_if(open.begin(), open.end(), gone), open.end());
        if (input.size() < 3 || open.empty()) {  // silence until the end, which must come
            if (resolution.deadline() < now) std::abort();
            now = resolution.deadline();
            (void)resolution.expire(now);
            continue;
        }
        const unsigned kind = input[0] % 4U;
        const std::size_t length =
            std::min<std::size_t>(base::load_be16(&input[1]), input.size() - 3);
        const base::Octets octets = input.subspan(3, length);
        const resolver::UpstreamQuery query = open[(input[0] / 4U) % open.size()];
        input = input.subspan(3 + length);
        now += std::chrono::milliseconds(10);
        if (kind == 0) {
            if (now < resolution.deadline()) {
                (void)resolution.receive(query.token, complete(query.message, octets), now);
            }
        } else if (kind == 1) {
            (void)resolution.receive(query.token, octets, now);
        } else if (kind == 2) {
            now = std::max(now, resolution.deadline());
        } else {
            resolution.failed(query.token, resolver::SendFailure::Refused, now);
        }
        if (!resolution.done() && resolution.deadline() <= now) (void)resolution.expire(now);
    }

    // Whatever came of it can be written, and what is written can be read.
    const resolver::Outcome& outcome = resolution.outcome();
    if (outcome.upstream_queries > settings.budget_packets) std::abort();
    if (cache.usage().octets > cache.capacity_octets()) std::abort();
    std::vector<std::uint8_t> buffer(dns::kMaxMessageOctets);
    dns::MessageWriter writer(buffer);
    writer.header(1, dns::kFlagQR);
    if (!writer.question(question.qname, question.qtype, dns::RRClass::IN)) std::abort();
    (void)resolver::write_answer(question, outcome.answer, now, 30, writer);
    buffer.resize(writer.finish());
    auto reader = dns::MessageReader::open(buffer);
    if (!reader) std::abort();
    for (;;) {
        const auto next = reader->next();
        if (!next) std::abort();
        if (!next->has_value()) return 0;
    }
}
