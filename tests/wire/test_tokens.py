"""Tokens as an operator and an ACME client use them, over real connections."""
import gzip
import json
import os
import subprocess
import time

import harness
from harness import rrset_path

ZONE = """$ORIGIN tokens.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""


class Tokens(harness.WireTest):
    zones = {"tokens.example": ZONE}
    config = '[admin]\ncors_origins = ["https://panel.example"]\n'

    def make(self, name, **members):
        return self.server.must("POST", "/v1/tokens", {"name": name, **members}).json["secret"]

    def test_an_acme_client_proves_a_name_and_does_nothing_else(self):
        secret = self.make("acme", preset="acme", scopes=[{"zones": ["tokens.example."]}])
        proof = {"ttl": 60, "records": ['"proof"']}
        path = rrset_path("tokens.example", "_acme-challenge.www", "TXT")
        for flag in ("--http1.1", "--http2-prior-knowledge"):
            done = subprocess.run(
                [self.need_program("curl"), "-sS", flag, "-X", "PUT", "-H", "Authorization: Bearer " + secret,
                 "-H", "Content-Type: application/json", "-d", json.dumps(proof), "-w", "\n%{http_code}",
                 "http://127.0.0.1:%d%s" % (self.server.http_port, path)],
                capture_output=True, text=True, timeout=20, check=True)
            self.assertIn(done.stdout.rsplit("\n", 1)[1], ("200", "201"))
        self.assertEqual(self.server.ask("_acme-challenge.www.tokens.example.", "TXT").data(), ['"proof"'])
        for method, target, body in (
                ("PUT", rrset_path("tokens.example", "www", "A"), {"ttl": 60, "records": ["192.0.2.66"]}),
                ("DELETE", "/v1/zones/tokens.example", None),
                ("GET", "/v1/tokens", None),
                ("POST", "/v1/tokens", {"name": "more", "scopes": [{"verbs": ["write"]}]})):
            answer = self.server.http(method, target, body, token=secret)
            self.assertEqual(answer.status, 403, (method, target, answer))
        self.assertEqual(self.server.ask("www.tokens.example.", "A").data(), ["192.0.2.1"])
        self.assertEqual(self.server.http("DELETE", path, token=secret).status, 200)

    def test_a_token_outlives_the_server_and_ends_with_its_document(self):
        secret = self.make("lasting", scopes=[{"verbs": ["read"]}])
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.http("GET", "/v1/zones", token=secret).status, 200)
        self.server.must("DELETE", "/v1/tokens/lasting")
        self.assertEqual(self.server.http("GET", "/v1/zones", token=secret).status, 401)
        with open(os.path.join(self.server.data_dir, "store", "CURRENT"), encoding="ascii") as file:
            self.assertTrue(file.read())
        for folder, _, files in os.walk(os.path.join(self.server.data_dir, "store")):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(), name)

    def test_the_command_line_makes_tokens(self):
        document = os.path.join(self.server.dir, "token.json")
        with open(document, "w", encoding="utf-8") as out:
            json.dump({"scopes": [{"verbs": ["read"], "zones": ["tokens.example."]}]}, out)
        done = self.server.run("token", "set", "cli", document)
        self.assertEqual(done.returncode, 0, done.stderr)
        secret = done.stdout.strip()
        self.assertEqual(self.server.http("GET", "/v1/zones/tokens.example", token=secret).status, 200)
        self.assertEqual(self.server.http("GET", "/v1/views", token=secret).status, 403)
        shown = self.server.run("token", "show", "cli")
        self.assertIn("tokens.example.", shown.stdout)
        self.assertNotIn(secret, shown.stdout)
        self.assertEqual(self.server.run("token", "delete", "cli").returncode, 0)

    def test_refusals_are_on_disk_after_a_crash(self):
        self.assertEqual(self.server.http("DELETE", "/v1/zones/tokens.example", token="wrong",
                                          headers={"X-Request-Id": "crash-1"}).status, 401)
        for _ in range(100):
            if "crash-1" in self.server.must("GET", "/v1/audit").body.decode():
                break
            time.sleep(0.05)
        self.server.kill()
        self.server.start()
        entry = next(item for item in self.server.must("GET", "/v1/audit").json["items"]
                     if item.get("request_id") == "crash-1")
        self.assertEqual((entry["what"], entry["status"], entry["method"]), ("refused", 401, "DELETE"))
        mode = os.stat(os.path.join(self.server.data_dir, "audit.log")).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_codings_and_other_sites(self):
        lines = [ZONE] + ["h%d IN A 192.0.2.1" % i for i in range(2000)]
        self.server.import_zone("tokens.example", "\n".join(lines) + "\n")
        plain = self.server.must("GET", "/v1/zones/tokens.example", headers={"Accept": "text/dns"})
        coded = self.server.must("GET", "/v1/zones/tokens.example",
                                 headers={"Accept": "text/dns", "Accept-Encoding": "gzip"})
        self.assertEqual(coded.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(coded.body), plain.body)
        self.assertEqual(coded.etag, plain.etag[:-1] + '-gzip"')
        curl = self.need_program("curl")
        for flag in ("--http1.1", "--http2-prior-knowledge"):
            done = subprocess.run(
                [curl, "-sS", flag, "--compressed", "-H", "Accept: text/dns",
                 "-H", "Authorization: Bearer " + self.server.token,
                 "http://127.0.0.1:%d/v1/zones/tokens.example" % self.server.http_port],
                capture_output=True, timeout=20, check=True)
            self.assertEqual(done.stdout, plain.body, flag)
        preflight = self.server.http("OPTIONS", "/v1/zones/tokens.example", token=False, headers={
            "Origin": "https://panel.example", "Access-Control-Request-Method": "PUT"})
        self.assertEqual(preflight.status, 204)
        self.assertEqual(preflight.headers["access-control-allow-origin"], "https://panel.example")
        self.assertIn("PUT", preflight.headers["access-control-allow-methods"])

    def test_what_is_open_on_loopback_is_so_under_its_own_name(self):
        """A page whose name leads here by now (DNS rebinding) reads nothing, over either version of HTTP."""
        curl = self.need_program("curl")
        for host, status in (("127.0.0.1", "200"), ("localhost", "200"), ("rebound.example", "401"),
                             ("localhost.rebound.example", "401")):
            for flag in ("--http1.1", "--http2-prior-knowledge"):
                url = "http://%s:%d" % (host, self.server.http_port)
                common = [curl, "-sS", flag, "--noproxy", "*", "--resolve", "%s:%d:127.0.0.1" % (
                    host, self.server.http_port), "-H", "Origin: " + url, "-o", os.devnull, "-w", "%{http_code}"]
                for path, wanted in (("/metrics", status), ("/v1/zones", "401"), ("/v1/feed", "401"),
                                     ("/healthz", "200")):
                    done = subprocess.run([*common, url + path], capture_output=True, text=True, timeout=20, check=True)
                    self.assertEqual(done.stdout, wanted, (host, flag, path))
                done = subprocess.run([*common, "-H", "Authorization: Bearer " + self.server.token, url + "/metrics"],
                                      capture_output=True, text=True, timeout=20, check=True)
                self.assertEqual(done.stdout, "200", (host, flag))


class Guessing(harness.WireTest):
    """In a server of its own: afterwards nobody gets in from this address."""

    def test_who_guesses_is_locked_out(self):
        statuses = [self.server.http("GET", "/v1/zones", token="guess%d" % i).status for i in range(25)]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertEqual(statuses[20:], [429] * 5)
        answer = self.server.http("GET", "/v1/zones")
        self.assertEqual(answer.status, 429)
        self.assertGreater(int(answer.headers["retry-after"]), 0)
        # The admin socket is another door.
        self.assertEqual(self.server.run("zone", "list").returncode, 0)
        self.assertEqual(self.server.http("GET", "/healthz", token=False).status, 200)
