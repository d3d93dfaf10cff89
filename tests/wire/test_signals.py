"""Starting and stopping as an operator meets them."""
import os
import signal
import socket
import subprocess
import unittest

import harness


class Signals(unittest.TestCase):
    def setUp(self):
        self.server = harness.Server()
        self.addCleanup(self.server.stop)

    def test_sigterm_and_sigint_end_with_zero(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.server.start()
            self.server.process.send_signal(number)
            self.assertEqual(self.server.process.wait(10), 0, self.server.log())

    def test_sigterm_finishes_while_clients_are_connected(self):
        self.server.start()
        with socket.create_connection(self.server.address), \
                socket.create_connection(("127.0.0.1", self.server.http_port)):
            self.server.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.server.process.wait(10), 0, self.server.log())

    def test_what_was_accepted_is_finished_or_named(self):
        master = "@ 60 IN SOA ns h 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 192.0.2.53\n" + "".join(
            "h%05d 60 IN A 192.0.2.1\n" % i for i in range(20000))
        self.server.start()
        accepted = self.server.must("PUT", "/v1/zones/late.example", master.encode(),
                                    {"Content-Type": "text/dns", "Prefer": "respond-async"})
        self.assertEqual(accepted.status, 202)
        self.assertEqual(self.server.stop(60), 0, self.server.log())
        named = accepted.json["id"] in self.server.log()
        self.server.start()
        there = self.server.http("GET", "/v1/zones/late.example").status == 200
        self.assertTrue(there or named, self.server.log())

    def refused(self, *arguments):
        done = subprocess.run([harness.BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=20, check=False, cwd=self.server.dir)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_a_busy_port_is_told_with_its_holder(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", self.server.port))
            tcp.listen()
            udp.bind(("127.0.0.1", self.server.port))
            message = self.refused("serve", "--config", self.server.config_path)
        self.assertIn("127.0.0.1:%d" % self.server.port, message)
        self.assertIn(str(os.getpid()), message)

    def test_a_second_server_on_one_data_directory_is_refused(self):
        self.server.start()
        other = harness.Server()
        other.data_dir = self.server.data_dir
        other.write_config("")
        message = self.refused("serve", "--config", other.config_path)
        self.assertIn(self.server.data_dir, message)
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)

    def test_an_unknown_key_is_an_error_with_its_line(self):
        path = os.path.join(self.server.dir, "bad.toml")
        with open(path, "w", encoding="ascii") as out:
            out.write('data_dir = "x"\n\nwrokers = 2\n')
        for command in (("serve", "--config", path), ("check-config", path)):
            message = self.refused(*command)
            self.assertIn("bad.toml:3", message)
            self.assertIn("wrokers", message)

    def test_a_missing_file_and_bad_toml(self):
        self.assertIn("nowhere.toml", self.refused("serve", "--config", "nowhere.toml"))
        path = os.path.join(self.server.dir, "syntax.toml")
        with open(path, "w", encoding="ascii") as out:
            out.write("workers = 1\nworkers = = 2\n")
        self.assertIn("syntax.toml:2", self.refused("check-config", path))

    def test_check_config_accepts_what_serve_accepts(self):
        done = subprocess.run([harness.BINARY, "check-config", self.server.config_path], capture_output=True,
                              text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_usage_is_two_and_version_is_zero(self):
        self.assertEqual(subprocess.run([harness.BINARY, "--no-such-option"], capture_output=True,
                                        timeout=20, check=False).returncode, 2)
        done = subprocess.run([harness.BINARY, "--version"], capture_output=True, text=True, timeout=20,
                              check=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"[0-9]+\.[0-9]+\.[0-9]+")
