// What a start makes of records of zones that are damaged.
#include "tests/zones/answer_fixture.h"
#include "zones/kv.h"
#include "zones/records.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;
using zones::Family;

class StoreHeld : public AnswerTest {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = AnswerTest::options();
        options.log = [this](std::string_view level, const std::string& message) {
            if (level == "error") errors_.push_back(message);
        };
        return options;
    }
    void SetUp() override {
        AnswerTest::SetUp();
        must(changes(zone("example."), put("example.", "*.example.", RRType::A, {"192.0.2.1"}),
                     zone("Sub.example."),
                     put("sub.example.", "www.sub.example.", RRType::A, {"192.0.2.2"}),
                     zone("other.")));
    }
    void write(const std::string& key, const std::string& value) {
        close();
        auto opened = zones::KeyValueStore::open({directory_.path(), 1 << 20, nullptr});
        ASSERT_TRUE(opened);
        zones::KeyValueBatch batch;
        batch.put(Family::Zones, key, value);
        ASSERT_TRUE((*opened)->write(batch));
    }
    std::string record(std::string_view apex) {
        close();
        auto opened = zones::KeyValueStore::open({directory_.path(), 1 << 20, nullptr});
        EXPECT_TRUE(opened);
        std::string value;
        EXPECT_EQ(
            (*opened)->get(Family::Zones, zones::ZoneRecord::key(name(apex)), nullptr, true, value),
            zones::KeyValueStore::Read::Found);
        return value;
    }
    void expect_unknown() {
        for (const char* qname : {"sub.example.", "www.sub.example.", "a.b.sub.example."}) {
            for (const RRType type : {RRType::A, RRType::SOA}) {
                const Answered answered = ask(qname, type);
                EXPECT_EQ(answered.outcome, zones::AnswerOutcome::Answered) << qname;
                EXPECT_EQ(answered.report.rcode, RCode::ServFail) << qname;
                EXPECT_EQ(answered.as_sent.size(), 0U) << qname;
            }
        }
        // Its parent and others are as they were.
        EXPECT_EQ(ask("www.example.", RRType::A).report.rcode, RCode::NoError);
        EXPECT_EQ(ask("other.", RRType::SOA).answer.size(), 1U);
        ASSERT_EQ(errors_.size(), 1U);
        EXPECT_NE(errors_[0].find("the zone sub.example. is damaged"), std::string::npos)
            << errors_[0];
    }

    std::vector<std::string> errors_;
};

TEST_F(StoreHeld, AZoneWhoseRecordIsDamagedIsServfailAndNotItsParents) {
    EXPECT_EQ(ask("www.sub.example.", RRType::A).answer.size(), 1U);
    write(zones::ZoneRecord::key(name("sub.example.")), "nonsense");
    reopen();
    expect_unknown();
    wait_until_complete();
    EXPECT_EQ(ask("www.sub.example.", RRType::A).report.rcode, RCode::ServFail);
    // Nothing is decided from it either, and nothing is made in its place.
    const auto refused =
        commit(changes(put("sub.example.", "w.sub.example.", RRType::A, {"192.0.2.3"})));
    EXPECT_EQ(kind(refused), zones::ChangeFault::Kind::Unavailable);
    EXPECT_EQ(kind(commit(changes(zone("sub.example.")))), zones::ChangeFault::Kind::Unavailable);
    must(changes(put("example.", "new.example.", RRType::A, {"192.0.2.3"})));
}

TEST_F(StoreHeld, ARecordOfAnotherZoneIsDamage) {
    const std::string other = record("other.");
    write(zones::ZoneRecord::key(name("sub.example.")), other);
    reopen();
    expect_unknown();
}

TEST_F(StoreHeld, AKeyThatIsNoNameIsTold) {
    write("a key", "nonsense");
    reopen();
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_NE(errors_[0].find("61206b6579"), std::string::npos) << errors_[0];
    EXPECT_EQ(ask("www.sub.example.", RRType::A).answer.size(), 1U);
}

}  // namespace
}  // namespace zones_test
