#include "server/pipeline.h"

#include <gtest/gtest.h>

#include "dns/presentation.h"
#include "dns/rdata.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RCode;
using dns::RRType;
using zones_test::changes;
using zones_test::name;
using zones_test::put;

/// A reply taken apart.
struct Reply {
    Step step{};
    std::size_t size = 0;
    dns::Header header;
    RCode rcode{};  // with the extended bits
    bool opt = false;
    std::uint16_t payload = 0;
    std::vector<std::pair<dns::EdnsOption, std::vector<std::uint8_t>>> options;
    std::vector<std::string> answer;
    std::vector<std::uint8_t> octets;

    [[nodiscard]] const std::vector<std::uint8_t>* option(dns::EdnsOption code) const {
        for (const auto& [found, value] : options) {
            if (found == code) return &value;
        }
        return nullptr;
    }
};

class PipelineTest : public zones_test::StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        settings_.node = "node-1";
        settings_.version_bind = "meridian";
        settings_.ecs_trusted = {*base::IpPrefix::parse("0.0.0.0/0")};
        settings_.recursion_allow = {*base::IpPrefix::parse("127.0.0.0/8")};
        cache_ = std::make_unique<resolver::Cache>(resolver_settings_);
        pipeline_ = std::make_unique<Pipeline>(settings_, *store_, *cache_, stats_, tap_, true);
        must(changes(zones_test::zone("example.")));
        must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
        std::vector<std::string> many;
        for (int i = 0; i < 60; ++i) many.push_back("10.0.0." + std::to_string(i));
        must(changes(put("example.", "many.example.", RRType::A, many)));
        must(changes(put("example.", "sub.example.", RRType::NS, {"ns.elsewhere."})));
    }

    /// A query message; `edns`: options, absent: no OPT.
    static std::vector<std::uint8_t> message(std::string_view qname, RRType qtype,
                                             std::uint16_t flags = 0,
                                             const std::vector<std::uint8_t>* edns = nullptr,
                                             std::uint16_t payload = 1232,
                                             dns::RRClass qclass = dns::RRClass::IN) {
        std::vector<std::uint8_t> out(4096);
        dns::MessageWriter writer(out);
        writer.header(0x1234, flags);
        EXPECT_TRUE(writer.question(name(qname), qtype, qclass));
        if (edns != nullptr) {
            EXPECT_TRUE(writer.opt(payload, 0, false, *edns));
        }
        out.resize(writer.finish());
        return out;
    }

    Reply run(const std::vector<std::uint8_t>& octets, Transport transport = Transport::Udp) {
        Reply out;
        Query query;
        query.message = octets;
        query.transport = transport;
        query.tcp_keepalive_ds = 300;
        query.role = role_;
        query.client = *base::Endpoint::parse(client_);
        query.received = base::mono_now();
        std::vector<std::uint8_t> buffer(65535);
        pipeline_->begin_batch(query.received);
        out.step = pipeline_->run(query, buffer, out.size);
        pipeline_->end_batch();
        if (out.step != Step::Answered) return out;
        const base::Octets reply = base::Octets(buffer).first(out.size);
        out.octets.assign(reply.begin(), reply.end());
        out.header = dns::Header::read(reply);
        out.rcode = out.header.rcode();
        auto reader = dns::MessageReader::open(reply);
        if (!reader) return out;  // without a question
        for (;;) {
            const auto next = reader->next();
            EXPECT_TRUE(next);
            if (!next || !*next) break;
            const dns::Record& record = **next;
            const base::Octets rdata = reply.subspan(record.rdata_offset, record.rdlength);
            if (record.type == RRType::OPT) {
                out.opt = true;
                out.payload = record.rr_class;
                out.rcode = static_cast<RCode>(static_cast<unsigned>(out.rcode) |
                                               ((record.ttl >> 24) << 4));
                for (base::Octets rest = rdata; rest.size() >= 4;) {
                    const std::size_t length = base::load_be16(&rest[2]);
                    const base::Octets value = rest.subspan(4, length);
                    out.options.emplace_back(
                        static_cast<dns::EdnsOption>(base::load_be16(rest.data())),
                        std::vector<std::uint8_t>(value.begin(), value.end()));
                    rest = rest.subspan(4 + length);
                }
            } else if (record.section == dns::Section::Answer) {
                out.answer.push_back(dns::format_rdata(record.type, rdata));
            }
        }
        return out;
    }

    static inline const std::vector<std::uint8_t> kNoOptions;
    PipelineSettings settings_;
    resolver::Settings resolver_settings_;
    std::unique_ptr<resolver::Cache> cache_;
    WorkerStats stats_;
    Tap tap_;
    std::unique_ptr<Pipeline> pipeline_;
    Role role_ = Role::Both;
    std::string client_ = "127.0.0.1:4000";
};

