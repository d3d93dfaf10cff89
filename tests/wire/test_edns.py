"""EDNS options of a running server: cookies and the keepalive of TCP."""
import os
import socket
import stat
import struct

import dnsclient
import harness

ZONE = """$ORIGIN edns.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
"""
COOKIE, KEEPALIVE, ZONEVERSION = 10, 11, 19
CLIENT = bytes.fromhex("2464c4abcf10c957")


class Edns(harness.WireTest):
    config = "[limits]\ntcp_idle_ms = 7000\n"
    zones = {"edns.example": ZONE}

    def query(self, code, value):
        ident, octets = dnsclient.make_query("ns1.edns.example.", "A", edns=False)
        opt = b"\0" + struct.pack("!2HIH", 41, 1232, 0, 4 + len(value)) + struct.pack("!2H", code, len(value)) + value
        return ident, octets[:10] + b"\0\1" + octets[12:] + opt

    def udp(self, code, value):
        ident, octets = self.query(code, value)
        return dnsclient.Response(dnsclient.udp_raw(self.server.address, octets, ident))

    def tcp(self, code, value):
        _, octets = self.query(code, value)
        with socket.create_connection(self.server.address, 5) as sock:
            sock.sendall(struct.pack("!H", len(octets)) + octets)
            size = struct.unpack("!H", dnsclient.read_exactly(sock, 2))[0]
            return dnsclient.Response(dnsclient.read_exactly(sock, size))

    def test_a_cookie_is_learnt_and_stays_good_over_a_restart(self):
        learnt = self.udp(COOKIE, CLIENT).options[COOKIE]
        self.assertEqual((learnt[:8], len(learnt)), (CLIENT, 24))
        self.assertEqual(self.udp(COOKIE, learnt).options[COOKIE], learnt)
        secret = os.path.join(self.server.data_dir, "cookie.secret")
        self.assertEqual(stat.S_IMODE(os.stat(secret).st_mode), 0o600)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.udp(COOKIE, learnt).options[COOKIE], learnt)
        forged = learnt[:-1] + bytes([learnt[-1] ^ 1])
        self.assertNotEqual(self.udp(COOKIE, forged).options[COOKIE], forged)

    def test_a_cookie_of_a_wrong_length_is_a_format_error(self):
        for size in (0, 7, 9, 15, 41):
            self.assertEqual(self.udp(COOKIE, bytes(size)).rcode, "FORMERR", size)

    def test_a_cookie_is_had_without_a_question(self):  # RFC 7873, 5.4
        ident, octets = self.query(COOKIE, CLIENT)
        opt = octets[-(11 + 4 + len(CLIENT)):]
        asked = octets[:4] + b"\0\0" + octets[6:12] + opt
        answer = dnsclient.udp_raw(self.server.address, asked, ident)
        self.assertEqual(answer[3] & 15, 0)
        self.assertEqual(answer[4:12], b"\0\0\0\0\0\0\0\1")
        self.assertEqual((answer[-24:-16], len(answer)), (CLIENT, 12 + 11 + 4 + 24))

    def test_the_zones_version_is_told(self):  # RFC 9660
        told = self.udp(ZONEVERSION, b"").options[ZONEVERSION]
        self.assertEqual(told, b"\2\0" + struct.pack("!I", 1))
        self.assertNotIn(ZONEVERSION, self.udp(COOKIE, CLIENT).options)

    def test_keepalive_is_told_over_tcp_to_who_asks(self):
        self.assertEqual(self.tcp(KEEPALIVE, b"").options[KEEPALIVE], struct.pack("!H", 70))
        self.assertNotIn(KEEPALIVE, self.udp(KEEPALIVE, b"").options)
        self.assertNotIn(KEEPALIVE, self.tcp(COOKIE, CLIENT).options)
