"""A small number of mutated datagrams and streams; mutate.py sends a million."""
import harness
import mutate


class Mutated(harness.WireTest):
    zones = {"mutate.example": mutate.ZONE}

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server died\n" + self.server.log())
        mutate.good_query(self.server)()

    def test_replies_to_mutated_datagrams_are_lawful(self):
        faults = mutate.datagrams(self.server.address, 30000, 3, mutate.good_query(self.server))
        self.assertEqual(faults[:5], [])

    def test_mutated_streams_harm_nobody(self):
        mutate.streams(self.server.address, 2000, 4, mutate.good_query(self.server))