TEST_F(PipelineTest, AnswersWithTheIdAndFlagsOfTheQuery) {
    const Reply reply = run(message("WWW.example.", RRType::A, dns::kFlagRD | dns::kFlagCD));
    EXPECT_EQ(reply.header.id, 0x1234);
    EXPECT_EQ(reply.header.flags,
              dns::kFlagQR | dns::kFlagAA | dns::kFlagRD | dns::kFlagRA | dns::kFlagCD);
    EXPECT_EQ(reply.answer, std::vector<std::string>{"192.0.2.1"});
    EXPECT_FALSE(reply.opt);
}

/// A batch brings zones and nodes near before it answers, and keeps what it has seen of them: that
/// must not show.
TEST_F(PipelineTest, ABatchIsAnsweredAsEachQueryAlone) {
    must(changes(zones_test::zone("deep.sub.example."), zones_test::zone("other.")));
    must(changes(put("example.", "a.b.example.", RRType::A, {"192.0.2.2"})));
    must(changes(put("example.", "*.wild.example.", RRType::A, {"192.0.2.3"})));
    must(changes(put("deep.sub.example.", "www.deep.sub.example.", RRType::A, {"192.0.2.4"})));
    must(changes(put("other.", "www.other.", RRType::A, {"192.0.2.5"})));
    const std::vector<std::string> names = {"www.example.",
                                            "WWW.Example.",
                                            "www.other.",
                                            "example.",
                                            "other.",
                                            "b.example.",
                                            "a.b.example.",
                                            "b.b.example.",
                                            "none.example.",
                                            "x.wild.example.",
                                            "x.y.wild.example.",
                                            "www.sub.example.",
                                            ".",
                                            "deep.sub.example.",
                                            "www.deep.sub.example.",
                                            "none.deep.sub.example.",
                                            "www.elsewhere."};
    std::vector<std::vector<std::uint8_t>> messages;
    for (const RRType type : {RRType::A, RRType::DS, RRType::SOA, RRType::ANY}) {
        for (const std::string& qname : names) messages.push_back(message(qname, type));
    }
    messages.push_back({1, 2, 3});
    messages.push_back(message("www.example.", RRType::A, dns::kFlagQR));
    // Twice, so that one batch does not live from what it saw in another; 64 are a whole one.
    for (std::size_t first : {std::size_t{0}, std::size_t{6}}) {
        std::vector<Query> queries(kAnswerBatch);
        std::vector<std::vector<std::uint8_t>> rooms(kAnswerBatch, std::vector<std::uint8_t>(4096));
        std::vector<server::Reply> replies(kAnswerBatch);
        for (std::size_t i = 0; i < kAnswerBatch; ++i) {
            queries[i].message = messages[(first + i * 7) % messages.size()];
            queries[i].client = *base::Endpoint::parse(client_);
            queries[i].received = base::mono_now();
            replies[i].octets = rooms[i];
        }
        pipeline_->begin_batch(base::mono_now());
        pipeline_->run_batch(queries, replies, [](std::size_t i) { ADD_FAILURE() << i; });
        pipeline_->end_batch();
        for (std::size_t i = 0; i < kAnswerBatch; ++i) {
            std::vector<std::uint8_t> room(4096);
            std::size_t size = 0;
            pipeline_->begin_batch(base::mono_now());
            EXPECT_EQ(pipeline_->run(queries[i], room, size), replies[i].step) << i;
            pipeline_->end_batch();
            ASSERT_EQ(size, replies[i].size) << i;
            EXPECT_TRUE(std::equal(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size),
                                   rooms[i].begin()))
                << i;
        }
    }
}

