"""What counts as the same answer, and each difference that remains with the sentence that settles it."""
A, NS, CNAME, DNAME, DS, ANY, RRSIG, NSEC, NSEC3 = 1, 2, 5, 39, 43, 255, 46, 47, 50
NXDOMAIN = 3


def frozen(section):
    return frozenset((key, frozenset(ttls), frozenset(datas)) for key, (ttls, datas) in section.items())


def value(case, reply, aspect):
    """What of a reply is compared for an aspect; hashable."""
    if aspect == "rcode":
        return reply.rcode
    if aspect == "aa":
        return reply.aa
    section = dict(reply.sections[("answer", "authority", "additional").index(aspect)])
    if aspect == "answer" and case.qtype == ANY:
        # One of them with its signatures, where others give all.
        section = {key: each for key, each in section.items() if key[1] != RRSIG}
        section = one_of_any(case, reply, section)
    if aspect == "authority" and reply.aa and reply.answer:
        # The NS RRset of the zone may accompany an answer and need not (RFC 1034, 4.3.2, has no
        # such step; RFC 1034, 6.2.1 shows both).
        section = {key: each for key, each in section.items() if key[1] != NS}
    if aspect == "additional" and not is_referral(reply):
        section = untrue_addresses(case, reply, section)
    return frozen(section)


def is_referral(reply):
    return any(key[1] == NS for key in reply.authority) and not reply.aa


def untrue_addresses(case, reply, section):
    """Addresses beside an answer are those that "may be useful" (RFC 1034, 4.3.2, step 6): which of
    them a server gives is its choice. They must be true: what is left is where ours differ from the
    peers'."""
    if reply is not case.ours:
        return {}
    # Signatures are compared with their owner's others, of which a server may add more.
    section = {key: each for key, each in section.items() if key[1] != RRSIG}
    known = {}
    for peer in case.peers:
        known.update(peer.additional)
        known.update(peer.answer)
    return {key: each for key, each in section.items() if key in known and known[key] != each}


def one_of_any(case, reply, section):
    """Any one RRset is an answer to ANY (RFC 8482, 4.1). What is compared is the aliases on the way,
    and whether ours is one of the RRsets that a peer has there."""
    if reply is not case.ours:
        section = {key: each for key, each in section.items() if key[1] != NSEC} or section
    aliases = {key: each for key, each in section.items() if key[1] in (CNAME, DNAME)}
    rest = {key: each for key, each in section.items() if key not in aliases}
    if reply is not case.ours:
        return {} if rest else aliases
    there = {}
    for peer in case.peers:
        there.update(peer.answer)
        if not rest and {key for key in peer.answer if key[1] not in (RRSIG, NSEC)} == set(aliases):
            return aliases
    picked = rest or aliases
    return {} if len(picked) == 1 and all(there.get(key) == each for key, each in picked.items()) else picked


RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


def same_as(case, peer, aspects=("rcode", "aa", "answer", "authority", "additional")):
    """These aspects of ours are this peer's."""
    reply = case.peers[case.peer_names.index(peer)]
    return all(value(case, case.ours, aspect) == value(case, reply, aspect) for aspect in aspects)


def last_target(case):
    """Where the chain of aliases in our answer ends, and the names it went through."""
    links = {}
    for (owner, rtype), (_, datas) in case.ours.answer.items():
        if rtype == CNAME and len(datas) == 1:
            links[owner] = next(iter(datas))
    name, passed = case.qname, [case.qname]
    while name in links and links[name] not in passed:
        name = links[name]
        passed.append(name)
    return name, passed


@rule
def chain_into_another_zone(case, _):
    """A chain is followed into other zones of this server: "change QNAME to the canonical name in the
    CNAME RR, and go back to step 1", which searches the nearest ancestor zone anew (RFC 1034, 4.3.2,
    steps 3a and 2). NSD does the same; Knot and BIND stop at the end of the first zone."""
    _, passed = last_target(case)
    crosses = len({case.zone_of(name) for name in passed}) > 1
    return crosses and (case.qtype == NSEC3 or same_as(case, "nsd"))


