#include "resolver/resolution.h"

#include <algorithm>

#include "dns/rdata.h"
#include "resolver/delegation.h"
#include "resolver/task.h"

namespace resolver {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::MonoTime kNever = base::MonoTime::max();

}  // namespace

Resolution::Resolution(const Environment& environment, const Question& question, base::MonoTime now)
    : environment_(environment),
      settings_(environment.cache.settings()),
      question_(question),
      started_(now),
      ends_(now + milliseconds(settings_.timeout_ms)) {
    Task* task = add_task(nullptr, question.qname, question.qtype);
    if (dns::is_meta(question.qtype) && question.qtype != dns::RRType::ANY) {
        outcome_.answer.rcode = dns::RCode::NotImp;
        outcome_.answer.error = dns::ExtendedError::NotSupported;
        done_ = true;
        return;
    }
    stale_known_ =
        stale_answer(environment_.cache, question_, now, stale_.answer) && stale_.answer.stale;
    advance(*task, now);
}

Resolution::~Resolution() = default;

Resolution::Task* Resolution::add_task(Task* parent, const dns::Name& qname, dns::RRType qtype) {
    auto task = std::make_unique<Task>();
    task->parent = parent;
    task->depth = parent == nullptr ? 0 : parent->depth + 1;
    task->qname = qname;
    task->qtype = qtype;
    task->chain.name = qname;
    tasks_.push_back(std::move(task));
    if (parent != nullptr) ++parent->children;
    return tasks_.back().get();
}

/// Takes the task as far as it goes without waiting.
void Resolution::advance(Task& task, base::MonoTime now) {
    while (!done_ && !task.finished && !task.asking) {
        if (!task.located) {
            if (look(task, now)) return;
            locate(task, now);
        }
        if (choose(task, now)) return;
        if (task.children > 0) return;  // wait
        if (out_of_budget_ || !look_up_servers(task, now)) return finish(task, false, now);
        // Tasks below may have found addresses in the cache at once; or they have failed.
    }
}

/// True when the task has come to its end: answered from what is known, or in a loop of aliases.
bool Resolution::look(Task& task, base::MonoTime now) {
    switch (follow(environment_.cache, question_.partition, task.qtype, now, false, task.chain)) {
        case ChainEnd::Open:
            return false;
        case ChainEnd::Complete:
            finish(task, true, now);
            return true;
        case ChainEnd::TooLong:
            finish(task, false, now);
            return true;
    }
    return false;
}

void Resolution::locate(Task& task, base::MonoTime now) {
    // The parent's side of a cut holds the DS (RFC 4035, 3.1.4.1).
    const bool above = task.qtype == dns::RRType::DS && !task.chain.name.view().is_root();
    const dns::NameView from = above ? task.chain.name.view().parent() : task.chain.name.view();
    task.located = true;
    const Ref known = environment_.cache.closest_delegation(question_.partition, from, now);
    if (known) {
        task.zone = dns::Name(known->name());
        use_servers(task, unpack_servers(known->payload()), now);
    } else {
        task.zone = dns::Name();
        use_servers(task, environment_.hints.servers(), now);
    }
}

void Resolution::finish(Task& task, bool answered, base::MonoTime now) {
    task.finished = true;
    task.answered = answered;
    task.asking = false;
    task.candidates.clear();
    if (task.parent == nullptr) return conclude(now);
    for (const auto& other : tasks_) {  // what was to serve this task has no use any more
        for (const Task* above = other->parent; above != nullptr; above = above->parent) {
            if (above != &task) continue;
            other->finished = true;
            other->asking = false;
        }
    }
    if (!answered && hopeless_.size() < kMaxTasks) hopeless_.emplace_back(task.qname, task.qtype);
    Task& parent = *task.parent;
    --parent.children;
    if (parent.finished) return;
    addresses_found(parent, task);
    // A parent that is still starting tasks goes on by itself when that is done.
    if (!parent.asking && parent.located) advance(parent, now);
}

/// Ends the resolution with what the first task has come to.
void Resolution::conclude(base::MonoTime now) {
    Task& first = *tasks_.front();
    done_ = true;
    to_send_.clear();
    if (first.answered) {
        outcome_.answer = std::move(first.chain.answer);
        return;
    }
    const dns::ExtendedError why =
        outcome_.answer.error.value_or(dns::ExtendedError::NoReachableAuthority);
    const bool stale =
        stale_known_ && stale_answer(environment_.cache, question_, now, outcome_.answer);
    if (stale && !outcome_.answer.stale) return;  // somebody else has found it out meanwhile
    (void)environment_.cache.put_failure(
        question_.partition, question_.qname, question_.qtype, why,
        stale ? base::Duration(seconds(settings_.failure_recheck_s)) : base::Duration::zero(), now);
    if (stale) return;
    outcome_.answer.clear();
    outcome_.answer.rcode = dns::RCode::ServFail;
    outcome_.answer.error = why;
}

void Resolution::fail_all(dns::ExtendedError why, base::MonoTime now) {
    if (done_) return;
    outcome_.answer.error = why;
    for (const auto& task : tasks_) {
        task->finished = true;
        task->asking = false;
    }
    conclude(now);
}