TEST_F(PipelineTest, ErrorsOfEveryKind) {
    std::vector<std::uint8_t> trailing = message("www.example.", RRType::A);
    trailing.push_back(0);
    EXPECT_EQ(run(trailing).rcode, RCode::FormErr);
    std::vector<std::uint8_t> header_only(message("www.example.", RRType::A));
    header_only.resize(12);
    const Reply cut = run(header_only);
    EXPECT_EQ(cut.rcode, RCode::FormErr);
    EXPECT_EQ(cut.size, 12U);
    EXPECT_EQ(run(message("www.example.", RRType::A, 4U << 11)).rcode, RCode::NotImp);
    EXPECT_EQ(run(message("www.example.", RRType::A, dns::kFlagQR)).step, Step::Dropped);
    EXPECT_EQ(run({1, 2, 3}).step, Step::Dropped);
    EXPECT_EQ(run(message("www.example.", RRType::A, 0, nullptr, 0, dns::RRClass::HS)).rcode,
              RCode::Refused);
    const Reply status = run(message("www.example.", RRType::A, 2U << 11, &kNoOptions));
    EXPECT_EQ(status.rcode, RCode::NotImp);
    EXPECT_TRUE(status.opt);  // RFC 6891, 6.1.1
    std::vector<std::uint8_t> version1 = message("www.example.", RRType::A, 0, &kNoOptions);
    version1[version1.size() - 5] = 1;  // OPT: ttl's second octet
    const Reply badvers = run(version1);
    EXPECT_EQ(badvers.rcode, RCode::BadVers);
    EXPECT_TRUE(badvers.answer.empty());
    EXPECT_EQ(stats_.dropped[static_cast<std::size_t>(DropReason::Response)].get(), 1U);
    EXPECT_EQ(stats_.dropped[static_cast<std::size_t>(DropReason::Malformed)].get(), 1U);
}

TEST_F(PipelineTest, NoZoneIsHandedOut) {
    const auto ask = [&](const char* qname, RRType type, Transport transport) {
        return run(message(qname, type, 0, nullptr), transport).rcode;
    };
    for (const RRType type : {RRType::AXFR, RRType::IXFR}) {
        EXPECT_EQ(ask("Example.", type, Transport::Tcp), RCode::Refused);
        EXPECT_EQ(ask("www.example.", type, Transport::Tcp), RCode::NotAuth);
        EXPECT_EQ(ask("elsewhere.", type, Transport::Tcp), RCode::NotAuth);
    }
    EXPECT_EQ(ask("example.", RRType::AXFR, Transport::Udp), RCode::NotImp);  // RFC 5936, 4.2
    EXPECT_EQ(ask("example.", RRType::IXFR, Transport::Udp), RCode::Refused);
    EXPECT_EQ(ask("www.example.", RRType::IXFR, Transport::Udp), RCode::NotAuth);
}

TEST_F(PipelineTest, TypesThatAreInMessagesAloneAreNowhere) {
    for (const RRType type : {RRType{}, RRType::OPT, RRType::TKEY, RRType::TSIG}) {
        const Reply empty = run(message("www.example.", type));
        EXPECT_EQ(empty.rcode, RCode::NoError);
        EXPECT_EQ(empty.header.counts[1], 0);
        EXPECT_EQ(empty.header.counts[2], 1);  // SOA
        EXPECT_EQ(run(message("no.example.", type)).rcode, RCode::NXDomain);
        // And nobody else is asked for them.
        EXPECT_EQ(run(message("elsewhere.", type, dns::kFlagRD)).rcode, RCode::FormErr);
        EXPECT_EQ(run(message("elsewhere.", type)).rcode, RCode::Refused);
    }
}

TEST_F(PipelineTest, OfAllClassesNobodyIsTheAuthority) {  // RFC 1034, 3.7.1
    const auto ask = [&](const char* qname, std::uint16_t flags) {
        return run(message(qname, RRType::A, flags, nullptr, 0, dns::RRClass::ANY));
    };
    const Reply reply = ask("www.example.", dns::kFlagRD);
    EXPECT_EQ(reply.answer, std::vector<std::string>{"192.0.2.1"});
    EXPECT_EQ(reply.header.flags & dns::kFlagAA, 0);
    EXPECT_EQ(ask("no.example.", 0).rcode, RCode::NXDomain);
    EXPECT_EQ(ask("elsewhere.", dns::kFlagRD).rcode, RCode::Refused);
    EXPECT_EQ(ask("x.sub.example.", dns::kFlagRD).rcode, RCode::NoError);  // the referral
}

