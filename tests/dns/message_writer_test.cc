#include "dns/message_writer.h"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace dns {
namespace {

using Wire = std::vector<std::uint8_t>;

Name name(std::string_view text) {
    return *Name::parse(text);
}

RRset rrset(RRType type, std::uint32_t ttl, const std::vector<std::string>& records) {
    RRset out(type, ttl);
    for (const std::string& text : records) {
        const auto rdata = parse_rdata(type, text, NameView());
        EXPECT_TRUE(rdata) << text;
        EXPECT_TRUE(out.add(*rdata)) << text;
    }
    return out;
}

/// Every record of a message as text, section by section.
std::vector<std::string> records_of(base::Octets message) {
    std::vector<std::string> out;
    auto reader = MessageReader::open(message);
    EXPECT_TRUE(reader);
    while (reader) {
        const auto next = reader->next();
        EXPECT_TRUE(next) << to_text(next.error());
        if (!next || !*next) break;
        const Record& record = **next;
        Wire rdata;
        EXPECT_TRUE(read_rdata(record.type, message, record.rdata_offset, record.rdlength, rdata));
        out.push_back(std::to_string(static_cast<int>(record.section)) + " " +
                      record.owner.to_text() + " " + std::to_string(record.ttl) + " " +
                      to_text(record.type) + " " + format_rdata(record.type, rdata));
    }
    return out;
}

TEST(MessageWriter, CompressesAgainstTheQuestionAndEarlierNames) {
    Wire buffer(512);
    MessageWriter writer(buffer);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(name("www.example.com."), RRType::MX, RRClass::IN));
    const RRset mx = rrset(RRType::MX, 60, {"10 mail.example.com.", "20 mail2.example.com."});
    ASSERT_TRUE(writer.rrset(Section::Answer, name("WWW.example.com."), mx.view(), 60));
    const std::size_t size = writer.finish();
    // Question 12+17+4; each record: pointer 2 + 10 fixed + 2 preference + label + pointer 2.
    EXPECT_EQ(size, 33U + (2 + 10 + 2 + 5 + 2) + (2 + 10 + 2 + 6 + 2));
    EXPECT_EQ(records_of(base::Octets(buffer).first(size)),
              (std::vector<std::string>{"1 www.example.com. 60 MX 10 mail.example.com.",
                                        "1 www.example.com. 60 MX 20 mail2.example.com."}));
}

TEST(MessageWriter, NamesOfNewerTypesAreNotCompressed) {
    Wire buffer(512);
    MessageWriter writer(buffer);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(name("_s._tcp.example."), RRType::SRV, RRClass::IN));
    const RRset srv = rrset(RRType::SRV, 60, {"1 2 3 host.example."});
    ASSERT_TRUE(writer.rrset(Section::Answer, name("_s._tcp.example."), srv.view(), 60));
    EXPECT_EQ(writer.finish(), 12U + 17 + 4 + 2 + 10 + 6 + 14);  // RFC 2782: target in full
}

TEST(MessageWriter, AnRRsetThatDoesNotFitLeavesNoTrace) {
    const RRset a = rrset(RRType::A, 60, {"192.0.2.1", "192.0.2.2", "192.0.2.3"});
    for (std::size_t limit = 33; limit < 140; ++limit) {
        Wire buffer(200, 0xee);
        MessageWriter writer(buffer);
        writer.set_limit(limit);
        writer.header(1, kFlagQR);
        ASSERT_TRUE(writer.question(name("www.example.com."), RRType::A, RRClass::IN));
        const std::size_t before = writer.size();
        const bool fits = writer.rrset(Section::Answer, name("a.example.com."), a.view(), 60);
        EXPECT_EQ(fits, limit >= 33 + 4 + 10 + 4 + 2 * 16) << limit;
        if (!fits) {
            EXPECT_EQ(writer.size(), before);
        }
        const std::size_t size = writer.finish();
        EXPECT_LE(size, limit);
        EXPECT_EQ(records_of(base::Octets(buffer).first(size)).size(), fits ? 3U : 0U);
        for (std::size_t i = limit; i < buffer.size(); ++i) EXPECT_EQ(buffer[i], 0xee);
    }
}

