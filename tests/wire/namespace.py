"""Network namespaces for tests that change addresses or need addresses of their own.

Only root can make them. What is started or opened `inside` one stays there, this thread comes back.
"""
import contextlib
import ctypes
import itertools
import json
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine lets us make no namespace; the text says why."""


class Namespace:
    """One network namespace with loopback up. Goes away with `close`."""

    def __init__(self):
        self.ip_program = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if self.ip_program is None:
            raise Unavailable("ip is not installed (iproute2)")
        self.name = "meridian-%d-%d" % (os.getpid(), next(_numbers))
        made = subprocess.run([self.ip_program, "netns", "add", self.name], capture_output=True, text=True,
                              check=False)
        if made.returncode != 0:
            raise Unavailable("no network namespace can be made: " + made.stderr.strip())
        self.ip("link", "set", "lo", "up")

    def close(self):
        subprocess.run([self.ip_program, "netns", "delete", self.name], check=False)

    def ip(self, *arguments, stdin=None):
        done = subprocess.run([self.ip_program, "-n", self.name, *arguments], input=stdin, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise AssertionError("ip %s: %s" % (" ".join(arguments), done.stderr))
        return done.stdout

    def ip_batch(self, lines):
        self.ip("-batch", "-", stdin="".join(line + "\n" for line in lines))

    def octets(self, interface):
        """(received, sent), with the heads of its frames."""
        stats = json.loads(self.ip("-json", "-statistics", "link", "show", interface))[0]["stats64"]
        return stats["rx"]["bytes"], stats["tx"]["bytes"]

    def connect(self, name, address, other, other_name, other_address):
        """A cable to another one. Both ends believe any source address, wherever it comes from."""
        try:
            self.ip("link", "add", name, "type", "veth", "peer", "name", other_name, "netns", other.name)
            for space, end in ((self, name), (other, other_name)):
                with space.inside():
                    for which in ("all", end):
                        with open("/proc/sys/net/ipv4/conf/%s/rp_filter" % which, "w", encoding="ascii") as out:
                            out.write("0")
        except (AssertionError, OSError) as why:  # in a sandbox, say
            raise Unavailable("no cable between namespaces: %s" % why) from why
        for space, end, own in ((self, name, address), (other, other_name, other_address)):
            space.ip("address", "add", own, "dev", end)
            space.ip("link", "set", end, "up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets and processes made by this thread belong to the namespace."""
        with open("/proc/thread-self/ns/net") as before, open("/run/netns/" + self.name) as here:
            self._enter(here)
            try:
                yield self
            finally:
                self._enter(before)

    @staticmethod
    def _enter(file):
        if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
