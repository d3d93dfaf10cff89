#!/usr/bin/env python3
"""Do validating resolvers believe what we say of signed zones?

    validate.py --binary build/release/server/meridian [--zones 120] [--questions 4000] [--seed 1]

Signs tricky zones (signed_zones.py) with NSEC, NSEC3 and opt-out, serves them, and asks Unbound, BIND and Knot
Resolver, which validate with the zones' own keys, every question that has its answer in them. An answer must be
secure: with AD. Insecure may be what opt-out leaves open (RFC 5155, 6) and what a chain finds in unsigned names; bogus
is nothing. The zones as they are served must verify as a whole, to ldns and to BIND.
"""
import argparse
import base64
import collections
import hashlib
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import tempfile

import comparable
import harness
import peers
import signed_zones
import tricky_zones
import validators

TIMEOUT_S = 20.0
RD, AD, CD = 0x0100, 0x0020, 0x0010
SERVFAIL = 2
OPT_OUT = 1
MANY_LABELS = 40
NSEC3 = comparable.NUMBERS["NSEC3"]
CNAME, SOA, DNAME, RRSIG, NSEC, DS, ANY = (comparable.NUMBERS[each] for each in
                                           ("CNAME", "SOA", "DNAME", "RRSIG", "NSEC", "DS", "ANY"))
# An RRSIG is not signed itself (RFC 4035, 2.2), so nobody can call it secure.
NOT_ASKED = ("RRSIG",)


def query(ident, qname, qtype, flags):
    return (struct.pack("!6H", ident, flags, 1, 0, 0, 1) + qname + struct.pack("!2H", qtype, 1)
            + b"\0" + struct.pack("!2HIH", 41, 4096, 0x8000, 0))


class Client:
    def __init__(self, address):
        self.address, self.ident = address, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(address)

    def ask(self, qname, qtype, flags):
        """A Reply, by TCP where it is truncated; None: none came."""
        self.ident = (self.ident + 1) % 65536
        octets = query(self.ident, qname, qtype, flags)
        self.sock.send(octets)
        try:
            while True:
                reply = self.sock.recv(65535)
                if reply[:2] == octets[:2]:
                    break
        except TimeoutError:
            return None
        if reply[2] & 2:
            with socket.create_connection(self.address, TIMEOUT_S) as sock:
                sock.sendall(struct.pack("!H", len(octets)) + octets)
                stream = sock.makefile("rb")
                reply = stream.read(struct.unpack("!H", stream.read(2))[0])
        return comparable.Reply(reply)


def is_ours_to_prove(reply, qtype):
    """Answered with authority from our zones to the end: no referral, no chain that leaves them."""
    if not reply.aa or reply.rcode not in (0, 3):
        return False
    types = {rtype for _, rtype in reply.answer}
    if CNAME not in types or qtype == CNAME and DNAME not in types:
        return True
    return bool(types - {CNAME, DNAME, RRSIG}) or any(rtype == SOA for _, rtype in reply.authority)


def uses_opt_out(reply):
    return any(rtype == NSEC3 and any(data[1] & OPT_OUT for data in datas)
               for (_, rtype), (_, datas) in reply.authority.items())


def labels_of(name):
    labels = []
    while name[0]:
        labels.append(name[:1 + name[0]])
        name = name[1 + name[0]:]
    return labels


def hash_label(name, nsec3):
    """The first label of the NSEC3 of a name, hashed as this rdata says (RFC 5155, 5)."""
    salt = nsec3[5:5 + nsec3[4]]
    digest = hashlib.sha1(name.lower() + salt).digest()
    for _ in range(int.from_bytes(nsec3[2:4], "big")):
        digest = hashlib.sha1(digest + salt).digest()
    return base64.b32hexencode(digest).lower()


def provable_encloser(qname, reply):
    """The longest ancestor of a name that an NSEC3 of this reply matches."""
    hashes = {owner[1:1 + owner[0]]: next(iter(datas)) for (owner, rtype), (_, datas) in reply.authority.items()
              if rtype == NSEC3}
    labels = labels_of(qname)
    for i in range(1, len(labels)):
        name = b"".join(labels[i:]) + b"\0"
        for label, rdata in hashes.items():
            if hash_label(name, rdata) == label:
                return name
    return None


