"""A backup taken while writes go on, brought back into a second server."""
import os
import shutil
import subprocess
import tempfile
import threading

import harness
from harness import rrset_path


class Backup(harness.WireTest):
    zones = {"backup.example": """$ORIGIN backup.example.
$TTL 300
@ IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.53
"""}

    def put(self, name, value):
        body = {"name": name + ".backup.example.", "type": "TXT", "ttl": 60, "records": ['"%s"' % value]}
        return self.server.http("PUT", rrset_path("backup.example", name, "TXT"), body)

    def test_comes_back_with_everything_acknowledged(self):
        place = tempfile.mkdtemp(prefix="meridian-backup-")
        self.addCleanup(shutil.rmtree, place, True)
        acknowledged = []
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                if self.put("n%d" % number, number).status == 201:
                    acknowledged.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        harness.wait_for(lambda: len(acknowledged) > 20, "some writes")
        before = len(acknowledged)
        directory = os.path.join(place, "one")
        answer = self.server.http("POST", "/v1/backup", {"directory": directory})
        self.assertEqual(answer.status, 201, answer)
        harness.wait_for(lambda: len(acknowledged) > before, "writes after the backup")
        stop.set()
        writer.join()
        self.assertGreaterEqual(answer.json["revision"], before)

        second = harness.Server()
        self.addCleanup(second.stop)
        store = os.path.join(second.data_dir, "store")
        shutil.rmtree(store, True)
        done = subprocess.run([harness.BINARY, "restore", directory, "--data-dir", second.data_dir],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("restored revision", done.stdout)
        second.start()
        for number in acknowledged[:before]:
            response = second.ask("n%d.backup.example." % number, "TXT")
            self.assertEqual(response.data("TXT"), ['"%d"' % number])
        # Tokens are in the store: the first server's is good here too.
        status = second.http("GET", "/v1/server", token=self.server.token)
        self.assertGreaterEqual(status.json["revision"], answer.json["revision"])
        # Without a directory it goes where `serve` keeps its data.
        place = os.path.join(self.server.dir, "elsewhere")
        os.mkdir(place)
        done = subprocess.run([harness.BINARY, "restore", directory], cwd=place,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.isdir(os.path.join(place, "meridian-data", "store")))
        # Not over a store that is there.
        again = subprocess.run([harness.BINARY, "restore", directory, "--data-dir", second.data_dir],
                               capture_output=True, text=True)
        self.assertEqual(again.returncode, 1)
        self.assertIn("exists", again.stderr)

    def test_where_it_may_not_go(self):
        for directory, status in (("relative", 422), (self.server.data_dir + "/inside", 422),
                                  ("/nonexistent/parent/x", 422), ("/tmp", 409)):
            answer = self.server.http("POST", "/v1/backup", {"directory": directory})
            self.assertEqual(answer.status, status, directory)
            self.assertEqual(answer.json["errors"][0]["pointer"], "/directory", answer.json)
        self.assertEqual(self.server.http("POST", "/v1/backup", {}).status, 422)
