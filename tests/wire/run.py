#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py --binary build/release/server/meridian [--quick] [PATTERN...]

A PATTERN selects tests whose full name holds it. The last line counts, for scripts/test.sh.
"""
import argparse
import os
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--quick", action="store_true", help="without what takes long or needs peers")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    if not os.access(arguments.binary, os.X_OK):
        sys.exit("run.py: %s is not there; build it first (cmake --preset release)" % arguments.binary)
    harness.BINARY = os.path.abspath(arguments.binary)
    harness.QUICK = arguments.quick

    tests = unittest.TestLoader().discover(HERE, "test_*.py", HERE)
    report = Report()
    # A suite of its own keeps the tests of one class together, so that each starts one server.
    unittest.TestSuite(list(select(tests, arguments.patterns))).run(report)
    failed = len(report.failures) + len(report.errors)
    print("%d passed, %d failed, %d skipped" % (report.passed, failed, len(report.skipped)))
    sys.exit(0 if failed == 0 and report.passed > 0 else 1)


if __name__ == "__main__":
    main()
