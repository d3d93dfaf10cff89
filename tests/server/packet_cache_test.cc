// Answers sent again as they are: what is stored, for whom it is good, and what never is.
#include "server/packet_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "server/pipeline.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RRType;
using zones_test::changes;
using zones_test::name;
using zones_test::put;

using Message = std::vector<std::uint8_t>;

Message query(const std::string& qname, RRType qtype = RRType::A, std::uint16_t flags = 0,
              std::uint16_t id = 0x1234) {
    Message out(512);
    dns::MessageWriter writer(out);
    writer.header(id, flags);
    EXPECT_TRUE(writer.question(name(qname), qtype, dns::RRClass::IN));
    out.resize(writer.finish());
    return out;
}

Message with_opt(Message message, std::uint16_t payload, bool dnssec_ok, const Message& options) {
    const std::size_t before = message.size();
    message.resize(before + 11);
    std::uint8_t* at = &message[before];
    base::store_be16(at + 1, 41);
    base::store_be16(at + 3, payload);
    base::store_be32(at + 5, dnssec_ok ? 0x8000U : 0U);
    base::store_be16(at + 9, static_cast<std::uint16_t>(options.size()));
    message.insert(message.end(), options.begin(), options.end());
    message[11] = 1;
    return message;
}

class PacketCacheTable : public testing::Test {
  protected:
    static Message reply_of(const Message& asked, std::size_t size) {
        Message out(asked);
        out.resize(size, 0x77);
        out[0] = out[1] = 0;
        return out;
    }
    void store(const Message& asked, std::size_t size = 100,
               PacketCache::Scope scope = {1, 0, false}) {
        const std::size_t qname_octets = std::strlen(reinterpret_cast<const char*>(&asked[12])) + 1;
        cache_.store(cache_.hash(asked), asked, qname_octets, scope, relies_, reply_of(asked, size),
                     {});
    }
    Message find(const Message& asked, PacketCache::Scope scope = {1, 0, false}) {
        Message reply(PacketCache::kMaxReplyOctets);
        const PacketCache::Account* account = nullptr;
        reply.resize(
            cache_.find(cache_.hash(asked), asked, scope, {revision_, changes_}, reply, account));
        EXPECT_EQ(account != nullptr, !reply.empty());
        return reply;
    }
    PacketCache cache_{2048};
    zones::ChangeMarks changes_;
    zones::Revision revision_ = 1;
    zones::Reliance relies_{1, 0, {}};
};

TEST_F(PacketCacheTable, GivesWhatWasStoredWithTheIdAndTheCaseOfNow) {
    store(query("www.example."));
    Message expected = reply_of(query("wWw.EXAMPLE."), 100);
    expected[0] = 0xab;
    expected[1] = 0xcd;
    EXPECT_EQ(find(query("wWw.EXAMPLE.", RRType::A, 0, 0xabcd)), expected);
}

TEST_F(PacketCacheTable, AnotherQueryIsAnother) {
    store(query("www.example."));
    EXPECT_TRUE(find(query("www.exampl.")).empty());
    EXPECT_TRUE(find(query("www.examplf.")).empty());
    EXPECT_TRUE(find(query("www.example.", RRType::AAAA)).empty());
    EXPECT_TRUE(find(query("www.example.", RRType::A, dns::kFlagRD)).empty());
    EXPECT_TRUE(find(with_opt(query("www.example."), 1232, false, {})).empty());
    // Types 65 and 97 look like the two cases of a letter, and so do 1 and 33 to the hash.
    store(query("https.example.", static_cast<RRType>(65)));
    EXPECT_TRUE(find(query("https.example.", static_cast<RRType>(97))).empty());
    EXPECT_TRUE(find(query("www.example.", static_cast<RRType>(33))).empty());
    // Payloads likewise.
    store(with_opt(query("edns.example."), 0x0441, false, {}));
    EXPECT_FALSE(find(with_opt(query("edns.example."), 0x0441, false, {})).empty());
    EXPECT_TRUE(find(with_opt(query("edns.example."), 0x0461, false, {})).empty());
}

