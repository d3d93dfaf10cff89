"""For workers.sh, which says what it does: workers.py FIGURES [SVG]"""
import re
import statistics
import sys

import chart
from ratios import ratio

ALLOWED = 1.05


def main(path, svg):
    figures = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            _, name, figure = line.split()
            kind, count = re.fullmatch(r"([a-z]+)(\d+)", name).groups()
            figures.setdefault(kind, {}).setdefault(int(count), []).append(float(figure))
    risen = []
    print("%8s %12s %28s %12s %28s" % ("workers", "echo, us", "to one (quartiles)", "Meridian, us",
                                       "to one (quartiles)"))
    for count in figures["meridian"]:
        cells = []
        for kind in ("echo", "meridian"):
            low, middle, high = ratio(figures[kind][count], figures[kind][1])
            cells += [statistics.median(figures[kind][count]), "%.3f (%.3f to %.3f)" % (middle, low, high)]
        print("%8d %12.3f %28s %12.3f %28s" % (count, *cells))
        mine, echo = (ratio(figures[kind][count], figures[kind][1])[1] for kind in ("meridian", "echo"))
        if mine > ALLOWED * max(1.0, echo):
            risen.append(count)
    if svg:
        chart.bars(svg, "CPU of the server per query, microseconds", "workers",
                   [str(count) for count in figures["meridian"]],
                   [(label, colour, [statistics.median(values) for values in figures[kind].values()])
                    for kind, label, colour in (("echo", "UDP echo, no DNS", chart.NO_DNS),
                                                ("meridian", "Meridian", chart.COLOURS[0]))])
    if risen:
        raise SystemExit("a query costs over 5 %% more with %s workers" % ", ".join(map(str, risen)))
    print("a query costs the same with all of them, within 5 %")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
