"""We answer as NSD, Knot DNS and BIND do; agreement.py asks many more questions than this."""
import unittest

import agreement
import harness
import tricky_zones

SEED = 20
QUICK = 3000
WHOLE = 20000


class Agreement(unittest.TestCase):
    def test_answers_are_those_of_the_peers(self):
        missing = agreement.missing_peers()
        if missing:
            self.skipTest(", ".join(missing) + ": not installed")
        zones = tricky_zones.generate(320, SEED)
        house = agreement.House([(zone.apex, zone.text) for zone in zones])
        self.addCleanup(house.stop)
        house.start()
        wanted = QUICK if harness.QUICK else WHOLE
        asked, failures, _, _ = agreement.run(house, tricky_zones.questions(zones, wanted, SEED), 2)
        self.assertEqual(asked, wanted)
        self.assertEqual(failures[:5], [], "%d of %d answers differ" % (len(failures), asked))
