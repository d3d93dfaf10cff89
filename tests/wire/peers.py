"""Debian's NSD, Knot DNS and BIND as authoritative servers on loopback, serving given zones."""
import os
import shutil
import subprocess
import time

import dnsclient
import harness

START_TIMEOUT_S = 60.0
UDP_PAYLOAD = 4096


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Peer:
    """`zones` are (apex, path of a master file)."""

    binary = None

    def __init__(self, directory, zones):
        self.dir = os.path.join(directory, self.binary)
        os.makedirs(self.dir)
        self.zones = zones
        self.port = harness.free_port()
        self.address = ("127.0.0.1", self.port)
        self.log_path = os.path.join(self.dir, "log")
        self.process = None

    def start(self):
        self.configure()
        with open(self.log_path, "ab") as log:
            self.process = harness.spawn(self.command(), stdout=log, stderr=log, cwd=self.dir)
        apexes = [apex for apex, _ in self.zones]
        end = time.monotonic() + START_TIMEOUT_S
        for apex in apexes:  # servers that load in the background have all zones when the last one answers
            while not self._serves(apex):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError("%s does not serve %s:\n%s" % (self.binary, apex, self.log()))
                time.sleep(0.1)
        return self

    def _serves(self, apex):
        try:
            return bool(dnsclient.udp(self.address, apex, "SOA", timeout=1.0).answer)
        except (OSError, dnsclient.Malformed):
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


class Nsd(Peer):
    binary = "nsd"

    def configure(self):
        self.config = self.write("nsd.conf", """server:
  server-count: 1
  ip-address: 127.0.0.1@%d
  username: ""
  chroot: ""
  database: ""
  pidfile: "%s/pid"
  xfrdfile: ""
  xfrdir: "%s"
  zonelistfile: "%s/list"
  ipv4-edns-size: %d
  minimal-responses: no
  rrl-ratelimit: 0
remote-control:
  control-enable: no
""" % (self.port, self.dir, self.dir, self.dir, UDP_PAYLOAD) + "".join(
            'zone:\n  name: "%s"\n  zonefile: "%s"\n' % zone for zone in self.zones))

    def command(self):
        return [program("nsd"), "-d", "-c", self.config]


class Knot(Peer):
    binary = "knotd"

    def configure(self):
        self.config = self.write("knot.conf", """server:
  rundir: "%s"
  listen: 127.0.0.1@%d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: %d
log:
  - target: stderr
    any: warning
database:
  storage: "%s"
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
""" % (self.dir, self.port, UDP_PAYLOAD, self.dir) + "".join(
            '  - domain: "%s"\n    file: "%s"\n' % zone for zone in self.zones))

    def command(self):
        return [program("knotd"), "-c", self.config]


class BindOptions:
    """What every configuration of BIND's named in these tests begins with."""

    def common_options(self):
        return """options {
  directory "%s";
  listen-on port %d { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file "%s/pid";
  session-keyfile none;
""" % (self.dir, self.port, self.dir)


class Named(BindOptions, Peer):
    binary = "named"

    def configure(self):
        self.config = self.write("named.conf", self.common_options() + """  recursion no;
  allow-transfer { any; };
  notify no;
  minimal-responses yes;
  edns-udp-size %d;
  max-udp-size %d;
  answer-cookie no;
  empty-zones-enable no;
  check-names primary ignore;
  check-integrity no;
  check-dup-records ignore;
  check-wildcard no;
  rrset-order { order fixed; };
  max-records-per-type 0;
  max-types-per-name 0;
};
controls { };
""" % (UDP_PAYLOAD, UDP_PAYLOAD) + "".join(
            'zone "%s" { type primary; file "%s"; };\n' % zone for zone in self.zones))

    def command(self):
        return [program("named"), "-g", "-n", "1", "-U", "1", "-c", self.config]


KINDS = (Nsd, Knot, Named)
