// A record prepared once must read the same in every message it is written into.
#include "dns/prepared_section.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "dns/rdata.h"

namespace dns {
namespace {

Name name(std::string_view text) {
    const auto parsed = Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : Name();
}

std::vector<std::uint8_t> soa(const std::string& mname, const std::string& rname) {
    std::vector<std::uint8_t> out;
    for (const Name& each : {name(mname), name(rname)}) {
        out.insert(out.end(), each.octets().begin(), each.octets().end());
    }
    for (std::uint32_t number = 1; number <= 5; ++number) base::append_be32(out, number << 20);
    return out;
}

std::vector<std::uint8_t> question_of(const Name& qname) {
    std::vector<std::uint8_t> out(qname.octets().begin(), qname.octets().end());
    base::append_be16(out, 1);
    base::append_be16(out, 1);
    return out;
}

/// Writes `what` behind a question; the record as it is read again, or nothing.
struct Written {
    bool done = false;
    std::size_t size = 0;
    std::string owner;
    std::vector<std::uint8_t> rdata;
    std::uint32_t ttl = 0;
};
Written write(const PreparedSection& what, const std::string& qname, std::size_t limit = 512) {
    const std::vector<std::uint8_t> question = question_of(name(qname));
    std::vector<std::uint8_t> buffer(4096);
    MessageWriter writer(buffer);
    writer.set_limit(limit);
    writer.header(1, kFlagQR);
    EXPECT_TRUE(writer.question(question));
    Written out;
    out.done = writer.prepared(Section::Authority, what);
    out.size = writer.finish();
    EXPECT_LE(out.size, limit);
    if (!out.done) return out;
    const Octets message = Octets(buffer).first(out.size);
    auto reader = MessageReader::open(message);
    EXPECT_TRUE(reader);
    const auto next = reader->next();
    EXPECT_TRUE(next && *next) << qname;
    if (!next || !*next) return out;
    const Record& record = **next;
    EXPECT_EQ(record.section, Section::Authority);
    EXPECT_TRUE(read_rdata(record.type, message, record.rdata_offset, record.rdlength, out.rdata));
    out.owner = record.owner.to_text();
    out.ttl = record.ttl;
    EXPECT_FALSE(reader->next()->has_value());
    return out;
}

TEST(PreparedSection, ReadsTheSameBehindEveryQuestion) {
    const std::string long_label(63, 'x');
    for (const std::string apex : {"example.", "a.b.example.", "."}) {
        const std::string suffix = apex == "." ? "" : apex;
        for (const auto& names : std::vector<std::pair<std::string, std::string>>{
                 {"ns1." + apex, "hostmaster." + apex},
                 {apex, apex},
                 {"ns.elsewhere.", "host.ns.elsewhere."},
                 {"ns.elsewhere.", "ns.elsewhere."},
                 {"ns.b.example.", "host.example."},
                 {".", "."}}) {
            const std::string mname = names.first == "ns1.." ? "ns1." : names.first;
            const std::string rname = names.second == "hostmaster.." ? "hostmaster." : names.second;
            const auto rdata = soa(mname, rname);
            PreparedSection prepared;
            ASSERT_TRUE(prepared.prepare(name(apex), RRType::SOA, 300, rdata));
            for (const std::string& qname : std::vector<std::string>{
                     apex, "www." + suffix, "NS1." + suffix, "a.b.c.d.e.f.g." + suffix,
                     long_label + "." + long_label + "." + long_label + "." + suffix}) {
                const Written got = write(prepared, qname);
                ASSERT_TRUE(got.done) << qname;
                EXPECT_TRUE(name(got.owner).view().equals(name(apex))) << got.owner;
                EXPECT_EQ(got.rdata, rdata) << qname << " " << mname << " " << rname;
                EXPECT_EQ(got.ttl, 300U);
            }
        }
    }
}

TEST(PreparedSection, IsAsShortAsComposed) {
    const auto rdata = soa("ns1.example.", "hostmaster.example.");
    PreparedSection prepared;
    ASSERT_TRUE(prepared.prepare(name("example."), RRType::SOA, 300, rdata));
    const std::vector<std::uint8_t> question = question_of(name("www.example."));
    std::vector<std::uint8_t> buffer(512);
    MessageWriter writer(buffer);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(question));
    ASSERT_TRUE(
        writer.record(Section::Authority, name("example."), RRType::SOA, RRClass::IN, 300, rdata));
    EXPECT_EQ(write(prepared, "www.example.").size, writer.finish());
}

TEST(PreparedSection, WhatDoesNotFitIsNotWritten) {
    const auto rdata = soa("ns1.example.", "hostmaster.example.");
    PreparedSection prepared;
    ASSERT_TRUE(prepared.prepare(name("example."), RRType::SOA, 300, rdata));
    const std::size_t whole = write(prepared, "www.example.").size;
    EXPECT_TRUE(write(prepared, "www.example.", whole).done);
    const Written cut = write(prepared, "www.example.", whole - 1);
    EXPECT_FALSE(cut.done);
    EXPECT_EQ(cut.size, 12U + 13U + 4U);
    // More than is kept: an rdata that is not compressed.
    PreparedSection long_rdata;
    const std::vector<std::uint8_t> octets(PreparedSection::kMaxOctets, 1);
    EXPECT_FALSE(long_rdata.prepare(name("example."), RRType::TXT, 300, octets));
    EXPECT_TRUE(long_rdata.empty());
    EXPECT_FALSE(write(long_rdata, "www.example.").done);
    // The longest names there are fit.
    const std::string label(63, 'x');
    const std::string most = label + "." + label + "." + label + "." + std::string(61, 'y') + ".";
    PreparedSection longest;
    EXPECT_TRUE(longest.prepare(name("example."), RRType::SOA, 300,
                                soa(most, std::string(61, 'z') + "." + most.substr(64))));
    EXPECT_TRUE(write(longest, "www.example.", 4096).done);
}

TEST(PreparedSection, MoreRecordsOfTheOwnerFollow) {
    const std::vector<std::uint8_t> signature(100, 0x5a);
    for (const std::string apex : {"example.", "."}) {
        PreparedSection prepared;
        ASSERT_TRUE(prepared.prepare(name(apex), RRType::SOA, 300, soa("ns1.test.", "host.test.")));
        // Names of these types are compressed: nobody could move their pointers.
        EXPECT_FALSE(prepared.append(RRType::NS, 300, name("ns1.test.").octets()));
        int appended = 0;
        while (prepared.append(RRType::RRSIG, 200U + static_cast<unsigned>(appended), signature)) {
            ++appended;
        }
        ASSERT_GE(appended, 3);
        const std::string qname = apex == "." ? "www." : "www." + apex;
        const std::vector<std::uint8_t> question = question_of(name(qname));
        std::vector<std::uint8_t> buffer(4096);
        MessageWriter writer(buffer);
        writer.header(1, kFlagQR);
        ASSERT_TRUE(writer.question(question));
        ASSERT_TRUE(writer.prepared(Section::Authority, prepared));
        EXPECT_EQ(writer.count(Section::Authority), 1 + appended);
        const Octets message = Octets(buffer).first(writer.finish());
        auto reader = MessageReader::open(message);
        ASSERT_TRUE(reader);
        ASSERT_TRUE(reader->next()->has_value());  // the SOA
        for (int i = 0; i < appended; ++i) {
            const auto next = reader->next();
            ASSERT_TRUE(next && *next);
            const Record& record = **next;
            EXPECT_TRUE(record.owner.view().equals(name(apex)));
            EXPECT_EQ(record.type, RRType::RRSIG);
            EXPECT_EQ(record.ttl, 200U + static_cast<unsigned>(i));
            const Octets rdata = message.subspan(record.rdata_offset, record.rdlength);
            EXPECT_TRUE(std::equal(rdata.begin(), rdata.end(), signature.begin(), signature.end()));
        }
        EXPECT_FALSE(reader->next()->has_value());
        prepared.clear();
        EXPECT_TRUE(prepared.empty());
        EXPECT_FALSE(prepared.append(RRType::RRSIG, 1, signature));
    }
}

}  // namespace
}  // namespace dns
