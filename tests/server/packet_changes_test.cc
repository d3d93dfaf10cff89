// Answers that are sent again, beside changes of everything they may have been made from.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/pipeline.h"
#include "tests/zones/steering_documents.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RRType;
using zones_test::changes;
using zones_test::erase;
using zones_test::name;
using zones_test::put;

using Message = std::vector<std::uint8_t>;

/// A worker: a pipeline with counters of its own.
class Asker {
  public:
    Asker(zones::Store& store, resolver::Cache& cache, std::size_t packets)
        : qsbr_(store.qsbr()),
          reader_(qsbr_.add_reader()),
          settings_(settings(packets)),
          pipeline_(settings_, store, cache, stats_, tap_, false) {}
    ~Asker() { qsbr_.remove_reader(reader_); }
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;

    /// Empty where the disk would have to be waited for.
    Message ask(const std::string& qname, RRType qtype, const std::string& client) {
        Message asked(512);
        dns::MessageWriter writer(asked);
        writer.header(0x1234, 0);
        EXPECT_TRUE(writer.question(name(qname), qtype, dns::RRClass::IN));
        asked.resize(writer.finish());
        Query query;
        query.message = asked;
        query.client = *base::Endpoint::parse(client);
        query.received = base::mono_now();
        Message room(4096);
        Reply reply;
        reply.octets = room;
        reader_.online();
        pipeline_.begin_batch(query.received);
        pipeline_.run_batch({&query, 1}, {&reply, 1}, [](std::size_t) {});
        pipeline_.end_batch();
        reader_.offline();
        room.resize(reply.size);
        return room;
    }
    [[nodiscard]] std::uint64_t recalled() const { return stats_.packet_cache_hits.get(); }

  private:
    static PipelineSettings settings(std::size_t packets) {
        PipelineSettings out;
        out.packet_cache = packets;
        return out;
    }

    base::Qsbr& qsbr_;
    base::Qsbr::Reader& reader_;
    const PipelineSettings settings_;
    WorkerStats stats_;
    Tap tap_;
    Pipeline pipeline_;
};

constexpr const char* kOutside = "198.51.100.1:4000";
constexpr const char* kInside = "10.1.2.3:4000";

class PacketChanges : public zones_test::StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(zones::PutDocument{"views", "inside", R"({"name":"inside"})"}));
        must(changes(zones::PutDocument{"networks", "10.0.0.0/8",
                                        R"({"prefix":"10.0.0.0/8","view":"inside"})"}));
        must(changes(zones_test::zone("example.")));
        must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"}),
                     put("example.", "other.example.", RRType::A, {"192.0.2.2"}),
                     put("example.", "alias.example.", RRType::CNAME, {"www.example."}),
                     put("example.", "mail.example.", RRType::MX, {"10 www.example."}),
                     put("example.", "a.b.example.", RRType::A, {"192.0.2.3"}),
                     put("example.", "*.wild.example.", RRType::A, {"192.0.2.4"}),
                     put("example.", "sub.example.", RRType::NS, {"ns.sub.example."}),
                     put("example.", "ns.sub.example.", RRType::A, {"192.0.2.5"})));
        must(changes(zones_test::zone("redirect.")));
        asker_ = std::make_unique<Asker>(*store_, resolver_cache_, 16384);
    }
    void TearDown() override { asker_.reset(); }

    /// What a worker that has just begun says.
    Message fresh(const std::string& qname, RRType qtype, const std::string& client) {
        return Asker(*store_, resolver_cache_, 0).ask(qname, qtype, client);
    }
    /// Until it is sent again as it is.
    void learn(const std::string& qname, RRType qtype, const std::string& client) {
        const Message expected = fresh(qname, qtype, client);
        const std::uint64_t before = asker_->recalled();
        for (int i = 0; i < 4; ++i) {
            EXPECT_TRUE(asker_->ask(qname, qtype, client) == expected) << qname;
        }
        EXPECT_GT(asker_->recalled(), before) << qname;
    }
    /// Is the answer the same, and not composed anew?
    void still(const std::string& qname, RRType qtype = RRType::A) {
        const std::uint64_t before = asker_->recalled();
        EXPECT_EQ(asker_->ask(qname, qtype, kOutside), fresh(qname, qtype, kOutside)) << qname;
        EXPECT_EQ(asker_->recalled(), before + 1) << qname;
    }

    resolver::Settings resolver_settings_;
    resolver::Cache resolver_cache_{resolver_settings_};
    std::unique_ptr<Asker> asker_;
};

struct ChangeCase {
    std::string what;
    std::string qname;
    RRType qtype;
    zones::ChangeSet change;
    std::string client = kOutside;
};

