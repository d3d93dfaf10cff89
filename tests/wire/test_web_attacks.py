"""Clients that use HTTP against the server, from many addresses, while another one is served all along."""
import concurrent.futures
import contextlib
import random
import select
import socket
import threading
import time

import harness
import http2_frames as h2

CLIENTS = 400
SECONDS = 2.0  # that slow readers are looked at, at least
TIMES = 6  # that the honest client is served beside an attack, at least
MAX_GROWTH = 64 << 20
MAX_HELD = 33 << 20  # HttpLimits::max_held, and what came at that moment
MAX_WAIT_S = 30.0  # of a machine that does much else; what is refused or starved waits for ever


def connect(port, number):
    """From an address of its own: limits are counted for each. Segments are small, so that the kernel takes little of
    what nobody reads."""
    connection = socket.socket()
    connection.bind(("127.1.%d.%d" % (number >> 8, number & 255), 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    return connection


class Attacked(harness.WireTest):
    zones = {"attacked.example": "$ORIGIN attacked.example.\n@ 300 IN SOA ns1 h 1 2 3 4 5\n@ 300 IN NS ns1\n"
             "ns1 300 IN A 192.0.2.1\n" + "".join("h%d 300 IN TXT \"%s\"\n" % (i, "x" * 200)
                                                   for i in range(5000))}

    def while_served(self, attack):
        """Runs the attack beside an honest client; gives how the attackers fared. They stay until the client was
        served, and each of its requests has to be answered."""
        self.server.must("GET", "/v1/zones")
        before = self.server.resident()
        waits, peak, over = [], [before], threading.Event()

        def honest():
            while not over.is_set() or len(waits) < TIMES:
                start = time.monotonic()
                self.server.must("GET", "/v1/zones/attacked.example", timeout=MAX_WAIT_S)
                waits.append(time.monotonic() - start)
                peak.append(self.server.resident())
                time.sleep(0.05)

        with contextlib.ExitStack() as connections, concurrent.futures.ThreadPoolExecutor(1) as pool:
            served = pool.submit(honest)
            try:
                outcomes = attack([connections.enter_context(connect(self.server.http_port, i))
                                   for i in range(CLIENTS)])
            finally:
                over.set()
            served.result()
        self.assertLess(max(waits), MAX_WAIT_S, "the honest client waited")
        self.assertLess(max(peak) - before, MAX_GROWTH)
        return outcomes

    @staticmethod
    def drip(connections, piece):
        """Sends a piece to each now and then, until all are closed; gives what each has heard, and who is left."""
        rng = random.Random(7)
        end = time.monotonic() + MAX_WAIT_S
        heard = {connection: b"" for connection in connections}
        open_ones = set(connections)
        for connection in connections:
            connection.setblocking(False)
        while time.monotonic() < end and open_ones:
            for connection in rng.sample(sorted(open_ones, key=id), max(1, len(open_ones) // 8)):
                try:
                    connection.send(piece)
                except OSError:
                    pass  # what it has heard tells more
            for connection in list(open_ones):
                try:
                    data = connection.recv(4096)
                    heard[connection] += data
                    if not data:
                        open_ones.discard(connection)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.discard(connection)
            time.sleep(0.05)
        return heard, open_ones

    def bodies_that_come_as(self, piece):
        """Each begins to write an RRset, or a zone, and goes on with such pieces."""
        targets = ((harness.rrset_path("attacked.example", "slow", "A"), "application/json"),
                   ("/v1/zones/slow.example", "text/dns"))

        def attack(connections):
            for number, connection in enumerate(connections):
                connection.sendall((
                    "PUT %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\n"
                    "Content-Length: 100000\r\n\r\n" % (*targets[number % 2], self.server.token)).encode())
            return self.drip(connections, piece)
        heard, left = self.while_served(attack)
        self.assertEqual(len(left), 0, "slow bodies are still open")
        # Of the zones most are refused at once: so many are not taken in at a time.
        self.assertGreaterEqual(sum(b" 408 " in answer for answer in heard.values()), CLIENTS // 2)
        for path, _ in targets:
            self.assertEqual(self.server.http("GET", path).status, 404)


class SlowBodies(Attacked):
    """What ends them is their rate: they would be waited for longer."""

    config = "[admin]\nbody_grace_ms = 1500\nbody_timeout_ms = %d\n" % (MAX_WAIT_S * 2000)

    def test_bodies_that_drip(self):
        self.bodies_that_come_as(b" ")


class WebAttacks(Attacked):
    config = """[admin]
head_timeout_ms = 1500
body_timeout_ms = 1500
idle_timeout_ms = 1500
"""

    def held_until_they_make_room(self):
        """What is held for readers who take nothing, at most: until the first of them are closed for it, and on."""
        held, begin = [], time.monotonic()

        def closed():
            hits = self.server.limit_hits("http_slow_readers")
            held.append(self.server.metric("meridian_http_held_bytes"))
            return hits > self.slow_readers and time.monotonic() > begin + SECONDS
        harness.wait_for(closed, "who reads nothing makes room", MAX_WAIT_S)
        return max(held)

    def setUp(self):
        self.slow_readers = self.server.limit_hits("http_slow_readers")

    def test_slow_heads(self):
        def attack(connections):
            for connection in connections:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            return self.drip(connections, b"X-A: b\r\n")
        heard, left = self.while_served(attack)
        self.assertEqual(len(left), 0, "slow heads are still open")
        self.assertTrue(any(b" 408 " in answer for answer in heard.values()))

    def test_bodies_that_do_not_come(self):
        self.bodies_that_come_as(b"")

    def test_slow_readers(self):
        """Each asks for a zone of a megabyte several times, and takes none of it."""
        head = (b"GET /v1/zones/attacked.example HTTP/1.1\r\nHost: a\r\nAccept: text/dns\r\n"
                b"Authorization: Bearer %s\r\n\r\n")

        def attack(connections):
            for connection in connections[:150]:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(head % self.server.token.encode() * 16)  # more than the kernel holds
            return self.held_until_they_make_room()
        held = self.while_served(attack)
        self.assertGreater(held, MAX_HELD // 4, "they are not stuck")
        self.assertLess(held, MAX_HELD)

    def test_readers_that_open_no_window(self):
        """HTTP/2: each may have 128 requests open, and takes nothing of the answers. No token is needed."""
        asked = b"".join(h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, 2 * k + 1,
                                  h2.request("GET", "/v1/openapi.json")) for k in range(128))

        def attack(connections):
            for connection in connections[:40]:
                connection.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0,
                                                         h2.settings((h2.INITIAL_WINDOW_SIZE, 0))) + asked)
            return self.held_until_they_make_room()
        self.assertLess(self.while_served(attack), MAX_HELD)

    def test_heads_that_swell(self):
        """60 octets on the wire are 60 kB of a head that waits for its body, and 128 of them may be open."""
        head = h2.request("POST", "/v1/session", ("content-type", "application/json"))
        field = b"\x40" + h2.string(b"x-a") + h2.string(b"v" * 4000)  # into the table, where it is 62

        def attack(connections):
            for connection in connections[:32]:
                connection.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) +
                                   h2.frame(h2.HEADERS, h2.END_HEADERS, 1, head + field))
            held = []
            for k in range(1, 64):
                for connection in connections[:32]:
                    try:
                        connection.sendall(h2.frame(h2.HEADERS, h2.END_HEADERS, 2 * k + 1, head + b"\xbe" * 15))
                    except OSError:
                        pass  # it had to make room
                if k % 4 == 0:
                    held.append(self.server.metric("meridian_http_held_bytes"))
            return max(held)
        held = self.while_served(attack)
        self.assertGreater(held, 1 << 20, "no head waited")
        self.assertLess(held, MAX_HELD)

    def test_bodies_of_strangers(self):
        """Who logs in sends little. Much is refused at once; many who send little wait for each other alone."""
        begun = [h2.frame(h2.HEADERS, h2.END_HEADERS, 2 * k + 1,
                          h2.request("POST", "/v1/session", ("content-type", "application/json")))
                 for k in range(120)]
        some = [h2.frame(h2.DATA, 0, 2 * k + 1, b" " * 4000) for k in range(120)]

        def attack(connections):
            greedy = h2.Connection(connections[0])
            greedy.send(begun[0], h2.frame(h2.DATA, 0, 1, b" " * 5000))
            refused = h2.status_of(greedy.expect(lambda each: each.kind == h2.HEADERS, "an answer").payload)
            for connection in connections[1:30]:
                connection.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) +
                                   b"".join(begun[k] + some[k] for k in range(120)))
            written = [self.server.must("PUT", harness.rrset_path("attacked.example", "w%d" % i, "A"),
                                        {"ttl": 60, "records": ["192.0.2.7"]}).status for i in range(20)]
            return refused, written
        refused, written = self.while_served(attack)
        self.assertEqual(refused, 413)
        self.assertEqual(set(written) - {200, 201}, set())

    def test_oversized_everything(self):
        cases = [(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", (b"414", b"431", b"400")),
                 (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100000 + b"\r\n\r\n", (b"431", b"400")),
                 (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 1000 + b"\r\n", (b"431", b"400")),
                 (b"POST /v1/zones HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                  b"Authorization: Bearer %s\r\nContent-Length: 99999999999999999999\r\n\r\n"
                  % self.server.token.encode(), (b"413", b"400"))]

        def attack(connections):
            answers = []
            for number, connection in enumerate(connections):
                octets, wanted = cases[number % len(cases)]
                try:
                    connection.sendall(octets)
                    answer = connection.recv(65536)
                    if answer:  # else it idled for too long before its turn came
                        answers.append((answer.split(b" ")[1], wanted))
                except OSError:
                    pass  # closed before all of it was sent, which is an answer too
            return answers
        answers = self.while_served(attack)
        self.assertGreater(len(answers), 0)
        for status, wanted in answers:
            self.assertIn(status, wanted)


class SteadyBodies:
    """Sends bodies that come all the time, so that no pause of them is long, for three seconds."""

    zones = {"rates.example": "$ORIGIN rates.example.\n@ 300 IN SOA ns1 h 1 2 3 4 5\n@ 300 IN NS ns1\n"
             "ns1 300 IN A 192.0.2.1\n"}
    EVERY_S = 0.05
    BODY = b'{"ttl": 60, "records": ["192.0.2.7"]}'

    def fields(self, name, size):
        return (harness.rrset_path("rates.example", name, "A"),
                (("authorization", "Bearer " + self.server.token), ("content-type", "application/json"),
                 ("content-length", str(size))))

    def pieces(self, octets):
        """So many every 50 ms; the last are the document, and before it is white space."""
        body = self.BODY.rjust(octets * 60)
        for at in range(0, len(body), octets):
            yield body[at:at + octets]
            time.sleep(self.EVERY_S)

    def over_http1(self, name, octets):
        """The status, and after how many seconds."""
        path, fields = self.fields(name, octets * 60)
        with connect(self.server.http_port, 1) as connection:
            connection.sendall("".join(
                ["PUT %s HTTP/1.1\r\nhost: a\r\n" % path] + ["%s: %s\r\n" % each for each in fields]
                + ["\r\n"]).encode())
            start = time.monotonic()
            for piece in self.pieces(octets):
                connection.sendall(piece)
                if select.select([connection], [], [], 0)[0]:
                    break
            return int(connection.recv(65536).split(b" ")[1]), time.monotonic() - start

    def over_http2(self, name, octets):
        path, fields = self.fields(name, octets * 60)
        connection = h2.Connection(connect(self.server.http_port, 1))
        self.addCleanup(connection.close)
        connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request("PUT", path, *fields)))
        start = time.monotonic()
        for piece in self.pieces(octets):
            connection.send(h2.frame(h2.DATA, 0, 1, piece))
            if select.select([connection.sock], [], [], 0)[0]:
                each = connection.next()
                if each.kind == h2.HEADERS:
                    connection.lives()  # the others of this connection are not concerned
                    return h2.status_of(each.payload), time.monotonic() - start
        connection.send(h2.frame(h2.DATA, h2.END_STREAM, 1))
        return connection.status(), time.monotonic() - start


