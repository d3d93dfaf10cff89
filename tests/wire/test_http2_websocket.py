"""The feed, and whatever else is a WebSocket, over HTTP/2 (RFC 8441): in the clear and over TLS."""
import json
import re
import signal
import socket
import struct

import browser
import certificates
import harness
import http2_frames
from harness import rrset_path
from http2_frames import (DATA, END_HEADERS, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR, PING, RST_STREAM,
                          WINDOW_UPDATE, frame)
from http2_websocket import Http2WebSocket
from websocket import Refused

ZONE = """$ORIGIN feed.example.
$TTL 300
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   192.0.2.53
www  IN A   192.0.2.1
"""
MAX_GROWTH = 64 << 20


class OverHttp2(harness.WireTest):
    zones = {"feed.example": ZONE}

    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.tls_port = harness.free_port()
        cls.config = '[[admin.listener]]\naddress = "127.0.0.1:%d"\ntls = "default"\n' % cls.tls_port
        cls.config += "[admin]\ndiagnostics = true\n"
        cls.config += cls.files.table()
        super().setUpClass()

    def connect(self, tls=False):
        sock = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.server.http_port), 20)
        self.addCleanup(sock.close)
        if tls:
            sock = self.files.context("h2").wrap_socket(sock, server_hostname="dns.test")
            self.addCleanup(sock.close)
        return sock

    def feed(self, query="topics=query", headers=None, tls=False, **options):
        if headers is None:
            headers = {"authorization": "Bearer " + self.server.token}
        return Http2WebSocket(self.connect(tls), "/v1/feed" + ("?" + query if query else ""), headers,
                              scheme="https" if tls else "http",
                              authority="dns.test:%d" % self.tls_port if tls else "127.0.0.1", **options)

    def echo(self, **options):
        return Http2WebSocket(self.connect(), "/debug/ws", subprotocol=None, **options)


