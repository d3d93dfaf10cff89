"""A client that takes every file descriptor of the server, by connections of every kind, and leaves again."""
import errno
import http.client
import json
import os
import resource
import socket
import struct

import certificates
import dnsclient
import harness

SPARE = 120  # descriptors that the server may have beside those it begins with
ATTACKERS = 600
MAX_WAIT_S = 10.0  # of a machine that does much else; who is never served waits for ever


class Descriptors(harness.WireTest):
    zones = {"spare.example": "$ORIGIN spare.example.\n@ 300 IN SOA ns1 h 1 2 3 4 5\n@ 300 IN NS ns1\n"
             "ns1 300 IN A 192.0.2.1\n"}

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.ports = {kind: harness.free_port() for kind in ("https", "dot", "doh")}
        cls.config = '[[admin.listener]]\naddress = "127.0.0.1:%(https)d"\ntls = "default"\n' % cls.ports
        for kind in ("dot", "doh"):
            cls.config += '[[listener]]\naddress = "127.0.0.1:%d"\nprotocols = ["%s"]\ntls = "default"\n' % (
                cls.ports[kind], kind)
        cls.config += cls.files.table()
        super().setUpClass()
        cls.ports.update(http=cls.server.http_port, tcp=cls.server.port)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.server.process.pid))

    def limit(self, most):
        """How many the server may have from now on; put back when the test ends."""
        pid = self.server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
        self.addCleanup(resource.prlimit, pid, resource.RLIMIT_NOFILE, before)

    def attack(self, kind):
        """Connections from many addresses, which say nothing."""
        connections = []
        self.addCleanup(lambda: [sock.close() for sock in connections])
        for i in range(ATTACKERS):
            sock = socket.socket()
            connections.append(sock)
            sock.bind(("127.2.%d.%d" % (i // 100, i % 100 + 1), 0))
            sock.setblocking(False)
            if sock.connect_ex(("127.0.0.1", self.ports[kind])) not in (0, errno.EINPROGRESS):
                self.fail("the attacker has no socket")
        return connections

    def is_served(self, kind):
        """A new client of this kind."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[kind]), MAX_WAIT_S) as sock:
                if kind not in ("http", "tcp"):
                    context = self.files.context("dot" if kind == "dot" else "http/1.1")
                    sock = context.wrap_socket(sock, server_hostname="dns.test")
                with sock:
                    if kind in ("tcp", "dot"):
                        _, query = dnsclient.make_query("ns1.spare.example", "A")
                        sock.sendall(struct.pack("!H", len(query)) + query)
                        return len(sock.recv(2)) > 0
                    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: dns.test\r\n\r\n")
                    return sock.recv(9) == b"HTTP/1.1 "
        except OSError:
            return False

    def exhaust(self, kind):
        kept = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=MAX_WAIT_S)
        self.addCleanup(kept.close)

        def ask(method, path, body=None):
            kept.request(method, path, body, {"Authorization": "Bearer " + self.server.token,
                                              "Content-Type": "application/json"})
            response = kept.getresponse()
            text = response.read().decode()
            self.assertLess(response.status, 300, text)
            return text

        def shed():
            return sum(float(line.rsplit(" ", 1)[1]) for line in ask("GET", "/metrics").splitlines()
                       if line.startswith("meridian_limit_hits_total") and "descriptors" in line)

        hits = shed()
        before = self.descriptors()
        self.limit(before + SPARE)
        attackers = self.attack(kind)
        harness.wait_for(lambda: shed() > hits, "descriptors run out", MAX_WAIT_S)
        for i in range(20):
            answer = self.server.ask("ns1.spare.example", "A", timeout=MAX_WAIT_S)
            self.assertEqual((answer.rcode, len(answer.answer)), ("NOERROR", 1))
            ask("PUT", harness.rrset_path("spare.example", "www", "A"),
                json.dumps({"ttl": 60, "records": ["192.0.2.%d" % i]}))
            self.assertEqual(self.server.ask("www.spare.example", "A").answer[0].data, "192.0.2.%d" % i)
        # Who manages the server gets in by its own door, and files can be opened.
        done = self.server.run("zone", "list", timeout=MAX_WAIT_S)
        self.assertEqual(done.returncode, 0, done)
        for sock in attackers:
            sock.close()
        harness.wait_for(lambda: self.is_served(kind), "a new client is served", MAX_WAIT_S)
        kept.close()
        harness.wait_for(lambda: self.descriptors() <= before, "the descriptors are free again", MAX_WAIT_S)


def _method(kind):
    return lambda self: self.exhaust(kind)


for _kind in ("http", "https", "doh", "tcp", "dot"):
    setattr(Descriptors, "test_" + _kind, _method(_kind))
