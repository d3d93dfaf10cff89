"""DNS over HTTPS of a running server (RFC 8484): over HTTP/1.1 by Python, over HTTP/2 by curl, and by
kdig, dig and dnsperf."""
import base64
import http.client
import os
import socket
import subprocess

import browser
import certificates
import dnsclient
import harness
import http2_frames

ZONE = """$ORIGIN web.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
www  IN AAAA 2001:db8::1
brief 20 IN A 192.0.2.2
"""
TYPE = "application/dns-message"
ANSWERED = 'meridian_dns_queries_total{role="auth",transport="doh",qtype="A",rcode="NOERROR"}'


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


class OverHttps(harness.WireTest):
    """A listener of DNS over HTTPS beside the plain one."""

    zones = {"web.example": ZONE}
    limits = ""  # lines of [limits]

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.port = harness.free_port()
        cls.config = """[limits]
%s[[listener]]
address = "127.0.0.1:%d"
protocols = ["doh"]
tls = "default"
%s""" % (cls.limits, cls.port, cls.files.table())
        super().setUpClass()

    def connect(self, source="127.0.0.1"):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.files.context(),
                                                 source_address=(source, 0))
        self.addCleanup(connection.close)
        return connection

    def tls(self, *protocols, source="127.0.0.1"):
        """A connection on which nothing is said yet."""
        plain = socket.create_connection(("127.0.0.1", self.port), 10, (source, 0))
        self.addCleanup(plain.close)
        tls = self.files.context(*protocols).wrap_socket(plain, server_hostname="dns.test")
        self.addCleanup(tls.close)
        return tls

    def exchange(self, connection, method, target, body=None, headers=None):
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response, response.read()

    def get(self, connection, query):
        return self.exchange(connection, "GET", "/dns-query?dns=" + base64url(query), None, {"Accept": TYPE})


