"""DNS over TLS of a running server (RFC 7858, 8310): by Python's own TLS, kdig, dig and dnsperf."""
import os
import signal
import socket
import ssl
import struct
import subprocess

import certificates
import dnsclient
import harness

ZONE = """$ORIGIN tls.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""
IDLE_S = 1.5


def framed(octets):
    return struct.pack("!H", len(octets)) + octets


class Dot(harness.WireTest):
    zones = {"tls.example": ZONE}

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls, "other.test", "client.test")
        cls.port, cls.strict_port = harness.free_port(), harness.free_port()
        cls.config = """[limits]
tcp_idle_ms = %d
[[listener]]
address = "127.0.0.1:%d"
protocols = ["dot"]
tls = "default"
[[listener]]
address = "127.0.0.1:%d"
protocols = ["dot"]
tls = "strict"
""" % (IDLE_S * 1000, cls.port, cls.strict_port)
        cls.config += cls.files.table("dns.test", "other.test")
        cls.config += cls.files.table(name="strict", more=cls.files.asking("require"))
        super().setUpClass()

    def connect(self, port=None, name="dns.test", context=None):
        sock = socket.create_connection(("127.0.0.1", port or self.port), 5)
        self.addCleanup(sock.close)
        return (context or self.files.context()).wrap_socket(sock, server_hostname=name)

    def answer(self, tls):
        size = struct.unpack("!H", dnsclient.read_exactly(tls, 2))[0]
        return dnsclient.Response(dnsclient.read_exactly(tls, size))

    def ask(self, tls):
        ident, query = dnsclient.make_query("www.tls.example.", "A")
        tls.sendall(framed(query))
        answer = self.answer(tls)
        self.assertEqual((answer.id, answer.data()), (ident, ["192.0.2.1"]))

    def test_a_question_and_what_the_metrics_tell(self):
        queries = 'meridian_dns_queries_total{role="auth",transport="dot",qtype="A",rcode="NOERROR"}'
        full = 'meridian_tls_handshakes_total{transport="dot",outcome="full"}'
        before, handshakes = self.server.metric(queries), self.server.metric(full)
        with self.connect() as tls:
            self.assertEqual(tls.version(), "TLSv1.3")
            self.ask(tls)
        self.assertEqual(self.server.metric(queries), before + 1)
        self.assertEqual(self.server.metric(full), handshakes + 1)
        left = self.server.metric('meridian_tls_certificate_expiry_seconds{name="default"}')
        self.assertTrue(29 * 86400 < left <= 30 * 86400, left)

    def test_many_questions_in_one_record_are_all_answered(self):
        queries = [dnsclient.make_query("www.tls.example.", "A") for _ in range(300)]
        with self.connect() as tls:
            tls.sendall(b"".join(framed(query) for _, query in queries))
            asked = sorted(ident for ident, _ in queries)
            self.assertEqual(sorted(self.answer(tls).id for _ in queries), asked)

    def test_the_name_asked_for_chooses_the_certificate(self):
        for name in ("dns.test", "other.test"):
            with self.connect(name=name) as tls:  # which fails where the certificate is another's
                self.ask(tls)
        context = self.files.context()
        context.check_hostname = False
        with self.connect(name=None, context=context) as tls:
            self.assertIn((("commonName", "dns.test"),), tls.getpeercert()["subject"])

    def test_old_versions_and_other_protocols_are_refused(self):
        context = self.files.context("dot")
        with self.connect(context=context) as tls:
            self.assertEqual(tls.selected_alpn_protocol(), "dot")
        context = self.files.context("h2")
        with self.assertRaises(ssl.SSLError):
            self.connect(context=context)
        context = self.files.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.connect(context=context) as tls:
            self.assertRegex(tls.cipher()[0], "^ECDHE-.*(GCM|CHACHA20)")
            self.ask(tls)
        context.set_ciphers("AES128-GCM-SHA256")
        with self.assertRaises(ssl.SSLError):
            self.connect(context=context)

    def test_a_client_certificate_where_one_is_wanted(self):
        context = self.files.context()
        context.load_cert_chain(*self.files.pair("client.test"))
        with self.connect(self.strict_port, context=context) as tls:
            self.ask(tls)
        with self.assertRaises(OSError):  # TLS 1.3 tells it with the first octets read
            with self.connect(self.strict_port) as tls:
                self.ask(tls)

    def test_sessions_are_resumed(self):
        resumed = 'meridian_tls_handshakes_total{transport="dot",outcome="resumed"}'
        before = self.server.metric(resumed)
        context = self.files.context()
        with self.connect(context=context) as tls:
            self.ask(tls)
            session = tls.session
        sock = socket.create_connection(("127.0.0.1", self.port), 5)
        with context.wrap_socket(sock, server_hostname="dns.test", session=session) as tls:
            self.assertTrue(tls.session_reused)
            self.ask(tls)
        self.assertEqual(self.server.metric(resumed), before + 1)

    def test_handshakes_that_do_not_end_and_nonsense_are_cut_short(self):
        failed = 'meridian_tls_handshakes_total{transport="dot",outcome="failed"}'
        before, failures = self.server.limit_hits("tls_handshake"), self.server.metric(failed)
        with socket.create_connection(("127.0.0.1", self.port), 5) as silent:
            silent.settimeout(IDLE_S * 6)
            self.assertEqual(silent.recv(1), b"")
        harness.wait_for(lambda: self.server.limit_hits("tls_handshake") == before + 1,
                         "the late handshake is counted")
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
            plain.sendall(framed(dnsclient.make_query("www.tls.example.", "A")[1]))
            while plain.recv(4096):
                pass
        harness.wait_for(lambda: self.server.metric(failed) == failures + 2, "both handshakes are counted as failed")

    def test_certificates_are_read_again_without_a_connection_lost(self):
        def subject():
            with self.connect() as tls:
                self.ask(tls)
                return tls.getpeercert()["serialNumber"]

        def logged(text):
            harness.wait_for(lambda: text in self.server.log(), text)

        old = subject()
        with self.connect() as held:
            self.ask(held)
            certificate, key = self.files.pair("dns.test")
            with open(key, "rb") as file:
                good = file.read()
            with open(key, "wb") as file:
                file.write(b"garbage")
            self.server.process.send_signal(signal.SIGHUP)
            logged("nothing was changed")
            self.assertEqual(subject(), old)
            with open(key, "wb") as file:
                file.write(good)
            self.files.make("dns.test", also=["127.0.0.1"])
            self.server.process.send_signal(signal.SIGHUP)
            logged("were read again")
            self.ask(held)
            self.assertNotEqual(subject(), old)

    def test_check_config_reads_the_certificates(self):
        def check():
            return subprocess.run([harness.BINARY, "check-config", self.server.config_path],
                                  capture_output=True, text=True, timeout=30, check=False)

        done = check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        certificate, _ = self.files.pair("other.test")
        with open(certificate, encoding="ascii") as file:
            whole = file.read()
        self.addCleanup(self.files.write, certificate, whole)
        self.files.write(certificate, whole[:whole.index("-----END CERTIFICATE-----") + 26])
        done = check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("tls.default: %s: the chain is not complete" % certificate, done.stderr)
        self.files.write(certificate, "nothing")
        done = check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds no certificate", done.stderr)

    def run_client(self, command):
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def test_kdig(self):
        kdig = self.need_program("kdig")
        command = [kdig, "@127.0.0.1", "-p", str(self.port), "+tls-ca=" + self.files.root,
                   "+tls-hostname=dns.test", "+padding", "www.tls.example.", "A"]
        done = self.run_client(command)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("status: NOERROR", done.stdout)
        self.assertRegex(done.stdout, r"www\.tls\.example\.\s+300\s+IN\s+A\s+192\.0\.2\.1")
        self.assertIn("Received 468 B", done.stdout)  # RFC 8467

    def test_dig(self):
        dig = self.need_program("dig")
        done = self.run_client([dig, "@127.0.0.1", "-p", str(self.port), "+tls", "+tls-ca=" + self.files.root,
                                "+tls-hostname=dns.test", "+tries=1", "www.tls.example.", "A"])
        if "Invalid option" in done.stderr + done.stdout:
            self.skipTest("this dig does not know +tls")
        self.assertIn("status: NOERROR", done.stdout, done.stderr)
        self.assertIn("(TLS)", done.stdout)

    def test_dnsperf(self):
        dnsperf = self.need_program("dnsperf")
        questions = os.path.join(self.server.dir, "questions")
        with open(questions, "w", encoding="ascii") as out:
            out.write("www.tls.example. A\nno.tls.example. A\n")
        done = self.run_client([dnsperf, "-m", "dot", "-s", "127.0.0.1", "-p", str(self.port), "-d", questions,
                                "-n", "2000", "-c", "4", "-q", "100"])
        self.assertRegex(done.stdout, r"Queries completed: +4000 \(100\.00%\)", done.stdout + done.stderr)