class BodyRates(SteadyBodies, harness.WireTest):
    config = "[admin]\nbody_grace_ms = 1000\nmin_body_rate = 2000\n"

    def test_a_body_that_drips_is_refused_after_the_grace(self):
        timeouts = self.server.limit_hits("http_timeouts")
        for over in (self.over_http1, self.over_http2):
            with self.subTest(over=over.__name__):
                status, took = over("slow", 1)
                self.assertEqual(status, 408)
                self.assertGreaterEqual(took, 0.9)
        self.assertEqual(self.server.limit_hits("http_timeouts"), timeouts + 2)
        self.assertEqual(self.server.http("GET", harness.rrset_path("rates.example", "slow", "A")).status, 404)

    def test_a_body_that_keeps_its_rate_is_served(self):
        """Three times the rate, and long after the grace."""
        for over in (self.over_http1, self.over_http2):
            with self.subTest(over=over.__name__):
                status, took = over(over.__name__.replace("_", "-"), 300)
                self.assertEqual(status, 201)
                self.assertGreater(took, 2.5)


class AnyBodyRate(SteadyBodies, harness.WireTest):
    config = "[admin]\nbody_grace_ms = 100\nmin_body_rate = 0\n"

    def test_a_body_that_drips_has_all_the_time_there_is(self):
        for over in (self.over_http1, self.over_http2):
            with self.subTest(over=over.__name__):
                status, took = over(over.__name__.replace("_", "-"), 1)
                self.assertEqual(status, 201)
                self.assertGreater(took, 2.5)


