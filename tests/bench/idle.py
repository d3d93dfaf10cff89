"""idle.py KIND PORT UDP WEB PID CONNECTIONS [TOKEN_FILE]: opens connections that do nothing, and tells
what that costs.

KIND is tcp, tls (DNS) or websocket (/debug/ws, with a token); PORT is where they connect to. Each
asks one question first, or is told that it has subscribed, so that the server has served all of
them. Then, while they are idle: memory for each, CPU of the server over ten seconds, and how long a
question over UDP, one over a new connection, one over a connection that was idle and one to the API
take. The limit of 20 kB for each under TLS is checked.

What TLS keeps at this end is given back once a connection is idle, else it would be gigabytes: so
no question goes over a connection over TLS that was idle.
"""
import base64
import os
import re
import socket
import ssl
import statistics
import struct
import sys
import time
import urllib.request

from tcp_question import QUESTION, ask, read_answer, read_exactly, send_question

PER_ADDRESS = 20000  # source ports of one address of ours
STEP = 500  # connections opened before their answers are read
MAX_TLS_OCTETS = 20000


def connect(port, number):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # 24: IP_BIND_ADDRESS_NO_PORT, so that the port is chosen for the connection and not for all.
    client.setsockopt(socket.IPPROTO_IP, 24, 1)
    client.bind(("127.0.1.%d" % (1 + number // PER_ADDRESS), 0))
    client.connect(("127.0.0.1", port))
    return client


class Tcp:
    """Questions to the port of DNS, one after the other."""
    can_ask_again = True
    gauge = "meridian_dns_tcp_connections"

    def __init__(self, port):
        self.port = port

    def connect(self, number):
        return connect(self.port, number)

    @staticmethod
    def begin(client):
        send_question(client)

    @staticmethod
    def served(client):
        return read_answer(client)

    @staticmethod
    def idle(client):
        """What stays of it."""
        return client

    @staticmethod
    def ask(client):
        ask(client)


class Tls(Tcp):
    can_ask_again = False

    def __init__(self, port):
        super().__init__(port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def connect(self, number):
        return self.context.wrap_socket(super().connect(number))

    @staticmethod
    def idle(client):
        return socket.socket(fileno=client.detach())


class WebSocket(Tcp):
    gauge = "meridian_http_connections"

    def __init__(self, port, token):
        super().__init__(port)
        self.head = ("GET /debug/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Protocol: meridian.v1.json\r\nSec-WebSocket-Key: %s\r\n\r\n"
                     % (token, base64.b64encode(os.urandom(16)).decode())).encode()

    def begin(self, client):
        client.sendall(self.head)

    @staticmethod
    def served(client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read_exactly(client, 1)
        if not head.startswith(b"HTTP/1.1 101 "):
            sys.exit("no WebSocket: " + head.decode("latin-1"))

    def ask(self, client):
        """A ping until its pong (RFC 6455, 5.5.2), past what else comes; or the whole upgrade."""
        if client not in self.upgraded:
            self.begin(client)
            self.served(client)
            return
        client.sendall(b"\x89\x84" + bytes(4) + b"idle")
        while True:
            kind, size = read_exactly(client, 2)
            if size == 126:
                (size,) = struct.unpack("!H", read_exactly(client, 2))
            read_exactly(client, size)
            if kind & 15 == 10:
                return

    upgraded = frozenset()


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1))


def kernel_kb():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"Slab:\s*(\d+)", file.read()).group(1))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(web, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % web, timeout=10) as answer:
        return float(re.search(r"^%s (\S+)$" % re.escape(name), answer.read().decode(), re.M).group(1))


def took_ms(action, times):
    out = []
    for i in range(times):
        start = time.monotonic()
        action(i)
        out.append((time.monotonic() - start) * 1000)
    return "median %.2f ms, longest %.2f ms" % (statistics.median(out), max(out))


def main():
    kind, (port, udp_port, web, pid, wanted) = sys.argv[1], (int(word) for word in sys.argv[2:7])
    if kind == "websocket":
        with open(sys.argv[7], encoding="ascii") as file:
            via = WebSocket(port, file.read().strip())
    else:
        via = {"tcp": Tcp, "tls": Tls}[kind](port)
    before_kb, before_kernel = resident_kb(pid), kernel_kb()
    clients, start, before_s = [], time.monotonic(), cpu_s(pid)
    while len(clients) < wanted:
        new = [via.connect(len(clients) + i) for i in range(min(STEP, wanted - len(clients)))]
        for client in new:
            via.begin(client)
        for client in new:
            via.served(client)
        clients += [via.idle(client) for client in new]
    print("%d connections opened and answered in %.1f s, with %.1f s of CPU of the server"
          % (len(clients), time.monotonic() - start, cpu_s(pid) - before_s))
    count = len(clients)
    octets = (resident_kb(pid) - before_kb) * 1024 / count
    print("octets for each: %d of the server's process, %d of the kernel's for both ends"
          % (octets, (kernel_kb() - before_kernel) * 1024 / count))

    before_s = cpu_s(pid)
    time.sleep(10)
    print("CPU of the server while nothing happens: %.2f %%" % ((cpu_s(pid) - before_s) * 10))

    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(10)
    udp.connect(("127.0.0.1", udp_port))

    def over_udp(_):
        udp.send(QUESTION)
        udp.recv(4096)

    def over_new(i):
        with via.connect(i) as client:
            via.ask(client)

    print("a question over UDP: %s" % took_ms(over_udp, 1000))
    print("over a new connection: %s" % took_ms(over_new, 300))
    if via.can_ask_again:
        via.upgraded = set(clients)
        print("over one that was idle: %s" % took_ms(lambda i: via.ask(clients[i * 7919 % count]), 300))
    print("metrics: %s" % took_ms(lambda _: metric(web, via.gauge), 20))
    still = metric(web, via.gauge)
    print("connections still open: %d" % still)
    longest = metric(web, "meridian_loop_longest_turn_seconds")
    start, before_s = time.monotonic(), cpu_s(pid)
    for client in clients:
        client.close()
    # The one that asks is a connection too, over HTTP.
    left = 1 if kind == "websocket" else 0
    while metric(web, via.gauge) > left and time.monotonic() - start < 60:
        time.sleep(0.1)
    print("all gone in %.1f s, with %.2f s of CPU of the server; its longest turn before was %.1f ms"
          % (time.monotonic() - start, cpu_s(pid) - before_s, longest * 1000))
    if kind == "tls" and octets > MAX_TLS_OCTETS:
        sys.exit("more than %d octets for each" % MAX_TLS_OCTETS)
    sys.exit(0 if still >= count else "some connections were lost")


if __name__ == "__main__":
    main()