TEST_F(PacketChanges, WhateverChangesAnAnswerIsSeenAtOnce) {
    const std::string www = "www.example.", absent = "x.none.example.";
    int others = 100;
    const auto a = [&others](const std::string& owner, const std::string& view = "") {
        return put("example.", owner, RRType::A, {"192.0.2." + std::to_string(others++)}, view);
    };
    std::vector<ChangeCase> cases;
    const auto add = [&cases](std::string what, std::string qname, RRType qtype, auto... change) {
        cases.push_back(
            {std::move(what), std::move(qname), qtype, changes(std::move(change)...), kOutside});
    };
    add("the RRset", www, RRType::A, a(www));
    add("its deletion", "other.example.", RRType::A,
        erase("example.", "other.example.", RRType::A));
    add("another type at its name", www, RRType::AAAA,
        put("example.", www, RRType::AAAA, {"2001:db8::1"}));
    add("the target of an alias", "alias.example.", RRType::A, a(www));
    add("the address of an exchange", "mail.example.", RRType::MX, a(www));
    add("the name appears", absent, RRType::A, a(absent));
    add("its parent appears", "y.none.example.", RRType::A, a("none.example."));
    add("the serial of a denial", "z.none.example.", RRType::A, a("unrelated.example."));
    add("a wildcard appears", "v.none.example.", RRType::A, a("*.none.example."));
    add("a wildcard at the apex appears", "nothing.example.", RRType::A, a("*.example."));
    add("the wildcard", "v.wild.example.", RRType::A, a("*.wild.example."));
    add("a name beside the wildcard", "w.wild.example.", RRType::A, a("w.wild.example."));
    add("an empty non-terminal holds something", "b.example.", RRType::A, a("b.example."));
    add("a cut above", "a.b.example.", RRType::A,
        put("example.", "b.example.", RRType::NS, {"ns.test."}));
    add("glue", "x.sub.example.", RRType::A, a("ns.sub.example."));
    add("the cut goes", "ns.sub.example.", RRType::A,
        erase("example.", "sub.example.", RRType::NS));
    add("a redirection at the apex", "far.redirect.", RRType::A,
        put("redirect.", "redirect.", RRType::DNAME, {"target.test."}));
    add("and it goes", "farther.redirect.", RRType::A,
        erase("redirect.", "redirect.", RRType::DNAME));
    add("servers of the zone", "example.", RRType::NS,
        put("example.", "example.", RRType::NS, {"ns2.example.net."}));
    add("a view's data", www, RRType::A, a(www, "inside"));
    cases.back().client = kInside;
    add("and once more", www, RRType::A, a(www, "inside"));
    cases.back().client = kInside;
    add("who is in the view", www, RRType::A,
        zones::PutDocument{"networks", "198.51.100.0/24",
                           R"({"prefix":"198.51.100.0/24","view":"inside"})"});
    add("who is not", www, RRType::A, zones::DeleteDocument{"networks", "198.51.100.0/24"});
    add("a policy", www, RRType::A, zones::PutDocument{"pools", "fra", zones_test::kPool},
        zones::PutPolicy{name("example."), name(www), "ADDRESS", "", zones_test::kPolicy});
    cases.back().change.operations.insert(
        cases.back().change.operations.begin(),
        {zones::DeleteRRset{name("example."), name(www), RRType::A, ""}, {}});
    add("a zone below", "a.b.example.", RRType::A, zones_test::zone("b.example."));
    add("which goes", "c.b.example.", RRType::A, zones::DeleteZone{name("b.example.")});
    add("the zone goes", "x.wild.example.", RRType::A, zones::DeleteZone{name("example.")});
    for (const ChangeCase& each : cases) {
        SCOPED_TRACE(each.what);
        const Message before = fresh(each.qname, each.qtype, each.client);
        learn(each.qname, each.qtype, each.client);
        must(each.change);
        const Message expected = fresh(each.qname, each.qtype, each.client);
        EXPECT_TRUE(expected != before);
        EXPECT_EQ(asker_->ask(each.qname, each.qtype, each.client), expected);
        EXPECT_EQ(asker_->ask(each.qname, each.qtype, each.client), expected);
    }
}

TEST_F(PacketChanges, OtherChangesLeaveAnAnswerAsItIs) {
    const std::pair<const char*, RRType> asked[] = {
        {"www.example.", RRType::A},      {"alias.example.", RRType::A},
        {"mail.example.", RRType::MX},    {"a.b.example.", RRType::A},
        {"x.wild.example.", RRType::A},   {"x.sub.example.", RRType::A},
        {"ns.sub.example.", RRType::TXT}, {"example.", RRType::NS},
    };
    must(changes(zones_test::zone("test.")));
    for (const auto& one : asked) learn(one.first, one.second, kOutside);
    for (int i = 0; i < 5; ++i) {
        must(changes(put("test.", "www.test.", RRType::A, {"192.0.2." + std::to_string(i)})));
        for (const auto& one : asked) still(one.first, one.second);
    }
    // In their own zone all but those that show its apex.
    must(changes(put("example.", "new.example.", RRType::A, {"192.0.2.77"})));
    for (const auto& one : asked) {
        if (one.second != RRType::NS) still(one.first, one.second);
    }
}

