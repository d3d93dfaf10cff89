// What is open to who brings no token, and how little of them is taken.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

TEST_F(ApiTest, MetricsAreOpenOnLoopback) {
    token_.clear();
    remote_ = "127.0.0.1:9";
    EXPECT_EQ(ask("GET", "/metrics").status, 200);
    EXPECT_EQ(ask("GET", "/v1/zones").status, 401);
}

// A page whose name leads to loopback by now (DNS rebinding) is not let in for where it comes from,
// nor is a client of a proxy on this machine.
TEST_F(ApiTest, LoopbackIsOpenUnderItsOwnNameAlone) {
    remote_ = "127.0.0.1:9";
    const std::string good = std::exchange(token_, "");
    struct Case {
        const char* authority;
        int status;
    };
    for (const Case& each :
         {Case{"127.0.0.1:8053", 200}, Case{"127.0.0.1", 200}, Case{"127.9.9.9:80", 200},
          Case{"localhost:8053", 200}, Case{"localhost", 200}, Case{"[::1]:8053", 200},
          Case{"[::1]", 200}, Case{"", 200}, Case{"rebound.example:8053", 401},
          Case{"localhost.rebound.example:8053", 401}, Case{"127.0.0.1.rebound.example", 401},
          Case{"notlocalhost", 401}, Case{"192.0.2.1:8053", 401}, Case{"[2001:db8::1]:8053", 401},
          Case{"0.0.0.0:8053", 401}, Case{"[::]", 401}}) {
        auto request = head("GET", "/metrics", {});
        request.authority = each.authority;
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(request, exchange);
        stream->on_end({});
        finish(exchange, *stream);
        EXPECT_EQ(exchange.head.status, each.status) << each.authority;
    }
    auto request = head("GET", "/metrics", {{"authorization", "Bearer " + good}});
    request.authority = "dns.example";
    fakes::FakeExchange exchange;
    auto stream = front_.on_request(request, exchange);
    stream->on_end({});
    finish(exchange, *stream);
    EXPECT_EQ(exchange.head.status, 200);
}

// Of what anybody may send little is taken, of all together too, and none of it keeps those whom
// the server knows from sending.
TEST_F(ApiTest, BodiesOfStrangersAreSmallAndFew) {
    must(ask("POST", "/v1/session", std::string(kMaxLittleOctets + 1, ' ')), 413);
    must(ask("POST", "/v1/session", "{}", {{"content-length", "5000"}}), 413);
    must(ask("GET", "/v1/zones", std::string(kMaxLittleOctets + 1, ' ')), 413);
    struct Open {
        fakes::FakeExchange exchange;
        std::unique_ptr<net::HttpStream> stream;
    };
    const auto begin = [this](const char* path, const std::string& piece, std::size_t pieces) {
        auto open = std::make_unique<Open>();
        open->stream = front_.on_request(head("POST", path, {{"content-type", "application/json"}}),
                                         open->exchange);
        for (std::size_t i = 0; i < pieces; ++i) open->stream->on_body(base::as_octets(piece));
        return open;
    };
    std::vector<std::unique_ptr<Open>> strangers;
    const std::string little(kMaxLittleOctets, ' ');
    const std::size_t room = Front::kMaxCollectedOpen / kMaxLittleOctets;
    while (strangers.size() < 2 * room &&
           (strangers.empty() || !strangers.back()->exchange.responded)) {
        strangers.push_back(begin("/v1/session", little, 1));
    }
    EXPECT_GT(strangers.size(), room / 2);
    EXPECT_LE(strangers.size(), room + 1);
    EXPECT_EQ(strangers.back()->exchange.head.status, 503);
    EXPECT_EQ(strangers.back()->exchange.head.headers.get("retry-after"), "1");
    // Large bodies of those whom it knows fill their room; small ones find some more.
    std::vector<std::unique_ptr<Open>> known;
    const std::string mebi(std::size_t{1} << 20, ' ');
    while (known.size() < 20 && (known.empty() || !known.back()->exchange.responded)) {
        known.push_back(begin("/v1/zones", mebi, 4));
    }
    EXPECT_EQ(known.back()->exchange.head.status, 503);
    EXPECT_GE(known.size(), 5U);
    EXPECT_LE(known.size(), 9U);
    must(ask("POST", "/v1/zones", R"({"name":"room.example","ns":["ns.example.net."]})"), 201);
    // What is over gives its room back.
    known.clear();
    strangers.clear();
    must(ask("POST", "/v1/zones", mebi + mebi + "{}"), 422);
    EXPECT_FALSE(begin("/v1/session", little, 1)->exchange.responded);
}

}  // namespace
}  // namespace admin
