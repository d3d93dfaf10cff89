#include "server/pipeline.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/chaos.h"
#include "server/pipeline_run.h"
#include "zones/zone_serial.h"

namespace server {

namespace {

using dns::RCode;
using dns::RRClass;
using dns::RRType;

bool contains(const std::vector<base::IpPrefix>& prefixes, const base::IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const base::IpPrefix& prefix) { return prefix.contains(address); });
}

bool is_transfer(RRType type) noexcept {
    return type == RRType::AXFR || type == RRType::IXFR;
}

/// Records that exist in a message alone, and a type that is none (RFC 6895, 3.1): nobody has them
/// to be asked for.
bool is_of_messages(RRType type) noexcept {
    return type == RRType::OPT || type == RRType::TSIG || type == RRType::TKEY ||
           static_cast<std::uint16_t>(type) == 0;
}

}  // namespace

Pipeline::Pipeline(const PipelineSettings& settings, zones::Store& store, resolver::Cache& cache,
                   WorkerStats& stats, Tap& tap, bool may_block)
    : settings_(settings),
      store_(store),
      cache_(cache),
      stats_(stats),
      tap_(tap),
      nodes_(store.make_source(may_block)),
      changes_(store.marks()),
      health_(std::make_shared<const zones::HealthSnapshot>()),
      random_(base::Random::from_entropy()),
      packets_(may_block || settings.packet_cache == 0
                   ? nullptr
                   : std::make_unique<PacketCache>(settings.packet_cache)) {}

void Pipeline::begin_batch(base::MonoTime now) {
    now_ = now;
    published_ = store_.published();
    nodes_->use(*published_);
    unix_time_s_.reset();
    if (last_generation_ != published_->generation) {
        last_generation_ = published_->generation;
        ++generation_;
        last_zone_ = nullptr;
    }
    apexes_.follow(generation_, published_->revision, changes_);
    // Who watches wants to see each query.
    packets_usable_ = packets_ != nullptr && !tap_.active();
}

void Pipeline::end_batch() {
    nodes_->release();
    published_ = nullptr;
    // One look at the clock for the whole batch: its queries are answered together, so the time
    // the batch took is the time each of them took.
    const base::Duration took = base::mono_now() - now_;
    for (std::size_t role = 0; role < kRoles; ++role) {
        stats_.count(role, took, answered_in_batch_[role]);
        answered_in_batch_[role] = 0;
    }
    stats_.packet_cache_hits.add(std::exchange(recalled_in_batch_, 0));
}

void Pipeline::set_health(std::shared_ptr<const zones::HealthSnapshot> health) {
    health_ = std::move(health);
}

Step Pipeline::run(const Query& query, base::MutableOctets reply, std::size_t& reply_size,
                   const resolver::Outcome* resolved) {
    Parsed parsed;
    parse(query, parsed);
    return run(query, parsed, reply, reply_size, resolved);
}

/// Octets, and who asks: all that needs no zone.
void Pipeline::parse(const Query& query, Parsed& parsed) const {
    parsed.outcome = dns::parse_request(query.message, parsed.request);
    parsed.view = zones::kDefaultView;
    parsed.zone = nullptr;
    parsed.nodes = {};
    if (parsed.outcome == dns::RequestOutcome::Answer) {
        parsed.view = published_->views->view_of(query.client.address);
    }
}

/// The zone of the query before, where it is the same; else where it will be looked up.
void Pipeline::approach_zone(Parsed& parsed) const {
    const dns::Request& request = parsed.request;
    parsed.zone_slot = 0;
    if (parsed.outcome != dns::RequestOutcome::Answer || request.qclass != RRClass::IN) return;
    const zones::ZoneTable& zones = *published_->zones;
    if (last_zone_ != nullptr &&
        zones.is_nearest(*last_zone_, request.qname, request.labels, parsed.view)) {
        parsed.zone = last_zone_;
    } else {
        parsed.zone_slot = zones.approach(request.qname, request.labels);
    }
}