class Doh(OverHttps):
    limits = "tcp_clients_per_prefix = 6\ntcp_idle_ms = 3000\n"

    def test_get_and_post_over_http1(self):
        before = self.server.metric(ANSWERED)
        connection = self.connect()
        for method in ("GET", "POST"):
            ident, query = dnsclient.make_query("www.web.example.", "A")
            if method == "GET":
                response, body = self.get(connection, query)
            else:
                response, body = self.exchange(connection, "POST", "/dns-query", query, {"Content-Type": TYPE})
            self.assertEqual((response.status, response.getheader("Content-Type")), (200, TYPE))
            self.assertEqual(response.getheader("Cache-Control"), "max-age=300")
            answer = dnsclient.Response(body)
            self.assertEqual((answer.id, answer.data()), (ident, ["192.0.2.1"]))
        self.assertEqual(self.server.metric(ANSWERED), before + 2)

    def test_freshness_is_that_of_the_answer(self):
        connection = self.connect()
        for name, qtype, seconds in (("brief.web.example.", "A", 20), ("none.web.example.", "A", 60),
                                     ("www.web.example.", "MX", 60), ("www.elsewhere.", "A", 0)):
            response, _ = self.get(connection, dnsclient.make_query(name, qtype)[1])
            self.assertEqual(response.getheader("Cache-Control"), "max-age=%d" % seconds, name)

    def test_what_is_no_question_is_refused(self):
        query = dnsclient.make_query("www.web.example.", "A")[1]
        post = {"Content-Type": TYPE}
        for method, target, body, headers, status in (
                ("GET", "/dns-query", None, {}, 400),
                ("GET", "/dns-query?dns=!!!", None, {}, 400),
                ("GET", "/elsewhere?dns=" + base64url(query), None, {}, 404),
                ("POST", "/dns-query", b"short", post, 400),
                ("POST", "/dns-query", query, {"Content-Type": "application/dns-json"}, 415),
                ("POST", "/dns-query", b"\0" * 70000, post, 413),
                ("DELETE", "/dns-query", None, {}, 405)):
            with self.subTest(method + " " + target[:20] + " " + str(status)):
                connection = self.connect()
                response, _ = self.exchange(connection, method, target, body, headers)
                connection.close()
                self.assertEqual(response.status, status)
                if status == 405:
                    self.assertEqual(response.getheader("Allow"), "GET, POST")

    def test_what_follows_a_refusal_is_judged_as_ever(self):
        """By HTTP/2 a client may still be sending when it is refused: its stream stays until it ends, or has sent more
        than any question has."""
        def refused(length):
            h2 = http2_frames.Connection(self.tls("h2"))
            h2.send(http2_frames.frame(http2_frames.HEADERS, http2_frames.END_HEADERS, 1, http2_frames.request(
                "POST", "/dns-query", ("content-length", str(length)))))
            self.assertEqual(h2.answer(), (415, b"the body is to be application/dns-message\n"))
            return h2
        h2 = refused(1)
        h2.send(http2_frames.frame(http2_frames.DATA, http2_frames.END_STREAM, 1, b"four"))
        h2.stream_error(1, http2_frames.PROTOCOL_ERROR)
        h2 = refused(4)
        h2.send(http2_frames.frame(http2_frames.DATA, 0, 1, b"four"),
                http2_frames.frame(http2_frames.HEADERS, http2_frames.END_HEADERS, 1, http2_frames.block(("x", "y"))))
        h2.stream_error(1, http2_frames.PROTOCOL_ERROR)
        h2 = refused(4)
        h2.send(http2_frames.frame(http2_frames.DATA, http2_frames.END_STREAM, 1, b"four"))
        h2.lives()
        self.assertFalse([each for each in h2.frames if each.kind == http2_frames.RST_STREAM])
        h2 = refused(1 << 20)
        for _ in range(4):
            h2.send(http2_frames.frame(http2_frames.DATA, 0, 1, b" " * 16000))
        h2.lives()
        self.assertFalse([each for each in h2.frames if each.kind == http2_frames.RST_STREAM])
        h2.send(http2_frames.frame(http2_frames.DATA, 0, 1, b" " * 1536))
        h2.stream_error(1, http2_frames.NO_ERROR)

    def test_what_clients_do_not_take_is_counted(self):
        """A client whose window is shut asks as much as it may; the gauge follows within a second or two."""
        gauge = "meridian_dns_https_held_bytes"
        harness.wait_for(lambda: self.server.metric(gauge) == 0, "nothing is held")
        with self.tls("h2") as tls:
            h2 = http2_frames.Connection(tls, ((http2_frames.INITIAL_WINDOW_SIZE, 0),))
            query = dnsclient.make_query("www.web.example.", "A")[1]
            h2.send(*(http2_frames.frame(
                http2_frames.HEADERS, http2_frames.END_STREAM | http2_frames.END_HEADERS, 2 * k + 1,
                http2_frames.request("GET", "/dns-query?dns=" + base64url(query))) for k in range(100)))
            harness.wait_for(lambda: self.server.metric(gauge) > 100 * len(query), "100 answers are held")
        harness.wait_for(lambda: self.server.metric(gauge) == 0, "nothing is held any more")

    def test_what_clients_begin_and_do_not_end_is_counted(self):
        """Messages that are not whole yet are with the worker, and belong to the same account."""
        gauge = "meridian_dns_https_held_bytes"
        harness.wait_for(lambda: self.server.metric(gauge) == 0, "nothing is held")
        with self.tls("h2") as tls:
            h2 = http2_frames.Connection(tls)
            for k in range(15):
                h2.send(http2_frames.frame(http2_frames.HEADERS, http2_frames.END_HEADERS, 2 * k + 1,
                                           http2_frames.request("POST", "/dns-query", ("content-type", TYPE))),
                        http2_frames.frame(http2_frames.DATA, 0, 2 * k + 1, b"x" * 16000),
                        http2_frames.frame(http2_frames.DATA, 0, 2 * k + 1, b"x" * 16000))
            harness.wait_for(lambda: self.server.metric(gauge) > 15 * 32000, "15 bodies are held")
        harness.wait_for(lambda: self.server.metric(gauge) == 0, "nothing is held any more")

    def test_limits_that_clients_meet_are_counted(self):
        hits = self.server.limit_hits
        for octets, status, limit in ((b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400", "doh_bad_requests"),
                                      (b"GET / HTTP/1.1\r\nHost: ", b"408", "doh_timeouts")):
            before = hits(limit)
            with self.tls("http/1.1") as tls:
                tls.sendall(octets)
                self.assertEqual(tls.recv(4096).split(b" ")[1], status)
            harness.wait_for(lambda name=limit, was=before: hits(name) > was, limit)
        before = hits("doh_abuse")
        with self.tls("h2") as tls:
            h2 = http2_frames.Connection(tls)
            for _ in range(20):
                h2.send(http2_frames.frame(http2_frames.PING, 0, 0, b"12345678") * 100)
            h2.connection_error(http2_frames.ENHANCE_YOUR_CALM)
        harness.wait_for(lambda: hits("doh_abuse") > before, "doh_abuse")

    def test_connections_count_with_those_of_tcp(self):
        held = [socket.create_connection(self.server.address, 5) for _ in range(6)]
        for sock in held:
            self.addCleanup(sock.close)
            harness.wait_for(lambda s=sock: self.asked(s), "the connection is served")
        # The seventh of this client takes the place of one that is idle, whatever it speaks.
        harness.wait_for(self.answers, "there is room for who asks")
        harness.wait_for(lambda: any(self.is_closed(sock) for sock in held), "one had to make room")

    @staticmethod
    def is_closed(sock):
        sock.setblocking(False)
        try:
            return sock.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def asked(self, sock):
        query = dnsclient.make_query("www.web.example.", "A")[1]
        sock.sendall(len(query).to_bytes(2, "big") + query)
        return dnsclient.read_exactly(sock, int.from_bytes(dnsclient.read_exactly(sock, 2), "big"))

    def answers(self):
        try:
            return self.get(self.connect(), dnsclient.make_query("www.web.example.", "A")[1])[0].status == 200
        except OSError:
            return False

    def run_client(self, command):
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def test_curl_over_both_versions(self):
        curl = self.need_program("curl")
        question = os.path.join(self.server.dir, "question")
        with open(question, "wb") as out:
            out.write(dnsclient.make_query("www.web.example.", "A")[1])
        for version, number in (("--http2", "2"), ("--http1.1", "1.1")):
            done = subprocess.run([curl, "-sS", version, "--cacert", self.files.root, "--noproxy", "*", "-H",
                                   "Content-Type: " + TYPE, "--data-binary", "@" + question, "-w",
                                   "%{stderr}%{http_version} %{http_code}",
                                   "https://127.0.0.1:%d/dns-query" % self.port],
                                  capture_output=True, timeout=30, check=False)
            self.assertEqual(done.stderr.decode(), number + " 200")
            self.assertEqual(dnsclient.Response(done.stdout).data(), ["192.0.2.1"])

    def test_curl_resolves_by_it(self):
        curl = self.need_program("curl")
        done = self.run_client([curl, "-sv", "--cacert", self.files.root, "--noproxy", "*", "--doh-url",
                                "https://127.0.0.1:%d/dns-query" % self.port, "--connect-timeout", "1",
                                "http://www.web.example:9/"])
        # Nobody is at the address, but that it is tried tells that it was found.
        self.assertRegex(done.stderr, r"192\.0\.2\.1|2001:db8::1")

    def test_kdig(self):
        kdig = self.need_program("kdig")
        for method in ("+https", "+https-get"):
            done = self.run_client([kdig, "@127.0.0.1", "-p", str(self.port), "+https", method,
                                    "+tls-ca=" + self.files.root, "+tls-hostname=dns.test", "+padding",
                                    "www.web.example.", "A"])
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("status: NOERROR", done.stdout)
            self.assertRegex(done.stdout, r"www\.web\.example\.\s+300\s+IN\s+A\s+192\.0\.2\.1")
            self.assertIn("Received 468 B", done.stdout)  # RFC 8467

    def test_dig(self):
        dig = self.need_program("dig")
        for method in ("+https", "+https-get"):
            done = self.run_client([dig, "@127.0.0.1", "-p", str(self.port), method, "+tls-ca=" + self.files.root,
                                    "+tls-hostname=dns.test", "+tries=1", "www.web.example.", "A"])
            if "Invalid option" in done.stderr + done.stdout:
                self.skipTest("this dig does not know +https")
            self.assertIn("status: NOERROR", done.stdout, done.stderr)
            self.assertIn("(HTTPS", done.stdout)

    def answers_of_a_read(self, agent):
        """How many come with each read, of which TLS makes one for each record."""
        tls = self.tls("h2")
        h2 = http2_frames.Connection(tls)
        target = "/dns-query?dns=" + base64url(dnsclient.make_query("www.web.example.", "A")[1])
        streams = range(1, 41, 2)
        h2.send(*(http2_frames.frame(http2_frames.HEADERS, http2_frames.END_HEADERS | http2_frames.END_STREAM, stream,
                                     http2_frames.request("GET", target, ("user-agent", agent), scheme="https"))
                  for stream in streams))
        counts, octets = [], h2.buffer
        while sum(counts) < len(streams):
            octets += tls.recv(65536)
            counts.append(0)
            while len(octets) >= 9 and len(octets) >= 9 + int.from_bytes(octets[:3], "big"):
                size = 9 + int.from_bytes(octets[:3], "big")
                counts[-1] += octets[3] == http2_frames.DATA and octets[4] & http2_frames.END_STREAM
                octets = octets[size:]
        return counts

    def test_answers_share_records(self):
        self.assertGreater(max(self.answers_of_a_read("curl/8.0")), 1)

    def test_dnsperf_gets_each_answer_by_itself(self):
        """Of what a record holds it takes the first alone (2.10)."""
        self.assertEqual(max(self.answers_of_a_read("dnsperf/2.10.0 (nghttp2/1.51.0)")), 1)

    def test_dnsperf(self):
        dnsperf = self.need_program("dnsperf")
        questions = os.path.join(self.server.dir, "questions")
        with open(questions, "w", encoding="ascii") as out:
            out.write("www.web.example. A\nno.web.example. A\n")
        for method in ("GET", "POST"):
            done = self.run_client([dnsperf, "-m", "doh", "-O", "doh-method=" + method, "-O",
                                    "doh-uri=https://localhost/dns-query", "-s", "127.0.0.1", "-p", str(self.port),
                                    "-d", questions, "-n", "2000", "-c", "4", "-q", "100"])
            self.assertRegex(done.stdout, r"Queries completed: +4000 \(100\.00%\)", done.stdout + done.stderr)


class DohOfABrowser(OverHttps):
    zones = {"web.example": ZONE + "here IN A 127.0.0.1\n"}

    def test_chromium(self):
        """Its secure DNS, with nothing else to fall back to: the page is found by what we answer."""
        template = "https://127.0.0.1:%d/dns-query{?dns}" % self.port
        page = browser.Browser(self, "http://here.web.example:%d/healthz" % self.server.http_port,
                               {"dns_over_https": {"mode": "secure", "templates": template}},
                               ["--ignore-certificate-errors"])
        harness.wait_for(lambda: page.text().strip() == "ok", "the page of a host of our zone", 60, every=0.2)
        self.assertGreater(self.server.metric(ANSWERED), 0)


class DohPlaces(OverHttps):
    """Who takes places with DNS over HTTPS and asks nothing keeps nobody from being served."""
    limits = "tcp_clients = 24\ntcp_idle_ms = 20000\n"

    def drip(self, source):
        """A connection that sends a body octet by octet."""
        tls = self.tls(source=source)
        tls.sendall(b"POST /dns-query HTTP/1.1\r\nHost: dns.test\r\nContent-Type: application/dns-message\r\n"
                    b"Content-Length: 60000\r\n\r\n")
        return tls

    def test_places_are_for_those_who_ask(self):
        query = dnsclient.make_query("www.web.example.", "A")[1]
        dripping = []
        for number in range(60):
            # One address first, which has an eighth (and four at least); then many, which have half.
            try:
                dripping.append(self.drip("127.0.0.9" if number < 20 else "127.0.1.%d" % number))
            except OSError:
                pass  # there is no place for it
            for each in dripping:
                try:
                    each.sendall(b"x")
                except OSError:
                    pass
            if number % 10 == 9:
                self.assertEqual(self.server.ask_tcp("www.web.example.", "A").data(), ["192.0.2.1"])
                honest = self.connect("127.0.0.3")
                response, body = self.get(honest, query)
                self.assertEqual((response.status, dnsclient.Response(body).data()), (200, ["192.0.2.1"]))
                honest.close()
        for limit in ("tcp_clients", "tcp_clients_per_prefix"):
            self.assertGreater(self.server.limit_hits(limit), 10, limit)
