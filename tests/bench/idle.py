"""idle.py PORT WEB PID CONNECTIONS: opens connections that do nothing, and tells what that costs.

Each asks one question first, so that the server has served all of them. Then, while they are idle:
memory for each, CPU of the server over ten seconds, and how long a question over UDP, one over a
new TCP connection, one over a connection that was idle and one to the API take.
"""
import os
import re
import socket
import statistics
import sys
import time
import urllib.request

from tcp_question import QUESTION, ask, read_answer, send_question

PER_ADDRESS = 20000  # source ports of one address of ours
STEP = 500  # connections opened before their answers are read


def connect(port, number):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # 24: IP_BIND_ADDRESS_NO_PORT, so that the port is chosen for the connection and not for all.
    client.setsockopt(socket.IPPROTO_IP, 24, 1)
    client.bind(("127.0.1.%d" % (1 + number // PER_ADDRESS), 0))
    client.connect(("127.0.0.1", port))
    return client


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
    port, web, pid, wanted = (int(word) for word in sys.argv[1:5])
    before_kb, before_kernel = resident_kb(pid), kernel_kb()
    clients, start = [], time.monotonic()
    while len(clients) < wanted:
        new = [connect(port, len(clients) + i) for i in range(min(STEP, wanted - len(clients)))]
        for client in new:
            send_question(client)
        for client in new:
            read_answer(client)
        clients += new
    print("%d connections opened and answered in %.1f s" % (len(clients), time.monotonic() - start))
    count = len(clients)
    print("octets for each: %d of the server's process, %d of the kernel's for both ends"
          % ((resident_kb(pid) - before_kb) * 1024 / count, (kernel_kb() - before_kernel) * 1024 / count))

    before_s = cpu_s(pid)
    time.sleep(10)
    print("CPU of the server while nothing happens: %.2f %%" % ((cpu_s(pid) - before_s) * 10))

    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(10)
    udp.connect(("127.0.0.1", port))

    def over_udp(_):
        udp.send(QUESTION)
        udp.recv(4096)

    def over_new(i):
        with connect(port, i) as client:
            ask(client)

    print("a question over UDP: %s" % took_ms(over_udp, 1000))
    print("over a new TCP connection: %s" % took_ms(over_new, 300))
    print("over one that was idle: %s" % took_ms(lambda i: ask(clients[i * 7919 % count]), 300))
    print("metrics: %s" % took_ms(lambda _: metric(web, "meridian_dns_tcp_connections"), 20))
    still = metric(web, "meridian_dns_tcp_connections")
    print("connections still open: %d" % still)
    longest = metric(web, "meridian_loop_longest_turn_seconds")
    start, before_s = time.monotonic(), cpu_s(pid)
    for client in clients:
        client.close()
    while metric(web, "meridian_dns_tcp_connections") > 0 and time.monotonic() - start < 60:
        time.sleep(0.1)
    print("all gone in %.1f s, with %.2f s of CPU of the server; its longest turn before was %.1f ms"
          % (time.monotonic() - start, cpu_s(pid) - before_s, longest * 1000))
    sys.exit(0 if still >= count else "some connections were lost")


if __name__ == "__main__":
    main()