@rule
def proof_in_another_zone(case, _):
    """What a chain finds missing in another zone is proven by that zone: for NXDOMAIN both that the
    name and that the wildcard are not there (RFC 4035, 3.1.3.2), for a wildcard that the name is not
    (3.1.3.3). NSD, which alone follows the chain too, has the same answer with a part of the proof."""
    _, passed = last_target(case)
    crosses = len({case.zone_of(name) for name in passed}) > 1
    return (crosses and case.dnssec_ok and same_as(case, "nsd", ("rcode", "aa", "answer", "additional")))


@rule
def parent_at_the_end_of_a_chain(case, aspect):
    """DS is asked of the zone above (RFC 4035, 3.1.4.1), at the end of a chain too. Where that zone does not have
    the name it is NXDOMAIN, as all four say when asked for it without a chain; behind one NSD says NODATA, with
    the same SOA, and Knot and BIND do not follow it."""
    end, passed = last_target(case)
    crosses = len({case.zone_of(name) for name in passed}) > 1
    return (crosses and case.qtype == DS and end in case.apexes and case.ours.rcode == NXDOMAIN
            and aspect in ("rcode", "authority") and same_as(case, "nsd", ("aa", "answer", "additional")))


@rule
def wildcard_of_the_parent(case, aspect):
    """DS is asked of the zone above (RFC 4035, 3.1.4.1). Where that does not have the name its wildcard may make
    it (RFC 4592, 3.3.1), and an alias is followed. Knot and BIND say so when asked without a chain, and do not
    follow one; NSD says NODATA in either case."""
    _, passed = last_target(case)
    made = [name for name in passed if name in case.apexes and (name, CNAME) in case.ours.answer]
    nsd = case.peers[case.peer_names.index("nsd")]
    return (case.qtype == DS and made and aspect in ("answer", "authority")
            and (made[0], CNAME) not in nsd.answer and nsd.rcode == case.ours.rcode
            and all(case.ours.answer.get(key) == each for key, each in nsd.answer.items()))


@rule
def longer_chain(case, _):
    """A chain is followed to its end, "go back to step 1" (RFC 1034, 4.3.2, step 3a), where Knot stops
    after its limit of links and NSD does not start when asked for NSEC3. BIND does the same."""
    stopped = case.peers[case.peer_names.index("knotd")]
    return len(stopped.answer) < len(case.ours.answer) and same_as(case, "named")


@rule
def signatures_of_an_alias(case, _):
    """RRSIG and NSEC asked for where an alias stands that has none: QTYPE does not match CNAME, so "copy the CNAME RR
    into the answer section" and go on (RFC 1034, 4.3.2, step 3a). NSD does the same; Knot and BIND say NODATA, which
    is bogus to a validator where NSEC3 proves it: the bit for CNAME must be clear (RFC 5155, 8.5)."""
    return case.qtype in (RRSIG, NSEC) and any(key[1] == CNAME for key in case.ours.answer) and same_as(case, "nsd")


@rule
def any_from_a_wildcard(case, aspect):
    """An RRset that a wildcard made goes with the proof that the name itself is not there (RFC 4035,
    3.1.3.3), asked for with ANY as well: at the end of a DNAME Knot gives none, BIND does not follow
    it (it answers ANY with the CNAME that it synthesized), and NSD shows an NSEC that covers another name."""
    return (case.qtype == ANY and case.dnssec_ok and aspect == "authority" and case.qname != last_target(case)[0]
            and same_as(case, "nsd", ("rcode", "aa", "answer", "additional")))


@rule
def below_a_dname_at_a_wildcard(case, aspect):
    """A DNAME at a wildcard redirects what is below the asterisk itself (RFC 4592, 4.4). What is missing where it leads
    is proven as anywhere else, the name and the wildcard (RFC 4035, 3.1.3.2). NSD has the same answer with a part of
    the proof; Knot takes the DNAME for one that the wildcard made."""
    return (case.dnssec_ok and aspect == "authority" and same_as(case, "nsd", ("rcode", "aa", "answer", "additional"))
            and any(key[1] == DNAME and key[0].startswith(b"\1*") for key in case.ours.answer))


