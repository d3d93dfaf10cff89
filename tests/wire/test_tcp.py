"""DNS over TCP of a running server (RFC 7766): limits, time-outs, and what the metrics tell of them."""
import socket
import struct
import time
import unittest

import dnsclient
import harness
import namespace

ZONE = """$ORIGIN tcp.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""
IDLE_S = 0.8


def framed(octets):
    return struct.pack("!H", len(octets)) + octets


class OverTcp(harness.WireTest):
    zones = {"tcp.example": ZONE}

    def connect(self, source="127.0.0.1"):
        sock = socket.create_connection(self.server.address, 5, (source, 0))
        self.addCleanup(sock.close)
        return sock

    def ask(self, sock):
        ident, query = dnsclient.make_query("www.tcp.example.", "A")
        sock.sendall(framed(query))
        return self.answer(sock, ident)

    def answer(self, sock, ident):
        size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
        response = dnsclient.Response(dnsclient.read_exactly(sock, size))
        self.assertEqual((response.id, response.data()), (ident, ["192.0.2.1"]))

    def ended(self, sock, within):
        sock.settimeout(within)
        try:
            return sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class Tcp(OverTcp):
    config = "[limits]\ntcp_idle_ms = %d\n" % (IDLE_S * 1000)

    def test_many_questions_in_one_segment_are_all_answered(self):
        queries = [dnsclient.make_query("www.tcp.example.", "A") for _ in range(300)]
        with self.connect() as sock:
            sock.sendall(b"".join(framed(query) for _, query in queries))
            sock.shutdown(socket.SHUT_WR)
            left = {ident for ident, _ in queries}
            while left:
                size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
                left.discard(dnsclient.Response(dnsclient.read_exactly(sock, size)).id)
            self.assertTrue(self.ended(sock, 5))

    def test_an_idle_client_is_closed_and_one_that_asks_is_not(self):
        before = self.server.limit_hits("tcp_idle")
        idle, busy = self.connect("127.0.0.2"), self.connect("127.0.0.3")
        end = time.monotonic() + 2 * IDLE_S
        while time.monotonic() < end:
            self.ask(busy)
            time.sleep(IDLE_S / 4)
        self.assertTrue(self.ended(idle, 0.1))
        self.ask(busy)
        self.assertGreater(self.server.limit_hits("tcp_idle"), before)

    def test_who_sends_an_octet_now_and_then_is_closed(self):
        before = self.server.limit_hits("tcp_slow")
        sock = self.connect("127.0.0.4")
        _, query = dnsclient.make_query("www.tcp.example.", "A")
        with self.assertRaises(ConnectionError):
            for octet in framed(query)[:-1] * 4:
                sock.sendall(bytes([octet]))
                time.sleep(IDLE_S / 4)
        self.assertGreater(self.server.limit_hits("tcp_slow"), before)

    def test_no_message_is_shorter_than_a_header(self):
        sock = self.connect("127.0.0.5")
        sock.sendall(b"\0\0")
        self.assertTrue(self.ended(sock, IDLE_S / 2))


class TcpPlaces(OverTcp):
    """Nobody idles for long enough to lose his place for it, however slowly the clients come."""

    config = "[limits]\ntcp_clients = 40\ntcp_clients_per_prefix = 6\ntcp_idle_ms = 60000\n"

    def test_a_prefix_does_not_hold_more_than_it_may(self):
        before = self.server.limit_hits("tcp_clients_per_prefix")
        clients = [self.connect("127.0.0.6") for _ in range(30)]
        for client in clients:
            client.settimeout(0.01)
        other = self.connect("127.0.0.7")
        self.ask(other)
        self.assertLessEqual(sum(not self.ended(client, 0.02) for client in clients), 6)
        self.assertGreaterEqual(self.server.limit_hits("tcp_clients_per_prefix"), before + 24)

    def test_when_full_newcomers_are_served(self):
        before = self.server.limit_hits("tcp_clients")
        for i in range(120):
            self.ask(self.connect("127.0.1.%d" % (1 + i)))
        self.assertGreaterEqual(self.server.limit_hits("tcp_clients"), before + 80)
        self.assertLessEqual(self.server.metrics()["meridian_dns_tcp_connections"], 40)


class FastOpen(unittest.TestCase):
    """RFC 7413 in a network namespace of its own, whose kernel is told to allow it to servers."""

    FASTOPEN_CONNECT = 30  # Linux: connect() waits for what is sent first, which goes with the SYN

    @classmethod
    def setUpClass(cls):
        try:
            cls.space = namespace.Namespace()
        except namespace.Unavailable as why:
            raise unittest.SkipTest(str(why)) from why
        cls.addClassCleanup(cls.space.close)
        with cls.space.inside():
            try:
                with open("/proc/sys/net/ipv4/tcp_fastopen", "w", encoding="ascii") as switch:
                    switch.write("3")
            except OSError as why:
                raise unittest.SkipTest("net.ipv4.tcp_fastopen cannot be set: %s" % why) from why
            cls.server = harness.Server()
            cls.addClassCleanup(cls.server.stop)
            cls.server.start()
            cls.server.import_zone("tcp.example", ZONE)

    def taken_with_a_syn(self):
        """How many connections of this namespace's servers had data in their SYN."""
        with self.space.inside(), open("/proc/thread-self/net/netstat", encoding="ascii") as file:
            names, values = [line.split() for line in file if line.startswith("TcpExt:")]
        return int(values[names.index("TCPFastOpenPassive")])

    def ask(self):
        ident, query = dnsclient.make_query("www.tcp.example.", "A")
        with self.space.inside(), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(5)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, self.FASTOPEN_CONNECT, 1)
            except OSError as why:
                raise unittest.SkipTest("the kernel knows no TCP_FASTOPEN_CONNECT: %s" % why) from why
            sock.connect(self.server.address)
            sock.sendall(framed(query))
            size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
            response = dnsclient.Response(dnsclient.read_exactly(sock, size))
        self.assertEqual((response.id, response.data()), (ident, ["192.0.2.1"]))

    def test_a_question_comes_with_the_syn_of_who_was_here_before(self):
        before = self.taken_with_a_syn()
        self.ask()  # brings the cookie
        self.assertEqual(self.taken_with_a_syn(), before)
        for number in range(3):
            self.ask()
            self.assertEqual(self.taken_with_a_syn(), before + number + 1)
