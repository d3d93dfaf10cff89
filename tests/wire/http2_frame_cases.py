"""Frames, streams and settings: RFC 9113, 3.4 to 7."""
from http2_frames import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM,
                          FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS,
                          INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, PADDED, PING, PRIORITIZED, PRIORITY, PROTOCOL_ERROR,
                          PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, frame,
                          literal, request, settings, string)
from http2_table import BODY, STREAMS, WHOLE, case, get, hold, post, served, window


# 3.4, the preface

@case("3.4", "the server begins with SETTINGS")
def _(h2):
    assert h2.frames[0].kind == SETTINGS and h2.frames[0].flags == 0


@case("3.4", "a request right behind the preface is answered")
def _(h2):
    served(h2)


# 4.1, frames

@case("4.1", "frames of unknown types are ignored")
def _(h2):
    h2.send(frame(0xf0, 0xff, 0, b"unknown"), frame(0x4b, 0, 9, b"unknown"))
    served(h2)


@case("4.1", "flags without a meaning are ignored")
def _(h2):
    h2.send(frame(PING, 0x7e, 0, b"8 octets"))
    h2.expect(lambda each: each.kind == PING and each.flags == ACK and each.payload == b"8 octets", "the PING")
    served(h2)


@case("4.1", "the reserved bit of a stream's number is ignored")
def _(h2):
    h2.send(frame(PING, 0, 0x80000000, b"reserved"))
    h2.expect(lambda each: each.kind == PING and each.payload == b"reserved", "the PING")
    h2.send(frame(HEADERS, WHOLE, 0x80000001, request()))
    assert h2.answer(1) == (200, BODY)


# 4.2, their size

@case("4.2", "a frame of 16384 octets is taken")
def _(h2):
    post(h2)
    h2.send(frame(DATA, END_STREAM, 1, b" " * 16384))
    assert h2.status() == 400


@case("4.2", "DATA of more than 16384 octets")
def _(h2):
    post(h2)
    h2.send(frame(DATA, END_STREAM, 1, b" " * 16385))
    h2.stream_error(1, FRAME_SIZE_ERROR)


@case("4.2", "HEADERS of more than 16384 octets")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request("GET", "/", ("x", "y" * 16385))))
    h2.connection_error(FRAME_SIZE_ERROR)


@case("4.2", "SETTINGS of more than 16384 octets")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((0xff, 0)) * 2731))
    h2.connection_error(FRAME_SIZE_ERROR)


# 4.3, field blocks

@case("4.3", "a field block that does not decode")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, b"\xff\xff\xff\xff\xff"))
    h2.connection_error(COMPRESSION_ERROR)


@case("4.3", "a field block of a refused request still counts for the table")
def _(h2):
    indexed = b"\x40" + string(b"x-kept") + string(b"1")
    h2.send(frame(HEADERS, WHOLE, 1, request() + literal(b"Bad", b"1") + indexed))
    h2.malformed(1)
    h2.send(frame(HEADERS, WHOLE, 3, request() + b"\xbe"))  # the first of the dynamic table
    assert h2.answer(3) == (200, BODY)


for _name, _payload in (("PRIORITY", (PRIORITY, 0, 1, b"\0\0\0\0\x0f")), ("PING", (PING, 0, 0, b"8 octets")),
                        ("SETTINGS", (SETTINGS, 0, 0, b"")), ("DATA", (DATA, 0, 1, b"x")),
                        ("an unknown frame", (0xf0, 0, 1, b"x")), ("HEADERS", (HEADERS, WHOLE, 1, b"\x82")),
                        ("HEADERS of another stream", (HEADERS, WHOLE, 3, request())),
                        ("CONTINUATION of another stream", (CONTINUATION, END_HEADERS, 3, b"\x82"))):
    @case("4.3", "%s within a field block" % _name)
    def _(h2, payload=_payload):
        h2.send(frame(HEADERS, END_STREAM, 1, request()), frame(*payload))
        h2.connection_error(PROTOCOL_ERROR)


# 5.1, the states of streams

