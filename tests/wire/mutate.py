#!/usr/bin/env python3
"""Mutated datagrams and TCP streams at a running server.

    mutate.py --binary build/release/server/meridian [--datagrams 1000000] [--streams 100000] [--seed 1]

Starts the server and sends; every reply must belong to a question, must not be larger than that
client takes, and must not answer an answer. Good queries must be answered throughout. The exit
status is 0 when the server lived and nothing of that was broken.
"""
import argparse
import os
import random
import socket
import struct
import sys

import dnsclient
import harness

ZONE = """$ORIGIN mutate.example.
$TTL 300
@      IN SOA ns1 hostmaster 1 7200 900 1209600 60
@      IN NS  ns1
ns1    IN A   192.0.2.53
www    IN A   192.0.2.1
*.wild IN TXT "wild"
alias  IN CNAME www
d      IN DNAME wild
sub    IN NS  ns.sub
ns.sub IN A   192.0.2.60
""" + "".join("big IN A 10.0.%d.%d\n" % (i // 250, i % 250) for i in range(400))
NAMES = ("www", "x.wild", "alias", "x.d", "deep.sub", "big", "nothing")
MESSAGE_LIMIT = 1232  # edns.udp_payload of the server


def seed_query(chance):
    name = chance.choice(NAMES) + ".mutate.example."
    qtype = chance.choice(("A", "AAAA", "TXT", "ANY", "NS", "SOA"))
    _, octets = dnsclient.make_query(name, qtype, edns=False)
    if chance.random() < 0.7:
        options = b""
        for _ in range(chance.randrange(4)):
            value = chance.choice((b"", bytes(8), chance.randbytes(24), b"\0\1\x18\0\xc0\0\2"))
            options += struct.pack("!2H", chance.choice((3, 8, 10, 11, 12, 19, 65001)), len(value)) + value
        octets = octets[:10] + b"\0\1" + octets[12:] + b"\0" + struct.pack(
            "!2HIH", 41, chance.choice((0, 512, 1232, 4096)), chance.choice((0, 0x8000, 1 << 16)), len(options)) + options
    return bytearray(octets)


def mutate(chance, octets):
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        kind, at = chance.randrange(5), chance.randrange(2, len(octets))
        if kind == 0:
            octets[at] = chance.randrange(256)
        elif kind == 1:
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del octets[at:at + chance.randrange(1, 9)]
        elif kind == 3:
            octets[at:at] = chance.randbytes(chance.randrange(1, 9))
        else:
            octets += octets[at:at + chance.randrange(1, 300)]
        if len(octets) < 4:
            break
    return octets


def datagrams(address, count, seed, good):
    """Sends them and returns what was wrong with the replies."""
    chance, faults = random.Random(seed), []
    sent, replies = {}, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.setblocking(False)
        for i in range(count):
            octets = mutate(chance, seed_query(chance))
            octets[:2] = struct.pack("!H", i % 65536)
            sent[i % 65536] = bytes(octets)
            try:
                sock.send(octets)
            except BlockingIOError:
                pass
            while True:
                try:
                    reply = sock.recv(65535)
                except BlockingIOError:
                    break
                replies += 1
                query = sent.get(struct.unpack_from("!H", reply)[0])
                if query is None:
                    faults.append("a reply nobody asked for: " + reply.hex())
                elif len(query) < 12 or query[2] & 0x80:
                    faults.append("an answer to what must not be answered: " + query.hex())
                elif not reply[2] & 0x80 or len(reply) > MESSAGE_LIMIT:
                    faults.append("QR is clear, or the reply is too large: " + reply.hex())
                elif query[10:12] == b"\0\0" and len(reply) > 512:
                    faults.append("%d octets without EDNS: %s" % (len(reply), query.hex()))
            if i % 20000 == 0:
                good()
    if count >= 1000 and replies < count / 4:
        faults.append("only %d replies to %d datagrams" % (replies, count))
    return faults


def streams(address, count, seed, good):
    chance = random.Random(seed)
    for i in range(count):
        octets = b""
        for _ in range(chance.randrange(1, 5)):
            message = mutate(chance, seed_query(chance))
            size = len(message) if chance.random() < 0.8 else chance.randrange(65536)
            octets += struct.pack("!H", size) + bytes(message)
        with socket.create_connection(address, 5) as sock:
            # Most leave without a word, as floods do; a reset keeps ports from running out.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                sock.sendall(octets[:chance.randrange(1, len(octets) + 1)])
                if i % 50 == 0:
                    sock.settimeout(0.02)
                    sock.recv(65535)
            except (TimeoutError, ConnectionError):
                pass  # nothing came, or the server hung up on nonsense
        if i % 5000 == 0:
            good()


def good_query(server):
    def ask():
        for attempt in range(3):
            try:
                if server.ask("www.mutate.example.", "A", timeout=2.0).data() == ["192.0.2.1"]:
                    return
                raise AssertionError("a good query got another answer")
            except TimeoutError:
                if attempt == 2:
                    raise AssertionError("a good query was not answered\n" + server.log()) from None
    return ask


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--datagrams", type=int, default=1000000)
    parser.add_argument("--streams", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    harness.BINARY = os.path.abspath(arguments.binary)
    server = harness.Server(role="auth")
    server.start()
    server.import_zone("mutate.example", ZONE)
    good = good_query(server)
    before = server.resident() >> 10
    faults = datagrams(server.address, arguments.datagrams, arguments.seed, good)
    streams(server.address, arguments.streams, arguments.seed, good)
    good()
    after = server.resident() >> 10
    lived = server.process.poll() is None
    status = server.stop()
    for fault in faults[:20]:
        print(fault)
    print("%d datagrams, %d streams: %d faults, server %s (exit status %s), resident %d KiB before and %d after"
          % (arguments.datagrams, arguments.streams, len(faults), "lived" if lived else "DIED", status, before, after))
    sys.exit(0 if lived and status == 0 and not faults else 1)


if __name__ == "__main__":
    main()
