#include "zones/answer.h"

#include <algorithm>
#include <array>

#include "dns/rdata.h"
#include "zones/answer_proof.h"
#include "zones/answer_walk.h"
#include "zones/chain_names.h"
#include "zones/key.h"
#include "zones/weights.h"

namespace zones {

namespace {

using dns::NameView;
using dns::RCode;
using dns::RRType;
using dns::Section;

constexpr std::uint32_t kHinfoTtl = 3600;

enum class Stage : std::uint8_t { Done, Again, Blocked };

/// One answer in the making: the question as it stands after the links followed so far.
class Composer {
  public:
    Composer(const dns::Request& request, const AnswerContext& context, dns::MessageWriter& writer,
             AnswerReport& report) noexcept
        : qtype_(request.qtype),
          dnssec_(request.dnssec_ok()),
          context_(context),
          writer_(writer),
          report_(report),
          labels_(&request.labels) {}

    /// RFC 1034, 4.3.2: find the zone, walk it, follow CNAMEs while they stay in our zones.
    AnswerOutcome run(NameView qname) noexcept {
        const AnswerOutcome outcome = follow_chain(qname);
        if (closed_) writer_.release(dns::kMaxMessageOctets);
        return outcome;
    }

  private:
    AnswerOutcome follow_chain(NameView qname) noexcept {
        const dns::MessageWriter::Mark before = writer_.mark();
        qname_ = asked_ = qname;
        for (unsigned link = 0; link <= kMaxChainLinks; ++link) {
            if (!enter_zone(link == 0)) {
                if (link == 0) return AnswerOutcome::NotOurs;
                report_.chain_target = chain_name_;
                return finish();
            }
            if (link == 0) {
                report_.zone = zone_;
                report_.authoritative = true;
            }
            const Stage stage = answer_in_zone(link == 0);
            if (stage == Stage::Blocked) {
                writer_.rollback(before);
                report_ = AnswerReport{};
                return AnswerOutcome::WouldBlock;
            }
            if (stage == Stage::Done) {
                if (report_.rcode == RCode::ServFail) writer_.rollback(before);
                return finish();
            }
        }
        return finish();  // a chain that is too long is cut where it stands
    }

    /// What the links of a chain owe, where nothing came after it that wrote it.
    AnswerOutcome finish() noexcept {
        const bool wanted = !report_.truncated && report_.rcode != RCode::ServFail;
        if (wanted && !write_proofs()) static_cast<void>(truncate());
        return AnswerOutcome::Answered;
    }

    bool enter_zone(bool first) noexcept {
        const ZoneTable& zones = *context_.published.zones;
        const ZoneEntry* before = zone_;  // aliases mostly stay in their zone
        zone_ = nullptr;
        // DS lives at the parent's side of a cut; only if that is not ours the child answers.
        if (qtype_ == RRType::DS) zone_ = zones.find(qname_, *labels_, context_.view, true);
        if (zone_ == nullptr && first) zone_ = context_.zone;
        if (zone_ == nullptr) {
            zone_ = zones.find_near(before, qname_, *labels_, context_.view);
        }
        if (zone_ == nullptr) return false;
        layers_ = layers_of(*zone_, context_.view);
        // Where the apex stands in the question most names of the answer end.
        if (first) writer_.expect_suffix(apex_in_qname());
        return true;
    }

    Stage answer_in_zone(bool first) noexcept {
        Walk walk;
        first_ = first;
        walk_zone(context_.nodes, *zone_, layers_, qname_, *labels_, qtype_, qtype_ == RRType::DS,
                  context_.apexes, walk);
        if (first) report_.owner_labels = static_cast<std::uint8_t>(walk.owner_labels);
        switch (walk.end) {
            case WalkEnd::Blocked:
                return Stage::Blocked;
            case WalkEnd::Failed:
                return fail();
            case WalkEnd::Cut:
                return refer(walk, first);
            case WalkEnd::Dname:
                return redirect(walk);
            case WalkEnd::Exact:
            case WalkEnd::Wildcard:
                return answer_at(walk);
            case WalkEnd::Absent:
                report_.rcode = RCode::NXDomain;
                return deny(walk);
        }
        return fail();
    }