TEST_F(PipelineTest, AKeyThatNobodyKnowsIsNamed) {  // RFC 8945, 5.2.1
    std::vector<std::uint8_t> wire = message("www.example.", RRType::A, 0, &kNoOptions);
    wire[11] = 2;
    // Key "k.", algorithm "h.", time, fudge, a MAC of one octet, ID, error, no more.
    const std::vector<std::uint8_t> tsig = {1, 'k', 0, 0,   250, 0,    255,  0, 0, 0, 0,
                                            0, 20,  1, 'h', 0,   0,    0,    0, 0, 1, 2,
                                            1, 44,  0, 1,   9,   0x12, 0x34, 0, 0, 0, 0};
    wire.insert(wire.end(), tsig.begin(), tsig.end());
    const Reply reply = run(wire);
    EXPECT_EQ(reply.rcode, RCode::NotAuth);
    EXPECT_TRUE(reply.opt);
    EXPECT_EQ(reply.header.counts[3], 2);
    const std::vector<std::uint8_t> told = {1, 'k', 0, 0,   250,  0,    255, 0,  0, 0, 0,
                                            0, 19,  1, 'h', 0,    0,    0,   0,  0, 1, 2,
                                            1, 44,  0, 0,   0x12, 0x34, 0,   17, 0, 0};
    ASSERT_GE(reply.octets.size(), told.size());
    EXPECT_EQ(
        std::vector<std::uint8_t>(reply.octets.end() - static_cast<std::ptrdiff_t>(told.size()),
                                  reply.octets.end()),
        told);
    // The longest names do not fit a small answer.
    const std::string label(63, 'k');
    const std::string longest =
        label + "." + label + "." + label + "." + std::string(61, 'k') + ".";
    wire = message(longest, RRType::A);
    wire[11] = 1;
    const dns::Name key = name(longest);
    wire.insert(wire.end(), key.octets().begin(), key.octets().end());
    const std::vector<std::uint8_t> rest = {0, 250, 0, 255, 0, 0, 0, 0, 1, 15};
    wire.insert(wire.end(), rest.begin(), rest.end());
    wire.insert(wire.end(), key.octets().begin(), key.octets().end());
    wire.insert(wire.end(), tsig.end() - 17, tsig.end());
    wire.erase(wire.end() - 7);  // no MAC
    wire[wire.size() - 7] = 0;
    const Reply cut = run(wire);
    EXPECT_EQ(cut.rcode, RCode::NotAuth);
    EXPECT_NE(cut.header.flags & dns::kFlagTC, 0);
    EXPECT_LE(cut.size, 512U);
    EXPECT_EQ(run(wire, Transport::Tcp).header.counts[3], 1);
}

TEST_F(PipelineTest, RecursionNeedsRoleRdAndPermission) {
    const auto asked = message("www.elsewhere.", RRType::A, dns::kFlagRD, &kNoOptions);
    EXPECT_EQ(run(asked).step, Step::DeferResolve);
    EXPECT_EQ(pipeline_->wanted().qname.to_text(), "www.elsewhere.");
    const auto refused = [&](const Reply& reply, dns::ExtendedError why) {
        EXPECT_EQ(reply.rcode, RCode::Refused);
        const auto* ede = reply.option(dns::EdnsOption::ExtendedError);
        ASSERT_NE(ede, nullptr);
        EXPECT_EQ(base::load_be16(ede->data()), static_cast<std::uint16_t>(why));
    };
    refused(run(message("www.elsewhere.", RRType::A, 0, &kNoOptions)),
            dns::ExtendedError::NotAuthoritative);
    client_ = "192.0.2.7:4000";
    refused(run(asked), dns::ExtendedError::Prohibited);
    EXPECT_EQ(run(message("www.example.", RRType::A, dns::kFlagRD)).header.flags & dns::kFlagRA, 0);
    client_ = "127.0.0.1:4000";
    role_ = Role::Auth;
    refused(run(asked), dns::ExtendedError::NotAuthoritative);
    // Below a delegation of ours who may recurse gets the answer, others the referral.
    role_ = Role::Both;
    EXPECT_EQ(run(message("x.sub.example.", RRType::A, dns::kFlagRD)).step, Step::DeferResolve);
    EXPECT_EQ(run(message("x.sub.example.", RRType::A)).step, Step::Answered);
}