@rule
def empty_wildcard(case, aspect):
    """NODATA by a wildcard shows the wildcard too (RFC 4035, 3.1.3.4), and one that is an empty non-terminal has
    no NSEC of its own: the one before it names what is below. NSD does the same; Knot and BIND leave it out, and
    Unbound and BIND themselves call that bogus."""
    ours = {key for key in case.ours.authority if key[1] == NSEC}
    return (case.dnssec_ok and aspect == "authority" and case.ours.rcode == 0 and len(ours) > 1 and same_as(case, "nsd")
            and all({key for key in peer.authority if key[1] == NSEC} <= ours for peer in case.peers))


@rule
def encloser_without_a_record(case, aspect):
    """With opt-out the closest encloser may have no NSEC3. Then the proof is about the closest provable
    encloser (RFC 5155, 7.2.1), and the wildcard that must not be there is that encloser's, the only one
    a validator looks for (RFC 5155, 8.4 and 8.3). BIND shows more, NSD and Knot less."""
    proofs = [{key for key in reply.authority if key[1] == NSEC3} for reply in [case.ours] + case.peers]
    return (case.dnssec_ok and aspect in ("authority", "aa") and proofs[0] and len(set(map(frozenset, proofs))) > 2
            and case.ours.rcode == case.peers[case.peer_names.index("named")].rcode)


@rule
def whole_glue(case, aspect):
    """Glue in the domain stands in a referral whole, or TC is set (RFC 9471, 3.1). Where the room is just enough
    a peer that compresses less, or keeps some free, leaves an address out without TC. A signed address
    outside the domain is left out where its signature has no room; a server MAY give it alone (RFC 4035,
    3.1.1), and Knot does."""
    def given(peer):
        return {key: each for key, each in peer.additional.items()
                if not case.dnssec_ok or key in case.ours.additional or (key[0], RRSIG) in peer.additional}
    return (aspect == "additional" and case.payload and is_referral(case.ours)
            and any(given(peer) == dict(case.ours.additional) for peer in case.peers)
            and all(set(given(peer)) <= set(case.ours.additional) for peer in case.peers))


def explain(case, aspect):
    for name, function in RULES.items():
        if function(case, aspect):
            return name
    return None


def truncation_faults(case, short):
    """The short answer of ours against the whole one."""
    faults = []
    if len(short.octets) > max(512, case.payload):
        faults.append("larger than the client takes")
    whole = case.ours
    if whole.tc:
        faults.append("truncated over TCP")
    if short.rcode != whole.rcode:
        faults.append("the rcode depends on the room")
    for index, name in enumerate(("answer", "authority", "additional")):
        for key, each in short.sections[index].items():
            there = whole.sections[index].get(key)
            if key[1] == RRSIG and there is not None:
                # Signatures stand beside what they cover, which may be a part of what this owner has.
                covered = {int.from_bytes(data[:2], "big") for data in each[1]}
                if each[1] <= there[1] and all((key[0], rtype) in short.sections[index] for rtype in covered):
                    continue
            if there != each and case.qtype != ANY:
                faults.append("an RRset of the %s section is not whole (RFC 2181, 9)" % name)
    lost = short.answer != whole.answer or short.authority != whole.authority
    if lost and not short.tc and case.qtype != ANY:
        faults.append("something needed is missing and TC is not set (RFC 2181, 9)")
    if short.tc and short.sections == whole.sections:
        faults.append("TC is set and nothing is missing")
    if is_referral(whole) and not short.tc and in_domain_glue(short) != in_domain_glue(whole):
        faults.append("in-domain glue is missing and TC is not set (RFC 9471, 3.1)")
    return faults


def in_domain_glue(reply):
    cuts = [key[0] for key in reply.authority if key[1] == NS]
    return {key: each for key, each in reply.additional.items() if any(key[0].endswith(cut) for cut in cuts)}