for _name, _payload in (("DATA", (DATA, END_STREAM, 1, b"x")), ("RST_STREAM", (RST_STREAM, 0, 1, window(CANCEL))),
                        ("WINDOW_UPDATE", (WINDOW_UPDATE, 0, 1, window(100))),
                        ("CONTINUATION", (CONTINUATION, END_HEADERS, 1, b"\x82"))):
    @case("5.1", "idle: %s" % _name)
    def _(h2, payload=_payload):
        h2.send(frame(*payload))
        h2.connection_error(PROTOCOL_ERROR)


@case("5.1", "idle: PRIORITY is allowed")
def _(h2):
    h2.send(frame(PRIORITY, 0, 3, b"\0\0\0\0\x0f"))
    served(h2)


for _name, _stream, _payload in (("of the least weight", 1, b"\0\0\0\0\0"), ("of the most", 1, b"\0\0\0\0\xff"),
                                 ("exclusive", 1, b"\x80\0\0\0\0"), ("on a stream to come", 1, b"\0\0\0\x05\x07"),
                                 ("of a later stream on this one", 3, b"\0\0\0\x01\x07")):
    @case("5.3.2", "a priority %s changes nothing" % _name)
    def _(h2, stream=_stream, payload=_payload):
        h2.send(frame(PRIORITY, 0, stream, payload))
        served(h2)


# RFC 9113 has nothing of dependencies any more, but says that what senders of them rely on goes on.

@case("7540 5.3.1", "PRIORITY makes a stream depend on itself")
def _(h2):
    h2.send(frame(PRIORITY, 0, 1, b"\0\0\0\x01\x0f"))
    h2.stream_error(1, PROTOCOL_ERROR)


@case("7540 5.3.1", "HEADERS make a stream depend on itself")
def _(h2):
    h2.send(frame(HEADERS, WHOLE | PRIORITIZED, 1, b"\0\0\0\x01\x0f" + request()))
    h2.stream_error(1, PROTOCOL_ERROR)


for _name, _payload, _codes in (("DATA", (DATA, END_STREAM, 1, b"x"), (STREAM_CLOSED,)),
                                ("HEADERS", (HEADERS, WHOLE, 1, request()), (STREAM_CLOSED,)),
                                ("CONTINUATION", (CONTINUATION, END_HEADERS, 1, b"\x82"), (PROTOCOL_ERROR,))):
    @case("5.1", "half-closed (remote): %s" % _name)
    def _(h2, payload=_payload, codes=_codes):
        hold(h2)
        h2.send(frame(*payload))
        h2.stream_error(1, *codes)


