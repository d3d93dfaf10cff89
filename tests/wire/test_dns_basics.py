"""Answers from a zone in the store: every kind of answer, over UDP and TCP."""
import socket
import struct
import subprocess

import dnsclient
import harness

ZONE = """$ORIGIN basic.example.
$TTL 300
@        IN SOA ns1 hostmaster 1 7200 900 1209600 60
@        IN NS  ns1
@        IN NS  ns2
@        IN MX  10 mail
@        IN TXT "v=spf1 -all" "second"
ns1      IN A   192.0.2.53
ns2      IN A   192.0.2.54
mail     IN A   192.0.2.25
www      IN A   192.0.2.1
www      IN A   192.0.2.2
www      IN AAAA 2001:db8::1
alias    IN CNAME www
chain    IN CNAME alias
outside  IN CNAME www.elsewhere.test.
*.wild   IN A   192.0.2.77
exists.wild IN TXT "here"
a.b.ent  IN A   192.0.2.9
sub      IN NS  ns.sub
sub      IN NS  ns.other.test.
ns.sub   IN A   192.0.2.60
ns.sub   IN AAAA 2001:db8::60
big      IN TXT "%s"
""" % '" "'.join("%03d" % i + "x" * 200 for i in range(20))


class DnsBasics(harness.WireTest):
    zones = {"basic.example": ZONE}

    def both(self, name, qtype, **options):
        """The same question over UDP and TCP; the answers must agree."""
        over_udp = self.server.ask(name, qtype, **options)
        over_tcp = self.server.ask_tcp(name, qtype, **options)
        for section in ("answer", "authority", "additional"):
            self.assertEqual(over_udp.data(section=section), over_tcp.data(section=section))
        self.assertEqual(over_udp.rcode, over_tcp.rcode)
        self.assertEqual(over_udp.flags, over_tcp.flags)
        self.assertTrue(over_udp.has(dnsclient.QR))
        return over_udp

    def expect(self, name, qtype, *data):
        response = self.both(name, qtype)
        self.assertEqual(response.rcode, "NOERROR")
        self.assertEqual(response.data(qtype), sorted(data))
        self.assertTrue(response.has(dnsclient.AA))
        self.assertEqual(response.question, (name.lower(), qtype))
        return response

    def test_positive_answers(self):
        self.expect("www.basic.example.", "A", "192.0.2.1", "192.0.2.2")
        self.expect("www.basic.example.", "AAAA", "2001:db8::1")
        self.expect("basic.example.", "MX", "10 mail.basic.example.")
        self.expect("basic.example.", "NS", "ns1.basic.example.", "ns2.basic.example.")
        self.expect("basic.example.", "TXT", '"v=spf1 -all" "second"')
        self.assertEqual({r.ttl for r in self.server.ask("www.basic.example.", "A").answer}, {300})

    def test_case_does_not_matter_and_is_kept(self):
        ident, query = dnsclient.make_query("WwW.bAsIc.ExAmPlE.", "A")
        octets = dnsclient.udp_raw(self.server.address, query, ident)
        self.assertIn(b"\x03WwW\x05bAsIc\x07ExAmPlE\x00", octets)
        self.assertEqual(dnsclient.Response(octets).data("A"), ["192.0.2.1", "192.0.2.2"])

    def test_cname_is_followed_inside_the_zone(self):
        response = self.expect("chain.basic.example.", "A", "192.0.2.1", "192.0.2.2")
        self.assertEqual(response.data("CNAME"), ["alias.basic.example.", "www.basic.example."])
        self.expect("alias.basic.example.", "CNAME", "www.basic.example.")
        self.assertEqual(self.both("outside.basic.example.", "A").data(), ["www.elsewhere.test."])

    def test_wildcard(self):
        self.expect("anything.wild.basic.example.", "A", "192.0.2.77")
        self.expect("two.labels.wild.basic.example.", "A", "192.0.2.77")
        owner = self.both("anything.wild.basic.example.", "A").answer[0].owner
        self.assertEqual(owner, "anything.wild.basic.example.")
        # RFC 4592: a name that exists hides the wildcard.
        self.assertEqual(self.both("exists.wild.basic.example.", "A").answer, [])

    def negative(self, name, qtype, rcode):
        response = self.both(name, qtype)
        self.assertEqual((response.rcode, response.answer), (rcode, []), name)
        self.assertTrue(response.has(dnsclient.AA))
        self.assertEqual([r.type for r in response.authority], ["SOA"])
        self.assertEqual(response.authority[0].ttl, 60)  # RFC 2308: the lower of TTL and minimum
        self.assertEqual(response.authority[0].owner, "basic.example.")

    def test_nxdomain(self):
        self.negative("nothing.basic.example.", "A", "NXDOMAIN")
        self.negative("a.b.c.d.basic.example.", "TXT", "NXDOMAIN")

    def test_nodata(self):
        self.negative("www.basic.example.", "MX", "NOERROR")
        self.negative("b.ent.basic.example.", "A", "NOERROR")  # an empty non-terminal
        self.negative("anything.wild.basic.example.", "AAAA", "NOERROR")

    def test_referral(self):
        for name in ("sub.basic.example.", "deep.er.sub.basic.example."):
            response = self.both(name, "A")
            self.assertEqual(response.rcode, "NOERROR")
            self.assertEqual(response.answer, [])
            self.assertFalse(response.has(dnsclient.AA))
            self.assertEqual(response.data("NS", "authority"), ["ns.other.test.", "ns.sub.basic.example."])
            self.assertEqual(response.data("A", "additional"), ["192.0.2.60"])
            self.assertEqual(response.data("AAAA", "additional"), ["2001:db8::60"])

    def test_truncation_and_tcp(self):
        short = self.server.ask("big.basic.example.", "TXT", payload=1232)
        self.assertTrue(short.has(dnsclient.TC))
        self.assertLessEqual(len(short.octets), 1232)
        self.assertLessEqual(len(self.server.ask("big.basic.example.", "TXT", edns=False).octets), 512)
        whole = self.server.ask_tcp("big.basic.example.", "TXT")
        self.assertFalse(whole.has(dnsclient.TC))
        self.assertGreater(len(whole.octets), 4000)

    def test_zones_of_others_are_refused_without_recursion(self):
        response = self.both("www.not-ours.example.", "A")
        self.assertEqual(response.rcode, "REFUSED")

    def test_edns(self):
        self.assertTrue(self.server.ask("www.basic.example.", "A").edns)
        self.assertFalse(self.server.ask("www.basic.example.", "A", edns=False).edns)
        ident, query = dnsclient.make_query("www.basic.example.", "A")
        # The version is the second octet of the OPT record's TTL (RFC 6891, 6.1.3).
        query = bytearray(query)
        query[-5] = 1
        response = dnsclient.Response(dnsclient.udp_raw(self.server.address, bytes(query), ident))
        self.assertEqual(response.rcode, "BADVERS")

    def test_several_questions_on_one_connection(self):
        queries = [dnsclient.make_query(name + ".basic.example.", "A") for name in ("www", "mail", "ns1")]
        with socket.create_connection(self.server.address, 5) as sock:
            sock.sendall(b"".join(struct.pack("!H", len(q)) + q for _, q in queries))
            got = {}
            for _ in queries:
                size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
                response = dnsclient.Response(dnsclient.read_exactly(sock, size))
                got[response.id] = response.rcode
        self.assertEqual(got, {ident: "NOERROR" for ident, _ in queries})

    def dig(self, *arguments):
        dig = self.need_program("dig")
        done = subprocess.run([dig, "@127.0.0.1", "-p", str(self.server.port), "+tries=1", "+time=5",
                               *arguments], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("Warning", done.stdout)
        self.assertNotIn("malformed", done.stdout)
        return done.stdout

    def test_dig_agrees(self):
        self.assertEqual(sorted(self.dig("+short", "www.basic.example", "A").split()),
                         ["192.0.2.1", "192.0.2.2"])
        self.assertIn("status: NXDOMAIN", self.dig("no.basic.example", "A"))
        self.assertEqual(self.dig("+short", "+tcp", "basic.example", "MX").strip(),
                         "10 mail.basic.example.")
        # dig falls back to TCP by itself when the answer is truncated.
        self.assertEqual(len(self.dig("+short", "big.basic.example", "TXT").split('" "')), 20)

    def test_counters_move(self):
        before = self.server.metrics()["meridian_dns_queries_total"]
        for _ in range(10):
            self.server.ask("www.basic.example.", "A")
        harness.wait_for(lambda: self.server.metrics()["meridian_dns_queries_total"] >= before + 10,
                         "the counter of queries moves", 5)
