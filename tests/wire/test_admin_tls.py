"""The HTTP API over TLS: versions, certificates of both sides, plain HTTP on the same port, reload."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import certificates
import harness
import websocket

HSTS = "max-age=31536000"


class OverTls(harness.WireTest):
    """Three listeners beside the plain one: no client certificates, some, always."""

    admin = ""  # more of [admin]

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls, "other.test", "client.test", "stranger.test")
        cls.port, cls.asking, cls.strict = (harness.free_port() for _ in range(3))
        cls.config = "".join('[[admin.listener]]\naddress = "127.0.0.1:%d"\ntls = "%s"\n' % each for each in (
            (cls.port, "default"), (cls.asking, "asking"), (cls.strict, "strict")))
        cls.config += "[admin]\n%s" % cls.admin + cls.files.table("dns.test", "other.test")
        for table, auth in (("asking", "optional"), ("strict", "require")):
            cls.config += cls.files.table(name=table, more=cls.files.asking(auth))
        super().setUpClass()

    def context(self, client=None, files=None):
        context = self.files.context()
        if client:
            context.load_cert_chain(*(files or self.files).pair(client))
        return context

    def connect(self, port=None, context=None, name="dns.test", source="127.0.0.1", **options):
        sock = socket.create_connection(("127.0.0.1", port or self.port), 10, (source, 0))
        self.addCleanup(sock.close)
        return (context or self.context()).wrap_socket(sock, server_hostname=name, **options)

    def request(self, tls, method="GET", path="/healthz", headers=None, body=None):
        """One exchange over HTTP/1.1 on a connection that stays."""
        connection = http.client.HTTPConnection("dns.test")
        connection.sock = tls
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return harness.Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def bearer(self):
        return {"Authorization": "Bearer " + self.server.token}

    def curl(self, *arguments):
        command = [self.need_program("curl"), "-sS", "--noproxy", "*", "-m", "20", "--cacert", self.files.root]
        for port in (self.port, self.asking, self.strict):
            command += ["--resolve", "dns.test:%d:127.0.0.1" % port]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=40, check=False)

    def openssl(self, *arguments, stdin=""):
        return subprocess.run([self.need_program("openssl"), "s_client", "-connect", "127.0.0.1:%d" % self.port,
                               "-CAfile", self.files.root, *arguments], input=stdin, capture_output=True,
                              text=True, timeout=40, check=False)

    def handshakes(self, outcome):
        return self.server.metric('meridian_tls_handshakes_total{transport="admin",outcome="%s"}' % outcome)


class AdminTls(OverTls):
    def test_both_versions_of_http_by_alpn(self):
        for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
            done = self.curl(flag, "-D", "-", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "-H",
                             "Authorization: Bearer " + self.server.token,
                             "https://dns.test:%d/v1/zones" % self.port)
            self.assertTrue(done.stdout.endswith(version + " 200"), done.stdout + done.stderr)
            self.assertIn("strict-transport-security: " + HSTS, done.stdout.lower())
        for offered, chosen in ((["http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2"), (None, None)):
            context = self.context()
            if offered:
                context.set_alpn_protocols(offered)
            with self.connect(context=context) as tls:
                self.assertEqual(tls.selected_alpn_protocol(), chosen)
        with self.connect() as tls:  # and who offers nothing speaks HTTP/1.1
            self.assertEqual(self.request(tls).status, 200)
        context = self.context()
        context.set_alpn_protocols(["dot"])
        with self.assertRaises(ssl.SSLError):
            self.connect(context=context)

    def test_plain_http_is_sent_to_https(self):
        for flag in ("--http1.1", "--http2-prior-knowledge"):
            done = self.curl(flag, "-D", "-", "-X", "PUT", "-d", "{}", "-H",
                             "Authorization: Bearer " + self.server.token,
                             "http://127.0.0.1:%d/v1/zones/a.example?dry_run=true" % self.port)
            head = done.stdout.lower()
            self.assertRegex(head, r"^http/\S+ 308", done.stdout + done.stderr)
            self.assertIn("location: https://127.0.0.1:%d/v1/zones/a.example?dry_run=true\n" % self.port, head)
            self.assertNotIn("strict-transport-security", head)
        # Whatever is asked, and also where a certificate is wanted.
        for port in (self.port, self.strict):
            done = self.curl("-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:%d/healthz" % port)
            self.assertEqual(done.stdout, "308", done.stderr)
        done = self.curl("-L", "-w", " %{http_code} %{num_redirects}", "http://127.0.0.1:%d/healthz" % self.port)
        self.assertEqual(done.stdout, "ok\n 200 1", done.stderr)

    def test_cookies_stay_within_tls(self):
        body = json.dumps({"token": self.server.token})
        json_type = {"Content-Type": "application/json"}
        with self.connect() as tls:
            opened = self.request(tls, "POST", "/v1/session", json_type, body)
        self.assertEqual(opened.status, 201)
        self.assertIn("; Secure", opened.headers["set-cookie"])
        self.assertIn("; HttpOnly", opened.headers["set-cookie"])
        plain = self.server.http("POST", "/v1/session", body, json_type, token=False)
        self.assertNotIn("Secure", plain.headers["set-cookie"])
        self.assertNotIn("strict-transport-security", plain.headers)

    def test_old_versions_and_weak_suites_are_refused(self):
        for arguments in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
                          ("-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"),
                          ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
                          ("-tls1_2", "-cipher", "DHE:@SECLEVEL=0"), ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
                          ("-alpn", "dot")):
            done = self.openssl(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn("alert", done.stderr, arguments)
        for arguments, protocol in ((("-tls1_2",), "TLSv1.2"), (("-tls1_3",), "TLSv1.3")):
            done = self.openssl(*arguments)
            self.assertIn("New, %s, Cipher is " % protocol, done.stdout, done.stderr)
            self.assertIn("Verify return code: 0 (ok)", done.stdout)
            self.assertIn("Compression: NONE", done.stdout)

    def test_a_name_chooses_its_certificate(self):
        for name in ("dns.test", "other.test"):
            with self.connect(name=name) as tls:  # which fails where the certificate is another's
                self.assertEqual(self.request(tls).status, 200)

    def test_there_is_no_early_data(self):
        session = os.path.join(self.server.dir, "session")
        request = "GET /healthz HTTP/1.1\r\nHost: dns.test\r\nConnection: close\r\n\r\n"
        first = self.openssl("-tls1_3", "-ign_eof", "-sess_out", session, stdin=request)
        self.assertIn("200 OK", first.stdout, first.stderr)
        self.assertIn("Max Early Data: 0", first.stdout)
        self.assertEqual(first.stdout.count("New Session Ticket arrived"), 1)
        early = os.path.join(self.server.dir, "early")
        self.files.write(early, request)
        again = self.openssl("-tls1_3", "-ign_eof", "-sess_in", session, "-early_data", early, stdin=request)
        self.assertIn("Reused, TLSv1.3", again.stdout, again.stderr)
        self.assertNotIn("Early data was accepted", again.stdout)
        self.assertEqual(again.stdout.count("200 OK"), 1)

    def test_renegotiation_is_refused(self):
        done = self.openssl("-tls1_2", stdin="R\n")
        self.assertIn("RENEGOTIATING", done.stderr)
        self.assertIn("no renegotiation", done.stderr)
        with self.connect() as tls:
            self.assertEqual(self.request(tls).status, 200)

    def test_records_may_come_octet_by_octet(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.maximum_version = version
            received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(received, to_send, server_hostname="dns.test")
            with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                def flush():
                    for octet in to_send.read():
                        sock.send(bytes([octet]))

                def until(step):
                    while True:
                        try:
                            return step()
                        except ssl.SSLWantReadError:
                            flush()
                            part = sock.recv(65536)
                            self.assertTrue(part, "the server ended")
                            received.write(part)
                until(tls.do_handshake)
                tls.write(b"GET /healthz HTTP/1.1\r\nHost: dns.test\r\n\r\n")
                flush()
                answer = b""
                while not answer.endswith(b"ok\n"):
                    answer += until(lambda: tls.read(65536))
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 "))

    def test_a_certificate_stands_for_a_token(self):
        mine = {"client": "client.test"}
        with self.connect(self.strict, self.context(**mine)) as tls:
            self.assertEqual(self.request(tls, path="/v1/zones").status, 401)
            self.server.must("POST", "/v1/tokens", {"name": "mine", "subject": "CN=client.test",
                                                    "scopes": [{"verbs": ["read"]}]})
            # The same connection, at once.
            self.assertEqual(self.request(tls, path="/v1/zones").status, 200)
            self.assertEqual(self.request(tls, path="/v1/session").json["name"], "mine")
            written = self.request(tls, "DELETE", "/v1/zones/no.example")
            self.assertEqual(written.status, 403)
            # A token goes before it: this one may do all.
            self.assertEqual(self.request(tls, "DELETE", "/v1/zones/no.example", self.bearer()).status, 404)
        for port, who, status in ((self.asking, "client.test", 200), (self.asking, "stranger.test", 401),
                                  (self.strict, "stranger.test", 401), (self.asking, None, 401),
                                  # A listener that asks for none takes none.
                                  (self.port, "client.test", 401)):
            with self.connect(port, self.context(who)) as tls:
                self.assertEqual(self.request(tls, path="/v1/zones").status, status, (port, who))
        # The cookie of a session that is gone is no reason to overlook it.
        with self.connect(self.strict, self.context(**mine)) as tls:
            stale = {"Cookie": "meridian_session=" + "0" * 64}
            self.assertEqual(self.request(tls, path="/v1/session", headers=stale).json["name"], "mine")
        certificate, key = self.files.pair("client.test")
        done = self.curl("--http2", "--cert", certificate, "--key", key, "-o", "/dev/null", "-w",
                         "%{http_version} %{http_code}", "https://dns.test:%d/v1/zones" % self.strict)
        self.assertEqual(done.stdout, "2 200", done.stderr)
        # A session that is resumed without showing it again is still hers, and no longer than that.
        context = self.context(**mine)
        with self.connect(self.strict, context) as tls:
            self.assertEqual(self.request(tls, path="/v1/zones").status, 200)
            session = tls.session
        with self.connect(self.strict, context, session=session) as tls:
            self.assertTrue(tls.session_reused)
            self.assertEqual(self.request(tls, path="/v1/zones").status, 200)
            self.server.must("DELETE", "/v1/tokens/mine")
            self.assertEqual(self.request(tls, path="/v1/zones").status, 401)

    def test_who_shows_no_certificate_or_a_foreign_one_is_refused(self):
        foreign = certificates.Directory()
        self.addCleanup(foreign.remove)
        foreign.make("client.test")
        failed = self.handshakes("failed")
        with self.assertRaises(OSError):  # TLS 1.3 tells it with the first octets read
            with self.connect(self.strict) as tls:
                self.request(tls)
        for port in (self.asking, self.strict):
            with self.assertRaises(OSError):
                with self.connect(port, self.context("client.test", foreign)) as tls:
                    self.request(tls)
        harness.wait_for(lambda: self.handshakes("failed") >= failed + 3, "failed handshakes are counted")

    def test_pages_of_other_sites_cannot_write_by_a_certificate(self):
        self.server.must("POST", "/v1/tokens", {"name": "browser", "subject": "CN=client.test",
                                                "scopes": [{"verbs": ["read", "write"]}]})
        self.addCleanup(self.server.http, "DELETE", "/v1/tokens/browser")
        for origin, status in (("https://evil.example", 403), ("http://dns.test", 403), ("null", 403),
                               ("https://dns.test", 404), (None, 404)):
            with self.connect(self.asking, self.context("client.test")) as tls:
                headers = {"Origin": origin} if origin else {}
                self.assertEqual(self.request(tls, "DELETE", "/v1/zones/no.example", headers).status, status, origin)

    def test_handshakes_and_expiry_are_measured(self):
        full, resumed = self.handshakes("full"), self.handshakes("resumed")
        context = self.context()
        with self.connect(context=context) as tls:
            self.assertEqual(self.request(tls).status, 200)
            session = tls.session
        with self.connect(context=context, session=session) as tls:
            self.assertTrue(tls.session_reused)
            self.assertEqual(self.request(tls).status, 200)
        self.assertEqual((self.handshakes("full"), self.handshakes("resumed")), (full + 1, resumed + 1))
        for table in ("default", "asking", "strict"):
            left = self.server.metric('meridian_tls_certificate_expiry_seconds{name="%s"}' % table)
            self.assertTrue(28 * 86400 < left <= 30 * 86400, left)

    def test_the_command_line(self):
        def run(*arguments, token=None):
            environment = {key: value for key, value in os.environ.items() if not key.startswith("MERIDIAN_")}
            if token:
                environment["MERIDIAN_TOKEN"] = token
            return subprocess.run([harness.BINARY, *arguments], capture_output=True, text=True, timeout=60,
                                  check=False, env=environment)

        url = "https://127.0.0.1:%d" % self.port
        done = run("zone", "list", "--server", url, "--ca-file", self.files.root, token=self.server.token)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = run("zone", "list", "--server", url, token=self.server.token)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--ca-file names the authority", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        done = run("zone", "list", "--server", url.replace("https", "http"), token=self.server.token)
        self.assertEqual(done.returncode, 1)
        self.assertIn("this port speaks HTTPS: " + url, done.stderr)
        self.server.must("POST", "/v1/tokens", {"name": "program", "subject": "CN=client.test",
                                                "scopes": [{"verbs": ["read", "write"]}]})
        self.addCleanup(self.server.http, "DELETE", "/v1/tokens/program")
        certificate, key = self.files.pair("client.test")
        own = ("--server", "https://127.0.0.1:%d" % self.strict, "--ca-file", self.files.root, "--cert-file",
               certificate)
        done = run("zone", "create", "cli.example", "--ns", "ns1.other.example.", *own, "--key-file", key)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.server.http("DELETE", "/v1/zones/cli.example").status, 200)
        done = run("zone", "list", *own)  # its key is in another file
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(run("zone", "list", "--key-file", key).returncode, 2)


class AdminTlsReload(OverTls):
    def logged(self, text):
        with open(self.server.log_path, encoding="utf-8", errors="replace") as log:
            return log.read().count(text)

    def reload(self, text="were read again"):
        before = self.logged(text)
        self.server.process.send_signal(signal.SIGHUP)
        harness.wait_for(lambda: self.logged(text) > before, text, 30.0)

    def serial(self):
        with self.connect() as tls:
            self.assertEqual(self.request(tls).status, 200)
            return tls.getpeercert()["serialNumber"]

    def test_no_connection_is_lost_while_certificates_change(self):
        failures, served, over = [], [0, 0], threading.Event()

        def kept():
            tls = self.connect()
            while not over.is_set():
                self.assertEqual(self.request(tls, path="/v1/zones", headers=self.bearer()).status, 200)
                served[0] += 1

        def fresh():
            while not over.is_set():
                with self.connect() as tls:
                    self.assertEqual(self.request(tls).status, 200)
                served[1] += 1

        def guarded(work):
            try:
                work()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))

        workers = [threading.Thread(target=guarded, args=(work,)) for work in (kept, kept, fresh, fresh)]
        serials = [self.serial()]
        for worker in workers:
            worker.start()
        try:
            for _ in range(5):
                self.files.make("dns.test", also=["127.0.0.1"])
                self.reload()
                serials.append(self.serial())
                so_far = list(served)
                harness.wait_for(lambda: failures or (served[0] > so_far[0] + 5 and served[1] > so_far[1] + 5),
                                 "requests go on", 30.0)
        finally:
            over.set()
            for worker in workers:
                worker.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(set(serials)), 6)

    def test_what_waits_for_the_next_start_is_named(self):
        self.reload("the log's level is info; the rest of the configuration is what runs")
        with open(self.server.config_path, "a", encoding="utf-8") as config:
            config.write('[history]\nkeep_days = 7\n[log]\nlevel = "debug"\n')
        self.reload("the log's level is debug; changed, and not before the next start in use: [history]\n")
        done = subprocess.run([harness.BINARY, "check-config", self.server.config_path], capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("SIGHUP applies [tls.*] and log.level, a restart everything", done.stdout)

    def test_the_feed_tells_what_becomes_of_certificates(self):
        feed = websocket.WebSocket(("127.0.0.1", self.server.http_port), "/v1/feed?topics=certificate",
                                   {"Authorization": "Bearer " + self.server.token})
        self.addCleanup(feed.close)

        def events(count):
            out = []
            while len(out) < count:
                message = json.loads(feed.receive(20.0))
                if message["type"] == "batch":
                    out += message["events"]
            return out

        lines = os.path.join(self.server.dir, "lines")
        with open(lines, "wb") as out:
            harness.spawn([harness.BINARY, "feed", "--filter", "topics=certificate", "--server",
                           os.path.join(self.server.data_dir, "admin.sock")], stdout=out)
        harness.wait_for(lambda: self.server.metrics()["meridian_feed_subscribers"] == 2, "the command listens", 30.0)
        self.files.make("other.test", days=5)
        self.reload()
        loaded = events(4)
        self.assertEqual([(each["what"], each["tls"]) for each in loaded],
                         [("loaded", "asking"), ("loaded", "default"), ("loaded", "strict"),
                          ("expiring", "default")])
        self.assertEqual(loaded[1]["names"], ["dns.test", "127.0.0.1", "other.test"])
        self.assertEqual(self.logged("tls.default: a certificate expires at"), 1)
        _, key = self.files.pair("other.test")
        with open(key, "rb") as file:
            good = file.read()
        self.files.write(key, "garbage")
        serial = self.serial()
        self.reload("nothing was changed")
        refused = events(1)[0]
        self.assertEqual((refused["what"], refused["tls"]), ("refused", None))
        self.assertIn(key, refused["detail"])

        def printed():
            with open(lines, encoding="utf-8") as file:
                return file.read().splitlines()
        harness.wait_for(lambda: len(printed()) == 5, "the command prints a line for each", 30.0)
        self.assertEqual([line.split(" ", 1)[1] for line in printed()],
                         ["certificate %s %s until %s" % (each["what"], each["tls"], each["not_after"])
                          for each in loaded] + ["certificate refused " + refused["detail"]])
        self.assertEqual(self.serial(), serial)
        done = subprocess.run([harness.BINARY, "check-config", self.server.config_path], capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tls.default: cannot use the key " + key, done.stderr)
        with open(key, "wb") as file:
            file.write(good)
        self.files.make("other.test")
        self.reload()
        self.assertEqual([each["what"] for each in events(3)], ["loaded"] * 3)


class AdminTlsLimits(OverTls):
    admin = """head_timeout_ms = 1500
