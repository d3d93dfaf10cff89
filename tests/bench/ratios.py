"""ratios.py [LABEL=]FIGURES... [--bar STREAM=RATIO]... [--at-most RATIO] [--peer NAME=RATIO]...
             [--svg FILE] [--title TEXT]

What interleaved rounds say. FIGURES (what --keep of auth.sh and tcp.sh leaves) has a line `STREAM
CONTENDER MICROSECONDS` for every measurement, in the order they were made. For each stream prints
the median of each contender and, of Meridian to each other one, the median of the per-round ratios
with their quartiles. A bar is a ratio to the floor. With a LABEL the streams of a file are called
so, to show several files together. Exit status 1 when Meridian is not below every peer in every
stream (with --at-most R: at most R times it; with --peer NAME=R that holds for this peer alone).
"""
import argparse
import statistics
import sys

import chart

NOT_PEERS = ("floor", "meridian", "api")


def read(sources):
    """{stream: {contender: [figure of each round]}}, both in the order they first appear."""
    figures = {}
    for source in sources:
        label, _, path = source.rpartition("=")
        with open(path, encoding="ascii") as file:
            for line in file:
                stream, name, figure = line.split()
                stream = "%s, %s" % (label, stream) if label else stream
                figures.setdefault(stream, {}).setdefault(name, []).append(float(figure))
    return figures


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def ratio(over, under):
    return quartiles([a / b for a, b in zip(over, under)])


def missed(middle, limit):
    return middle >= 1.0 if limit == 1.0 else middle > limit


def report(figures, bars, at_most, peers):
    above = []
    for stream, rows in figures.items():
        print("\nstream %s" % stream)
        print("  %-9s %10s %12s %26s" % ("", "us/query", "x the floor", "Meridian to it (quartiles)"))
        for name, values in rows.items():
            to_floor = "%.3f" % ratio(values, rows["floor"])[1] if "floor" in rows else "-"
            low, middle, high = ratio(rows["meridian"], values)
            mine = "" if name == "meridian" else "%.3f (%.3f to %.3f)" % (middle, low, high)
            print("  %-9s %10.3f %12s %26s" % (name, statistics.median(values), to_floor, mine))
            if name not in NOT_PEERS and missed(middle, peers.get(name, at_most)):
                above.append("%s on %s" % (name, stream))
        if stream in bars and "floor" in rows:
            found = ratio(rows["meridian"], rows["floor"])[1]
            print("  bar: at most %.2f x the floor: %s (%.3f)"
                  % (bars[stream], "met" if found <= bars[stream] else "NOT MET", found))
    return above


def draw(path, title, figures):
    names = [name for rows in figures.values() for name in rows]
    names = list(dict.fromkeys(names))
    colours = dict(zip((name for name in names if name != "floor"), chart.COLOURS))
    labels = {"floor": "UDP echo, no DNS", "meridian": "Meridian", "nsd": "NSD", "knot": "Knot DNS",
              "pdns": "PowerDNS", "bind": "BIND"}
    chart.bars(path, title, "", list(figures),
               [(labels.get(name, name), colours.get(name, chart.NO_DNS),
                 [statistics.median(rows[name]) if name in rows else None for rows in figures.values()]) for name in names])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+")
    parser.add_argument("--bar", action="append", default=[])
    parser.add_argument("--at-most", type=float, default=1.0)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--svg", default="")
    parser.add_argument("--title", default="CPU of the server per query, microseconds")
    arguments = parser.parse_args()
    figures = read(arguments.figures)
    bars, peers = ({name: float(limit) for name, limit in (each.split("=") for each in option)}
                   for option in (arguments.bar, arguments.peer))
    above = report(figures, bars, arguments.at_most, peers)
    wanted = "below" if arguments.at_most >= 1.0 else "at most %g of" % arguments.at_most
    wanted = "as wanted beside" if peers else wanted
    if arguments.svg:
        draw(arguments.svg, arguments.title, figures)
    if above:
        print("\nMeridian is not %s %s" % (wanted, ", ".join(above)))
        sys.exit(1)
    if any(name not in NOT_PEERS for rows in figures.values() for name in rows):
        print("\nMeridian is %s every peer in every stream" % wanted)


if __name__ == "__main__":
    main()
