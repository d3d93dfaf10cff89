// Response rate limiting as a client meets it: which answers are counted together, who is exempt,
// and what a truncated one looks like.
#include <gtest/gtest.h>

#include <set>

#include "server/pipeline.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RCode;
using dns::RRType;
using zones_test::changes;
using zones_test::name;
using zones_test::put;

using Message = std::vector<std::uint8_t>;

/// Octets of the options of a query.
const Message kNoOptions;
const Message kClientCookie = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
const Message kNsidAndSubnet = {0, 3, 0, 0, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 19, 0, 0};

class PipelineRrl : public zones_test::StoreTest {
  protected:
    static constexpr int kRate = 10;

    void SetUp() override {
        StoreTest::SetUp();
        settings_.node = "node-1";
        settings_.ecs_trusted = {*base::IpPrefix::parse("0.0.0.0/0")};
        settings_.recursion_allow = {*base::IpPrefix::parse("192.0.2.0/24")};
        settings_.cookies.emplace(SipKey{1, 2, 3}, true);
        must(changes(zones_test::zone("example.")));
        must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
        must(changes(put("example.", "mail.example.", RRType::A, {"192.0.2.2"})));
        must(changes(put("example.", "*.wild.example.", RRType::A, {"192.0.2.3"})));
        must(changes(put("example.", "wild.example.", RRType::A, {"192.0.2.4"})));
        must(changes(put("example.", "sub.example.", RRType::NS, {"ns.elsewhere."})));
        must(changes(put("example.", "other.example.", RRType::NS, {"ns.elsewhere."})));
        must(changes(put("example.", "old.example.", RRType::DNAME, {"wild.example."})));
        pipeline_ = std::make_unique<Pipeline>(settings_, *store_, cache_, stats_, tap_, true);
        limit(0);
    }

    void limit(std::uint32_t slip, std::vector<base::IpPrefix> exempt = {}) {
        rrl_ =
            std::make_unique<Rrl>(Rrl::Settings{kRate, slip, std::move(exempt)}, SipKey{9}, 4096);
        settings_.rrl = rrl_.get();
    }

    static Message message(const std::string& qname, RRType qtype, const Message& options) {
        Message out(512);
        dns::MessageWriter writer(out);
        writer.header(0x1234, dns::kFlagRD);
        EXPECT_TRUE(writer.question(name(qname), qtype, dns::RRClass::IN));
        EXPECT_TRUE(writer.opt(1232, 0, false, options));
        out.resize(writer.finish());
        return out;
    }
    /// The reply; empty: none.
    Message run(const Message& query, Transport transport = Transport::Udp) {
        Query asked;
        asked.message = query;
        asked.transport = transport;
        asked.role = role_;
        asked.client = *base::Endpoint::parse(client_);
        asked.received = now_;
        Message reply(65535);
        std::size_t size = 0;
        pipeline_->begin_batch(now_);
        const Step step = pipeline_->run(asked, reply, size);
        pipeline_->end_batch();
        EXPECT_EQ(step, size > 0 ? Step::Answered : Step::Dropped);
        reply.resize(size);
        return reply;
    }
    Message ask(const std::string& qname, RRType qtype = RRType::A,
                const Message& options = kNoOptions) {
        return run(message(qname, qtype, options));
    }
    /// How many of 50 are answered, each asked for a name of its own if there is a `#` in `qname`.
    int answered(std::string qname, RRType qtype = RRType::A) {
        int count = 0;
        for (int i = 0; i < 50; ++i) {
            std::string one = qname;
            if (const std::size_t at = one.find('#'); at != std::string::npos) {
                one.replace(at, 1, "n" + std::to_string(i));
            }
            count += ask(one, qtype).empty() ? 0 : 1;
        }
        return count;
    }
    [[nodiscard]] std::uint64_t dropped(RrlKind kind) const {
        return stats_.rrl_dropped[static_cast<std::size_t>(kind)].get();
    }

    PipelineSettings settings_;
    resolver::Settings resolver_settings_;
    resolver::Cache cache_{resolver_settings_};
    WorkerStats stats_;
    Tap tap_;
    std::unique_ptr<Pipeline> pipeline_;
    std::unique_ptr<Rrl> rrl_;
    Role role_ = Role::Auth;
    std::string client_ = "192.0.2.7:4000";
    base::MonoTime now_ = base::mono_now();
};

