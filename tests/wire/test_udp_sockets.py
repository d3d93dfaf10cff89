"""UDP sockets of listeners on wildcards: one for each address, as addresses come and go."""
import ipaddress
import signal
import socket
import time
import unittest

import dnsclient
import harness
import namespace

PORT = 5300
WORKERS = 2
ZONE = """$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 300
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.80
"""
CONFIG = """[[listener]]
address = "0.0.0.0:%d"
[[listener]]
address = "[::]:%d"
""" % (PORT, PORT)


def sockets_of(process, port):
    """{address: how many UDP sockets are bound to it and the port}, in the process's namespace."""
    counts = {}
    for file in ("udp", "udp6"):
        with open("/proc/%d/net/%s" % (process, file), encoding="ascii") as table:
            for line in table.readlines()[1:]:
                raw, number = line.split()[1].split(":")
                if int(number, 16) != port:
                    continue
                # Words of 32 bits in the machine's order.
                octets = b"".join(bytes.fromhex(raw[at:at + 8])[::-1] for at in range(0, len(raw), 8))
                address = str(ipaddress.ip_address(octets))
                counts[address] = counts.get(address, 0) + 1
    return counts


class AddressesComeAndGo(unittest.TestCase):
    longMessage = True

    @classmethod
    def setUpClass(cls):
        try:
            cls.space = namespace.Namespace()
        except namespace.Unavailable as why:
            raise unittest.SkipTest(str(why)) from why
        cls.addClassCleanup(cls.space.close)
        try:
            cls.space.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        except AssertionError as why:
            raise unittest.SkipTest("no pair of interfaces can be made: %s" % why) from why
        cls.space.ip("link", "set", "veth1", "up")
        cls.space.ip("link", "set", "veth0", "up")
        cls.space.ip("address", "add", "192.0.2.1/24", "dev", "veth0")
        cls.space.ip("address", "add", "2001:db8::1/64", "dev", "veth0", "nodad")
        with cls.space.inside():
            cls.server = harness.Server(CONFIG)
            cls.addClassCleanup(cls.server.stop)
            cls.server.start()
            cls.server.import_zone("udp.example", ZONE)

    def sockets(self):
        return sockets_of(self.server.process.pid, PORT)

    def wait_for_sockets(self, condition, what):
        harness.wait_for(lambda: condition(self.sockets()), what + "\n" + self.server.log())

    def must_answer(self, address):
        """The client's socket is connected: only an answer from the address that was asked counts."""
        with self.space.inside():
            answer = dnsclient.udp((address, PORT), "www.udp.example", "A", timeout=2.0)
        self.assertEqual(answer.rcode, "NOERROR", address)
        self.assertEqual([record.data for record in answer.answer], ["192.0.2.80"], address)

    def test_each_address_has_a_socket_on_each_worker(self):
        for address in ("192.0.2.1", "2001:db8::1", "127.0.0.1", "::1", "0.0.0.0", "::"):
            self.wait_for_sockets(lambda found, a=address: found.get(a) == WORKERS, "sockets for " + address)
        for address in ("192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"):
            self.must_answer(address)

    def test_addresses_are_followed(self):
        # The last one is usable only when duplicate address detection has ended.
        for address, more in (("192.0.2.77", ()), ("2001:db8::77", ("nodad",)), ("2001:db8::78", ())):
            length = "/64" if ":" in address else "/24"
            for _ in range(2):
                self.space.ip("address", "add", address + length, "dev", "veth0", *more)
                self.wait_for_sockets(lambda found, a=address: found.get(a) == WORKERS, address + " is served")
                self.must_answer(address)
                self.must_answer("192.0.2.1")
                self.space.ip("address", "delete", address + length, "dev", "veth0")
                self.wait_for_sockets(lambda found, a=address: a not in found, address + " is forgotten")
                self.must_answer("2001:db8::1")

    def test_addresses_that_are_only_routed_here_are_answered_from(self):
        self.space.ip("route", "add", "local", "198.51.100.0/24", "dev", "lo")
        self.space.ip("route", "add", "local", "2001:db8:1::/64", "dev", "lo")
        for address in ("198.51.100.7", "198.51.100.8", "2001:db8:1::7", "127.0.0.9"):
            self.must_answer(address)
            self.assertNotIn(address, self.sockets())

    def test_queries_are_answered_while_addresses_change(self):
        churn = ["10.1.0.%d" % number for number in range(1, 41)]
        for round_number in range(6):
            verb = "add" if round_number % 2 == 0 else "delete"
            self.space.ip_batch("address %s %s/32 dev veth0" % (verb, address) for address in churn)
            for address in ("192.0.2.1", "2001:db8::1", "127.0.0.1"):
                self.must_answer(address)
            if verb == "add":
                self.must_answer(churn[-1])
        self.wait_for_sockets(lambda found: not any(address in found for address in churn), "all are gone")

    def test_lost_news_are_made_up_for(self):
        """The kernel cannot keep the news of a thousand addresses for a server that does not read."""
        batch = ["10.2.%d.%d" % (number // 200, number % 200 + 1) for number in range(1000)]
        process = self.server.process
        process.send_signal(signal.SIGSTOP)
        try:
            self.space.ip_batch("address add %s/32 dev veth0" % address for address in batch)
            self.space.ip("address", "add", "10.0.0.1/32", "dev", "veth0")
        finally:
            process.send_signal(signal.SIGCONT)
        # There are more than have sockets of their own; the others are answered all the same.
        self.wait_for_sockets(lambda found: found.get("10.0.0.1") == WORKERS, "10.0.0.1 is served")
        for address in ("10.0.0.1", batch[0], batch[-1], "192.0.2.1"):
            self.must_answer(address)
        self.assertLess(len(self.sockets()), 300)
        process.send_signal(signal.SIGSTOP)
        try:
            self.space.ip_batch("address delete %s/32 dev veth0" % address for address in batch)
        finally:
            process.send_signal(signal.SIGCONT)
        self.wait_for_sockets(lambda found: not any(address in found for address in batch), "all are gone")
        self.wait_for_sockets(lambda found: found.get("192.0.2.1") == WORKERS, "192.0.2.1 has its own again")
        self.must_answer("10.0.0.1")
        self.must_answer("192.0.2.1")
        self.space.ip("address", "delete", "10.0.0.1/32", "dev", "veth0")

    def test_an_address_with_a_listener_of_its_own_keeps_it(self):
        """It may have another role."""
        with self.space.inside():
            other = harness.Server('[[listener]]\naddress = "0.0.0.0:5301"\nrole = "auth"\n'
                                   '[[listener]]\naddress = "192.0.2.1:5301"\nrole = "recursive"\n'
                                   '[recursion]\nallow = ["0.0.0.0/0"]\n')
            self.addCleanup(other.stop)
            other.start()
            other.import_zone("udp.example", ZONE)
            harness.wait_for(lambda: sockets_of(other.process.pid, 5301).get("127.0.0.1") == WORKERS,
                             "sockets for 127.0.0.1")
            self.assertEqual(sockets_of(other.process.pid, 5301)["192.0.2.1"], WORKERS)
            for address, recursive in (("127.0.0.1", 0), ("192.0.2.1", dnsclient.RA)):
                for _ in range(8):  # whichever worker's socket it is
                    answer = dnsclient.udp((address, 5301), "www.udp.example", "A", rd=True)
                    self.assertEqual(answer.flags & dnsclient.RA, recursive, address)


class Overflow(harness.WireTest):
    config = "[limits]\nudp_rcvbuf = 65536\n"
    zones = {"udp.example": ZONE}

    def dropped(self):
        return self.server.metric('meridian_dns_dropped_total{reason="receive_buffer"}')

    def test_what_the_kernel_drops_is_counted(self):
        self.assertEqual(self.dropped(), 0)
        _, query = dnsclient.make_query("www.udp.example", "A")
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            for client in clients:
                self.addCleanup(client.close)
                for _ in range(1000):
                    client.sendto(query, self.server.address)
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        for client in clients:  # it is told with the next datagram of each worker's socket
            client.sendto(query, self.server.address)
        harness.wait_for(lambda: self.dropped() > 8000, "the dropped ones are counted")
        self.assertLess(self.dropped(), 16000)
        self.assertEqual(self.server.ask("www.udp.example", "A").rcode, "NOERROR")


if __name__ == "__main__":
    unittest.main()
