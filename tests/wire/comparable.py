"""Messages in a form in which two servers' answers can be compared, and questions with any octets.

Names are octets in lower case, uncompressed; sections are sets of RRsets {(owner, type): (TTL, rdata)}.
"""
import re
import struct

NUMBERS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "RP": 17,
           "AFSDB": 18, "AAAA": 28, "LOC": 29, "SRV": 33, "NAPTR": 35, "KX": 36, "DNAME": 39, "OPT": 41,
           "DS": 43, "SSHFP": 44, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "NSEC3": 50, "NSEC3PARAM": 51,
           "TLSA": 52, "CDS": 59, "CDNSKEY": 60, "SVCB": 64, "HTTPS": 65, "SPF": 99, "EUI48": 108,
           "ANY": 255, "URI": 256, "CAA": 257}
NAMES = {number: name for name, number in NUMBERS.items()}
# Types with names in their rdata: octets before the names, how many names.
LAYOUTS = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 17: (0, 2), 18: (2, 1), 33: (6, 1), 36: (2, 1),
           39: (0, 1), 46: (18, 1), 47: (0, 1)}
AA, TC = 0x0400, 0x0200
ESCAPE = re.compile(rb"\\(\d\d\d|.)", re.S)


def type_number(name):
    return NUMBERS[name] if name in NUMBERS else int(name[4:])


def type_name(number):
    return NAMES.get(number, "TYPE%d" % number)


def wire_name(text):
    """From presentation format, with \\DDD and \\X."""
    raw, out, label, i = text.encode("latin-1"), b"", b"", 0
    if raw == b".":
        return b"\0"
    while i < len(raw):
        if raw[i:i + 1] == b"\\":
            escape = ESCAPE.match(raw, i)
            text = escape.group(1)
            label += bytes([int(text)]) if len(text) == 3 else text
            i = escape.end()
        elif raw[i:i + 1] == b".":
            out += bytes([len(label)]) + label
            label, i = b"", i + 1
        else:
            label += raw[i:i + 1]
            i += 1
    return out + b"\0"


def text_name(wire):
    """For messages to people."""
    out, at = "", 0
    while at < len(wire) and wire[at]:
        for octet in wire[at + 1:at + 1 + wire[at]]:
            char = chr(octet)
            out += char if char.isalnum() or char in "-_*" else "\\" + char if char in ".@\\();\"" else "\\%03d" % octet
        out += "."
        at += 1 + wire[at]
    return out or "."


def query(ident, qname, qtype, payload, dnssec_ok):
    out = struct.pack("!6H", ident, 0, 1, 0, 0, 1 if payload else 0) + qname + struct.pack("!2H", qtype, 1)
    if payload:
        out += b"\0" + struct.pack("!2HIH", 41, payload, 0x8000 if dnssec_ok else 0, 0)
    return out


class Reply:
    __slots__ = ("octets", "flags", "rcode", "question", "sections", "edns", "repeated")

    def __init__(self, octets):
        self.octets = octets
        try:
            self._parse(octets)
        except (IndexError, struct.error) as error:
            raise ValueError("malformed reply %s: %s" % (octets.hex(), error)) from error

    def _parse(self, octets):
        _, self.flags, questions, *counts = struct.unpack_from("!6H", octets)
        at = 12
        if questions:
            _, end = name_at(octets, at)
            self.question = octets[at:end + 4]
            at = end + 4
        else:
            self.question = b""
        self.rcode, self.edns, self.repeated = self.flags & 15, None, []
        self.sections = []
        for count in counts:
            section = {}
            for _ in range(count):
                owner, at = name_at(octets, at)
                rtype, rclass, ttl, length = struct.unpack_from("!2HIH", octets, at)
                at += 10
                if at + length > len(octets):
                    raise IndexError("rdata runs past the end")
                if rtype == 41:
                    self.edns = (rclass, ttl, octets[at:at + length])
                    self.rcode |= ttl >> 24 << 4
                else:
                    rdata = expand(octets, rtype, at, length)
                    ttls, datas = section.setdefault((owner, rtype), (set(), set()))
                    if rdata in datas:
                        self.repeated.append((owner, rtype))
                    ttls.add(ttl)
                    datas.add(rdata)
                at += length
            self.sections.append(section)
        if at != len(octets):
            raise IndexError("%d octets too many" % (len(octets) - at))

    aa = property(lambda self: bool(self.flags & AA))
    tc = property(lambda self: bool(self.flags & TC))
    answer = property(lambda self: self.sections[0])
    authority = property(lambda self: self.sections[1])
    additional = property(lambda self: self.sections[2])


def name_at(octets, at):
    out, end, jumps = b"", None, 0
    while True:
        length = octets[at]
        if length >= 0xc0:
            target = (length & 0x3f) << 8 | octets[at + 1]
            end = at + 2 if end is None else end
            jumps += 1
            if target >= at or jumps > 127:
                raise IndexError("a pointer that does not point back")
            at = target
        elif length > 63:
            raise IndexError("label type %d" % (length >> 6))
        else:
            out += octets[at:at + 1 + length]
            at += 1 + length
            if length == 0:
                if len(out) > 255:
                    raise IndexError("a name of %d octets" % len(out))
                # ASCII letters alone have case; a length is below 64 and never looks like one
                # of A-Z in the wrong place because 'A' is 65.
                return out.lower(), at if end is None else end


def expand(octets, rtype, at, length):
    layout = LAYOUTS.get(rtype)
    if layout is None:
        return octets[at:at + length]
    fixed, names = layout
    out, end = octets[at:at + fixed], at + length
    at += fixed
    for _ in range(names):
        name, at = name_at(octets, at)
        out += name
    if at > end:
        raise IndexError("a name runs past its rdata")
    return out + octets[at:end]


def show_section(section):
    lines = []
    for (owner, rtype), (ttls, datas) in sorted(section.items()):
        for rdata in sorted(datas):
            layout = LAYOUTS.get(rtype)
            shown = rdata.hex()[:100]
            if layout == (0, 1) or rtype == 15:
                shown = text_name(rdata[layout[0]:])
            elif rtype == 1:
                shown = ".".join(str(octet) for octet in rdata)
            lines.append("%s %s %s %s" % (text_name(owner), "/".join(map(str, sorted(ttls))), type_name(rtype), shown))
    return lines
