"""What many zones cost: import, start, memory. See zones.sh, which calls it."""
import os
import resource
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import free_port  # noqa: E402

RECORDS = 10
ZONE = """$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 300
@ NS ns1
@ NS ns2
@ MX 10 mail
@ A 192.0.2.1
ns1 A 192.0.2.2
ns2 A 192.0.2.3
mail A 192.0.2.4
www A 192.0.2.5
www AAAA 2001:db8::5
"""
AIM_RECORDS_S, AIM_START_S, AIM_ABOVE_BUDGET_MB = 100_000, 5.0, 300


def progress(done, of, what):
    if sys.stderr.isatty():
        sys.stderr.write("\r%s: %d of %d%s" % (what, done, of, "\n" if done == of else ""))


def make_zones(directory, count):
    path = os.path.join(directory, "list")
    with open(path, "w") as listed:
        for number in range(count):
            folder = os.path.join(directory, "%03d" % (number % 1000))
            if number < 1000:
                os.mkdir(folder)
            file = os.path.join(folder, "z%d.zone" % number)
            with open(file, "w") as out:
                out.write(ZONE)
            listed.write("z%d.example\t%s\n" % (number, file))
            if number % 10000 == 9999:
                progress(number + 1, count, "zones made")
    return path


def import_zones(meridian, data_dir, listed, records):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run([meridian, "zone", "import", "--offline", "--data-dir", data_dir, "--list", listed],
                   check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print("import: %d records in %.1f s, %.0f records/s; %.1f s of CPU, %.0f records a CPU-second; %d MB at most"
          % (records, took, records / took, cpu, records / cpu, after.ru_maxrss // 1024))
    return records / took


class Server:
    def __init__(self, meridian, directory, data_dir, memory_mb):
        self.port, self.web = free_port(), free_port()
        config = os.path.join(directory, "meridian.toml")
        with open(config, "w") as out:
            out.write('data_dir = "%s"\nworkers = 1\n[[listener]]\naddress = "127.0.0.1:%d"\nrole = "auth"\n'
                      '[[admin.listener]]\naddress = "127.0.0.1:%d"\n[limits]\nmemory_mb = %d\n'
                      % (data_dir, self.port, self.web, memory_mb))
        self.log = open(os.path.join(directory, "server.log"), "w")
        self.process = subprocess.Popen([meridian, "serve", "--config", config],
                                        stdout=self.log, stderr=self.log)

    def first_answer(self, qname, limit_s=120):
        """Seconds until the server has answered the question, counted from now."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in qname.split("."))
        query = struct.pack("!6H", 0x1234, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
        start = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            sock.settimeout(0.02)
            while time.monotonic() - start < limit_s:
                try:
                    sock.send(query)
                    answer = sock.recv(512)
                except ConnectionRefusedError:
                    time.sleep(0.005)  # not there yet
                    continue
                except socket.timeout:
                    continue
                if answer[3] & 15 or answer[7] != 1:
                    raise SystemExit("zones.py: %s got a wrong answer" % qname)
                return time.monotonic() - start
        raise SystemExit("zones.py: no answer within %d s" % limit_s)

    def rss_mb(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, limit_s=1200):
        """Until the whole store is in memory; the thread that reads it gives way to everything else."""
        start = time.monotonic()
        while time.monotonic() - start < limit_s:
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.web) as metrics:
                    if b"\nmeridian_node_cache_complete 1\n" in metrics.read():
                        return
            except urllib.error.URLError:
                pass  # it answers queries before it listens for this
            time.sleep(0.2)
        raise SystemExit("zones.py: not all in memory within %d s" % limit_s)

    def settle(self):
        """Until it has nothing more to do in the background."""
        known = -1.0
        while self.cpu_s() - known > 0.02:
            known = self.cpu_s()
            time.sleep(3)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def main(meridian, directory, zones, memory_mb):
    data_dir = os.path.join(directory, "data")
    listed = make_zones(directory, zones)
    rate = import_zones(meridian, data_dir, listed, zones * RECORDS)
    server = Server(meridian, directory, data_dir, memory_mb)
    try:
        start = server.first_answer("www.z%d.example" % (zones - 1))
        print("start: first answer after %.2f s, with %.2f s of CPU" % (start, server.cpu_s()))
        server.settle()
        rss = server.rss_mb()
        print("memory: %.0f MB, with limits.memory_mb = %d" % (rss, memory_mb))
    finally:
        server.stop()
    missed = [what for what, bad in (("records/s", rate < AIM_RECORDS_S), ("start", start >= AIM_START_S),
                                     ("memory", rss > memory_mb + AIM_ABOVE_BUDGET_MB)) if bad]
    if missed:
        raise SystemExit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