TEST_F(PipelineRrl, EachNameHasItsBudget) {
    EXPECT_EQ(answered("www.example."), kRate);
    EXPECT_EQ(answered("mail.example."), kRate);
    EXPECT_EQ(answered("www.example.", RRType::AAAA), kRate);  // NODATA
    EXPECT_EQ(dropped(RrlKind::Answer), 80U);
    EXPECT_EQ(dropped(RrlKind::NoData), 40U);
    EXPECT_EQ(stats_.dropped[static_cast<std::size_t>(DropReason::RateLimited)].get(), 120U);
    now_ += std::chrono::milliseconds(500);
    EXPECT_EQ(answered("www.example."), kRate / 2);
}

TEST_F(PipelineRrl, RandomNamesDoNotEscape) {
    EXPECT_EQ(answered("#.example."), kRate);  // NXDOMAIN, by the zone
    EXPECT_EQ(answered("a.#.example.", RRType::MX), 0);
    EXPECT_EQ(dropped(RrlKind::NXDomain), 90U);
    EXPECT_EQ(answered("#.wild.example."), kRate);
    EXPECT_EQ(answered("#.b.wild.example."), 0);
    EXPECT_EQ(answered("#.wild.example.", RRType::MX), kRate);  // NODATA of the wildcard
    EXPECT_EQ(answered("wild.example."), kRate);                // its own data is another thing
    EXPECT_EQ(answered("#.sub.example."), kRate);
    EXPECT_EQ(answered("sub.example."), 0);
    EXPECT_EQ(answered("#.other.example."), kRate);
    EXPECT_EQ(dropped(RrlKind::Referral), 130U);
    client_ = "203.0.113.1:4000";
    EXPECT_EQ(answered("#.old.example."), kRate);  // what a DNAME makes
    EXPECT_EQ(answered("#.elsewhere."), kRate);    // REFUSED
    EXPECT_EQ(answered("#."), 0);
    EXPECT_EQ(dropped(RrlKind::Error), 90U);
    EXPECT_EQ(dropped(RrlKind::All), 0U);
}

TEST_F(PipelineRrl, ManyNamesOfOurOwnAreBoundedTogether) {
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i) {
        names.push_back("h" + std::to_string(i) + ".example.");
        must(changes(put("example.", names.back(), RRType::A, {"192.0.2.9"})));
    }
    int count = 0;
    for (const std::string& each : names) count += ask(each).empty() ? 0 : 1;
    EXPECT_EQ(count, kRate * static_cast<int>(Rrl::kAllFactor));
    EXPECT_EQ(dropped(RrlKind::All), 120U);
}

TEST_F(PipelineRrl, WhatTheResolverFoundCountsAsWell) {
    role_ = Role::Both;
    dns::RRset known(RRType::A, 60);
    known.add(zones_test::rdata(RRType::A, "198.51.100.9"));
    static_cast<void>(cache_.put_rrset(0, name("www.elsewhere."), known.view(),
                                       resolver::Rank::Authoritative, now_));
    EXPECT_EQ(answered("www.elsewhere."), kRate);
    EXPECT_EQ(dropped(RrlKind::Answer), 40U);
    // NXDOMAIN by the zone of the SOA.
    dns::RRset soa(RRType::SOA, 60);
    soa.add(zones_test::rdata(RRType::SOA, "ns.deep.test. a.deep.test. 1 1 1 1 60"));
    for (int i = 0; i < 50; ++i) {
        static_cast<void>(cache_.put_negative(0, resolver::EntryKind::NXDomain,
                                              name("n" + std::to_string(i) + ".deep.test."),
                                              RRType::A, name("deep.test."), soa.view(), now_));
    }
    EXPECT_EQ(answered("#.deep.test."), kRate);
    EXPECT_EQ(dropped(RrlKind::NXDomain), 40U);
}

