"""Whatever arrives, the server lives, and good queries are answered meanwhile."""
import random
import socket
import struct
import time

import dnsclient
import harness

ZONE = """$ORIGIN hostile.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""
DATAGRAMS = 20000


class Hostile(harness.WireTest):
    zones = {"hostile.example": ZONE}

    def good(self):
        for attempt in range(3):
            try:
                self.assertEqual(self.server.ask("www.hostile.example.", "A", timeout=2.0).data(), ["192.0.2.1"])
                return
            except TimeoutError:
                if attempt == 2:
                    raise

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server died\n" + self.server.log())
        self.good()

    def test_random_and_broken_datagrams(self):
        chance = random.Random(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self.server.address)
            for i in range(DATAGRAMS):
                if i % 3 == 0:
                    octets = chance.randbytes(chance.choice((0, 1, 11, 12, 13, 40, 512, 1500)))
                else:
                    _, query = dnsclient.make_query("www.hostile.example.", "A", ecs="192.0.2.0/24")
                    octets = bytearray(query)
                    for _ in range(chance.randrange(1, 4)):
                        octets[chance.randrange(2, len(octets))] = chance.randrange(256)
                    octets = bytes(octets[:chance.randrange(12, len(octets) + 1)])
                sock.send(octets)
                if i % 2000 == 0:
                    self.good()

    def test_responses_are_never_answered(self):
        """Two servers must not talk to each other for ever."""
        _, query = dnsclient.make_query("www.hostile.example.", "A")
        response = bytearray(query)
        response[2] |= 0x80
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self.server.address)
            sock.settimeout(0.5)
            sock.send(bytes(response))
            with self.assertRaises(TimeoutError):
                sock.recv(4096)

    def ask_raw(self, octets):
        ident = struct.unpack_from("!H", octets)[0]
        return dnsclient.Response(dnsclient.udp_raw(self.server.address, octets, ident))

    def test_faulty_queries_get_their_rcode(self):
        _, query = dnsclient.make_query("www.hostile.example.", "A", edns=False)
        status = bytearray(query)
        status[2] |= 2 << 3  # opcode STATUS
        self.assertEqual(self.ask_raw(bytes(status)).rcode, "NOTIMP")
        self.assertEqual(self.ask_raw(bytes(query[:-3])).rcode, "FORMERR")
        two = bytearray(query)
        two[5] = 2  # a second question that is not there
        self.assertEqual(self.ask_raw(bytes(two)).rcode, "FORMERR")
        loop = query[:12] + b"\xc0\x0c" + query[-4:]  # a name that points at itself
        self.assertEqual(self.ask_raw(loop).rcode, "FORMERR")

    def test_truncated_and_slow_tcp(self):
        _, query = dnsclient.make_query("www.hostile.example.", "A")
        framed = struct.pack("!H", len(query)) + query
        sockets = []
        for size in range(len(framed)):
            sock = socket.create_connection(self.server.address, 5)
            sock.sendall(framed[:size])
            sockets.append(sock)
        self.good()
        for sock in sockets[::2]:
            sock.close()
        # An octet at a time is slow but not wrong.
        with socket.create_connection(self.server.address, 5) as sock:
            for octet in framed:
                sock.sendall(bytes([octet]))
                time.sleep(0.001)
            size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
            self.assertEqual(dnsclient.Response(dnsclient.read_exactly(sock, size)).data(), ["192.0.2.1"])
        for sock in sockets[1::2]:
            sock.close()

    def test_random_tcp(self):
        chance = random.Random(2)
        for _ in range(200):
            with socket.create_connection(self.server.address, 5) as sock:
                try:
                    sock.sendall(chance.randbytes(chance.randrange(1, 3000)))
                except ConnectionError:
                    pass  # the server may hang up on nonsense

    def test_a_reader_that_never_reads(self):
        _, query = dnsclient.make_query("www.hostile.example.", "A")
        framed = (struct.pack("!H", len(query)) + query) * 200
        with socket.create_connection(self.server.address, 5) as sock:
            sock.settimeout(1)
            try:
                for _ in range(2000):
                    sock.sendall(framed)
            except (TimeoutError, ConnectionError):
                pass  # held back, or dropped: both keep the server's memory bounded
            self.good()
        self.assertLess(self.server.resident(), 1 << 30)

    def test_nonsense_over_http(self):
        chance = random.Random(3)
        address = ("127.0.0.1", self.server.http_port)
        for octets in (b"\0" * 100, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                       b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                       b"POST /v1/zones HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                       b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(500), chance.randbytes(2000)):
            with socket.create_connection(address, 5) as sock:
                sock.settimeout(1)
                try:
                    sock.sendall(octets)
                    reply = sock.recv(4096)
                except (ConnectionError, TimeoutError):
                    continue  # hung up, or still waiting for the end of a head
                self.assertFalse(reply.startswith(b"HTTP/1.1 200"), octets[:60])
        self.assertEqual(self.server.http("GET", "/healthz", token=False).status, 200)
