"""Network namespaces without a name: gone when nothing is left in them, however the test ends.

A thread enters one with `with`; sockets and processes made there stay there.
"""
import ctypes
import json
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Why there are no namespaces to be had here."""


def _call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise Unavailable("%s: %s" % (name, os.strerror(ctypes.get_errno())))


def _own():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable("ip %s: %s" % (" ".join(arguments), done.stderr.strip()))
    return done.stdout


class Namespace:
    """A new one, with loopback up and addresses believed wherever they come from."""

    def __init__(self):
        if shutil.which("ip") is None:
            raise Unavailable("ip (iproute2) is not installed")
        before = _own()
        try:
            _call("unshare", CLONE_NEWNET)
            try:
                self.fd = _own()
                ip("link", "set", "lo", "up")
                self.believe("all")
                self.believe("default")
            except OSError as error:
                raise Unavailable(str(error)) from error
            finally:
                _call("setns", before, CLONE_NEWNET)
        finally:
            os.close(before)
        self.before = []

    @staticmethod
    def believe(interface):
        with open("/proc/sys/net/ipv4/conf/%s/rp_filter" % interface, "w", encoding="ascii") as out:
            out.write("0")

    def __enter__(self):
        self.before.append(_own())
        _call("setns", self.fd, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        before = self.before.pop()
        _call("setns", before, CLONE_NEWNET)
        os.close(before)

    def close(self):
        os.close(self.fd)


def connect(one, one_name, one_address, other, other_name, other_address):
    """A cable between two; the addresses are of one network."""
    with one:
        # /proc/self would be the program that is asked to do it.
        ip("link", "add", one_name, "type", "veth", "peer", "name", other_name,
           "netns", "/proc/%d/fd/%d" % (os.getpid(), other.fd))
    for namespace, name, address in ((one, one_name, one_address), (other, other_name, other_address)):
        with namespace:
            ip("address", "add", address + "/24", "dev", name)
            ip("link", "set", name, "up")


def octets(namespace, name):
    """(received, sent) of an interface, with its frames' heads."""
    with namespace:
        stats = json.loads(ip("-json", "-statistics", "link", "show", name))[0]["stats64"]
    return stats["rx"]["bytes"], stats["tx"]["bytes"]
