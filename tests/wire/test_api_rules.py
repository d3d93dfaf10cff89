"""What every resource of the API has in common, over both versions of HTTP; long work as jobs; the
metrics as Prometheus reads them."""
import json
import os
import re
import subprocess
import tempfile
import threading
import time

import harness
from harness import rrset_path
from websocket import WebSocket

HOSTS = 3000
ZONE = "\n".join(["$ORIGIN rules.example.", "$TTL 300", "@ IN SOA ns1 h 1 7200 900 1209600 60", "@ IN NS ns1",
                  "ns1 IN A 192.0.2.53"] + ["h%d IN A 192.0.2.1" % i for i in range(HOSTS)]) + "\n"
VERSIONS = (("--http1.1", "1.1"), ("--http2-prior-knowledge", "2"))


class Reply:
    def __init__(self, version, status, headers, body):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "HTTP/%s %d %s" % (self.version, self.status, self.body[:400])


class Curled(harness.WireTest):
    def curl(self, flag, method, path, body=None, headers=(), token=True, target=None):
        program = self.need_program("curl")
        with tempfile.NamedTemporaryFile(dir=self.server.dir) as out:
            command = [program, "-sS", flag, "--max-time", "60", "-D", out.name, "-H", "Expect:"]
            command += ["-I"] if method == "HEAD" else ["-X", method]
            if token:
                command += ["-H", "Authorization: Bearer " + self.server.token]
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers = ("Content-Type: application/json", *headers)
            if body is not None:
                command += ["--data-binary", "@-"]
                if not any(header.lower().startswith("content-type") for header in headers):
                    headers = ("Content-Type:", *headers)
            for header in headers:
                command += ["-H", header]
            if target:
                command += ["--request-target", target]
            command.append("http://127.0.0.1:%d%s" % (self.server.http_port, path))
            done = subprocess.run(command, input=(body or "").encode(), capture_output=True, timeout=90, check=False)
            self.assertEqual(done.returncode, 0, (method, path, done.stderr))
            with open(out.name, encoding="latin-1") as head:
                lines = head.read().splitlines()
        version, status = lines[0].split()[0].split("/")[1], int(lines[0].split()[1])
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                fields[name.lower()] = value.strip()
        return Reply(version, status, fields, b"" if method == "HEAD" else done.stdout)