class BodyTotals(SteadyBodies, harness.WireTest):
    config = "[admin]\nmin_body_rate = 0\nbody_total_ms = 1000\n"

    def test_a_body_has_its_time_whatever_its_rate(self):
        for over in (self.over_http1, self.over_http2):
            with self.subTest(over=over.__name__):
                status, took = over("long", 300)
                self.assertEqual(status, 408)
                self.assertGreaterEqual(took, 0.9)


class Sizes(harness.WireTest):
    config = "[admin]\nmax_head_octets = 4096\nmax_zone_mb = 1\n"

    def test_heads(self):
        for octets, status in ((3000, 200), (5000, 431)):
            field = ("x-filler", "f" * octets)
            self.assertEqual(self.server.http("GET", "/healthz", headers=dict((field,))).status, status)
            connection = h2.Connection(connect(self.server.http_port, 1))
            self.addCleanup(connection.close)
            connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1,
                                     h2.request("GET", "/healthz", field)))
            self.assertEqual(connection.status(), status)

    def test_zones(self):
        lines = ["@ 60 IN SOA ns h 1 2 3 4 60", "@ 60 IN NS ns", "ns 60 IN A 192.0.2.1"]
        for count, status in ((100, 201), (40000, 413)):
            zone = "\n".join(lines + ["n%d 60 IN A 192.0.2.2 ; %s" % (i, "c" * 20) for i in range(count)])
            answer = self.server.http("PUT", "/v1/zones/large%d.example" % status, zone + "\n",
                                      {"Content-Type": "text/dns"})
            self.assertEqual(answer.status, status, answer.body[:200])


class SlowAnswers(harness.WireTest):
    config = "[admin]\nwrite_timeout_ms = 300\ndiagnostics = true\n"

    def test_who_takes_nothing_has_the_time_that_is_set(self):
        with connect(self.server.http_port, 1) as connection:
            connection.sendall(b"GET /debug/blob?bytes=50000000 HTTP/1.1\r\nhost: a\r\n\r\n")
            harness.wait_for(lambda: self.server.limit_hits("http_slow_readers") == 1,
                             "the end of a client that reads nothing", 10)
