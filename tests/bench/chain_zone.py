#!/usr/bin/env python3
"""Gives a zone of make_zone.py a chain of NSEC or NSEC3, and signatures that no validator would believe.

    chain_zone.py ZONE_FILE ORIGIN nsec|nsec3 >SIGNED_FILE

What counts instructions needs no keys, and must find the same zone each time. Knows the lines that
make_zone.py writes, and no others.
"""
import base64
import hashlib
import random
import sys

TTL = 3600
DIGITS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghijklmnopqrstuv")


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def hash_of(name):
    return base64.b32encode(hashlib.sha1(wire(name.lower())).digest()).translate(DIGITS).decode()


def signed(lines, origin, chain):
    chance = random.Random(20260202)

    def signature(owner, covered):
        labels = len([label for label in owner.split(".") if label != "*"])
        octets = base64.b64encode(chance.randbytes(64)).decode()  # as ECDSA P-256 makes them
        return "%s. RRSIG %s 13 %d %d 20360101000000 20260101000000 12345 %s. %s" % (
            owner, covered, labels, TTL, origin, octets)

    types = {}
    yield "$ORIGIN %s." % origin
    yield "$TTL %d" % TTL
    for line in lines:
        if line.startswith("$"):
            continue
        yield line
        owner, _, kind = line.split()[:3]
        types.setdefault(origin if owner == "@" else owner + "." + origin, set()).add(kind)
    yield "@ IN DNSKEY 257 3 13 " + base64.b64encode(chance.randbytes(64)).decode()
    types[origin].add("DNSKEY")
    if chain == "nsec3":
        yield "@ IN NSEC3PARAM 1 0 0 -"
        types[origin].add("NSEC3PARAM")

    def parents(owner):
        while owner != origin:
            owner = owner.split(".", 1)[1]
            yield owner

    cuts = {owner for owner, there in types.items() if "NS" in there and owner != origin}
    names = sorted((owner for owner in types if cuts.isdisjoint(parents(owner))), key=lambda name: name.split(".")[::-1])
    for owner in names:
        if owner not in cuts:
            for kind in sorted(types[owner]):
                yield signature(owner, kind)
    if chain == "nsec":
        for owner, following in zip(names, names[1:] + names[:1]):
            there = sorted(types[owner] | {"NSEC", "RRSIG"})
            yield "%s. NSEC %s. %s" % (owner, following, " ".join(there))
            yield signature(owner, "NSEC")
        return
    hashes = {}
    for owner in names:
        hashes[hash_of(owner)] = types[owner] | (set() if owner in cuts else {"RRSIG"})
        for above in parents(owner):
            if above not in types:
                hashes[hash_of(above)] = set()  # an empty non-terminal
    ring = sorted(hashes)
    for owner, following in zip(ring, ring[1:] + ring[:1]):
        yield "%s.%s. NSEC3 1 0 0 - %s %s" % (owner, origin, following, " ".join(sorted(hashes[owner])))
        yield signature(owner + "." + origin, "NSEC3")


def main():
    if len(sys.argv) != 4 or sys.argv[3] not in ("nsec", "nsec3"):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="ascii") as lines:
        for line in signed(lines.read().splitlines(), sys.argv[2], sys.argv[3]):
            print(line)


if __name__ == "__main__":
    main()
