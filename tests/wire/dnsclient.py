"""A small DNS client: enough wire format (RFC 1035, RFC 6891, RFC 7871) to ask and to check.

It shares no code with the server, so that a mistake made twice is not made by one hand.
"""
import ipaddress
import secrets
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "OPT": 41, "DS": 43, "CAA": 257, "ANY": 255}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
          16: "BADVERS"}
QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
OPTION_ECS, OPTION_EDE = 8, 15


class Malformed(Exception):
    """The server sent octets that are not a DNS message."""


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split(".") if name.rstrip(".") else []:
        out += bytes([len(label)]) + label.encode("ascii")
    return out + b"\0"


def make_query(name, qtype, rd=False, edns=True, payload=1232, ecs=None, do=False):
    """Returns (id, octets). `ecs` is a prefix such as 198.51.100.0/24."""
    ident = secrets.randbelow(65536)
    number = TYPES[qtype] if isinstance(qtype, str) else qtype
    out = struct.pack("!6H", ident, RD if rd else 0, 1, 0, 0, 1 if edns else 0)
    out += encode_name(name) + struct.pack("!2H", number, 1)
    if edns:
        options = b""
        if ecs is not None:
            network = ipaddress.ip_network(ecs)
            octets = network.network_address.packed[:(network.prefixlen + 7) // 8]
            family = 1 if network.version == 4 else 2
            data = struct.pack("!HBB", family, network.prefixlen, 0) + octets
            options = struct.pack("!2H", OPTION_ECS, len(data)) + data
        out += b"\0" + struct.pack("!2HIH", TYPES["OPT"], payload, 0x8000 if do else 0,
                                   len(options)) + options
    return ident, out


class Record:
    def __init__(self, owner, rtype, ttl, data):
        self.owner, self.type, self.ttl, self.data = owner, rtype, ttl, data

    def __repr__(self):
        return "%s %d %s %s" % (self.owner, self.ttl, self.type, self.data)


class Response:
    """A parsed message; names are lower case and absolute, rdata is text."""

    def __init__(self, octets):
        self.octets = octets
        try:
            self._parse()
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise Malformed("%s in %s" % (error, octets.hex())) from error

    def _parse(self):
        self.id, self.flags, *counts = struct.unpack_from("!6H", self.octets)
        at = 12
        self.question = None
        for _ in range(counts[0]):
            name, at = self._name(at)
            number, _class = struct.unpack_from("!2H", self.octets, at)
            at += 4
            self.question = (name, TYPE_NAMES.get(number, str(number)))
        self.edns, self.options, extended = False, {}, 0
        sections = []
        for count in counts[1:]:
            records = []
            for _ in range(count):
                owner, at = self._name(at)
                number, rclass, ttl, length = struct.unpack_from("!2HIH", self.octets, at)
                at += 10
                if len(self.octets) < at + length:
                    raise IndexError("rdata beyond the message")
                if number == TYPES["OPT"]:
                    self.edns, extended, self.payload = True, ttl >> 24, rclass
                    self._options(at, at + length)
                else:
                    rtype = TYPE_NAMES.get(number, str(number))
                    records.append(Record(owner, rtype, ttl, self._rdata(rtype, at, length)))
                at += length
            sections.append(records)
        if at != len(self.octets):
            raise IndexError("%d octets after the message" % (len(self.octets) - at))
        self.answer, self.authority, self.additional = sections
        number = extended << 4 | self.flags & 15
        self.rcode = RCODES.get(number, str(number))

    def _name(self, at):
        labels, end, jumps = [], None, 0
        while True:
            length = self.octets[at]
            if length & 0xc0 == 0xc0:
                target = struct.unpack_from("!H", self.octets, at)[0] & 0x3fff
                end = at + 2 if end is None else end
                jumps += 1
                if jumps > 128 or target >= at:
                    raise IndexError("compression pointer that does not go back")
                at = target
            elif length:
                labels.append(self.octets[at + 1:at + 1 + length].decode("ascii").lower())
                at += 1 + length
            else:
                return ".".join(labels) + ".", at + 1 if end is None else end

    def _options(self, at, end):
        while at < end:
            code, length = struct.unpack_from("!2H", self.octets, at)
            self.options[code] = self.octets[at + 4:at + 4 + length]
            at += 4 + length

    def _rdata(self, rtype, at, length):
        raw = self.octets[at:at + length]
        if rtype in ("A", "AAAA"):
            return str(ipaddress.ip_address(raw))
        if rtype in ("NS", "CNAME", "PTR"):
            return self._name(at)[0]
        if rtype == "MX":
            return "%d %s" % (struct.unpack_from("!H", raw)[0], self._name(at + 2)[0])
        if rtype == "SOA":
            mname, at = self._name(at)
            rname, at = self._name(at)
            return " ".join([mname, rname] + [str(n) for n in struct.unpack_from("!5I", self.octets, at)])
        if rtype == "TXT":
            texts, i = [], 0
            while i < length:
                texts.append('"%s"' % raw[i + 1:i + 1 + raw[i]].decode("ascii"))
                i += 1 + raw[i]
            return " ".join(texts)
        return raw.hex()

    def has(self, flag):
        return bool(self.flags & flag)

    def data(self, rtype=None, section="answer"):
        return sorted(r.data for r in getattr(self, section) if rtype in (None, r.type))

    @property
    def ecs_scope(self):
        """(source length, scope length), or None without the option."""
        option = self.options.get(OPTION_ECS)
        return None if option is None else (option[2], option[3])

    @property
    def ede(self):
        option = self.options.get(OPTION_EDE)
        return None if option is None else struct.unpack_from("!H", option)[0]


def udp(address, name, qtype, source=None, timeout=5.0, **options):
    ident, query = make_query(name, qtype, **options)
    return Response(udp_raw(address, query, ident, source, timeout))


def udp_raw(address, query, ident, source=None, timeout=5.0):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        sock.send(query)
        while True:
            octets = sock.recv(65535)
            if len(octets) >= 2 and struct.unpack_from("!H", octets)[0] == ident:
                return octets


def read_exactly(sock, size):
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("the server closed after %d of %d octets" % (len(out), size))
        out += part
    return out


def tcp(address, name, qtype, source=None, timeout=5.0, **options):
    _, query = make_query(name, qtype, **options)
    with socket.create_connection(address, timeout, (source, 0) if source else None) as sock:
        sock.sendall(struct.pack("!H", len(query)) + query)
        return Response(read_exactly(sock, struct.unpack("!H", read_exactly(sock, 2))[0]))
