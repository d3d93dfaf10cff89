"""HTTP/2 by the octet (RFC 9113): frames as one likes them, right or wrong, and what the server says to them.

Field blocks are written without a table and without Huffman codes (RFC 7541, 6.2.2), so that a test says
every octet of them. Of the server's blocks the status alone is read: our SETTINGS forbid it a table.
"""
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITIZED = 0x4, 0x8, 0x20
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_LIST_SIZE = range(1, 7)

STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}  # RFC 7541, appendix A
# Its appendix B, of which a status needs the digits.
DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5", "011100": "6",
          "011101": "7", "011110": "8", "011111": "9"}


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack("!I", size)[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def settings(*pairs):
    return b"".join(struct.pack("!HI", *pair) for pair in pairs)


def integer(value, prefix, first=0):
    """RFC 7541, 5.1."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def string(octets):
    return integer(len(octets), 7) + octets


def literal(name, value):
    """A field that no table remembers."""
    return b"\0" + string(name) + string(value)


def block(*fields):
    return b"".join(literal(*(part.encode("latin-1") for part in field)) for field in fields)


def request(method="GET", path="/healthz", *more, scheme="http", authority="test.example"):
    return block((":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *more)


def status_of(octets):
    """The :status that a field block begins with (RFC 9113, 8.3.2)."""
    at = 0
    while octets[at] & 0xe0 == 0x20:  # a size of the table, which is none
        at += 1
    first = octets[at]
    if first & 0x80:
        return STATIC_STATUS[first & 0x7f]
    prefix = 6 if first & 0x40 else 4
    assert 8 <= first & ((1 << prefix) - 1) <= 14, octets[:8]
    size, value = octets[at + 1] & 0x7f, octets[at + 2:]
    if not octets[at + 1] & 0x80:
        return int(value[:size])
    bits, text = "".join(format(octet, "08b") for octet in value[:size]), ""
    while len(text) < 3:
        length = 5 if bits[:5] in DIGITS else 6
        text, bits = text + DIGITS[bits[:length]], bits[length:]
    return int(text)


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    @property
    def code(self):
        """Of RST_STREAM and GOAWAY."""
        return struct.unpack("!I", self.payload[4:8] if self.kind == GOAWAY else self.payload[:4])[0]

    def __repr__(self):
        return "(type %d flags %#x stream %d: %d octets %s)" % (
            self.kind, self.flags, self.stream, len(self.payload), self.payload[:16].hex())


class Closed(Exception):
    """The server closed the connection."""


class Connection:
    """A client that does nothing by itself, but for answering SETTINGS. `sock`: connected."""

    def __init__(self, sock, first=((HEADER_TABLE_SIZE, 0),), greet=True, timeout=20.0):
        self.sock, self.timeout = sock, timeout
        self.buffer, self.frames, self.closed = b"", [], False
        if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if greet:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings(*first)))
            self.expect(lambda each: each.kind == SETTINGS and each.flags & ACK, "our SETTINGS are acknowledged")

    def close(self):
        self.sock.close()

    def send(self, *octets):
        try:
            self.sock.sendall(b"".join(octets))
        except OSError:
            pass  # what the server has said before tells more

    def _read(self, end):
        self.sock.settimeout(max(0.01, end - time.monotonic()))
        try:
            part = self.sock.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            self.closed = True
            raise Closed("the server closed the connection; it had said %s" % self.frames[-5:])
        self.buffer += part

    def next(self, end=None):
        """The next frame; SETTINGS are acknowledged on the way."""
        end = end or time.monotonic() + self.timeout
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            self._read(end)
        size, kind, flags = int.from_bytes(self.buffer[:3], "big"), self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big") & 0x7fffffff
        out = Frame(kind, flags, stream, self.buffer[9:9 + size])
        self.buffer = self.buffer[9 + size:]
        self.frames.append(out)
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        return out

    def expect(self, condition, what):
        """The next frame for which the condition holds; the ones before are read over."""
        end, seen = time.monotonic() + self.timeout, []
        while True:
            try:
                each = self.next(end)
            except (Closed, socket.timeout) as error:
                raise AssertionError("%s: %s; seen %s" % (what, error, seen)) from error
            if condition(each):
                return each
            seen.append(each)

    # What cases expect of the server.

    def status(self, stream=1):
        """Of the final response on a stream."""
        while True:
            each = self.expect(lambda one: one.kind == HEADERS and one.stream == stream or
                               one.kind in (RST_STREAM, GOAWAY), "a response on stream %d" % stream)
            assert each.kind == HEADERS, "an answer was expected, not %s" % each
            status = status_of(each.payload)
            if status >= 200:
                return status

    def answer(self, stream=1):
        """The final response with its body, whole."""
        status, body = self.status(stream), b""
        last = self.frames[-1]
        while not last.flags & END_STREAM:
            last = self.expect(lambda one: one.stream == stream and one.kind in (DATA, RST_STREAM), "the body")
            assert last.kind == DATA, last
            body += last.payload
        return status, body

    def lives(self):
        """Everything before was taken: a PING comes back."""
        self.send(frame(PING, 0, 0, b"conform!"))
        each = self.expect(lambda one: one.kind == PING and one.flags & ACK and one.payload == b"conform!" or
                           one.kind == GOAWAY, "a PING is answered")
        assert each.kind == PING, "an error was not expected: %s" % each

    def _end(self, streams):
        while True:
            try:
                each = self.next()
            except Closed:
                return None
            if each.kind == GOAWAY or each.kind == RST_STREAM and each.stream in streams:
                return each

    def connection_error(self, *codes):
        """GOAWAY with one of these codes, and the end of the connection (5.4.1)."""
        each = self._end(())
        assert each is not None and each.code in codes, "GOAWAY with %s was expected, not %s" % (codes, each)
        while True:
            try:
                self.next()
            except Closed:
                return

    def stream_error(self, stream, *codes):
        """RST_STREAM (5.4.2), after which the connection goes on; or all of it as a connection error (5.4)."""
        each = self._end((stream,))
        assert each is not None and each.code in codes, "an error of %s was expected, not %s" % (codes, each)
        if each.kind == RST_STREAM:
            self.lives()

    def malformed(self, stream=1):
        """An error of the stream, perhaps after a response that says so (8.1.1)."""
        while True:
            each = self.expect(lambda one: one.kind in (RST_STREAM, GOAWAY, HEADERS), "the request is refused")
            if each.kind != HEADERS:
                assert each.code == PROTOCOL_ERROR, each
                break
            status = status_of(each.payload)
            assert status == 400, "answered with %d" % status
            if each.flags & END_STREAM:
                break
        if each.kind != GOAWAY:
            self.lives()
