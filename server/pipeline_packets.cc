// Answers that are sent again as they are: how a pipeline uses its packet cache.
#include "server/pipeline_run.h"

namespace server {

/// Who may be answered from the packet cache, and what it is to be looked for under.
void Pipeline::approach_packets(std::span<const Query> queries, std::span<Parsed> parsed) const {
    for (std::size_t i = 0; i < queries.size(); ++i) {
        parsed[i].packet = 0;
        const Query& query = queries[i];
        if (!packets_usable_ || query.transport != Transport::Udp ||
            !PacketCache::takes(query.message)) {
            continue;
        }
        parsed[i].packet = packets_->hash(query.message) | 1U;
        packets_->approach(parsed[i].packet);
    }
    for (std::size_t i = 0; i < queries.size(); ++i) {
        if (parsed[i].packet != 0) packets_->approach_entry(parsed[i].packet);
    }
}

/// Answers from the packet cache; false where that has to be done the long way.
bool Pipeline::recall(const Query& query, Parsed& parsed, Reply& reply) {
    parsed.recalled = false;
    parsed.judged.reset();
    if (parsed.packet == 0 || reply.octets.size() < PacketCache::kMaxReplyOctets) return false;
    const zones::ViewId view = published_->views->view_of(query.client.address);
    parsed.scope = {generation_, view, recursion_permitted(query, view)};
    const PacketCache::Account* account = nullptr;
    const PacketCache::Now now{published_->revision, changes_};
    const std::size_t size =
        packets_->find(parsed.packet, query.message, parsed.scope, now, reply.octets, account);
    if (size == 0) return false;
    if (settings_.rrl != nullptr) {
        const dns::NameView name(query.message.subspan(account->name_offset, account->name_octets));
        parsed.judged = settings_.rrl->judge(query.client.address,
                                             {account->kind, name, account->synthesized}, now_);
        if (parsed.judged->verdict != Rrl::Verdict::Send) return false;
    }
    account->queries->add();
    ++answered_in_batch_[static_cast<std::size_t>(Role::Auth)];
    ++recalled_in_batch_;
    reply.size = size;
    reply.step = Step::Answered;
    parsed.recalled = true;
    return true;
}

/// Stores an answer that anybody in this scope would be given again.
void Pipeline::remember(const Run& run, const Parsed& parsed, base::Octets reply) {
    const dns::Request& request = run.request;
    if (!packets_->seen(parsed.packet)) return;
    if (parsed.outcome != dns::RequestOutcome::Answer || request.qclass != dns::RRClass::IN ||
        request.tsig || (request.edns && !request.edns->options.empty())) {
        return;
    }
    if (run.report.zone == nullptr || run.report.varies || run.role != Role::Auth ||
        run.action != Action::Answered || run.ede) {
        return;
    }
    const bool has_answers =
        run.writer.count(dns::Section::Answer) > 0 || (run.flags & dns::kFlagTC) != 0;
    const RrlSubject subject =
        rrl_subject(request, run.rcode, has_answers, run.report, run.denied_labels);
    PacketCache::Account account;
    account.queries = &counter_of(run);
    account.kind = subject.kind;
    account.synthesized = subject.synthesized;
    account.name_octets = static_cast<std::uint8_t>(subject.name.size());
    account.name_offset =
        static_cast<std::uint16_t>(dns::kHeaderOctets + request.qname.size() - subject.name.size());
    packets_->store(parsed.packet, run.query.message, request.qname.size(), parsed.scope,
                    nodes_->reliance(), reply, account);
}

}  // namespace server
