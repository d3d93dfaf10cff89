"""import.py BINARY DIRECTORY RECORDS ZONES: see import.sh, which calls it."""
import http.client
import json
import os
import random
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import free_port  # noqa: E402

AIM_CPU_S_PER_MILLION = 6.0
HEAD = "$TTL 300\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n"


class Server:
    def __init__(self, binary, directory):
        self.socket = os.path.join(directory, "admin.sock")
        self.log = open(os.path.join(directory + ".log"), "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--data-dir", directory, "--dns", "127.0.0.1:%d" % free_port(),
             "--admin", "127.0.0.1:%d" % free_port()], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 20
        while not os.path.exists(self.socket):
            if time.monotonic() > end or self.process.poll() is not None:
                with open(self.log.name) as log:
                    sys.stderr.write(log.read())
                raise SystemExit("the server does not start")
            time.sleep(0.05)

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def run(command):
    """CPU seconds, MB, seconds of a command that must succeed."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit("%s failed" % " ".join(command))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic() - began


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def put(path, zone, file):
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    connection = UnixConnection(path)
    with open(file, "rb") as body:
        connection.request("PUT", "/v1/zones/" + zone, body, {
            "Content-Type": "application/x-ndjson", "Content-Length": str(os.path.getsize(file))})
        answer = connection.getresponse()
        text = answer.read()
    if answer.status >= 300:
        raise SystemExit("PUT gave %d %r" % (answer.status, text[:500]))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 0,
            time.monotonic() - began)


def row(what, client, server_cpu, server_mb):
    print("%-34s CPU s: client %6.2f, server %6.2f; MB: %5.0f, %5.0f; %6.1f s" %
          (what, client[0], server_cpu, client[1], server_mb, client[2]), flush=True)


def main(binary, work, records, zones):
    names = list(range(records))
    random.Random(7).shuffle(names)  # a file in order would need no sorting
    master, lines = os.path.join(work, "large.zone"), os.path.join(work, "large.ndjson")
    with open(master, "w", encoding="ascii") as out:
        out.write(HEAD)
        out.writelines("h%d A 10.%d.%d.%d\n" % (n, n >> 16 & 255, n >> 8 & 255, n & 255) for n in names)
    with open(lines, "w", encoding="ascii") as out:
        for name, rtype, data in (("@", "SOA", "ns1 host 1 7200 900 1209600 60"), ("@", "NS", "ns1"),
                                  ("ns1", "A", "192.0.2.53")):
            out.write(json.dumps({"name": name, "type": rtype, "ttl": 300, "records": [data]}) + "\n")
        out.writelines('{"name":"h%d","type":"A","ttl":300,"records":["10.%d.%d.%d"]}\n' %
                       (n, n >> 16 & 255, n >> 8 & 255, n & 255) for n in names)
    listed = os.path.join(work, "zones.list")
    with open(listed, "w", encoding="ascii") as out:
        for i in range(zones):
            path = os.path.join(work, "z%d" % i)
            with open(path, "w", encoding="ascii") as zone:
                zone.write(HEAD + "".join("h%d A 192.0.2.%d\n" % (k, k) for k in range(7)))
            out.write("z%d.test\t%s\n" % (i, path))

    missed = []

    def judge(what, cpu):
        if cpu > AIM_CPU_S_PER_MILLION * records / 1e6:
            missed.append("%s: %.1f CPU-seconds" % (what, cpu))

    offline = run([binary, "zone", "import", "--offline", "--data-dir",
                   os.path.join(work, "offline"), "large.test", master])
    row("%d records, offline" % records, offline, 0, 0)
    judge("offline", offline[0])

    for what in ("master file", "NDJSON", "list"):
        server = Server(binary, os.path.join(work, what.replace(" ", "-")))
        try:
            before = server.cpu_s()
            if what == "master file":
                client = run([binary, "zone", "import", "--server", server.socket, "large.test", master])
            elif what == "NDJSON":
                client = put(server.socket, "large.test", lines)
            else:
                client = run([binary, "zone", "import", "--server", server.socket, "--list", listed])
            cpu = server.cpu_s() - before
            count = "%d zones" % zones if what == "list" else "%d records" % records
            row(count + ", " + what, client, cpu, server.peak_mb())
            if what == "master file":
                judge(what, client[0] + cpu)
        finally:
            server.stop()
    for text in missed:
        print("aim missed: " + text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
