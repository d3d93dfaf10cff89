#!/usr/bin/env python3
"""http2_seeds.py DIRECTORY: writes the seeds of the fuzz target net_http2, frames behind the preface."""
import os
import struct
import sys

END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
DATA, HEADERS, PRIO, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def literal(name, value, indexed=False):
    return bytes([0x40 if indexed else 0]) + b"".join(bytes([len(t)]) + t for t in (name, value))


def head(path=b"/", method=b"GET", more=()):
    fields = [(b":method", method), (b":scheme", b"https"), (b":authority", b"a"), (b":path", path), *more]
    return b"".join(literal(name, value) for name, value in fields)


def request(stream, path=b"/", flags=END_STREAM | END_HEADERS, **more):
    return frame(HEADERS, flags, stream, head(path, **more))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack("!HI", *pair) for pair in pairs))


def body(stream, octets, flags=END_STREAM):
    return frame(DATA, flags, stream, octets)


def said(opcode, payload):
    """A WebSocket's frame, masked with zeros (RFC 6455, 5.2)."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


OPEN = END_HEADERS
CONNECT = {"method": b"CONNECT", "more": [(b":protocol", b"websocket"), (b"sec-websocket-version", b"13")]}
SEEDS = {
    "get": (0, settings((3, 100), (4, 65535)) + frame(SETTINGS, 1, 0) + request(1) + request(3, b"/ok?x=1")),
    "cut": (7, settings() + request(1, b"/blob") + request(3, b"/informs")),
    "echo": (0, settings() + request(1, b"/echo", OPEN, method=b"POST") + body(1, b"hello ", 0) + body(1, b"you")),
    "slow_echo": (21, settings() + request(1, b"/echo", OPEN, method=b"POST") + body(1, b"y" * 300, 0)
                  + body(1, b"z" * 300)),
    "late_trailers": (0, request(1, b"/late", OPEN, method=b"POST") + body(1, b"b", 0)
                      + frame(HEADERS, END_STREAM | END_HEADERS, 1, literal(b"x-sum", b"7"))),
    "hold": (0, request(1, b"/hold", OPEN, method=b"PUT") + body(1, b"q" * 500, 0) + frame(RST, 0, 1, b"\0\0\0\x08")),
    "reset": (0, request(1, b"/reset") + request(3, b"/nobody") + frame(RST, 0, 3, b"\0\0\0\x08")),
    "small_window": (0, settings((4, 0)) + request(1, b"/blob") + frame(WINDOW, 0, 1, struct.pack("!I", 40000))
                     + frame(WINDOW, 0, 0, struct.pack("!I", 1 << 20)) + settings((4, 100000), (5, 65535))),
    "padded": (0, frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 1,
                        b"\x03" + struct.pack("!IB", 0x80000000, 9) + head(b"/echo", b"POST") + b"\0" * 3)
               + frame(DATA, PADDED, 1, b"\x05ab" + b"\0" * 5) + frame(DATA, PADDED | END_STREAM, 1, b"\0")),
    "continuation": (0, frame(HEADERS, END_STREAM, 1, head()[:10]) + frame(CONTINUATION, 0, 1, head()[10:20])
                     + frame(CONTINUATION, END_HEADERS, 1, head()[20:])),
    "indexed": (0, frame(HEADERS, 5, 1, b"\x82\x87\x84" + literal(b":authority", b"a", True)
                         + literal(b"x-long", b"v" * 60, True)) + frame(HEADERS, 5, 3, b"\x82\x87\x84\xbf\xbe")
                + settings((1, 0)) + frame(HEADERS, 5, 5, b"\x20\x82\x87\x84")),
    "huffman": (0, frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff")),
    "control": (0, settings((3, 1), (6, 4096)) + frame(PING, 0, 0, b"12345678") + frame(PING, 1, 0, b"12345678")
                + frame(PRIO, 0, 5, struct.pack("!IB", 1, 3)) + frame(16, 0, 0, b"\0\0\0\x01u=1")
                + frame(200, 255, 9, b"unknown") + frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0bye") + request(1)),
    "expect": (0, request(1, b"/echo", OPEN, method=b"POST", more=[(b"expect", b"100-continue"),
                                                                   (b"content-length", b"3")]) + body(1, b"abc")),
    "refused": (0, request(1, method=b"CONNECT") + request(3, b"/ bad") + request(5, more=[(b"Upper", b"x")])
                + request(7, more=[(b"connection", b"close")]) + request(9, more=[(b"x", b"v" * 100)] * 8)),
    "extended_connect": (0, request(1, b"/ws", OPEN, method=b"CONNECT", more=[(b":protocol", b"websocket")])),
    "websocket": (0, request(1, b"/ws", OPEN, **CONNECT) + body(1, said(1, b"hello") + said(9, b"?")[:4], 0)
                  + body(1, said(9, b"?")[4:] + said(2, b"x" * 100), 0) + body(1, said(8, b"\x03\xe8"), 0)
                  + body(1, b"")),
    "websocket_closes": (40, request(1, b"/ws", OPEN, **CONNECT) + body(1, said(1, b"close"), 0) + body(1, said(10, b""))),
    "websocket_resets": (1, settings((4, 10)) + request(1, b"/ws", OPEN, **CONNECT) + request(3, b"/ws", OPEN, **CONNECT)
                         + body(1, said(2, b"y" * 125) * 80, 0) + frame(RST, 0, 1, b"\0\0\0\x08")
                         + body(3, said(1, b"z") * 3) + frame(WINDOW, 0, 3, struct.pack("!I", 100))),
    "websocket_refused": (0, request(1, b"/ws", **CONNECT) + request(3, b"/late", OPEN, **CONNECT) + body(3, b"abc")
                          + request(5, b"/n", OPEN, **CONNECT)),
    "errors": (0, frame(PUSH, END_HEADERS, 1, b"\0\0\0\x02" + head()) + body(3, b"of nobody")
               + frame(WINDOW, 0, 0, b"\0\0\0\0")),
    "reset_flood": (0, b"".join(request(i, b"/h") + frame(RST, 0, i, b"\0\0\0\x08") for i in range(1, 25, 2))),
}

for name, (cut, octets) in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as out:
        out.write(bytes([cut]) + octets)