    /// The name exists, itself or by a wildcard: policy, CNAME, data or NODATA.
    Stage answer_at(const Walk& walk) noexcept {
        if (walk.node.has(kNodePolicy)) {
            const Stage stage = answer_by_policy(walk);
            if (policy_answered_) return stage;
        }
        const OwnerSurvey& found = walk.survey;
        if (qtype_ == RRType::ANY) return answer_any(walk);
        if (found.wanted.rrset) return write_answer(walk, found.wanted);
        if (found.cname.rrset) {
            if (!write_signed(Section::Answer, qname_, walk.node, found.cname.rrset,
                              found.cname.rrset.ttl())) {
                close();
            } else if (!prove_expansion(walk, RRType::CNAME)) {
                return blocked_ ? Stage::Blocked : fail();
            }
            return follow(dns::rdata_name(RRType::CNAME, *found.cname.rrset.begin()));
        }
        return deny(walk);
    }

    /// RFC 8482, 4.1: one RRset of those there are; 4.2: HINFO where a policy alone holds data.
    Stage answer_any(const Walk& walk) noexcept {
        const NodeEntry entry = walk.node.first();
        if (!entry.rrset && walk.node.has(kNodePolicy)) {
            static constexpr std::uint8_t kHinfo[] = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
            const bool fits = writer_.record(Section::Answer, qname_, RRType::HINFO,
                                             dns::RRClass::IN, kHinfoTtl, kHinfo);
            return fits ? Stage::Done : truncate();
        }
        if (!entry.rrset) return deny(walk);
        return write_answer(walk, entry);
    }

    Stage write_answer(const Walk& walk, const NodeEntry& entry) noexcept {
        if (!write_entry(Section::Answer, qname_, walk.node, entry)) return truncate();
        if (!prove_expansion(walk, entry.rrset.type())) return blocked_ ? Stage::Blocked : fail();
        if (!write_proofs()) return truncate();
        add_addresses(entry.rrset);
        return blocked_ ? Stage::Blocked : Stage::Done;
    }

    /// An answer by a wildcard shows that the name itself is not there; false if that could not be
    /// found. Where the RRset is not signed there is nothing to show.
    bool prove_expansion(const Walk& walk, RRType type) noexcept {
        if (walk.end != WalkEnd::Wildcard || !dnssec_) return true;
        if (type != RRType::RRSIG && !is_signed(walk.node, type)) return true;
        OwnerNode apex;
        if (!at_apex(apex)) return false;
        const Denial denial = denial_of(apex);
        return settled(proofs().expansion(denied(walk, denial)));
    }

    /// What proves NXDOMAIN or NODATA, or at a referral that there is no DS; false if it could not
    /// be found.
    bool prove_absence(const Walk& walk, const Denial& denial) noexcept {
        const Denied what = denied(walk, denial);
        const NodeView own = walk.node.base ? walk.node.base : walk.node.overlay;
        if (walk.end == WalkEnd::Absent) return settled(proofs().name_error(what));
        if (walk.end == WalkEnd::Wildcard) return settled(proofs().wildcard_no_data(what, own));
        return settled(proofs().no_data(what, own));
    }

    [[nodiscard]] Denied denied(const Walk& walk, const Denial& denial) const noexcept {
        const ZoneId id = layers_.base != 0 ? layers_.base : layers_.overlay;
        // Of a referral the cut is the name that lacks something.
        const bool cut = walk.end == WalkEnd::Cut;
        const NameView name = cut ? qname_.parent(labels_->count - walk.owner_labels) : qname_;
        return {context_.nodes, *zone_, id, denial, name, walk.owner_labels};
    }

    bool at_apex(OwnerNode& apex) noexcept {
        return settled(look(context_.nodes, layers_, base::Octets(), apex));
    }

    /// The apex as the qname ends with it: known to stand in the message while that is the
    /// question's.
    [[nodiscard]] NameView apex_in_qname() const noexcept {
        return NameView(qname_.octets().last(zone_->apex().size()));
    }

    bool settled(Look look) noexcept {
        blocked_ |= look == Look::Blocked;
        return look == Look::Found;
    }

    Proofs& proofs() noexcept { return proofs_ ? *proofs_ : proofs_.emplace(); }

