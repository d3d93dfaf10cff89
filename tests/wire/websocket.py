"""A WebSocket client (RFC 6455), text messages only, for the feed."""
import base64
import hashlib
import json
import os
import select
import socket
import struct
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    def __init__(self, status, head):
        super().__init__("HTTP %d" % status)
        self.status, self.head = status, head


class WebSocket:
    close_code = None  # that the server closed with

    def __init__(self, address, path, headers=None, subprotocol="meridian.v1.json", timeout=10.0):
        self.sock = socket.create_connection(address, timeout)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16))
        lines = ["GET %s HTTP/1.1" % path, "Host: %s:%d" % address, "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + key.decode()]
        lines += ["Sec-WebSocket-Protocol: " + subprotocol] if subprotocol else []
        lines += ["%s: %s" % item for item in (headers or {}).items()]
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode())
        while b"\r\n\r\n" not in self.buffer:
            part = self.sock.recv(65536)
            if not part:
                raise ConnectionError("closed during the handshake")
            self.buffer += part
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            self.sock.close()
            raise Refused(status, head.decode("latin-1"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        fields = {line.split(b":", 1)[0].lower(): line.split(b":", 1)[1].strip()
                  for line in head.split(b"\r\n")[1:]}
        assert fields[b"sec-websocket-accept"] == accept, head
        self.subprotocol = fields.get(b"sec-websocket-protocol", b"").decode()

    def _write(self, octets):
        self.sock.sendall(octets)

    def _more(self, end):
        if not select.select([self.sock], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError("no WebSocket frame in time")
        part = self.sock.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def send(self, text, opcode=1, final=True):
        octets = text.encode() if isinstance(text, str) else text
        mask = os.urandom(4)
        size = len(octets)
        head = bytes([(0x80 if final else 0) | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        else:
            head += struct.pack("!BH", 0x80 | 126, size) if size < 65536 else struct.pack("!BQ", 0x80 | 127, size)
        self._write(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(octets)))

    def _take(self, size, end):
        while len(self.buffer) < size:
            self.buffer += self._more(end)
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def receive(self, timeout=5.0):
        """The next text message; pings are answered. None: the server closed properly."""
        end, message = time.monotonic() + timeout, b""
        while True:
            first, second = self._take(2, end)
            assert not second & 0x80, "a server must not mask"
            size = second & 0x7f
            if size == 126:
                size = struct.unpack("!H", self._take(2, end))[0]
            elif size == 127:
                size = struct.unpack("!Q", self._take(8, end))[0]
            payload, opcode = self._take(size, end), first & 15
            if opcode == 8:
                self.close_code = struct.unpack("!H", payload[:2])[0] if payload else None
                return None
            if opcode == 9:
                self.send(payload, 10)
            elif opcode in (0, 1):
                message += payload
                if first & 0x80:
                    return message.decode()

    def events(self, timeout=5.0):
        """Yields the events of the batches that arrive within the time."""
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.receive(max(0.05, end - time.monotonic()))
            except TimeoutError:
                return
            if message is None:
                return
            document = json.loads(message)
            yield from document["events"] if document.get("type") == "batch" else []

    def wait_for(self, condition, timeout=5.0):
        """The first event for which condition(event) holds."""
        seen = []
        for event in self.events(timeout):
            if condition(event):
                return event
            seen.append(event)
        raise AssertionError("no such event within %g s; seen: %s" % (timeout, seen[:10]))

    def close(self):
        try:
            self.send(struct.pack("!H", 1000), 8)
        except OSError:
            pass
        self.sock.close()