TEST_F(PipelineTest, AnAliasThatLeadsElsewhereIsFollowedForWhoMayRecurse) {
    must(changes(put("example.", "far.example.", RRType::CNAME, {"www.elsewhere."})));
    const auto asked = message("far.example.", RRType::A, dns::kFlagRD);
    EXPECT_EQ(run(asked).step, Step::DeferResolve);
    EXPECT_EQ(pipeline_->wanted().qname.to_text(), "www.elsewhere.");
    dns::RRset known(RRType::A, 60);
    known.add(zones_test::rdata(RRType::A, "198.51.100.9"));
    static_cast<void>(cache_->put_rrset(0, name("www.elsewhere."), known.view(),
                                        resolver::Rank::Authoritative, base::mono_now()));
    const Reply whole = run(asked);
    EXPECT_EQ(whole.rcode, RCode::NoError);
    ASSERT_EQ(whole.answer.size(), 2U);
    EXPECT_EQ(whole.answer[1], "198.51.100.9");
    EXPECT_EQ(run(message("far.example.", RRType::A)).answer.size(), 1U);  // without RD
    EXPECT_EQ(run(message("far.example.", RRType::CNAME, dns::kFlagRD)).answer.size(), 1U);
    client_ = "192.0.2.7:4000";
    EXPECT_EQ(run(asked).answer.size(), 1U);
}

TEST_F(PipelineTest, ARestrictedViewHasNoRecursion) {
    must(changes(zones::PutDocument{"views", "closed", R"({"name": "closed", "recursion": false})"},
                 zones::PutDocument{"networks", "127.0.0.9/32",
                                    R"({"prefix": "127.0.0.9/32", "view": "closed"})"}));
    client_ = "127.0.0.9:4000";
    EXPECT_EQ(run(message("www.elsewhere.", RRType::A, dns::kFlagRD)).rcode, RCode::Refused);
}

TEST_F(PipelineTest, SizesAreTheClientsAndOurs) {
    const Reply plain = run(message("many.example.", RRType::A));
    EXPECT_LE(plain.size, 512U);
    EXPECT_NE(plain.header.flags & dns::kFlagTC, 0);
    EXPECT_TRUE(plain.answer.empty());
    const Reply edns = run(message("many.example.", RRType::A, 0, &kNoOptions, 4096));
    EXPECT_LE(edns.size, 1232U);
    EXPECT_EQ(edns.answer.size(), 60U);
    EXPECT_EQ(edns.payload, 1232);
    const Reply small = run(message("many.example.", RRType::A, 0, &kNoOptions, 600));
    EXPECT_LE(small.size, 600U);
    EXPECT_TRUE(small.opt);  // OPT is kept when the rest is truncated (RFC 6891, 7)
    EXPECT_NE(small.header.flags & dns::kFlagTC, 0);
    EXPECT_EQ(run(message("many.example.", RRType::A), Transport::Tcp).answer.size(), 60U);
}

TEST_F(PipelineTest, OptionsAreAnswered) {
    const std::vector<std::uint8_t> options = {0, 3, 0, 0, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2};
    const Reply reply = run(message("www.example.", RRType::A, 0, &options));
    const auto* nsid = reply.option(dns::EdnsOption::NSID);
    ASSERT_NE(nsid, nullptr);
    EXPECT_EQ(base::as_text(*nsid), "node-1");
    const auto* subnet = reply.option(dns::EdnsOption::ClientSubnet);
    ASSERT_NE(subnet, nullptr);
    EXPECT_EQ(*subnet, (std::vector<std::uint8_t>{0, 1, 24, 0, 192, 0, 2}));  // scope 0: static
    const Reply without = run(message("www.example.", RRType::A, 0, &kNoOptions));
    EXPECT_TRUE(without.options.empty());
}

