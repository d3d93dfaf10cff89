#!/usr/bin/env python3
"""Writes a small location database in MaxMind's DB format 2.0, for the demo and for tests.

    make_mmdb.py OUT NETWORKS

NETWORKS has one network a line: prefix, continent, country, then optionally subdivision,
latitude, longitude, ASN and its organisation; '-' leaves a column out, '#' starts a comment.

    198.51.100.0/24  EU DE -  50.1 8.7
    203.0.113.0/24   NA US CA 37.3 -121.9 64500 Example

The layout of a record is that of GeoLite2-City with the two members of GeoLite2-ASN. IPv4 lies in
::/96, as MaxMind's own files have it. Longer prefixes win over shorter ones, in any order.
"""
import ipaddress
import struct
import sys

MARKER = b"\xab\xcd\xefMaxMind.com"
RECORD_SIZE = 28
STRING, DOUBLE, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 3, 5, 6, 7, 9, 11


class Uint16(int):
    pass


class Uint64(int):
    pass


def control(kind, size):
    """The control octet(s) of the data section: type and size."""
    first, extended = (kind << 5, b"") if kind < 8 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([first | size]) + extended
    if size < 285:
        return bytes([first | 29]) + extended + bytes([size - 29])
    return bytes([first | 30]) + extended + struct.pack("!H", size - 285)


def encode(value):
    if isinstance(value, str):
        octets = value.encode()
        return control(STRING, len(octets)) + octets
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode(v) for v in value)
    if isinstance(value, float):
        return control(DOUBLE, 8) + struct.pack("!d", value)
    kind = UINT16 if isinstance(value, Uint16) else UINT64 if isinstance(value, Uint64) else UINT32
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return control(kind, len(octets)) + octets


class Tree:
    """The binary search tree: a node is [left, right]; a leaf is an index into `records`."""

    def __init__(self):
        self.root = [None, None]
        self.records = []

    def insert(self, network, record):
        bits, length = int(network.network_address), network.prefixlen
        if network.version == 4:
            length += 96
        self.records.append(record)
        leaf, node = len(self.records) - 1, self.root
        for depth in range(length - 1):
            side = bits >> (127 - depth) & 1
            if not isinstance(node[side], list):  # a shorter network: it is pushed down
                node[side] = [node[side], node[side]]
            node = node[side]
        node[bits >> (128 - length) & 1] = leaf

    def write(self, path, description):
        # Nodes are numbered first, then written; equal records share their place.
        nodes, at = [self.root], 0
        number = {id(self.root): 0}
        while at < len(nodes):
            for child in nodes[at]:
                if isinstance(child, list):
                    number[id(child)] = len(nodes)
                    nodes.append(child)
            at += 1
        data, places, offsets = b"", {}, []
        for record in self.records:
            octets = encode(record)
            if octets not in places:
                places[octets] = len(data)
                data += octets
            offsets.append(places[octets])

        def reference(child):
            if child is None:
                return len(nodes)  # nothing is known
            return number[id(child)] if isinstance(child, list) else len(nodes) + 16 + offsets[child]

        metadata = {"binary_format_major_version": Uint16(2), "binary_format_minor_version": Uint16(0),
                    "build_epoch": Uint64(1767225600), "database_type": "GeoLite2-City",
                    "description": {"en": description}, "ip_version": Uint16(6),
                    "languages": ["en"], "node_count": len(nodes), "record_size": Uint16(RECORD_SIZE)}
        with open(path, "wb") as out:
            for left, right in nodes:
                left, right = reference(left), reference(right)
                out.write((left & 0xffffff).to_bytes(3, "big") +
                          bytes([left >> 24 << 4 | right >> 24]) + (right & 0xffffff).to_bytes(3, "big"))
            out.write(bytes(16) + data + MARKER + encode(metadata))


def record_of(columns):
    columns = [None if column == "-" else column for column in columns]
    continent, country, subdivision, latitude, longitude, asn = (columns + [None] * 6)[:6]
    record = {}
    if continent:
        record["continent"] = {"code": continent}
    if country:
        record["country"] = {"iso_code": country}
        record["registered_country"] = {"iso_code": country}
    if subdivision:
        record["subdivisions"] = [{"iso_code": subdivision}]
    if latitude and longitude:
        record["location"] = {"latitude": float(latitude), "longitude": float(longitude)}
    if asn:
        record["autonomous_system_number"] = int(asn)
        record["autonomous_system_organization"] = " ".join(columns[6:]) or "AS" + asn
    return record


def make(path, text, description="made up"):
    """Writes the database of a text of networks."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        columns = line.split("#")[0].split()
        if not columns:
            continue
        try:
            rows.append((ipaddress.ip_network(columns[0]), record_of(columns[1:])))
        except ValueError as error:
            raise ValueError("line %d: %s" % (number, error)) from error
    tree = Tree()
    for network, record in sorted(rows, key=lambda row: row[0].prefixlen + (96 if row[0].version == 4 else 0)):
        tree.insert(network, record)
    tree.write(path, description)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        with open(sys.argv[2], encoding="utf-8") as networks:
            make(sys.argv[1], networks.read())
    except (OSError, ValueError) as error:
        sys.exit("make_mmdb.py: %s: %s" % (sys.argv[2], error))


if __name__ == "__main__":
    main()