@case("5.1", "half-closed (remote): WINDOW_UPDATE, PRIORITY and RST_STREAM are allowed")
def _(h2):
    hold(h2, 1)
    hold(h2, 3)
    h2.send(frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f"), frame(WINDOW_UPDATE, 0, 1, window(100)))
    body = h2.expect(lambda each: each.stream == 1 and each.kind in (DATA, RST_STREAM), "the body")
    assert body.payload == BODY, body
    h2.send(frame(RST_STREAM, 0, 3, window(CANCEL)))
    h2.lives()


for _name, _payload, _codes in (("DATA", (DATA, END_STREAM, 1, b"x"), (STREAM_CLOSED,)),
                                ("HEADERS", (HEADERS, WHOLE, 1, request()), (STREAM_CLOSED, PROTOCOL_ERROR)),
                                ("CONTINUATION", (CONTINUATION, END_HEADERS, 1, b"\x82"), (PROTOCOL_ERROR,))):
    @case("5.1", "closed by RST_STREAM: %s" % _name)
    def _(h2, payload=_payload, codes=_codes):
        post(h2)
        h2.send(frame(RST_STREAM, 0, 1, window(CANCEL)), frame(*payload))
        h2.stream_error(1, *codes)

    @case("5.1", "closed by END_STREAM of both: %s" % _name)
    def _(h2, payload=_payload, codes=_codes):
        served(h2)
        h2.send(frame(*payload))
        h2.connection_error(*codes)


@case("5.1", "closed: PRIORITY, WINDOW_UPDATE and RST_STREAM are no error")
def _(h2):
    served(h2)
    h2.send(frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f"), frame(WINDOW_UPDATE, 0, 1, window(1)),
            frame(RST_STREAM, 0, 1, window(CANCEL)))
    h2.lives()
    served(h2, 3)


@case("5.1.1", "the number of a stream is even")
def _(h2):
    get(h2, 2)
    h2.connection_error(PROTOCOL_ERROR)


@case("5.1.1", "the number of a stream is smaller than one before")
def _(h2):
    served(h2, 5)
    get(h2, 3)
    h2.connection_error(PROTOCOL_ERROR, STREAM_CLOSED)


@case("5.1.1", "streams below a new one are closed")
def _(h2):
    served(h2, 5)
    h2.send(frame(DATA, END_STREAM, 3, b"x"))
    h2.connection_error(PROTOCOL_ERROR, STREAM_CLOSED)


@case("5.1.2", "more streams than the server allows")
def _(h2):
    announced = h2.frames[0].payload
    pairs = [(int.from_bytes(announced[i:i + 2], "big"), int.from_bytes(announced[i + 2:i + 6], "big"))
             for i in range(0, len(announced), 6)]
    assert (3, STREAMS) in pairs, pairs
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0))))
    for i in range(STREAMS):
        get(h2, 2 * i + 1)
    get(h2, 2 * STREAMS + 1)
    h2.stream_error(2 * STREAMS + 1, REFUSED_STREAM, PROTOCOL_ERROR)


@case("5.1.2", "as many streams as the server allows, and another when one has ended")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0))))
    for i in range(STREAMS):
        get(h2, 2 * i + 1)
    for i in range(STREAMS):
        assert h2.status(2 * i + 1) == 200
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(100)))
    h2.expect(lambda each: each.kind == DATA and each.stream == 1 and each.flags & END_STREAM, "the first ends")
    get(h2, 2 * STREAMS + 1)
    assert h2.status(2 * STREAMS + 1) == 200


# 5.4, 5.5

@case("5.4.1", "after a connection error comes GOAWAY with the last stream, and the end")
def _(h2):
    served(h2, 1)
    h2.send(frame(PING, 0, 3, b"8 octets"))
    h2.connection_error(PROTOCOL_ERROR)
    last = [each for each in h2.frames if each.kind == GOAWAY][-1]
    assert last.payload[:4] == b"\0\0\0\x01", last


@case("5.5", "unknown settings, frames and errors are ignored")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((0x1234, 7), (0xffff, 0xffffffff))), frame(0x77, 0xff, 0, b"?"))
    h2.expect(lambda each: each.kind == SETTINGS and each.flags & ACK, "an acknowledgement")
    served(h2)


# 6.1, DATA

@case("6.1", "DATA on stream 0")
def _(h2):
    h2.send(frame(DATA, 0, 0, b"x"))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.1", "DATA with as much padding as there is")
def _(h2):
    post(h2)
    h2.send(frame(DATA, END_STREAM | PADDED, 1, b"\x05xxxx"))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.1", "padding is no content")
def _(h2):
    post(h2)
    h2.send(frame(DATA, PADDED, 1, b"\x04{" + b"\0" * 4), frame(DATA, PADDED | END_STREAM, 1, b"\0}"))
    assert h2.status() == 422  # {}, which lacks a name


@case("6.1", "DATA that should be padded has no octet")
def _(h2):
    post(h2)
    h2.send(frame(DATA, PADDED, 1, b""))
    h2.connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)


# 6.2, HEADERS

@case("6.2", "HEADERS on stream 0")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 0, request()))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.2", "HEADERS with more padding than there is")
def _(h2):
    h2.send(frame(HEADERS, WHOLE | PADDED, 1, b"\xff" + request()))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.2", "HEADERS with padding and priority")
def _(h2):
    h2.send(frame(HEADERS, WHOLE | PADDED | PRIORITIZED, 1, b"\x03\0\0\0\0\x10" + request() + b"\0\0\0"))
    assert h2.answer() == (200, BODY)