/// Looks the zone up, and lets the processor fetch the slots of the qname and of the first name
/// below the apex, where a cut would be.
void Pipeline::approach_nodes(Parsed& parsed) {
    const dns::Request& request = parsed.request;
    if (parsed.outcome != dns::RequestOutcome::Answer || request.qclass != RRClass::IN) return;
    if (parsed.zone == nullptr) {
        parsed.zone =
            published_->zones->find_near(last_zone_, request.qname, request.labels, parsed.view);
    }
    if (parsed.zone != nullptr) last_zone_ = parsed.zone;
    if (parsed.zone == nullptr || parsed.zone->base() == 0) return;
    const base::Octets owner =
        request.qname.octets().first(request.qname.size() - parsed.zone->apex().size());
    parsed.nodes[0] = nodes_->approach(parsed.zone->base(), owner);
    const std::size_t depth = parsed.zone->depth_of(request.qname, request.labels);
    if (depth < 2) return;
    parsed.nodes[1] =
        nodes_->approach(parsed.zone->base(), owner.subspan(request.labels.offset[depth - 1]));
}

void Pipeline::run_batch(std::span<const Query> queries, std::span<Reply> replies,
                         const std::function<void(std::size_t)>& on_deferred) {
    // So many that the first lines have come when they are needed, and all still stand near.
    static constexpr std::size_t kAhead = 16;
    std::array<Parsed, kAhead> parsed;
    for (std::size_t done = 0; done < queries.size(); done += kAhead) {
        const std::size_t size = std::min(kAhead, queries.size() - done);
        approach_packets(queries.subspan(done, size), parsed);
        std::size_t recalled = 0;
        for (std::size_t i = 0; i < size; ++i) {
            Reply& reply = replies[done + i];
            if (recall(queries[done + i], parsed[i], reply)) {
                ++recalled;
                continue;
            }
            parse(queries[done + i], parsed[i]);
            approach_zone(parsed[i]);
        }
        if (recalled == size) continue;
        for (std::size_t i = 0; i < size; ++i) {
            if (!parsed[i].recalled && parsed[i].zone_slot != 0) {
                published_->zones->approach_zone(parsed[i].zone_slot);
            }
        }
        for (std::size_t i = 0; i < size; ++i) {
            if (!parsed[i].recalled) approach_nodes(parsed[i]);
        }
        for (std::size_t i = 0; i < size; ++i) {
            if (parsed[i].recalled) continue;
            for (const std::uint64_t node : parsed[i].nodes) nodes_->approach_node(node);
        }
        for (std::size_t i = 0; i < size; ++i) {
            if (parsed[i].recalled) continue;
            Reply& reply = replies[done + i];
            reply.step = run(queries[done + i], parsed[i], reply.octets, reply.size, nullptr);
            if (reply.step == Step::DeferRead || reply.step == Step::DeferResolve) {
                on_deferred(done + i);
            }
        }
    }
}

Step Pipeline::run(const Query& query, Parsed& parsed, base::MutableOctets reply,
                   std::size_t& reply_size, const resolver::Outcome* resolved) {
    reply_size = 0;
    Run run(query, parsed, reply);
    run.resolved = resolved;
    const dns::RequestOutcome outcome = parsed.outcome;
    if (outcome == dns::RequestOutcome::Drop) {
        const bool malformed = query.message.size() < dns::kHeaderOctets;
        stats_
            .dropped[static_cast<std::size_t>(malformed ? DropReason::Malformed
                                                        : DropReason::Response)]
            .add();
        return Step::Dropped;
    }
    const bool options_good = read_options(run);
    start_reply(run);
    Step step = Step::Answered;
    switch (outcome) {
        case dns::RequestOutcome::Drop:
            return Step::Dropped;
        case dns::RequestOutcome::FormErr:
        case dns::RequestOutcome::FormErrQuestion:
            fail(run, RCode::FormErr);
            break;
        case dns::RequestOutcome::NotImp:
            fail(run, RCode::NotImp);
            break;
        case dns::RequestOutcome::BadVers:
            fail(run, RCode::BadVers);
            break;
        case dns::RequestOutcome::NoQuestion:
            if (options_good && !run.cookie.empty()) {
                give_cookie(run);
            } else {
                fail(run, RCode::FormErr);
            }
            break;
        case dns::RequestOutcome::Answer:
            if (options_good) {
                step = answer(run);
            } else {
                fail(run, RCode::FormErr);
            }
            break;
    }
    if (step != Step::Answered) return step;
    if (settings_.rrl != nullptr && !within_rate(run, parsed.judged)) return Step::Dropped;
    reply_size = finish(run);
    if (parsed.packet != 0) remember(run, parsed, reply.first(reply_size));
    return Step::Answered;
}

