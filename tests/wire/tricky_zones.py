"""Zones full of corners, made from a seed, and the questions that look into the corners.

Each zone is a random choice of features; a feature adds records to the zone, and the names that
look into its corners. Everything is presentation format, one record a line, so that each server
reads the very same text.
"""
import random

NO_ANSWER = "elsewhere.invalid."  # a name in none of the zones
COMMON = ("A", "AAAA", "NS", "SOA", "CNAME", "MX", "TXT", "DS", "ANY")
RARE = ("DNAME", "SRV", "HTTPS", "SVCB", "PTR", "HINFO", "CAA", "NAPTR", "TLSA", "SSHFP", "LOC", "RP",
        "TYPE65280", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG", "DNSKEY", "CDS", "SPF", "URI", "AFSDB")


class Zone:
    def __init__(self, apex, chance, others=()):
        self.apex, self.chance, self.others = apex, chance, others
        self.lines, self.owners, self.extra, self.seen = [], [], [], set()
        self.minimum = chance.choice((0, 1, 60, 300, 86400))
        self.ttl = chance.choice((0, 30, 300, 3600, 86400))
        self.cname_owners = set()

    def name(self, relative):
        return self.apex if relative == "@" else relative + "." + self.apex

    def add(self, owner, rtype, data, ttl=None):
        """A record; `owner` is relative. What would stand beside a CNAME is left out."""
        key = owner.lower()
        if key in self.cname_owners or (rtype == "CNAME" and key in self.seen):
            return
        if rtype == "CNAME":
            self.cname_owners.add(key)
        self.seen.add(key)
        full = self.name(owner)
        self.lines.append("%s %d IN %s %s" % (full, self.ttl if ttl is None else ttl, rtype, data))
        if full not in self.owners:
            self.owners.append(full)

    def ask(self, *relative):
        """Names beyond the owners that are worth a question."""
        self.extra += [self.name(each) for each in relative if each and not each.startswith(".")]

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"


def address(chance):
    return "192.0.2.%d" % chance.randrange(1, 255)


def address6(chance):
    return "2001:db8::%x" % chance.randrange(1, 65535)


def begin(zone):
    c = zone.chance
    soa_ttl = c.choice((zone.ttl, 60, 3600))
    zone.add("@", "SOA", "ns1.%s hostmaster.%s %d 7200 900 1209600 %d"
             % (zone.apex, zone.apex, c.randrange(1, 1 << 31), zone.minimum), soa_ttl)
    zone.add("@", "NS", "ns1." + zone.apex)
    zone.add("ns1", "A", address(c))
    if c.random() < 0.5:
        zone.add("@", "NS", "ns.elsewhere.invalid.")
    if c.random() < 0.5:
        zone.add("ns1", "AAAA", address6(c))
    if c.random() < 0.3:
        zone.add("@", "MX", "10 mail." + zone.apex)
        zone.add("mail", "A", address(c))
    if c.random() < 0.3:
        zone.add("@", "A", address(c))
    if c.random() < 0.3:
        zone.add("@", "TXT", '"v=spf1 -all"')


def plain(zone):
    c = zone.chance
    for i in range(c.randrange(1, 4)):
        owner = c.choice(("www", "mail", "host%d" % i, "a.b", "c.d.e"))
        for _ in range(c.randrange(1, 4)):
            zone.add(owner, "A", address(c))
        if c.random() < 0.5:
            zone.add(owner, "AAAA", address6(c))
        if c.random() < 0.3:
            zone.add(owner, "TXT", '"a text" "and another"')


def wildcards(zone):
    """RFC 4592: everywhere, below each other, hidden by names, by cuts, by empty non-terminals."""
    c = zone.chance
    base = c.choice(("", ".w", ".deep.w", ".sub.*.w"))
    star = "*" + base
    kind = c.randrange(6)
    if kind == 0:
        zone.add(star, "CNAME", c.choice(("www" + base, "target", "*" + base, "gone.x")) + "." + zone.apex)
        zone.add("target", "A", address(c))
    else:
        zone.add(star, "A", address(c))
        if kind == 1:
            zone.add(star, "MX", "10 mx" + base + "." + zone.apex)
            zone.add("mx" + base, "A", address(c))
        if kind == 2:
            zone.add(star, "TXT", '"wild"')
    if base and c.random() < 0.5:
        zone.add("exists" + base, "TXT", '"hides the wildcard"')
        zone.ask("x.exists" + base, "exists" + base)
    if c.random() < 0.3:
        zone.add("a.b.ent" + base, "A", address(c))  # empty non-terminals hide it too
        zone.ask("ent" + base, "b.ent" + base, "x.ent" + base, "x.b.ent" + base, "x.a.b.ent" + base)
    if c.random() < 0.3:
        zone.add("under.*" + base, "A", address(c))
        zone.ask("x.under.*" + base, "under.q" + base, "beside.*" + base)
    if c.random() < 0.2:
        zone.add("below.*.only" + base, "A", address(c))  # the wildcard itself is empty
        zone.ask("x.only" + base, "*.only" + base, "x.y.only" + base, "below.x.only" + base)
    zone.ask("hit" + base, "two.labels" + base, "*.x" + base, star, "x." + star, "x.*.y" + base)


def empty(zone):
    c = zone.chance
    deep = ".".join("e%d" % i for i in range(c.randrange(2, 8)))
    zone.add("leaf." + deep, "A", address(c))
    labels = deep.split(".")
    for i in range(len(labels)):
        part = ".".join(labels[i:])
        zone.ask(part, "x." + part, "zz." + part)


def cuts(zone):
    c = zone.chance
    cut = c.choice(("sub", "sub.deep", "a.b.sub", "dept"))
    where = c.randrange(6)
    if where in (0, 1, 5):  # in-domain glue
        for i in range(c.randrange(1, 4)):
            zone.add(cut, "NS", "ns%d.%s.%s" % (i, cut, zone.apex))
            zone.add("ns%d.%s" % (i, cut), "A", address(c))
            if c.random() < 0.5:
                zone.add("ns%d.%s" % (i, cut), "AAAA", address6(c))
    if where in (1, 2):  # glue below another cut
        zone.add(cut, "NS", "ns.sibling.%s" % zone.apex)
        zone.add("sibling", "NS", "ns.sibling.%s" % zone.apex)
        zone.add("ns.sibling", "A", address(c))
        zone.ask("sibling", "x.sibling", "ns.sibling")
    if where in (3, 1):
        zone.add(cut, "NS", "ns.elsewhere.invalid.")
    if where == 4:  # the cut is its own name server
        zone.add(cut, "NS", cut + "." + zone.apex)
        zone.add(cut, "A", address(c))
    if where == 5:  # a host of the zone itself
        zone.add(cut, "NS", "ns1." + zone.apex)
    if c.random() < 0.5:
        zone.add("hidden." + cut, "A", address(c))  # occluded
        zone.add("hidden." + cut, "TXT", '"occluded"')
        zone.ask("x.hidden." + cut)
    if c.random() < 0.3:
        zone.add("*." + cut, "A", address(c))
    if c.random() < 0.3:
        zone.add("nested." + cut, "NS", "ns.elsewhere.invalid.")
        zone.ask("x.nested." + cut)
    if c.random() < 0.3:
        zone.add("alias." + cut, "CNAME", "www." + zone.apex)
    if c.random() < 0.4:
        zone.add(cut, "DS", "%d 8 2 %064x" % (c.randrange(65536), c.getrandbits(256)))
    if c.random() < 0.3:
        zone.add("to-cut", "CNAME", "x.%s.%s" % (cut, zone.apex))
    if c.random() < 0.3:
        zone.add("mx-below", "MX", "5 hidden.%s.%s" % (cut, zone.apex))
    zone.ask(cut, "x." + cut, "x.y." + cut, "*." + cut, "beside" + cut)


def dnames(zone):
    c = zone.chance
    target = c.choice(("landing." + zone.apex, "landing." + zone.apex, NO_ANSWER, "wild." + zone.apex,
                       "d2." + zone.apex, "loop." + zone.apex,
                       c.choice(zone.others) if zone.others else NO_ANSWER))
    owner = c.choice(("d", "d.deep", "d"))
    zone.add(owner, "DNAME", target)
    zone.add("x.landing", "A", address(c))
    zone.add("y.landing", "CNAME", "x.%s.%s" % (owner, zone.apex))
    zone.add("d2", "DNAME", "landing." + zone.apex)
    zone.add("loop", "DNAME", "loop2." + zone.apex)
    zone.add("loop2", "DNAME", "loop." + zone.apex)
    zone.add("*.wild", "A", address(c))
    if c.random() < 0.3:
        zone.add(owner, "TXT", '"beside a DNAME"')
    if c.random() < 0.3:
        zone.add(owner, "A", address(c))
    if c.random() < 0.3:
        zone.add("to-dname", "CNAME", "x.%s.%s" % (owner, zone.apex))
    long_label = "l" * 63
    zone.add("long", "DNAME", ".".join((long_label, "m" * 50)) + "." + zone.apex)
    zone.ask(owner, "x." + owner, "y." + owner, "gone." + owner, "a.b." + owner, "x.d2", "*." + owner,
             "x.loop", "x.long", long_label + ".long", long_label + "." + long_label + ".long")


def wild_aliases(zone):
    """Aliases made by wildcards (RFC 4592, 4.4 and 4.6), that lead to themselves and back into each other too."""
    c = zone.chance
    zone.add("*.wd", "DNAME", "end." + zone.apex)
    zone.add("*.wd", "TXT", '"beside a DNAME"')
    zone.add("a.end", "A", address(c))
    zone.add("*.self", "CNAME", "*.self." + zone.apex)
    zone.add("*.again", "CNAME", "x.again." + zone.apex)
    zone.add("*.there", "CNAME", "a.back." + zone.apex)
    zone.add("back", "DNAME", "there." + zone.apex)
    zone.add("*.*.stars", "TXT", '"two"')
    zone.ask("x.wd", "a.x.wd", "*.wd", "a.*.wd", "b.a.x.wd", "x.self", "*.self", "x.again", "y.again", "q.there",
             "q.back", "*.back", "b.q.back", "stars", "x.stars", "y.x.stars", "*.stars", "y.*.stars", "z.y.x.stars")


def chains(zone):
    c = zone.chance
    length = c.randrange(1, 9)
    for i in range(length):
        zone.add("c%d" % i, "CNAME", "c%d.%s" % (i + 1, zone.apex))
    end = c.randrange(7)
    last = "c%d" % length
    if end == 0:
        zone.add(last, "A", address(c))
    elif end == 1:
        zone.add(last, "CNAME", NO_ANSWER)
    elif end == 2:
        zone.add(last, "CNAME", "nothing.here." + zone.apex)
    elif end == 3:
        zone.add(last, "CNAME", "c0." + zone.apex)  # a loop
    elif end == 4:
        zone.add(last, "CNAME", "x.cw." + zone.apex)
        zone.add("*.cw", "A", address(c))
    elif end == 5 and zone.others:
        other = c.choice(zone.others)
        zone.add(last, "CNAME", c.choice(("www.", "nothing-here.", "ns1.", "")) + other)
    else:
        zone.add(last, "TXT", '"the end"')
    zone.add("self", "CNAME", "self." + zone.apex)
    zone.add("pair1", "CNAME", "pair2." + zone.apex)
    zone.add("pair2", "CNAME", "pair1." + zone.apex)
    zone.ask(last, "x.c0")


def long_names(zone):
    """Names of exactly 255 octets and of 127 labels (RFC 1035, 2.3.4)."""
    c = zone.chance
    room = 255 - wire_length(zone.apex)
    labels = []
    while room > 0:
        size = min(63, room - 1)
        if room - 1 - size == 1:
            size -= 1  # never leave room for an empty label
        labels.append(c.choice("abc") * size)
        room -= size + 1
    longest = ".".join(labels)
    zone.add(longest, "A", address(c))
    zone.ask(".".join(labels[1:]), ".".join(["z" * len(labels[0])] + labels[1:]))
    count = (255 - wire_length(zone.apex)) // 2
    many = ".".join(c.choice("xyz") for _ in range(count))
    zone.add(many, "A", address(c))
    zone.ask(many[2:], many[20:], "q" + many[1:], "x." + many[4:])


def wire_length(name):
    return sum(len(label) + 1 for label in name.rstrip(".").split(".")) + 1


def odd_labels(zone):
    c = zone.chance
    for label in c.sample(("\\000", "\\000\\001\\255", "a\\.b", "\\032space", "\\@", "\\\\back", "_srv._tcp",
                           "UPPER.Case", "xn--bcher-kva", "a*", "*a", "\\*x", "-dash-", "\\200\\201", "1.2.3.4",
                           "\\(paren\\)", "semi\\;colon", "quote\\\"s", "\\127"), 5):
        zone.add(label, "A", address(c))
        zone.ask("x." + label)
    zone.add("MiXeD.CaSe", "TXT", '"Case is kept"')
    zone.add("ptr", "PTR", "MiXeD.CaSe." + zone.apex)


def many_types(zone):
    c = zone.chance
    data = {
        "A": address(c), "AAAA": address6(c), "TXT": '"x"', "MX": "10 ns1." + zone.apex,
        "SRV": "1 2 53 ns1." + zone.apex, "HINFO": '"cpu" "os"', "CAA": '0 issue "ca.example"',
        "NAPTR": '1 1 "u" "E2U" "!^.*$!x!" .', "TLSA": "3 1 1 " + "ab" * 32, "SSHFP": "1 1 " + "cd" * 20,
        "LOC": "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "RP": "a.%s b.%s" % (zone.apex, zone.apex),
        "TYPE65280": "\\# 4 01020304", "TYPE1234": "\\# 0", "PTR": "ns1." + zone.apex, "SPF": '"v=spf1"',
        "URI": '10 1 "https://x.example/"', "AFSDB": "1 ns1." + zone.apex,
        "DNSKEY": "256 3 8 AwEAAag=", "CDS": "1 8 2 " + "ef" * 32, "EUI48": "00-00-5e-00-53-2a", "KX": "1 ns1." + zone.apex,
    }
    for rtype in c.sample(sorted(data), 12):
        zone.add("types", rtype, data[rtype])
    for rtype in c.sample(sorted(data), 3):
        zone.add("*.types2", rtype, data[rtype])
    zone.add("_x._tcp", "SRV", "0 0 443 target-of-srv." + zone.apex)
    zone.add("target-of-srv", "A", address(c))
    zone.add("target-of-srv", "AAAA", address6(c))
    zone.add("mx", "MX", "1 target-of-srv." + zone.apex)
    zone.add("mx", "MX", "2 nothing." + zone.apex)
    zone.add("mx", "MX", "3 " + NO_ANSWER)
    zone.ask("q.types2", "types2")


def bindings(zone):
    """RFC 9460."""
    c = zone.chance
    zone.add("svc", "HTTPS", "1 . alpn=h2,h3 ipv4hint=192.0.2.1")
    zone.add("svc", "HTTPS", "2 pool.%s alpn=h2 port=8443" % zone.apex)
    zone.add("svc", "A", address(c))
    zone.add("pool", "A", address(c))
    zone.add("pool", "AAAA", address6(c))
    zone.add("svc-alias", "HTTPS", "0 svc." + zone.apex)
    zone.add("svc-alias", "SVCB", "0 pool." + zone.apex)
    zone.add("_dns.svc", "SVCB", "1 pool.%s alpn=dot" % zone.apex)
    zone.add("svc-out", "SVCB", "0 " + NO_ANSWER)
    zone.add("svc-cname", "CNAME", "svc." + zone.apex)


def large(zone):
    c = zone.chance
    for i in range(c.choice((30, 100))):
        zone.add("many", "A", "10.1.%d.%d" % (i // 250, i % 250))
    for i in range(c.choice((10, 30))):
        zone.add("texts", "TXT", '"%03d%s"' % (i, "t" * 190))
    for i in range(20):
        zone.add("wide", "NS", "ns%d.wide.%s" % (i, zone.apex))
        zone.add("ns%d.wide" % i, "A", "10.2.0.%d" % i)
        zone.add("ns%d.wide" % i, "AAAA", "2001:db8:2::%x" % i)
    zone.add("to-many", "CNAME", "many." + zone.apex)
    zone.ask("x.wide")


def zero_ttl(zone):
    zone.add("zero", "A", address(zone.chance), 0)
    zone.add("zero", "TXT", '"never cached"', 0)
    zone.add("zero-alias", "CNAME", "zero." + zone.apex, 0)
    zone.add("huge-ttl", "A", address(zone.chance), 2147483647)


FEATURES = (plain, plain, wildcards, wildcards, wildcards, empty, cuts, cuts, dnames, wild_aliases, chains, long_names,
            odd_labels, many_types, bindings, large, zero_ttl)


def generate(count, seed):
    """`count` zones; some are parents and children of each other."""
    chance = random.Random(seed)
    zones, apexes = [], []
    while len(zones) < count:
        number = len(zones)
        shape = chance.randrange(10)
        apex = "z%d.test." % number
        if shape == 0:
            apex = "very.deep.below.z%d.test." % number
        elif shape == 1:
            apex = ".".join(["long%d" % number + "x" * 50, "y" * 60, "z" * 60, "test."])
        elif shape == 2 and apexes:
            apex = "child." + chance.choice(apexes)  # maybe delegated, maybe not
            if apex in apexes or wire_length(apex) > 200:
                continue
        zone = Zone(apex, random.Random(chance.random()), list(apexes[-20:]))
        begin(zone)
        for feature in chance.sample(FEATURES, chance.randrange(2, 6)):
            if feature is long_names or wire_length(apex) < 100:
                feature(zone)
        if apex.startswith("child."):
            parent = next(each for each in zones if each.apex == apex[6:])
            if chance.random() < 0.7:
                parent.add("child", "NS", "ns1." + apex)
                parent.add("ns1.child", "A", address(chance))
                if chance.random() < 0.5:
                    parent.add("child", "DS", "%d 13 2 %064x" % (number, chance.getrandbits(256)))
            parent.ask("child", "x.child", "ns1.child")
        apexes.append(apex)
        zones.append(zone)
    return zones


def questions(zones, count, seed, dnssec_ok=0.4):
    """(name, type, edns payload or 0, DO), `count` of them or all there are, in a random order.
    `dnssec_ok`: how many of those with EDNS have DO."""
    chance = random.Random(seed)
    out = []
    for zone in zones:
        names = list(dict.fromkeys(zone.owners + zone.extra))
        for name in names:
            for rtype in COMMON:
                out.append((name, rtype))
            for rtype in chance.sample(RARE, 3):
                out.append((name, rtype))
            for relative in ("below.%s", "a.b.%s", "*.%s"):
                if name != "." and wire_length(name) < 240:
                    out.append((relative % name, chance.choice(COMMON)))
            if name != zone.apex and "\\" not in name:
                parent = name.split(".", 1)[1] or "."
                beside = "beside." + parent if parent != "." and wire_length(parent) < 240 else parent
                out.append((beside, chance.choice(COMMON)))
                out.append((parent, chance.choice(COMMON)))
        for _ in range(5):
            label = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789-_") for _ in range(chance.randrange(1, 20)))
            if wire_length(zone.apex) < 230:
                out.append((label + "." + zone.apex, chance.choice(COMMON)))
        for rtype in RARE:
            out.append((zone.apex, rtype))
    out += [(name, rtype) for name in ("test.", ".", "com.", "zz.test.", NO_ANSWER) for rtype in COMMON]
    out = list(dict.fromkeys((name, rtype) for name, rtype in out))
    chance.shuffle(out)
    if count:
        out = out[:count]
    made = []
    for name, rtype in out:
        if chance.random() < 0.2:
            name = "".join(ch.swapcase() if chance.random() < 0.5 and ch.isalpha() else ch for ch in name)
        size = chance.choice((0, 512, 1232, 4096, 4096, 4096))
        made.append((name, rtype, size, size > 0 and chance.random() < dnssec_ok))
    return made
