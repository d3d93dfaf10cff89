#include "server/doh.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dns/message_writer.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RRType;
using dns::Section;

struct Exchange final : net::HttpExchange {
    void respond(const net::ResponseHead& response, bool last) override {
        EXPECT_EQ(head.status, 0) << "answered twice";
        head = response;
        finished = last;
    }
    void inform(int /*status*/, const net::HeaderList& /*headers*/) override {}
    bool write(base::Octets octets) override {
        body += base::as_text(octets);
        return true;
    }
    void finish(const net::HeaderList& /*trailers*/) override { finished = true; }
    void reset() override { was_reset = true; }
    bool collect(std::size_t octets) override {
        collected += octets;
        return collected <= room;
    }
    void pause_body() override {}
    void resume_body() override {}
    net::WebSocket* accept_websocket(std::string_view, net::WebSocketListener&) override {
        return nullptr;
    }
    [[nodiscard]] std::size_t queued() const override { return 0; }

    [[nodiscard]] std::string field(std::string_view name) const {
        return std::string(head.headers.get(name).value_or(""));
    }

    net::ResponseHead head{0, {}};
    std::string body;
    bool finished = false;
    bool was_reset = false;
    std::size_t collected = 0;
    std::size_t room = SIZE_MAX;
};

class DohTest : public testing::Test, public Doh::Handler {
  protected:
    /// A message is its own answer; one that begins with D is deferred, with X dropped, and P is
    /// personal.
    Doh::Outcome on_message(const Doh::Message& message, base::MutableOctets room,
                            Doh::Answer& answer) override {
        EXPECT_EQ(room.size(), dns::kMaxMessageOctets);
        asked.emplace_back(base::as_text(message.octets));
        if (asked.back()[0] == 'X') return Doh::Outcome::Dropped;
        if (asked.back()[0] == 'D') {
            deferred.push_back(message.ticket);
            return Doh::Outcome::Deferred;
        }
        std::copy(message.octets.begin(), message.octets.end(), room.begin());
        answer.size = message.octets.size();
        answer.personal = asked.back()[0] == 'P';
        return Doh::Outcome::Answered;
    }
    void begin_messages() override { ++begun; }
    void end_messages() override { ++ended; }
    std::unique_ptr<net::HttpStream> request(const std::string& method, const std::string& target,
                                             const std::string& type = "") {
        net::RequestHead head;
        head.method = method;
        head.path = target.substr(0, target.find('?'));
        if (head.path != target) head.query = target.substr(head.path.size() + 1);
        if (!type.empty()) head.headers.add("content-type", type);
        exchange = Exchange();
        return doh.on_request(std::move(head), exchange);
    }
    int status(const std::string& method, const std::string& target, const std::string& type = "") {
        const auto stream = request(method, target, type);
        EXPECT_TRUE(exchange.finished || exchange.head.status == 0);
        return exchange.head.status;
    }

    std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(dns::kMaxMessageOctets);
    Doh doh{*this, room_};
    Exchange exchange;
    std::vector<std::string> asked;
    std::vector<Doh::Ticket> deferred;
    int begun = 0;
    int ended = 0;
};

constexpr const char* kType = "application/dns-message";

TEST_F(DohTest, GetCarriesAMessageInItsQuery) {
    EXPECT_EQ(status("GET", "/dns-query?dns=MTIzNDU2Nzg5MDEyMzQ"), 200);
    EXPECT_EQ(asked.at(0), "12345678901234");
    EXPECT_EQ(exchange.body, asked[0]);
    EXPECT_EQ(exchange.field("content-type"), kType);
    EXPECT_EQ(exchange.field("content-length"), "14");
    EXPECT_EQ(exchange.field("cache-control"), "max-age=0");
    EXPECT_EQ(status("GET", "/dns-query?a=b&dns=UDIzNDU2Nzg5MDEy&c"), 200);
    EXPECT_EQ(exchange.field("cache-control"), "private, max-age=0");
}

TEST_F(DohTest, WhatOneReadBringsIsBracketed) {
    doh.begin_requests();
    EXPECT_EQ(begun, 1);
    EXPECT_EQ(ended, 0);
    doh.end_requests();
    EXPECT_EQ(ended, 1);
}

