"""Debian's Unbound, BIND and Knot Resolver as validating resolvers whose only Internet is the server under test, with
the key of each of its zones as a trust anchor. Unbound and BIND do not keep what they learn, so that each question
reaches the server."""
import dnsclient
import peers


class Resolver(peers.Peer):
    """`zones` are signed_zones.Signed; `server` is the address that has them."""

    def __init__(self, directory, zones, server):
        super().__init__(directory, [(zone.apex, zone.path) for zone in zones])
        self.signed, self.server = zones, server

    def _serves(self, apex):
        try:
            return dnsclient.udp(self.address, apex, "SOA", timeout=2.0, rd=True).rcode == "NOERROR"
        except (OSError, dnsclient.Malformed):
            return False


class Unbound(Resolver):
    binary = "unbound"

    def configure(self):
        anchors = self.write("anchors", "".join(zone.key + "\n" for zone in self.signed))
        self.config = self.write("unbound.conf", """server:
  interface: 127.0.0.1@%d
  port: %d
  directory: "%s"
  pidfile: "%s/pid"
  chroot: ""
  username: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "validator iterator"
  trust-anchor-file: "%s"
  do-not-query-localhost: no
  qname-minimisation: no
  aggressive-nsec: no
  edns-buffer-size: 4096
  max-udp-size: 65535
  harden-below-nxdomain: no
  minimal-responses: no
  rrset-roundrobin: no
  deny-any: no
  infra-host-ttl: 0
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  outgoing-range: 512
  local-zone: "test." nodefault
  ede: yes
remote-control:
  control-enable: no
""" % (self.port, self.port, self.dir, self.dir, anchors) + "".join(
            'stub-zone:\n  name: "%s"\n  stub-addr: %s@%d\n  stub-no-cache: yes\n' % (apex, *self.server)
            for apex, _ in self.zones))

    def command(self):
        return [peers.program("unbound"), "-d", "-c", self.config]


class Named(peers.BindOptions, Resolver):
    binary = "named"

    def configure(self):
        anchors = "".join('  "%s" static-key %s "%s";\n' % (zone.apex, " ".join(fields[-4:-1]), fields[-1])
                          for zone in self.signed for fields in [key_fields(zone.key)])
        self.config = self.write("named.conf", self.common_options() + """  recursion yes;
  allow-recursion { any; };
  dnssec-validation yes;
  max-cache-ttl 0;
  max-ncache-ttl 0;
  synth-from-dnssec no;
  qname-minimization off;
  empty-zones-enable no;
  max-udp-size 4096;
  edns-udp-size 4096;
  fetches-per-server 0;
  fetches-per-zone 0;
};
controls { };
trust-anchors {
%s};
server 127.0.0.1 { send-cookie no; };
""" % anchors + "".join(
            'zone "%s" { type forward; forward only; forwarders { %s port %d; }; };\n' % (apex, *self.server)
            for apex, _ in self.zones))

    def command(self):
        return [peers.program("named"), "-g", "-n", "1", "-U", "1", "-c", self.config]


class Kresd(Resolver):
    """With its cache, without which each question costs a second: it answers from the proofs that it has seen (RFC
    8198), which therefore must hold for more than what they were given for."""

    binary = "kresd"

    def configure(self):
        anchors = "".join("trust_anchors.add([[%s]])\n" % zone.key for zone in self.signed)
        names = ", ".join("[[%s]]" % apex for apex, _ in self.zones)
        self.config = self.write("kresd.conf", """net.ipv6 = false
net.listen('127.0.0.1', %d, { kind = 'dns' })
net.bufsize(4096)
cache.open(10 * MB, 'lmdb://%s')
trust_anchors.remove('.')
%slog_level('notice')
policy.add(policy.suffix(policy.FORWARD({'%s@%d'}), policy.todnames({%s})))
""" % (self.port, self.dir, anchors, *self.server, names))

    def command(self):
        return [peers.program("kresd"), "-n", "-c", self.config, self.dir]


KINDS = (Unbound, Named, Kresd)


def key_fields(line):
    """flags, protocol, algorithm, base64 at the end, of "apex. IN DNSKEY 257 3 13 AAAA BBBB"."""
    fields = line.split()
    at = fields.index("DNSKEY") + 1
    return fields[at:at + 3] + ["".join(fields[at + 3:])]