    bool write_proofs() noexcept {
        if (!proofs_) return true;
        for (const Proofs::Proof& proof : *proofs_) {
            const auto owner = absolute_owner(proof.node.relative_owner(), proof.zone->apex());
            const auto shown = proof.node.find(proof.type);
            if (!owner || !shown) continue;
            OwnerNode node;
            node.base = proof.node;
            if (!write_signed(Section::Authority, *owner, node, shown->rrset, shown->rrset.ttl())) {
                return false;
            }
        }
        proofs_->clear();
        return true;
    }

    /// Round robin is for name servers and their addresses too: many ask the first alone.
    bool write_rotated(Section section, NameView owner, dns::RRsetView rrset,
                       std::uint32_t ttl) noexcept {
        dns::MessageWriter::Selection selection;
        selection.first = context_.rotation;
        report_.varies |= rrset.count() > 1;
        return writer_.rrset_part(section, owner, rrset, ttl, dns::RRClass::IN, selection);
    }

    /// An RRset with its signatures if they are wanted, all or nothing (RFC 4035, 3.1.1).
    bool write_signed(Section section, NameView owner, const OwnerNode& node, dns::RRsetView rrset,
                      std::uint32_t ttl) noexcept {
        const dns::MessageWriter::Mark before = writer_.mark();
        if (!write_rotated(section, owner, rrset, ttl)) return false;
        if (write_signatures(section, owner, node, rrset.type(), ttl)) return true;
        writer_.rollback(before);
        return false;
    }

    /// Their TTL is that of what they cover (RFC 4034, 3), whatever they were stored with.
    bool write_signatures(Section section, NameView owner, const OwnerNode& node, RRType type,
                          std::uint32_t ttl) noexcept {
        if (!dnssec_) return true;
        const NodeEntry signatures = node.find(RRType::RRSIG);
        if (!signatures.rrset) return true;
        for (const base::Octets rdata : signatures.rrset) {
            if (covers(rdata, type) &&
                !writer_.record(section, owner, RRType::RRSIG, dns::RRClass::IN, ttl, rdata)) {
                return false;
            }
        }
        return true;
    }

    /// RRSIG as what was asked for: no RRset with one TTL, but each with that of what it covers
    /// (RFC 4034, 3).
    bool write_signatures_alone(Section section, NameView owner, dns::RRsetView rrset) noexcept {
        const dns::MessageWriter::Mark before = writer_.mark();
        for (const base::Octets rdata : rrset) {
            if (!writer_.record(section, owner, RRType::RRSIG, dns::RRClass::IN,
                                dns::signature_head(rdata).original_ttl, rdata)) {
                writer_.rollback(before);
                return false;
            }
        }
        return true;
    }

    /// The next name of the chain (RFC 1034, 4.3.2, step 3a). A name that was there already ends
    /// it: nothing new would follow, and no record stands in an answer twice.
    Stage follow(NameView target) noexcept {
        // Most chains have one link.
        if (first_ && target.equals(qname_)) return Stage::Done;
        if (!first_) {
            if (visited_.empty()) {
                visited_.add(asked_);
                visited_.add(qname_);
            }
            if (!visited_.add(target)) return Stage::Done;
        }
        // The target may be borrowed from a buffer that is about to change hands.
        chain_name_ = dns::Name(target);
        qname_ = chain_name_;
        chain_labels_ = dns::LabelOffsets(qname_);
        labels_ = &chain_labels_;
        return Stage::Again;
    }

    /// RFC 6672, 3.2: the DNAME, and a CNAME synthesized from it.
    Stage redirect(const Walk& walk) noexcept {
        const dns::RRsetView dname = walk.survey.dname.rrset;
        const NameView owner = qname_.parent(labels_->count - walk.owner_labels);
        if (dnames_.add(owner) &&
            !write_signed(Section::Answer, owner, walk.node, dname, dname.ttl())) {
            close();
        }
        const auto target =
            dns::Name::substitute(qname_, owner, dns::rdata_name(RRType::DNAME, *dname.begin()));
        if (!target) {
            report_.rcode = RCode::YXDomain;  // RFC 6672, 3.2: longer than a name may be
            return Stage::Done;
        }
        if (!writer_.record(Section::Answer, qname_, RRType::CNAME, dns::RRClass::IN, dname.ttl(),
                            target->octets())) {
            close();
        }
        // Unlike a CNAME that stands there, the synthesized one does not match ANY: the query is
        // restarted at the new name.
        if (qtype_ == RRType::CNAME) return Stage::Done;
        return follow(target->view());
    }

