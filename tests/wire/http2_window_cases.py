"""Windows: RFC 9113, 6.9."""
from http2_frames import (DATA, END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, HEADERS, INITIAL_WINDOW_SIZE, PING,
                          PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, request, settings)
from http2_table import BODY, WHOLE, case, get, hold, post, window


@case("6.9", "an increment of 0 on the connection")
def _(h2):
    h2.send(frame(WINDOW_UPDATE, 0, 0, window(0)))
    h2.connection_error(PROTOCOL_ERROR)


@case("6.9", "an increment of 0 on a stream")
def _(h2):
    hold(h2)
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(0)))
    h2.stream_error(1, PROTOCOL_ERROR)


@case("6.9", "WINDOW_UPDATE that has not 4 octets")
def _(h2):
    h2.send(frame(WINDOW_UPDATE, 0, 0, b"\0\0\x01"))
    h2.connection_error(FRAME_SIZE_ERROR)


@case("6.9", "the reserved bit of an increment is ignored")
def _(h2):
    hold(h2)
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(0x80000000 | 2)))
    assert h2.expect(lambda each: each.kind == DATA, "some of the body").payload == BODY[:2]


@case("6.9.1", "no more is sent than the window lets through")
def _(h2):
    hold(h2)
    for octet in BODY:
        h2.lives()
        assert not [each for each in h2.frames if each.kind == DATA and each.payload], h2.frames
        h2.send(frame(WINDOW_UPDATE, 0, 1, window(1)))
        assert h2.expect(lambda each: each.kind == DATA, "an octet").payload == bytes([octet])
        h2.frames.clear()


@case("6.9.1", "the connection's window holds back what the stream's lets through")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request("GET", "/v1/openapi.json", ("authorization", "Bearer " + h2.token))))
    got, last = 0, None
    while got < 65535:
        last = h2.expect(lambda each: each.kind in (DATA, RST_STREAM), "the body")
        got += len(last.payload)
    assert got == 65535 and not last.flags & END_STREAM, (got, last)
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(1000)))
    h2.lives()
    assert h2.frames[-1].kind == PING
    h2.send(frame(WINDOW_UPDATE, 0, 0, window(10)))
    assert len(h2.expect(lambda each: each.kind == DATA, "what both let through").payload) == 10


@case("6.9.1", "the connection's window grows beyond 2^31-1")
def _(h2):
    h2.send(frame(WINDOW_UPDATE, 0, 0, window(0x7fffffff)))
    h2.connection_error(FLOW_CONTROL_ERROR)


@case("6.9.1", "a stream's window grows beyond 2^31-1")
def _(h2):
    hold(h2)
    post(h2, 3)
    h2.send(frame(WINDOW_UPDATE, 0, 3, window(0x7fffffff)), frame(WINDOW_UPDATE, 0, 3, window(1)))
    h2.stream_error(3, FLOW_CONTROL_ERROR)


@case("6.9.2", "a window that SETTINGS make larger goes on")
def _(h2):
    hold(h2)
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1))))
    assert h2.expect(lambda each: each.kind == DATA, "an octet").payload == BODY[:1]


@case("6.9.2", "a window may become negative")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 2))))
    get(h2)
    assert h2.expect(lambda each: each.kind == DATA, "two octets").payload == BODY[:2]
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0))), frame(WINDOW_UPDATE, 0, 1, window(2)))
    h2.lives()  # 2 - 2 of them sent, less 2, and 2 more: none
    assert h2.frames[-1].kind == PING and not [
        each for each in h2.frames if each.kind == DATA and each.payload == BODY[2:]]
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(1)))
    assert h2.expect(lambda each: each.kind == DATA, "the third").payload == BODY[2:]


@case("6.9.2", "SETTINGS make a window larger than 2^31-1")
def _(h2):
    hold(h2)
    h2.send(frame(WINDOW_UPDATE, 0, 1, window(1)))
    post(h2, 3)
    h2.send(frame(WINDOW_UPDATE, 0, 3, window(0x7fffffff)),
            frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0x7fffffff))))
    h2.connection_error(FLOW_CONTROL_ERROR)
