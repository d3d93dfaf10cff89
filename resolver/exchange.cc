// One query of a task: how it is composed, what matches it, and how it ends without an answer.
#include <algorithm>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "resolver/resolution.h"
#include "resolver/task.h"

namespace resolver {

namespace {

using std::chrono::milliseconds;

constexpr std::uint16_t kUdpPayload = 1232;  // RFC 9715, 3.2
constexpr base::Duration kLeastTcpTimeout = milliseconds(1500);

/// Each letter in a case of its own, so that a forger must guess it too.
void randomise_case(dns::Name& name, base::RandomSource& random) {
    std::array<std::uint8_t, dns::kMaxNameOctets> octets{};
    const std::size_t size = name.size();
    std::copy(name.octets().begin(), name.octets().end(), octets.begin());
    std::uint64_t bits = 0;
    unsigned left = 0;
    for (std::size_t label = 0; octets[label] != 0; label += 1U + octets[label]) {
        for (std::size_t i = label + 1; i <= label + octets[label]; ++i) {
            const std::uint8_t lower = base::to_lower(octets[i]);
            if (lower < 'a' || lower > 'z') continue;
            if (left == 0) {
                bits = random.next64();
                left = 64;
            }
            octets[i] = (bits & 1) != 0 ? static_cast<std::uint8_t>(lower - 32) : lower;
            bits >>= 1;
            --left;
        }
    }
    name = dns::Name(dns::NameView({octets.data(), size}));
}

std::vector<std::uint8_t> compose(std::uint16_t id, dns::NameView qname, dns::RRType qtype,
                                  bool edns, bool checking_disabled) {
    std::vector<std::uint8_t> message(dns::kHeaderOctets + dns::kMaxNameOctets + 4 + 11);
    dns::MessageWriter writer(message);
    // RD stays 0: authoritative servers are asked, not resolvers.
    writer.header(id, checking_disabled ? dns::kFlagCD : std::uint16_t{0});
    (void)writer.question(qname, qtype, dns::RRClass::IN);  // there is room for any name
    if (edns) (void)writer.opt(kUdpPayload, 0, false, {});
    message.resize(writer.finish());
    return message;
}

}  // namespace

/// Queues a query; the driver fetches it with `next`.
void Resolution::ask(Task& task, const base::IpAddress& server, bool tcp, bool edns,
                     bool random_case) {
    if (outcome_.upstream_queries >= settings_.budget_packets) {
        out_of_budget_ = true;
        outcome_.answer.error = dns::ExtendedError::Other;
        task.asking = false;
        task.candidates.clear();  // nobody else is asked either
        return;
    }
    ++outcome_.upstream_queries;
    task.asking = true;
    task.queued = true;
    task.tcp = tcp;
    task.edns = edns;
    task.random_case = random_case;
    task.case_lost = false;
    task.without_edns_after_refusal = false;
    task.token = next_token_++;
    task.id = static_cast<std::uint16_t>(environment_.random.next64());
    task.asked = task.chain.name;
    if (random_case) randomise_case(task.asked, environment_.random);
    task.server = server;
    to_send_.push_back(&task);
}

std::optional<UpstreamQuery> Resolution::next(base::MonoTime now) {
    while (!to_send_.empty()) {
        Task& task = *to_send_.front();
        to_send_.erase(to_send_.begin());
        if (task.finished || !task.asking || !task.queued) continue;
        task.queued = false;
        task.sent = now;
        const base::Duration patience = environment_.servers.timeout(task.server);
        // A connection needs a round trip of its own, and lost segments are sent again.
        task.due = now + (task.tcp ? std::max(2 * patience, kLeastTcpTimeout) : patience);
        outcome_.upstream = {task.server, settings_.upstream_port};
        UpstreamQuery query;
        query.token = task.token;
        query.server = outcome_.upstream;
        query.tcp = task.tcp;
        query.message =
            compose(task.id, task.asked, task.qtype, task.edns, question_.checking_disabled);
        return query;
    }
    return std::nullopt;
}

Resolution::Task* Resolution::task_of(std::uint32_t token) const noexcept {
    for (const auto& task : tasks_) {
        if (task->asking && !task->queued && task->token == token) return task.get();
    }
    return nullptr;
}

bool Resolution::awaiting(std::uint32_t token) const noexcept {
    return !done_ && task_of(token) != nullptr;
}

Received Resolution::receive(std::uint32_t token, base::Octets message, base::MonoTime now) {
    Task* task = done_ ? nullptr : task_of(token);
    if (task == nullptr || message.size() < dns::kHeaderOctets) return Received::Mismatch;
    const dns::Header header = dns::Header::read(message);
    if (header.id != task->id || !header.response() || header.opcode() != dns::Opcode::Query) {
        return Received::Mismatch;
    }
    // Servers that refuse to understand may leave the question out; nothing is learnt from them.
    const bool no_question = header.counts[0] == 0 && header.rcode() != dns::RCode::NoError &&
                             header.rcode() != dns::RCode::NXDomain;
    if (!no_question) {
        const auto reader = dns::MessageReader::open(message);
        if (!reader || reader->qtype() != task->qtype || reader->qclass() != dns::RRClass::IN ||
            !reader->qname().equals(task->asked)) {
            return Received::Mismatch;
        }
        const base::Octets sent = task->asked.octets();
        const base::Octets echoed = reader->qname().octets();
        if (task->random_case && !std::equal(sent.begin(), sent.end(), echoed.begin())) {
            task->case_lost = true;  // see timed_out
            return Received::Mismatch;
        }
    }
    Response response = read_response(message, {task->chain.name, task->qtype, task->zone});
    environment_.servers.answered(task->server, now - task->sent, now);
    if (task->without_edns_after_refusal && response.kind != ResponseKind::NoEdns) {
        environment_.servers.lacks_edns(task->server, now);
    }
    task->asking = false;
    read(*task, response, now);
    return Received::Taken;
}

void Resolution::failed(std::uint32_t token, SendFailure why, base::MonoTime now) {
    Task* task = done_ ? nullptr : task_of(token);
    if (task == nullptr) return;
    task->asking = false;
    if (why == SendFailure::Overload) return fail_all(dns::ExtendedError::Other, now);
    environment_.servers.timed_out(task->server, now);
    set_aside(*task, true);
    advance(*task, now);
}

void Resolution::timed_out(Task& task, base::MonoTime now) {
    task.asking = false;
    if (task.case_lost) {
        // It answers, but not in the case asked. The same server once more without the trick.
        environment_.servers.loses_case(task.server, now);
        ask(task, task.server, task.tcp, task.edns, false);
        return advance(task, now);
    }
    environment_.servers.timed_out(task.server, now);
    set_aside(task, task.tcp);
    advance(task, now);
}

/// The server asked last is not to be asked again for this delegation: at once, or after
/// kMaxTries.
void Resolution::set_aside(Task& task, bool for_good) {
    for (Candidate& candidate : task.candidates) {
        for (Candidate::Address& address : candidate.addresses) {
            if (address.address == task.server && (for_good || address.tries >= kMaxTries)) {
                address.out = true;
            }
        }
    }
}

}  // namespace resolver
