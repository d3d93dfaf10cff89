"""A small Internet on loopback: root, two registries and leaves, each served by Debian's NSD.

    root   127.0.1.1, 127.0.1.2       delegates test. and net.
    test.  127.0.1.3                  delegates leaf.test. (glue) and far.test. (no glue: ns in net.)
    net.   127.0.1.4                  delegates dns.net., where far.test.'s server has its address
    leaves 127.0.1.5 leaf.test.       127.0.1.6 far.test. and dns.net.
"""
import os
import shutil
import subprocess
import time

import dnsclient
import harness

SOA = "@ %d IN SOA ns hostmaster 1 7200 900 1209600 %d\n"
ZONES = {
    "root": (".", ("127.0.1.1", "127.0.1.2"), SOA % (300, 5) + """
. 300 IN NS a.root.
. 300 IN NS b.root.
a.root. 300 IN A 127.0.1.1
b.root. 300 IN A 127.0.1.2
test. 300 IN NS ns.test.
ns.test. 300 IN A 127.0.1.3
net. 300 IN NS ns.net.
ns.net. 300 IN A 127.0.1.4
"""),
    "test": ("test.", ("127.0.1.3",), SOA % (300, 5) + """
@ 300 IN NS ns
ns 300 IN A 127.0.1.3
leaf 300 IN NS ns.leaf
ns.leaf 300 IN A 127.0.1.5
far 300 IN NS ns.dns.net.
lame 300 IN NS ns.lame
ns.lame 300 IN A 127.0.1.4
"""),
    "net": ("net.", ("127.0.1.4",), SOA % (300, 5) + """
@ 300 IN NS ns
ns 300 IN A 127.0.1.4
dns 300 IN NS ns.dns
ns.dns 300 IN A 127.0.1.6
"""),
    "leaf": ("leaf.test.", ("127.0.1.5",), SOA % (300, 5) + """
@ 300 IN NS ns
ns 300 IN A 127.0.1.5
www 300 IN A 192.0.2.101
www 300 IN AAAA 2001:db8::101
fresh 300 IN A 192.0.2.104
alias 300 IN CNAME www
away 300 IN CNAME www.far.test.
short 1 IN A 192.0.2.102
*.wild 300 IN TXT "leaf"
big 300 IN TXT """ + " ".join('"' + "y" * 200 + '"' for _ in range(15)) + "\n"),
    "far": ("far.test.", ("127.0.1.6",), SOA % (300, 5) + """
@ 300 IN NS ns.dns.net.
www 300 IN A 192.0.2.103
"""),
    "dns": ("dns.net.", ("127.0.1.6",), SOA % (300, 5) + """
@ 300 IN NS ns
ns 300 IN A 127.0.1.6
"""),
}


class Upstreams:
    """One NSD per address set, all on one port. Started and stopped as a whole."""

    def __init__(self, directory, nsd):
        self.dir, self.nsd, self.processes = directory, nsd, []
        addresses = sorted({a for _, where, _ in ZONES.values() for a in where})
        self.port = harness.free_port(addresses)
        self.groups = {}
        for key, (origin, where, text) in ZONES.items():
            path = os.path.join(directory, key + ".zone")
            with open(path, "w", encoding="ascii") as out:
                out.write("$ORIGIN %s\n%s" % (origin, text))
            self.groups.setdefault(where, []).append((origin, path))
        self.hints = os.path.join(directory, "root.hints")
        with open(self.hints, "w", encoding="ascii") as out:
            out.write(". 3600 IN NS a.root.\n. 3600 IN NS b.root.\n"
                      "a.root. 3600 IN A 127.0.1.1\nb.root. 3600 IN A 127.0.1.2\n")

    def start(self):
        for number, (where, zones) in enumerate(self.groups.items()):
            home = os.path.join(self.dir, "nsd%d" % number)
            os.makedirs(home, exist_ok=True)
            lines = ["server:", "  server-count: 1", '  username: ""', '  chroot: ""', '  zonesdir: "%s"' % self.dir,
                     '  database: ""', '  pidfile: "%s/pid"' % home, '  xfrdfile: ""', '  zonelistfile: "%s/list"' % home,
                     '  xfrdir: "%s"' % home, "  rrl-ratelimit: 0", "  hide-version: yes"]
            lines += ["  ip-address: %s@%d" % (address, self.port) for address in where]
            lines += ["remote-control:", "  control-enable: no"]
            for origin, path in zones:
                lines += ["zone:", '  name: "%s"' % origin, '  zonefile: "%s"' % path]
            config = os.path.join(home, "nsd.conf")
            with open(config, "w", encoding="ascii") as out:
                out.write("\n".join(lines) + "\n")
            with open(os.path.join(home, "log"), "ab") as log:
                self.processes.append(harness.spawn([self.nsd, "-d", "-c", config], stdout=log, stderr=log))
        for where, zones in self.groups.items():
            for address in where:
                harness.wait_for(lambda a=address, z=zones[0][0]: self._answers(a, z), "NSD on " + address)

    def _answers(self, address, zone):
        try:
            return dnsclient.udp((address, self.port), zone, "SOA", timeout=0.5).rcode == "NOERROR"
        except OSError:
            return False

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        time.sleep(0.1)


def find_nsd():
    return shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
