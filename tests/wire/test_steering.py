"""Which client gets which answer: geographic policies, weights, views."""
import os

import dnsclient
import harness
import make_mmdb
from harness import rrset_path

ZONE = """$ORIGIN steer.example.
$TTL 300
@        IN SOA ns1 hostmaster 1 7200 900 1209600 60
@        IN NS  ns1
ns1      IN A   192.0.2.53
split    IN A   192.0.2.1
other    IN A   192.0.2.2
rotated  IN A   192.0.2.10
rotated  IN A   192.0.2.11
rotated  IN A   192.0.2.12
"""
NETWORKS = """
198.51.100.0/24   EU DE - 50.1 8.7
198.51.100.128/25 EU GB - 51.5 -0.1
203.0.113.0/24    NA US CA 37.3 -121.9
2001:db8:1::/48   EU DE - 50.1 8.7
"""
POOLS = {"de": "192.0.2.21", "eu": "192.0.2.22", "ca": "192.0.2.23", "rest": "192.0.2.24"}


class Steering(harness.WireTest):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server()
        database = os.path.join(cls.server.dir, "city.mmdb")
        make_mmdb.make(database, NETWORKS)
        cls.server.write_config('[geo]\ncity = ["%s"]\n' % database)
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.server.import_zone("steer.example", ZONE)
        for pool, address in POOLS.items():
            cls.server.must("PUT", "/v1/pools/" + pool, {
                "id": pool, "members": [{"id": pool + "1", "A": address,
                                         "AAAA": "2001:db8::" + address.split(".")[3]}]})
        cls.server.must("PUT", "/v1/zones/steer.example/policies/geo/ADDRESS", {
            "name": "geo.steer.example.", "type": "ADDRESS", "ttl": 60, "rules": [
                {"id": "germany", "when": {"geo": ["EU-DE"]}, "pools": ["de"]},
                {"id": "europe", "when": {"geo": ["EU"]}, "pools": ["eu"]},
                {"id": "california", "when": {"geo": ["NA-US-CA"]}, "pools": ["ca"]},
                {"id": "rest", "when": "any", "pools": ["rest"]}]})

    def ask_from(self, prefix, qtype="A"):
        response = self.server.ask("geo.steer.example.", qtype, ecs=prefix)
        self.assertEqual(response.rcode, "NOERROR")
        self.assertTrue(response.has(dnsclient.AA))
        self.assertEqual(response.answer[0].ttl, 60)
        return response

    def test_country_continent_and_the_rest(self):
        for prefix, pool in (("198.51.100.0/25", "de"), ("198.51.100.128/25", "eu"),
                             ("203.0.113.0/24", "ca"), ("192.0.2.0/24", "rest"),
                             ("2001:db8:1::/48", "de"), ("2001:db8:2::/48", "rest")):
            self.assertEqual(self.ask_from(prefix).data(), [POOLS[pool]], prefix)

    def test_other_family(self):
        self.assertEqual(self.ask_from("203.0.113.0/24", "AAAA").data(), ["2001:db8::23"])

    def test_policy_gives_nodata_for_other_types(self):
        response = self.server.ask("geo.steer.example.", "TXT")
        self.assertEqual((response.rcode, response.answer), ("NOERROR", []))

    def test_scope_is_the_leaf_that_decided(self):
        # The two halves of 198.51.100.0/24 differ, so nothing shorter than /25 would be true.
        self.assertEqual(self.ask_from("198.51.100.0/25").ecs_scope, (25, 25))
        self.assertEqual(self.ask_from("198.51.100.200/32").ecs_scope, (32, 25))
        source, scope = self.ask_from("203.0.113.0/24").ecs_scope
        self.assertEqual(source, 24)
        # Its sibling 203.0.112.0/24 has another outcome.
        self.assertEqual(scope, 24)
        source, scope = self.ask_from("10.0.0.0/24").ecs_scope
        self.assertEqual(source, 24)
        self.assertGreater(scope, 0)
        self.assertLess(scope, 24)

    def test_static_answers_have_scope_zero(self):
        self.assertEqual(self.server.ask("other.steer.example.", "A", ecs="203.0.113.0/24").ecs_scope, (24, 0))

    def test_no_option_in_none_out(self):
        self.assertIsNone(self.ask_from(None).ecs_scope)
        self.assertEqual(self.ask_from(None).data(), [POOLS["rest"]])

    def test_source_length_zero_uses_the_transport_address(self):
        response = self.ask_from("0.0.0.0/0")
        self.assertEqual(response.data(), [POOLS["rest"]])
        self.assertEqual(response.ecs_scope, (0, 0))

    def test_faulty_policies_are_refused(self):
        path = "/v1/zones/steer.example/policies/bad/ADDRESS"
        for rules in ([], [{"id": "r", "when": "any", "pools": ["nobody"]}],
                      [{"id": "r", "when": {"geo": ["EU"]}, "pools": ["eu"]}]):
            answer = self.server.http("PUT", path, {"name": "bad.steer.example.", "type": "ADDRESS",
                                                    "ttl": 60, "rules": rules})
            self.assertEqual(answer.status, 422, answer)

    def test_weights(self):
        weights = {"192.0.2.31": 60, "192.0.2.32": 30, "192.0.2.33": 10}
        self.server.must("PUT", rrset_path("steer.example", "weighted", "A"), {
            "ttl": 60, "records": [{"data": d, "weight": w} for d, w in weights.items()]})
        draws, counts = 3000, dict.fromkeys(weights, 0)
        for _ in range(draws):
            data = self.server.ask("weighted.steer.example.", "A").data()
            self.assertEqual(len(data), 1)
            counts[data[0]] += 1
        chi_square = sum((counts[d] - draws * w / 100) ** 2 / (draws * w / 100) for d, w in weights.items())
        self.assertLess(chi_square, 18.4, counts)  # 2 degrees of freedom, p = 0.0001

    def test_weight_zero_is_only_the_last_resort(self):
        self.server.must("PUT", rrset_path("steer.example", "standby", "A"), {
            "ttl": 60, "records": [{"data": "192.0.2.41", "weight": 1}, {"data": "192.0.2.42", "weight": 0}]})
        seen = {self.server.ask("standby.steer.example.", "A").data()[0] for _ in range(200)}
        self.assertEqual(seen, {"192.0.2.41"})

    def test_rotation(self):
        first = {self.server.ask("rotated.steer.example.", "A").answer[0].data for _ in range(60)}
        self.assertEqual(first, {"192.0.2.10", "192.0.2.11", "192.0.2.12"})

    def test_view_by_source_address(self):
        self.server.must("PUT", "/v1/views/internal", {"name": "internal"})
        self.server.must("PUT", "/v1/networks/127.0.0.2%2F32", {"prefix": "127.0.0.2/32", "view": "internal"})
        self.server.must("PUT", rrset_path("steer.example", "split", "A", view="internal"),
                         {"ttl": 60, "records": ["10.0.0.1"]})
        for ask in (self.server.ask, self.server.ask_tcp):
            self.assertEqual(ask("split.steer.example.", "A").data(), ["192.0.2.1"])
            self.assertEqual(ask("split.steer.example.", "A", source="127.0.0.2").data(), ["10.0.0.1"])
            self.assertEqual(ask("split.steer.example.", "A", source="127.0.0.3").data(), ["192.0.2.1"])
            # What the overlay does not name is inherited from the base zone.
            self.assertEqual(ask("other.steer.example.", "A", source="127.0.0.2").data(), ["192.0.2.2"])
        # ECS is a claim and never selects a view.
        self.assertEqual(self.server.ask("split.steer.example.", "A", ecs="127.0.0.2/32").data(), ["192.0.2.1"])

    def test_policies_survive_a_restart(self):
        self.server.kill()
        self.server.start()
        self.assertEqual(self.ask_from("198.51.100.0/25").data(), [POOLS["de"]])
