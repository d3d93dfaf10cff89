"""Zones and RRsets over HTTP: tokens, entity tags, HTTP/1.1 and HTTP/2, and what survives kill -9."""
import json
import os
import random
import subprocess
import threading
import time

import harness
from harness import rrset_path

ZONE = """$ORIGIN rest.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""
KILLS = int(os.environ.get("MERIDIAN_CRASH_ROUNDS", "100"))  # scripts/crash.sh: 200


class Rest(harness.WireTest):
    zones = {"rest.example": ZONE}

    def put(self, name, data, **headers):
        body = {"name": name + ".rest.example.", "type": "A", "ttl": 60, "records": data}
        return self.server.http("PUT", rrset_path("rest.example", name, "A"), body, headers)

    def test_server_tells_what_it_runs_with(self):
        told = self.server.http("GET", "/v1/server").json
        self.assertEqual(told["workers"], 2)
        self.assertTrue(told["ready"])

    def test_lists_zones(self):
        answer = self.server.must("GET", "/v1/zones")
        self.assertIn("rest.example.", [zone["name"] for zone in answer.json["items"]])
        zone = self.server.must("GET", "/v1/zones/rest.example").json
        self.assertEqual(zone["name"], "rest.example.")

    def test_exports_what_was_imported(self):
        answer = self.server.must("GET", "/v1/zones/rest.example", headers={"Accept": "text/dns"})
        self.assertTrue(answer.headers["content-type"].startswith("text/dns"))
        self.assertIn("192.0.2.53", answer.body.decode())

    def test_token_is_needed(self):
        for token in (False, "wrong", "x" * 500):
            answer = self.server.http("GET", "/v1/zones", token=token)
            self.assertEqual(answer.status, 401, token)
            self.assertIn("www-authenticate", answer.headers)
            self.assertEqual(answer.headers["content-type"], "application/problem+json")
            answer = self.server.http("DELETE", "/v1/zones/rest.example", token=token)
            self.assertEqual(answer.status, 401)
        self.assertEqual(self.server.http("GET", "/healthz", token=False).status, 200)

    def test_the_token_file_is_private(self):
        mode = os.stat(os.path.join(self.server.data_dir, "admin.token")).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_write_then_dns_has_it(self):
        answer = self.put("new", ["192.0.2.10", "192.0.2.11"])
        self.assertIn(answer.status, (200, 201), answer)
        self.assertIn("meridian-revision", answer.headers)
        response = self.server.ask("new.rest.example.", "A")
        self.assertEqual(response.data("A"), ["192.0.2.10", "192.0.2.11"])
        self.assertEqual(response.answer[0].ttl, 60)
        read = self.server.must("GET", rrset_path("rest.example", "new", "A")).json
        self.assertEqual((read["name"], read["type"], read["ttl"]), ("new.rest.example.", "A", 60))
        deleted = self.server.http("DELETE", rrset_path("rest.example", "new", "A"))
        self.assertIn(deleted.status, (200, 204), deleted)
        self.assertEqual(self.server.ask("new.rest.example.", "A").rcode, "NXDOMAIN")

    def test_the_next_query_sees_every_write(self):
        """From the acknowledgement on every worker answers from it."""
        for i in range(200):
            self.assertLess(self.put("counter", ["198.51.100.%d" % i]).status, 300)
            self.assertEqual(self.server.ask("counter.rest.example.", "A").data(), ["198.51.100.%d" % i])

    def test_serial_advances(self):
        before = int(self.server.ask("rest.example.", "SOA").answer[0].data.split()[2])
        self.put("serial", ["192.0.2.1"])
        after = int(self.server.ask("rest.example.", "SOA").answer[0].data.split()[2])
        self.assertGreater(after, before)

    def test_if_match(self):
        self.assertLess(self.put("tagged", ["192.0.2.1"]).status, 300)
        path = rrset_path("rest.example", "tagged", "A")
        tag = self.server.must("GET", path).etag
        self.assertRegex(tag, r'^"[0-9]+-j"$')
        self.assertEqual(self.server.http("GET", path, headers={"If-None-Match": tag}).status, 304)
        self.assertLess(self.put("tagged", ["192.0.2.2"], **{"If-Match": tag}).status, 300)
        stale = self.put("tagged", ["192.0.2.3"], **{"If-Match": tag})
        self.assertEqual(stale.status, 412, stale)
        self.assertEqual(self.server.ask("tagged.rest.example.", "A").data(), ["192.0.2.2"])
        # Creating only: the RRset is there already.
        again = self.put("tagged", ["192.0.2.3"], **{"If-None-Match": "*"})
        self.assertEqual(again.status, 412, again)

    def test_of_two_writers_with_one_tag_one_wins(self):
        self.put("race", ["192.0.2.1"])
        path = rrset_path("rest.example", "race", "A")
        for round_number in range(10):
            tag = self.server.must("GET", path).etag
            results = []

            def write(i, tag=tag, results=results, round_number=round_number):
                results.append(self.put("race", ["10.0.%d.%d" % (round_number, i)], **{"If-Match": tag}).status)
            threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(status < 300 for status in results), [False] * 3 + [True], results)

    def test_faults_are_told(self):
        answer = self.put("bad", ["not an address", "192.0.2.256"])
        self.assertEqual(answer.status, 422)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        text = answer.body.decode()
        self.assertIn("/records/0", text)
        self.assertIn("/records/1", text)
        self.assertEqual(self.server.ask("bad.rest.example.", "A").rcode, "NXDOMAIN")
        path = rrset_path("rest.example", "bad", "A")
        json_type = {"Content-Type": "application/json"}
        self.assertEqual(self.server.http("PUT", path, b"{", json_type).status, 400)
        self.assertEqual(self.server.http("PUT", path, b"{}", {"Content-Type": "text/plain"}).status, 415)
        self.assertEqual(self.server.http("GET", path).status, 404)
        self.assertEqual(self.server.http("GET", "/v1/zones/nobody.example").status, 404)
        refused = self.server.http("DELETE", "/metrics")
        self.assertEqual(refused.status, 405)
        self.assertIn("GET", refused.headers["allow"])

    def test_a_cname_beside_other_data_is_refused(self):
        body = {"name": "www.rest.example.", "type": "CNAME", "ttl": 60, "records": ["ns1.rest.example."]}
        answer = self.server.http("PUT", rrset_path("rest.example", "www", "CNAME"), body)
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual(self.server.ask("www.rest.example.", "A").data(), ["192.0.2.1"])

    def curl(self, *arguments):
        curl = self.need_program("curl")
        done = subprocess.run([curl, "-sS", "--max-time", "10", "-H", "Authorization: Bearer " + self.server.token,
                               "-w", "\n%{http_version} %{http_code}", *arguments],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, tail = done.stdout.rpartition("\n")
        return (body, *tail.split())

    def test_curl_http1_and_http2(self):
        base = "http://127.0.0.1:%d" % self.server.http_port
        for flag, version in (("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")):
            path = base + rrset_path("rest.example", "curl" + version[0], "A")
            document = json.dumps({"ttl": 60, "records": ["192.0.2.4"]})
            body, got, code = self.curl(flag, base + "/v1/zones")
            self.assertEqual((got, code), (version, "200"))
            self.assertIn("rest.example.", [zone["name"] for zone in json.loads(body)["items"]])
            _, got, code = self.curl(flag, "-X", "PUT", "-H", "Content-Type: application/json",
                                     "-d", document, path)
            self.assertEqual((got, code), (version, "201"))
            _, _, code = self.curl(flag, "-X", "PUT", "-H", "Content-Type: application/json",
                                   "-H", 'If-Match: "1-j"', "-d", document, path)
            self.assertEqual(code, "412")
            self.assertEqual(self.server.ask("curl%s.rest.example." % version[0], "A").data(), ["192.0.2.4"])

    def test_a_large_zone_over_http2(self):
        lines = ["$ORIGIN large.example.", "$TTL 300", "@ IN SOA ns1 h 1 2 3 4 5", "@ IN NS ns1",
                 "ns1 IN A 192.0.2.1"]
        lines += ["host%d IN A 10.%d.%d.%d" % (i, i >> 16, i >> 8 & 255, i & 255) for i in range(20000)]
        path = os.path.join(self.server.dir, "large.zone")
        with open(path, "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
        _, version, code = self.curl("--http2-prior-knowledge", "-T", path, "-H", "Content-Type: text/dns",
                                     "http://127.0.0.1:%d/v1/zones/large.example" % self.server.http_port)
        self.assertEqual(version, "2")
        self.assertIn(code, ("200", "201"))
        for i in (0, 1, 19999):
            self.assertEqual(self.server.ask("host%d.large.example." % i, "A").data(),
                             ["10.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255)])

    def test_a_faulty_master_file_names_its_line(self):
        path = os.path.join(self.server.dir, "faulty.zone")
        with open(path, "w", encoding="ascii") as out:
            out.write("$ORIGIN faulty.example.\n@ 300 IN SOA ns1 h 1 2 3 4 5\n@ 300 IN NS ns1\nwww 300 IN A nonsense\n")
        done = self.server.run("zone", "import", "faulty.example", path)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("4", done.stderr)
        self.assertEqual(self.server.http("GET", "/v1/zones/faulty.example").status, 404)

    def test_command_line(self):
        done = self.server.run("record", "set", "rest.example", "cli", "A", "--ttl", "77", "192.0.2.7", "192.0.2.8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.server.ask("cli.rest.example.", "A").data(), ["192.0.2.7", "192.0.2.8"])
        listed = self.server.run("record", "list", "rest.example", "cli")
        self.assertIn("192.0.2.8", listed.stdout)
        self.assertIn("rest.example.", self.server.run("zone", "list").stdout)
        self.assertEqual(self.server.run("record", "delete", "rest.example", "cli", "A").returncode, 0)
        self.assertEqual(self.server.ask("cli.rest.example.", "A").rcode, "NXDOMAIN")
        self.assertEqual(self.server.run("zone", "show", "nobody.example").returncode, 1)
        self.assertEqual(self.server.run("no-such-command").returncode, 2)

    def test_history_tells_who_changed_what(self):
        self.put("historic", ["192.0.2.1"])
        changes = self.server.must("GET", "/v1/changes").json["items"]
        self.assertTrue(changes)
        self.assertTrue(all("revision" in change for change in changes))

    def test_changes_are_undone(self):
        self.put("undone", ["192.0.2.1"])
        revision = self.put("undone", ["192.0.2.2"]).headers["meridian-revision"]
        dry = self.server.must("POST", "/v1/changes/%s/revert?dry_run=true" % revision).json
        self.assertIn("undone.rest.example.", [operation.get("name") for operation in dry["operations"]])
        self.assertEqual(self.server.ask("undone.rest.example.", "A").data(), ["192.0.2.2"])
        done = self.server.must("POST", "/v1/changes/%s/revert" % revision)
        self.assertEqual(self.server.ask("undone.rest.example.", "A").data(), ["192.0.2.1"])
        # What was changed since is in the way.
        conflict = self.server.http("POST", "/v1/changes/%s/revert" % revision)
        self.assertEqual(conflict.status, 409)
        self.assertTrue(all(error["pointer"].startswith("/operations/") for error in conflict.json["errors"]))
        # Redone by the command line.
        shown = self.server.run("changes", "show", done.headers["meridian-revision"])
        self.assertIn("- undone.rest.example.\t60\tIN\tA\t192.0.2.2", shown.stdout)
        self.assertIn("+ undone.rest.example.\t60\tIN\tA\t192.0.2.1", shown.stdout)
        redone = self.server.run("changes", "revert", done.headers["meridian-revision"])
        self.assertEqual(redone.returncode, 0, redone.stderr)
        self.assertEqual(self.server.ask("undone.rest.example.", "A").data(), ["192.0.2.2"])
        self.assertEqual(self.server.run("changes", "revert", "99999999").returncode, 1)
        self.assertEqual(self.server.run("changes", "revert").returncode, 2)


class Undo(harness.WireTest):
    """A deleted zone comes back whole, with what views and policies made of it."""
    zones = {"rest.example": ZONE}
    POLICY = {"ttl": 60, "rules": [{"id": "rest", "when": "any", "pools": ["fra"]}]}

    def serial(self):
        return int(self.server.ask("rest.example.", "SOA").data()[0].split()[2])

    def test_a_deleted_zone_comes_back(self):
        must = self.server.must
        must("PUT", "/v1/views/inside", {})
        must("PUT", "/v1/networks/127.0.0.1%2F32", {"view": "inside"})
        must("PUT", "/v1/pools/fra", {"members": [{"id": "m1", "A": "192.0.2.77"}]})
        must("PUT", "/v1/zones/rest.example/policies/geo/ADDRESS", self.POLICY)
        must("PUT", rrset_path("rest.example", "www", "A") + "?view=inside", {"ttl": 60, "records": ["10.0.0.1"]})
        good = must("GET", "/v1/server").json["revision"]
        serial = self.serial()

        def served():
            return (self.server.ask("www.rest.example.", "A").data(),
                    self.server.ask("ns1.rest.example.", "A").data(),
                    self.server.ask("geo.rest.example.", "A").data())
        before = served()
        self.assertEqual(before, (["10.0.0.1"], ["192.0.2.53"], ["192.0.2.77"]))

        done = self.server.run("record", "set", "rest.example", "www", "A", "--view", "inside", "10.0.0.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.import_zone("rest.example", ZONE.replace("192.0.2.53", "192.0.2.54"))
        self.assertEqual(self.server.run("zone", "delete", "rest.example").returncode, 0)
        self.assertEqual(self.server.http("GET", "/v1/zones/rest.example").status, 404)
        history = self.server.run("zone", "history", "rest.example")
        self.assertEqual(history.returncode, 0, history.stderr)
        self.assertGreaterEqual(len(history.stdout.splitlines()), 6, history.stdout)

        dry = self.server.run("zone", "revert", "rest.example", "--to", str(good), "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertIn("+ zone rest.example.", dry.stdout)
        self.assertEqual(self.server.http("GET", "/v1/zones/rest.example").status, 404)
        back = self.server.run("zone", "revert", "rest.example", "--to", str(good))
        self.assertEqual(back.returncode, 0, back.stderr)
        self.assertEqual(served(), before)
        self.assertGreater(self.serial(), serial)
        differs = self.server.run("zone", "diff", "rest.example", "--from", str(good))
        self.assertEqual({line.split()[1] for line in differs.stdout.splitlines()}, {"rest.example."},
                         differs.stdout)  # the SOA, for its serial
        listed = self.server.run("changes", "list", "--resource", "/v1/pools/fra", "--json")
        self.assertEqual(len(listed.stdout.splitlines()), 1, listed.stdout)
        # It is all still there after a crash.
        self.server.kill()
        self.server.start()
        self.assertEqual(served(), before)


class Durability(harness.WireTest):
    zones = {"rest.example": ZONE}

    def test_kill_9_keeps_what_was_acknowledged(self):
        body = {"ttl": 60, "records": ["192.0.2.200"]}
        self.server.must("PUT", rrset_path("rest.example", "kept", "A"), body)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.ask("kept.rest.example.", "A").data(), ["192.0.2.200"])
        self.assertEqual(self.server.ask("www.rest.example.", "A").data(), ["192.0.2.1"])

    def test_random_kill_9_during_acknowledged_writes(self):
        """Writers note what was acknowledged; after each kill all of it, whole, must be there."""
        rounds = 10 if harness.QUICK else KILLS
        chance = random.Random(20261121)
        acknowledged, lock = {}, threading.Lock()

        def write(writer, stop):
            number = 0
            while not stop.is_set():
                number += 1
                name = "w%d-%d" % (writer, number % 50)
                # Both types in one change set: half of it would show.
                value = acknowledged.get(name, 0) + 1
                ops = [{"op": "put", "name": name + ".rest.example.", "type": "A", "ttl": 60,
                        "records": ["10.%d.%d.%d" % (writer, value >> 8 & 255, value & 255)]},
                       {"op": "put", "name": name + ".rest.example.", "type": "TXT", "ttl": 60,
                        "records": ['"%d"' % value]}]
                try:
                    answer = self.server.http("PATCH", "/v1/zones/rest.example/rrsets", ops)
                    if answer.status < 300:
                        with lock:
                            acknowledged[name] = value
                    else:
                        faults.append(repr(answer))
                        return
                except (OSError, ValueError, harness.http.client.HTTPException):
                    return  # the kill; whether it was written is open
        faults = []
        for _ in range(rounds):
            stop = threading.Event()
            writers = [threading.Thread(target=write, args=(i, stop)) for i in range(3)]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.01, 0.15))
            self.server.kill()
            stop.set()
            for writer in writers:
                writer.join()
            self.assertEqual(faults, [])
            self.server.start()
            for name, value in acknowledged.items():
                text = self.server.ask(name + ".rest.example.", "TXT").data("TXT")
                address = self.server.ask(name + ".rest.example.", "A").data("A")
                self.assertEqual((len(text), len(address)), (1, 1), name)
                seen = int(text[0].strip('"'))
                # One write more may have reached the disk without its acknowledgement.
                self.assertIn(seen, (value, value + 1), name)
                self.assertEqual(address[0].split(".")[2:], [str(seen >> 8 & 255), str(seen & 255)])
                acknowledged[name] = seen
        self.assertGreater(sum(acknowledged.values()), rounds)