TEST_F(PipelineRrl, ATruncatedOneIsShortAndBringsTheCookie) {
    limit(1);
    const Message options = [] {
        Message out = kNsidAndSubnet;
        out.insert(out.end(), kClientCookie.begin(), kClientCookie.end());
        return out;
    }();
    for (const char* qname : {"www.example.", "no.example.", "a.sub.example."}) {
        const Message query = message(qname, RRType::A, options);
        Message reply;
        for (int i = 0; i <= kRate; ++i) reply = run(query);
        const dns::Header header = dns::Header::read(reply);
        EXPECT_NE(header.flags & dns::kFlagTC, 0) << qname;
        EXPECT_EQ(header.flags & dns::kFlagRD, dns::kFlagRD);
        EXPECT_EQ(header.id, 0x1234);
        EXPECT_EQ(std::to_array(header.counts), (std::array<std::uint16_t, 4>{1, 0, 0, 1}));
        EXPECT_EQ(header.rcode(),
                  std::string_view(qname) == "no.example." ? RCode::NXDomain : RCode::NoError);
        // Header, question, and OPT with a cookie alone.
        EXPECT_EQ(reply.size(),
                  dns::kHeaderOctets + name(qname).size() + 4 + 11 + 4 + Cookies::kOptionOctets);
    }
    const auto kind = static_cast<std::size_t>(RrlKind::Referral);
    EXPECT_EQ(stats_.rrl_truncated[kind].get(), 1U);
    EXPECT_EQ(stats_.dropped[static_cast<std::size_t>(DropReason::RateLimited)].get(), 0U);
    // An error stays one, and so does a message that nobody can read.
    Message odd = message("www.example.", RRType::A, kNoOptions);
    odd.push_back(0);
    Message reply;
    for (int i = 0; i <= kRate; ++i) reply = run(odd);
    EXPECT_EQ(dns::Header::read(reply).rcode(), RCode::FormErr);
    EXPECT_NE(dns::Header::read(reply).flags & dns::kFlagTC, 0);
}

TEST_F(PipelineRrl, StreamsCookiesAndSomePrefixesAreExempt) {
    EXPECT_EQ(answered("www.example."), kRate);
    const Message plain = message("www.example.", RRType::A, kNoOptions);
    for (const Transport transport : {Transport::Tcp, Transport::Dot, Transport::Doh}) {
        for (int i = 0; i < 20; ++i) EXPECT_FALSE(run(plain, transport).empty());
    }
    // A cookie of ours, learnt over TCP.
    const Message hello = message("www.example.", RRType::A, kClientCookie);
    const Message told = run(hello, Transport::Tcp);
    Message cookie = {0, 10, 0, 24};
    cookie.insert(cookie.end(), told.end() - 24, told.end());
    const Message known = message("www.example.", RRType::A, cookie);
    for (int i = 0; i < 50; ++i) EXPECT_GT(run(known).size(), told.size() - 1);
    EXPECT_TRUE(run(hello).empty());  // the client's half alone shows nothing
    cookie.back() ^= 1;
    EXPECT_TRUE(run(message("www.example.", RRType::A, cookie)).empty());
    limit(0, {*base::IpPrefix::parse("192.0.2.0/25")});
    EXPECT_EQ(answered("www.example."), 50);
    client_ = "192.0.2.200:4000";
    EXPECT_EQ(answered("www.example."), kRate);
}

TEST_F(PipelineRrl, CookieHoldersLeaveTheBudgetToOthers) {
    Message cookie = {0, 10, 0, 24};
    const Message told = ask("mail.example.", RRType::A, kClientCookie);
    cookie.insert(cookie.end(), told.end() - 24, told.end());
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(ask("www.example.", RRType::A, cookie).empty());
    EXPECT_EQ(answered("www.example."), kRate);
}

TEST_F(PipelineRrl, TheFeedSeesWhatWasLimited) {
    limit(2);
    tap_.set_active(true);
    for (int i = 0; i < kRate + 2; ++i) static_cast<void>(ask("www.example."));
    std::vector<Action> seen;
    std::size_t octets = 0;
    tap_.drain(100, [&](const TapEvent& event) {
        seen.push_back(event.action);
        octets = event.response_size;
        EXPECT_EQ(dns::NameView(event.zone).to_text(), "example.");
    });
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(kRate) + 2);
    EXPECT_EQ(seen[kRate - 1], Action::Answered);
    EXPECT_EQ(seen[kRate], Action::Dropped);
    EXPECT_EQ(seen[kRate + 1], Action::Limited);
    EXPECT_GT(octets, 0U);
}

TEST_F(PipelineRrl, OffCostsNobodyAnything) {
    settings_.rrl = nullptr;
    EXPECT_EQ(answered("www.example."), 50);
}

}  // namespace
}  // namespace server
