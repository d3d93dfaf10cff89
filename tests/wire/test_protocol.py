"""What a stranger's suite asks: every odd question and malformed message, with the answer that the RFCs want.

The rows are octets, so that nothing between here and the server puts them right.
"""
import socket
import struct
import unittest

import comparable
import dnsclient
import harness

LONG = ".".join(("a" * 63, "b" * 63, "c" * 63))  # room for 63 octets more, the zone's 13 among them
LONGEST = LONG + "." + "d" * (255 - 192 - 13 - 1) + ".odd.example."
MANY_LABELS = "x." * 121 + "odd.example."


def text(size):
    """TXT rdata of so many octets, presented."""
    strings = []
    while size > 0:
        part = min(size - 1, 255)
        strings.append('"%s"' % ("t" * part))
        size -= part + 1
    return " ".join(strings)


# Whole answers of exactly these sizes, and of one octet more; OPT comes on top.
OPT_OCTETS = 11
SIZES = (512, 512 - OPT_OCTETS, 1232 - OPT_OCTETS, 4096 - OPT_OCTETS)
FIXED = 12 + (len("fits0512") + 14 + 4) + (2 + 10)  # header, question, the head of a record
ZONE = """$ORIGIN odd.example.
$TTL 300
@        IN SOA ns1 hostmaster 7 7200 900 1209600 60
@        IN NS  ns1
ns1      IN A   192.0.2.1
www      IN A   192.0.2.2
MiXeD    IN TXT "case"
alias    IN CNAME MiXeD
sub      IN NS  ns.sub
ns.sub   IN A   192.0.2.3
%s. IN A 192.0.2.4
%s IN A 192.0.2.5
""" % (LONGEST.rstrip("."), MANY_LABELS) + "".join(
    "%s IN TXT %s\n" % (name, text(size - FIXED + more)) for size in SIZES
    for name, more in (("fits%04d" % size, 0), ("over%04d" % size, 1)))
QUERY, IQUERY, STATUS, NOTIFY, UPDATE = 0, 1, 2, 4, 5
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS = 0, 1, 2, 3, 4, 5, 9, 16
IN, CH, HS, NONE, ANY = 1, 3, 4, 254, 255
SOA, TXT, OPT_TYPE, TKEY, TSIG, IXFR, AXFR = 6, 16, 41, 249, 250, 251, 252
SILENCE = None


def header(flags=0, questions=1, answers=0, authority=0, additional=0):
    return struct.pack("!6H", 0x5aa5, flags, questions, answers, authority, additional)


def question(name="www.odd.example.", rtype=1, rclass=IN):
    return comparable.wire_name(name) + struct.pack("!2H", rtype, rclass)


def option(code, value=b""):
    return struct.pack("!2H", code, len(value)) + value


def opt(options=b"", payload=1232, ttl=0):
    return b"\0" + struct.pack("!2HIH", OPT_TYPE, payload, ttl, len(options)) + options


def record(name, rtype, rclass, rdata):
    return comparable.wire_name(name) + struct.pack("!2HIH", rtype, rclass, 0, len(rdata)) + rdata


def edns(options=b"", **more):
    return header(additional=1) + question() + opt(options, **more)


def subnet(family, source, scope, address):
    return edns(option(8, struct.pack("!HBB", family, source, scope) + address))


SIGNATURE = comparable.wire_name("hmac-sha256.") + struct.pack("!HIHH", 0, 1, 300, 0) + struct.pack("!3H", 1, 0, 0)
SIGNED = record("key.", TSIG, ANY, SIGNATURE)
A = record("www.odd.example.", 1, IN, b"\1\2\3\4")