def cannot_ask(resolver, qname, qtype, reply, apexes):
    """What a resolver makes something else of, whoever answers."""
    if qtype == DS and qname in apexes:
        # It is to come from the parent. Unbound asks there, if that is one of ours; the others are forwarders.
        labels = labels_of(qname)
        parents = [b"".join(labels[i:]) + b"\0" for i in range(1, len(labels))]
        return resolver != "unbound" or not any(parent in apexes for parent in parents)
    if resolver == "kresd" and sum(qname.endswith(apex) for apex in apexes) > 1:
        return True  # it believes what it has seen of the zone above, which need not delegate this one
    if resolver != "unbound" and qtype == ANY:
        return True  # Knot Resolver does not ask for ANY (RFC 8482, 4), BIND says what it has, validated or not
    if resolver == "named" and qtype == NSEC and any(rtype == CNAME for _, rtype in reply.answer):
        return True  # it takes no CNAME for an answer to NSEC, although NODATA could not be proven (RFC 5155, 8.5)
    # They take the links on the way for the answer, where the end of the chain is (RFC 6672, 3.2).
    return qtype in (DNAME, ANY) and any(rtype == CNAME for _, rtype in reply.answer)


def left_open(qname, reply, existing):
    """What the signer left unprovable to all who want the wildcard at the closest provable encloser denied (RFC 5155,
    8.4): an empty non-terminal above nothing but insecure cuts needs no NSEC3 (errata 3441), so the encloser that
    has one is further up, and there a wildcard exists."""
    if uses_opt_out(reply):
        encloser = provable_encloser(qname, reply)
        if encloser and b"\1*" + encloser in existing:
            return "an opt-out span, and a wildcard at the closest provable encloser, which is not the closest"
    return None


def empty_wildcard(qname, reply):
    """Owners and next names of NSECs of which one shows that a wildcard above the qname is an empty non-terminal (RFC
    4592, 2.2.2); None: there is no such."""
    if reply.rcode or reply.answer:
        return None
    names = [name for (owner, rtype), (_, datas) in reply.authority.items() if rtype == NSEC
             for name in (owner, b"".join(labels_of(next(iter(datas)))) + b"\0")]
    for name in names:
        labels = labels_of(name)
        for i in range(1, len(labels)):
            if labels[i] == b"\1*" and qname.endswith(b"".join(labels[i + 1:]) + b"\0"):
                return names
    return None


def not_for_kresd(qname, reply, direct, existing):
    """Why Knot Resolver 5.6 does not believe what Unbound and BIND do; None: it has no reason."""
    if left_open(qname, reply, existing):
        return left_open(qname, reply, existing)
    labels = labels_of(qname)
    if len(labels) > MANY_LABELS:
        return "a name of very many labels"
    for i in range(1, len(labels)):
        above = direct.ask(b"".join(labels[i:]) + b"\0", DS, 0)
        if above is not None and any(rtype == CNAME for _, rtype in above.answer):
            return "a name below an alias, whose DS it asks for as a forwarder"
    if empty_wildcard(qname, reply):
        return "a wildcard that is an empty non-terminal (RFC 4592, 2.2.2)"
    return None


def not_for_unbound(qname, qtype, reply, existing):
    """Why Unbound 1.17 does not believe what BIND does; None: it has no reason."""
    if qname[:2] == b"\1*" and any(rtype == RRSIG and any(data[3] < len(labels_of(owner)) - 1 for data in datas)
                                  for (owner, rtype), (_, datas) in reply.answer.items() if owner[:2] == b"\1*"):
        return "a wildcard that made a name which begins with an asterisk"
    synthesized = {owner for owner, rtype in reply.answer if rtype == CNAME and (owner, RRSIG) not in reply.answer}
    if len(synthesized) > sum(rtype == DNAME for _, rtype in reply.answer):
        return "a chain that comes twice by a DNAME, which stands in the answer once (RFC 2181, 5)"
    empty = empty_wildcard(qname, reply)
    if empty and (qtype == ANY or any(name.startswith(b"\1*") for name in empty)):
        return "a wildcard that is empty, asked for ANY or beside another wildcard"
    if b"\1*" in qname[2:] and not reply.answer:
        return "an asterisk inside a name below which a wildcard is empty"
    return left_open(qname, reply, existing)


def check(job):
    questions, ours, resolvers, apexes, existing = job
    direct = Client(ours)
    clients = [(name, Client(address)) for name, address in resolvers]
    failures, seen = [], collections.Counter()
    for name, rtype in questions:
        qname, qtype = comparable.wire_name(name), comparable.type_number(rtype)
        answer = direct.ask(qname, qtype, 0)
        if answer is None:
            failures.append("%s %s: no answer from us" % (name, rtype))
            continue
        if not is_ours_to_prove(answer, qtype):
            seen["not in our zones to the end"] += 1
            continue
        for resolver, client in clients:
            if cannot_ask(resolver, qname.lower(), qtype, answer, apexes):
                continue
            reply = client.ask(qname, qtype, RD)
            if reply is None:
                failures.append("%s %s: no answer from %s" % (name, rtype, resolver))
            elif reply.rcode != answer.rcode:
                unchecked = client.ask(qname, qtype, RD | CD)
                if reply.rcode == SERVFAIL and (unchecked is None or unchecked.rcode == SERVFAIL):
                    failures.append("%s %s: not resolved by %s, checked or not" % (name, rtype, resolver))
                    continue
                reason = None
                if resolver == "unbound":
                    reason = not_for_unbound(qname.lower(), qtype, answer, existing)
                elif resolver == "kresd":
                    reason = not_for_kresd(qname.lower(), answer, direct, existing)
                if reason:
                    seen["not believed by %s: %s" % (resolver, reason)] += 1
                    continue
                failures.append("%s %s: %s, rcode %d at %s: ours is\n%s"
                                % (name, rtype, "bogus" if reply.rcode == SERVFAIL else "other", reply.rcode, resolver,
                                   show(answer)))
            elif reply.flags & AD:
                seen["secure to %s" % resolver] += 1
            elif uses_opt_out(answer):
                seen["left open by opt-out, to %s" % resolver] += 1
            else:
                failures.append("%s %s: insecure to %s: ours is\n%s" % (name, rtype, resolver, show(answer)))
    return len(questions), failures, seen


