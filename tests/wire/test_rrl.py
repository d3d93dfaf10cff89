"""Response rate limiting: what a flood with forged addresses gets, and who is served meanwhile."""
import os
import socket
import struct
import sys
import time
import unittest

import dnsclient
import harness
import namespace
import peers

RATE = 20
ZONE = """$ORIGIN rrl.example.
$TTL 300
@      IN SOA ns1 hostmaster 1 7200 900 1209600 60
@      IN NS  ns1
ns1    IN A   192.0.2.53
www    IN A   192.0.2.80
*.wild IN A   192.0.2.81
big    IN TXT %s
""" % " ".join('"%s"' % (letter * 220) for letter in "abcde")
COOKIE = 10
CLIENT_COOKIE = bytes.fromhex("2464c4abcf10c957")


def with_cookie(name, cookie):
    ident, octets = dnsclient.make_query(name, "A", edns=False)
    opt = b"\0" + struct.pack("!2HIH", 41, 1232, 0, 4 + len(cookie))
    return ident, octets[:10] + b"\0\1" + octets[12:] + opt + struct.pack("!2H", COOKIE, len(cookie)) + cookie


class Rates(harness.WireTest):
    """On loopback, where each 127.0.x.0/24 is another client prefix."""

    config = "[limits]\nresponses_per_second = %d\nrrl_slip = 2\nrrl_exempt = [\"127.0.9.0/24\"]\n" % RATE
    zones = {"rrl.example": ZONE}

    def burst(self, names, source):
        """Asks for all of them at once; what comes back, as (whole, truncated, seconds it took)."""
        queries = [dnsclient.make_query(name, "A")[1] for name in names]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            sock.connect(self.server.address)
            begin = last = time.monotonic()
            for query in queries:
                sock.send(query)
            replies = []
            sock.settimeout(0.5)
            try:
                while True:
                    replies.append(dnsclient.Response(sock.recv(65535)))
                    last = time.monotonic()
            except socket.timeout:
                pass
        cut = [reply for reply in replies if reply.has(dnsclient.TC)]
        for reply in cut:
            self.assertEqual((reply.answer, reply.authority, reply.additional), ([], [], []))
            self.assertTrue(reply.edns)
        return len(replies) - len(cut), len(cut), last - begin

    def counted(self, name, **labels):
        return self.server.metric(name + "{" + ",".join('%s="%s"' % item for item in labels.items()) + "}")

    def bounded(self, names, source):
        whole, cut, seconds = self.burst(names, source)
        self.assertGreaterEqual(whole, RATE)
        self.assertLessEqual(whole, RATE * (1 + seconds) + 1)
        self.assertAlmostEqual(cut, (len(names) - whole) / 2, delta=1)
        return whole, cut

    def test_one_name_gets_its_rate_and_every_second_of_the_rest_is_truncated(self):
        before = self.counted("meridian_rrl_dropped_total", kind="answer")
        whole, cut = self.bounded(["www.rrl.example."] * 300, "127.0.2.1")
        self.assertEqual(self.counted("meridian_rrl_dropped_total", kind="answer") - before, 300 - whole - cut)
        self.assertGreaterEqual(self.counted("meridian_rrl_truncated_total", kind="answer"), cut)
        self.assertGreaterEqual(self.counted("meridian_dns_dropped_total", reason="rate_limited"), 300 - whole - cut)
        # Another prefix, and over TCP the same one, are answered.
        self.assertEqual(self.burst(["www.rrl.example."] * RATE, "127.0.3.1")[:2], (RATE, 0))
        self.assertEqual(self.server.ask_tcp("www.rrl.example.", "A", source="127.0.2.1").data(), ["192.0.2.80"])

    def test_random_names_do_not_escape(self):
        self.bounded(["n%d.rrl.example." % i for i in range(300)], "127.0.4.1")
        self.bounded(["n%d.wild.rrl.example." % i for i in range(300)], "127.0.4.1")
        self.bounded(["n%d.elsewhere.example." % i for i in range(300)], "127.0.4.1")

    def test_some_prefixes_are_exempt(self):
        self.assertEqual(self.burst(["www.rrl.example."] * 200, "127.0.9.1")[:2], (200, 0))

    def test_a_cookie_of_ours_is_exempt(self):
        self.bounded(["www.rrl.example."] * 300, "127.0.5.1")
        ident, query = with_cookie("www.rrl.example.", CLIENT_COOKIE)

        def learn():  # a truncated answer brings the cookie
            try:
                return dnsclient.udp_raw(self.server.address, query, ident, "127.0.5.1", 0.2)
            except socket.timeout:
                return None

        cookie = dnsclient.Response(harness.wait_for(learn, "a reply with a cookie")).options[COOKIE]
        ident, query = with_cookie("www.rrl.example.", cookie)
        for _ in range(100):
            answer = dnsclient.Response(dnsclient.udp_raw(self.server.address, query, ident, "127.0.5.1"))
            self.assertEqual(answer.data(), ["192.0.2.80"])

    def test_the_log_and_a_metric_say_who_is_limited(self):
        self.burst(["www.rrl.example."] * 100, "127.0.6.1")
        harness.wait_for(lambda: "answers to 127.0.6.0/24 are limited: more than 20 a second of kind answer"
                         in self.server.log(), "the log says who is limited")
        harness.wait_for(lambda: self.server.metrics()["meridian_rrl_limited_prefixes"] >= 1, "the metric too")