void Resolution::read(Task& task, Response& response, base::MonoTime now) {
    switch (response.kind) {
        case ResponseKind::Answer:
        case ResponseKind::Alias:
        case ResponseKind::NoData:
        case ResponseKind::NXDomain:
            keep_answer(task, response, now);
            return;
        case ResponseKind::Referral:
            keep_referral(task, response, now);
            break;
        case ResponseKind::Truncated:
            if (task.tcp) {  // nonsense over a stream
                set_aside(task, true);
            } else {
                ask(task, task.server, true, task.edns, task.random_case);
            }
            break;
        case ResponseKind::NoEdns:
            if (task.edns) {
                ask(task, task.server, task.tcp, false, task.random_case);
                task.without_edns_after_refusal = true;
            } else {
                environment_.servers.disappointed(task.server, now);
                set_aside(task, true);
            }
            break;
        case ResponseKind::Lame:  // of this zone only
            set_aside(task, true);
            break;
        case ResponseKind::ServerFailure:
        case ResponseKind::Refused:
        case ResponseKind::Malformed:
            environment_.servers.disappointed(task.server, now);
            set_aside(task, true);
            break;
    }
    advance(task, now);
}

/// Keeps what was learnt and goes on where the aliases lead.
void Resolution::keep_answer(Task& task, const Response& response, base::MonoTime now) {
    Cache& cache = environment_.cache;
    const Partition partition = question_.partition;
    const Rank rank = response.authoritative ? Rank::Authoritative : Rank::NonAuthoritative;
    ChainEnd end = ChainEnd::Open;
    for (const OwnedRRset& set : response.answer) {
        const Ref kept = cache.put_rrset(partition, set.owner, set.records.view(), rank, now);
        if (!kept) return fail_all(dns::ExtendedError::Other, now);  // no memory
        end = take(kept, task.qtype, now, task.chain);
        const bool more = task.qtype == dns::RRType::ANY && end == ChainEnd::Complete;
        if (end != ChainEnd::Open && !more) break;
    }
    const bool negative =
        response.kind == ResponseKind::NoData || response.kind == ResponseKind::NXDomain;
    if (end == ChainEnd::Open && negative) {
        const dns::NameView soa_owner = response.soa ? response.soa->owner.view() : dns::NameView();
        const dns::RRsetView soa = response.soa ? response.soa->records.view() : dns::RRsetView();
        const EntryKind kind =
            response.kind == ResponseKind::NXDomain ? EntryKind::NXDomain : EntryKind::NoData;
        const Ref kept =
            cache.put_negative(partition, kind, task.chain.name, task.qtype, soa_owner, soa, now);
        if (!kept) return fail_all(dns::ExtendedError::Other, now);
        end = take(kept, task.qtype, now, task.chain);
    }
    if (response.authoritative && !response.servers.empty()) prime(response, now);
    switch (end) {
        case ChainEnd::Complete:
            return finish(task, true, now);
        case ChainEnd::TooLong:
            return finish(task, false, now);
        case ChainEnd::Open:
            task.located = false;  // another name, perhaps elsewhere
            return advance(task, now);
    }
}

void Resolution::keep_referral(Task& task, const Response& response, base::MonoTime now) {
    (void)environment_.cache.put_delegation(question_.partition, response.cut,
                                            pack_servers(response.servers), response.cut_ttl, now);
    task.zone = response.cut;
    use_servers(task, response.servers, now);
}

/// The root's own servers, as the root says (RFC 8109, 3.3). Servers whose addresses did not fit
/// into the response keep those of the hints.
void Resolution::prime(const Response& response, base::MonoTime now) {
    std::vector<NameServer> servers = response.servers;
    bool any = false;
    for (NameServer& server : servers) {
        for (const NameServer& hint : environment_.hints.servers()) {
            if (server.addresses.empty() && hint.name == server.name) {
                server.addresses = hint.addresses;
            }
        }
        any = any || !server.addresses.empty();
    }
    if (!any) return;
    (void)environment_.cache.put_delegation(question_.partition, dns::NameView(),
                                            pack_servers(servers), response.cut_ttl, now);
}

base::MonoTime Resolution::deadline() const noexcept {
    if (done_) return kNever;
    base::MonoTime earliest = ends_;
    if (stale_known_ && !stale_due_) {
        earliest = std::min(earliest, started_ + milliseconds(settings_.stale_client_timeout_ms));
    }
    for (const auto& task : tasks_) {
        if (task->asking && !task->queued) earliest = std::min(earliest, task->due);
    }
    return earliest;
}

unsigned Resolution::expire(base::MonoTime now) {
    if (done_) return 0;
    unsigned timeouts = 0;
    // Advancing a task may add others at the end; those are not due yet.
    for (std::size_t i = 0; i < tasks_.size() && !done_; ++i) {
        Task& task = *tasks_[i];
        if (task.finished || !task.asking || task.queued || now < task.due) continue;
        ++timeouts;
        timed_out(task, now);
    }
    if (!done_ && now >= ends_) fail_all(dns::ExtendedError::NoReachableAuthority, now);
    if (!done_ && stale_known_ && !stale_due_ &&
        now >= started_ + milliseconds(settings_.stale_client_timeout_ms)) {
        stale_due_ = stale_answer(environment_.cache, question_, now, stale_.answer);
        stale_known_ = stale_due_;
        stale_.upstream_queries = outcome_.upstream_queries;
        stale_.upstream = outcome_.upstream;
    }
    return timeouts;
}

bool priming_due(const Cache& cache, base::MonoTime now) noexcept {
    if (!cache.settings().priming || cache.closest_delegation(0, dns::NameView(), now)) {
        return false;
    }
    return !cache.find(0, dns::NameView(), dns::RRType::NS, now, false).failure;
}

Question priming_question() noexcept {
    Question question;
    question.qtype = dns::RRType::NS;
    return question;
}

}  // namespace resolver
