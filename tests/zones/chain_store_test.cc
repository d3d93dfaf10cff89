// Chains of signed zones through a store: who has an index in memory finds the NSEC and NSEC3 that
// who searches the store finds, and waits for no disk.
#include <atomic>
#include <map>
#include <set>

#include "base/random.h"
#include "dns/nsec3.h"
#include "tests/zones/store_fixture.h"
#include "zones/hash_index.h"
#include "zones/key.h"

namespace zones_test {
namespace {

using dns::RRType;

class ChainStore : public StoreTest {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.load_octets = 4096;  // zones of more than a few names come past the committer
        options.memory_octets = memory_;
        options.resident = resident_;
        return options;
    }
    /// "nsec", "nsec3", or "both", as while a zone goes from one to the other.
    struct Zone {
        std::string apex = "z.";
        std::string chain = "nsec";
        unsigned names = 300;
        bool is_signed = true;
        std::uint16_t iterations = 0;
        std::uint64_t seed = 1;
    };
    static std::string label_of(const std::string& owner, std::uint16_t iterations) {
        const auto hash = dns::nsec3_hash(name(owner), {1, 0, iterations, {}});
        EXPECT_TRUE(hash);
        const dns::Nsec3Label label = dns::nsec3_label(*hash);
        return std::string(label.begin() + 1, label.end());
    }
    /// Names with glue between them, deep ones, and empty non-terminals.
    static std::vector<std::string> owners_of(const Zone& zone) {
        base::Random random(zone.seed);
        std::vector<std::string> owners = {zone.apex};
        for (unsigned i = 0; i < zone.names; ++i) {
            std::string owner = "n" + std::to_string(random.below(zone.names * 4)) + ".";
            if (random.below(3) == 0) owner += "Deep" + std::to_string(random.below(9)) + ".";
            if (random.below(9) == 0) owner = std::string(63, 'a') + "." + owner;
            owners.push_back(owner + zone.apex);
        }
        std::sort(owners.begin(), owners.end());
        owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
        return owners;
    }
    zones::ReplaceZone written(const Zone& zone) {
        auto loader = store_->begin_load(name(zone.apex));
        EXPECT_TRUE(loader);
        const auto take = [&](const std::string& owner, RRType type, const std::string& data) {
            const auto fault = (*loader)->add(name(owner), type, 300, rdata(type, data));
            EXPECT_FALSE(fault) << *fault;
        };
        const std::string signature =
            " 8 1 300 20300101000000 20200101000000 7 " + zone.apex + " AQID";
        take(zone.apex, RRType::SOA, "ns. h. 10 1 2 3 4");
        take(zone.apex, RRType::NS, "ns.test.");
        if (zone.is_signed) {
            take(zone.apex, RRType::DNSKEY, "256 3 8 AQID");
            take(zone.apex, RRType::RRSIG, "SOA" + signature);
        }
        const bool nsec3 = zone.chain != "nsec";
        if (nsec3) {
            take(zone.apex, RRType::NSEC3PARAM, "1 0 " + std::to_string(zone.iterations) + " -");
        }
        unsigned number = 0;
        for (const std::string& owner : owners_of(zone)) {
            ++number;
            if (owner != zone.apex) take(owner, RRType::A, "192.0.2.1");
            if (zone.chain != "nsec3" && number % 5 != 0) {
                take(owner, RRType::NSEC, zone.apex + " A");
            }
            if (nsec3 && number % 7 != 0) {
                // One chain that is used and another that only stands there.
                take(
                    label_of(owner, zone.iterations) + "." + zone.apex, RRType::NSEC3,
                    "1 0 " + std::to_string(zone.iterations) + " - " + std::string(32, '0') + " A");
                take(label_of(owner, zone.iterations + 1U) + "." + zone.apex, RRType::NSEC3,
                     "1 0 " + std::to_string(zone.iterations + 1) + " - " + std::string(32, '0') +
                         " A");
            }
        }
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return finished ? finished->operation : zones::ReplaceZone{};
    }
    void load(const Zone& zone) { must(changes(written(zone))); }