TEST(MessageWriter, TheReserveIsKeptForOpt) {
    Wire buffer(33 + 16 + 11);
    MessageWriter writer(buffer);
    writer.reserve(11);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(name("www.example.com."), RRType::A, RRClass::IN));
    const RRset two = rrset(RRType::A, 60, {"192.0.2.1", "192.0.2.2"});
    const RRset one = rrset(RRType::A, 60, {"192.0.2.1"});
    EXPECT_FALSE(writer.rrset(Section::Answer, name("www.example.com."), two.view(), 60));
    EXPECT_TRUE(writer.rrset(Section::Answer, name("www.example.com."), one.view(), 60));
    EXPECT_TRUE(writer.opt(1232, 1, true, {}));
    EXPECT_EQ(writer.finish(), buffer.size());
}

TEST(MessageWriter, SelectionRotatesAndPicks) {
    Wire buffer(512);
    const RRset a = rrset(RRType::A, 60, {"192.0.2.0", "192.0.2.1", "192.0.2.2"});
    const auto answer = [&](const MessageWriter::Selection& selection) {
        MessageWriter writer(buffer);
        writer.header(1, kFlagQR);
        EXPECT_TRUE(writer.question(name("x."), RRType::A, RRClass::IN));
        EXPECT_TRUE(
            writer.rrset_part(Section::Answer, name("x."), a.view(), 60, RRClass::IN, selection));
        std::string out;
        for (const std::string& record : records_of(base::Octets(buffer).first(writer.finish()))) {
            out.push_back(record.back());
        }
        return out;
    };
    EXPECT_EQ(answer({0, 0xffff, nullptr}), "012");
    EXPECT_EQ(answer({1, 0xffff, nullptr}), "120");
    EXPECT_EQ(answer({5, 0xffff, nullptr}), "201");
    EXPECT_EQ(answer({2, 2, nullptr}), "20");
    const std::uint16_t picks[] = {2, 0};
    EXPECT_EQ(answer({0, 2, picks}), "20");
}

