"""same_answers.py STREAM [--do] NAME=PORT...: whether servers answer a sample of a stream alike.

Asks each server the same questions and compares RCODE, AA and TC, whether there are answers and
whether there is anything at all; so that nobody is measured on refusals. Exit status 1, with the
question, when they differ. Who gives another number of answers than the first is named: gdnsd
leaves the target of an alias to the asker.
"""
import random
import socket
import struct
import sys

SAMPLE = 300
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}


def question(number, qname, qtype, dnssec):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in qname.rstrip(".").split("."))
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0) if dnssec else b""
    return (struct.pack("!6H", number, 0, 1, 0, 0, 1 if dnssec else 0) + labels + b"\0" +
            struct.pack("!2H", TYPES[qtype], 1) + opt)


def ask(port, number, qname, qtype, dnssec):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(1.0)
        for _ in range(5):
            try:
                client.send(question(number, qname, qtype, dnssec))
                reply = client.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            found, flags, _, answers, authority, _ = struct.unpack("!6H", reply[:12])
            if found == number:
                kind = {"rcode": flags & 15, "aa": flags >> 10 & 1, "tc": flags >> 9 & 1, "positive": answers > 0,
                        # What a server adds to a positive answer is its own affair.
                        "empty": answers + authority == 0}
                return kind, answers
    return None


def main(arguments):
    dnssec = "--do" in arguments
    stream, *servers = [each for each in arguments if each != "--do"]
    ports = [(name, int(port)) for name, port in (each.split("=") for each in servers)]
    with open(stream, encoding="ascii") as file:
        lines = sorted(set(file.read().splitlines()))
    sample = random.Random(1).sample(lines, min(SAMPLE, len(lines)))
    others = {}
    for number, line in enumerate(sample):
        qname, qtype = line.split()
        first = None
        for name, port in ports:
            seen = ask(port, number, qname, qtype, dnssec)
            if seen is None:
                sys.exit("%s does not answer %s" % (name, line))
            first = first or (name, *seen)
            if seen[0] != first[1]:
                sys.exit("%s is answered differently: %s says %s, %s says %s"
                         % (line, first[0], first[1], name, seen[0]))
            if seen[1] != first[2]:
                others[name] = others.get(name, 0) + 1
    print("%d questions of %s are answered alike by %s"
          % (len(sample), stream.rsplit("/", 1)[-1], ", ".join(name for name, _ in ports)))
    for name, count in others.items():
        print("  %s: another number of answers than %s for %d of them" % (name, ports[0][0], count))


if __name__ == "__main__":
    main(sys.argv[1:])
