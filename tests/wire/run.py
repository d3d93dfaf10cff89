#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py --binary build/release/server/meridian [--quick] [--jobs N] [PATTERN...]

A PATTERN selects tests whose full name holds it. With --jobs so many classes of tests run at a time,
each in a process of its own. The last line counts, for scripts/test.sh.
"""
import argparse
import concurrent.futures
import os
import queue
import re
import subprocess
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402


LONGEST = ("test_signed.", "test_rest.Durability", "test_agreement.", "test_lost_updates.", "test_tls_scanners.")


class Report(unittest.TestResult):
    """One line a test as it ends; what went wrong follows at once."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.at = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self.at = time.monotonic()

    def _line(self, word, test, detail=""):
        print("  %-7s %s (%.1f s)%s" % (word, test.id(), time.monotonic() - self.at, detail), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self._line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("skipped", test, ": " + reason)

    def _bad(self, test, error):
        self._line("FAILED", test)
        text = "".join(traceback.format_exception(*error))
        print("    " + text.rstrip().replace("\n", "\n    "), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._bad(subtest, err)


def select(suite, patterns):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from select(test, patterns)
        elif not patterns or any(pattern in test.id() for pattern in patterns):
            yield test


def class_of(test):
    return test.id().rsplit(".", 1)[0]


def tests_of(arguments):
    tests = unittest.TestLoader().discover(HERE, "test_*.py", HERE)
    chosen = select(tests, arguments.patterns)
    return [test for test in chosen if arguments.of in (None, class_of(test))]


def run_here(arguments):
    """Passed, failed, skipped."""
    report = Report()
    # A suite of its own keeps the tests of one class together, so that each starts one server.
    unittest.TestSuite(tests_of(arguments)).run(report)
    return report.passed, len(report.failures) + len(report.errors), len(report.skipped)


def run_apart(arguments):
    """The same, with a process for each class, `jobs` of them at a time."""
    classes = list(dict.fromkeys(class_of(test) for test in tests_of(arguments)))
    # Those that take longest, first, or the last one is waited for alone.
    classes.sort(key=lambda name: not name.startswith(LONGEST))
    each = len(harness.PORTS) // arguments.jobs
    ports = queue.Queue()
    for i in range(arguments.jobs):
        ports.put("%d-%d" % (harness.PORTS[i * each], harness.PORTS[i * each] + each))

    def run_class(name):
        part = ports.get()
        command = [sys.executable, os.path.abspath(__file__), "--binary", harness.BINARY, "--ports", part,
                   "--of", name] + (["--quick"] if arguments.quick else [])
        done = subprocess.run(command + arguments.patterns, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        ports.put(part)
        lines = done.stdout.rstrip("\n").split("\n")
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", lines[-1])
        if counts is None:
            print("\n".join(lines + ["  FAILED  %s ended with %d" % (name, done.returncode)]), flush=True)
            return 0, 1, 0
        if len(lines) > 1:
            print("\n".join(lines[:-1]), flush=True)
        return tuple(int(count) for count in counts.groups())

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        each_class = list(pool.map(run_class, classes))
    return [sum(counts) for counts in zip(*each_class)] or [0, 0, 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--quick", action="store_true", help="without what takes long or needs peers")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--of", metavar="CLASS", help="only the tests of this class")
    parser.add_argument("--ports", help="FIRST-END, for servers that listen")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    if not os.access(arguments.binary, os.X_OK):
        sys.exit("run.py: %s is not there; build it first (cmake --preset release)" % arguments.binary)
    harness.BINARY = os.path.abspath(arguments.binary)
    harness.QUICK = arguments.quick
    if arguments.ports:
        first, end = arguments.ports.split("-")
        harness.PORTS = range(int(first), int(end))
    passed, failed, skipped = (run_apart if arguments.jobs > 1 else run_here)(arguments)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(0 if failed == 0 and passed > 0 else 1)


if __name__ == "__main__":
    main()