TEST_F(PipelineTest, CookiesAreAnsweredAndKept) {
    const std::vector<std::uint8_t> first = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(run(message("www.example.", RRType::A, 0, &first)).option(dns::EdnsOption::Cookie),
              nullptr);  // off
    settings_.cookies.emplace(SipKey{1, 2, 3}, true);
    const Reply reply = run(message("www.example.", RRType::A, 0, &first));
    const auto* cookie = reply.option(dns::EdnsOption::Cookie);
    ASSERT_NE(cookie, nullptr);
    ASSERT_EQ(cookie->size(), Cookies::kOptionOctets);
    EXPECT_TRUE(std::equal(first.begin() + 4, first.end(), cookie->begin()));
    std::vector<std::uint8_t> second = {0, 10, 0, 24};
    second.insert(second.end(), cookie->begin(), cookie->end());
    const Reply again = run(message("www.example.", RRType::A, 0, &second));
    ASSERT_NE(again.option(dns::EdnsOption::Cookie), nullptr);
    EXPECT_EQ(*again.option(dns::EdnsOption::Cookie), *cookie);
    // An error carries the cookie too, and a full answer still fits beside it.
    EXPECT_NE(run(message("x.", RRType::A, 0, &first)).option(dns::EdnsOption::Cookie), nullptr);
    const Reply tight = run(message("many.example.", RRType::A, 0, &first, 512));
    EXPECT_LE(tight.size, 512U);
    EXPECT_NE(tight.option(dns::EdnsOption::Cookie), nullptr);
    for (const std::size_t size : {0U, 7U, 9U, 15U, 41U}) {
        std::vector<std::uint8_t> bad = {0, 10, 0, static_cast<std::uint8_t>(size)};
        bad.resize(4 + size);
        const Reply refused = run(message("www.example.", RRType::A, 0, &bad));
        EXPECT_EQ(refused.rcode, RCode::FormErr) << size;
        EXPECT_TRUE(refused.opt);
        EXPECT_TRUE(refused.answer.empty());
    }
}

TEST_F(PipelineTest, CookiesMayBeRequired) {  // RFC 7873, 5.2.3
    settings_.cookies.emplace(SipKey{1, 2, 3}, true);
    settings_.require_cookies = true;
    const std::vector<std::uint8_t> first = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    const auto asked = message("www.example.", RRType::A, 0, &first);
    const Reply told = run(asked);
    EXPECT_EQ(told.rcode, RCode::BadCookie);
    EXPECT_TRUE(told.answer.empty());
    const auto* cookie = told.option(dns::EdnsOption::Cookie);
    ASSERT_NE(cookie, nullptr);
    EXPECT_EQ(run(asked, Transport::Tcp).rcode, RCode::NoError);
    std::vector<std::uint8_t> second = {0, 10, 0, 24};
    second.insert(second.end(), cookie->begin(), cookie->end());
    EXPECT_EQ(run(message("www.example.", RRType::A, 0, &second)).answer.size(), 1U);
    client_ = "127.0.0.2:4000";
    EXPECT_EQ(run(message("www.example.", RRType::A, 0, &second)).rcode, RCode::BadCookie);
    // Who does not know cookies is answered.
    EXPECT_EQ(run(message("www.example.", RRType::A)).answer.size(), 1U);
    EXPECT_EQ(run(message("www.example.", RRType::A, 0, &kNoOptions)).answer.size(), 1U);
}

