"""A WebSocket client on a stream of HTTP/2 (RFC 8441), by the frames of http2_frames.py."""
import time

import http2_frames
from http2_frames import (CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, RST_STREAM,
                          WINDOW_UPDATE, frame)
from websocket import Refused, WebSocket

INITIAL = 65535  # RFC 9113, 6.9.2
MAX_DATA = 16384


class Http2WebSocket(WebSocket):
    """`window`: what the server may send ahead of what is read. `h2.frames` has all that came."""

    def __init__(self, sock, path, headers=None, subprotocol="meridian.v1.json", scheme="http",
                 authority="test.example", window=INITIAL):
        # pylint: disable=super-init-not-called
        self.h2 = http2_frames.Connection(sock, first=((1, 0), (INITIAL_WINDOW_SIZE, window)))
        self.sock, self.buffer, self.stream = sock, b"", 1
        self.room = {0: INITIAL, self.stream: INITIAL}  # that the server has given us
        self.ended, self.reset_code, self.seen = False, None, 0
        fields = [("sec-websocket-version", "13")]
        fields += [("sec-websocket-protocol", subprotocol)] if subprotocol else []
        fields += [(name.lower(), value) for name, value in (headers or {}).items()]
        self.h2.send(frame(HEADERS, END_HEADERS, self.stream, http2_frames.block(
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", scheme), (":path", path),
            (":authority", authority), *fields)))
        status = self.h2.status(self.stream)
        if status != 200:
            raise Refused(status, "")
        for each in self.h2.frames:  # what came before the answer
            self._account(each)

    def _account(self, each):
        if each.kind == WINDOW_UPDATE and each.stream in self.room:
            self.room[each.stream] += int.from_bytes(each.payload, "big") & 0x7fffffff

    def _frame(self, end):
        """Reads one frame; gives what it brings."""
        if self.reset_code is not None or self.ended:
            raise ConnectionError("the stream is over: %s" % self.reset_code)
        try:
            each = self.h2.next(end)
        except http2_frames.Closed as error:
            raise ConnectionError(str(error)) from error
        self._account(each)
        if each.kind == GOAWAY and each.code != http2_frames.NO_ERROR:
            raise ConnectionError("GOAWAY with %d" % each.code)
        if each.stream != self.stream:
            return b""
        if each.kind == RST_STREAM:
            self.reset_code = each.code
        self.ended = self.ended or bool(each.flags & END_STREAM)
        if each.kind != DATA or not each.payload:
            return b""
        size = len(each.payload).to_bytes(4, "big")
        self.h2.send(frame(WINDOW_UPDATE, 0, 0, size), frame(WINDOW_UPDATE, 0, self.stream, size))
        return each.payload

    def _more(self, end):
        while True:
            octets = self._frame(end)
            if octets:
                return octets

    def _write(self, octets):
        end = time.monotonic() + self.h2.timeout
        while octets and not self.ended and self.reset_code is None:
            size = min(len(octets), MAX_DATA, *self.room.values())
            if size == 0:
                self.buffer += self._frame(end)
                continue
            self.h2.send(frame(DATA, 0, self.stream, octets[:size]))
            octets = octets[size:]
            for stream in self.room:
                self.room[stream] -= size

    def end(self):
        """Of our direction."""
        self.h2.send(frame(DATA, END_STREAM, self.stream))

    def cancel(self):
        self.h2.send(frame(RST_STREAM, 0, self.stream, CANCEL.to_bytes(4, "big")))

    def wait_end(self, timeout=20.0):
        """Until the server has ended or reset the stream."""
        end = time.monotonic() + timeout
        while not self.ended and self.reset_code is None:
            self._frame(end)
