"""overload.py PORT WEB TOKEN TOOLS STREAM SECONDS ROUNDS: what a server does with twice what it can carry.

Finds out how many outstanding questions of a generator that waits for answers give the best rate
over UDP. Each round measures that rate, then sends twice as many whatever comes back; the median of
the rounds' shares counts. Rates are the server's own count of answers. Meanwhile it asks over a TCP
connection that stays, over new ones, and the API, and tells how long that takes.
"""
import http.client
import socket
import statistics
import subprocess
import sys
import threading
import time

from tcp_question import ask

SHARE = 0.9  # of the best rate that is wanted
LIMIT_MS = 250.0  # a median above this is no longer responsive


class Probe(threading.Thread):
    """Does something every so often and keeps how long it took."""

    def __init__(self, name, action, every_s):
        super().__init__(daemon=True)
        self.name, self.action, self.every_s = name, action, every_s
        self.took_ms, self.failed, self.going = [], [], True

    def run(self):
        while self.going:
            start = time.monotonic()
            try:
                self.action()
                self.took_ms.append((time.monotonic() - start) * 1000)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            time.sleep(self.every_s)

    def report(self):
        self.going = False
        self.join()
        took = sorted(self.took_ms) or [float("inf")]
        print("  %-18s %4d times: median %.1f ms, 90th percentile %.1f ms, longest %.1f ms%s"
              % (self.name, len(self.took_ms), statistics.median(took), took[int(0.9 * (len(took) - 1))],
                 took[-1], "; %d failed: %s" % (len(self.failed), self.failed[0]) if self.failed else ""))
        return statistics.median(took)


class Server:
    def __init__(self, port, web, token):
        self.port, self.web, self.token = port, web, token
        self.lasting = None

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), 10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def http(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", path, headers={"Authorization": "Bearer " + self.token})
            answer = connection.getresponse()
            body = answer.read().decode()
            if answer.status != 200:
                raise http.client.HTTPException("%d for %s" % (answer.status, path))
            return body
        finally:
            connection.close()

    def answered(self):
        """(when, how many over UDP)"""
        total = 0.0
        before = time.monotonic()
        for line in self.http("/metrics").splitlines():
            if line.startswith("meridian_dns_queries_total{") and 'transport="udp"' in line:
                total += float(line.rsplit(" ", 1)[1])
        return (before + time.monotonic()) / 2, total

    def rate(self, command, seconds):
        """Answers a second while the command runs, and what it printed."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(1)  # until queues and caches are as they stay
        start, first = self.answered()
        time.sleep(seconds - 2)
        end, last = self.answered()
        output = process.communicate()[0].strip()
        return (last - first) / (end - start), output

    def ask_same(self):
        self.lasting = self.lasting or self.connect()
        ask(self.lasting)

    def ask_new(self):
        with self.connect() as client:
            ask(client)


def main():
    port, web, token, tools, stream, seconds, rounds = sys.argv[1:8]
    server = Server(int(port), int(web), token)

    def best(window, length):
        return server.rate([tools + "/dnsblast", "-p", port, "-f", stream, "-n", "1000000000", "-s", "8",
                            "-w", str(window), "-t", "%g" % length], length)[0]

    seconds = float(seconds)
    found = {window: best(window, 4.0) for window in (16, 64, 256)}
    for window, rate in found.items():
        print("with 8 times %d questions outstanding: %.0f answers/s" % (window, rate))
    window = max(found, key=found.get)
    bad, shares = [], []
    for number in range(1, int(rounds) + 1):
        before = best(window, seconds)
        server.lasting = None
        probes = [Probe("TCP, the same", server.ask_same, 0.02), Probe("TCP, a new one", server.ask_new, 0.05),
                  Probe("API", lambda: server.http("/v1/server"), 0.05)]
        for probe in probes:
            probe.start()
        rate, output = server.rate([tools + "/dnspace", "-p", port, "-f", stream, "-r", "%.0f" % (2 * before), "-t",
                                    "%g" % seconds, "-s", "16"], seconds)
        sent = float(output.split("sent ")[1].split()[0]) / seconds
        shares.append(rate / before)
        print("round %d: %.0f answers/s at best; of %.0f questions/s, %.2f times as many, %.0f: %.1f %%"
              % (number, before, sent, sent / before, rate, 100 * shares[-1]))
        medians = [probe.report() for probe in probes]
        if max(medians) > LIMIT_MS or any(probe.failed for probe in probes):
            bad.append("TCP or the API is not responsive in round %d" % number)
    share = statistics.median(shares)
    if share < SHARE:
        bad.append("fewer than %.0f %% of the best rate are answered" % (100 * SHARE))
    print("median %.1f %% of the best rate; %s"
          % (100 * share, "; ".join(bad) or "TCP and the API are responsive"))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