/// Random RRsets under random names: what is written is read back the same, by us and by ldns,
/// and no limit is ever passed.
TEST(MessageWriter, WhatItWritesReadsBackWithAnyLimit) {
    base::Random random(7);
    const std::vector<std::string> labels = {"a",   "bb", "example",        "COM",
                                             "x-y", "*",  "long-label-here"};
    const auto random_name = [&] {
        std::string text;
        const std::uint32_t count = random.below(5);
        for (std::uint32_t i = 0; i < count; ++i) {
            text += labels[random.below(static_cast<std::uint32_t>(labels.size()))] + ".";
        }
        return text.empty() ? std::string(".") : text;
    };
    const RRType types[] = {RRType::A,   RRType::NS,  RRType::CNAME, RRType::MX,
                            RRType::SRV, RRType::SOA, RRType::TXT,   RRType::RP};
    for (int round = 0; round < 3000; ++round) {
        Wire buffer(100 + random.below(900), 0xee);
        const std::size_t limit = 60 + random.below(static_cast<std::uint32_t>(buffer.size()));
        MessageWriter writer(buffer);
        writer.set_limit(limit);
        writer.header(1, kFlagQR);
        // Half of the questions are borrowed, as a server has them: names may be taken from there.
        const Name qname = name(random_name());
        const bool borrowed = random.below(2) == 0;
        Wire question(qname.octets().begin(), qname.octets().end());
        question.insert(question.end(), {0, 1, 0, 1});
        const auto tail_of_question = [&] {
            const NameView whole(Octets(question).first(qname.size()));
            return whole.parent(random.below(static_cast<std::uint32_t>(whole.label_count()) + 1));
        };
        const bool fits =
            borrowed ? writer.question(question) : writer.question(qname, RRType::A, RRClass::IN);
        if (!fits) continue;
        if (borrowed && random.below(2) == 0) writer.expect_suffix(tail_of_question());
        std::vector<std::string> expected;
        for (int section = 1; section <= 3; ++section) {
            for (std::uint32_t i = random.below(4); i > 0; --i) {
                const RRType type = types[random.below(std::size(types))];
                RRset set(type, 1 + random.below(1000));
                for (std::uint32_t k = 1 + random.below(3); k > 0; --k) {
                    std::string text;
                    switch (type) {
                        case RRType::A:
                            text = "10.0.0." + std::to_string(k);
                            break;
                        case RRType::MX:
                            text = "5 " + random_name();
                            break;
                        case RRType::SRV:
                            text = "1 2 3 " + random_name();
                            break;
                        case RRType::SOA:
                            text = random_name() + " " + random_name() + " 1 2 3 4 5";
                            break;
                        case RRType::TXT:
                            text = "\"" + std::string(random.below(200), 't') + "\"";
                            break;
                        case RRType::RP:
                            text = random_name() + " " + random_name();
                            break;
                        default:
                            text = random_name();
                    }
                    set.add(*parse_rdata(type, text, NameView()));
                }
                const Name own = name(random_name());
                const NameView owner =
                    borrowed && random.below(2) == 0 ? tail_of_question() : own.view();
                const std::string prefix = std::to_string(section) + " " + owner.to_text() + " " +
                                           std::to_string(set.view().ttl()) + " " + to_text(type) +
                                           " ";
                if (writer.rrset(static_cast<Section>(section), owner, set.view(),
                                 set.view().ttl())) {
                    for (const Octets rdata : set.view()) {
                        expected.push_back(prefix + format_rdata(type, rdata));
                    }
                }
            }
        }
        const std::size_t size = writer.finish();
        ASSERT_LE(size, limit);
        const base::Octets message = base::Octets(buffer).first(size);
        std::vector<std::string> got = records_of(message);
        // Names share suffixes whatever their case, so compare without it.
        const auto lower = [](std::vector<std::string>& list) {
            for (std::string& text : list) {
                for (char& c : text)
                    c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
            }
        };
        lower(got);
        lower(expected);
        ASSERT_EQ(got, expected);
        ldns_pkt* packet = nullptr;
        ASSERT_EQ(ldns_wire2pkt(&packet, message.data(), message.size()), LDNS_STATUS_OK);
        EXPECT_EQ(ldns_pkt_ancount(packet) + ldns_pkt_nscount(packet) + ldns_pkt_arcount(packet),
                  expected.size());
        ldns_pkt_free(packet);
    }
}

/// What is undone takes the question's labels with it where a name looked for them first.
TEST(MessageWriter, TheQuestionIsFoundAgainAfterARollback) {
    const Name qname = name("www.sub.example.");
    Wire question(qname.octets().begin(), qname.octets().end());
    question.insert(question.end(), {0, 1, 0, 1});
    Wire buffer(512);
    MessageWriter writer(buffer);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(question));
    writer.expect_suffix(NameView(Octets(question).subspan(8, 9)));  // example.
    const RRset ns = rrset(RRType::NS, 60, {"ns.example.", "www.sub.example.", "x.sub.example."});
    const MessageWriter::Mark before = writer.mark();
    ASSERT_TRUE(writer.rrset(Section::Answer, name("y.example."), ns.view(), 60));
    const std::size_t size = writer.size();
    writer.rollback(before);
    ASSERT_TRUE(writer.rrset(Section::Answer, name("y.example."), ns.view(), 60));
    EXPECT_EQ(writer.size(), size);
    // Owner: label and pointer, then pointers; rdata: label and pointer, pointer, label and
    // pointer.
    EXPECT_EQ(size, before.used + (4 + 2 + 2) + 3 * 10 + (3 + 2) + 2 + (2 + 2));
    const std::vector<std::string> expected = {"1 y.example. 60 NS ns.example.",
                                               "1 y.example. 60 NS www.sub.example.",
                                               "1 y.example. 60 NS x.sub.example."};
    EXPECT_EQ(records_of(base::Octets(buffer).first(writer.finish())), expected);
}