@case("6.2", "HEADERS with a priority that is cut off")
def _(h2):
    h2.send(frame(HEADERS, WHOLE | PRIORITIZED, 1, b"\0\0\0"))
    h2.connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)


# 6.3, PRIORITY

@case("6.3", "PRIORITY on stream 0")
def _(h2):
    h2.send(frame(PRIORITY, 0, 0, b"\0\0\0\0\x0f"))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.3", "PRIORITY that has not 5 octets")
def _(h2):
    h2.send(frame(PRIORITY, 0, 1, b"\0\0\0\0"))
    h2.stream_error(1, FRAME_SIZE_ERROR)


# 6.4, RST_STREAM

@case("6.4", "RST_STREAM on stream 0")
def _(h2):
    h2.send(frame(RST_STREAM, 0, 0, window(CANCEL)))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.4", "RST_STREAM that has not 4 octets")
def _(h2):
    post(h2)
    h2.send(frame(RST_STREAM, 0, 1, b"\0\0\0"))
    h2.connection_error(FRAME_SIZE_ERROR)


@case("6.4", "after RST_STREAM nothing more is sent on the stream")
def _(h2):
    hold(h2)
    h2.send(frame(RST_STREAM, 0, 1, window(CANCEL)))
    h2.lives()
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 65535))))
    h2.lives()
    assert not [each for each in h2.frames if each.stream == 1 and each.kind in (DATA, RST_STREAM)]


# 6.5, SETTINGS

@case("6.5", "an acknowledgement with a payload")
def _(h2):
    h2.send(frame(SETTINGS, ACK, 0, settings((INITIAL_WINDOW_SIZE, 1))))
    h2.connection_error(FRAME_SIZE_ERROR)


@case("6.5", "SETTINGS on a stream")
def _(h2):
    h2.send(frame(SETTINGS, 0, 1, settings((INITIAL_WINDOW_SIZE, 1))))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.5", "SETTINGS that are cut off")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1))[:5]))
    h2.connection_error(FRAME_SIZE_ERROR)


for _pair, _code in (((ENABLE_PUSH, 2), PROTOCOL_ERROR), ((INITIAL_WINDOW_SIZE, 1 << 31), FLOW_CONTROL_ERROR),
                     ((MAX_FRAME_SIZE, 16383), PROTOCOL_ERROR), ((MAX_FRAME_SIZE, 1 << 24), PROTOCOL_ERROR)):
    @case("6.5.2", "setting %d is %d" % _pair)
    def _(h2, pair=_pair, code=_code):
        h2.send(frame(SETTINGS, 0, 0, settings(pair)))
        h2.connection_error(code)


@case("6.5.3", "of a setting that comes twice the last one counts")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1))))
    get(h2)
    data = h2.expect(lambda each: each.kind == DATA, "the body")
    assert data.payload == BODY[:1], data


@case("6.5.3", "each SETTINGS is acknowledged, in order")
def _(h2):
    h2.send(*(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, i))) for i in range(3)),
            frame(PING, 0, 0, b"the last"))
    order = []
    while PING not in order:
        each = h2.expect(lambda one: one.kind in (SETTINGS, PING), "acknowledgements")
        assert each.flags == ACK, each
        order.append(each.kind)
    assert order == [SETTINGS] * 3 + [PING], order


@case("6.5.2", "every setting that there is")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings(*((number, value) for number, value in enumerate(
        (4096, 1, 100, 65535, 16384, 100), HEADER_TABLE_SIZE)))))
    h2.expect(lambda each: each.kind == SETTINGS and each.flags & ACK, "an acknowledgement")
    h2.lives()


# 6.6, PUSH_PROMISE; 8.4

