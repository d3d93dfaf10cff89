// Journal entries as they are stored. The example is that of zones/README.md.
#include <gtest/gtest.h>

#include "base/octets.h"
#include "dns/name.h"
#include "zones/change_set.h"
#include "zones/node_rules.h"
#include "zones/records.h"

namespace zones_test {
namespace {

using zones::Effect;
using zones::JournalRecord;

constexpr std::string_view kExample =
    "01"
    "0000000561646d696e"
    "0000000137"
    "00000000"
    "00062a99ba0c6000"
    "00000001"
    "000000086578616d706c652e"
    "00000001"
    "03"
    "00000009076578616d706c6500"
    "0000000d03777777076578616d706c6500"
    "0001"
    "000000000000000000000000"
    "00"
    "010000001e"
    "000000010000001e00000000000100010000003c000000060004c0000201";

JournalRecord example() {
    zones::RRsetValue value;
    value.ttl = 60;
    value.records = {{192, 0, 2, 1}};
    Effect effect;
    effect.kind = Effect::Kind::RRset;
    effect.zone = *dns::Name::parse("example.");
    effect.name = *dns::Name::parse("www.example.");
    effect.type = dns::RRType::A;
    effect.after = pack_entry(make_entry(dns::RRType::A, value));
    JournalRecord record;
    record.author = "admin";
    record.request_id = "7";
    record.time = base::from_unix_us(1735689600000000);
    record.zones = {"example."};
    record.effects = {effect};
    return record;
}

std::string hex(const std::string& octets) {
    return base::to_hex(base::as_octets(octets));
}

TEST(Journal, EntryIsStoredAsTheReadmeSays) {
    EXPECT_EQ(hex(example().pack()), kExample);
    EXPECT_EQ(hex(JournalRecord::key(2)), "720000000000000002");
    EXPECT_EQ(hex(JournalRecord::zone_key(*dns::Name::parse("Example."), 2)),
              "7a6578616d706c6500000000000000000002");
}

TEST(Journal, EntryReadsBackAndShows) {
    const auto record = JournalRecord::parse(example().pack());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->author, "admin");
    EXPECT_EQ(record->zones, std::vector<std::string>{"example."});
    EXPECT_EQ(base::to_unix_us(record->time), 1735689600000000);
    EXPECT_EQ(effects_json(record->effects),
              "[{\"op\":\"rrset\",\"zone\":\"example.\",\"name\":\"www.example.\","
              "\"type\":\"A\",\"before\":null,"
              "\"after\":{\"ttl\":60,\"records\":[\"192.0.2.1\"]}}]");
}

TEST(Journal, CutShortItIsNoEntry) {
    const std::string whole = example().pack();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(JournalRecord::parse(whole.substr(0, size))) << size;
    }
    EXPECT_FALSE(JournalRecord::parse(whole + '\0'));
}

}  // namespace
}  // namespace zones_test