/// Header, question, and the room that OPT will need (RFC 6891, 6.1.1).
void Pipeline::start_reply(Run& run) {
    const dns::Request& request = run.request;
    const bool stream = run.query.transport != Transport::Udp;
    std::size_t limit = dns::kMinUdpOctets;  // RFC 1035, 4.2.1
    if (stream) {
        limit = dns::kMaxMessageOctets;
    } else if (request.edns) {
        limit = std::min<std::size_t>(request.edns->udp_payload, settings_.udp_payload);
    }
    run.writer.set_limit(limit);
    // RD and CD are copied (RFC 1035, 4.1.1; RFC 4035, 3.1.6), opcode as asked.
    run.flags = static_cast<std::uint16_t>(
        dns::kFlagQR | (request.header.flags & (dns::kOpcodeMask | dns::kFlagRD | dns::kFlagCD)));
    run.writer.header(request.header.id, run.flags);
    if (!request.question.empty()) run.writer.question(request.question);
    if (request.edns) {
        run.reserved = kOptOctets;
        if (request.edns->nsid && settings_.nsid) {
            run.reserved += 4 + std::min(settings_.node.size(), kMaxNodeName);
        }
        if (request.edns->subnet) run.reserved += 4 + request.edns->subnet->octets();
        if (!run.cookie.empty()) run.reserved += 4 + Cookies::kOptionOctets;
        if (run.keepalive) run.reserved += 4 + 2;
        if (run.padded) run.reserved += kOptionHead;
        if (request.edns->zone_version) run.reserved += 4 + kZoneVersionOctets;
        run.writer.reserve(run.reserved);
    }
}

/// The steps of a well-formed query that come before any zone: signature, cookie, class, transfers.
Step Pipeline::answer(Run& run) {
    const dns::Request& request = run.request;
    if (request.tsig) {
        // There are no keys here, so it is an unknown one (RFC 8945, 5.2.1).
        run.unknown_key = true;
        run.rcode = RCode::NotAuth;
        run.action = Action::Refused;
        return Step::Answered;
    }
    if (lacks_cookie(run)) {
        run.rcode = RCode::BadCookie;
        run.action = Action::Refused;
        return Step::Answered;
    }
    if (request.qclass == RRClass::CH) {
        answer_chaos(run);
        return Step::Answered;
    }
    if (request.qclass != RRClass::IN && request.qclass != RRClass::ANY) {
        refuse(run, dns::ExtendedError::NotSupported);
        return Step::Answered;
    }
    if (is_transfer(request.qtype)) {
        refuse_transfer(run);
        return Step::Answered;
    }
    return answer_or_recurse(run);
}

/// No zone is handed out as a whole: REFUSED for those that are ours, NOTAUTH for all other names
/// (RFC 5936, 2.2.1).
void Pipeline::refuse_transfer(Run& run) {
    const dns::Request& request = run.request;
    if (request.qtype == RRType::AXFR && run.query.transport == Transport::Udp) {
        return fail(run, RCode::NotImp);  // there is no such thing (RFC 5936, 4.2)
    }
    const zones::ZoneEntry* zone = published_->zones->find(request.qname, request.labels, run.view);
    const bool ours = zone != nullptr && zone->apex().equals(request.qname);
    refuse(run, ours ? dns::ExtendedError::NotSupported : dns::ExtendedError::NotAuthoritative);
    if (!ours) run.rcode = RCode::NotAuth;
}

