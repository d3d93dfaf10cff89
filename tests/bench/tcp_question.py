"""The question that idle.py and overload.py ask over TCP, to see whether it is answered."""
import struct

QUESTION = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\5bench\7example\0" + struct.pack("!2H", 6, 1)
FRAMED = struct.pack("!H", len(QUESTION)) + QUESTION


def read_exactly(client, size):
    out = b""
    while len(out) < size:
        part = client.recv(size - len(out))
        if not part:
            raise ConnectionError("the server hung up")
        out += part
    return out


def send_question(client):
    client.sendall(FRAMED)


def read_answer(client):
    return read_exactly(client, struct.unpack("!H", read_exactly(client, 2))[0])


def ask(client):
    send_question(client)
    return read_answer(client)