class Feed(OverHttp2):
    def test_each_query_appears(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                feed = self.feed(tls=tls)
                self.assertEqual(json.loads(feed.receive())["type"], "subscribed")
                missing = {"%s%d.feed.example." % ("t" if tls else "c", number) for number in range(50)}
                for name in missing:
                    self.server.ask(name, "A")
                for event in feed.events(20):
                    missing.discard(event["qname"])
                    if not missing:
                        break
                self.assertEqual(missing, set())
                # The same socket may ask for something else at any time.
                feed.send(json.dumps({"type": "subscribe", "topics": ["change"]}))
                harness.wait_for(lambda: json.loads(feed.receive()).get("type") == "subscribed", "subscribed")
                self.server.must("PUT", rrset_path("feed.example", "changed", "A"),
                                 {"ttl": 60, "records": ["192.0.2.%d" % (9 + tls)]})
                feed.wait_for(lambda event: event["topic"] == "change", 20)
                feed.send(struct.pack("!H", 1000), 8)
                self.assertIsNone(feed.receive())
                self.assertEqual(feed.close_code, 1000)
                feed.end()
                feed.wait_end()
                self.assertIn(feed.reset_code, (None, NO_ERROR))
                feed.h2.lives()

    def test_who_leaves_is_unsubscribed(self):
        before = self.server.metrics()["meridian_feed_subscribers"]
        feeds = [self.feed() for _ in range(3)]
        harness.wait_for(lambda: self.server.metrics()["meridian_feed_subscribers"] == before + 3, "they listen", 20)
        feeds[0].cancel()
        feeds[1].end()
        feeds[2].sock.close()
        harness.wait_for(lambda: self.server.metrics()["meridian_feed_subscribers"] == before, "they have left", 20)
        feeds[0].h2.lives()
        feeds[1].wait_end()
        feeds[1].h2.lives()

    def test_refusals(self):
        token = {"authorization": "Bearer " + self.server.token}
        for headers, query, status in (({}, "topics=query", 401), ({"authorization": "Bearer wrong"}, "", 401),
                                       (token, "topics=nothing", 422),
                                       (dict(token, origin="https://evil.example"), "topics=query", 403)):
            with self.subTest(status=status, headers=sorted(headers), query=query):
                with self.assertRaises(Refused) as caught:
                    self.feed(query, headers)
                self.assertEqual(caught.exception.status, status)

    def test_a_browsers_session_opens_it(self):
        """With a cookie and without the header of writes, which a browser cannot send with it: from our page only."""
        opened = self.server.must("POST", "/v1/session", {"token": self.server.token})
        cookie = opened.headers["set-cookie"].split(";")[0]
        feed = self.feed(headers={"cookie": cookie, "origin": "http://127.0.0.1"})
        self.assertEqual(json.loads(feed.receive())["type"], "subscribed")
        with self.assertRaises(Refused) as caught:
            self.feed(headers={"cookie": cookie, "origin": "http://evil.example"})
        self.assertEqual(caught.exception.status, 403)

    def test_requests_go_on_beside_it(self):
        feed = self.feed()
        feed.h2.send(frame(HEADERS, http2_frames.END_STREAM | END_HEADERS, 3, http2_frames.request()))
        self.assertEqual(feed.h2.answer(3), (200, b"ok\n"))
        self.server.ask("beside.feed.example.", "A")
        feed.wait_for(lambda event: event["qname"] == "beside.feed.example.", 20)

    def test_a_browser_uses_it(self):
        """A real browser that has a connection of HTTP/2 opens its WebSocket on it."""
        link = re.search(r"http://\S+/login\?once=\S+", self.server.log())
        self.assertIsNotNone(link, "the start banner has no login link")
        url = re.sub(r"^http://[^/]+", "https://127.0.0.1:%d" % self.tls_port, link.group())
        page = browser.Browser(self, url, options=["--ignore-certificate-errors"])

        def shown():
            self.server.ask("browser.feed.example.", "A")
            return "browser.feed.example." in page.text()
        harness.wait_for(shown, "a row in the browser", 20, every=0.2)
        connects = 'meridian_http_requests_total{method="CONNECT",route="/v1/feed",code="200"}'
        before = self.server.metric(connects)
        page.process.terminate()  # responses are counted when they are over
        page.process.wait()
        harness.wait_for(lambda: self.server.metric(connects) > before, "it was a CONNECT", 20)


class Echo(OverHttp2):
    def test_large_and_fragmented_messages_through_a_small_window(self):
        for window in (1000, 65535):
            with self.subTest(window=window):
                echo = self.echo(window=window)
                large = "".join(chr(0x100 + i % 500) for i in range(150000))
                echo.send(large)
                self.assertEqual(echo.receive(60), large)
                for at, piece in enumerate(("in ", "four ", "", "pieces")):
                    echo.send(piece, 0 if at else 1, at == 3)
                    echo.send(b"beside", 9)
                self.assertEqual(echo.receive(60), "in four pieces")
                echo.h2.lives()

    def test_a_message_that_is_too_large(self):
        echo = self.echo()
        echo.send("x" * 2000000)
        self.assertIsNone(echo.receive(60))
        self.assertEqual(echo.close_code, 1009)
        echo.wait_end()

    def test_readers_that_open_no_window(self):
        """Each says two megabytes and takes nothing of what is said back: it may say no more then."""
        before = self.server.resident()
        h2 = http2_frames.Connection(self.connect(), first=((1, 0), (INITIAL_WINDOW_SIZE, 0)))
        room = dict.fromkeys(range(1, 129, 2), 65535)
        connection_room = 65535
        message = b"\x82\xfe\x3f\xf0\0\0\0\0" + b"m" * 0x3ff0
        for stream in room:
            h2.send(frame(HEADERS, END_HEADERS, stream, http2_frames.block(
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/debug/ws"),
                (":authority", "a"), ("sec-websocket-version", "13"))))
        for _ in range(128):
            for stream in room:
                if min(room[stream], connection_room) >= len(message):
                    h2.send(frame(DATA, 0, stream, message))
                    room[stream] -= len(message)
                    connection_room -= len(message)
            h2.send(frame(PING, 0, 0, b"a round."))
            each = h2.next()
            while each.kind != PING:
                self.assertNotEqual(each.kind, GOAWAY, each)
                if each.kind == WINDOW_UPDATE and each.stream:
                    room[each.stream] += int.from_bytes(each.payload, "big")
                elif each.kind == WINDOW_UPDATE:
                    connection_room += int.from_bytes(each.payload, "big")
                elif each.kind == RST_STREAM:
                    room[each.stream] = 0
                each = h2.next()
            self.assertLess(self.server.resident() - before, MAX_GROWTH)
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)

    def test_z_the_server_stops(self):
        echo, mute = self.echo(), self.echo()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertIsNone(echo.receive(20))
        self.assertEqual(echo.close_code, 1001)
        echo.send(struct.pack("!H", 1001), 8)
        echo.end()
        mute.sock.close()
        self.assertEqual(self.server.process.wait(20), 0)
