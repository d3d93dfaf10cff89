"""Iteration from root hints through several servers, the cache, and stale answers (RFC 8767)."""
import os
import time
import unittest

import dnsclient
import harness
import upstreams

CONFIG = """
[recursion]
root_hints = "%s"
upstream_port = %d
ipv6 = false
timeout_ms = 6000
[recursion.serve_stale]
client_timeout_ms = 800
answer_ttl_s = 30
"""


class Recursion(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        nsd = upstreams.find_nsd()
        if nsd is None:
            raise unittest.SkipTest("nsd is not installed")
        cls.server = harness.Server()
        home = os.path.join(cls.server.dir, "upstreams")
        os.makedirs(home)
        cls.internet = upstreams.Upstreams(home, nsd)
        cls.addClassCleanup(cls.internet.stop)
        cls.internet.start()
        cls.server.write_config(CONFIG % (cls.internet.hints, cls.internet.port))
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def resolve(self, name, qtype, **options):
        return self.server.ask(name, qtype, rd=True, timeout=8.0, **options)

    def upstream_queries(self):
        return self.server.metrics().get("meridian_resolver_upstream_queries_total", 0.0)

    def test_iterates_from_the_root(self):
        before = self.upstream_queries()
        response = self.resolve("fresh.leaf.test.", "A")  # no other test asks for it
        self.assertEqual((response.rcode, response.data()), ("NOERROR", ["192.0.2.104"]))
        self.assertTrue(response.has(dnsclient.RA))
        self.assertFalse(response.has(dnsclient.AA))
        harness.wait_for(lambda: self.upstream_queries() > before, "upstream servers were asked", 3)

    def test_second_time_from_the_cache(self):
        self.assertEqual(self.resolve("www.leaf.test.", "AAAA").data(), ["2001:db8::101"])
        time.sleep(1.2)  # counters are read from the workers; the TTL runs meanwhile
        before = self.upstream_queries()
        for ask in (self.resolve, lambda n, t: self.server.ask_tcp(n, t, rd=True)):
            response = ask("www.leaf.test.", "AAAA")
            self.assertEqual(response.data(), ["2001:db8::101"])
            self.assertLess(response.answer[0].ttl, 300)
        time.sleep(0.3)
        self.assertEqual(self.upstream_queries(), before)

    def test_aliases_across_zones_and_servers_without_glue(self):
        response = self.resolve("away.leaf.test.", "A")
        self.assertEqual(response.data("A"), ["192.0.2.103"])
        self.assertEqual(response.data("CNAME"), ["www.far.test."])
        self.assertEqual(self.resolve("alias.leaf.test.", "A").data("A"), ["192.0.2.101"])
        self.assertEqual(self.resolve("any.wild.leaf.test.", "TXT").data(), ['"leaf"'])

    def test_negative_answers(self):
        for name, qtype, rcode in (("none.leaf.test.", "A", "NXDOMAIN"), ("www.leaf.test.", "MX", "NOERROR"),
                                   ("nosuchtld.", "A", "NXDOMAIN")):
            for _ in range(2):
                response = self.resolve(name, qtype)
                self.assertEqual((response.rcode, response.answer), (rcode, []), name)
                self.assertEqual([r.type for r in response.authority], ["SOA"])
                self.assertLessEqual(response.authority[0].ttl, 5)

    def test_large_answers_by_tcp(self):
        response = self.server.ask_tcp("big.leaf.test.", "TXT", rd=True, timeout=8.0)
        self.assertEqual(response.rcode, "NOERROR")
        self.assertEqual(response.data(), [" ".join('"' + "y" * 200 + '"' for _ in range(15))])
        self.assertTrue(self.resolve("big.leaf.test.", "TXT").has(dnsclient.TC))

    def test_a_lame_delegation_is_a_failure_not_a_hang(self):
        start = time.monotonic()
        self.assertEqual(self.resolve("www.lame.test.", "A").rcode, "SERVFAIL")
        self.assertLess(time.monotonic() - start, 8.0)

    def test_without_rd_nothing_is_asked(self):
        before = self.upstream_queries()
        response = self.server.ask("never-asked.leaf.test.", "A", rd=False)
        self.assertEqual(response.answer, [])
        time.sleep(0.3)
        self.assertEqual(self.upstream_queries(), before)

    def test_zz_stale_when_the_servers_are_stopped(self):
        """Last of its class by its name: afterwards the little Internet is up again."""
        self.assertEqual(self.resolve("short.leaf.test.", "A").data(), ["192.0.2.102"])
        self.assertEqual(self.resolve("www.leaf.test.", "A").data(), ["192.0.2.101"])
        self.internet.stop()
        try:
            time.sleep(2.1)  # the TTL of short is 1 s
            # Fresh data needs no server at all.
            self.assertEqual(self.resolve("www.leaf.test.", "A").data(), ["192.0.2.101"])
            start = time.monotonic()
            response = self.resolve("short.leaf.test.", "A")
            self.assertLess(time.monotonic() - start, 4.0)
            self.assertEqual((response.rcode, response.data()), ("NOERROR", ["192.0.2.102"]))
            self.assertEqual(response.answer[0].ttl, 30)
            self.assertEqual(response.ede, 3)  # Stale Answer (RFC 8914)
            # What was never known stays unknown, and is told as a failure.
            self.assertEqual(self.resolve("unknown.leaf.test.", "A").rcode, "SERVFAIL")
            harness.wait_for(lambda: self.server.metrics()["meridian_resolver_cache_stale"] >= 1, "counted", 3)
        finally:
            self.internet.start()


class Refusal(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(role="auth")
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def test_an_authoritative_listener_does_not_recurse(self):
        response = self.server.ask("www.example.", "A", rd=True)
        self.assertEqual(response.rcode, "REFUSED")
        self.assertFalse(response.has(dnsclient.RA))


class AccessList(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server('[recursion]\nallow = ["127.0.0.1/32"]\n')
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def test_who_is_not_allowed_is_refused(self):
        self.assertEqual(self.server.ask("www.example.", "A", rd=True, source="127.0.0.9").rcode, "REFUSED")