@case("6.6", "a client cannot push")
def _(h2):
    h2.send(frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02" + request()))
    h2.connection_error(PROTOCOL_ERROR)


@case("8.4", "a client cannot push on a stream of its own")
def _(h2):
    post(h2)
    h2.send(frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02" + request()))
    h2.connection_error(PROTOCOL_ERROR)


# 6.7, PING

@case("6.7", "PING comes back with what it brought")
def _(h2):
    h2.send(frame(PING, 0, 0, bytes(range(8))))
    each = h2.expect(lambda one: one.kind == PING, "PING")
    assert (each.flags, each.payload) == (ACK, bytes(range(8))), each


@case("6.7", "an acknowledgement is not answered")
def _(h2):
    h2.send(frame(PING, ACK, 0, b"unasked!"), frame(PING, 0, 0, b"another!"))
    each = h2.expect(lambda one: one.kind == PING, "PING")
    assert each.payload == b"another!", each


@case("6.7", "PING on a stream")
def _(h2):
    h2.send(frame(PING, 0, 1, b"8 octets"))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.7", "PING that has not 8 octets")
def _(h2):
    h2.send(frame(PING, 0, 0, b"six..."))
    h2.connection_error(FRAME_SIZE_ERROR)


# 6.8, GOAWAY

@case("6.8", "GOAWAY on a stream")
def _(h2):
    h2.send(frame(GOAWAY, 0, 1, b"\0" * 8))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.8", "GOAWAY that is cut off")
def _(h2):
    h2.send(frame(GOAWAY, 0, 0, b"\0" * 7))
    h2.connection_error(FRAME_SIZE_ERROR)


@case("6.8", "after GOAWAY what is under way goes on to its end")
def _(h2):
    hold(h2)
    h2.send(frame(GOAWAY, 0, 0, b"\0" * 8 + b"farewell"), frame(WINDOW_UPDATE, 0, 1, window(100)))
    data = h2.expect(lambda each: each.stream == 1 and each.kind in (DATA, RST_STREAM), "the body")
    assert (data.kind, data.payload) == (DATA, BODY), data


# 6.10, CONTINUATION

@case("6.10", "a field block in several pieces")
def _(h2):
    whole = request()
    h2.send(frame(HEADERS, END_STREAM, 1, whole[:7]), frame(CONTINUATION, 0, 1, whole[7:20]),
            frame(CONTINUATION, 0, 1, b""), frame(CONTINUATION, END_HEADERS, 1, whole[20:]))
    assert h2.answer() == (200, BODY)


@case("6.10", "CONTINUATION on stream 0")
def _(h2):
    h2.send(frame(HEADERS, END_STREAM, 1, request()), frame(CONTINUATION, END_HEADERS, 0, b""))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.10", "CONTINUATION after END_HEADERS")
def _(h2):
    post(h2)
    h2.send(frame(CONTINUATION, END_HEADERS, 1, b""))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.10", "CONTINUATION after the CONTINUATION that was the last")
def _(h2):
    h2.send(frame(HEADERS, END_STREAM, 1, request()), frame(CONTINUATION, END_HEADERS, 1, literal(b"x", b"y")),
            frame(CONTINUATION, END_HEADERS, 1, literal(b"x", b"z")))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.10", "DATA after a CONTINUATION that is not the last")
def _(h2):
    h2.send(frame(HEADERS, 0, 1, request("POST")), frame(CONTINUATION, 0, 1, literal(b"x", b"y")),
            frame(DATA, END_STREAM, 1, b"x"))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.10", "CONTINUATION after DATA")
def _(h2):
    post(h2)
    h2.send(frame(DATA, 0, 1, b"{"), frame(CONTINUATION, END_HEADERS, 1, b""))
    h2.connection_error(PROTOCOL_ERROR)


# 7, codes

@case("7", "codes that nobody knows have no effect of their own")
def _(h2):
    hold(h2, 1)
    hold(h2, 3)
    h2.send(frame(RST_STREAM, 0, 1, window(0xdeadbeef)), frame(GOAWAY, 0, 0, b"\0\0\0\0" + window(0xff)))
    h2.lives()
    h2.send(frame(WINDOW_UPDATE, 0, 3, window(100)))
    assert h2.expect(lambda each: each.kind == DATA and each.stream == 3, "the other").payload == BODY