TEST_F(PipelineTest, ACookieIsHadWithoutAQuestion) {  // RFC 7873, 5.4
    const auto without_question = [](const std::vector<std::uint8_t>* options) {
        auto out = message("www.example.", RRType::A, 0, options);
        const std::size_t opt = options == nullptr ? 0 : 11 + options->size();
        out.erase(out.begin() + 12, out.end() - static_cast<std::ptrdiff_t>(opt));
        out[5] = 0;
        return out;
    };
    // Header, then OPT of one option: a cookie stands at the end.
    constexpr std::size_t kSize = 12 + 11 + 4 + Cookies::kOptionOctets;
    std::vector<std::uint8_t> first = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(run(without_question(&first)).rcode, RCode::FormErr);  // cookies are off
    settings_.cookies.emplace(SipKey{1, 2, 3}, true);
    EXPECT_EQ(run(without_question(nullptr)).rcode, RCode::FormErr);
    EXPECT_EQ(run(without_question(&kNoOptions)).rcode, RCode::FormErr);
    const Reply learnt = run(without_question(&first));
    EXPECT_EQ(learnt.header.counts[0], 0);
    EXPECT_EQ(learnt.rcode, RCode::NoError);
    ASSERT_EQ(learnt.octets.size(), kSize);
    std::vector<std::uint8_t> second = {0, 10, 0, 24};
    second.insert(second.end(), learnt.octets.end() - 24, learnt.octets.end());
    EXPECT_TRUE(std::equal(first.begin() + 4, first.end(), second.begin() + 4));
    const Reply good = run(without_question(&second));
    EXPECT_EQ(good.rcode, RCode::NoError);
    EXPECT_EQ(good.octets[12 + 5], 0);
    second.back() ^= 1;
    const Reply bad = run(without_question(&second));
    ASSERT_EQ(bad.octets.size(), kSize);
    EXPECT_EQ(static_cast<unsigned>(bad.rcode) | unsigned{bad.octets[12 + 5]} << 4,
              static_cast<unsigned>(RCode::BadCookie));
}

TEST_F(PipelineTest, TheZonesVersionIsTold) {  // RFC 9660
    const std::vector<std::uint8_t> asked = {0, 19, 0, 0};
    const auto version = [&](const char* qname, RRType type) {
        const Reply reply = run(message(qname, type, 0, &asked));
        const auto* told = reply.option(dns::EdnsOption::ZoneVersion);
        return told == nullptr ? std::vector<std::uint8_t>() : *told;
    };
    const auto serial = [&] { return store_->read()->zone(name("example."))->value().serial; };
    const auto expected = [&] {
        std::vector<std::uint8_t> out = {1, 0, 0, 0, 0, 0};
        base::store_be32(&out[2], serial());
        return out;
    };
    EXPECT_EQ(version("www.example.", RRType::A), expected());
    EXPECT_EQ(version("www.example.", RRType::MX), expected());     // NODATA
    EXPECT_EQ(version("no.example.", RRType::A), expected());       // NXDOMAIN
    EXPECT_EQ(version("www.sub.example.", RRType::A), expected());  // a referral
    EXPECT_TRUE(version("www.elsewhere.", RRType::A).empty());      // not ours
    const std::uint32_t before = serial();
    must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.2"})));
    EXPECT_NE(serial(), before);
    EXPECT_EQ(version("www.example.", RRType::A), expected());
    const Reply unasked = run(message("www.example.", RRType::A, 0, &kNoOptions));
    EXPECT_EQ(unasked.option(dns::EdnsOption::ZoneVersion), nullptr);
}

TEST_F(PipelineTest, KeepaliveIsForTcp) {
    const std::vector<std::uint8_t> asked = {0, 11, 0, 0};
    const auto query = message("www.example.", RRType::A, 0, &asked);
    const Reply tcp = run(query, Transport::Tcp);
    const auto* told = tcp.option(dns::EdnsOption::TcpKeepalive);
    ASSERT_NE(told, nullptr);
    EXPECT_EQ(*told, (std::vector<std::uint8_t>{1, 44}));
    EXPECT_NE(run(query, Transport::Dot).option(dns::EdnsOption::TcpKeepalive), nullptr);
    EXPECT_EQ(run(query, Transport::Doh).option(dns::EdnsOption::TcpKeepalive), nullptr);
    EXPECT_EQ(run(query).option(dns::EdnsOption::TcpKeepalive), nullptr);
    const auto unasked = message("www.example.", RRType::A, 0, &kNoOptions);
    EXPECT_EQ(run(unasked, Transport::Tcp).option(dns::EdnsOption::TcpKeepalive), nullptr);
    const std::vector<std::uint8_t> bad = {0, 11, 0, 2, 0, 1};
    const auto with_timeout = message("www.example.", RRType::A, 0, &bad);
    EXPECT_EQ(run(with_timeout, Transport::Tcp).rcode, RCode::FormErr);
    EXPECT_EQ(run(with_timeout).rcode, RCode::NoError);
}

