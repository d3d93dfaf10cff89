#!/usr/bin/env python3
"""Do we answer as NSD, Knot DNS and BIND do?

    agreement.py --binary build/release/server/meridian [--zones 320] [--questions 20000] [--seed 1] [--signed]

Starts all four on loopback with the same tricky zones (tricky_zones.py), as they are or signed
(signed_zones.py), and compares their answers section by section. What the peers agree on must be ours as well; where they differ among
themselves we must be with the most of them, or a rule of agreement_rules.py must say, with the
sentence of the RFC, why ours is right. The exit status is 0 when no other difference is left.
"""
import argparse
import collections
import multiprocessing
import os
import shutil
import socket
import struct
import sys
import tempfile

import agreement_rules
import comparable
import harness
import peers
import signed_zones
import tricky_zones

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 3.0
ASPECTS = ("rcode", "aa", "answer", "authority", "additional")


class Client:
    """One connected UDP socket a server; the question goes to all before the first answer is awaited."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.ident = 0
        self.sockets = []
        for address in addresses:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(TIMEOUT_S)
            sock.connect(address)
            self.sockets.append(sock)

    def ask_all(self, qname, qtype, payload, dnssec_ok):
        self.ident = (self.ident + 1) % 65536
        octets = comparable.query(self.ident, qname, qtype, payload, dnssec_ok)
        for sock in self.sockets:
            sock.send(octets)
        return [self._receive(index, octets) for index in range(len(self.sockets))]

    def _receive(self, index, query):
        head = query[:2]
        for _ in range(3):
            try:
                while True:
                    octets = self.sockets[index].recv(65535)
                    if octets[:2] == head:
                        return octets
            except TimeoutError:
                self.sockets[index].send(query)
        return None

    def over_tcp(self, index, qname, qtype, payload, dnssec_ok):
        octets = comparable.query(1, qname, qtype, payload, dnssec_ok)
        with socket.create_connection(self.addresses[index], TIMEOUT_S) as sock:
            sock.sendall(struct.pack("!H", len(octets)) + octets)
            size = struct.unpack("!H", read(sock, 2))[0]
            return read(sock, size)


def read(sock, size):
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("the server closed early")
        out += part
    return out


class Case:
    """A question and everybody's replies; what the rules look at."""

    def __init__(self, qname, qtype, payload, dnssec_ok, replies, names, apexes):
        self.qname, self.qtype, self.payload, self.dnssec_ok = qname.lower(), qtype, payload, dnssec_ok
        self.ours, self.peers = replies[0], replies[1:]
        self.peer_names, self.apexes = names[1:], apexes

    def values(self, aspect):
        return [agreement_rules.value(self, reply, aspect) for reply in [self.ours] + self.peers]

    def zone_of(self, name):
        """The apex of the longest zone that holds a name, or None."""
        while True:
            if name in self.apexes:
                return name
            if name == b"\0":
                return None
            name = name[1 + name[0]:]

    def show(self):
        lines = ["%s %s payload %d%s" % (comparable.text_name(self.qname), comparable.type_name(self.qtype),
                                         self.payload, " DO" if self.dnssec_ok else "")]
        for name, reply in zip(("ours",) + tuple(self.peer_names), [self.ours] + self.peers):
            lines.append("  %s: rcode %d%s%s, %d octets" % (name, reply.rcode, " AA" if reply.aa else "",
                                                            " TC" if reply.tc else "", len(reply.octets)))
            for title, section in zip(("answer", "authority", "additional"), reply.sections):
                shown = comparable.show_section(section)
                lines += ["    %-10s %s" % (title, line) for line in shown[:12]]
                if len(shown) > 12:
                    lines.append("    %-10s and %d more" % (title, len(shown) - 12))
        return "\n".join(lines)


def faults_of_ours(case, sent):
    """What is wrong whatever the others say."""
    ours = case.ours
    if ours.question != sent:
        yield "the question is not echoed octet for octet"
    if len(ours.octets) > max(512, case.payload) and not case.over_tcp:
        yield "larger than the client takes"
    if ours.repeated:
        yield "a record stands twice in a section"
    for section in ours.sections:
        for (owner, rtype), (ttls, _) in section.items():
            if len(ttls) > 1 and rtype != agreement_rules.RRSIG:  # RFC 4034, 3: those of what they cover
                yield "TTLs differ in the RRset %s %s (RFC 2181, 5.2)" % (comparable.text_name(owner), rtype)
    if bool(case.payload) != (ours.edns is not None):
        yield "OPT in the answer when there was none in the question, or the reverse (RFC 6891, 6.1.1)"
    if ours.edns and bool(ours.edns[1] & 0x8000) != case.dnssec_ok:
        yield "DO is not copied (RFC 3225, 3)"


def differences(case):
    """(aspect, rule that explains it or None)."""
    for aspect in ASPECTS:
        ours, *theirs = case.values(aspect)
        votes = collections.Counter(theirs)
        best = max(votes.values())
        if votes[ours] == best and (best > 1 or len(votes) == len(theirs)):
            continue
        yield aspect, agreement_rules.explain(case, aspect)


