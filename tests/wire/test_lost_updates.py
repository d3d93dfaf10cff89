"""Many writers of one record: with If-Match no update is lost, with an Idempotency-Key none is made twice."""
import http.client
import json
import os
import random
import subprocess
import threading

import harness
from harness import rrset_path

WRITERS = 16
ROUNDS = int(os.environ.get("MERIDIAN_UPDATE_ROUNDS", "800"))  # all writers together; 10000 for a release
PER_RRSET = 50  # records of each writer in one RRset, which has to fit into a message
OVER_HTTP2 = 4  # of the writers: each of their requests is a curl of its own, so they get a tenth

ZONE = """$ORIGIN updates.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
"""
PATH = rrset_path("updates.example", "sum", "TXT")


def document(number):
    return {"ttl": 60, "records": ['"%d"' % number]}


class Connection:
    """HTTP/1.1, kept alive."""

    def __init__(self, server):
        self.server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
        self.token = "Bearer " + server.token

    def request(self, method, path, body=None, headers=None):
        headers = {"Authorization": self.token, **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, body and json.dumps(body), headers)
        response = self.connection.getresponse()
        return response.status, response.getheader("etag"), response.read()

    def cut(self):
        """Goes away in the middle of what was asked."""
        self.connection.close()

    def close(self):
        self.connection.close()


class Curl:
    """HTTP/2 by prior knowledge, by somebody else's program."""

    def __init__(self, server, program):
        self.server, self.program = server, program

    def request(self, method, path, body=None, headers=None):
        command = [self.program, "-sS", "--http2-prior-knowledge", "-i", "-X", method, "--max-time", "30",
                   "-H", "Authorization: Bearer " + self.server.token,
                   "http://127.0.0.1:%d%s" % (self.server.http_port, path)]
        for key, value in (headers or {}).items():
            command += ["-H", "%s: %s" % (key, value)]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = subprocess.run(command, capture_output=True, timeout=40, check=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), fields.get("etag"), rest

    def close(self):
        pass


class LostUpdates(harness.WireTest):
    zones = {"updates.example": ZONE}

    def value(self, path=PATH):
        return int(self.server.must("GET", path).json["records"][0].strip('"'))

    def test_the_sum_is_exact(self):
        """Each writer reads a number and writes the next one, if nobody else did meanwhile."""
        curl = self.need_program("curl")
        self.server.must("PUT", PATH, document(0))
        lost = []

        def write(number):
            over_http2 = number < OVER_HTTP2
            client = Curl(self.server, curl) if over_http2 else Connection(self.server)
            left = max(1, ROUNDS // WRITERS // (10 if over_http2 else 1))
            conflicts = 0
            while left > 0:
                status, tag, body = client.request("GET", PATH)
                assert status == 200, body
                count = int(json.loads(body)["records"][0].strip('"'))
                status, _, body = client.request("PUT", PATH, document(count + 1), {"If-Match": tag})
                if status == 412:
                    conflicts += 1
                    continue
                assert status == 200, (status, body)
                left -= 1
                made.append(1)
            lost.append(conflicts)
            client.close()

        made = []
        threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(lost), WRITERS, "a writer failed")
        self.assertEqual(self.value(), len(made))
        self.assertGreater(sum(lost), 0, "nobody met anybody: the test tested nothing")
        self.assertEqual(self.server.ask("sum.updates.example.", "TXT").data(), ['"%d"' % len(made)])

    def test_what_is_sent_again_is_done_once(self):
        """Connections are cut at random; every request is sent again, with its key, until it is answered."""
        rounds = max(5, ROUNDS // WRITERS // 4)
        failed = []

        def write(number):
            try:
                rng = random.Random(number)
                for i in range(rounds):
                    record = '"writer %d round %d"' % (number, i)
                    body = [{"op": "add", "name": "log%d" % (i // PER_RRSET), "type": "TXT", "ttl": 60,
                             "records": [record]}]
                    headers = {"Idempotency-Key": "%d/%d" % (number, i)}
                    while True:
                        client = Connection(self.server)
                        if rng.random() < 0.4:
                            client.connection.request(
                                "PATCH", "/v1/zones/updates.example/rrsets", json.dumps(body),
                                {"Authorization": client.token, "Content-Type": "application/json", **headers})
                            client.cut()
                            continue
                        status, _, text = client.request("PATCH", "/v1/zones/updates.example/rrsets", body,
                                                         headers)
                        client.close()
                        if status == 200:
                            break
                        assert status == 409, (status, text)  # the one that was cut is still at work
            except Exception as error:  # pylint: disable=broad-except
                failed.append(error)

        before = len(self.changes())
        threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        held = []
        for number in range((rounds - 1) // PER_RRSET + 1):
            held += self.server.must("GET", rrset_path("updates.example", "log%d" % number, "TXT")).json["records"]
        self.assertEqual(len(held), WRITERS * rounds)
        self.assertEqual(len(self.changes()) - before, WRITERS * rounds)

    def changes(self):
        items, url = [], "/v1/changes?zone=updates.example&limit=1000"
        while url:
            page = self.server.must("GET", url).json
            items += page["items"]
            url = page["next"]
        return items