# What it is, the message, the rcode or silence.
ROWS = [
    # Opcodes (RFC 1035, 4.1.1): others than ours are NOTIMP, with OPT where there was one (RFC 6891, 6.1.1).
    *[("opcode %d" % code, header(code << 11) + question(rtype=SOA), NOTIMP) for code in range(1, 16)],
    ("status without a question", header(STATUS << 11, 0), NOTIMP),
    ("status with OPT", header(STATUS << 11, additional=1) + question() + opt(), NOTIMP),
    ("status with EDNS version 1", header(STATUS << 11, additional=1) + question() + opt(ttl=1 << 16), BADVERS),
    ("an update", header(UPDATE << 11, authority=1) + question(rtype=SOA) + record("www.odd.example.", 1, ANY, b""), NOTIMP),
    # Never answered (RFC 1035, 7.3).
    ("a response", header(0x8000) + question(), SILENCE),
    ("a response to a notify", header(0x8000 | NOTIFY << 11) + question(), SILENCE),
    *[("%d octets" % size, (header() + question())[:size], SILENCE) for size in (0, 1, 2, 11)],
    # Flags of answers in a question mean nothing.
    *[("flags %04x" % flags, header(flags) + question(), NOERROR) for flags in
      (0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10, 0x5, 0x7ff)],
    # One question (RFC 9619).
    ("no question", header(questions=0), FORMERR),
    ("no question, OPT", header(questions=0, additional=1) + opt(), FORMERR),
    ("two questions", header(questions=2) + question() + question(), FORMERR),
    ("65535 questions", header(questions=65535) + question(), FORMERR),
    ("a question that is missing", header(), FORMERR),
    # Names.
    ("63 octets a label, 255 a name", header() + question(LONGEST), NOERROR),
    ("a label too long", header() + b"\x40" + b"a" * 64 + b"\0\0\1\0\1", FORMERR),
    ("a name too long", header() + question(LONG + "." + "d" * 50 + ".odd.example."), FORMERR),
    ("as many labels as fit", header() + question(MANY_LABELS), NOERROR),
    ("128 labels", header() + b"\1a" * 128 + b"\0\0\1\0\1", FORMERR),
    ("a pointer to itself", header() + b"\xc0\x0c\0\1\0\1", FORMERR),
    ("a pointer forward", header() + b"\xc0\x40\0\1\0\1", FORMERR),
    ("a pointer into the header", header() + b"\xc0\0\0\1\0\1", FORMERR),
    ("a label and a pointer", header() + b"\3www\xc0\x0c\0\1\0\1", FORMERR),
    ("a label of type 10", header() + b"\x80aa\0\0\1\0\1", FORMERR),
    ("a binary label (RFC 6891, 5)", header() + b"\x41\x08\xff\0\0\1\0\1", FORMERR),
    ("a name without an end", header() + b"\3www", FORMERR),
    ("no type", header() + question()[:-4], FORMERR),
    ("half a class", header() + question()[:-1], FORMERR),
    # Types: what a zone does not have is not there, whatever its number (RFC 3597, 5).
    *[("type %d" % rtype, header() + question(rtype=rtype), NOERROR) for rtype in
      (0, 3, 10, OPT_TYPE, 100, 128, TKEY, TSIG, 253, 254, 256, 32769, 65280, 65535)],
    *[("type %d of no name" % rtype, header() + question("no.odd.example.", rtype), NXDOMAIN) for rtype in
      (0, OPT_TYPE, 128, TKEY, TSIG, 253, 254, 255, 65535)],
    ("AXFR over UDP (RFC 5936, 4.2)", header() + question("odd.example.", AXFR), NOTIMP),
    ("IXFR", header() + question("odd.example.", IXFR), REFUSED),
    ("IXFR of no zone (RFC 5936, 2.2.1)", header() + question("www.odd.example.", IXFR), NOTAUTH),
    # Classes.
    *[("class %d" % rclass, header() + question(rclass=rclass), REFUSED) for rclass in (0, 2, CH, HS, 5, NONE, 65535)],
    ("class ANY", header() + question(rclass=ANY), NOERROR),
    ("not ours", header() + question("elsewhere.example."), REFUSED),
    ("the root", header() + question("."), REFUSED),
    # Whole messages.
    ("an octet more", header() + question() + b"\0", FORMERR),
    ("a record that is missing", header(additional=1) + question(), FORMERR),
    ("records beside the question", header(0, 1, 1, 1, 1) + question() + A + A + A, NOERROR),
    ("an A of three octets", header(additional=1) + question() + record(".", 1, IN, b"abc"), FORMERR),
    ("an MX that leads nowhere", header(additional=1) + question() + record(".", 15, IN, b"\0\1\xc0\x60"), FORMERR),
    ("an owner that leads forward", header(additional=1) + question() + b"\xc0\xff" + A[-14:], FORMERR),
    # OPT (RFC 6891, 6.1.1).
    ("two OPT", header(additional=2) + question() + opt() + opt(), FORMERR),
    ("OPT as an answer", header(answers=1) + question() + opt(), FORMERR),
    ("OPT with an owner", header(additional=1) + question() + b"\1a" + opt(), FORMERR),
    ("OPT, then another record", header(additional=2) + question() + opt() + A, NOERROR),
    ("another record, then OPT", header(additional=2) + question() + A + opt(), NOERROR),
    ("an option past the end", edns(b"\0\3\0\5a"), FORMERR),
    ("half an option", edns(b"\0\3\0"), FORMERR),
    *[("EDNS version %d" % version, edns(ttl=version << 16), BADVERS) for version in (1, 2, 255)],
    ("EDNS version 1, not ours", header(additional=1) + question("elsewhere.") + opt(ttl=1 << 16), BADVERS),
    ("EDNS flags", edns(ttl=0x7fff), NOERROR),
    ("an unknown option", edns(option(65001, b"zz") + option(65001)), NOERROR),
    *[("payload size %d" % size, edns(payload=size), NOERROR) for size in (0, 1, 511, 512, 65535)],
    ("padding", edns(option(12, bytes(100))), NOERROR),
    ("keepalive over UDP (RFC 7828, 3.2.2)", edns(option(11, b"\0\5\1")), NOERROR),
    # Cookies (RFC 7873, 5.2.2).
    *[("a cookie of %d octets" % size, edns(option(10, b"c" * size)), NOERROR if size == 8 or 16 <= size <= 40 else FORMERR)
      for size in (0, 1, 7, 8, 9, 15, 16, 40, 41, 64)],
    # Client subnets (RFC 7871, 6 and 7.1.1).
    ("IPv4 /24", subnet(1, 24, 0, b"\xc0\0\2"), NOERROR),
    ("IPv4 /0", subnet(1, 0, 0, b""), NOERROR),
    ("IPv6 /56", subnet(2, 56, 0, b"\x20\1\x0d\xb8\0\0\0"), NOERROR),
    ("no family", subnet(0, 0, 0, b""), NOERROR),
    ("no family, 8 bits", subnet(0, 8, 0, b"\1"), FORMERR),
    ("family 3", subnet(3, 0, 0, b""), FORMERR),
    ("IPv4 /33", subnet(1, 33, 0, b"\1\2\3\4\5"), FORMERR),
    ("IPv6 /129", subnet(2, 129, 0, bytes(17)), FORMERR),
    ("too few octets", subnet(1, 24, 0, b"\xc0\0"), FORMERR),
    ("too many octets", subnet(1, 24, 0, b"\xc0\0\2\0"), FORMERR),
    ("bits after the prefix", subnet(1, 20, 0, b"\xc0\0\2"), FORMERR),
    ("a scope", subnet(1, 24, 24, b"\xc0\0\2"), FORMERR),
    ("a subnet of three octets", edns(option(8, b"\0\1\x18")), FORMERR),
    # TSIG (RFC 8945, 5.2).
    ("an unknown key", header(additional=1) + question() + SIGNED, NOTAUTH),
    ("an unknown key, after OPT", header(additional=2) + question() + opt() + SIGNED, NOTAUTH),
    ("TSIG before OPT", header(additional=2) + question() + SIGNED + opt(), FORMERR),
    ("two TSIG", header(additional=2) + question() + SIGNED + SIGNED, FORMERR),
    ("TSIG as an answer", header(answers=1) + question() + SIGNED, FORMERR),
    ("TSIG in class IN", header(additional=1) + question() + record("key.", TSIG, IN, SIGNATURE), FORMERR),
    ("TSIG of nonsense", header(additional=1) + question() + record("key.", TSIG, ANY, b"xx"), FORMERR),
]


