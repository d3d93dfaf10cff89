"""First flights by the octet (RFC 8446, 5246): what is no hello that can be answered gets the alert that says so, and
the connection ends. Most rows are what public suites for TLS servers ask."""
import os
import socket
import struct

import certificates
import harness

ALERT, HANDSHAKE = 21, 22
(UNEXPECTED_MESSAGE, RECORD_OVERFLOW, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, DECODE_ERROR, PROTOCOL_VERSION,
 INAPPROPRIATE_FALLBACK, MISSING_EXTENSION, UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL) = (
     10, 22, 40, 47, 50, 70, 86, 109, 112, 120)
SERVED = None  # it goes on

SNI, GROUPS, SIGNATURES, ALPN, VERSIONS, KEY_SHARE = 0, 10, 13, 16, 43, 51
P256, X25519, UNKNOWN_GROUP = 23, 29, 0x2a2a
TLS12, TLS13 = (0xc02b, 0xc02c), (0x1301, 0x1302)
FALLBACK_SCSV, NO_FORWARD_SECRECY = 0x5600, 0x009c


def sized(octets, width=2):
    return len(octets).to_bytes(width, "big") + octets


def shorts(*numbers):
    return b"".join(struct.pack("!H", number) for number in numbers)


def name(host):
    return sized(b"\0" + sized(host))


def alpn(*protocols):
    return sized(b"".join(sized(each, 1) for each in protocols))


OF_12 = {GROUPS: sized(shorts(P256, X25519)), SIGNATURES: sized(shorts(0x0403, 0x0804)), SNI: name(b"dns.test")}
OF_13 = {**OF_12, VERSIONS: sized(shorts(0x0304), 1), KEY_SHARE: sized(shorts(X25519) + sized(os.urandom(32)))}


def record(kind, octets, length=None):
    return struct.pack("!BHH", kind, 0x0301, len(octets) if length is None else length) + octets


def hello(extensions, ciphers=TLS12, version=0x0303, session=b"", compressions=b"\0", more=b"", kind=1):
    block = b"".join(shorts(number) + sized(value) for number, value in extensions.items()) + more
    body = (shorts(version) + os.urandom(32) + sized(session, 1) + sized(shorts(*ciphers)) + sized(compressions, 1) +
            sized(block))
    return record(HANDSHAKE, bytes([kind]) + sized(body, 3))


def without(extensions, *numbers):
    return {number: value for number, value in extensions.items() if number not in numbers}


