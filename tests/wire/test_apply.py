"""Documents for Git: dump, diff and apply; and what shells complete."""
import http.server
import json
import os
import random
import subprocess
import tempfile
import threading

import harness
import peers
from harness import rrset_path

ZONES = int(os.environ.get("MERIDIAN_APPLY_ZONES", "200"))


def random_zone(rng, number):
    """A zone document with a bit of everything."""
    labels = ["www", "mail", "ns1", "ns2", "a.b.c", "*.wild", "x-%d" % number, "_sip._tcp", "\\046dot"]
    rrsets = [
        {"name": "@", "type": "SOA", "ttl": rng.choice([60, 3600]),
         "records": ["ns1 hostmaster %d 7200 900 1209600 60" % rng.randrange(1, 2 ** 32)]},
        {"name": "@", "type": "NS", "ttl": rng.choice([300, 86400]), "records": ["ns1", "ns2"][:rng.randrange(1, 3)]},
        {"name": "ns1", "type": "A", "ttl": 300, "records": ["192.0.2.1"]},
        {"name": "ns2", "type": "A", "ttl": 300, "records": ["192.0.2.2"]}]
    for label in rng.sample(labels, rng.randrange(len(labels))):
        if label in ("ns1", "ns2"):
            continue
        kind = rng.choice(["A", "AAAA", "TXT", "MX", "SRV", "CAA", "TYPE65280", "HTTPS", "weights"])
        records = {
            "A": ["192.0.2.%d" % i for i in rng.sample(range(256), rng.randrange(1, 4))],
            "AAAA": ["2001:db8::%x" % rng.randrange(65536)],
            "TXT": ['"%s" "a \\"quoted\\" one"' % ("t" * rng.randrange(200)), '"\\195\\164"'],
            "MX": ["10 mail", "20 mail.elsewhere.example."],
            "SRV": ["0 0 5060 www"],
            "CAA": ['0 issue "ca.example"'],
            "TYPE65280": ["\\# 3 010203"],
            "HTTPS": ["1 . alpn=h2,h3"],
            "weights": [{"data": "192.0.2.1", "weight": 3}, {"data": "192.0.2.9", "weight": 0}],
        }[kind]
        rrset = {"name": label, "type": "A" if kind == "weights" else kind, "ttl": rng.randrange(1000), "records": records}
        if kind == "weights":
            rrset["count"] = 2
        rrsets.append(rrset)
    zone = {"name": "zone%d.example" % number, "rrsets": rrsets}
    if rng.random() < 0.3:
        zone["comment"] = "Zürich, \"number\" %d" % number
    if rng.random() < 0.3:
        zone["soa_edit"] = rng.choice(["increment", "date", "epoch", "keep"])
    if rng.random() < 0.2:
        zone["view"] = rng.choice(["internal", "lab"])
    elif rng.random() < 0.3:
        zone["overlays"] = [{"view": "internal", "rrsets": [
            {"name": "www", "type": "A", "ttl": 5, "records": ["10.0.0.%d" % rng.randrange(256)]},
            {"name": "ns1", "type": "A", "hidden": True}]}]
    if rng.random() < 0.2:
        zone["policies"] = [{"name": "geo", "type": "ADDRESS", "ttl": 30, "rules": [
            {"id": "lan", "when": {"subnets": ["10.0.0.0/8"]}, "pools": ["lhr"]},
            {"id": "rest", "when": "any", "pools": ["fra", "lhr"]}]}]
    return zone


def everything(rng, zones):
    return {
        "views": [{"name": "internal", "recursion": False}, {"name": "lab"}],
        "networks": [{"prefix": "10.0.0.0/8", "view": "internal"}, {"prefix": "2001:db8::/32", "view": "lab"}],
        "maps": [{"id": "default", "databases": []}],
        "pools": [{"id": "fra", "coords": [50.1, 8.7], "min_up": 0.5, "select": {"method": "weighted", "count": 2},
                   "members": [{"id": "fra1", "A": "192.0.2.10", "weight": 60},
                               {"id": "fra2", "A": "192.0.2.11", "status": "drain"}]},
                  {"id": "lhr", "members": [{"id": "lhr1", "A": "192.0.2.20", "AAAA": "2001:db8::20"}]}],
        "zones": [random_zone(rng, number) for number in range(zones)],
    }