/// An owner that became a pointer is not pointed to itself: readers would follow a chain.
TEST(MessageWriter, PointersLeadToLabels) {
    Wire buffer(512);
    MessageWriter writer(buffer);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(name("a.example."), RRType::A, RRClass::IN));
    ASSERT_TRUE(writer.rrset(Section::Answer, name("b.example."),
                             rrset(RRType::A, 60, {"192.0.2.1"}).view(), 60));
    ASSERT_TRUE(writer.rrset(Section::Answer, name("example."),
                             rrset(RRType::A, 60, {"192.0.2.1", "192.0.2.2"}).view(), 60));
    const std::size_t size = writer.finish();
    auto reader = MessageReader::open(base::Octets(buffer).first(size));
    ASSERT_TRUE(reader);
    std::size_t owner = kHeaderOctets + 11 + 4;
    for (int i = 0; i < 3; ++i) {
        const auto record = reader->next();
        ASSERT_TRUE(record && *record);
        if ((buffer[owner] & 0xc0) == 0xc0) {
            const std::size_t target = base::load_be16(&buffer[owner]) & 0x3fffU;
            EXPECT_EQ(buffer[target] & 0xc0, 0) << i;
        }
        owner = (*record)->rdata_offset + (*record)->rdlength;
    }
}

/// Where both accept a mutated message, both see the same records. ldns is the more lenient: it
/// follows pointers forward and goes on behind rdata that is shorter than its rdlength, so ours
/// may refuse what it accepts, but only some of it.
TEST(MessageReader, SeesWhatLdnsSees) {
    base::Random random(11);
    Wire seed(512);
    MessageWriter writer(seed);
    writer.header(1, kFlagQR);
    ASSERT_TRUE(writer.question(name("www.example.com."), RRType::A, RRClass::IN));
    ASSERT_TRUE(writer.rrset(Section::Answer, name("www.example.com."),
                             rrset(RRType::CNAME, 60, {"a.b.example.com."}).view(), 60));
    ASSERT_TRUE(writer.rrset(Section::Authority, name("example.com."),
                             rrset(RRType::NS, 60, {"ns.example.com.", "ns2.net."}).view(), 60));
    ASSERT_TRUE(writer.rrset(Section::Additional, name("ns.example.com."),
                             rrset(RRType::A, 60, {"192.0.2.1"}).view(), 60));
    seed.resize(writer.finish());
    int agreed = 0;
    int refused = 0;
    for (int round = 0; round < 20000; ++round) {
        Wire mutated = seed;
        for (std::uint32_t i = random.below(3); i > 0; --i) {
            mutated[random.below(static_cast<std::uint32_t>(mutated.size()))] =
                static_cast<std::uint8_t>(random.below(256));
        }
        ldns_pkt* packet = nullptr;
        if (ldns_wire2pkt(&packet, mutated.data(), mutated.size()) != LDNS_STATUS_OK) continue;
        const std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)> owned(packet, ldns_pkt_free);
        if (ldns_pkt_qdcount(packet) != 1) continue;
        std::vector<std::string> theirs;
        for (const ldns_rr_list* list :
             {ldns_pkt_answer(packet), ldns_pkt_authority(packet), ldns_pkt_additional(packet)}) {
            for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
                const ldns_rr* rr = ldns_rr_list_rr(list, i);
                const ldns_rdf* owner = ldns_rr_owner(rr);
                if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_OPT) continue;
                theirs.push_back(
                    NameView(base::Octets(ldns_rdf_data(owner), ldns_rdf_size(owner))).to_text() +
                    " " + std::to_string(ldns_rr_get_type(rr)) + " " +
                    std::to_string(ldns_rr_ttl(rr)));
            }
        }
        std::vector<std::string> ours;
        auto reader = MessageReader::open(mutated);
        bool whole = reader.has_value();
        while (whole) {
            const auto next = reader->next();
            whole = next.has_value();
            if (!next || !*next) break;
            if ((*next)->type == RRType::OPT) continue;  // ldns keeps some of them apart
            ours.push_back((*next)->owner.to_text() + " " +
                           std::to_string(static_cast<unsigned>((*next)->type)) + " " +
                           std::to_string((*next)->ttl));
        }
        if (!whole) {
            ++refused;
            continue;
        }
        ASSERT_EQ(ours, theirs) << base::to_hex(mutated);
        ++agreed;
    }
    EXPECT_GT(agreed, 5000);
    EXPECT_LT(refused, agreed / 5);
}

}  // namespace
}  // namespace dns
