// One change set that is as large as a request may be: what it costs grows with its size alone.
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

std::string address(unsigned number) {
    return "10." + std::to_string(number >> 16) + '.' + std::to_string((number >> 8) & 255U) + '.' +
           std::to_string(number & 255U);
}

std::vector<std::string> addresses(unsigned count) {
    std::vector<std::string> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(address(i));
    return out;
}

class LargeSets : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(zone("example.")));
    }
    std::string operations(zones::Revision revision) {
        const auto entry = store_->read()->change(revision);
        EXPECT_TRUE(entry && *entry);
        return entry && *entry ? (*entry)->json : "";
    }
    static std::size_t count(std::string_view text, std::string_view what) {
        std::size_t found = 0;
        for (std::size_t at = text.find(what); at != std::string_view::npos;
             at = text.find(what, at + 1)) {
            ++found;
        }
        return found;
    }
};

TEST_F(LargeSets, AnRRsetThatIsEditedAgainAndAgainIsToldOfOnce) {
    must(changes(put("example.", "big.example.", RRType::A, addresses(3000))));
    zones::ChangeSet set = changes();
    for (int i = 0; i < 500; ++i) {
        set.operations.push_back({add("example.", "big.example.", RRType::A, {"192.0.2.1"}), {}});
        set.operations.push_back(
            {remove("example.", "big.example.", RRType::A, {"192.0.2.1"}), {}});
    }
    set.operations.push_back({add("example.", "big.example.", RRType::A, {"192.0.2.2"}), {}});
    const std::string told = operations(must(set));
    EXPECT_EQ(count(told, "big.example."), 1U);
    EXPECT_EQ(count(told, "192.0.2.2"), 1U);
    EXPECT_EQ(count(told, address(2999)), 2U) << "before and after";
}

TEST_F(LargeSets, WhatIsChangedBackIsNotTold) {
    const std::string told =
        operations(must(changes(add("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                                put("example.", "b.example.", RRType::A, {"192.0.2.1"}),
                                remove("example.", "a.example.", RRType::A, {"192.0.2.1"}))));
    EXPECT_EQ(count(told, "a.example."), 0U) << told;
    EXPECT_EQ(count(told, "b.example."), 1U) << told;
    EXPECT_EQ(find("example.", "a.example."), "Absent");
}

// With a look at each record for each record all three would take minutes.
TEST_F(LargeSets, VeryManyRecordsAreRefusedAtOnce) {
    const std::vector<std::string> many = addresses(120000);
    const std::string too_large =
        "0 /records A: the RRset does not fit into a message of 65535 octets (RFC 1035, 4.2.2)\n";
    EXPECT_EQ(faults(commit(changes(put("example.", "a.example.", RRType::A, many)))), too_large);
    EXPECT_EQ(faults(commit(changes(add("example.", "a.example.", RRType::A, many)))), too_large);
    must(changes(put("example.", "a.example.", RRType::A, addresses(4000))));
    must(changes(remove("example.", "a.example.", RRType::A, many)));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "-");
}

}  // namespace
}  // namespace zones_test