class NsdLimits(peers.Nsd):
    def configure(self):
        super().configure()
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        self.write("nsd.conf", text.replace("rrl-ratelimit: 0", "rrl-ratelimit: %d\n  rrl-slip: 2" % RATE))


class NamedLimits(peers.Named):
    def configure(self):
        super().configure()
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        self.write("named.conf", text.replace("answer-cookie no;", "answer-cookie no;\n  rate-limit "
                                              "{ responses-per-second %d; slip 2; };" % RATE))


class BesidePeers(harness.WireTest):
    """What a truncated answer looks like, and what counts as one thing, as NSD and BIND have it."""

    config = Rates.config
    zones = {"rrl.example": ZONE}
    STREAMS = (("www.rrl.example.", "A"), ("www.rrl.example.", "MX"), ("n#.rrl.example.", "A"),
               ("n#.wild.rrl.example.", "A"), ("n#.elsewhere.example.", "A"))

    def limited(self, address, number, name, qtype):
        """(whole answers, the set of truncated ones, seconds it took) to 300 queries of one length."""
        whole, cut, begin = 0, set(), time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.%d.1" % (20 + number), 0))
            sock.connect(address)
            for i in range(100, 400):
                sock.send(dnsclient.make_query(name.replace("#", str(i)), qtype)[1])
            sock.settimeout(0.4)
            try:
                while True:
                    reply = dnsclient.Response(sock.recv(65535))
                    if reply.has(dnsclient.TC):
                        counts = [len(part) for part in (reply.answer, reply.authority, reply.additional)]
                        cut.add((reply.rcode, reply.has(dnsclient.AA), *counts, reply.edns, len(reply.octets)))
                    else:
                        whole += 1
            except socket.timeout:
                pass
        return whole, cut, time.monotonic() - begin

    def compare(self, kind, most):
        self.need_program(kind.binary)
        directory = os.path.join(self.server.dir, kind.binary + "-rrl")
        os.makedirs(directory)
        zone = os.path.join(directory, "zone")
        with open(zone, "w", encoding="utf-8") as out:
            out.write(ZONE)
        peer = kind(directory, [("rrl.example", zone)])
        self.addCleanup(peer.stop)
        peer.start()
        for number, (name, qtype) in enumerate(self.STREAMS):
            ours = self.limited(self.server.address, number, name, qtype)
            theirs = self.limited(peer.address, number, name, qtype)
            self.assertLessEqual(ours[0], RATE * (1 + ours[2]) + 1, name)
            self.assertLessEqual(theirs[0], most, name)
            self.assertEqual(len(ours[1]), 1, name)
            if theirs[1]:  # BIND drops errors
                self.assertEqual([reply[:-1] for reply in ours[1]], [reply[:-1] for reply in theirs[1]], name)
                # NSD leaves the extended error in a REFUSED.
                self.assertLessEqual(max(ours[1])[-1], max(theirs[1])[-1], name)

    def test_nsd(self):
        self.compare(NsdLimits, 4 * RATE)  # it averages over two seconds of its clock

    def test_bind(self):
        self.compare(NamedLimits, 3 * RATE)  # it counts by whole seconds