    /// A referral: NS of the cut, and glue. In-domain glue must all be there (RFC 9471, 3.1).
    Stage refer(const Walk& walk, bool first) noexcept {
        const dns::RRsetView ns = walk.survey.ns.rrset;
        const NameView cut = qname_.parent(labels_->count - walk.owner_labels);
        if (first) {
            report_.authoritative = false;
            report_.referral = true;
        }
        if (!write_rotated(Section::Authority, cut, ns, ns.ttl())) return truncate();
        if (dnssec_) {
            if (has_signed_ds(walk.node)) {
                const NodeEntry ds = walk.node.find(RRType::DS);
                if (!write_signed(Section::Authority, cut, walk.node, ds.rrset, ds.rrset.ttl())) {
                    return truncate();
                }
            } else {
                OwnerNode apex;
                if (!at_apex(apex) || !prove_absence(walk, denial_of(apex))) {
                    return blocked_ ? Stage::Blocked : fail();
                }
            }
        }
        if (!write_proofs()) return truncate();
        unsigned looked_at = 0;
        // In-domain glue first: without it nobody can go on.
        for (const bool in_domain : {true, false}) {
            for (const base::Octets rdata : ns) {
                const NameView host = dns::rdata_name(RRType::NS, rdata);
                if (host.is_at_or_below(cut) != in_domain) continue;
                if (!in_domain && !host.is_at_or_below(zone_->apex())) continue;
                if (++looked_at > kMaxGlueNames) return Stage::Done;
                const bool whole = write_addresses(host);
                if (blocked_) return Stage::Blocked;
                if (failed_ && in_domain) return fail();
                if (!whole && in_domain) return truncate();
            }
        }
        return Stage::Done;
    }

    /// At a referral stand the DS with their signatures, or the proof that there are none (RFC
    /// 4035, 3.1.4). The NS are the child's and have no signature here. DS of a zone that is not
    /// signed prove nothing and stay out of referrals.
    static bool has_signed_ds(const OwnerNode& cut) noexcept {
        const NodeEntry ds = cut.find(RRType::DS);
        return ds.rrset && ds.rrset.count() > 0 && is_signed(cut, RRType::DS);
    }

    /// NXDOMAIN or NODATA: the SOA, with the TTL for negative answers (RFC 2308, 3 and 5), and the
    /// proof where the zone has one.
    Stage deny(const Walk& walk) noexcept {
        // Of the question's own zone it may have been prepared.
        const ApexNotes* notes = first_ && context_.apexes != nullptr
                                     ? context_.apexes->of(context_.nodes, *zone_, layers_)
                                     : nullptr;
        if (notes != nullptr && !dnssec_) {
            return writer_.prepared(Section::Authority, notes->soa) ? Stage::Done : truncate();
        }
        if (notes != nullptr && !notes->signed_soa.empty() &&
            notes->denial != Denial::Kind::Nsec3) {  // whose parameters stand at the apex
            if (notes->denial != Denial::Kind::None && !prove_absence(walk, {notes->denial, {}})) {
                return blocked_ ? Stage::Blocked : fail();
            }
            const bool fits =
                writer_.prepared(Section::Authority, notes->signed_soa) && write_proofs();
            return fits ? Stage::Done : truncate();
        }
        OwnerNode apex;
        if (!at_apex(apex)) return blocked_ ? Stage::Blocked : fail();
        const NodeEntry soa = apex.find(RRType::SOA);
        if (!soa.rrset || soa.rrset.count() == 0) return fail();
        const std::uint32_t minimum = dns::soa_numbers(*soa.rrset.begin()).minimum;
        if (dnssec_ && !prove_absence(walk, denial_of(apex))) {
            return blocked_ ? Stage::Blocked : fail();
        }
        if (!write_signed(Section::Authority, apex_in_qname(), apex, soa.rrset,
                          std::min(soa.rrset.ttl(), minimum)) ||
            !write_proofs()) {
            return truncate();
        }
        return Stage::Done;
    }