TEST_F(PacketCacheTable, AnotherScopeIsAnother) {
    store(query("www.example."), 100, {1, 2, true});
    EXPECT_FALSE(find(query("www.example."), {1, 2, true}).empty());
    EXPECT_TRUE(find(query("www.example."), {2, 2, true}).empty());
    EXPECT_TRUE(find(query("www.example."), {1, 3, true}).empty());
    EXPECT_TRUE(find(query("www.example."), {1, 2, false}).empty());
}

TEST_F(PacketCacheTable, HoldsWhileNothingItReliesOnChanges) {
    relies_.add(5);
    relies_.add(9);
    store(query("www.example."));
    changes_.raise(6, 2);
    revision_ = 2;
    EXPECT_FALSE(find(query("www.example.")).empty());
    // Raised for a revision that is not published yet: at that it does not hold.
    changes_.raise(9, 3);
    EXPECT_FALSE(find(query("www.example.")).empty());
    revision_ = 3;
    EXPECT_TRUE(find(query("www.example.")).empty());
    // Composed before, and stored after another commit had raised its mark.
    changes_.raise(9, 4);
    relies_.revision = 3;
    store(query("www.example."));
    EXPECT_FALSE(find(query("www.example.")).empty());
    revision_ = 4;
    EXPECT_TRUE(find(query("www.example.")).empty());
}

TEST_F(PacketCacheTable, KeepsToItsSizes) {
    store(query("long.example."), PacketCache::kMaxReplyOctets);
    EXPECT_EQ(find(query("long.example.")).size(), PacketCache::kMaxReplyOctets);
    store(query("longer.example."), PacketCache::kMaxReplyOctets + 1);
    EXPECT_TRUE(find(query("longer.example.")).empty());
    EXPECT_TRUE(PacketCache::takes(query(".")));
    EXPECT_FALSE(PacketCache::takes(base::Octets(query(".")).first(16)));
    Message most = query("www.example.");
    most.resize(PacketCache::kMaxQueryOctets);
    EXPECT_TRUE(PacketCache::takes(most));
    most.push_back(0);
    EXPECT_FALSE(PacketCache::takes(most));
}

TEST_F(PacketCacheTable, ManyFitAndAStrangerPushesNobodyOut) {
    const auto nth = [](int i) { return query("n" + std::to_string(i) + ".example."); };
    for (int i = 0; i < 100; ++i) store(nth(i));
    int kept = 0;
    for (int i = 0; i < 100; ++i) kept += find(nth(i)).empty() ? 0 : 1;
    EXPECT_GE(kept, 98);  // three in one set of two are rare
    // Asked once each: nobody asks for a place twice.
    int again = 0;
    for (int i = 1000; i < 101000; ++i) again += cache_.seen(cache_.hash(nth(i))) ? 1 : 0;
    EXPECT_LT(again, 10);
    EXPECT_FALSE(cache_.seen(cache_.hash(nth(5))));
    EXPECT_TRUE(cache_.seen(cache_.hash(nth(5))));
}

/// The pipeline of a worker over a store.
class PacketCachePipeline : public zones_test::StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        settings_.node = "node-1";
        settings_.ecs_trusted = {*base::IpPrefix::parse("0.0.0.0/0")};
        settings_.recursion_allow = {*base::IpPrefix::parse("192.0.2.0/24")};
        settings_.cookies.emplace(SipKey{1, 2, 3}, true);
        must(changes(zones_test::zone("example.")));
        must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
        must(changes(put("example.", "two.example.", RRType::A, {"192.0.2.1", "192.0.2.2"})));
        must(changes(put("example.", "mail.example.", RRType::MX, {"10 www.example."})));
        must(changes(put("example.", "alias.example.", RRType::CNAME, {"www.example."})));
        must(changes(put("example.", "*.wild.example.", RRType::A, {"192.0.2.3"})));
        must(changes(put("example.", "sub.example.", RRType::NS, {"ns.elsewhere."})));
        must(changes(put("example.", "old.example.", RRType::DNAME, {"wild.example."})));
        start();
    }
    void start() {
        pipeline_ = std::make_unique<Pipeline>(settings_, *store_, cache_, stats_, tap_, false);
        PipelineSettings plain = settings_;
        plain.packet_cache = 0;
        plain_settings_ = plain;
        plain_ =
            std::make_unique<Pipeline>(plain_settings_, *store_, cache_, plain_stats_, tap_, false);
    }

    Message ask(Pipeline& pipeline, const Message& asked) {
        Query one;
        one.message = asked;
        one.role = role_;
        one.client = *base::Endpoint::parse(client_);
        one.received = now_;
        Message room(4096);
        Reply reply;
        reply.octets = room;
        pipeline.begin_batch(now_);
        pipeline.run_batch({&one, 1}, {&reply, 1}, [this](std::size_t) { ++deferred_; });
        pipeline.end_batch();
        EXPECT_EQ(reply.step == Step::Answered, reply.size > 0);
        room.resize(reply.size);
        return room;
    }
    Message ask(const Message& asked) { return ask(*pipeline_, asked); }
    std::uint64_t recalled() { return stats_.packet_cache_hits.get(); }

    PipelineSettings settings_, plain_settings_;
    resolver::Settings resolver_settings_;
    resolver::Cache cache_{resolver_settings_};
    WorkerStats stats_, plain_stats_;
    Tap tap_;
    std::unique_ptr<Pipeline> pipeline_, plain_;
    Role role_ = Role::Auth;
    std::string client_ = "198.51.100.1:4000";
    base::MonoTime now_ = base::mono_now();
    int deferred_ = 0;
};

