#include "dns/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dns/message_writer.h"

namespace dns {
namespace {

using Wire = std::vector<std::uint8_t>;

/// A query for www.example. A, with what a test wants changed.
Wire query(std::uint16_t flags = kFlagRD, std::uint16_t additional = 0) {
    Wire out;
    for (const unsigned value : {0x1234U, unsigned{flags}, 1U, 0U, 0U, unsigned{additional}}) {
        base::append_be16(out, static_cast<std::uint16_t>(value));
    }
    const std::string_view question("\3www\7example\0\0\1\0\1", 17);
    out.insert(out.end(), question.begin(), question.end());
    return out;
}

void append_opt(Wire& out, std::uint16_t payload, std::uint32_t ttl, const Wire& options) {
    out.push_back(0);
    base::append_be16(out, 41);
    base::append_be16(out, payload);
    base::append_be32(out, ttl);
    base::append_be16(out, static_cast<std::uint16_t>(options.size()));
    out.insert(out.end(), options.begin(), options.end());
}

RequestOutcome outcome_of(const Wire& wire, Request& request) {
    return parse_request(wire, request);
}

TEST(Request, PlainQuery) {
    Request request;
    const Wire wire = query();  // a request borrows its message
    ASSERT_EQ(outcome_of(wire, request), RequestOutcome::Answer);
    EXPECT_EQ(request.header.id, 0x1234);
    EXPECT_EQ(request.qname.to_text(), "www.example.");
    EXPECT_EQ(request.qtype, RRType::A);
    EXPECT_EQ(request.qclass, RRClass::IN);
    EXPECT_EQ(request.question.size(), 17U);
    EXPECT_TRUE(request.recursion_desired());
    EXPECT_FALSE(request.edns);
}

TEST(Request, EdnsWithOptions) {
    Wire wire = query(0, 1);
    append_opt(wire, 100, 0x00008000,
               {0, 3, 0, 0, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 99, 0, 0});
    Request request;
    ASSERT_EQ(outcome_of(wire, request), RequestOutcome::Answer);
    ASSERT_TRUE(request.edns);
    EXPECT_EQ(request.edns->udp_payload, 512);  // RFC 6891, 6.2.3: less counts as 512
    EXPECT_TRUE(request.dnssec_ok());
    EXPECT_TRUE(request.edns->nsid);
    EXPECT_EQ(request.edns->cookie.size(), 8U);
}

TEST(Request, EveryPrefixOfAQueryIsHandled) {
    Wire wire = query(0, 1);
    append_opt(wire, 1232, 0, {0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2});
    for (std::size_t size = 0; size < wire.size(); ++size) {
        Request request;
        const auto outcome = parse_request(base::Octets(wire).first(size), request);
        if (size < 12) {
            EXPECT_EQ(outcome, RequestOutcome::Drop);
        } else if (size < 29) {
            EXPECT_EQ(outcome, RequestOutcome::FormErr) << size;
        } else {
            EXPECT_EQ(outcome, RequestOutcome::FormErrQuestion) << size;
        }
    }
}

TEST(Request, NamesUpToTheirLimits) {
    const auto asked = [](const Wire& name) {
        Wire wire = query();
        wire.erase(wire.begin() + kHeaderOctets, wire.end() - 4);
        wire.insert(wire.begin() + kHeaderOctets, name.begin(), name.end());
        return wire;
    };
    const auto labels_of = [](std::size_t count, std::size_t size) {
        Wire name;
        for (std::size_t i = 0; i < count; ++i) {
            name.push_back(static_cast<std::uint8_t>(size));
            name.insert(name.end(), size, 'a');
        }
        name.push_back(0);
        return name;
    };
    Request request;
    Wire longest = labels_of(4, 62);  // 253 octets, and a label of one
    longest.insert(longest.begin(), {1, 'a'});
    for (const Wire& name : {labels_of(0, 0), labels_of(127, 1), labels_of(3, 63), longest}) {
        const Wire wire = asked(name);
        ASSERT_EQ(outcome_of(wire, request), RequestOutcome::Answer) << name.size();
        EXPECT_EQ(request.qname.size(), name.size());
        const LabelOffsets expected(request.qname);
        ASSERT_EQ(request.labels.count, expected.count);
        for (std::size_t i = 0; i < expected.count; ++i) {
            EXPECT_EQ(request.labels.offset[i], expected.offset[i]) << i;
        }
    }
    Wire too_long = labels_of(4, 62);
    too_long.insert(too_long.begin(), {2, 'a', 'a'});  // 256 octets
    Wire pointer = labels_of(1, 3);
    pointer.back() = 0xc0;
    for (const Wire& name : {labels_of(128, 1), labels_of(1, 64), too_long, pointer}) {
        EXPECT_EQ(outcome_of(asked(name), request), RequestOutcome::FormErr) << name.size();
        EXPECT_TRUE(request.qname.is_root());
        EXPECT_EQ(request.labels.count, 0);
    }
}

TEST(Request, Outcomes) {
    const auto with_opt = [](std::uint32_t ttl, const Wire& options) {
        Wire wire = query(0, 1);
        append_opt(wire, 1232, ttl, options);
        return wire;
    };
    Wire two_opts = query(0, 2);
    append_opt(two_opts, 1232, 0, {});
    append_opt(two_opts, 1232, 0, {});
    Wire trailing = query();
    trailing.push_back(0);
    Wire no_question = query();
    no_question[5] = 0;
    // Without a question, with OPT (RFC 7873, 5.4); what follows the header is OPT.
    Wire no_question_opt = with_opt(0, {});
    no_question_opt.erase(no_question_opt.begin() + 12, no_question_opt.end() - 11);
    no_question_opt[5] = 0;
    Wire no_question_version1 = no_question_opt;
    no_question_version1[12 + 6] = 1;
    Wire two_questions = query();
    two_questions[5] = 2;
    Wire pointer_name = query();
    pointer_name[12] = 0xc0;
    // One more record after the question: www.example. in this class, of this type and rdata.
    const auto with_record = [](std::uint8_t type, std::uint8_t rr_class, const Wire& rdata) {
        Wire wire = query(0, 1);
        const Wire head = {0xc0, 12, 0, type, 0, rr_class, 0, 0, 0, 0, 0};
        wire.insert(wire.end(), head.begin(), head.end());
        wire.push_back(static_cast<std::uint8_t>(rdata.size()));
        wire.insert(wire.end(), rdata.begin(), rdata.end());
        return wire;
    };
    Wire status_version1 = with_opt(0x00010000, {});
    status_version1[2] = 2 << 3;
    Wire update_deletes = with_record(1, 255, {});
    update_deletes[2] = 5 << 3;
    Wire opt_in_answer = with_opt(0, {});
    opt_in_answer[7] = 1;
    opt_in_answer[11] = 0;
    const struct {
        const char* what;
        Wire wire;
        RequestOutcome outcome;
    } cases[] = {
        {"response", query(kFlagQR), RequestOutcome::Drop},
        {"notify", query(4U << 11), RequestOutcome::NotImp},
        {"status", query(2U << 11), RequestOutcome::NotImp},
        {"no question", no_question, RequestOutcome::FormErr},
        {"no question, OPT", no_question_opt, RequestOutcome::NoQuestion},
        {"no question, EDNS version 1", no_question_version1, RequestOutcome::BadVers},
        {"two questions", two_questions, RequestOutcome::FormErr},
        {"pointer as qname", pointer_name, RequestOutcome::FormErr},
        {"octets after the end", trailing, RequestOutcome::FormErrQuestion},
        {"two OPTs", two_opts, RequestOutcome::FormErrQuestion},
        {"OPT in answer section", opt_in_answer, RequestOutcome::FormErrQuestion},
        {"EDNS version 1", with_opt(0x00010000, {}), RequestOutcome::BadVers},
        {"option past the end", with_opt(0, {0, 3, 0, 1}), RequestOutcome::FormErrQuestion},
        {"half an option", with_opt(0, {0, 3, 0}), RequestOutcome::FormErrQuestion},
        {"status, EDNS version 1", status_version1, RequestOutcome::BadVers},
        {"update", update_deletes, RequestOutcome::NotImp},
        {"a record beside the question", with_record(1, 1, {1, 2, 3, 4}), RequestOutcome::Answer},
        {"an A of 3 octets", with_record(1, 1, {1, 2, 3}), RequestOutcome::FormErrQuestion},
        {"an A of 3 octets in class CH", with_record(1, 3, {1, 2, 3}), RequestOutcome::Answer},
        {"an MX that points forward", with_record(15, 1, {0, 1, 0xc0, 60}),
         RequestOutcome::FormErrQuestion},
        {"an MX that points back", with_record(15, 1, {0, 1, 0xc0, 12}), RequestOutcome::Answer},
        {"an MX and more", with_record(15, 1, {0, 1, 0xc0, 12, 0}),
         RequestOutcome::FormErrQuestion},
        {"unknown option and flags", with_opt(0x00007fff, {1, 2, 0, 1, 9}), RequestOutcome::Answer},
        // RFC 7871, 7.1.1
        {"ECS family 3", with_opt(0, {0, 8, 0, 4, 0, 3, 0, 0}), RequestOutcome::FormErrQuestion},
        {"ECS length 33", with_opt(0, {0, 8, 0, 9, 0, 1, 33, 0, 1, 2, 3, 4, 5}),
         RequestOutcome::FormErrQuestion},
        {"ECS too few octets", with_opt(0, {0, 8, 0, 6, 0, 1, 24, 0, 192, 0}),
         RequestOutcome::FormErrQuestion},
        {"ECS too many octets", with_opt(0, {0, 8, 0, 8, 0, 1, 24, 0, 192, 0, 2, 0}),
         RequestOutcome::FormErrQuestion},
        {"ECS bits after the length", with_opt(0, {0, 8, 0, 7, 0, 1, 23, 0, 192, 0, 3}),
         RequestOutcome::FormErrQuestion},
        {"ECS of length 0", with_opt(0, {0, 8, 0, 4, 0, 1, 0, 0}), RequestOutcome::Answer},
        {"ECS of no family", with_opt(0, {0, 8, 0, 4, 0, 0, 0, 0}), RequestOutcome::Answer},
        {"ECS of no family, with an address", with_opt(0, {0, 8, 0, 5, 0, 0, 8, 0, 1}),
         RequestOutcome::FormErrQuestion},
        {"ECS with a scope", with_opt(0, {0, 8, 0, 7, 0, 1, 24, 24, 192, 0, 2}),
         RequestOutcome::FormErrQuestion},
    };
    for (const auto& c : cases) {
        Request request;
        EXPECT_EQ(outcome_of(c.wire, request), c.outcome) << c.what;
    }
}

TEST(Request, OneRequestServesManyMessages) {
    Wire wire = query(0, 1);
    append_opt(wire, 1232, 0x8000, {});
    Request request;
    ASSERT_EQ(outcome_of(wire, request), RequestOutcome::Answer);
    ASSERT_EQ(outcome_of(wire, request), RequestOutcome::Answer);
    EXPECT_TRUE(request.dnssec_ok());
    ASSERT_EQ(outcome_of(query(), request), RequestOutcome::Answer);
    EXPECT_FALSE(request.edns);
    const Wire header_only(12, 0);
    ASSERT_EQ(outcome_of(header_only, request), RequestOutcome::FormErr);
    EXPECT_TRUE(request.question.empty());
}

TEST(Request, TsigStandsLastInTheAdditionalSection) {
    // Owner "k.", type TSIG, class ANY, TTL 0; algorithm "h.", time, fudge, a MAC of 2 octets, ID,
    // no error, no more.
    const Wire tsig = {1, 'k', 0, 0, 250, 0, 255, 0, 0, 0, 0, 0,    21,   1, 'h', 0, 0,
                       0, 0,   0, 1, 2,   1, 44,  0, 2, 9, 9, 0x12, 0x34, 0, 0,   0, 0};
    Wire last = query(0, 2);
    append_opt(last, 1232, 0, {});
    last.insert(last.end(), tsig.begin(), tsig.end());
    Request request;
    EXPECT_EQ(outcome_of(last, request), RequestOutcome::Answer);
    ASSERT_TRUE(request.tsig);
    EXPECT_EQ(request.tsig->key.to_text(), "k.");
    EXPECT_EQ(request.tsig->algorithm.to_text(), "h.");
    EXPECT_EQ(request.tsig->original_id, 0x1234);
    std::array<std::uint8_t, Tsig::kMaxErrorOctets> buffer;
    const Octets error = request.tsig->error_rdata(TsigError::BadKey, buffer);
    EXPECT_EQ(Wire(error.begin(), error.end()),
              (Wire{1, 'h', 0, 0, 0, 0, 0, 1, 2, 1, 44, 0, 0, 0x12, 0x34, 0, 17, 0, 0}));
    for (std::size_t lost = 1; lost <= 21; ++lost) {
        Wire cut(last.begin(), last.end() - static_cast<std::ptrdiff_t>(lost));
        cut[last.size() - 22] = static_cast<std::uint8_t>(21 - lost);
        EXPECT_EQ(outcome_of(cut, request), RequestOutcome::FormErrQuestion) << lost;
        EXPECT_FALSE(request.tsig);
    }
    Wire other_class = last;
    other_class[last.size() - 28] = 1;
    EXPECT_EQ(outcome_of(other_class, request), RequestOutcome::FormErrQuestion);
    Wire before_opt = query(0, 2);
    before_opt.insert(before_opt.end(), tsig.begin(), tsig.end());
    append_opt(before_opt, 1232, 0, {});
    EXPECT_EQ(outcome_of(before_opt, request), RequestOutcome::FormErrQuestion);
    Wire as_answer = query();
    as_answer[7] = 1;
    as_answer.insert(as_answer.end(), tsig.begin(), tsig.end());
    EXPECT_EQ(outcome_of(as_answer, request), RequestOutcome::FormErrQuestion);
}

TEST(Request, NotImpKeepsTheQuestionThatCanBeRead) {
    Request request;
    const Wire wire = query(5U << 11);
    ASSERT_EQ(outcome_of(wire, request), RequestOutcome::NotImp);
    EXPECT_EQ(request.question.size(), 17U);
    EXPECT_EQ(request.header.opcode(), Opcode::Update);
    EXPECT_FALSE(request.edns);
    Wire with_opt = query(2U << 11, 1);
    append_opt(with_opt, 1232, 0, {});
    ASSERT_EQ(outcome_of(with_opt, request), RequestOutcome::NotImp);
    EXPECT_TRUE(request.edns);
    with_opt.push_back(0);
    ASSERT_EQ(outcome_of(with_opt, request), RequestOutcome::NotImp);
    EXPECT_FALSE(request.edns);
}

TEST(ClientSubnet, WritesWhatItRead) {
    const Wire v6 = {0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 1};
    auto subnet = ClientSubnet::read(v6);
    ASSERT_TRUE(subnet);
    EXPECT_EQ(subnet->source_length, 56);
    Wire out(subnet->octets());
    subnet->write(out.data());
    EXPECT_EQ(out, v6);
    const Wire none = {0, 0, 0, 0};
    subnet = ClientSubnet::read(none);
    ASSERT_TRUE(subnet);
    out.resize(subnet->octets());
    subnet->write(out.data());
    EXPECT_EQ(out, none);
}

TEST(MessageReader, StopsAtTheFirstBadRecord) {
    Wire wire = query(kFlagQR);
    wire[7] = 2;
    // www.example. A 192.0.2.1, then a record that ends too early.
    const Wire record = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1, 0xc0, 12, 0, 1};
    wire.insert(wire.end(), record.begin(), record.end());
    auto reader = MessageReader::open(wire);
    ASSERT_TRUE(reader);
    auto first = reader->next();
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->owner.to_text(), "www.example.");
    EXPECT_EQ((*first)->ttl, 60U);
    EXPECT_EQ((*first)->section, Section::Answer);
    for (int i = 0; i < 2; ++i) {
        const auto second = reader->next();
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error(), WireError::Truncated);
    }
}

}  // namespace
}  // namespace dns