    Stage answer_by_policy(const Walk& walk) noexcept {
        policy_answered_ = false;
        report_.varies = true;
        const PolicyTable& policies = *context_.published.policies;
        const bool from_subnet = context_.subnet && context_.subnet->source_length > 0;
        const base::IpAddress client = from_subnet ? context_.subnet->address : context_.source;
        const unsigned known = from_subnet ? context_.subnet->source_length : client.bits();
        // A wildcard's policy stands at the wildcard.
        std::array<std::uint8_t, dns::kMaxNameOctets> wildcard;
        base::Octets owner = walk.relative_owner;
        if (walk.end == WalkEnd::Wildcard) {
            wildcard[0] = 1;
            wildcard[1] = '*';
            std::copy(owner.begin(), owner.end(), wildcard.begin() + 2);
            owner = base::Octets(wildcard.data(), owner.size() + 2);
        }
        PolicyDecision decision;
        bool decided = false;
        for (const ZoneId zone : {layers_.overlay, layers_.base}) {
            if (zone == 0 || decided) continue;
            decided = policies.decide(zone, owner, qtype_, client, known, context_.health,
                                      context_.random, decision);
        }
        if (!decided) return Stage::Done;
        policy_answered_ = true;
        report_.policy_rule = decision.rule;
        report_.policy_pool = decision.pool;
        report_.policy_member = decision.member;
        // Source length 0 means: use the transport address, scope 0 (RFC 7871, 7.1.2).
        // Along a chain the longest over everything consulted counts.
        const std::uint8_t scope = from_subnet ? decision.scope_length : std::uint8_t{0};
        report_.scope_length = std::max(report_.scope_length.value_or(0), scope);
        if (decision.servfail) return fail();
        if (decision.target != nullptr) {
            if (!writer_.record(Section::Answer, qname_, RRType::CNAME, dns::RRClass::IN,
                                decision.ttl, decision.target->octets())) {
                close();
            }
            if (qtype_ == RRType::CNAME || qtype_ == RRType::ANY) return Stage::Done;
            return follow(decision.target->view());
        }
        if (decision.count == 0) return deny(walk);
        const dns::MessageWriter::Mark before = writer_.mark();
        const std::size_t size = qtype_ == RRType::A ? 4 : 16;
        for (std::size_t i = 0; i < decision.count; ++i) {
            if (!writer_.record(Section::Answer, qname_, qtype_, dns::RRClass::IN, decision.ttl,
                                base::Octets(decision.addresses[i], size))) {
                writer_.rollback(before);
                return truncate();
            }
        }
        return Stage::Done;
    }

    /// One entry as it is to be answered: weighted, rotated, or as it stands.
    /// A part of a signed RRset would be bogus: who validates is given all of it.
    bool write_entry(Section section, NameView owner, const OwnerNode& node,
                     const NodeEntry& entry) noexcept {
        if (!dnssec_ && entry.rrset.count() == 1 && entry.rrset.type() != RRType::RRSIG) {
            return writer_.record(section, owner, entry.rrset.type(), dns::RRClass::IN,
                                  entry.rrset.ttl(), *entry.rrset.begin());
        }
        if (entry.rrset.type() == RRType::RRSIG) {
            return write_signatures_alone(section, owner, entry.rrset);
        }
        const dns::MessageWriter::Mark before = writer_.mark();
        dns::MessageWriter::Selection selection;
        const std::uint16_t count = entry.rrset.count();
        Picks picks;
        const bool whole = dnssec_ && is_signed(node, entry.rrset.type());
        report_.varies |= count > 1 || entry.weights != nullptr;
        if (entry.weights != nullptr && count > 0 && !whole) {
            selection.count =
                static_cast<std::uint16_t>(pick_records(entry, context_.random, picks));
            selection.picks = picks;
        } else if (count > 1) {
            selection.first = context_.rotation;
        }
        if (!writer_.rrset_part(section, owner, entry.rrset, entry.rrset.ttl(), dns::RRClass::IN,
                                selection)) {
            return false;
        }
        if (write_signatures(section, owner, node, entry.rrset.type(), entry.rrset.ttl())) {
            return true;
        }
        writer_.rollback(before);
        return false;
    }

