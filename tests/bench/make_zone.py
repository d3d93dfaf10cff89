#!/usr/bin/env python3
"""Writes a deterministic zone and query files for the benchmarks.

    make_zone.py DIR [--names N] [--zones N] [--queries N] [--origin bench.example]

DIR gets bench.zone, with 1.9 records for each of N names, and four streams in dnsperf's format:
hot.txt (100 names over and over), mix.txt (every kind of answer, names with a Zipf-like spread),
nxdomain.txt (names that are not there, each once) and referral.txt (names below zone cuts, at
random). With --zones it gets a list of so many zones of 10 records for `meridian zone import
--list` and the mix over all of them. The same arguments give the same files.
"""
import argparse
import os
import random


def owners(count):
    return ["host%06d" % i for i in range(count)]


def zone_lines(origin, names, chance):
    yield "$ORIGIN %s." % origin
    yield "$TTL 3600"
    yield "@ IN SOA ns1 hostmaster 1 7200 900 1209600 300"
    yield "@ IN NS ns1"
    yield "@ IN NS ns2"
    yield "@ IN MX 10 mail"
    yield "ns1 IN A 192.0.2.1"
    yield "ns2 IN A 192.0.2.2"
    yield "mail IN A 192.0.2.3"
    yield "*.wild IN A 192.0.2.4"
    for number, name in enumerate(names):
        yield "%s IN A 10.%d.%d.%d" % (name, number >> 16 & 255, number >> 8 & 255, number & 255)
        if number % 2 == 0:
            yield "%s IN AAAA 2001:db8::%x:%x" % (name, number >> 16, number & 0xffff)
        if number % 5 == 0:
            yield "%s IN MX 10 mail" % name
        if number % 10 == 0:
            yield "alias%06d IN CNAME %s" % (number, name)
        if number % 20 == 0:
            yield "cut%06d IN NS ns.cut%06d" % (number, number)
            yield "ns.cut%06d IN A 192.0.2.%d" % (number, chance.randrange(1, 255))


def mix(origin, names, count, chance):
    for _ in range(count):
        # A product of two uniform numbers crowds towards the first names as real traffic does.
        number = int(chance.random() * chance.random() * len(names))
        kind = chance.random()
        if kind < 0.55:
            yield "%s.%s A" % (names[number], origin)
        elif kind < 0.70:
            yield "%s.%s AAAA" % (names[number], origin)
        elif kind < 0.78:
            yield "%s.%s MX" % (names[number - number % 5], origin)
        elif kind < 0.86:
            yield "alias%06d.%s A" % (number - number % 10, origin)
        elif kind < 0.92:
            yield "www.cut%06d.%s A" % (number - number % 20, origin)
        elif kind < 0.95:
            yield "w%d.wild.%s A" % (number, origin)
        else:
            yield "no%06d.%s A" % (number, origin)


# One master file that is every zone of --zones: its names are relative.
SMALL_ZONE = """$TTL 3600
@ SOA ns1.provider.test. hostmaster.provider.test. 1 7200 900 1209600 300
@ NS ns1.provider.test.
@ NS ns2.provider.test.
@ MX 10 mail
mail A 192.0.2.3
www A 192.0.2.5
www AAAA 2001:db8::5
alias CNAME www
cut NS ns.provider.test.
*.wild A 192.0.2.4
"""
# Of the mix above: which question stands for each kind of answer in a small zone.
SMALL_MIX = ((0.55, "www.%s A"), (0.65, "www.%s AAAA"), (0.70, "mail.%s AAAA"), (0.78, "%s MX"),
             (0.86, "alias.%s A"), (0.92, "www.cut.%s A"), (0.95, "w.wild.%s A"), (1.0, "no.%s A"))


def mix_of_zones(zones, count, chance):
    for _ in range(count):
        kind = chance.random()
        form = next(form for limit, form in SMALL_MIX if kind < limit)
        yield form % ("z%d.example" % chance.randrange(zones))


def write(path, lines):
    with open(path, "w", encoding="ascii") as out:
        for line in lines:
            out.write(line + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--names", type=int, default=20000, help="names with addresses")
    parser.add_argument("--zones", type=int, default=0, help="small zones instead of a large one")
    parser.add_argument("--queries", type=int, default=100000)
    parser.add_argument("--origin", default="bench.example")
    arguments = parser.parse_args()
    os.makedirs(arguments.directory, exist_ok=True)
    chance = random.Random(20260101)
    place = arguments.directory

    def stream(name, lines):
        write(os.path.join(place, name), lines)

    if arguments.zones > 0:
        small = os.path.join(place, "small.zone")
        with open(small, "w", encoding="ascii") as out:
            out.write(SMALL_ZONE)
        stream("list", ("z%d.example\t%s" % (number, small) for number in range(arguments.zones)))
        stream("mix.txt", mix_of_zones(arguments.zones, arguments.queries, chance))
        return
    names = owners(max(100, arguments.names))
    origin = arguments.origin
    stream("bench.zone", zone_lines(origin, names, chance))
    stream("hot.txt", ("%s.%s A" % (name, origin) for name in names[:100]))
    stream("mix.txt", mix(origin, names, arguments.queries, chance))
    stream("nxdomain.txt",
           ("missing%07d.%s A" % (chance.randrange(10 ** 7), origin) for _ in range(arguments.queries)))
    stream("referral.txt", ("www.cut%06d.%s A" % (chance.randrange(0, len(names), 20), origin)
                            for _ in range(arguments.queries)))


if __name__ == "__main__":
    main()
