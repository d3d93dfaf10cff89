"""The table of what RFC 9113 and 7541 say that a server MUST do with what a client sends: a case each, by section,
in http2_frame_cases.py, http2_window_cases.py and http2_message_cases.py.

A case gets a connection that has greeted, and raises where the server does otherwise.
"""
from http2_frames import END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, SETTINGS, frame, request, settings

WHOLE = END_STREAM | END_HEADERS
BODY = b"ok\n"  # of /healthz
STREAMS = 128  # MAX_CONCURRENT_STREAMS that we are told
CASES = []


def case(section, what):
    def add(run):
        CASES.append((section, what, run))
        return run
    return add


def get(h2, stream=1, *fields):
    h2.send(frame(HEADERS, WHOLE, stream, request("GET", "/healthz", *fields)))


def served(h2, stream=1):
    get(h2, stream)
    assert h2.answer(stream) == (200, BODY)


def hold(h2, stream=1):
    """A request whose response's body waits for our window: the stream is half-closed (remote)."""
    h2.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0))))
    get(h2, stream)
    assert h2.status(stream) == 200


def post(h2, stream=1, *fields):
    """A request whose body is still to come; it is read to its end before it is answered."""
    h2.send(frame(HEADERS, END_HEADERS, stream,
                  request("POST", "/v1/zones", ("authorization", "Bearer " + h2.token),
                          ("content-type", "application/json"), *fields)))


def window(octets):
    return octets.to_bytes(4, "big")
