"""The feed shows each query as it happens: WebSocket, streams, the command, the page."""
import http.client
import json
import re
import socket
import subprocess
import threading
import time

import browser
import dnsclient
import harness
from harness import rrset_path
from websocket import Refused, WebSocket

ZONE = """$ORIGIN feed.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
www  IN AAAA 2001:db8::1
mail IN A   192.0.2.2
"""


class Subscribing(harness.WireTest):
    zones = {"feed.example": ZONE}

    def connect(self, query="topics=query", headers=None):
        if headers is None:
            headers = {"Authorization": "Bearer " + self.server.token}
        path = "/v1/feed" + ("?" + query if query else "")
        socket = WebSocket(("127.0.0.1", self.server.http_port), path, headers)
        self.addCleanup(socket.close)
        if query:
            json.loads(socket.receive())  # "subscribed"
        return socket


class Limits(Subscribing):
    """What limits do is told once a second for each client prefix, however often they do it."""

    config = "[limits]\nresponses_per_second = 5\ntcp_clients_per_prefix = 2\n"

    def test_limited_answers(self):
        subscriber = self.connect("topics=limit")
        asked = 0
        queries = [dnsclient.make_query("www.feed.example.", "A")[1] for _ in range(100)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.5.1", 0))
            client.connect(self.server.address)
            begin = time.monotonic()
            while time.monotonic() < begin + 2.5:
                for query in queries:
                    client.send(query)
                asked += len(queries)
                time.sleep(0.05)
        time.sleep(2.5)  # the last of it is told within two seconds
        told = []
        for event in subscriber.events(1):
            self.assertEqual((event["topic"], event["limit"], event["prefix"]),
                             ("limit", "responses_per_second", "127.0.5.0/24"))
            self.assertIn(event["kind"], ("answer", "all"))
            told.append(event)
        self.assertGreaterEqual(len(told), 1)
        self.assertLessEqual(len(told), 2 * 6)  # two kinds, six seconds
        limited = sum(event["times"] for event in told)
        self.assertLessEqual(limited, asked)
        self.assertGreater(limited, asked / 2)

    def test_connections_beyond_the_limit_of_a_prefix(self):
        subscriber = self.connect("topics=limit&client=127.0.6.0/24")
        for address in ("127.0.7.1", "127.0.6.1"):
            for _ in range(6):
                client = socket.create_connection(self.server.address, 5, (address, 0))
                self.addCleanup(client.close)
        times = 0
        while times < 4:
            event = subscriber.wait_for(lambda e: e["limit"] == "tcp_clients_per_prefix")
            self.assertEqual((event["topic"], event["prefix"], event["kind"]), ("limit", "127.0.6.1/32", None))
            times += event["times"]
        self.assertEqual(times, 4)


class Feed(Subscribing):
    def test_each_query_appears(self):
        socket = self.connect()
        self.assertEqual(socket.subprotocol, "meridian.v1.json")
        for number in range(50):
            self.server.ask("q%d.feed.example." % number, "A")
        missing = {"q%d.feed.example." % number for number in range(50)}
        for event in socket.events(5):
            missing.discard(event["qname"])
            if not missing:
                break
        self.assertEqual(missing, set())

    def test_an_event_tells_the_whole_story(self):
        socket = self.connect()
        self.server.ask("www.feed.example.", "A", source="127.0.0.3", ecs="203.0.113.0/24")
        event = socket.wait_for(lambda e: e["qname"] == "www.feed.example.")
        self.assertEqual(event["topic"], "query")
        self.assertEqual((event["role"], event["transport"], event["rcode"], event["action"]),
                         ("auth", "udp", "NOERROR", "answered"))
        self.assertEqual(event["client"]["addr"], "127.0.0.3")
        self.assertEqual((event["qtype"], event["qclass"], event["zone"]), ("A", "IN", "feed.example."))
        self.assertEqual(event["answers"], ["192.0.2.1"])
        self.assertEqual(event["ecs"]["prefix"], "203.0.113.0/24")
        self.assertIn("aa", event["flags"])
        self.assertGreaterEqual(event["revision"], 1)
        self.assertRegex(event["id"], r"^[0-9a-z]+\.[0-9]+$")
        self.assertRegex(event["ts"], r"^20[0-9]{2}-.*Z$")
        self.server.ask_tcp("www.feed.example.", "AAAA")
        self.assertEqual(socket.wait_for(lambda e: e["qtype"] == "AAAA")["transport"], "tcp")
        self.server.ask("nothing.feed.example.", "A")
        self.assertEqual(socket.wait_for(lambda e: e["qname"].startswith("nothing"))["rcode"], "NXDOMAIN")

    def ask_all(self):
        for name in ("www", "mail", "none"):
            for qtype in ("A", "AAAA", "TXT"):
                self.server.ask(name + ".feed.example.", qtype)

    def seen(self, socket, count):
        out = []
        for event in socket.events(1.5):
            out.append((event["qname"].split(".")[0], event["qtype"]))
            if len(out) > count:
                break
        return sorted(out)

    def test_filter_on_name_and_type(self):
        socket = self.connect("topics=query&qname=www.feed.example&qtype=A")
        self.ask_all()
        self.assertEqual(self.seen(socket, 1), [("www", "A")])
        # The same connection may ask for something else at any time.
        socket.send(json.dumps({"type": "subscribe", "topics": ["query"],
                                "filter": {"qname": "*.feed.example", "qtype": ["TXT"]}}))
        harness.wait_for(lambda: json.loads(socket.receive()).get("type") == "subscribed", "subscribed")
        self.ask_all()
        self.assertEqual(self.seen(socket, 3), [("mail", "TXT"), ("none", "TXT"), ("www", "TXT")])
        socket.send(json.dumps({"type": "subscribe", "topics": ["query"], "filter": {"rcode": "NXDOMAIN"}}))
        harness.wait_for(lambda: json.loads(socket.receive()).get("type") == "subscribed", "subscribed")
        self.ask_all()
        self.assertEqual(self.seen(socket, 3), [("none", "A"), ("none", "AAAA"), ("none", "TXT")])

    def test_changes_are_events_too(self):
        socket = self.connect("topics=change")
        self.server.must("PUT", rrset_path("feed.example", "changed", "A"),
                         {"ttl": 60, "records": ["192.0.2.9"]})
        self.assertIn("feed.example.", json.dumps(socket.wait_for(lambda e: e["topic"] == "change")))

    def test_two_subscribers_both_see_all(self):
        first, second = self.connect(), self.connect()
        self.server.ask("both.feed.example.", "A")
        for socket in (first, second):
            socket.wait_for(lambda e: e["qname"] == "both.feed.example.")

    def test_needs_a_token(self):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with self.assertRaises(Refused) as caught:
                self.connect(headers=headers)
            self.assertEqual(caught.exception.status, 401)

    def stream(self, accept):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/feed?topics=query&qname=www.feed.example", headers={
            "Accept": accept, "Authorization": "Bearer " + self.server.token})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertTrue(response.getheader("content-type").startswith(accept))
        return response

    def test_event_stream_and_lines(self):
        for accept in ("text/event-stream", "application/x-ndjson"):
            response = self.stream(accept)
            self.server.ask("www.feed.example.", "A")
            for _ in range(100):
                line = response.readline().decode().strip()
                if "www.feed.example." in line:
                    break
            else:
                self.fail("no event in " + accept)
            self.assertEqual(json.loads(line.removeprefix("data: "))["qtype"], "A")

    def test_a_reader_that_stops_does_not_hold_up_dns(self):
        self.connect()  # never read from
        good = self.connect("topics=query&qname=last.feed.example")
        for number in range(20000):
            self.server.ask("slow%d.feed.example." % number, "A", timeout=2)
            if harness.QUICK and number > 2000:
                break
        self.server.ask("last.feed.example.", "A")
        good.wait_for(lambda e: e["qname"] == "last.feed.example.")

    def test_command(self):
        command = [harness.BINARY, "feed", "--json", "--filter", "qname=*.feed.example qtype=A", "--server",
                   self.server.data_dir + "/admin.sock"]
        process = harness.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        end = time.monotonic() + 10
        reader_sees = []
        thread = threading.Thread(target=lambda: reader_sees.append(process.stdout.readline()), daemon=True)
        thread.start()
        while time.monotonic() < end and not reader_sees and process.poll() is None:
            self.server.ask("command.feed.example.", "TXT")
            self.server.ask("command.feed.example.", "A")
            time.sleep(0.1)
        self.assertTrue(reader_sees, "no line; exit status %s" % process.poll())
        event = json.loads(reader_sees[0])
        self.assertEqual((event["qname"], event["qtype"]), ("command.feed.example.", "A"))

    def test_page_is_served(self):
        answer = self.server.http("GET", "/", token=False)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/html"))
        self.assertIn("default-src", answer.headers["content-security-policy"])
        page = answer.body.decode()
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            self.assertEqual(self.server.http("GET", path, token=False).status, 200, path)
        self.assertNotIn(self.server.token, page)

    def test_browser_shows_a_row(self):
        """A real browser logs in with the one-time link; what its page shows is read from its DOM."""
        link = re.search(r"http://\S+/login\?once=\S+", self.server.log())
        self.assertIsNotNone(link, "the start banner has no login link")
        page = browser.Browser(self, link.group())

        def shown():
            self.server.ask("browser.feed.example.", "A")
            return "browser.feed.example." in page.text()
        harness.wait_for(shown, "a row in the browser", 20, every=0.2)