class ForgedFlood(harness.WireTest):
    """A server and the Internet, a network namespace each: a flood in the name of 192.0.2.0/24."""

    SERVER, INTERNET = "198.18.0.1", "198.18.0.2"
    VICTIM, EXEMPT = "192.0.2.", "198.51.100."
    BEHIND_VICTIM, ELSEWHERE = "192.0.2.10", "203.0.113.10"
    # Sent in turns: a large answer, NXDOMAIN for random names, a wildcard's data for random names.
    SUBJECTS = ("big.rrl.example./TXT", "#.rrl.example./A", "#.wild.rrl.example./A")
    LARGEST = 1232 + 20 + 8 + 14  # an answer, with the heads of UDP, IPv4 and Ethernet
    FLOOD_RATE = 5000

    @classmethod
    def setUpClass(cls):
        try:
            cls.home = namespace.Namespace()
            cls.addClassCleanup(cls.home.close)
            cls.internet = namespace.Namespace()
            cls.addClassCleanup(cls.internet.close)
            cls.home.connect("s0", cls.SERVER + "/24", cls.internet, "c0", cls.INTERNET + "/24")
        except namespace.Unavailable as why:
            raise unittest.SkipTest(str(why)) from why
        cls.home.ip("route", "add", "default", "via", cls.INTERNET)
        for address in (cls.BEHIND_VICTIM, cls.ELSEWHERE):
            cls.internet.ip("address", "add", address + "/32", "dev", "lo")
        cls.port = harness.free_port()
        cls.server = harness.Server("""[limits]
responses_per_second = %d
rrl_slip = 2
rrl_exempt = ["%s0/24"]
[[listener]]
address = "%s:%d"
""" % (RATE, cls.EXEMPT, cls.SERVER, cls.port))
        cls.addClassCleanup(cls.server.stop)
        with cls.home.inside():
            cls.server.start()
            cls.server.import_zone("rrl.example", ZONE)

    def flood(self, prefix, seconds):
        with self.internet.inside():
            return harness.spawn([sys.executable, os.path.join(harness.HERE, "flood.py"), self.SERVER,
                                  str(self.port), prefix, str(seconds), str(self.FLOOD_RATE), *self.SUBJECTS],
                                 stdout=harness.subprocess.PIPE, text=True)

    def flooded(self, prefix, seconds):
        """(queries, octets that came to the server, octets that it sent, seconds)."""
        begin = time.monotonic()
        before = self.home.octets("s0")
        sent = int(self.flood(prefix, seconds).communicate(timeout=30)[0])
        time.sleep(0.3)  # what is on its way
        after = self.home.octets("s0")
        return sent, after[0] - before[0], after[1] - before[1], time.monotonic() - begin

    def ask(self, source, timeout=0.25, tries=40, query=None):
        """As a resolver does: again after a timeout, over TCP after TC. (answer, queries, over TCP)"""
        address = (self.SERVER, self.port)
        with self.internet.inside():
            for i in range(1, tries + 1):
                ident, octets = query or dnsclient.make_query("www.rrl.example.", "A")
                try:
                    answer = dnsclient.Response(dnsclient.udp_raw(address, octets, ident, source, timeout))
                except socket.timeout:
                    continue
                if not answer.has(dnsclient.TC):
                    return answer, i, False
                return dnsclient.tcp(address, "www.rrl.example.", "A", source=source), i, True
        raise AssertionError("no answer to %d queries from %s" % (tries, source))

    def test_what_leaves_is_bounded(self):
        # What it would be: the same flood in the name of a prefix that is exempt.
        sent, came, left, _ = self.flooded(self.EXEMPT, 1.0)
        self.assertGreater(sent, self.FLOOD_RATE / 2)
        self.assertGreater(left, 2 * came)
        sent, came, left, seconds = self.flooded(self.VICTIM, 3.0)
        self.assertGreater(sent, self.FLOOD_RATE)
        whole = len(self.SUBJECTS) * RATE * (seconds + 1)
        # Every second of the others goes out truncated, no longer than it came.
        self.assertLess(left, whole * self.LARGEST + came / 2)
        self.assertGreater(left, came / 8)  # and some do
        with self.home.inside():
            metrics = self.server.metrics()
        limited = metrics["meridian_rrl_dropped_total"] + metrics["meridian_rrl_truncated_total"]
        answers = sum(metrics[name] for name in ("meridian_dns_queries_total", "meridian_rrl_dropped_total"))
        self.assertGreater(limited, sent / 2 - whole)
        self.assertGreater(answers, limited)

    def test_others_are_served_and_clients_behind_the_victim_get_through(self):
        flood = self.flood(self.VICTIM, 6.0)
        try:
            with self.home.inside():
                harness.wait_for(lambda: self.server.metrics()["meridian_rrl_dropped_total"] > 500, "the flood is on")
            # Another prefix: every answer over UDP, whole.
            for _ in range(RATE // 2):
                answer, _, over_tcp = self.ask(self.ELSEWHERE)
                self.assertEqual((answer.data(), over_tcp), (["192.0.2.80"], False))
            # The same name as the flood's, so that its budget is spent: TC leads to TCP.
            ways = []
            for i in range(4):
                query = dnsclient.make_query("n%d.wild.rrl.example." % i, "A")
                answer, _, over_tcp = self.ask(self.BEHIND_VICTIM, query=query)
                self.assertEqual(answer.rcode, "NOERROR")
                self.assertTrue(answer.answer)
                ways.append(over_tcp)
            self.assertIn(True, ways)
            # A cookie, once learnt, is as good as another prefix.
            with self.internet.inside():
                def learn():
                    ident, query = with_cookie("c.wild.rrl.example.", CLIENT_COOKIE)
                    try:
                        return dnsclient.udp_raw((self.SERVER, self.port), query, ident, self.BEHIND_VICTIM, 0.25)
                    except socket.timeout:
                        return None
                cookie = dnsclient.Response(harness.wait_for(learn, "a cookie")).options[COOKIE]
            for i in range(2 * RATE):
                answer, _, over_tcp = self.ask(self.BEHIND_VICTIM, query=with_cookie("c.wild.rrl.example.", cookie))
                self.assertEqual((answer.data(), over_tcp), (["192.0.2.81"], False))
            self.assertIsNone(flood.poll(), "the flood ended before the clients did")
        finally:
            flood.kill()
            flood.communicate()