/// View, zones, recursion, refusal.
Step Pipeline::answer_or_recurse(Run& run) {
    const dns::Request& request = run.request;
    const dns::MessageWriter::Mark before = run.writer.mark();
    const zones::AnswerOutcome outcome = answer_from_zones(run);
    if (outcome == zones::AnswerOutcome::WouldBlock) return Step::DeferRead;
    if (outcome == zones::AnswerOutcome::Answered) {
        // Of all classes at once nobody is the authority (RFC 1034, 3.7.1).
        if (request.qclass == RRClass::ANY) {
            run.flags &= static_cast<std::uint16_t>(~dns::kFlagAA);
            return Step::Answered;
        }
        if (!request.recursion_desired() || !recursion_permitted(run.query, run.view)) {
            return Step::Answered;
        }
        if (run.report.referral) {
            // Below a delegation our authority ends: who may recurse gets the answer, not the way.
            run.writer.rollback(before);
            run.report = {};
            run.flags &= static_cast<std::uint16_t>(~(dns::kFlagAA | dns::kFlagTC));
            return recurse(run, request.qname);
        }
        // An alias of ours that leads elsewhere: the rest of the chain is looked up and added.
        const bool leads_elsewhere = run.report.chain_target && !run.report.truncated;
        return leads_elsewhere ? recurse(run, *run.report.chain_target) : Step::Answered;
    }
    if (run.query.role == Role::Auth || !request.recursion_desired() ||
        request.qclass != RRClass::IN) {
        refuse(run, dns::ExtendedError::NotAuthoritative);
        return Step::Answered;
    }
    if (!recursion_permitted(run.query, run.view)) {
        refuse(run, dns::ExtendedError::Prohibited);
        return Step::Answered;
    }
    return recurse(run, request.qname);
}

zones::AnswerOutcome Pipeline::answer_from_zones(Run& run) {
    nodes_->begin_reliance(published_->revision);
    const zones::AnswerContext context{
        *published_,
        *nodes_,
        *health_,
        random_,
        run.view,
        run.query.client.address,
        run.request.edns && run.request.edns->subnet &&
                contains(settings_.ecs_trusted, run.query.client.address)
            ? run.request.edns->subnet
            : std::nullopt,
        rotation_,
        run.zone,
        &apexes_};
    const zones::AnswerOutcome outcome =
        zones::answer(run.request, context, run.writer, run.report);
    if (outcome != zones::AnswerOutcome::Answered) return outcome;
    if (run.request.edns && run.request.edns->zone_version && run.report.zone != nullptr) {
        const zones::Look found =
            zones::zone_serial(*nodes_, *run.report.zone, run.view, run.zone_serial);
        if (found == zones::Look::Blocked) return zones::AnswerOutcome::WouldBlock;
    }
    ++rotation_;
    run.rcode = run.report.rcode;
    if (run.report.authoritative) run.flags |= dns::kFlagAA;
    if (run.report.truncated) run.flags |= dns::kFlagTC;
    if (run.rcode == RCode::ServFail) run.action = Action::ServFail;
    run.scope_length = run.report.scope_length;
    // RA tells what the client may do here, whoever answered (RFC 1035, 4.1.1).
    if (recursion_permitted(run.query, run.view)) run.flags |= dns::kFlagRA;
    return outcome;
}

bool Pipeline::recursion_permitted(const Query& query, zones::ViewId view) const {
    return query.role != Role::Auth && published_->views->view(view).recursion &&
           contains(settings_.recursion_allow, query.client.address);
}