    /// RFC 9460, 2.4.1: priority 0.
    static bool is_alias(base::Octets binding) noexcept {
        return base::load_be16(binding.data()) == 0;
    }
    /// The root stands for the owner (RFC 9460, 2.5.2), but in an alias for nothing (2.5.1).
    [[nodiscard]] NameView target_of(RRType type, base::Octets rdata) const noexcept {
        const NameView target = dns::rdata_name(type, rdata);
        const bool service = type == RRType::SVCB || type == RRType::HTTPS;
        return service && target.is_root() && !is_alias(rdata) ? qname_ : target;
    }

    /// Addresses of what an answer names (RFC 1035, 3.3.9 and 3.3.11; RFC 2782; RFC 9460, 4.1).
    /// They are a courtesy: what does not fit is left out, and TC stays unset (RFC 2181, 9).
    void add_addresses(dns::RRsetView rrset) noexcept {
        const RRType type = rrset.type();
        const bool service = type == RRType::SVCB || type == RRType::HTTPS;
        if (type != RRType::MX && type != RRType::NS && type != RRType::SRV && !service) return;
        unsigned looked_at = 0;
        for (const base::Octets rdata : rrset) {
            const NameView host = target_of(type, rdata);
            const bool alias = service && is_alias(rdata);
            if (host.is_root() || !host.is_at_or_below(zone_->apex())) continue;
            if (++looked_at > kMaxGlueNames) return;
            bool again = false;  // several records may name one host
            for (const base::Octets earlier : rrset) {
                if (earlier.data() == rdata.data()) break;
                again |= target_of(type, earlier).equals(host);
            }
            if (again) continue;
            // Where an alias leads there may be the service itself (RFC 9460, 4.1).
            static_cast<void>(write_addresses(host, alias ? std::optional(type) : std::nullopt));
            if (blocked_) return;
        }
    }

    /// A and AAAA of a name in this zone, glue below cuts included, and what it holds of `also`;
    /// false if some did not fit.
    bool write_addresses(NameView host, std::optional<RRType> also = std::nullopt) noexcept {
        OwnerNode node;
        const base::Octets owner = host.octets().first(host.size() - zone_->apex().size());
        const Look found = look(context_.nodes, layers_, owner, node);
        blocked_ |= found == Look::Blocked;
        failed_ |= found == Look::Failed;
        if (found != Look::Found) return true;
        const bool ipv4 = write_additional(host, node, RRType::A);
        const bool ipv6 = write_additional(host, node, RRType::AAAA);
        return (!also || write_additional(host, node, *also)) && ipv4 && ipv6;
    }

    bool write_additional(NameView host, const OwnerNode& node, RRType type) noexcept {
        const NodeEntry entry = node.find(type);
        if (!entry.rrset || entry.rrset.count() == 0) return true;
        return write_signed(Section::Additional, host, node, entry.rrset, entry.rrset.ttl());
    }

    /// A link of the chain has no room: nothing after it has, but the chain is followed on, because
    /// the RCODE is that of its end (RFC 6604, 3).
    void close() noexcept {
        report_.truncated = true;
        if (!closed_) writer_.reserve(dns::kMaxMessageOctets);
        closed_ = true;
    }

    Stage truncate() noexcept {
        report_.truncated = true;
        return Stage::Done;
    }

    Stage fail() noexcept {
        report_.rcode = RCode::ServFail;
        report_.authoritative = false;
        report_.referral = false;
        report_.truncated = false;
        return Stage::Done;
    }

    RRType qtype_;
    const bool dnssec_;  // DO: signatures and proofs are wanted (RFC 3225)
    const AnswerContext& context_;
    dns::MessageWriter& writer_;
    AnswerReport& report_;
    const ZoneEntry* zone_ = nullptr;
    ZoneLayers layers_;
    NameView asked_;                   // the question's name
    NameView qname_;                   // the one looked for
    const dns::LabelOffsets* labels_;  // of qname_
    dns::Name chain_name_;
    dns::LabelOffsets chain_labels_;
    std::optional<Proofs> proofs_;  // of who wants them
    ChainNames visited_;
    ChainNames dnames_;
    bool first_ = true;  // the name looked for is the question's
    bool blocked_ = false;
    bool failed_ = false;
    bool policy_answered_ = false;
    bool closed_ = false;
};

}  // namespace

AnswerOutcome answer(const dns::Request& request, const AnswerContext& context,
                     dns::MessageWriter& writer, AnswerReport& report) noexcept {
    return Composer(request, context, writer, report).run(request.qname);
}

}  // namespace zones
