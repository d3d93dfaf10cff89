"""Signed zones: resolvers validate what we say of them, and we say what the peers do."""
import tempfile
import unittest

import agreement
import harness
import signed_zones
import tricky_zones
import validate

SEED = 21


class Signed(unittest.TestCase):
    def need(self, missing):
        if missing:
            self.skipTest(", ".join(missing) + ": not installed")

    def test_resolvers_validate_every_answer(self):
        self.need(validate.missing())
        count, wanted = (25, 300) if harness.QUICK else (60, 1200)
        zones = tricky_zones.generate(count, SEED)
        with tempfile.TemporaryDirectory(prefix="meridian-signed-") as directory:
            signed = signed_zones.sign_all(zones, directory)
            self.assertEqual({(zone.kind, zone.signer) for zone in signed},
                             {(kind, signer) for kind in signed_zones.KINDS for signer in signed_zones.SIGNERS})
            asked, failures, seen = validate.validate(zones, signed, wanted, SEED, directory)
        self.assertEqual(asked, wanted)
        self.assertEqual(failures[:5], [], "%d of %d" % (len(failures), asked))
        for resolver in ("unbound", "named", "kresd"):
            self.assertGreater(seen["secure to " + resolver], wanted // 2)

    def test_answers_are_those_of_the_peers(self):
        self.need(agreement.missing_peers() + signed_zones.missing_programs())
        count, wanted = (60, 2000) if harness.QUICK else (320, 20000)
        zones = tricky_zones.generate(count, SEED)
        house = agreement.House(agreement.texts_of(zones, True))
        self.addCleanup(house.stop)
        house.start()
        asked, failures, _, _ = agreement.run(house, tricky_zones.questions(zones, wanted, SEED, 0.8), 2)
        self.assertEqual(asked, wanted)
        self.assertEqual(failures[:5], [], "%d of %d answers differ" % (len(failures), asked))