/// From the cache, or with what a resolution has found out; else the network is to be asked.
Step Pipeline::recurse(Run& run, dns::NameView qname) {
    if (is_of_messages(run.request.qtype)) {
        fail(run, RCode::FormErr);
        return Step::Answered;
    }
    run.role = Role::Recursive;
    if (run.request.edns) {
        // A resolution may have something to tell; answers from zones have not.
        run.reserved += kEdeOctets;
        run.writer.reserve(kEdeOctets);
    }
    run.flags |= dns::kFlagRA;
    wanted_.qname = dns::Name(qname);
    wanted_.qtype = run.request.qtype;
    wanted_.checking_disabled = (run.request.header.flags & dns::kFlagCD) != 0;
    resolver::Answer cached;
    const resolver::Answer* answer = &cached;
    if (run.resolved != nullptr) {
        answer = &run.resolved->answer;
        run.cache = answer->stale ? CacheUse::Stale : CacheUse::Miss;
    } else {
        switch (resolver::answer_from_cache(cache_, wanted_, now_, cached)) {
            case resolver::CacheResult::Miss:
                return Step::DeferResolve;
            case resolver::CacheResult::Hit:
                run.cache = CacheUse::Hit;
                break;
            case resolver::CacheResult::Stale:
                run.cache = CacheUse::Stale;
                break;
        }
    }
    (run.cache == CacheUse::Hit    ? stats_.resolver_hits
     : run.cache == CacheUse::Miss ? stats_.resolver_misses
                                   : stats_.resolver_stale)
        .add();
    run.rcode = answer->rcode;
    run.stale_age_s = answer->stale_age_s;
    run.ede = answer->error;
    if (answer->negative) run.denied_labels = answer->negative->soa_owner().label_count();
    if (run.rcode == RCode::ServFail) run.action = Action::ServFail;
    if (!resolver::write_answer(wanted_, *answer, now_, cache_.settings().stale_answer_ttl_s,
                                run.writer)) {
        run.flags |= dns::kFlagTC;
    }
    return Step::Answered;
}

/// Questions in class CH about the server itself (RFC 4892).
void Pipeline::answer_chaos(Run& run) {
    const std::string* text = chaos_text(settings_, run.request.qname, run.request.qtype);
    if (text == nullptr) return refuse(run, dns::ExtendedError::Prohibited);
    std::array<std::uint8_t, 1 + kMaxNodeName> rdata{};
    const std::size_t size = std::min(text->size(), kMaxNodeName);
    rdata[0] = static_cast<std::uint8_t>(size);
    std::memcpy(&rdata[1], text->data(), size);
    run.flags |= dns::kFlagAA;
    if (!run.writer.record(dns::Section::Answer, run.request.qname, RRType::TXT, RRClass::CH, 0,
                           base::Octets(rdata.data(), 1 + size))) {
        run.flags |= dns::kFlagTC;
    }
}

void Pipeline::refuse(Run& run, dns::ExtendedError why) {
    run.rcode = RCode::Refused;
    run.action = Action::Refused;
    run.ede = why;
}

void Pipeline::fail(Run& run, RCode rcode) {
    run.rcode = rcode;
    run.action = rcode == RCode::NotImp     ? Action::NotImp
                 : rcode == RCode::ServFail ? Action::ServFail
                                            : Action::FormErr;
}

/// Response rate limiting, once it is known what the answer is; false where none goes out.
bool Pipeline::within_rate(Run& run, const std::optional<Rrl::Judgement>& before) {
    // A stream has no forged address, nor has who holds a cookie of ours (RFC 7873, 4).
    if (run.query.transport != Transport::Udp) return true;
    if (!run.cookie.empty() && cookie_is_good(run)) return true;
    const bool has_answers =
        run.writer.count(dns::Section::Answer) > 0 || (run.flags & dns::kFlagTC) != 0;
    const Rrl::Judgement judged =
        before ? *before
               : settings_.rrl->judge(run.query.client.address,
                                      rrl_subject(run.request, run.rcode, has_answers, run.report,
                                                  run.denied_labels),
                                      now_);
    if (judged.verdict == Rrl::Verdict::Send) return true;
    stats_.count(judged);
    if (judged.verdict == Rrl::Verdict::Truncate) {
        run.action = Action::Limited;
        shorten(run);
        return true;
    }
    run.action = Action::Dropped;
    if (tap_.active()) tap(run, {});
    return false;
}