// Names that lie above, below and beside each other, changed at random, and all asked after each
// change: of two workers one begins anew each time.
TEST_F(PacketChanges, AgreesWithAWorkerThatHasJustBegun) {
    const std::string owners[] = {"example.",     "a.example.", "b.a.example.", "c.b.a.example.",
                                  "*.a.example.", "*.example.", "d.example.",   "e.d.example.",
                                  "*.d.example.", "f.example.", "x.f.example.", "www.example."};
    const std::string asked[] = {"example.",     "a.example.",     "b.a.example.", "q.a.example.",
                                 "d.example.",   "c.b.a.example.", "q.example.",   "e.d.example.",
                                 "q.d.example.", "x.y.a.example.", "f.example.",   "www.example.",
                                 "x.f.example.", "q.b.a.example.", "mail.example."};
    base::Random random(20261122);
    const auto any_owner = [&] { return owners[random.below(std::size(owners))]; };
    const auto any_view = [&] { return std::string(random.below(4) == 0 ? "inside" : ""); };
    const auto any_change = [&]() -> zones::ChangeSet {
        const std::string owner = any_owner(), view = any_view();
        const auto set = [&](RRType type, const std::string& record) {
            return changes(put("example.", owner, type, {record}, view));
        };
        const std::string address = "192.0.2." + std::to_string(random.below(256));
        switch (random.below(14)) {
            case 0:
                return set(RRType::CNAME, any_owner());
            case 1:
                return set(RRType::NS, "ns." + any_owner());
            case 2:
                return set(RRType::DNAME, any_owner());
            case 3:
                return set(RRType::MX, "10 " + any_owner());
            case 4:
                return changes(zones_test::zone("d.example."));
            case 5:
                return changes(zones::DeleteZone{name("d.example.")});
            case 6:
            case 7:
            case 8:
            case 9: {
                const RRType types[] = {RRType::A,     RRType::CNAME, RRType::NS,
                                        RRType::DNAME, RRType::TXT,   RRType::MX};
                return changes(erase("example.", owner, types[random.below(6)], view));
            }
            case 10:
                return set(RRType::TXT, "\"" + address + "\"");
            default:
                return set(RRType::A, address);
        }
    };
    int made = 0;
    std::uint64_t answers = 0;
    for (int round = 0; round < 150; ++round) {
        const auto result = commit(any_change());
        if (!result) continue;  // against the rules of DNS
        ++made;
        Asker other(*store_, resolver_cache_, 0);
        for (const std::string& qname : asked) {
            for (const RRType qtype : {RRType::A, RRType::NS}) {
                for (const char* client : {kOutside, kInside}) {
                    const Message expected = other.ask(qname, qtype, client);
                    for (int again = 0; again < 3; ++again, ++answers) {
                        ASSERT_EQ(asker_->ask(qname, qtype, client), expected)
                            << qname << " after " << round << " changes, again " << again;
                    }
                }
            }
        }
    }
    EXPECT_GT(made, 50);
    // Most were sent again, far more than had been if each change had emptied the cache: of three
    // times one.
    EXPECT_GT(asker_->recalled(), answers / 2);
}

// Workers that are never told anything that had been changed when they were asked.
TEST_F(PacketChanges, WhatIsAcknowledgedIsInEveryLaterAnswer) {
    constexpr std::size_t kNames = 4;
    std::array<std::atomic<std::uint32_t>, kNames> acknowledged{};
    const auto owner = [](std::size_t i) { return "n" + std::to_string(i) + ".example."; };
    const auto numbered = [&owner](std::size_t i, std::uint32_t number) {
        zones::PutRRset out = put("example.", owner(i), RRType::A, {"192.0.2.1"});
        base::store_be32(out.value.records[0].data(), number);
        return out;
    };
    for (std::size_t i = 0; i < kNames; ++i) {
        must(changes(numbered(i, 0), put("example.", "to-" + owner(i), RRType::CNAME, {owner(i)})));
    }
    const auto last_number = [](const Message& reply) {
        return reply.size() < 4 ? 0 : base::load_be32(&reply[reply.size() - 4]);
    };
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> recalled{0}, wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, this] {
            Asker asker(*store_, resolver_cache_, 1024);
            for (std::size_t i = 0; !stop.load(); i = (i + 1) % kNames) {
                for (const std::string& prefix : {std::string(), std::string("to-")}) {
                    const std::uint32_t before = acknowledged[i].load();
                    const Message reply = asker.ask(prefix + owner(i), RRType::A, kOutside);
                    if (!reply.empty() && last_number(reply) < before) wrong.fetch_add(1);
                }
            }
            recalled.fetch_add(asker.recalled());
        });
    }
    for (std::uint32_t number = 1; number <= 400; ++number) {
        const std::size_t i = number % kNames;
        must(changes(numbered(i, number)));
        acknowledged[i].store(number);
    }
    stop.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0U);
    EXPECT_GT(recalled.load(), 0U);
}

}  // namespace
}  // namespace server
