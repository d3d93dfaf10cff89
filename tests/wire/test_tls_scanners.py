"""What scanners of TLS servers say of the HTTP API over TLS: sslscan and testssl.sh, both whole."""
import json
import os
import subprocess
import xml.etree.ElementTree

import certificates
import harness

SUITES = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
          "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}
GROUPS = {"x25519", "secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)"}
# Findings of testssl.sh that are about the certificate of this test, and about compression: of what it
# sees, the page, nothing is secret, and answers that are secret are not compressed.
NOT_OURS = {"cert_expirationStatus", "cert_notAfter", "cert_revocation", "DNS_CAArecord", "BREACH"}


class TlsScanners(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.files = certificates.Directory.of(cls)
        cls.port = harness.free_port()
        cls.config = '[[admin.listener]]\naddress = "127.0.0.1:%d"\ntls = "default"\n' % cls.port
        cls.config += cls.files.table()
        super().setUpClass()

    def test_sslscan(self):
        done = subprocess.run([self.need_program("sslscan"), "--xml=-", "127.0.0.1:%d" % self.port],
                              capture_output=True, text=True, timeout=300, check=True)
        found = xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")
        protocols = {(each.get("type"), each.get("version")): each.get("enabled") for each in found.iter("protocol")}
        self.assertEqual({version for version, enabled in protocols.items() if enabled == "1"},
                         {("tls", "1.2"), ("tls", "1.3")})
        self.assertIn(("tls", "1.1"), protocols)
        self.assertEqual({each.get("cipher") for each in found.iter("cipher")}, SUITES)
        self.assertLessEqual({each.get("strength") for each in found.iter("cipher")}, {"strong", "acceptable"})
        self.assertLessEqual({each.get("name") for each in found.iter("group")}, GROUPS)
        self.assertEqual({each.get("vulnerable") for each in found.iter("heartbleed")}, {"0"})
        self.assertEqual(found.find("renegotiation").get("supported"), "0")

    def test_testssl(self):
        if harness.QUICK:
            self.skipTest("takes a minute")
        program = self.need_program("testssl")
        report = os.path.join(self.server.dir, "testssl.json")
        subprocess.run([program, "--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1", "--add-ca",
                        self.files.root, "--jsonfile", report, "-p", "-s", "-f", "-S", "-U",
                        "https://127.0.0.1:%d" % self.port], capture_output=True, timeout=900, check=False)
        with open(report, encoding="utf-8") as file:
            findings = json.load(file)
        said = {each["id"]: each for each in findings}
        for each in ("TLS1_3", "heartbleed", "CCS", "ticketbleed", "secure_client_renego", "POODLE_SSL", "DROWN",
                     "LUCKY13", "RC4", "cipherlist_STRONG"):
            self.assertEqual(said[each]["severity"], "OK", said[each])
        bad = [each for each in findings if each["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL") and
               each["id"].split(" ")[0] not in NOT_OURS]
        self.assertEqual(bad, [])
