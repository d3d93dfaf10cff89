"""Priorities: RFC 9218, 2.1 and 7.1. What they do is in tests/net/http2_priority_test.cc."""
from http2_frames import FRAME_SIZE_ERROR, PROTOCOL_ERROR, SETTINGS, frame, settings
from http2_table import STREAMS, case, get, hold, served, window

PRIORITY_UPDATE = 0x10
NO_RFC7540_PRIORITIES = 0x9


def update(prioritized, value=b"u=1, i", on=0):
    return frame(PRIORITY_UPDATE, 0, on, window(prioritized) + value)


@case("9218 2.1", "the server says that it has none of RFC 7540")
def _(h2):
    assert settings((NO_RFC7540_PRIORITIES, 1)) in h2.frames[0].payload, h2.frames[0].payload


@case("9218 2.1", "SETTINGS_NO_RFC7540_PRIORITIES of 2")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((NO_RFC7540_PRIORITIES, 2))))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 2.1", "SETTINGS_NO_RFC7540_PRIORITIES changed after the first SETTINGS")
def _(h2):
    h2.send(frame(SETTINGS, 0, 0, settings((NO_RFC7540_PRIORITIES, 1))))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 7.1", "PRIORITY_UPDATE before, while and after a stream is open")
def _(h2):
    h2.send(update(1))
    served(h2)
    h2.send(update(1))  # which is closed
    hold(h2, 3)
    h2.send(update(3, b"u=0"), update(3, b""))
    h2.lives()


for _name, _value in (("is no dictionary", b"u=;;"), ("is beyond the range", b"u=9"), ("is of another type", b"u=?1"),
                      ("has unknown members", b"x=1;y, z=(1 2)"), ("has other octets", b"u=\xff"),
                      ("is long", b"u=1" + b", u=1" * 2000)):
    @case("9218 7.1", "a PRIORITY_UPDATE whose value %s" % _name)
    def _(h2, value=_value):
        hold(h2)
        h2.send(update(1, value))
        get(h2, 3)
        assert h2.status(3) == 200  # its body waits for the window, as that of stream 1

    @case("9218 5", "a priority field that %s" % _name)
    def _(h2, value=_value):
        get(h2, 1, ("priority", value.decode("latin-1")))
        assert h2.status() == 200


@case("9218 7.1", "PRIORITY_UPDATE on a stream")
def _(h2):
    hold(h2)
    h2.send(update(1, on=1))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 7.1", "PRIORITY_UPDATE for stream 0")
def _(h2):
    h2.send(update(0))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 7.1", "PRIORITY_UPDATE for a stream that the server would push")
def _(h2):
    h2.send(update(2))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 7.1", "PRIORITY_UPDATE for more streams than may be open")
def _(h2):
    for number in range(STREAMS):
        h2.send(update(1 + 2 * number))
    h2.lives()
    h2.send(update(1 + 2 * STREAMS))
    h2.connection_error(PROTOCOL_ERROR)


@case("9218 7.1", "PRIORITY_UPDATE before each of many requests")
def _(h2):
    for number in range(400):
        h2.send(update(1 + 2 * number), update(3 + 2 * number))
        served(h2, 1 + 2 * number)


@case("9218 7.1", "PRIORITY_UPDATE that has not 4 octets")
def _(h2):
    h2.send(frame(PRIORITY_UPDATE, 0, 0, b"\0\0\1"))
    h2.connection_error(FRAME_SIZE_ERROR)