TEST_F(DohTest, RefusesWhatIsNoQuestion) {
    struct Row {
        const char* method;
        const char* target;
        int status;
    };
    for (const Row& row :
         {Row{"GET", "/dns-query", 400}, Row{"GET", "/dns-query?dns=", 400},
          Row{"GET", "/dns-query?dns=AAAA", 400},
          Row{"GET", "/dns-query?dns=MTIzNDU2Nzg5MDEy=", 400},
          Row{"GET", "/dns-query?dns=MTIz*DU2Nzg5MDEy", 400},
          Row{"GET", "/dns-query?dnsx=MTIzNDU2Nzg5MDEy", 400},
          Row{"GET", "/dns-query?dns=WDIzNDU2Nzg5MDEy", 400}, Row{"GET", "/", 404},
          Row{"GET", "/dns-query/?dns=MTIzNDU2Nzg5MDEy", 404}, Row{"PUT", "/dns-query", 405},
          Row{"HEAD", "/dns-query?dns=MTIzNDU2Nzg5MDEy", 405}, Row{"POST", "/dns-query", 415}}) {
        EXPECT_EQ(status(row.method, row.target), row.status) << row.method << ' ' << row.target;
    }
    EXPECT_EQ(status("PUT", "/dns-query"), 405);
    EXPECT_EQ(exchange.field("allow"), "GET, POST");
}

TEST_F(DohTest, OfARefusedBodyAMessagesWorthIsLetPass) {
    const std::string most(dns::kMaxMessageOctets, 'a');
    for (const char* target : {"/dns-query", "/elsewhere"}) {
        const auto stream = request("PUT", target);
        EXPECT_TRUE(exchange.finished);
        stream->on_body(base::as_octets(most));
        EXPECT_FALSE(exchange.was_reset) << target;
        stream->on_body(base::as_octets("a"));
        EXPECT_TRUE(exchange.was_reset) << target;
        stream->on_end({});
    }
    EXPECT_EQ(asked.size(), 0U);
}

TEST_F(DohTest, PostCarriesItInItsBody) {
    for (const char* type :
         {kType, "Application/DNS-Message; charset=utf-8", "application/dns-message ;x"}) {
        const auto stream = request("POST", "/dns-query", type);
        stream->on_body(base::as_octets("123456"));
        stream->on_body(base::as_octets("789012"));
        EXPECT_EQ(exchange.head.status, 0);
        stream->on_end({});
        EXPECT_EQ(exchange.head.status, 200);
        EXPECT_EQ(exchange.body, "123456789012");
        EXPECT_FALSE(exchange.was_reset);
    }
    EXPECT_EQ(status("POST", "/dns-query", "application/dns-json"), 415);
    {
        const auto stream = request("POST", "/dns-query", kType);
        stream->on_body(base::as_octets("short"));
        stream->on_end({});
        EXPECT_EQ(exchange.head.status, 400);
    }
    const std::string largest(dns::kMaxMessageOctets, 'a');
    const auto stream = request("POST", "/dns-query", kType);
    stream->on_body(base::as_octets(largest));
    EXPECT_EQ(exchange.head.status, 0);
    stream->on_body(base::as_octets("a"));
    EXPECT_EQ(exchange.head.status, 413);
    EXPECT_TRUE(exchange.was_reset);
    stream->on_body(base::as_octets("a"));  // on its way already
    stream->on_end({});
}

TEST_F(DohTest, AMessageThatThereIsNoRoomForIsRefused) {
    const auto stream = request("POST", "/dns-query", kType);
    exchange.room = 20;
    stream->on_body(base::as_octets("123456789012"));
    EXPECT_EQ(exchange.collected, 12U);
    EXPECT_EQ(exchange.head.status, 0);
    stream->on_body(base::as_octets("345678901"));
    EXPECT_EQ(exchange.head.status, 503);
    stream->on_body(base::as_octets("on its way already"));
    stream->on_end({});
    EXPECT_EQ(exchange.collected, 21U);
    EXPECT_TRUE(asked.empty());
}