TEST_F(PacketCachePipeline, TheThirdAnswerIsTheFirstAgain) {
    for (const std::string qname :
         {"www.example.", "mail.example.", "alias.example.", "x.wild.example.", "x.sub.example.",
          "none.example.", "example.", "a.old.example.", "wild.example."}) {
        for (const bool edns : {false, true}) {
            Message asked = query(qname);
            if (edns) asked = with_opt(asked, 1232, true, {});
            const Message expected = ask(*plain_, asked);
            ASSERT_FALSE(expected.empty());
            ask(query(".", RRType::NS));  // a batch after the last commit
            const std::uint64_t before = recalled();
            for (int i = 0; i < 4; ++i) EXPECT_EQ(ask(asked), expected) << qname << i;
            EXPECT_EQ(recalled() - before, 2U) << qname << edns;
        }
    }
    std::uint64_t counted = 0;
    for (const auto& type : stats_.queries[0][0]) {
        for (const WorkerStats::Counter& rcode : type) counted += rcode.get();
    }
    // Every answer is counted, wherever it comes from.
    EXPECT_EQ(counted, 9U * 2U * 5U);
    std::uint64_t timed = 0;
    for (const WorkerStats::Counter& bucket : stats_.duration_buckets[0]) timed += bucket.get();
    EXPECT_EQ(timed, counted);
}

TEST_F(PacketCachePipeline, ACommitIsAnsweredAtOnce) {
    const Message asked = query("www.example.");
    for (int i = 0; i < 5; ++i) ask(asked);
    const std::uint64_t before = recalled();
    EXPECT_GT(before, 0U);
    must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.77"})));
    const Message changed = ask(asked);
    EXPECT_EQ(changed.back(), 77);
    EXPECT_EQ(recalled(), before);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(asked), changed);
    EXPECT_GT(recalled(), before);
}

// The apexes a worker remembers, and the zone of its last query, end with what is published.
TEST_F(PacketCachePipeline, WhatIsRememberedOfZonesEndsWithACommit) {
    const auto ask_plain = [this](const std::string& qname) { return ask(*plain_, query(qname)); };
    const auto rcode = [](const Message& reply) { return reply[3] & 0x0f; };
    for (const char* qname : {"a.example.", "b.example.", "c.example.", "www.new.example."}) {
        EXPECT_EQ(rcode(ask_plain(qname)), 3) << qname;
    }
    must(changes(zones_test::zone("new.example.")));
    must(changes(put("new.example.", "www.new.example.", RRType::A, {"192.0.2.9"})));
    EXPECT_EQ(ask_plain("www.new.example.").back(), 9);
    EXPECT_EQ(rcode(ask_plain("d.example.")), 3);
    EXPECT_EQ(rcode(ask_plain("e.example.")), 3);
    must(changes(put("example.", "*.example.", RRType::A, {"192.0.2.10"})));
    const Message by_wildcard = ask_plain("f.example.");
    EXPECT_EQ(rcode(by_wildcard), 0);
    EXPECT_EQ(by_wildcard.back(), 10);
}