body_timeout_ms = 1500
idle_timeout_ms = 1500
max_connections_per_client = 20
"""

    def test_handshakes_that_do_not_end(self):
        hello = ssl.MemoryBIO()
        tls = self.context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="dns.test")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        octets = hello.read()
        failed = self.handshakes("failed")
        cases = (b"", octets[:1], octets[:100], octets)
        connections = [socket.create_connection(("127.0.0.1", self.port), 20, ("127.1.0.1", 0)) for _ in cases]
        start = time.monotonic()
        for connection, case in zip(connections, cases):
            connection.sendall(case)
        # The last one sends a little all the time, which does not help.
        trickle = socket.create_connection(("127.0.0.1", self.port), 20, ("127.1.0.2", 0))
        trickle.settimeout(0.1)
        ended = False
        for octet in octets:
            try:
                trickle.send(bytes([octet]))
                ended = trickle.recv(1) == b""
            except socket.timeout:
                pass
            except OSError:
                ended = True
            if ended or time.monotonic() - start > 15:
                break
        self.assertTrue(ended, "a handshake octet by octet is still open")
        trickle.close()
        for connection in connections:
            while connection.recv(65536):
                pass
            connection.close()
        harness.wait_for(lambda: self.handshakes("failed") >= failed + 5, "all of them are counted")

    def test_slow_heads_bodies_and_silence(self):
        with self.connect(source="127.1.1.1") as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            self.assertIn(b" 408 ", tls.recv(65536))
        with self.connect(source="127.1.1.1") as tls:
            tls.sendall(b"PUT /v1/zones/slow.example HTTP/1.1\r\nHost: a\r\nContent-Type: text/dns\r\n"
                        b"Authorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n" % self.server.token.encode())
            self.assertIn(b" 408 ", tls.recv(65536))
        with self.connect(source="127.1.1.1", suppress_ragged_eofs=False) as tls:
            self.assertEqual(self.request(tls).status, 200)
            self.assertEqual(tls.recv(1), b"")  # in order, with close_notify
        # A record of which one octet a second comes is no head that goes on.
        received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(received, to_send, server_hostname="dns.test")
        with socket.create_connection(("127.0.0.1", self.port), 20, ("127.1.1.2", 0)) as sock:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(to_send.read())
                    received.write(sock.recv(65536))
            sock.sendall(to_send.read())
            tls.write(b"GET /healthz HTTP/1.1\r\nHost: dns.test\r\n\r\n")
            record, start, ended = to_send.read(), time.monotonic(), False
            sock.settimeout(0.3)
            for octet in record:
                try:
                    sock.send(bytes([octet]))
                    while sock.recv(65536):
                        pass
                    ended = True
                except socket.timeout:
                    pass
                except OSError:
                    ended = True
                if ended or time.monotonic() - start > 15:
                    break
            self.assertTrue(ended, "the whole record could be sent")

    def test_connections_of_one_client(self):
        before = self.server.limit_hits("http_connections")

        def served(source):
            try:
                with self.connect(source=source) as tls:
                    return self.request(tls).status == 200
            except OSError:
                return False

        def one_too_many():  # again where a busy machine let the first ones grow too old
            held = [socket.create_connection(("127.0.0.1", self.port), 20, ("127.1.2.1", 0)) for _ in range(20)]
            refused = not served("127.1.2.1") and served("127.1.2.2")
            for connection in held:
                connection.close()
            return refused
        harness.wait_for(one_too_many, "one client is refused, another is served", 60.0)
        self.assertGreater(self.server.limit_hits("http_connections"), before)
        harness.wait_for(lambda: served("127.1.2.1"), "there is room again", 60.0)