    static zones::NodeFound nsec(zones::NodeSource& source, zones::ZoneId id, base::Octets owner) {
        return source.predecessor(id, owner, RRType::NSEC, nullptr);
    }
    static zones::NodeFound nsec3(zones::NodeSource& source, zones::ZoneId id,
                                  const dns::Nsec3Hash& hash, const dns::Nsec3Parameters& chain) {
        return source.predecessor(zones::hashed_id(id), dns::nsec3_label(hash), RRType::NSEC3,
                                  &chain);
    }

    /// What denies each of these names, one way or the other.
    std::vector<std::string> denials(const Zone& zone, bool may_block) {
        std::vector<std::string> out;
        const auto source = store_->make_source(may_block);
        reader_->online();
        const zones::Published& published = *store_->published();
        source->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(name(zone.apex));
        base::Random random(99);
        const auto note = [&out](const zones::NodeFound& found) {
            if (found.presence == zones::Presence::Present) {
                const base::Octets owner = found.node.relative_owner();
                out.push_back(base::to_hex(owner));
            } else {
                out.push_back(found.presence == zones::Presence::Absent ? "absent" : "waits");
            }
        };
        std::vector<std::string> asked = owners_of(zone);
        for (int i = 0; i < 300; ++i) {
            asked.push_back("n" + std::to_string(random.below(2000)) + ".x." + zone.apex);
            asked.push_back("n" + std::to_string(random.below(2000)) + "." + zone.apex);
            asked.push_back("deep" + std::to_string(random.below(12)) + "." + zone.apex);
        }
        for (const std::string& text : asked) {
            const dns::Name owner = name(text);
            if (zone.chain != "nsec3") {
                const auto relative = zones::relative_owner(owner, name(zone.apex));
                note(nsec(*source, entry->base(), relative));
            }
            if (zone.chain != "nsec") {
                const dns::Nsec3Parameters chain{1, 0, zone.iterations, {}};
                const auto hash = dns::nsec3_hash(owner, chain);
                EXPECT_TRUE(hash);
                note(nsec3(*source, entry->base(), *hash, chain));
            }
        }
        source->release();
        reader_->offline();
        return out;
    }
    /// Until nothing of the zone has to be waited for. Of a store that was just opened, and that
    /// nobody has read from otherwise, only the index can tell that much.
    void wait_for_index(const Zone& zone) {
        for (int i = 0; i < kPatience && count_of(denials(zone, false), "waits") > 0; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        EXPECT_EQ(count_of(denials(zone, false), "waits"), 0U) << zone.apex;
    }
    /// Until the store was read, if not all of it had room.
    void wait_for_filter() {
        for (int i = 0; i < kPatience; ++i) {
            const zones::StoreStats stats = store_->stats();
            if (!stats.cache_scanning && stats.filter_octets > 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    static std::uint64_t count_of(const std::vector<std::string>& denials, const char* what) {
        return static_cast<std::uint64_t>(std::count(denials.begin(), denials.end(), what));
    }

    bool resident_ = true;
    std::size_t memory_ = std::size_t{32} << 20;
};

TEST_F(ChainStore, AnIndexFindsWhatTheStoreFinds) {
    std::vector<Zone> zones;
    for (const char* chain : {"nsec", "nsec3", "both"}) {
        for (const unsigned names : {0U, 1U, 3U, 40U, 700U}) {
            const auto number = static_cast<std::uint64_t>(zones.size());
            zones.push_back({"z" + std::to_string(number) + ".", chain, names, true,
                             static_cast<std::uint16_t>(number % 3), number + 1});
        }
    }
    resident_ = false;
    reopen();
    for (const Zone& zone : zones) load(zone);
    std::vector<std::vector<std::string>> expected;
    for (const Zone& zone : zones) expected.push_back(denials(zone, true));
    EXPECT_EQ(count_of(expected.front(), "waits"), 0U);

    // What is in the store when it is opened.
    resident_ = true;
    reopen();
    wait_until_complete();
    for (std::size_t i = 0; i < zones.size(); ++i) {
        if (zones[i].chain == "both") continue;
        EXPECT_EQ(denials(zones[i], false), expected[i]) << zones[i].apex;
    }
    for (std::size_t i = 0; i < zones.size(); ++i) {
        EXPECT_EQ(denials(zones[i], true), expected[i]) << zones[i].apex;
    }

    // What comes while it is open: small ones with their change set, large ones past it.
    for (const Zone& zone : zones) load(zone);
    wait_until_complete();
    for (std::size_t i = 0; i < zones.size(); ++i) {
        if (zones[i].chain != "both") wait_for_index(zones[i]);
        EXPECT_EQ(denials(zones[i], true), expected[i]) << zones[i].apex;
    }
}

TEST_F(ChainStore, ZonesThatMayChangeHaveNone) {
    Zone zone;
    zone.is_signed = false;
    load(zone);
    wait_until_complete();
    EXPECT_EQ(count_of(denials(zone, true), "waits"), 0U);
    // A name with an NSEC comes between; whoever has remembered the order misses it.
    must(changes(put("z.", "n1.x.z.", RRType::NSEC, {"z. A"}),
                 put("z.", "n1.x.z.", RRType::A, {"192.0.2.1"})));
    reader_->online();
    const zones::Published& published = *store_->published();
    source_->use(published);
    const dns::Name asked = name("n1a.x.z.");
    const auto found = nsec(*source_, published.zones->find_exact(name("z."))->base(),
                            zones::relative_owner(asked, name("z.")));
    ASSERT_EQ(found.presence, zones::Presence::Present);
    EXPECT_EQ(base::as_text(found.node.relative_owner()), "\x02n1\x01x");
    source_->release();
    reader_->offline();
}

TEST_F(ChainStore, ARevertBringsTheIndexBack) {
    const Zone first{"z.", "nsec3", 400, true, 0, 1};
    const Zone second{"z.", "nsec", 500, true, 0, 2};
    load(first);
    wait_for_index(first);
    const auto expected = denials(first, true);
    must(changes(written(second)));
    wait_for_index(second);
    const auto revision = store_->read()->revision();
    must(changes(zones::RevertRevision{revision}));
    wait_until_complete();
    wait_for_index(first);
    EXPECT_EQ(denials(first, false), expected);
}

TEST_F(ChainStore, WhereThereIsNoRoomTheStoreIsSearched) {
    const Zone zone{"z.", "nsec3", 6000};
    resident_ = false;
    reopen();
    load(zone);
    const auto expected = denials(zone, true);
    resident_ = true;
    memory_ = std::size_t{512} << 10;  // an eighth of it is not enough for 6000 hashes
    reopen();
    wait_for_filter();
    EXPECT_GT(count_of(denials(zone, false), "waits"), 0U);
    EXPECT_EQ(denials(zone, true), expected);
    // There is for the index, but not for the nodes: they are read one by one.
    memory_ = std::size_t{2} << 20;
    reopen();
    wait_for_filter();
    EXPECT_EQ(denials(zone, true), expected);
    EXPECT_FALSE(store_->stats().cache_complete);
    EXPECT_LE(store_->stats().cache_octets, (std::size_t{2} << 20) * 102 / 100);
}

/// Readers deny while the zone is replaced under them: each by the chain of its own revision.
TEST_F(ChainStore, ReadersSeeTheChainOfTheirRevision) {
    constexpr int kRounds = 24;
    constexpr int kOwners = 60;
    const auto owner_of = [](int round, int i) {
        return std::to_string(i) + "-" + std::to_string(round) + ".z.";
    };
    // Every name of a round carries its number; the apex's MX tells the round.
    const auto write = [&](int round) {
        auto loader = store_->begin_load(name("z."));
        EXPECT_TRUE(loader);
        const auto take = [&](const std::string& owner, RRType type, const std::string& data) {
            EXPECT_FALSE((*loader)->add(name(owner), type, 300, rdata(type, data)));
        };
        take("z.", RRType::SOA, "ns. h. 10 1 2 3 4");
        take("z.", RRType::NS, "ns.test.");
        take("z.", RRType::MX, std::to_string(round) + " mx.test.");
        take("z.", RRType::DNSKEY, "256 3 8 AQID");
        take("z.", RRType::RRSIG, "SOA 8 1 300 20300101000000 20200101000000 7 z. AQID");
        if (round % 3 == 2) take("z.", RRType::NSEC3PARAM, "1 0 0 -");
        take("z.", RRType::NSEC, "z. A");
        const int owners = round % 2 == 0 ? kOwners : 5;
        for (int i = 0; i < owners; ++i) {
            take(owner_of(round, i), RRType::NSEC, "z. A");
            if (round % 3 == 2) {
                take(label_of(owner_of(round, i), 0) + ".z.", RRType::NSEC3,
                     "1 0 0 - " + std::string(32, '0') + " A");
            }
        }
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return finished ? finished->operation : zones::ReplaceZone{};
    };
    must(changes(write(0)));
    std::atomic<bool> stop{false};
    std::atomic<int> checked{0};
    const auto read = [&](base::Qsbr::Reader& reader, bool may_block, std::uint64_t seed) {
        const auto source = store_->make_source(may_block);
        base::Random random(seed);
        while (!stop.load() && !HasFatalFailure()) {
            reader.online();
            const zones::Published& published = *store_->published();
            source->use(published);
            const zones::ZoneId id = published.zones->find_exact(name("z."))->base();
            const auto apex = source->find(id, {});
            for (int i = 0; i < 20 && apex.presence == zones::Presence::Present; ++i) {
                const auto mx = apex.node.find(RRType::MX);
                ASSERT_TRUE(mx);
                const int round = base::load_be16((*mx->rrset.begin()).data());
                const int of = static_cast<int>(random.below(round % 2 == 0 ? kOwners : 5));
                const dns::Name owner = name(owner_of(round, of));
                // An owner itself, and what comes right behind it.
                const dns::Name behind = name("a." + owner_of(round, of));
                for (const dns::Name& asked : {owner, behind}) {
                    const auto found = nsec(*source, id, zones::relative_owner(asked, name("z.")));
                    if (!may_block && found.presence == zones::Presence::WouldBlock) continue;
                    ASSERT_EQ(found.presence, zones::Presence::Present);
                    ASSERT_EQ(base::to_hex(found.node.relative_owner()),
                              base::to_hex(zones::relative_owner(owner, name("z."))))
                        << round;
                }
                if (round % 3 == 2) {
                    const dns::Nsec3Parameters chain{1, 0, 0, {}};
                    const auto hash = dns::nsec3_hash(owner, chain);
                    const auto found = nsec3(*source, id, *hash, chain);
                    if (!may_block && found.presence == zones::Presence::WouldBlock) continue;
                    ASSERT_EQ(found.presence, zones::Presence::Present);
                    ASSERT_EQ(zones::hash_of_owner(found.node.relative_owner()), hash) << round;
                }
                checked.fetch_add(1);
            }
            source->release();
            reader.quiescent();
        }
        reader.offline();
    };
    std::vector<std::thread> threads;
    for (const bool may_block : {true, false}) {
        base::Qsbr::Reader& reader = store_->qsbr().add_reader();
        threads.emplace_back([&, may_block] { read(reader, may_block, may_block ? 1 : 2); });
    }
    for (int round = 1; round < kRounds; ++round) {
        must(changes(write(round)));
        const int before = checked.load();
        // Some rounds end before the index is there, some after.
        for (int i = 0; i < kPatience && checked.load() < before + 50; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(checked.load(), kRounds);
}

}  // namespace
}  // namespace zones_test
