#include "server/pipeline.h"

#include <algorithm>
#include <array>

#include "server/chaos.h"
#include "server/config.h"
#include "zones/zone_serial.h"

namespace server {

namespace {

using dns::RCode;
using dns::RRClass;
using dns::RRType;

constexpr std::size_t kOptOctets = 11;
constexpr std::size_t kEdeOctets = 6;          // option head and info code, no text
constexpr std::size_t kZoneVersionOctets = 6;  // labels, type, serial (RFC 9660, 2)
constexpr std::size_t kMaxOptionOctets = 512;
// With the longest question and every option OPT still fits the smallest answer.
constexpr std::size_t kMaxNodeName = kMaxNodeOctets;
static_assert(dns::kHeaderOctets + dns::kMaxNameOctets + 4 + kOptOctets + (4 + kMaxNodeName) +
                  (4 + 4 + 16) + (4 + Cookies::kOptionOctets) + (4 + kZoneVersionOctets) +
                  kEdeOctets <=
              dns::kMinUdpOctets);

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

struct Pipeline::Run {
    Run(const Query& q, base::MutableOctets buffer) : query(q), writer(buffer) {}

    const Query& query;
    dns::MessageWriter writer;
    dns::Request request;
    const resolver::Outcome* resolved = nullptr;
    zones::AnswerReport report;
    zones::ViewId view = zones::kDefaultView;
    std::uint16_t flags = 0;
    RCode rcode = RCode::NoError;
    std::optional<dns::ExtendedError> ede;
    std::optional<std::uint8_t> scope_length;
    std::optional<std::uint32_t> zone_serial;  // where the client asks for it and the zone is ours
    base::Octets cookie;                       // as sent; empty: none, or cookies are off
    bool keepalive = false;                    // asked for, over TCP
    bool unknown_key = false;                  // the query is signed with it
    std::size_t reserved = 0;
    std::size_t denied_labels = 0;  // of the zone that denies the name, by another server's word
    Role role = Role::Auth;
    Action action = Action::Answered;
    CacheUse cache = CacheUse::None;
    std::uint32_t stale_age_s = 0;
};

Pipeline::Pipeline(const PipelineSettings& settings, zones::Store& store, resolver::Cache& cache,
                   WorkerStats& stats, Tap& tap, bool may_block)
    : settings_(settings),
      store_(store),
      cache_(cache),
      stats_(stats),
      tap_(tap),
      nodes_(store.make_source(may_block)),
      health_(std::make_shared<const zones::HealthSnapshot>()),
      random_(base::Random::from_entropy()) {}

void Pipeline::begin_batch(base::MonoTime now) {
    now_ = now;
    published_ = store_.published();
    nodes_->use(*published_);
    unix_time_s_.reset();
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
}

void Pipeline::set_health(std::shared_ptr<const zones::HealthSnapshot> health) {
    health_ = std::move(health);
}

Step Pipeline::run(const Query& query, base::MutableOctets reply, std::size_t& reply_size,
                   const resolver::Outcome* resolved) {
    reply_size = 0;
    Run run(query, reply);
    run.resolved = resolved;
    const dns::RequestOutcome outcome = dns::parse_request(query.message, run.request);
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
    if (settings_.rrl != nullptr && !within_rate(run)) return Step::Dropped;
    reply_size = finish(run);
    return Step::Answered;
}

/// The options that are the server's own business; false where one is malformed.
bool Pipeline::read_options(Run& run) const {
    if (!run.request.edns) return true;
    bool cookie_seen = false;
    // The parser has seen that no option runs past the end.
    for (base::Octets rest = run.request.edns->options; !rest.empty();) {
        const auto code = static_cast<dns::EdnsOption>(base::load_be16(rest.data()));
        const base::Octets value = rest.subspan(4, base::load_be16(&rest[2]));
        rest = rest.subspan(4 + value.size());
        if (code == dns::EdnsOption::Cookie && settings_.cookies && !cookie_seen) {
            // The first counts, all others are ignored (RFC 7873, 5.2).
            cookie_seen = true;
            if (!Cookies::well_formed(value)) return false;
            run.cookie = value;
        } else if (code == dns::EdnsOption::TcpKeepalive && run.query.transport == Transport::Tcp) {
            // Ignored over UDP (RFC 7828, 3.2.2); a client sends no timeout (3.2.1).
            if (!value.empty()) return false;
            run.keepalive = true;
        }
    }
    return true;
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
        if (request.edns->zone_version) run.reserved += 4 + kZoneVersionOctets;
        run.writer.reserve(run.reserved);
    }
}

/// A query without a question, for a cookie (RFC 7873, 5.4): the option is the answer.
void Pipeline::give_cookie(Run& run) {
    const bool both = run.cookie.size() > Cookies::kClientOctets;
    if (both && !cookie_is_good(run)) {
        run.rcode = RCode::BadCookie;
        run.action = Action::Refused;
    }
}

bool Pipeline::cookie_is_good(const Run& run) {
    return settings_.cookies->valid(run.cookie, run.query.client.address, unix_time_s());
}

/// Who knows cookies must have one of ours, where that is wanted. Over TCP nobody forges his
/// address (RFC 7873, 5.2.3).
bool Pipeline::lacks_cookie(const Run& run) {
    return settings_.require_cookies && run.query.transport == Transport::Udp &&
           !run.cookie.empty() && !cookie_is_good(run);
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
    run.view = published_->views->view_of(run.query.client.address);
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
    const zones::ZoneEntry* zone = published_->zones->find(request.qname, run.view);
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
        if (!request.recursion_desired() || !recursion_permitted(run)) return Step::Answered;
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
    if (!recursion_permitted(run)) {
        refuse(run, dns::ExtendedError::Prohibited);
        return Step::Answered;
    }
    return recurse(run, request.qname);
}

zones::AnswerOutcome Pipeline::answer_from_zones(Run& run) {
    const zones::AnswerContext context{
        *published_,
        *nodes_,
        *health_,
        random_,
        run.view,
        run.query.client.address,
        run.request.edns && contains(settings_.ecs_trusted, run.query.client.address)
            ? run.request.edns->subnet
            : std::nullopt,
        rotation_};
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
    if (recursion_permitted(run)) run.flags |= dns::kFlagRA;
    return outcome;
}

bool Pipeline::recursion_permitted(const Run& run) const {
    return run.query.role != Role::Auth && published_->views->view(run.view).recursion &&
           contains(settings_.recursion_allow, run.query.client.address);
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
bool Pipeline::within_rate(Run& run) {
    // A stream has no forged address, nor has who holds a cookie of ours (RFC 7873, 4).
    if (run.query.transport != Transport::Udp) return true;
    if (!run.cookie.empty() && cookie_is_good(run)) return true;
    const bool has_answers =
        run.writer.count(dns::Section::Answer) > 0 || (run.flags & dns::kFlagTC) != 0;
    const Rrl::Judgement judged = settings_.rrl->judge(
        run.query.client.address,
        rrl_subject(run.request, run.rcode, has_answers, run.report, run.denied_labels), now_);
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
    record(run, size);
    return size;
}

std::uint32_t Pipeline::unix_time_s() {
    if (!unix_time_s_) {
        unix_time_s_ = static_cast<std::uint32_t>(base::to_unix_us(base::wall_now()) / 1000000);
    }
    return *unix_time_s_;
}

void Pipeline::write_opt(Run& run, std::uint8_t extended_rcode) {
    const dns::Edns& edns = *run.request.edns;
    std::array<std::uint8_t, kMaxOptionOctets> options;
    std::size_t used = 0;
    const auto head = [&](dns::EdnsOption code, std::size_t size) {
        base::store_be16(&options[used], static_cast<std::uint16_t>(code));
        base::store_be16(&options[used + 2], static_cast<std::uint16_t>(size));
        used += 4;
    };
    if (edns.nsid && settings_.nsid) {
        const std::size_t size = std::min(settings_.node.size(), kMaxNodeName);
        head(dns::EdnsOption::NSID, size);
        std::memcpy(&options[used], settings_.node.data(), size);
        used += size;
    }
    if (edns.subnet) {
        // Scope 0 where nothing looked at the client (RFC 7871, 7.2.1).
        dns::ClientSubnet subnet = *edns.subnet;
        subnet.scope_length = run.scope_length.value_or(0);
        head(dns::EdnsOption::ClientSubnet, subnet.octets());
        subnet.write(&options[used]);
        used += subnet.octets();
    }
    if (!run.cookie.empty()) {
        head(dns::EdnsOption::Cookie, Cookies::kOptionOctets);
        std::uint8_t cookie[Cookies::kOptionOctets];
        settings_.cookies->answer(run.cookie, run.query.client.address, unix_time_s(), cookie);
        std::memcpy(&options[used], cookie, sizeof cookie);
        used += sizeof cookie;
    }
    if (run.keepalive) {
        head(dns::EdnsOption::TcpKeepalive, 2);
        base::store_be16(&options[used], run.query.tcp_keepalive_ds);
        used += 2;
    }
    if (run.zone_serial && run.report.zone != nullptr) {
        head(dns::EdnsOption::ZoneVersion, kZoneVersionOctets);
        options[used] = static_cast<std::uint8_t>(run.report.zone->apex().label_count());
        options[used + 1] = 0;  // SOA-SERIAL (RFC 9660, 5.2)
        base::store_be32(&options[used + 2], *run.zone_serial);
        used += kZoneVersionOctets;
    }
    if (run.ede) {
        head(dns::EdnsOption::ExtendedError, 2);
        base::store_be16(&options[used], static_cast<std::uint16_t>(*run.ede));
        used += 2;
    }
    run.writer.opt(settings_.udp_payload, extended_rcode, edns.dnssec_ok,
                   base::Octets(options.data(), used));
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

void Pipeline::record(const Run& run, std::size_t reply_size) {
    const auto role = static_cast<std::size_t>(run.role == Role::Recursive);
    const auto rcode = std::min<std::size_t>(static_cast<std::size_t>(run.rcode), kRCodes - 1);
    stats_
        .queries[role][static_cast<std::size_t>(run.query.transport)][type_slot(run.request.qtype)]
                [rcode]
        .add();
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