class Rules(Curled):
    config = "[admin]\ndiagnostics = true\n"
    zones = {"rules.example": ZONE}

    def test_methods(self):
        for flag, version in VERSIONS:
            got = self.curl(flag, "GET", "/v1/zones")
            head = self.curl(flag, "HEAD", "/v1/zones")
            self.assertEqual((got.version, got.status, head.status), (version, 200, 200))
            for name in ("content-type", "content-length", "cache-control", "vary", "x-content-type-options"):
                self.assertEqual(head.headers.get(name), got.headers.get(name), name)
            self.assertEqual(got.headers["cache-control"], "no-store")
            self.assertTrue(got.headers["x-request-id"])
            self.assertEqual(self.curl(flag, "GET", "/v1/zones", headers=("X-Request-Id: mine-1",))
                             .headers["x-request-id"], "mine-1")
            options = self.curl(flag, "OPTIONS", "/v1/zones", token=False)
            self.assertEqual((options.status, options.headers["allow"]), (204, "GET, HEAD, OPTIONS, POST"))
            whole = self.curl(flag, "OPTIONS", "", token=False, target="*")
            self.assertEqual(whole.status, 204)
            refused = self.curl(flag, "DELETE", "/v1/zones")
            self.assertEqual((refused.status, refused.headers["allow"]), (405, "GET, HEAD, OPTIONS, POST"))
            self.assertEqual(self.curl(flag, "GET", "/v1/nothing").status, 404)
            self.assertEqual(self.curl(flag, "GET", "/v1/zones/rules.example/").status, 404)

    def test_refusals(self):
        path = rrset_path("rules.example", "refused", "A")
        good = {"ttl": 60, "records": ["192.0.2.1"]}
        for flag, _ in VERSIONS:
            def status(method, path, body=None, headers=(), token=True, flag=flag):
                answer = self.curl(flag, method, path, body, headers, token)
                if answer.status >= 400:
                    self.assertEqual(answer.headers["content-type"], "application/problem+json", answer)
                    self.assertEqual(answer.json["status"], answer.status)
                return answer
            anonymous = status("GET", "/v1/zones", token=False)
            self.assertEqual(anonymous.status, 401)
            self.assertTrue(anonymous.headers["www-authenticate"].startswith("Bearer"))
            self.assertEqual(status("GET", "/v1/zones", headers=("Accept: text/html",)).status, 406)
            self.assertEqual(status("GET", "/v1/zones?limit=%zz").status, 400)
            self.assertEqual(status("GET", "/v1/zones?limit=0").status, 422)
            self.assertEqual(status("GET", "/v1/zones?cursor=nonsense").status, 410)
            self.assertEqual(status("PUT", path, "{", ("Content-Type: application/json",)).status, 400)
            wrong = status("PUT", path, "x", ("Content-Type: text/plain",))
            self.assertEqual((wrong.status, wrong.headers["accept"]), (415, "application/json"))
            wrong = status("PUT", "/v1/zones/new.example", "x", ("Content-Type: text/plain",))
            self.assertEqual(wrong.status, 415)
            self.assertIn("text/dns", wrong.headers["accept"])
            self.assertEqual(status("PUT", path, {"ttl": 1, "x": "y" * (5 << 20)}).status, 413)
            faulty = status("PUT", path, {"ttl": -1, "records": ["x", "192.0.2.1", "y"], "colour": 1})
            self.assertEqual(faulty.status, 422)
            self.assertEqual({error["pointer"] for error in faulty.json["errors"]},
                             {"/ttl", "/records/0", "/records/2", "/colour"})
            self.assertEqual(status("POST", "/v1/zones", {"name": "rules.example", "ns": ["ns."]}).status, 409)
            self.assertEqual(status("PUT", path, good, ('If-Match: "1-j"',)).status, 412)
            self.assertEqual(status("DELETE", path).status, 404)

    def test_conditions(self):
        for flag, version in VERSIONS:
            path = rrset_path("rules.example", "c" + version[0], "A")
            body = {"ttl": 60, "records": ["192.0.2.1"]}
            made = self.curl(flag, "PUT", path, body, ("If-None-Match: *",))
            self.assertEqual(made.status, 201, made)
            self.assertIn("/rrsets/", made.headers["location"])
            revision = int(made.headers["meridian-revision"])
            self.assertEqual(self.curl(flag, "PUT", path, body, ("If-None-Match: *",)).status, 412)
            tag = self.curl(flag, "GET", path).headers["etag"]
            self.assertEqual(tag, made.headers["etag"])
            self.assertEqual(self.curl(flag, "GET", path, headers=("If-None-Match: " + tag,)).status, 304)
            body["records"] = ["192.0.2.2"]
            tried = self.curl(flag, "PUT", path + "?dry_run=true", body, ("If-Match: " + tag,))
            self.assertEqual(tried.status, 200)
            self.assertEqual(tried.json["operations"][0]["before"]["records"], ["192.0.2.1"])
            self.assertEqual(self.curl(flag, "GET", path).headers["etag"], tag)
            changed = self.curl(flag, "PUT", path, body, ("If-Match: " + tag.replace("-j", "-j-gzip"),))
            self.assertEqual(changed.status, 200, changed)
            self.assertRegex(changed.json["old_answer_until"], r"^20\d\d-")
            self.assertGreater(int(changed.headers["meridian-revision"]), revision)
            self.assertEqual(self.curl(flag, "PUT", path, body, ("If-Match: " + tag,)).status, 412)
            served = self.curl(flag, "GET", "/v1/changes/%s?wait=5" % changed.headers["meridian-revision"])
            self.assertEqual(served.status, 200)
            never = self.curl(flag, "GET", "/v1/changes/999999999?wait=1")
            self.assertEqual(never.status, 404)

    def test_pages(self):
        for flag, _ in VERSIONS:
            names, url, revision = set(), "/v1/zones/rules.example/rrsets?limit=1000", None
            while url:
                page = self.curl(flag, "GET", url)
                self.assertEqual(page.status, 200, page)
                link = re.match(r'<([^>]+)>; rel="next"', page.headers.get("link", ""))
                self.assertEqual(link and link.group(1), page.json["next"])
                url = page.json["next"]
                self.assertEqual(revision or page.json["revision"], page.json["revision"])
                revision = page.json["revision"]
                for item in page.json["items"]:
                    self.assertNotIn((item["name"], item["type"]), names)
                    names.add((item["name"], item["type"]))
                # What comes meanwhile is not in it.
                self.server.must("PUT", rrset_path("rules.example", "zz%d" % len(names), "A"),
                                 {"ttl": 60, "records": ["192.0.2.9"]})
            self.assertGreaterEqual(len(names), HOSTS + 3)
            self.assertNotIn(("zz%d.rules.example." % len(names), "A"), names)

    def test_diagnostics(self):
        for flag, _ in VERSIONS:
            body = os.urandom(300000).hex()
            echo = self.curl(flag, "POST", "/debug/echo", body, token=False)
            self.assertEqual((echo.status, echo.body.decode()), (200, body))
            self.assertEqual(self.curl(flag, "POST", "/debug/echo", "", token=False).body, b"")
            blob = self.curl(flag, "GET", "/debug/blob?bytes=3000000", token=False)
            self.assertEqual((blob.status, len(blob.body)), (200, 3000000))
        socket = WebSocket(("127.0.0.1", self.server.http_port), "/debug/ws", subprotocol=None)
        socket.send("hello")
        self.assertEqual(socket.receive(), "hello")
        socket.close()

    def test_exports_take_turns(self):
        """Many exports at once hold up nobody else."""
        counts, faults = [], []

        def export():
            try:
                answer = self.server.http("GET", "/v1/zones/rules.example", headers={"Accept": "text/dns"},
                                          timeout=120)
                counts.append(answer.body.count(b"\n"))
            except OSError as fault:
                faults.append(fault)
        before = self.server.metrics()["meridian_admin_loop_longest_turn_seconds"]
        threads = [threading.Thread(target=export) for _ in range(100)]
        for thread in threads:
            thread.start()
        longest = 0.0
        while any(thread.is_alive() for thread in threads):
            at = time.monotonic()
            self.assertEqual(self.server.http("GET", "/healthz", timeout=60).status, 200)
            longest = max(longest, time.monotonic() - at)
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.assertEqual(len(set(counts)), 1, counts)
        self.assertGreater(counts[0], HOSTS)
        turn = self.server.metrics()["meridian_admin_loop_longest_turn_seconds"]
        # All of them in one turn took seconds; what else may take long on a busy machine is less.
        self.assertLess(turn, max(before, 1.0), "the longest wait was %.3f s" % longest)