TEST_F(DohTest, DeferredAnswersFindTheirExchange) {
    const auto first = request("GET", "/dns-query?dns=RDIzNDU2Nzg5MDEy");
    EXPECT_EQ(exchange.head.status, 0);
    ASSERT_EQ(deferred.size(), 1U);
    doh.reply(deferred[0], base::as_octets("the answer of D"), true);
    EXPECT_EQ(exchange.head.status, 200);
    EXPECT_EQ(exchange.body, "the answer of D");
    EXPECT_EQ(exchange.field("cache-control"), "private, max-age=0");
    {
        const auto gone = request("GET", "/dns-query?dns=RDIzNDU2Nzg5MDEy");
        gone->on_cancel();
    }
    doh.reply(deferred[1], base::as_octets("too late"), false);
    EXPECT_EQ(exchange.head.status, 0);
    const auto unanswered = request("GET", "/dns-query?dns=RDIzNDU2Nzg5MDEy");
    doh.reply(deferred[1], base::as_octets("of another"), false);
    EXPECT_EQ(exchange.head.status, 0);
    doh.reply(deferred[2], {}, false);
    EXPECT_EQ(exchange.head.status, 503);
}

TEST(Base64Url, IsReadInItsOneSpelling) {
    const auto read = [](std::string_view text) -> std::string {
        std::vector<std::uint8_t> octets = {1, 2, 3};  // of the text before
        return from_base64url(text, octets) ? "=" + std::string(base::as_text(octets)) : "none";
    };
    EXPECT_EQ(read(""), "=");
    EXPECT_EQ(read("Zg"), "=f");
    EXPECT_EQ(read("Zm8"), "=fo");
    EXPECT_EQ(read("Zm9v"), "=foo");
    EXPECT_EQ(read("Zm9vYmFy"), "=foobar");
    EXPECT_EQ(read("-_-_"), "=\xfb\xff\xbf");
    for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "+/+/", "Zm 9", "Zm9v\n"}) {
        EXPECT_EQ(read(bad), "none") << bad;
    }
}

/// A response with these records, each in the section its letter says.
std::vector<std::uint8_t> response(dns::RCode rcode, const std::vector<std::string>& records) {
    std::vector<std::uint8_t> out(4096);
    dns::MessageWriter writer(out);
    writer.header(1, static_cast<std::uint16_t>(dns::kFlagQR | static_cast<unsigned>(rcode)));
    EXPECT_TRUE(writer.question(zones_test::name("www.example."), RRType::A, dns::RRClass::IN));
    const std::vector<std::uint8_t> address = {192, 0, 2, 1};
    const std::vector<std::uint8_t> host = {1, 'a', 0};
    for (const std::string& each : records) {
        const Section section = each[0] == 'a'   ? Section::Answer
                                : each[0] == 'n' ? Section::Authority
                                                 : Section::Additional;
        const auto ttl = static_cast<std::uint32_t>(std::stoul(each.substr(2)));
        if (each[1] == 'S') {  // MINIMUM 60
            std::vector<std::uint8_t> soa(2 + 16);
            soa.insert(soa.end(), {0, 0, 0, 60});
            EXPECT_TRUE(writer.record(section, zones_test::name("example."), RRType::SOA,
                                      dns::RRClass::IN, ttl, soa));
        } else {
            EXPECT_TRUE(writer.record(section, zones_test::name("www.example."),
                                      each[1] == 'N' ? RRType::NS : RRType::A, dns::RRClass::IN,
                                      ttl, each[1] == 'N' ? host : address));
        }
    }
    out.resize(writer.finish());
    return out;
}

TEST(Freshness, IsTheSmallestTtlThatTheAnswerHangsOn) {
    struct Row {
        dns::RCode rcode;
        std::vector<std::string> records;
        std::uint32_t seconds;
    };
    using dns::RCode;
    const Row rows[] = {
        {RCode::NoError, {"aA300", "aA20", "nN10", "xA5"}, 20},
        {RCode::NoError, {"nS300"}, 60},
        {RCode::NoError, {"nS30"}, 30},
        {RCode::NXDomain, {"nS30"}, 30},
        {RCode::NXDomain, {"aA20", "nS30"}, 20},  // an alias that leads to nothing
        {RCode::NXDomain, {"aA300", "nS90"}, 60},
        {RCode::NXDomain, {"aA300"}, 0},  // nobody says how long
        {RCode::NoError, {"nN120", "xA5"}, 120},
        {RCode::NoError, {}, 0},
        {RCode::ServFail, {"aA300"}, 0},
        {RCode::Refused, {}, 0},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(freshness_s(response(row.rcode, row.records)), row.seconds)
            << testing::PrintToString(row.records);
    }
    EXPECT_EQ(freshness_s(base::as_octets("no message")), 0U);
}

}  // namespace
}  // namespace server