class Protocol(harness.WireTest):
    config = "[edns]\nudp_payload = 4096\n"
    zones = {"odd.example": ZONE}

    def udp(self, octets, timeout=5.0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.connect(self.server.address)
            sock.send(octets)
            return sock.recv(65535)

    def tcp(self, *messages):
        """The replies to messages that come in one segment."""
        with socket.create_connection(self.server.address, 5) as sock:
            sock.sendall(b"".join(struct.pack("!H", len(each)) + each for each in messages))
            return [dnsclient.read_exactly(sock, struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0])
                    for _ in messages]

    def check(self, octets, reply, rcode):
        parsed = comparable.Reply(reply)
        self.assertEqual(parsed.rcode, rcode)
        self.assertEqual(reply[:2], octets[:2])
        self.assertEqual((reply[2] & 0xf8, reply[3] & 0x40), (0x80 | octets[2] & 0x78, 0), "QR, opcode, Z")
        self.assertEqual((reply[2] & 1, reply[3] & 0x10), (octets[2] & 1, octets[3] & 0x10), "RD and CD are copied")
        if parsed.question:
            self.assertTrue(octets[12:].startswith(parsed.question), "the question as it was sent")
        if rcode not in (NOERROR, NXDOMAIN):
            self.assertEqual((parsed.answer, parsed.authority, parsed.aa), ({}, {}, False))
        return parsed

    def test_each_message_has_its_rcode(self):
        for what, octets, rcode in ROWS:
            with self.subTest(what):
                if rcode is SILENCE:
                    with self.assertRaises(TimeoutError):
                        self.udp(octets, 0.1)
                else:
                    reply = self.udp(octets)
                    self.assertLessEqual(len(reply), 1232)
                    self.check(octets, reply, rcode)

    def test_all_of_them_over_one_connection(self):
        rows = [row for row in ROWS if row[2] is not SILENCE and "UDP" not in row[0]]
        replies = self.tcp(*[struct.pack("!H", number) + octets[2:] for number, (_, octets, _) in enumerate(rows)])
        by_id = {struct.unpack_from("!H", reply)[0]: reply for reply in replies}
        for number, (what, octets, rcode) in enumerate(rows):
            with self.subTest(what):
                self.check(struct.pack("!H", number) + octets[2:], by_id[number], rcode)

    def test_opt_comes_back_where_it_was_sent(self):
        for what, octets, rcode in ROWS:
            if rcode not in (SILENCE, FORMERR) and b"\0\0\x29" in octets and octets[10:12] != b"\0\0":
                with self.subTest(what):
                    self.assertIsNotNone(comparable.Reply(self.udp(octets)).edns)
        self.assertIsNone(comparable.Reply(self.udp(header() + question())).edns)

    def test_transfers_over_tcp(self):
        for name, rcode in (("odd.example.", REFUSED), ("www.odd.example.", NOTAUTH), ("elsewhere.", NOTAUTH)):
            octets = header() + question(name, AXFR)
            self.check(octets, self.tcp(octets)[0], rcode)

    def test_of_class_any_nobody_is_the_authority(self):  # RFC 1034, 3.7.1
        reply = comparable.Reply(self.udp(header() + question(rclass=ANY)))
        self.assertEqual((len(reply.answer), reply.aa), (1, False))

    def test_an_unknown_key_is_named(self):  # RFC 8945, 5.2.1
        reply = self.udp(header(additional=1) + question() + SIGNED)
        self.assertTrue(reply.endswith(struct.pack("!5H", 300, 0, 1, 17, 0)), "BADKEY, and no MAC")

    def test_the_largest_answers_are_whole(self):
        for size in SIZES:
            for name, fits in (("fits%04d" % size, True), ("over%04d" % size, False)):
                asked = question(name + ".odd.example.", TXT)
                self.assertEqual(len(self.tcp(header() + asked)[0]), size + (not fits))
                if size == 512:
                    rows = [header() + asked]
                elif size + OPT_OCTETS == 512:  # less counts as 512 (RFC 6891, 6.2.3)
                    rows = [header(additional=1) + asked + opt(payload=payload) for payload in (0, 511, 512)]
                else:
                    rows = [header(additional=1) + asked + opt(payload=size + OPT_OCTETS)]
                for octets in rows:
                    with self.subTest(name, octets=octets):
                        reply = comparable.Reply(self.udp(octets))
                        self.assertEqual((reply.tc, len(reply.answer)), (not fits, int(fits)))
                        self.assertEqual(reply.edns is None, size == 512)
                        if fits:
                            self.assertEqual(len(reply.octets), size + (OPT_OCTETS if reply.edns else 0))

    def test_case_is_kept(self):  # RFC 4343
        octets = header() + question("aLiAs.oDd.ExAmPlE.", TXT)
        reply = self.udp(octets)
        self.assertIn(octets[12:], reply)
        self.assertIn(b"\5MiXeD", reply)


if __name__ == "__main__":
    unittest.main()