TEST_F(PipelineTest, EncryptedAnswersToPaddedQueriesArePaddedToBlocks) {
    const std::vector<std::uint8_t> padding = {0, 12, 0, 2, 0, 0};
    for (const char* qname : {"www.example.", "many.example.", "no.example."}) {
        const auto query = message(qname, RRType::A, 0, &padding);
        for (const Transport transport : {Transport::Dot, Transport::Doh}) {
            const Reply padded = run(query, transport);
            EXPECT_EQ(padded.size % 468, 0U) << padded.size;
            const auto* octets = padded.option(dns::EdnsOption::Padding);
            ASSERT_NE(octets, nullptr);
            EXPECT_EQ(*octets, std::vector<std::uint8_t>(octets->size(), 0));
            EXPECT_EQ(padded.options.back().first, dns::EdnsOption::Padding);
        }
        // In the clear it is ignored, and nobody gets it unasked.
        for (const Transport transport : {Transport::Udp, Transport::Tcp}) {
            EXPECT_EQ(run(query, transport).option(dns::EdnsOption::Padding), nullptr);
        }
        const auto plain = message(qname, RRType::A, 0, &kNoOptions);
        EXPECT_EQ(run(plain, Transport::Dot).option(dns::EdnsOption::Padding), nullptr);
    }
    EXPECT_EQ(run(message("many.example.", RRType::A, 0, &padding), Transport::Dot).size, 3U * 468);
    // With everything else an answer may tell.
    const std::vector<std::uint8_t> all = {0, 12, 0, 0, 0, 3, 0, 0, 0, 11, 0, 0, 0, 19, 0, 0};
    const Reply full = run(message("www.example.", RRType::A, 0, &all), Transport::Dot);
    EXPECT_EQ(full.size, 468U);
    EXPECT_NE(full.option(dns::EdnsOption::NSID), nullptr);
    EXPECT_NE(full.option(dns::EdnsOption::TcpKeepalive), nullptr);
    EXPECT_NE(full.option(dns::EdnsOption::ZoneVersion), nullptr);
}

TEST_F(PipelineTest, ChaosClass) {
    const auto ask = [&](const char* qname, RRType type) {
        return run(message(qname, type, 0, nullptr, 0, dns::RRClass::CH));
    };
    EXPECT_EQ(ask("ID.server.", RRType::TXT).answer, std::vector<std::string>{"\"node-1\""});
    EXPECT_EQ(ask("version.bind.", RRType::TXT).answer, std::vector<std::string>{"\"meridian\""});
    EXPECT_EQ(ask("version.bind.", RRType::A).rcode, RCode::Refused);
    EXPECT_EQ(ask("www.example.", RRType::TXT).rcode, RCode::Refused);
}

TEST_F(PipelineTest, CountsAndTapsEachQuery) {
    tap_.set_active(true);
    static_cast<void>(run(message("www.example.", RRType::A)));
    static_cast<void>(run(message("nothing.example.", RRType::AAAA)));
    const auto count = [&](RRType type, RCode rcode) {
        return stats_
            .queries[0][static_cast<std::size_t>(Transport::Udp)][type_slot(type)]
                    [static_cast<std::size_t>(rcode)]
            .get();
    };
    EXPECT_EQ(count(RRType::A, RCode::NoError), 1U);
    EXPECT_EQ(count(RRType::AAAA, RCode::NXDomain), 1U);
    std::uint64_t timed = 0;
    for (const auto& bucket : stats_.duration_buckets[0]) timed += bucket.get();
    EXPECT_EQ(timed, 2U);
    std::vector<std::string> seen;
    tap_.drain(10, [&](const TapEvent& event) {
        EXPECT_EQ(dns::NameView(event.zone).to_text(), "example.");
        EXPECT_EQ(event.revision, store_->published()->revision);
        dns::Request request;
        EXPECT_EQ(dns::parse_request(event.request, request), dns::RequestOutcome::Answer);
        seen.push_back(request.qname.to_text());
    });
    EXPECT_EQ(seen, (std::vector<std::string>{"www.example.", "nothing.example."}));
}

}  // namespace
}  // namespace server