def show(reply):
    return "\n".join("    %-10s %s" % (title, line) for title, section in zip(("answer", "authority"), reply.sections)
                     for line in comparable.show_section(section))


def verdict(program, *arguments):
    done = subprocess.run([peers.program(program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    return None if done.returncode == 0 else (done.stderr + done.stdout).strip().splitlines()[-1]


def verify_served(server, signed, directory, seen):
    """Whole zones as the server gives them: every signature and the whole chain must be right to ldns and to BIND,
    unless that one says the same of what was signed."""
    failures = []
    for number, zone in enumerate(signed):
        path = os.path.join(directory, "served%d" % number)
        with open(path, "wb") as out:
            out.write(server.must("GET", "/v1/zones/" + zone.apex, headers={"Accept": "text/dns"}).body)
        for command in (("ldns-verify-zone",), ("dnssec-verify", "-q", "-z", "-x", "-o", zone.apex)):
            served = verdict(*command, path)
            if served is None:
                seen["zones verified by " + command[0]] += 1
            elif verdict(*command, zone.path) is None:
                failures.append("%s: %s: %s" % (zone.apex, command[0], served))
            else:
                seen["zones that %s does not take as they were signed" % command[0]] += 1
    return failures


def validate(zones, signed, wanted, seed, directory, processes=2):
    """(questions asked, failures, what else was seen)."""
    running = [harness.Server("[edns]\nudp_payload = %d\n" % peers.UDP_PAYLOAD, role="auth")]
    try:
        running[0].start()
        for zone in signed:
            with open(zone.path, "rb") as text:
                running[0].must("PUT", "/v1/zones/" + zone.apex, text.read(), {"Content-Type": "text/dns"})
        seen = collections.Counter()
        failures = verify_served(running[0], signed, directory, seen)
        for kind in validators.KINDS:
            running.append(kind(directory, signed, running[0].address))
            running[-1].start()
        questions = list(dict.fromkeys((name, rtype) for name, rtype, _, _ in tricky_zones.questions(zones, 0, seed)
                                       if rtype not in NOT_ASKED))
        questions = questions[:wanted] if wanted else questions
        resolvers = [(each.binary, each.address) for each in running[1:]]
        apexes = frozenset(comparable.wire_name(zone.apex).lower() for zone in signed)
        existing = frozenset(comparable.wire_name(name).lower() for zone in zones for name in zone.owners)
        jobs = [(questions[i::processes], running[0].address, resolvers, apexes, existing) for i in range(processes)]
        asked = 0
        with multiprocessing.Pool(processes) as pool:
            for part in pool.imap_unordered(check, jobs):
                asked += part[0]
                failures += part[1]
                seen += part[2]
        return asked, failures, seen
    finally:
        for each in running:
            each.stop()


def missing():
    programs = [kind.binary for kind in validators.KINDS if peers.program(kind.binary) is None]
    programs += [each for each in ("ldns-verify-zone",) if peers.program(each) is None]
    return programs + signed_zones.missing_programs()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--zones", type=int, default=120)
    parser.add_argument("--questions", type=int, default=4000, help="0: all there are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="how many failures are printed")
    arguments = parser.parse_args()
    if missing():
        sys.exit("validate.py: not installed: " + ", ".join(missing()))
    harness.BINARY = os.path.abspath(arguments.binary)
    zones = tricky_zones.generate(arguments.zones, arguments.seed)
    with tempfile.TemporaryDirectory(prefix="meridian-signed-") as directory:
        signed = signed_zones.sign_all(zones, directory)
        asked, failures, seen = validate(zones, signed, arguments.questions, arguments.seed, directory)
    for failure in failures[:arguments.show]:
        print(failure)
    for what, times in sorted(seen.items()):
        print("%6d %s" % (times, what))
    print("%d questions about %d zones, %d failures" % (asked, len(zones), len(failures)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