def compare(job):
    questions, addresses, names, apexes = job
    client = Client(addresses)
    failures, explained, truncated = [], collections.Counter(), 0
    for name, rtype, payload, dnssec_ok in questions:
        qname, qtype = comparable.wire_name(name), comparable.type_number(rtype)
        sent = qname + struct.pack("!2H", qtype, 1)
        octets = client.ask_all(qname, qtype, payload, dnssec_ok)
        over_tcp = False
        if None in octets:
            failures.append("%s %s: no answer from %s" % (name, rtype, names[octets.index(None)]))
            continue
        try:
            if any(each[2] & 2 for each in octets):
                # Where one is truncated the whole answers are compared, and the short one of ours
                # with the whole one of ours.
                over_tcp, truncated = True, truncated + 1
                short = comparable.Reply(octets[0])
                octets = [client.over_tcp(i, qname, qtype, payload, dnssec_ok) for i in range(len(octets))]
            case = Case(qname, qtype, payload, dnssec_ok, [comparable.Reply(each) for each in octets], names, apexes)
            case.over_tcp = over_tcp
            faults = list(faults_of_ours(case, sent))
            if over_tcp:
                faults += agreement_rules.truncation_faults(case, short)
        except (ValueError, OSError) as error:
            failures.append("%s %s: %s" % (name, rtype, error))
            continue
        for aspect, rule in differences(case):
            if rule is None:
                faults.append(aspect + " differs")
            else:
                explained[rule] += 1
        if faults:
            failures.append("; ".join(faults) + ": " + case.show())
    return len(questions), failures, explained, truncated


class House:
    """All servers with the same zones, in a directory of their own."""

    def __init__(self, zones):
        self.dir = tempfile.mkdtemp(prefix="meridian-agreement-")
        self.files, self.running = [], []
        for number, (apex, text) in enumerate(zones):
            path = os.path.join(self.dir, "%d.zone" % number)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            self.files.append((apex, path))

    def start(self):
        ours = harness.Server("[edns]\nudp_payload = %d\n" % peers.UDP_PAYLOAD, role="auth")
        self.running.append(ours)
        ours.start()
        for apex, path in self.files:
            with open(path, "rb") as text:
                ours.must("PUT", "/v1/zones/" + apex, text.read(), {"Content-Type": "text/dns"})
        for kind in peers.KINDS:
            self.running.append(kind(self.dir, self.files))
            self.running[-1].start()
        self.ours = ours
        return self

    @property
    def addresses(self):
        return [each.address for each in self.running]

    @property
    def names(self):
        return ["meridian"] + [each.binary for each in self.running[1:]]

    def stop(self):
        for each in self.running:
            each.stop()
        shutil.rmtree(self.dir, True)


def run(house, questions, processes):
    apexes = frozenset(comparable.wire_name(apex).lower() for apex, _ in house.files)
    jobs = [(questions[i::processes], house.addresses, house.names, apexes) for i in range(processes)]
    asked, failures, explained, truncated = 0, [], collections.Counter(), 0
    with multiprocessing.Pool(processes) as pool:
        for part in pool.imap_unordered(compare, jobs):
            asked += part[0]
            failures += part[1]
            explained += part[2]
            truncated += part[3]
    return asked, failures, explained, truncated


def texts_of(zones, signed):
    """(apex, text of the master file) of each."""
    if not signed:
        return [(zone.apex, zone.text) for zone in zones]
    out = []
    with tempfile.TemporaryDirectory(prefix="meridian-signed-") as directory:
        for zone in signed_zones.sign_all(zones, directory):
            with open(zone.path, encoding="utf-8") as text:
                out.append((zone.apex, text.read()))
    return out


def missing_peers():
    return [kind.binary for kind in peers.KINDS if peers.program(kind.binary) is None]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--zones", type=int, default=320)
    parser.add_argument("--questions", type=int, default=20000, help="0: all there are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--signed", action="store_true", help="with NSEC, NSEC3 and opt-out")
    parser.add_argument("--show", type=int, default=20, help="how many differences are printed")
    arguments = parser.parse_args()
    if missing_peers():
        sys.exit("agreement.py: not installed: " + ", ".join(missing_peers()))
    harness.BINARY = os.path.abspath(arguments.binary)
    if arguments.signed and signed_zones.missing_programs():
        sys.exit("agreement.py: not installed: " + ", ".join(signed_zones.missing_programs()))
    zones = tricky_zones.generate(arguments.zones, arguments.seed)
    house = House(texts_of(zones, arguments.signed))
    try:
        house.start()
        questions = tricky_zones.questions(zones, arguments.questions, arguments.seed, 0.8 if arguments.signed else 0.4)
        asked, failures, explained, truncated = run(house, questions, arguments.processes)
    finally:
        house.stop()
    for failure in failures[:arguments.show]:
        print(failure)
    for rule, times in sorted(explained.items()):
        print("explained %6d times: %s" % (times, agreement_rules.RULES[rule].__doc__.strip()))
    print("%d questions about %d zones (%d truncated and asked again over TCP), %d differences"
          % (asked, len(zones), truncated, len(failures)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
