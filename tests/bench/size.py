"""For size.sh, which says what it does: size.py MERIDIAN TOOLS DIRECTORY MAX ROUNDS SVG"""
import os
import random
import re
import shutil
import statistics
import subprocess
import sys

import chart
from zones import Server, free_port

QUERIES = 200000
RANDOM_NAMES = 200000
HOT_NAMES = 256
MEMORY_MB = 4096
KINDS = ("names", "zones")
STREAMS = ("random", "hot")

APEX = """@ 3600 IN SOA ns1.provider.test. hostmaster.provider.test. 1 7200 900 1209600 300
@ 3600 IN NS ns1.provider.test.
@ 3600 IN NS ns2.provider.test.
"""


def make_names(meridian, directory, data_dir, count):
    """One zone of so many names with an address each."""
    path = os.path.join(directory, "zone.db")
    with open(path, "w") as out:
        out.write(APEX)
        for start in range(0, count, 100000):
            out.write("".join("h%09d 300 IN A 192.0.2.%d\n" % (i, i % 255)
                              for i in range(start, min(count, start + 100000))))
    import_zones(meridian, data_dir, ["size.example", path])
    os.remove(path)
    return "h%09d.size.example"


def make_zones(meridian, directory, data_dir, count):
    """So many zones of one master file."""
    path, listed = os.path.join(directory, "zone.db"), os.path.join(directory, "list")
    with open(path, "w") as out:
        out.write(APEX + "www 300 IN A 192.0.2.1\n")
    with open(listed, "w") as out:
        out.writelines("z%09d.example\t%s\n" % (i, path) for i in range(count))
    import_zones(meridian, data_dir, ["--list", listed])
    os.remove(listed)
    return "www.z%09d.example"


def import_zones(meridian, data_dir, what):
    done = subprocess.run([meridian, "zone", "import", *what, "--offline", "--data-dir", data_dir],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("size.py: the import failed: " + done.stderr[-500:])


def write_streams(directory, form, count, chance):
    hot = [chance.randrange(count) for _ in range(HOT_NAMES)]
    for stream, numbers in (("random", (chance.randrange(count) for _ in range(RANDOM_NAMES))), ("hot", hot)):
        with open(os.path.join(directory, stream), "w") as out:
            out.writelines("%s A\n" % (form % number) for number in numbers)


def cpu_us(tools, port, pid, stream):
    done = subprocess.run([os.path.join(tools, "dnsblast"), "-p", str(port), "-f", stream, "-n", str(QUERIES),
                           "-s", "4", "-w", "64", "-P", str(pid)], capture_output=True, text=True, check=True)
    found = re.search(r"answered (\d+) .*server cpu ([0-9.]+) us.*answers>0 ([0-9.]+)%", done.stdout)
    if not found or int(found.group(1)) < QUERIES * 0.99:
        raise SystemExit("size.py: too few answers: " + done.stdout + done.stderr)
    return float(found.group(2)), float(found.group(3))


def measure(meridian, tools, directory, kind, count, rounds, echo_port, echo_pid, chance):
    data_dir = os.path.join(directory, "data")
    form = (make_names if kind == "names" else make_zones)(meridian, directory, data_dir, count)
    write_streams(directory, form, count, chance)
    server = Server(meridian, directory, data_dir, MEMORY_MB)
    figures = {stream: [] for stream in ("echo",) + STREAMS}
    try:
        server.first_answer(form % (count - 1))
        server.load()
        for number in range(rounds + 1):
            row = {"echo": cpu_us(tools, echo_port, echo_pid, os.path.join(directory, "hot"))[0]}
            for stream in STREAMS:
                row[stream], answers = cpu_us(tools, server.port, server.process.pid,
                                              os.path.join(directory, stream))
                if answers < 99.0:
                    raise SystemExit("size.py: only %.1f %% had an answer" % answers)
            if number > 0:  # the first one warms caches
                for stream, figure in row.items():
                    figures[stream].append(figure)
        rss = server.rss_mb()
    finally:
        server.stop()
        shutil.rmtree(data_dir)
    medians = {stream: statistics.median(values) for stream, values in figures.items()}
    for stream in STREAMS:
        medians[stream + "/echo"] = statistics.median(
            mine / echo for mine, echo in zip(figures[stream], figures["echo"]))
    medians["rss"] = rss
    return medians


def main(meridian, tools, directory, most, rounds, svg):
    chance = random.Random(20260101)
    echo_port = free_port()
    echo = subprocess.Popen([os.path.join(tools, "udp_echo"), str(echo_port)])
    results = {}
    try:
        print("CPU microseconds per query (with the echo in the same rounds as 1):")
        for kind in KINDS:
            for exponent in range(3, min(most, 7 if kind == "names" else 6) + 1):
                figures = measure(meridian, tools, directory, kind, 10 ** exponent, rounds, echo_port, echo.pid,
                                  chance)
                results[kind, 10 ** exponent] = figures
                print("%10d %s: echo %.2f; random names %.2f (%.2f), hot %.2f (%.2f); RSS %d MB"
                      % (10 ** exponent, kind, figures["echo"], figures["random"], figures["random/echo"],
                         figures["hot"], figures["hot/echo"], figures["rss"]), flush=True)
    finally:
        echo.terminate()
        echo.wait()
    if svg:
        def line(kind, stream):
            return [(count, figures[stream]) for (of, count), figures in sorted(results.items()) if of == kind]
        chart.lines(svg, "CPU of the server per query, microseconds", "names in one zone, or zones", [
            ("names, at random", "#1f5fa8", line("names", "random")),
            ("256 hot names", "#7fb2e5", line("names", "hot")),
            ("zones, at random", "#b3541e", line("zones", "random")),
            ("256 hot zones", "#e5a97f", line("zones", "hot")),
            ("UDP echo, no DNS", chart.NO_DNS, line("names", "echo"))])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
