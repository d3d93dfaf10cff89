"""Starts the release binary on free ports of loopback, talks to it, and stops it again."""
import atexit
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import dnsclient

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "demo"))

BINARY = None  # set by run.py
QUICK = False
START_TIMEOUT_S = 20.0
# Below the range of outgoing sockets. run.py gives each of several processes a part of its own.
PORTS = range(20000, 32000)
started = []  # every process of ours that may still run
given = set()  # ports, each once


@atexit.register
def _end_what_is_left():
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def spawn(command, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    started.append(process)
    return process


def free_port(addresses=("127.0.0.1",)):
    """A port free for UDP and TCP on all the addresses, which nobody is given again."""
    for _ in range(1000):
        port = random.choice(PORTS)
        if port in given:
            continue
        sockets = []
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    sockets.append(socket.socket(family, kind))
                    sockets[-1].bind((address, port))
            given.add(port)
            return port
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise RuntimeError("no free port found")


def wait_for(condition, what, timeout=10.0, every=0.05):
    """Returns the first true value of condition()."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (timeout, what))
        time.sleep(every)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def etag(self):
        return self.headers.get("etag")

    def __repr__(self):
        return "HTTP %d %s" % (self.status, self.body[:500].decode("utf-8", "replace"))


class Server:
    """One `meridian serve` with its own data directory and ports."""

    def __init__(self, config="", role="both", extra_listeners=()):
        self.dir = tempfile.mkdtemp(prefix="meridian-wire-")
        atexit.register(shutil.rmtree, self.dir, True)
        self.data_dir = os.path.join(self.dir, "data")
        self.log_path = os.path.join(self.dir, "log")
        self.port, self.http_port = free_port(), free_port()
        self.address = ("127.0.0.1", self.port)
        self.config_path = os.path.join(self.dir, "meridian.toml")
        self.write_config(config, role)
        self.process = None

    def write_config(self, config, role="both"):
        # Keys of the root come before the first table.
        tables = config.find("[")
        head, rest = (config, "") if tables < 0 else (config[:tables], config[tables:])
        with open(self.config_path, "w", encoding="utf-8") as out:
            out.write('data_dir = "%s"\nworkers = 2\n%s\n' % (self.data_dir, head))
            out.write('[[listener]]\naddress = "127.0.0.1:%d"\nrole = "%s"\n' % (self.port, role))
            out.write('[[admin.listener]]\naddress = "127.0.0.1:%d"\n' % self.http_port)
            out.write(rest)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = spawn([BINARY, "serve", "--config", self.config_path], stdout=log,
                                 stderr=log, cwd=self.dir)
        wait_for(self._is_ready, "the server is ready\n" + self.log(), START_TIMEOUT_S)
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("the server ended with %s:\n%s" % (self.process.returncode, self.log()))
        try:
            return self.http("GET", "/healthz", token=False).status == 200
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=10.0):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    @property
    def token(self):
        with open(os.path.join(self.data_dir, "admin.token"), encoding="ascii") as file:
            return file.read().strip()

    def http(self, method, path, body=None, headers=None, token=True, timeout=10.0):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + (token if isinstance(token, str) else self.token)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()},
                          response.read())
        finally:
            connection.close()

    def must(self, method, path, body=None, headers=None, timeout=10.0):
        answer = self.http(method, path, body, headers, timeout=timeout)
        if answer.status >= 300:
            raise AssertionError("%s %s gave %s" % (method, path, answer))
        return answer

    def run(self, *arguments, timeout=30.0, stdin=subprocess.DEVNULL):
        """A client command of the same binary, over the admin socket."""
        return subprocess.run([BINARY, *arguments, "--server",
                               os.path.join(self.data_dir, "admin.sock")],
                              stdin=stdin, capture_output=True, text=True, timeout=timeout,
                              check=False)

    def import_zone(self, zone, text):
        path = os.path.join(self.dir, "import.zone")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        done = self.run("zone", "import", zone, path)
        if done.returncode != 0:
            raise AssertionError("zone import failed: %s%s" % (done.stdout, done.stderr))

    def ask(self, name, qtype, **options):
        return dnsclient.udp(self.address, name, qtype, **options)

    def ask_tcp(self, name, qtype, **options):
        return dnsclient.tcp(self.address, name, qtype, **options)

    def metric(self, series):
        """What a series shows, named with all its labels as in /metrics; 0 before it is there."""
        for line in self.must("GET", "/metrics").body.decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def limit_hits(self, limit):
        return self.metric('meridian_limit_hits_total{limit="%s"}' % limit)

    def resident(self):
        """Octets of memory that its process has."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))

    def metrics(self):
        """Sums over all label sets: {"meridian_dns_queries_total": 12.0, ...}."""
        totals = {}
        for line in self.must("GET", "/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name = line.split("{")[0].split(" ")[0]
                totals[name] = totals.get(name, 0.0) + float(line.rsplit(" ", 1)[1])
        return totals


def rrset_path(zone, name, rtype, **query):
    path = "/v1/zones/%s/rrsets/%s/%s" % (zone, urllib.parse.quote(name, safe=""), rtype)
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


class WireTest(unittest.TestCase):
    """A test class with one server for all its tests; `config` and `zones` are its set-up."""

    config = ""
    zones = {}
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.config)
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        for zone, text in cls.zones.items():
            cls.server.import_zone(zone, text)

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures and getattr(self, "server", None):
            print("  the server's log ends with:\n" + self.server.log()[-1500:], flush=True)

    def need_program(self, name):
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            self.skipTest(name + " is not installed")
        return path
