"""Requests with an Idempotency-Key are done once, even if the server dies between them."""
import http.client
import random
import socket
import subprocess
import threading
import time

import harness

ROUNDS = 8


class Idempotency(harness.WireTest):
    def test_a_request_is_done_once_whenever_the_server_is_killed(self):
        self.server.must("POST", "/v1/zones", {"name": "once.example", "ns": ["ns1.once.example."]})
        rng = random.Random(5)
        replayed = 0
        for number in range(ROUNDS):
            body = [{"op": "add", "name": "n", "type": "TXT", "ttl": 60, "records": ['"%d"' % number]},
                    {"op": "put", "name": "last", "type": "TXT", "ttl": 60,
                     "records": ['"%d"' % rng.getrandbits(30)]}]
            headers = {"Idempotency-Key": "round %d" % number}
            first = []

            def send():
                try:
                    first.append(self.server.http("PATCH", "/v1/zones/once.example/rrsets", body,
                                                  headers))
                except (OSError, http.client.HTTPException):
                    pass  # it was killed before it answered
            sender = threading.Thread(target=send)
            sender.start()
            time.sleep(rng.uniform(0, 0.02))
            self.server.kill()
            sender.join()
            self.server.start()
            for _ in range(2):
                again = self.server.http("PATCH", "/v1/zones/once.example/rrsets", body, headers)
                self.assertEqual(again.status, 200, again)
                for answer in first:
                    self.assertEqual((again.status, again.body), (answer.status, answer.body))
                    self.assertEqual(again.headers["idempotency-replayed"], "true")
                replayed += again.headers.get("idempotency-replayed") == "true"
            changes = self.server.must("GET", "/v1/changes?zone=once.example").json["items"]
            self.assertEqual(len(changes), number + 2, changes)
            held = self.server.must("GET", harness.rrset_path("once.example", "n", "TXT")).json
            self.assertEqual(sorted(held["records"]), sorted('"%d"' % n for n in range(number + 1)))
        self.assertGreaterEqual(replayed, ROUNDS)

    def test_the_command_line_sends_again_what_was_not_answered(self):
        """A server that goes away in the middle of a request gets the same one, with its key."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        heads = []

        def serve():
            for _ in range(2):
                connection, _address = listener.accept()
                with connection:
                    heads.append(connection.recv(65536).decode())
                    if len(heads) == 2:
                        answer = b'{"revision":7,"changed":true}'
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                           b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
                                           % (len(answer), answer))
        server = threading.Thread(target=serve)
        server.start()
        done = subprocess.run([harness.BINARY, "record", "add", "x.example", "www", "A", "192.0.2.1",
                               "--server", "http://127.0.0.1:%d" % listener.getsockname()[1]],
                              capture_output=True, text=True, timeout=30, check=False)
        server.join()
        self.assertEqual(done.returncode, 0, done)
        keys = [line for head in heads for line in head.split("\r\n")
                if line.lower().startswith("idempotency-key: ")]
        self.assertEqual(len(keys), 2, heads)
        self.assertEqual(keys[0], keys[1])
