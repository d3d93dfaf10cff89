"""Every case of http2_table.py against a running server: by prior knowledge, and over TLS by ALPN."""
import re
import socket
import time

import certificates
import harness
import http2_frame_cases  # noqa: F401, which fill the table
import http2_frames
import http2_message_cases  # noqa: F401
import http2_priority_cases  # noqa: F401
import http2_table
import http2_window_cases  # noqa: F401


class Http2Conformance(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.tls_port = harness.free_port()
        cls.config = '[[admin.listener]]\naddress = "127.0.0.1:%d"\ntls = "default"\n' % cls.tls_port
        cls.config += cls.files.table()
        super().setUpClass()
        opened = cls.server.must("POST", "/v1/session", {"token": cls.server.token})
        cls.cookie = opened.headers["set-cookie"].split(";")[0]

    def connect(self, tls):
        sock = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.server.http_port), 20)
        self.addCleanup(sock.close)
        if tls:
            sock = self.files.context("h2").wrap_socket(sock, server_hostname="dns.test")
            self.addCleanup(sock.close)
            self.assertEqual(sock.selected_alpn_protocol(), "h2")
        return sock

    def run_case(self, run, tls):
        h2 = http2_frames.Connection(self.connect(tls))
        h2.token, h2.cookie = self.server.token, self.cookie
        run(h2)
        h2.close()

    def test_0_preface(self):
        """Of these no connection comes about (3.4)."""
        good = http2_frames.PREFACE
        for tls in (False, True):
            for octets, code in ((b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", None), (good[:-1] + b"X", None),
                                 (good + http2_frames.frame(http2_frames.PING, 0, 0, b"8 octets"),
                                  http2_frames.PROTOCOL_ERROR),
                                 (good + http2_frames.frame(http2_frames.SETTINGS, 1, 0),
                                  http2_frames.PROTOCOL_ERROR)):
                with self.subTest(octets=octets, tls=tls):
                    h2 = http2_frames.Connection(self.connect(tls), greet=False)
                    h2.send(octets)
                    if code is not None:
                        h2.connection_error(code)
                        continue
                    while True:  # it may say why, in whatever protocol
                        try:
                            h2._read(time.monotonic() + 20)  # pylint: disable=protected-access
                        except http2_frames.Closed:
                            break

    def test_0_what_is_no_preface_is_not_answered_in_http(self):
        """A client that means HTTP/2 would take that for frames."""
        sock = self.connect(tls=False)
        sock.sendall(b"INVALID CONNECTION PREFACE\r\n\r\n")
        sock.settimeout(20)
        self.assertEqual(sock.recv(4096), b"")

    def test_z_nothing_of_it_has_harmed_the_server(self):
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)
        self.assertIsNone(self.server.process.poll())


def _method(run, tls):
    return lambda self: self.run_case(run, tls)


for _number, (_section, _what, _run) in enumerate(http2_table.CASES):
    for _tls in (False, True):
        _name = "test_%s_%s_%03d%s" % (_section.replace(".", "_").replace(" ", "_"),
                                       re.sub(r"\W+", "_", _what).strip("_"), _number, "_tls" if _tls else "")
        setattr(Http2Conformance, _name, _method(_run, _tls))
