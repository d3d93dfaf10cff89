"""The import commands: one file, lists, other servers' configurations, with and without a server."""
import http.client
import json
import os
import subprocess
import threading

import harness

HEAD = """$TTL 300
@ IN SOA ns1 hostmaster %d 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""


class Import(harness.WireTest):
    def write(self, name, text):
        path = os.path.join(self.server.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        return path

    def address(self, name):
        return self.server.ask(name, "A").data("A")

    def test_one_file(self):
        path = self.write("one.zone", "\ufeff" + (HEAD % 1 + "www A 192.0.2.1").replace("\n", "\r\n"))
        done = self.server.run("zone", "import", "one.example", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("one.example: 4 records, revision ", done.stdout)
        self.assertEqual(self.address("www.one.example."), ["192.0.2.1"])

        # An older serial is advanced, and that is said, with exit status 0.
        again = self.server.run("zone", "import", "one.example", path, "--json")
        self.assertEqual(again.returncode, 0, again)
        self.assertIn("warning: the serial 1 of one.example.", again.stderr)
        self.assertEqual(json.loads(again.stdout)["records"], 4)

        self.write("one.zone", HEAD % 9 + "www A 192.0.2.2\n")
        dry = self.server.run("zone", "import", "one.example", path, "--dry-run")
        self.assertEqual(dry.returncode, 0, dry)
        self.assertEqual(self.address("www.one.example."), ["192.0.2.1"])

    def test_more_at_a_time_than_the_server_takes(self):
        held = []
        for number in range(8):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port,
                                                    timeout=30)
            connection.putrequest("PUT", "/v1/zones/held%d.example" % number)
            connection.putheader("Authorization", "Bearer " + self.server.token)
            connection.putheader("Content-Type", "text/dns")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            held.append(connection)
        running = lambda: self.server.metrics().get("meridian_imports_running") == 8
        harness.wait_for(running, "eight imports")
        refused = self.server.http("PUT", "/v1/zones/late.example", HEAD % 1,
                                   {"Content-Type": "text/dns"})
        self.assertEqual((refused.status, refused.json["type"]), (503, "urn:meridian:busy"))
        self.assertEqual(refused.headers["retry-after"], "1")
        # The command waits and says so: with a file, and with what cannot be read twice.
        path = self.write("late.zone", HEAD % 1 + "www A 192.0.2.1\n")
        done = {}

        def late(name, file):
            with open(path, "rb") as text:
                done[name] = self.server.run("zone", "import", name, file, timeout=60, stdin=text)

        threads = [threading.Thread(target=late, args=one)
                   for one in (("late.example", path), ("later.example", "-"))]
        for thread in threads:
            thread.start()
        refusals = 'meridian_http_requests_total{method="PUT",route="/v1/zones/{zone}",code="503"}'
        harness.wait_for(lambda: self.server.metric(refusals) >= 3, "both to be told to wait")
        for connection in held:
            connection.close()
        for thread in threads:
            thread.join()
        for name, command in done.items():
            self.assertEqual(command.returncode, 0, command)
            self.assertIn("%s: waiting: the server takes in 8 zones at a time" % name,
                          command.stderr)
            self.assertEqual(command.stderr.count("waiting"), 1, command.stderr)
            self.assertEqual(self.address("www.%s." % name), ["192.0.2.1"])

    def test_a_bad_file_changes_nothing(self):
        path = self.write("bad.zone", HEAD % 1 + "www A 192.0.2.1\n")
        self.assertEqual(self.server.run("zone", "import", "bad.example", path).returncode, 0)
        self.write("bad.zone", HEAD % 2 + "www A 192.0.2.2\n" + "n A nonsense\n" * 25)
        done = self.server.run("zone", "import", "bad.example", path)
        self.assertEqual(done.returncode, 1, done)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 21, done.stderr)
        self.assertTrue(lines[0].startswith("meridian: %s:6: " % path), lines[0])
        self.assertTrue(lines[19].startswith("meridian: %s:25: " % path), lines[19])
        self.assertEqual(lines[20], "meridian: %s: 25 faults in the zone; nothing was changed" % path)
        self.assertEqual(self.address("www.bad.example."), ["192.0.2.1"])
        with_json = self.server.run("zone", "import", "bad.example", path, "--json")
        self.assertEqual((with_json.returncode, json.loads(with_json.stdout)["status"]), (1, 422))

        # What concerns the zone as a whole has its line too.
        self.write("bad.zone", HEAD % 2 + "www A 192.0.2.2\nc CNAME www\nc A 192.0.2.3\n")
        done = self.server.run("zone", "import", "bad.example", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(path + ":7: c.bad.example.: CNAME and other data", done.stderr)

        missing = self.server.run("zone", "import", "bad.example", path + ".not")
        self.assertEqual((missing.returncode, missing.stderr),
                         (1, "meridian: %s.not: cannot be read\n" % path))
        self.assertEqual(self.server.run("zone", "import", "bad.example").returncode, 2)
        self.assertEqual(self.server.run("zone", "import", "--offline", "x.test", path).returncode, 2)

    def test_lists(self):
        rows = []
        for i in range(300):
            path = self.write("list/%d.zone" % i, HEAD % 1 + "www A 192.0.2.%d\n" % (i % 256))
            rows.append("l%d.example\t%s\n" % (i, path))
        self.write("list/7.zone", HEAD % 1 + "www A nowhere\n")
        done = self.server.run("zone", "import", "--list", self.write("list/list", "".join(rows)))
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "299 zones imported, 1 refused\n")
        self.assertIn("list/7.zone:5: ", done.stderr)
        self.assertEqual(self.address("www.l299.example."), ["192.0.2.43"])
        self.assertEqual(self.address("www.l0.example."), ["192.0.2.0"])
        self.assertEqual(self.server.http("GET", "/v1/zones/l7.example").status, 404)

    def test_other_servers_configurations(self):
        zone = HEAD % 1 + "www A 192.0.2.7\n"
        self.write("etc/b1.zone", zone)
        self.write("etc/n1.zone", zone)
        named = self.write("etc/named.conf", 'options { directory "%s/etc"; };\n'
                           'zone "b1.example" { type primary; file "b1.zone"; };\n'
                           'zone "b2.example" { type secondary; file "b2.zone"; primaries { 192.0.2.1; }; };\n'
                           % self.server.dir)
        done = self.server.run("zone", "import", "--bind", named)
        self.assertEqual((done.returncode, done.stdout), (0, "1 zone imported\n"), done)
        self.assertIn("b2.example: not imported: type secondary", done.stderr)
        self.assertEqual(self.address("www.b1.example."), ["192.0.2.7"])
        nsd = self.write("etc/nsd.conf", 'server:\n  zonesdir: "%s/etc"\n'
                         'zone:\n  name: n1.example\n  zonefile: n1.zone\n' % self.server.dir)
        done = self.server.run("zone", "import", "--nsd", nsd)
        self.assertEqual((done.returncode, done.stdout), (0, "1 zone imported\n"), done)
        self.assertEqual(self.address("www.n1.example."), ["192.0.2.7"])

    def test_export_comes_back_the_same(self):
        text = HEAD % 1 + ("\\000\\255.x TXT \"a;\\\"\\\\b\" \"%s\"\n*.w TYPE65400 \\# 3 abcdef\n"
                           "s HTTPS 1 . alpn=h2,h3\nxn--mnchen-3ya LOC 52 22 23 N 4 53 32 E -2m\n"
                           % ("y" * 255)) + "".join("h%d A 192.0.2.1\n" % i for i in range(3000))
        self.server.import_zone("odd.example", text)
        first = self.server.run("zone", "export", "odd.example")
        self.assertEqual(first.returncode, 0, first)
        path = os.path.join(self.server.dir, "exported.zone")
        self.assertEqual(self.server.run("zone", "export", "odd.example", path).returncode, 0)
        with open(path, encoding="ascii") as exported:
            self.assertEqual(exported.read(), first.stdout)
        self.assertEqual(self.server.run("zone", "delete", "odd.example").returncode, 0)
        self.assertEqual(self.server.run("zone", "import", "odd.example", path).returncode, 0)
        second = self.server.run("zone", "export", "odd.example")
        self.assertEqual(second.stdout.splitlines()[1:], first.stdout.splitlines()[1:])
        self.assertEqual(len(first.stdout.splitlines()), 3008)

    def test_offline(self):
        other = harness.Server()
        self.addCleanup(other.stop)
        path = self.write("off.zone", HEAD % 1 + "$INCLUDE part.zone\n")
        self.write("part.zone", "www A 192.0.2.9\n")

        def offline(*arguments):
            return subprocess.run([harness.BINARY, "zone", "import", "--offline", "--data-dir",
                                   other.data_dir, *arguments], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60, check=False)

        done = offline("off.example", path)
        self.assertEqual((done.returncode, done.stdout), (0, "1 zone imported\n"), done)
        listed = self.write("off.list", "a.off.test\t%s\nb.off.test\t%s.not\n" % (path, path))
        done = offline("--list", listed, "--json")
        self.assertEqual(done.returncode, 1, done)
        document = json.loads(done.stdout)
        self.assertEqual((document["zones"], document["refused"], document["records"]), (1, 1, 4))
        self.assertIn("off.zone.not: cannot be read", done.stderr)
        other.start()
        self.assertEqual(other.ask("www.off.example.", "A").data("A"), ["192.0.2.9"])
        self.assertEqual(other.ask("www.a.off.test.", "A").data("A"), ["192.0.2.9"])
        # A store that a server has open is refused in one line.
        done = offline("off.example", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        # Over the network includes are refused.
        done = self.server.run("zone", "import", "inc.example", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("off.zone:5: $INCLUDE is not allowed here", done.stderr)