class LongWork(Curled):
    zones = {}

    def test_an_import_as_a_job(self):
        for flag, version in VERSIONS:
            name = "job%s.example" % version[0]
            accepted = self.curl(flag, "PUT", "/v1/zones/" + name, ZONE.replace("rules.example", name),
                                 ("Content-Type: text/dns", "Prefer: respond-async"))
            self.assertEqual((accepted.status, accepted.headers["preference-applied"]), (202, "respond-async"))
            job = accepted
            for _ in range(60):
                job = self.curl(flag, "GET", accepted.headers["location"] + "?wait=5")
                if job.json["result"]:
                    break
            self.assertEqual((job.json["state"], job.json["result"]["status"]), ("done", 201), job)
            self.assertEqual(job.json["result"]["body"]["records"], HOSTS + 3)
            self.assertEqual(self.server.ask("h7." + name + ".", "A").data(), ["192.0.2.1"])
        self.server.stop()
        self.server.start()
        gone = self.server.http("GET", accepted.headers["location"])
        self.assertEqual(gone.status, 404)
        self.assertIn("started anew", gone.json["detail"])
        self.assertEqual(self.server.ask("h7." + name + ".", "A").data(), ["192.0.2.1"])

    def test_a_backup_by_the_command_line(self):
        with tempfile.TemporaryDirectory(prefix="meridian-backup-") as place:
            done = self.server.run("backup", os.path.join(place, "one"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("backup of revision", done.stdout)
            self.assertTrue(os.path.exists(os.path.join(place, "one", "manifest")))
        listed = self.server.run("job", "list")
        self.assertIn("POST /v1/backup", listed.stdout)


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')


def exposition_faults(text):
    """What is wrong with a page of the Prometheus text format 0.0.4, as `promtool check metrics` has it."""
    faults, types, closed, current = [], {}, set(), None
    seen, buckets, counts = set(), {}, {}
    if not text.endswith("\n"):
        faults.append("the last line does not end")
    for line in text.splitlines():
        if line.startswith("# "):
            word, name, rest = (line[2:].split(" ", 2) + ["", ""])[:3]
            if word == "HELP":
                if name in closed or name == current:
                    faults.append("twice: " + line)
                closed.add(current)
                current = name
                if not rest:
                    faults.append("no help: " + line)
            elif word == "TYPE":
                if name != current or name in types or rest not in ("counter", "gauge", "histogram"):
                    faults.append("type: " + line)
                types[name] = rest
            continue
        match = SAMPLE.match(line)
        if not match:
            faults.append("no sample: " + line)
            continue
        name, labels = match.group(1), dict(LABEL.findall(match.group(2) or ""))
        kind = types.get(current)
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        if name not in [str(current) + suffix for suffix in suffixes]:
            faults.append("not of the family before it: " + line)
        key = (name, tuple(sorted(labels.items())))
        if key in seen:
            faults.append("twice: " + line)
        seen.add(key)
        try:
            value = float(match.group(3))
        except ValueError:
            faults.append("no number: " + line)
            continue
        if kind == "counter" and value < 0:
            faults.append("a counter below 0: " + line)
        series = (current, tuple(sorted(item for item in labels.items() if item[0] != "le")))
        if kind == "histogram" and name.endswith("_bucket"):
            buckets.setdefault(series, []).append((float(labels["le"]), value))
        if kind == "histogram" and name.endswith("_count"):
            counts[series] = value
    for series, list_ in buckets.items():
        if list_ != sorted(list_) or [b for _, b in list_] != sorted(b for _, b in list_):
            faults.append("buckets do not grow: %s" % (series,))
        if list_[-1][0] != float("inf") or list_[-1][1] != counts.get(series):
            faults.append("+Inf is not the count: %s" % (series,))
    return faults


class Metrics(harness.WireTest):
    zones = {"rules.example": ZONE}

    def test_prometheus_reads_them(self):
        for name in ("h1", "h2", "nobody"):
            self.server.ask(name + ".rules.example.", "A")
            self.server.ask_tcp(name + ".rules.example.", 65280)
        self.server.http("GET", '/v1/zones/%22%5C%0A', headers={"X-Request-Id": "x"})
        self.server.http("BREW", "/v1/zones")
        answer = self.server.must("GET", "/metrics")
        self.assertEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        text = answer.body.decode("utf-8")
        self.assertEqual(exposition_faults(text), [])
        self.assertGreater(len(text.splitlines()), 200)

    def test_the_check_finds_faults(self):
        good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"\\\"\\n\"} 1\na_total{x=\"b\"} 2\n"
        self.assertEqual(exposition_faults(good), [])
        for bad in (good[:-1], good.replace("x=\"b\"", "x=\"\\\"\\n\""), good.replace(" 2", " two"),
                    good.replace("a_total{x=\"b\"}", "b_total"), good.replace("{x=", "{1x="), good + good,
                    good.replace("counter", "number"), good.replace(" 1", " -1"),
                    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n",
                    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 3\n"):
            self.assertNotEqual(exposition_faults(bad), [], bad)