TEST_F(PacketCachePipeline, WhatRotatesGoesOnRotating) {
    std::set<std::uint8_t> last;
    for (int i = 0; i < 20; ++i) last.insert(ask(query("two.example.")).back());
    EXPECT_EQ(last.size(), 2U);
    EXPECT_EQ(recalled(), 0U);
}

TEST_F(PacketCachePipeline, WhatTheClientSaysOfItselfIsNotStored) {
    const Message cookie = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    const Message subnet = {0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2};
    for (const Message& options : {cookie, subnet}) {
        const Message asked = with_opt(query("www.example."), 1232, false, options);
        for (int i = 0; i < 5; ++i) EXPECT_GT(ask(asked).size(), 60U);
    }
    EXPECT_EQ(recalled(), 0U);
}

TEST_F(PacketCachePipeline, RefusalsErrorsAndOtherClassesAreComposed) {
    Message chaos = query("id.server.", RRType::TXT);
    chaos[chaos.size() - 1] = 3;
    Message cut = query("www.example.");
    cut.pop_back();
    for (const Message& asked : {query("www.elsewhere."), chaos, cut}) {
        for (int i = 0; i < 5; ++i) EXPECT_FALSE(ask(asked).empty());
    }
    EXPECT_EQ(recalled(), 0U);
}

TEST_F(PacketCachePipeline, WhoMayRecurseIsToldSo) {
    role_ = Role::Both;
    const Message asked = query("www.example.", RRType::A, dns::kFlagRD);
    Message outside, inside;
    for (int i = 0; i < 5; ++i) {
        client_ = "198.51.100.1:4000";
        outside = ask(asked);
        client_ = "192.0.2.9:4000";
        inside = ask(asked);
        EXPECT_EQ(base::load_be16(&outside[2]) & dns::kFlagRA, 0);
        EXPECT_NE(base::load_be16(&inside[2]) & dns::kFlagRA, 0);
    }
    // A referral is for one, a resolution for the other.
    const Message below = query("x.sub.example.", RRType::A, dns::kFlagRD);
    for (int i = 0; i < 5; ++i) {
        client_ = "198.51.100.1:4000";
        EXPECT_FALSE(ask(below).empty());
        client_ = "192.0.2.9:4000";
        EXPECT_TRUE(ask(below).empty());
    }
    EXPECT_EQ(deferred_, 5);
}

TEST_F(PacketCachePipeline, WhoWatchesSeesEveryQuery) {
    for (int i = 0; i < 5; ++i) ask(query("www.example."));
    const std::uint64_t before = recalled();
    EXPECT_GT(before, 0U);
    tap_.set_active(true);
    ask(query("www.example."));
    EXPECT_EQ(recalled(), before);
    tap_.set_active(false);
    ask(query("www.example."));
    EXPECT_EQ(recalled(), before + 1);
}

TEST_F(PacketCachePipeline, RateLimitsCountWhatIsSentAgain) {
    constexpr int kRate = 10;
    for (const std::string qname : {"www.example.", "none.example.", "x.wild.example."}) {
        int sent[2] = {0, 0};
        int truncated[2] = {0, 0};
        for (const bool packets : {false, true}) {
            Rrl rrl(Rrl::Settings{kRate, 2, {}}, SipKey{9}, 4096);
            settings_.rrl = &rrl;
            start();
            for (int i = 0; i < 100; ++i) {
                const Message reply = ask(packets ? *pipeline_ : *plain_, query(qname));
                if (reply.empty()) continue;
                const bool cut = (base::load_be16(&reply[2]) & dns::kFlagTC) != 0;
                if (cut) {
                    EXPECT_EQ(reply.size(), query(qname).size());
                }
                ++(cut ? truncated : sent)[packets ? 1 : 0];
            }
        }
        EXPECT_EQ(sent[1], sent[0]) << qname;
        EXPECT_EQ(truncated[1], truncated[0]) << qname;
        EXPECT_LE(sent[1], kRate + 1);
        EXPECT_GT(truncated[1], 30);
    }
    EXPECT_GT(recalled(), 10U);
}

}  // namespace
}  // namespace server