ROWS = (
    ("TLS 1.2", hello(OF_12), SERVED), ("TLS 1.3", hello(OF_13, TLS13), SERVED),
    ("either", hello(OF_13, TLS12 + TLS13, session=os.urandom(32)), SERVED),
    ("extensions that nobody knows", hello(OF_12, more=shorts(0x7777) + sized(b"x" * 2000)), SERVED),
    ("a hello of many ciphers", hello(OF_12, tuple(range(0x8000, 0x9000)) + TLS12), SERVED),
    ("a share of a group that we have not, and groups that we have",
     hello({**OF_13, KEY_SHARE: sized(shorts(UNKNOWN_GROUP) + sized(b"x")),
                          GROUPS: sized(shorts(UNKNOWN_GROUP, P256))}, TLS13), SERVED),
    ("no share at all", hello({**OF_13, KEY_SHARE: sized(b"")}, TLS13), SERVED),
    ("another name", hello({**OF_12, SNI: name(b"elsewhere.test")}), SERVED),
    ("our protocol among others", hello({**OF_12, ALPN: alpn(b"x", b"dot")}), SERVED),

    ("no cipher of ours", hello(OF_12, (0x0005, 0xabcd)), (HANDSHAKE_FAILURE,)),
    ("no forward secrecy", hello(OF_12, (NO_FORWARD_SECRECY,)), (HANDSHAKE_FAILURE,)),
    ("no group of ours", hello({**OF_12, GROUPS: sized(shorts(UNKNOWN_GROUP))}), (HANDSHAKE_FAILURE,)),
    ("no signature of ours", hello({**OF_12, SIGNATURES: sized(shorts(0x0101))}), (HANDSHAKE_FAILURE,)),
    ("SSL 3.0", hello(OF_12, version=0x0300), (PROTOCOL_VERSION, HANDSHAKE_FAILURE)),
    ("TLS 1.1", hello(OF_12, version=0x0302), (PROTOCOL_VERSION,)),
    ("TLS 1.1 by extension", hello({**OF_12, VERSIONS: sized(shorts(0x0302), 1)}), (PROTOCOL_VERSION,)),
    ("no version at all", hello({**OF_12, VERSIONS: sized(b"", 1)}), (DECODE_ERROR, PROTOCOL_VERSION)),
    ("a fallback from TLS 1.3", hello(OF_12, TLS12 + (FALLBACK_SCSV,)), (INAPPROPRIATE_FALLBACK,)),
    ("other protocols alone", hello({**OF_12, ALPN: alpn(b"h2", b"http/1.1")}), (NO_APPLICATION_PROTOCOL,)),
    ("a protocol without a name", hello({**OF_12, ALPN: alpn(b"")}), (DECODE_ERROR,)),
    ("no compression is not offered", hello(OF_12, compressions=b"\1"), (ILLEGAL_PARAMETER, DECODE_ERROR)),
    ("compression in TLS 1.3", hello(OF_13, TLS13, compressions=b"\1\0"), (ILLEGAL_PARAMETER,)),
    ("no ciphers", hello(OF_12, ()), (DECODE_ERROR, ILLEGAL_PARAMETER)),
    ("a session of 33 octets", hello(OF_12, session=b"x" * 33), (DECODE_ERROR, ILLEGAL_PARAMETER)),
    ("an extension twice", hello(OF_12, more=shorts(GROUPS) + sized(OF_12[GROUPS])), (ILLEGAL_PARAMETER, DECODE_ERROR)),
    ("an extension longer than the hello", hello(OF_12, more=shorts(GROUPS, 100)), (DECODE_ERROR,)),
    ("groups that are cut off", hello({**OF_12, GROUPS: b"\0\5\0"}), (DECODE_ERROR,)),
    ("NUL in a name", hello({**OF_12, SNI: name(b"dns.test\0")}), (UNRECOGNIZED_NAME, DECODE_ERROR)),
    ("names that are cut off", hello({**OF_12, SNI: b"\0\x20\0"}), (DECODE_ERROR,)),
    ("TLS 1.3 without shares", hello(without(OF_13, KEY_SHARE), TLS13), (MISSING_EXTENSION,)),
    ("TLS 1.3 without groups", hello(without(OF_13, GROUPS), TLS13), (MISSING_EXTENSION,)),
    ("TLS 1.3 without signatures", hello(without(OF_13, SIGNATURES), TLS13), (MISSING_EXTENSION,)),
    ("a share of a group that is not offered", hello({**OF_13, GROUPS: sized(shorts(P256))}, TLS13),
     (ILLEGAL_PARAMETER,)),
    ("a share that is too short", hello({**OF_13, KEY_SHARE: sized(shorts(X25519) + sized(b"x" * 31))}, TLS13),
     (ILLEGAL_PARAMETER,)),

    ("a hello of the server's", hello(OF_12, kind=2), (UNEXPECTED_MESSAGE,)),
    ("a finish first", record(HANDSHAKE, b"\x14\0\0\x0c" + b"x" * 12), (UNEXPECTED_MESSAGE,)),
    ("an update of keys first", record(HANDSHAKE, b"\x18\0\0\x01\0"), (UNEXPECTED_MESSAGE,)),
    ("data first", record(23, b"GET / HTTP/1.1\r\n\r\n"), (UNEXPECTED_MESSAGE,)),
    ("a change of ciphers first", record(20, b"\1"), (UNEXPECTED_MESSAGE,)),
    ("a heartbeat first", record(24, b"\1\x40\0"), (UNEXPECTED_MESSAGE,)),
    ("a record of no kind", record(0x63, b"x" * 40), (UNEXPECTED_MESSAGE,)),
    ("empty records", record(HANDSHAKE, b"") * 100, (UNEXPECTED_MESSAGE, DECODE_ERROR)),
    ("a record that is too long", record(HANDSHAKE, b"\1" + b"x" * 20000, 20000), (RECORD_OVERFLOW,)),
    ("a hello that is too long", record(HANDSHAKE, b"\1\xff\xff\xff" + b"x" * 1000),
     (ILLEGAL_PARAMETER, DECODE_ERROR, RECORD_OVERFLOW)),
)


class TlsHello(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.port = harness.free_port()
        cls.config = '[[listener]]\naddress = "127.0.0.1:%d"\nprotocols = ["dot"]\ntls = "default"\n' % cls.port
        cls.config += cls.files.table()
        super().setUpClass()

    def heard(self, octets):
        """The kind of the first record that comes back, with what is in it; none where the connection just ends."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as sock:
            answer = b""
            try:
                sock.sendall(octets)
                while len(answer) < 5 or len(answer) < 5 + int.from_bytes(answer[3:5], "big"):
                    part = sock.recv(65536)
                    if not part:
                        return None, answer
                    answer += part
                if answer[0] == ALERT:
                    while sock.recv(65536):
                        pass  # it ends
            except ConnectionResetError:
                pass  # what was not read of us makes a reset of the end
            return (answer[0], answer[5:]) if len(answer) > 5 else (None, answer)

    def test_each_is_answered_or_told_why_not(self):
        for what, octets, alerts in ROWS:
            with self.subTest(what):
                kind, body = self.heard(octets)
                if alerts is SERVED:
                    self.assertEqual((kind, body[:1]), (HANDSHAKE, b"\2"), body[:10])
                else:
                    self.assertEqual((kind, body[:1]), (ALERT, b"\2"), body[:10])  # a fatal one
                    self.assertIn(body[1], alerts)

    def test_z_others_are_served(self):
        sock = socket.create_connection(("127.0.0.1", self.port), 20)
        with self.files.context().wrap_socket(sock, server_hostname="dns.test") as tls:
            self.assertEqual(tls.version(), "TLSv1.3")
