"""h2spec, a suite for HTTP/2 servers by other hands, whole and strict, where the program is installed (it is no Debian
package): over plain TCP, and over TLS, of the HTTP API and of DNS over HTTPS."""
import re
import subprocess

import certificates
import harness

QUESTION = "/dns-query?dns=AAABAAABAAAAAAAAA25zMQZqdWRnZWQHZXhhbXBsZQAAAQAB"  # ns1.judged.example. A


class H2spec(harness.WireTest):
    zones = {"judged.example": "$ORIGIN judged.example.\n@ 300 IN SOA ns1 h 1 2 3 4 5\n@ 300 IN NS ns1\n"
             "ns1 300 IN A 192.0.2.1\n"}

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.tls_port, cls.doh_port = harness.free_port(), harness.free_port()
        cls.config = '[[admin.listener]]\naddress = "127.0.0.1:%d"\ntls = "default"\n' % cls.tls_port
        cls.config += '[[listener]]\naddress = "127.0.0.1:%d"\nprotocols = ["doh"]\ntls = "default"\n' % cls.doh_port
        cls.config += cls.files.table()
        super().setUpClass()

    def judge(self, port, path, *more, skipped=0):
        # It waits so long for what does not come; of what comes it waits for nothing.
        done = subprocess.run([self.need_program("h2spec"), "-h", "127.0.0.1", "-p", str(port), "-P", path, "--strict",
                               "-o", "10", *more], capture_output=True, text=True, timeout=900, check=False)
        counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
        self.assertIsNotNone(counts, done)
        tests, passed, left_out, failed = map(int, counts.groups())
        self.assertEqual((failed, left_out), (0, skipped), done.stdout)
        self.assertEqual(passed + left_out, tests)
        self.assertGreater(tests, 140)
        self.assertEqual(done.returncode, 0)

    def test_plain(self):
        self.judge(self.server.http_port, "/")

    def test_tls(self):
        self.judge(self.tls_port, "/", "-t", "-k")

    def test_a_body_larger_than_a_window(self):
        self.judge(self.server.http_port, "/v1/openapi.json")

    def test_a_body_smaller_than_a_case_wants(self):
        self.judge(self.server.http_port, "/healthz", skipped=1)

    def test_dns_over_https(self):
        self.judge(self.doh_port, QUESTION, "-t", "-k")