class Apply(harness.WireTest):
    def setUp(self):
        # Each test has a server that is empty.
        self.write("none.json", {"views": [], "networks": [], "maps": [], "monitors": [], "pools": [], "zones": []})
        self.done("apply", "-f", self.path("none.json"), "--prune")

    def path(self, name):
        return os.path.join(self.server.dir, name)

    def write(self, name, document):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(document if isinstance(document, str) else json.dumps(document))
        return self.path(name)

    def done(self, *arguments, server=None, status=0):
        ran = (server or self.server).run(*arguments, timeout=120)
        self.assertEqual(ran.returncode, status, ran)
        if status == 0:
            self.assertNotIn("Traceback", ran.stderr)
        return ran

    def test_a_dump_makes_an_empty_server_the_same(self):
        rng = random.Random(7)
        source = self.write("source.json", everything(rng, ZONES))
        self.done("apply", "-f", source, "-m", "from the test")
        self.assertEqual(self.server.must("GET", "/v1/changes?limit=1").json["items"][0]["message"], "from the test")
        first = self.done("dump").stdout
        self.assertEqual(len(json.loads(first)["zones"]), ZONES)
        self.assertEqual(self.done("dump").stdout, first)

        # Nothing is to be changed: by what was written by hand, nor by the dump.
        dumped = self.write("dumped.json", first)
        before = self.server.must("GET", "/v1/server").json["revision"]
        for documents in (source, dumped):
            self.assertEqual(self.done("diff", "-f", documents, "--prune").stdout, "")
            self.assertEqual(self.done("apply", "-f", documents, "--prune").stdout, "nothing to change\n")
        self.assertEqual(self.server.must("GET", "/v1/server").json["revision"], before)

        # Another server is made by it, in one change set; a tree of files does as well as one.
        tree = self.path("tree")
        self.done("dump", tree)
        self.assertEqual(len(os.listdir(os.path.join(tree, "zones"))), ZONES)
        for documents in (dumped, tree):
            other = harness.Server()
            try:
                other.start()
                self.done("diff", "-f", documents, server=other, status=1)
                self.done("apply", "-f", documents, server=other)
                self.assertEqual(self.done("dump", server=other).stdout, first)
                self.assertEqual(len(other.must("GET", "/v1/changes").json["items"]), 2)  # and the first token
            finally:
                other.stop()

    def test_documents_may_be_yaml(self):
        self.write("yaml/zones.yaml", """# what people write
views:
  - name: internal
zones:
  - name: yaml.example
    comment: "12"
    rrsets:
      - {name: "@", type: NS, ttl: 60, records: [ns.example.net.]}
      - name: www
        type: A
        ttl: 60
        records:
          - 192.0.2.1
""")
        self.write("yaml/more.yml", "pools:\n- id: p\n  members: [{id: one, A: 192.0.2.9}]\n")
        directory = self.path("yaml")
        self.done("apply", "-f", directory)
        self.assertEqual(self.server.must("GET", "/v1/zones/yaml.example").json["comment"], "12")
        self.assertEqual(self.done("diff", "-f", directory).stdout, "")
        broken = self.write("broken.yaml", "zones: [\n")
        self.assertRegex(self.done("apply", "-f", broken, status=1).stderr, r"broken\.yaml: line 2")

    def test_diff_tells_what_apply_does(self):
        zone = {"name": "d.example", "rrsets": [
            {"name": "@", "type": "NS", "ttl": 300, "records": ["ns.elsewhere."]},
            {"name": "www", "type": "A", "ttl": 60, "records": ["192.0.2.1"]}]}
        path = self.write("d.json", {"zones": [zone]})
        self.done("apply", "-f", path)
        self.assertEqual(self.server.ask("www.d.example.", "A").data(), ["192.0.2.1"])
        zone["rrsets"][1]["records"] = ["192.0.2.2"]
        zone["rrsets"].append({"name": "new", "type": "TXT", "ttl": 60, "records": ['"x"']})
        self.write("d.json", {"zones": [zone]})
        told = self.done("diff", "-f", path, status=1).stdout
        self.assertIn("- www.d.example.\t60\tIN\tA\t192.0.2.1\n+ www.d.example.\t60\tIN\tA\t192.0.2.2\n", told)
        self.assertIn("+ new.d.example.\t60\tIN\tTXT\t\"x\"\n", told)
        self.assertEqual(self.done("apply", "-f", path, "--dry-run").stdout, told)
        self.assertTrue(json.loads(self.done("diff", "-f", path, "--json", status=1).stdout)["changed"])
        self.assertEqual(self.server.ask("www.d.example.", "A").data(), ["192.0.2.1"])
        said = json.loads(self.done("apply", "-f", path, "--json").stdout)
        self.assertEqual((said["changed"], said["created"], said["updated"], said["removed"]), (True, 0, 1, 0))
        self.assertEqual(self.server.ask("www.d.example.", "A").data(), ["192.0.2.2"])
        self.done("diff", "-f", path)

    def test_what_cannot_be_is_told_with_its_place(self):
        zone = {"name": "f.example", "rrsets": [
            {"name": "@", "type": "NS", "ttl": 300, "records": ["ns.elsewhere."]},
            {"name": "www", "type": "A", "ttl": 60, "records": ["192.0.2.1"]},
            {"name": "www", "type": "CNAME", "ttl": 60, "records": ["x"]}]}
        path = self.write("f.json", {"zones": [zone]})
        for command, status in (("apply", 1), ("diff", 2)):
            ran = self.done(command, "-f", path, status=status)
            self.assertIn(path + ": f.example.: www.f.example. ", ran.stderr)
            self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)
        self.assertEqual(self.server.http("GET", "/v1/zones/f.example").status, 404)
        for text, fault in (("{", "line 1"), ('{"zones": 1}', "/zones: a list"), ('{"tokens": []}', "secrets")):
            ran = self.done("apply", "-f", self.write("f.json", text), status=1)
            self.assertIn(path + ": ", ran.stderr)
            self.assertIn(fault, ran.stderr)
        self.assertIn("no *.json", self.done("apply", "-f", os.path.dirname(self.write("empty/x", "")), status=1).stderr)
        self.done("apply", "-f", "/nonexistent", status=1)
        self.done("diff", "-f", "/nonexistent", status=2)
        self.done("apply", status=2)

    def test_a_tree_follows_the_server(self):
        path = self.write("t.json", {"zones": [
            {"name": name, "rrsets": [{"name": "@", "type": "NS", "ttl": 300, "records": ["ns.elsewhere."]}]}
            for name in ("one.example", "0/25.2.0.192.in-addr.arpa")]})
        self.done("apply", "-f", path)
        tree = self.path("followed")
        self.done("dump", tree)
        zones = os.path.join(tree, "zones")
        self.assertEqual(sorted(os.listdir(zones)), ["0%2F25.2.0.192.in-addr.arpa.json", "one.example.json"])
        self.assertEqual(sorted(os.listdir(tree)), ["maps.json", "monitors.json", "networks.json", "pools.json",
                                                    "views.json", "zones"])
        mine = self.write("followed/zones/mine.json", {"zones": []})
        self.server.must("DELETE", "/v1/zones/one.example")
        self.done("dump", tree)
        self.assertEqual(sorted(os.listdir(zones)), ["0%2F25.2.0.192.in-addr.arpa.json", "mine.json"])
        self.done("diff", "-f", tree, "--prune")
        os.remove(mine)
        self.server.must("DELETE", "/v1/zones/0%2F25.2.0.192.in-addr.arpa")
        self.done("dump", tree)
        self.assertEqual(os.listdir(zones), [])
        with open(os.path.join(tree, "zones.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"zones": []})
        self.assertIn("cannot be written", self.done("dump", "/proc/nonexistent", status=1).stderr)

    def test_a_zone_larger_than_a_change_set(self):
        rrsets = [{"name": "@", "type": "NS", "ttl": 300, "records": ["ns.elsewhere."]}]
        text = " ".join('"%s"' % (letter * 250) for letter in "abcd")
        rrsets += [{"name": "h%d" % i, "type": "TXT", "ttl": 60, "records": [text]} for i in range(4500)]
        policy = {"name": "geo", "type": "ADDRESS", "rules": [{"id": "rest", "when": "any", "pools": ["p"]}]}
        path = self.write("l.json", {
            "pools": [{"id": "p", "members": [{"id": "m", "A": "192.0.2.33"}]}],
            "zones": [{"name": "large.example", "comment": "much", "rrsets": rrsets, "policies": [policy]}]})
        self.assertIn("not tried", self.done("diff", "-f", path, status=1).stderr)
        self.done("apply", "-f", path)
        self.assertEqual(self.server.ask("h4499.large.example.", "TXT").rcode, "NOERROR")
        self.assertEqual(self.server.ask("geo.large.example.", "A").data(), ["192.0.2.33"])
        self.assertEqual(self.server.must("GET", "/v1/zones/large.example").json["comment"], "much")
        self.done("diff", "-f", path, "--prune")
        for rrset in rrsets[1:]:
            rrset["ttl"] = 61
        self.write("l.json", {"zones": [{"name": "large.example", "rrsets": rrsets, "policies": []}]})
        self.done("apply", "-f", path)
        self.assertEqual(self.server.ask("h7.large.example.", "TXT").answer[0].ttl, 61)
        self.assertEqual(self.server.ask("geo.large.example.", "A").rcode, "NXDOMAIN")
        self.done("diff", "-f", path)

    def test_a_zone_signed_elsewhere_goes_and_comes_whole(self):
        keygen, signzone = peers.program("dnssec-keygen"), peers.program("dnssec-signzone")
        if keygen is None or signzone is None:
            self.skipTest("dnssec-signzone is not installed")
        place = os.path.dirname(self.write("signed/plain", """$ORIGIN signed.example.
$TTL 300
@ IN SOA ns1 hostmaster 4 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
www 77 IN A 192.0.2.1
"""))
        subprocess.run([keygen, "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "signed.example"], cwd=place, check=True,
                       capture_output=True)
        subprocess.run([signzone, "-q", "-z", "-x", "-S", "-3", "-", "-H", "0", "-o", "signed.example", "-f", "signed",
                        "plain"], cwd=place, check=True, capture_output=True)
        self.done("zone", "import", "signed.example", os.path.join(place, "signed"))
        exported = lambda: self.done("zone", "export", "signed.example").stdout.split("\n", 1)[1]
        text = exported()
        dumped = self.write("signed.json", self.done("dump").stdout)
        self.done("diff", "-f", dumped)
        self.server.must("DELETE", "/v1/zones/signed.example")
        self.done("apply", "-f", dumped)
        self.assertEqual(exported(), text)
        self.done("diff", "-f", dumped)

    def test_members_of_pools(self):
        member = self.write("m.json", {"A": "192.0.2.44", "weight": 2})
        pool = self.write("p.json", {"members": [{"id": "one", "A": "192.0.2.43"}]})
        self.done("pool", "set", "fra", pool)
        self.done("member", "set", "fra", "two", member)
        self.done("pool", "drain", "fra", "one")
        self.assertEqual([json.loads(line) for line in self.done("member", "list", "fra").stdout.splitlines()], [
            {"id": "one", "A": "192.0.2.43", "status": "drain"}, {"id": "two", "A": "192.0.2.44", "weight": 2}])
        self.done("member", "set", "fra", "one", "--status", "obey")
        self.assertIn("status: obey\n", self.done("member", "show", "fra", "one").stdout)
        self.done("member", "delete", "fra", "one")
        self.done("member", "show", "fra", "one", status=1)
        self.done("member", "set", "fra", "two", status=2)
        self.done("member", "set", "fra", "two", "--status", "asleep", status=2)

    def test_what_is_not_built_is_refused_by_name(self):
        for command in ("explain", "trace"):
            self.assertEqual(self.done(command, "www.example", "A", status=1).stderr,
                             "meridian: %s is not built yet\n" % command)


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers by the list of its server, one after the other; remembers what was asked."""

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.command, self.path, dict(self.headers.items()), self.rfile.read(length)))
        status, kind, body = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Answers(harness.WireTest):
    """What the commands make of answers that a server gives when others write, too, or it is busy."""

    BUSY = (503, "application/problem+json", b'{"status":503,"detail":"busy"}')
    DUMP = (200, "application/x-ndjson", b'''{"kind":"dump","schema":1,"revision":9}
{"kind":"zones","revision":7,"document":{"name":"a.example.","soa_edit":"increment","comment":""}}
{"kind":"rrsets","zone":"a.example.","revision":7,"document":{"name":"a.example.","type":"NS","ttl":5,"records":["ns."]}}
''')
    LOST = (412, "application/problem+json", json.dumps({"status": 412, "detail": "x", "errors": [
        {"pointer": "/changes/0/body", "detail": "it was changed in the meantime, at revision 8"}]}).encode())

    @classmethod
    def setUpClass(cls):
        cls.server = None

    def meridian(self, answers, *arguments):
        """How the command ended, and what it asked."""
        with http.server.HTTPServer(("127.0.0.1", 0), Scripted) as scripted:
            scripted.answers, scripted.asked = list(answers), []
            thread = threading.Thread(target=scripted.serve_forever)
            thread.start()
            try:
                ran = subprocess.run([harness.BINARY, *arguments, "--server",
                                      "http://127.0.0.1:%d" % scripted.server_port], capture_output=True, text=True,
                                     timeout=60, check=False, env={**os.environ, "MERIDIAN_TOKEN": "t"})
            finally:
                scripted.shutdown()
                thread.join()
            return ran, scripted.asked

    def documents(self, comment, **more):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        path = os.path.join(place.name, "a.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"zones": [{"name": "a.example", "comment": comment, **more}]}, out)
        return path

    def test_a_busy_server_is_asked_again(self):
        ran, asked = self.meridian([self.BUSY, self.BUSY, self.DUMP], "dump")
        self.assertEqual((ran.returncode, len(asked)), (0, 3), ran)
        self.assertEqual([zone["name"] for zone in json.loads(ran.stdout)["zones"]], ["a.example."])
        ran, asked = self.meridian([self.BUSY] * 9, "dump")
        self.assertEqual((ran.returncode, len(asked)), (1, 5), ran)
        self.assertEqual(ran.stderr, "meridian: dump: busy\n")

    def test_a_change_is_sent_again_with_its_key(self):
        done = (200, "application/json", b'{"revision":10,"changed":true,"zones":["a.example."]}')
        ran, asked = self.meridian([self.DUMP, self.BUSY, done], "apply", "-f", self.documents("new"))
        self.assertEqual((ran.returncode, ran.stdout), (0, "0 created, 1 changed, 0 removed: revision 10\n"), ran)
        self.assertEqual([each[1] for each in asked], ["/v1/dump", "/v1/changes", "/v1/changes"])
        self.assertEqual(asked[1][2]["Idempotency-Key"], asked[2][2]["Idempotency-Key"])
        self.assertEqual(asked[1][3], asked[2][3])
        self.assertEqual(json.loads(asked[1][3])["changes"], [
            {"method": "PATCH", "path": "/v1/zones/a.example.", "if_match": '"7-j"', "body": {"comment": "new"}}])

    def test_who_was_there_before_is_not_overwritten(self):
        path = self.documents("new")
        ran, asked = self.meridian([self.DUMP, self.LOST], "apply", "-f", path)
        self.assertEqual((ran.returncode, len(asked)), (1, 2), ran)
        self.assertEqual(ran.stderr, "meridian: %s: a.example.: it was changed in the meantime, at revision 8; "
                                     "nothing was done: look at diff and apply again\n" % path)

    def test_a_policy_that_may_not_go_is_named(self):
        served = self.DUMP[2] + b'''{"kind":"policies","zone":"a.example.","revision":8,"document":''' \
            b'''{"name":"www.a.example.","type":"ADDRESS","ttl":30,"pools":["p"]}}\n'''
        refused = (403, "application/problem+json", json.dumps({"status": 403, "detail": "x", "errors": [
            {"pointer": "/changes/1", "detail": "the token t may not write this"}]}).encode())
        path = self.documents("", policies=[])
        ran, asked = self.meridian([(200, "application/x-ndjson", served), refused], "apply", "-f", path)
        self.assertEqual((ran.returncode, len(asked)), (1, 2), ran)
        self.assertEqual(ran.stderr, "meridian: %s: a.example.: policy www.a.example./ADDRESS: the token t may not "
                                     "write this\n" % path)

    def test_a_deletion_is_sent_again_only_if_it_was_not_done(self):
        gone = (200, "application/json", b'{"revision":2}')
        ran, asked = self.meridian([self.BUSY, gone], "zone", "delete", "a.example")
        self.assertEqual((ran.returncode, [each[0] for each in asked]), (0, ["DELETE"] * 2), ran)

    def test_what_is_no_dump_is_not_taken_for_one(self):
        for body in (b"nonsense\n", b'{"kind":"pools","revision":1}\n', b'{"kind":"rrsets","revision":1,"document":{}}\n'):
            strange = (200, "application/x-ndjson", b'{"kind":"dump","schema":1,"revision":9}\n' + body)
            for command in (["dump"], ["apply", "-f", self.documents("x")]):
                ran, _ = self.meridian([strange], *command)
                self.assertEqual((ran.returncode, ran.stderr.count("\n")), (1, 1), ran)
                self.assertIn("understood", ran.stderr)


class Completion(harness.WireTest):
    """bash completes what the command line reads."""

    @classmethod
    def setUpClass(cls):
        cls.server = None

    def complete(self, *words, directory=None):
        """What bash offers in place of the last word."""
        script = ('source <("$0" completion bash); complete -p meridian >/dev/null || exit 9; '
                  'COMP_WORDS=(meridian "$@"); COMP_CWORD=$#; _meridian; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run([self.need_program("bash"), "-c", script, harness.BINARY, *words], cwd=directory,
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout.split("\n")[:-1]

    def test_commands(self):
        self.assertEqual(self.complete("zo"), ["zone"])
        self.assertEqual(self.complete("zone", "im"), ["import"])
        self.assertEqual(self.complete("record", "re"), ["remove"])
        self.assertEqual(self.complete("zone", "nonsense", "im"), ["import"])
        for word in ("apply", "diff", "dump", "member", "completion", "feed"):
            self.assertIn(word, self.complete(""))
        self.assertNotIn("explain", self.complete(""))
        self.assertEqual(self.complete("--json", "zone", "sh"), ["show"])
        self.assertEqual(self.complete("--server", "zone", "zo"), ["zone"])  # it is the option's value

    def test_options_and_arguments(self):
        self.assertEqual(self.complete("zone", "import", "--of"), ["--offline"])
        self.assertEqual(self.complete("apply", "--pr"), ["--prune"])
        self.assertIn("--server", self.complete("zone", "list", "--"))
        self.assertEqual(self.complete("record", "set", "example.com", "www", "AA"), ["AAAA"])
        self.assertEqual(self.complete("record", "set", "example.com", "--ttl", "60", "www", "CN"), ["CNAME"])
        self.assertEqual(self.complete("member", "set", "p", "m", "--status", "d"), ["down", "drain"])
        self.assertEqual(self.complete("completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.complete("zone", "show", ""), [""])  # a zone's name: nobody knows it here

    def test_behind_a_further_command(self):
        """What stands before the second word of a command is no command, and what is of the first holds for both."""
        self.assertEqual(self.complete("changes", "--zone", "example.com", "re"), ["revert"])
        self.assertEqual(self.complete("changes", "--zone", "list", "re"), ["revert"])  # it is the option's value
        self.assertEqual(self.complete("changes", "list", "--zo"), ["--zone"])
        self.assertEqual(self.complete("changes", "revert", "--dr"), ["--dry-run"])
        self.assertEqual(self.complete("changes", "list", "--dr"), [""])
        self.assertEqual(self.complete("changes", "revert", "7", "li"), [""])  # there is no third
        self.assertEqual(self.complete("zone", "list", "zone", "im"), [""])
        self.assertEqual(self.complete("zone", "--json", "hist"), ["history"])
        self.assertEqual(self.complete("cache", "purge", "example.com", "--sub"), ["--subtree"])
        self.assertEqual(sorted(self.complete("job", "")), ["cancel", "list", "show"])
        offered = self.complete("changes", "list", "--")
        self.assertEqual(len(offered), len(set(offered)), offered)

    def test_files(self):
        directory = os.path.join(harness.ROOT, "tests", "wire")
        self.assertEqual(self.complete("zone", "import", "example.com", "test_app", directory=directory),
                         ["test_apply.py"])
        self.assertEqual(self.complete("apply", "-f", "test_app", directory=directory), ["test_apply.py"])
        self.assertEqual(self.complete("backup", "te", directory=harness.ROOT), ["tests"])

    def script(self, shell):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        done = subprocess.run([harness.BINARY, "completion", shell], capture_output=True, text=True, check=True)
        path = os.path.join(place.name, "script")
        with open(path, "w", encoding="utf-8") as out:
            out.write(done.stdout)
        return path

    def test_fish(self):
        program, path = self.need_program("fish"), self.script("fish")
        for line, wanted in (("meridian zone im", ["import"]), ("meridian --json zone sh", ["show"]),
                             ("meridian record set a www AA", ["AAAA"]), ("meridian apply --pr", ["--prune"]),
                             ("meridian member set p m --status d", ["down", "drain"]), ("meridian expl", [])):
            done = subprocess.run([program, "-c", "source '%s'; complete -C '%s'" % (path, line)], capture_output=True,
                                  text=True, timeout=30, check=True, env={**os.environ, "HOME": os.path.dirname(path)})
            self.assertEqual((sorted(each.split("\t")[0] for each in done.stdout.splitlines()), done.stderr), (wanted, ""))

    def test_zsh(self):
        subprocess.run([self.need_program("zsh"), "-n", self.script("zsh")], check=True, timeout=30)
