#!/usr/bin/env python3
"""Instructions of the processor for each kind of answer, compared with answer_cost.txt beside this.

    answer_cost.py --build DIR [--update]

DIR is a build with MERIDIAN_BENCH (build/bench). Callgrind counts what `answer_cost` does from the
octets of a query to those of its answer; the count hardly depends on the machine, so that a slow-down
shows in the change that makes it. Exit status 1 where a kind is more than 3 % dearer or cheaper than
the file says: then find out why, and write the file anew with --update in the same change.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

import chain_zone

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "answer_cost.txt")
TOLERANCE = 0.03
QUERIES = 2000
RUNS = 3  # each has other seeds for its hash tables, which moves a kind by up to 2 %
NAMES = 5000
ORIGIN = "bench.example"
# Of names that make_zone.py puts into its zone.
KINDS = {
    "hit": "host%06d.{0} A",
    "hit AAAA": "host%06d.{0} AAAA",
    "hit MX": "host%06d.{0} MX",
    "CNAME": "alias%06d.{0} A",
    "referral": "www.cut%06d.{0} A",
    "wildcard": "w%d.wild.{0} A",
    "NODATA": "host%06d.{0} TXT",
    "NXDOMAIN": "no%06d.{0} A",
    "not ours": "host%06d.elsewhere A",
}
STEP = 20  # every 20th name of make_zone.py is of every kind
FORMS = {"": [], " DO": ["-d"]}
# From the packet cache: a few names, so that none makes another one's place its own.
AGAIN = ["hit", "NXDOMAIN"]
NAMES_AGAIN = 20
# The same zone with a chain of NSEC or NSEC3, asked with DO.
CHAINS = ["nsec", "nsec3"]
SIGNED = ["hit", "referral", "wildcard", "NODATA", "NXDOMAIN"]


def run(arguments, **options):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit("answer_cost.py: %s failed:\n%s" % (" ".join(arguments), done.stdout))
    return done.stdout


def load(build, zone_file, data):
    run([os.path.join(build, "server", "meridian"), "zone", "import", ORIGIN, zone_file, "--offline", "--data-dir", data])


def prepare(build, place):
    """What is to be asked: (suffix of the kinds, options, data directory, files by kind)."""
    run([sys.executable, os.path.join(HERE, "make_zone.py"), place, "--names", str(NAMES), "--queries", "1"])
    zone_file, data = os.path.join(place, "bench.zone"), os.path.join(place, "data")
    load(build, zone_file, data)
    files = {}
    for kind, pattern in KINDS.items():
        files[kind] = os.path.join(place, kind.replace(" ", "-") + ".txt")
        with open(files[kind], "w", encoding="ascii") as out:
            for number in range(0, NAMES, STEP):
                out.write(pattern.format(ORIGIN) % number + "\n")
    again = {}
    for kind in AGAIN:
        again[kind] = files[kind] + ".again"
        with open(files[kind], encoding="ascii") as lines, open(again[kind], "w", encoding="ascii") as out:
            out.writelines(lines.readlines()[:NAMES_AGAIN])
    forms = [(suffix, options, data, files) for suffix, options in FORMS.items()] + [(" again", ["-p"], data, again)]
    with open(zone_file, encoding="ascii") as lines:
        zone = lines.read().splitlines()
    for chain in CHAINS:
        with open(zone_file + "." + chain, "w", encoding="ascii") as out:
            out.writelines(line + "\n" for line in chain_zone.signed(zone, ORIGIN, chain))
        load(build, zone_file + "." + chain, data + "." + chain)
        forms.append((" " + chain.upper(), ["-d"], data + "." + chain, {kind: files[kind] for kind in SIGNED}))
    return forms


def count(build, place, forms):
    """Instructions a query, by kind."""
    figures = {}
    for suffix, options, data, asked in forms:
        dump = os.path.join(place, "dump" + suffix.strip())
        run(["valgrind", "--tool=callgrind", "--toggle-collect=server::Pipeline::run_batch*",
             "--callgrind-out-file=" + dump, os.path.join(build, "tests", "bench", "answer_cost"),
             "-n", str(QUERIES)] + options + [data] + ["%s=%s" % item for item in asked.items()])
        for name in sorted(os.listdir(place)):
            if not name.startswith(os.path.basename(dump) + "."):
                continue
            with open(os.path.join(place, name), encoding="utf-8") as lines:
                text = lines.read()
            os.remove(os.path.join(place, name))
            kind = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            total = re.search(r"^(?:totals|summary): (\d+)$", text, re.M)
            if kind and total:
                figures[kind.group(1) + suffix] = int(total.group(1)) / QUERIES
    missing = [kind + suffix for suffix, _, _, asked in forms for kind in asked if kind + suffix not in figures]
    if missing:
        sys.exit("answer_cost.py: no figures for " + ", ".join(missing))
    return figures


def read_file():
    figures = {}
    with open(FILE, encoding="ascii") as lines:
        for line in lines:
            words = line.split("#")[0].rsplit(None, 1)
            if len(words) == 2:
                figures[words[0]] = float(words[1])
    return figures


def write_file(figures):
    with open(FILE, "w", encoding="ascii") as out:
        out.write("# Instructions for one answer, from octets to octets: made and compared by answer_cost.py.\n")
        for kind, figure in figures.items():
            out.write("%-14s %6.0f\n" % (kind, figure))


def compare(figures, expected):
    wrong = 0
    for kind in list(figures) + [kind for kind in expected if kind not in figures]:
        if kind not in expected or kind not in figures:
            print("%-14s only %s" % (kind, "measured" if kind in figures else "in the file"))
            wrong += 1
            continue
        change = figures[kind] / expected[kind] - 1
        outside = abs(change) > TOLERANCE
        wrong += outside
        print("%-14s %6.0f, the file says %6.0f: %+.1f %%%s" %
              (kind, figures[kind], expected[kind], 100 * change, " OUTSIDE 3 %" if outside else ""))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meridian-cost-") as place:
        forms = prepare(arguments.build, place)
        runs = [count(arguments.build, place, forms) for _ in range(RUNS)]
    figures = {kind: statistics.median(each[kind] for each in runs) for kind in runs[0]}
    if arguments.update:
        write_file(figures)
    wrong = compare(figures, read_file())
    if wrong:
        print("%d kinds do not cost what %s says; if that is meant, write it anew with --update" %
              (wrong, os.path.relpath(FILE)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