/// No more than header, question and OPT with a cookie, so that hardly more octets leave than came.
void Pipeline::shorten(Run& run) {
    const std::uint16_t flags = run.flags;
    run.writer.release(run.reserved);
    run.ede.reset();
    run.zone_serial.reset();
    if (run.request.edns) {
        run.request.edns->nsid = run.request.edns->zone_version = false;
        run.request.edns->subnet.reset();
    }
    start_reply(run);
    run.flags = static_cast<std::uint16_t>(flags | dns::kFlagTC);
}

/// OPT, flags and counts; then counters and tap.
std::size_t Pipeline::finish(Run& run) {
    const auto rcode = static_cast<std::uint16_t>(run.rcode);
    if (run.request.edns) {
        run.writer.release(run.reserved);
        write_opt(run, static_cast<std::uint8_t>(rcode >> 4));
    }
    if (run.unknown_key) write_tsig(run);
    run.writer.set_flags(static_cast<std::uint16_t>(run.flags | (rcode & dns::kRCodeMask)));
    const std::size_t size = run.writer.finish();
    personal_ = run.view != zones::kDefaultView || !run.report.policy_rule.empty() ||
                run.scope_length.value_or(0) != 0;
    record(run, size);
    return size;
}

/// What is wrong with the signature; itself unsigned (RFC 8945, 5.2.1). Without room for it the
/// client learns it over TCP.
void Pipeline::write_tsig(Run& run) {
    const dns::Tsig& tsig = *run.request.tsig;
    std::array<std::uint8_t, dns::Tsig::kMaxErrorOctets> rdata;
    if (!run.writer.record(dns::Section::Additional, tsig.key.view(), RRType::TSIG, RRClass::ANY, 0,
                           tsig.error_rdata(dns::TsigError::BadKey, rdata))) {
        run.flags |= dns::kFlagTC;
    }
}

WorkerStats::Counter& Pipeline::counter_of(const Run& run) {
    const auto role = static_cast<std::size_t>(run.role == Role::Recursive);
    const auto rcode = std::min<std::size_t>(static_cast<std::size_t>(run.rcode), kRCodes - 1);
    return stats_.queries[role][static_cast<std::size_t>(run.query.transport)]
                         [type_slot(run.request.qtype)][rcode];
}

void Pipeline::record(const Run& run, std::size_t reply_size) {
    const auto role = static_cast<std::size_t>(run.role == Role::Recursive);
    counter_of(run).add();
    if (run.query.received < now_) {
        stats_.count(role, base::mono_now() - run.query.received, 1);  // it had been deferred
    } else {
        ++answered_in_batch_[role];
    }
    if (tap_.active()) tap(run, run.writer.octets().first(reply_size));
}

void Pipeline::tap(const Run& run, base::Octets reply) {
    TapEvent event;
    event.time = base::wall_now();
    // Somebody watches: now the exact time is worth a look at the clock.
    event.latency_us = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(base::mono_now() - run.query.received)
            .count());
    event.role = run.role;
    event.transport = run.query.transport;
    event.action = run.action;
    event.cache = run.cache;
    event.stale_age_s = run.stale_age_s;
    event.listener = run.query.listener;
    event.client = run.query.client;
    event.view = run.view;
    event.revision = published_->revision;
    event.request = run.query.message;
    event.response = reply;
    event.response_size = static_cast<std::uint32_t>(reply.size());
    if (run.report.zone != nullptr) event.zone = run.report.zone->apex().octets();
    event.rule = run.report.policy_rule;
    event.pool = run.report.policy_pool;
    event.member = run.report.policy_member;
    if (run.resolved != nullptr) {
        event.upstream_queries = run.resolved->upstream_queries;
        event.upstream = run.resolved->upstream;
    }
    tap_.record(event);
}

}  // namespace server
