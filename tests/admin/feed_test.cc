#include "admin/feed.h"

#include <gtest/gtest.h>

#include "admin/json.h"
#include "base/octets.h"

namespace admin {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets from_hex(std::string text) {
    std::erase(text, ' ');
    return base::from_hex(text).value();
}

// www.example.com A, RD, with an OPT of 1232 octets and the client subnet 203.0.113.0/24.
const Octets kRequest = from_hex(
    "1234 0100 0001 0000 0000 0001 03777777 07 6578616d706c65 03 636f6d 00 0001 0001"
    "00 0029 04d0 00000000 000b 0008 0007 0001 18 00 cb0071");
// Its answer: AA, two addresses with TTL 60, subnet scope 20, extended error 3.
const Octets kResponse = from_hex(
    "1234 8500 0001 0002 0000 0001 03777777 07 6578616d706c65 03 636f6d 00 0001 0001"
    "c00c 0001 0001 0000003c 0004 c0000201 c00c 0001 0001 0000003c 0004 c0000202"
    "00 0029 04d0 00000000 0011 0008 0007 0001 18 14 cb0071 000f 0002 0003");
const Octets kApex = from_hex("07 6578616d706c65 03 636f6d 00");

server::TapEvent tap_event() {
    server::TapEvent event;
    event.time = base::from_unix_us(1767614400123456);  // 2026-01-05T12:00:00.123456Z
    event.latency_us = 42;
    event.client = *base::Endpoint::parse("198.51.100.7:53211");
    event.revision = 182;
    event.request = kRequest;
    event.response = kResponse;
    event.response_size = 92;
    event.zone = kApex;
    event.rule = "de";
    event.pool = "fra";
    event.member = "fra1";
    return event;
}

TEST(FeedEvent, GoldenQuery) {
    const server::TapEvent tap = tap_event();
    const FeedEvent event(tap, "default");
    zones::Location location;
    location.country = "DE";
    location.asn = 64500;
    location.has_coordinates = true;
    location.latitude = 50.1;
    location.longitude = 8.7;
    EXPECT_EQ(query_event_json(event, {.id = "7f3a.182", .node = "fra1", .listener = "0.0.0.0:53"},
                               location),
              R"({"schema":1,"topic":"query","id":"7f3a.182","ts":"2026-01-05T12:00:00.123456Z",)"
              R"("node":"fra1","listener":"0.0.0.0:53","role":"auth","transport":"udp",)"
              R"("client":{"addr":"198.51.100.7","port":53211,"country":"DE","asn":64500,)"
              R"("lat":50.1,"lon":8.7},"view":"default","zone":"example.com.","revision":182,)"
              R"("qname":"www.example.com.","qtype":"A","qclass":"IN","opcode":"QUERY",)"
              R"("action":"answered","rcode":"NOERROR","flags":["aa","rd"],"do":false,)"
              R"("edns_size":1232,"cookie":null,"ecs":{"prefix":"203.0.113.0/24","scope":20},)"
              R"("latency_us":42,"request_size":55,"response_size":92,"cache":null,)"
              R"("stale_age_s":null,"answers":["192.0.2.1","192.0.2.2"],"answer_ttl":60,"ede":[3],)"
              R"("policy":{"rule":"de","pool":"fra","member":"fra1"},"upstream":null,)"
              R"("dnssec":null,"sample_weight":1})");
}

// A token may be given less than there is to see.
TEST(FeedEvent, ClientsAreShownAsFarAsTheTokenGoes) {
    const server::TapEvent tap = tap_event();
    const FeedEvent event(tap, "default");
    zones::Location location;
    location.country = "DE";
    location.has_coordinates = true;
    const auto shown = [&](Privacy privacy, std::string_view key = "k") {
        const std::string line =
            query_event_json(event, {.id = "a.1", .node = "n", .listener = "l"}, location,
                             {.privacy = privacy, .key = key});
        const Json document = *Json::parse(line);
        return document.find("client")->dump() + ' ' + document.find("ecs")->dump();
    };
    EXPECT_EQ(shown(Privacy::Truncate),
              R"({"addr":"198.51.100.0/24","port":null,"country":"DE","asn":null,"lat":null,)"
              R"("lon":null} {"prefix":"203.0.113.0/24","scope":20})");
    EXPECT_EQ(shown(Privacy::None), "null null");
    const std::string hashed = shown(Privacy::Hash);
    EXPECT_EQ(hashed.find("198.51"), std::string::npos) << hashed;
    EXPECT_EQ(hashed.find("203.0"), std::string::npos) << hashed;
    EXPECT_EQ(shown(Privacy::Hash), hashed);
    EXPECT_NE(shown(Privacy::Hash, "other"), hashed);
}

TEST(FeedEvent, WhatIsNotKnownIsNull) {
    server::TapEvent tap;
    tap.action = server::Action::Dropped;
    const Octets garbage = {1, 2, 3};
    tap.request = garbage;
    const FeedEvent event(tap, "default");
    const auto json = Json::parse(
        query_event_json(event, {.id = "a.1", .node = "n", .listener = ""}, zones::Location()));
    ASSERT_TRUE(json);
    for (const char* key : {"qname", "qtype", "qclass", "rcode", "zone", "ecs", "edns_size",
                            "policy", "upstream", "answer_ttl", "cache"}) {
        ASSERT_NE(json->find(key), nullptr) << key;
        EXPECT_TRUE(json->find(key)->is_null()) << key;
    }
    EXPECT_EQ(*json->find("action")->as_string(), "dropped");
}

TEST(FeedEvent, AnyOctetsMakeOneLineOfJson) {
    for (std::size_t cut = 0; cut <= kResponse.size(); ++cut) {
        for (const bool flip : {false, true}) {
            Octets response(kResponse.begin(), kResponse.begin() + static_cast<long>(cut));
            Octets request(kRequest.begin(),
                           kRequest.begin() + static_cast<long>(std::min(cut, kRequest.size())));
            if (flip && cut > 20) response[cut - 5] ^= 0xff;
            if (flip && request.size() > 20) request[request.size() - 4] ^= 0xff;
            server::TapEvent tap = tap_event();
            tap.request = request;
            tap.response = response;
            const FeedEvent event(tap, "v");
            const std::string line = query_event_json(
                event, {.id = "a.1", .node = "n", .listener = "l"}, zones::Location());
            EXPECT_TRUE(Json::parse(line)) << line;
            EXPECT_EQ(line.find('\n'), std::string::npos);
        }
    }
}

TEST(FeedEvent, GoldenChange) {
    ChangeNotice notice{.revision = 7,
                        .time = base::from_unix_us(1767614400000000),
                        .author = "admin",
                        .request_id = "r1",
                        .message = "",
                        .zones = {"example.com."}};
    EXPECT_EQ(change_event_json(notice, {.id = "a.2", .node = "n", .listener = ""}),
              R"({"schema":1,"topic":"change","id":"a.2","ts":"2026-01-05T12:00:00.000000Z",)"
              R"("node":"n","revision":7,"author":"admin","request_id":"r1","message":"",)"
              R"("zones":["example.com."]})");
}

TEST(FeedFilter, Conditions) {
    struct Row {
        const char* key;
        const char* value;
        bool matches;
    };
    const Row rows[] = {
        {"topics", "query", true},
        {"topics", "change", false},
        {"topics", "change,query", true},
        {"client", "198.51.100.0/24", true},
        {"client", "198.51.100.7", true},
        {"client", "203.0.113.0/24", false},
        {"client", "2001:db8::/32", false},
        {"qname", "www.example.com", true},
        {"qname", "WWW.EXAMPLE.COM.", true},
        {"qname", "example.com", false},
        {"qname", "*.example.com", true},
        {"qname", "*.com", true},
        {"qname", "*.www.example.com", false},
        {"qname", "*.ample.com", false},
        {"qtype", "A", true},
        {"qtype", "aaaa,a", true},
        {"qtype", "AAAA", false},
        {"rcode", "NOERROR", true},
        {"rcode", "NXDOMAIN,SERVFAIL", false},
        {"zone", "example.com", true},
        {"zone", "com", false},
        {"view", "default", true},
        {"view", "internal", false},
        {"transport", "udp", true},
        {"transport", "tcp", false},
        {"role", "auth", true},
        {"role", "recursive", false},
        {"cache", "hit", false},
        {"action", "answered", true},
        {"action", "refused", false},
        {"min_latency_us", "42", true},
        {"min_latency_us", "43", false},
        {"qtype", "", true},  // a field left empty
    };
    const server::TapEvent tap = tap_event();
    const FeedEvent event(tap, "default");
    for (const Row& row : rows) {
        const auto filter = FeedFilter::parse(FeedFilter::Pairs{{row.key, row.value}});
        ASSERT_TRUE(filter) << row.key << '=' << row.value << ": " << filter.error().message;
        EXPECT_EQ(filter->matches(event), row.matches) << row.key << '=' << row.value;
    }
    const auto both = FeedFilter::parse(FeedFilter::Pairs{{"qtype", "A"}, {"role", "recursive"}});
    EXPECT_FALSE(both->matches(event));
}

TEST(FeedFilter, MistakesAreTold) {
    for (const auto& pair : FeedFilter::Pairs{{"qtype", "BOGUS"},
                                              {"rcode", "FINE"},
                                              {"client", "nobody"},
                                              {"client", "10.0.0.1/8"},
                                              {"qname", "a..b"},
                                              {"topics", "weather"},
                                              {"transport", "pigeon"},
                                              {"min_latency_us", "-1"},
                                              {"min_latency_us", "1x"},
                                              {"qnmae", "x"}}) {
        EXPECT_FALSE(FeedFilter::parse(FeedFilter::Pairs{pair})) << pair.first << pair.second;
    }
}

TEST(FeedFilter, ReadsSubscribeMessages) {
    const auto parse = [](const char* text) { return FeedFilter::parse(*Json::parse(text)); };
    const server::TapEvent tap = tap_event();
    const FeedEvent event(tap, "default");
    const auto good = parse(R"({"type":"subscribe","topics":["query"],
        "filter":{"qtype":["A","AAAA"],"min_latency_us":40,"qname":"*.example.com"}})");
    ASSERT_TRUE(good);
    EXPECT_TRUE(good->matches(event));
    EXPECT_FALSE(good->wants_changes());
    EXPECT_TRUE(parse(R"({"type":"subscribe"})")->matches(event));
    EXPECT_FALSE(parse(R"({"type":"subscribe","filter":{"qtype":{}}})"));
    EXPECT_FALSE(parse(R"({"type":"subscribe","filters":{}})"));
}

// A peer that can be slow.
class Listener final : public FeedSubscriber {
  public:
    [[nodiscard]] bool ready() const override { return ready_now; }
    void send(const FeedBatch& batch, std::uint64_t lost) override {
        EXPECT_TRUE(!batch.empty() || lost > 0);
        EXPECT_LE(batch.size(), Feed::kBatchEvents);
        for (const auto& message : batch) lines.push_back(message->json);
        dropped += lost;
    }
    void heartbeat() override { ++heartbeats; }
    void end(FeedEnd why) override {
        ended = true;
        if (why == FeedEnd::Revoked) feed->unsubscribe(*this);
    }

    bool ready_now = true;
    bool ended = false;
    Feed* feed = nullptr;  // of one whose grant may be revoked
    int heartbeats = 0;
    std::uint64_t dropped = 0;
    std::vector<std::string> lines;
};

class FeedTest : public testing::Test {
  protected:
    FeedTest() : feed_(loop_, sources()) {}
    FeedSources sources() {
        FeedSources sources;
        sources.taps = {&tap_, &other_tap_};
        sources.limits = &limits_;
        sources.node = "n";
        sources.listeners = {"127.0.0.1:5300"};
        sources.view_name = [](zones::ViewId) { return "default"; };
        return sources;
    }
    static FeedFilter filter(const FeedFilter::Pairs& pairs) { return *FeedFilter::parse(pairs); }
    static ChangeNotice change(zones::Revision revision) {
        return {.revision = revision,
                .time = {},
                .author = "a",
                .request_id = "",
                .message = "",
                .zones = {"example.com."}};
    }

    net::Loop loop_;
    server::Tap tap_;
    server::Tap other_tap_{4096};
    server::LimitEvents limits_;
    Feed feed_;
};

server::LimitEvent limited(std::string_view prefix, std::uint64_t times) {
    return {.limit = server::kLimitRrl,
            .kind = "nxdomain",
            .prefix = *base::IpPrefix::parse(prefix),
            .times = times};
}

TEST_F(FeedTest, LimitsAreOneEventAPrefixAndSecond) {
    limits_.note(limited("192.0.2.0/24", 1));  // nobody watches: forgotten
    EXPECT_TRUE(limits_.take().empty());
    Listener queries;
    ASSERT_TRUE(feed_.subscribe(queries, filter({{"topics", "query"}})));
    EXPECT_FALSE(limits_.active());
    Listener all;
    Listener some;
    ASSERT_TRUE(feed_.subscribe(all, filter({{"topics", "limit"}})));
    ASSERT_TRUE(feed_.subscribe(some, filter({{"topics", "limit"}, {"client", "192.0.2.7"}})));
    EXPECT_TRUE(limits_.active());
    for (int i = 0; i < 5; ++i) {
        limits_.note(limited("192.0.2.0/24", 10));
        limits_.note(limited("2001:db8::/56", 1));
        limits_.note({.limit = "descriptors", .kind = {}, .prefix = {}, .times = 1});
        feed_.tick();
    }
    // The first tick took what there was then, the others came within a second of it.
    const auto events_about = [](const Listener& listener, const std::string& what) {
        return std::count_if(listener.lines.begin(), listener.lines.end(), [&](const auto& line) {
            return line.find(what) != std::string::npos;
        });
    };
    EXPECT_EQ(all.lines.size(), 3U);
    EXPECT_EQ(events_about(all,
                           "\"limit\":\"responses_per_second\",\"prefix\":\"192.0.2.0/24\","
                           "\"kind\":\"nxdomain\",\"times\":10}"),
              1);
    EXPECT_EQ(
        events_about(all, "\"limit\":\"descriptors\",\"prefix\":null,\"kind\":null,\"times\":1}"),
        1);
    EXPECT_EQ(some.lines.size(), 1U);
    EXPECT_EQ(events_about(some, "192.0.2.0/24"), 1);
    EXPECT_TRUE(queries.lines.empty());
    const std::vector<server::LimitEvent> waiting = limits_.take();
    ASSERT_EQ(waiting.size(), 3U);
    EXPECT_EQ(waiting[1].times + waiting[2].times,
              44U);  // added up: four times ten, four times one
    feed_.unsubscribe(all);
    feed_.unsubscribe(some);
    EXPECT_FALSE(limits_.active());
}

// A token that does not show clients shows no limited prefixes either.
TEST_F(FeedTest, LimitsShowClientsAsFarAsTheTokenGoes) {
    const Privacy levels[] = {Privacy::Full, Privacy::Truncate, Privacy::Hash, Privacy::None};
    Listener listeners[kPrivacyLevels];
    for (std::size_t i = 0; i < kPrivacyLevels; ++i) {
        ASSERT_TRUE(
            feed_.subscribe(listeners[i], filter({{"topics", "limit"}}), {levels[i], nullptr}));
    }
    limits_.note(limited("192.0.2.128/28", 7));
    feed_.tick();
    const auto prefix = [&](std::size_t level) {
        const Listener& listener = listeners[level];
        if (listener.lines.size() != 1) return std::string("(not one event)");
        const Json event = *Json::parse(listener.lines[0]);
        EXPECT_EQ(event.find("times")->as_integer(), 7);
        return event.find("prefix")->dump();
    };
    EXPECT_EQ(prefix(0), R"("192.0.2.128/28")");
    EXPECT_EQ(prefix(1), R"("192.0.2.0/24")");
    EXPECT_EQ(prefix(2).size(), 18U);
    EXPECT_EQ(listeners[2].lines[0].find("192.0"), std::string::npos);
    EXPECT_EQ(prefix(3), "null");
    for (Listener& listener : listeners) feed_.unsubscribe(listener);
}

TEST(FeedEvent, LimitedPrefixesAreShownAsFarAsTheTokenGoes) {
    const auto shown = [](std::string_view prefix, Privacy privacy, std::string_view key = "k") {
        const std::string line =
            limit_event_json(limited(prefix, 1), base::from_unix_us(0),
                             {.id = "a.1", .node = "n", .listener = {}}, {privacy, key});
        return Json::parse(line)->find("prefix")->dump();
    };
    EXPECT_EQ(shown("2001:db8:1:2300::/56", Privacy::Full), R"("2001:db8:1:2300::/56")");
    EXPECT_EQ(shown("2001:db8:1:2300::/56", Privacy::Truncate), R"("2001:db8:1::/48")");
    EXPECT_EQ(shown("192.0.0.0/16", Privacy::Truncate), R"("192.0.0.0/16")");
    const std::string mark = shown("192.0.2.0/24", Privacy::Hash);
    EXPECT_EQ(shown("192.0.2.0/24", Privacy::Hash), mark);
    EXPECT_NE(shown("192.0.3.0/24", Privacy::Hash), mark);
    EXPECT_NE(shown("192.0.2.0/24", Privacy::Hash, "other"), mark);
}

TEST_F(FeedTest, AGrantIsAskedForAllTheWhile) {
    Listener listener;
    listener.feed = &feed_;
    bool holds = true;
    ASSERT_TRUE(feed_.subscribe(listener, filter({{"topics", "change"}}),
                                {Privacy::Full, [&holds] { return holds; }}));
    feed_.publish(change(1));
    feed_.tick();
    EXPECT_EQ(listener.lines.size(), 1U);
    holds = false;
    const base::MonoTime deadline = base::mono_now() + std::chrono::seconds(10);
    while (!listener.ended && base::mono_now() < deadline) feed_.tick();
    EXPECT_TRUE(listener.ended);
    EXPECT_EQ(feed_.subscribers(), 0U);
    feed_.publish(change(2));
    feed_.tick();
    EXPECT_EQ(listener.lines.size(), 1U);
}

TEST_F(FeedTest, MorePrefixesThanFitAreCounted) {
    Listener all;
    ASSERT_TRUE(feed_.subscribe(all, filter({{"topics", "limit"}})));
    const std::size_t beyond = 50;
    for (std::size_t i = 0; i < server::LimitEvents::kMaxEntries + beyond; ++i) {
        limits_.note(
            limited("10." + std::to_string(i / 256) + '.' + std::to_string(i % 256) + ".0/24", 1));
    }
    feed_.tick();
    EXPECT_EQ(all.lines.size(), server::LimitEvents::kMaxEntries);
    EXPECT_EQ(all.dropped, beyond);
    feed_.unsubscribe(all);
}

TEST_F(FeedTest, TapsAreOnOnlyWhileQueriesAreWanted) {
    EXPECT_FALSE(tap_.active());
    Listener changes;
    ASSERT_TRUE(feed_.subscribe(changes, filter({{"topics", "change"}})));
    EXPECT_FALSE(tap_.active());
    Listener queries;
    ASSERT_TRUE(feed_.subscribe(queries, filter({{"topics", "query"}})));
    EXPECT_TRUE(tap_.active());
    EXPECT_TRUE(other_tap_.active());
    ASSERT_TRUE(feed_.subscribe(queries, filter({{"topics", "change"}})));
    EXPECT_FALSE(tap_.active());
    ASSERT_TRUE(feed_.subscribe(queries, filter({})));
    feed_.unsubscribe(queries);
    EXPECT_FALSE(tap_.active());
    feed_.unsubscribe(changes);
    EXPECT_EQ(feed_.subscribers(), 0U);
}

TEST_F(FeedTest, EachGetsWhatItsFilterLetsThrough) {
    Listener all;
    Listener tcp;
    Listener a_only;
    ASSERT_TRUE(feed_.subscribe(all, filter({})));
    ASSERT_TRUE(feed_.subscribe(tcp, filter({{"transport", "tcp"}})));
    ASSERT_TRUE(feed_.subscribe(a_only, filter({{"qtype", "A"}, {"qname", "*.example.com"}})));
    server::TapEvent event = tap_event();
    tap_.record(event);
    event.transport = server::Transport::Tcp;
    other_tap_.record(event);
    feed_.publish(change(9));
    feed_.tick();
    EXPECT_EQ(all.lines.size(), 3U);
    EXPECT_EQ(tcp.lines.size(), 2U);  // the change too: the filter is about queries
    EXPECT_EQ(a_only.lines.size(), 3U);
    for (Listener* listener : {&all, &tcp, &a_only}) feed_.unsubscribe(*listener);
}

TEST_F(FeedTest, IdsAreBootAndSequence) {
    Listener listener;
    ASSERT_TRUE(feed_.subscribe(listener, filter({})));
    const std::string expected = feed_.next_id();
    feed_.publish(change(1));
    feed_.publish(change(2));
    feed_.tick();
    ASSERT_EQ(listener.lines.size(), 2U);
    const auto id = [&](std::size_t i) {
        return *Json::parse(listener.lines[i])->find("id")->as_string();
    };
    EXPECT_EQ(id(0), expected);
    EXPECT_EQ(id(0).substr(0, 9), id(1).substr(0, 9));
    EXPECT_NE(id(0), id(1));
    feed_.unsubscribe(listener);
}

TEST_F(FeedTest, ASlowSubscriberLosesTheOldestAndIsTold) {
    Listener slow;
    Listener quick;
    slow.ready_now = false;
    ASSERT_TRUE(feed_.subscribe(slow, filter({})));
    ASSERT_TRUE(feed_.subscribe(quick, filter({})));
    const std::size_t sent = Feed::kQueueEvents + 1000;
    for (std::size_t i = 1; i <= sent; ++i) {
        feed_.publish(change(i));
        if (i % 500 == 0) feed_.tick();
    }
    feed_.tick();
    EXPECT_EQ(quick.lines.size(), sent);
    EXPECT_EQ(quick.dropped, 0U);
    EXPECT_TRUE(slow.lines.empty());
    EXPECT_EQ(feed_.dropped(), 1000U);
    slow.ready_now = true;
    feed_.tick();
    EXPECT_EQ(slow.lines.size(), Feed::kQueueEvents);
    EXPECT_EQ(slow.dropped, 1000U);
    EXPECT_EQ(Json::parse(slow.lines.front())->find("revision")->as_integer(), 1001);
    EXPECT_EQ(slow.lines.back(), quick.lines.back());
    feed_.unsubscribe(slow);
    feed_.unsubscribe(quick);
}

TEST_F(FeedTest, AQueueIsBoundedInOctetsToo) {
    Listener slow;
    slow.ready_now = false;
    ASSERT_TRUE(feed_.subscribe(slow, filter({})));
    ChangeNotice large = change(1);
    large.message.assign(std::size_t{1} << 20, 'x');
    for (int i = 0; i < 20; ++i) feed_.publish(large);
    slow.ready_now = true;
    feed_.tick();
    EXPECT_LE(slow.lines.size(), 4U);
    EXPECT_EQ(slow.lines.size() + slow.dropped, 20U);
    feed_.unsubscribe(slow);
}

TEST_F(FeedTest, WhatATapLosesIsTold) {
    Listener listener;
    ASSERT_TRUE(feed_.subscribe(listener, filter({})));
    const server::TapEvent event = tap_event();
    for (int i = 0; i < 100; ++i) other_tap_.record(event);  // 4096 octets do not hold them
    const std::uint64_t lost = other_tap_.dropped();
    ASSERT_GT(lost, 0U);
    feed_.tick();
    EXPECT_EQ(listener.dropped, lost);
    EXPECT_EQ(listener.lines.size(), 100 - lost);
    feed_.tick();
    EXPECT_EQ(listener.dropped, lost);  // told once
    feed_.unsubscribe(listener);
}

TEST_F(FeedTest, WhatATapHeldBeforeIsNotShown) {
    Listener listener;
    ASSERT_TRUE(feed_.subscribe(listener, filter({})));
    tap_.record(tap_event());
    feed_.unsubscribe(listener);
    ASSERT_TRUE(feed_.subscribe(listener, filter({})));
    feed_.tick();
    EXPECT_TRUE(listener.lines.empty());
    feed_.unsubscribe(listener);
}

TEST_F(FeedTest, SubscribersAreBounded) {
    std::vector<Listener> many(Feed::kMaxSubscribers);
    for (Listener& listener : many) ASSERT_TRUE(feed_.subscribe(listener, filter({})));
    Listener late;
    EXPECT_FALSE(feed_.subscribe(late, filter({})));
    EXPECT_TRUE(feed_.subscribe(many[0], filter({{"topics", "change"}})));
    for (Listener& listener : many) feed_.unsubscribe(listener);
}

TEST_F(FeedTest, EndReachesEverybody) {
    Listener a;
    Listener b;
    ASSERT_TRUE(feed_.subscribe(a, filter({})));
    ASSERT_TRUE(feed_.subscribe(b, filter({})));
    feed_.end();
    EXPECT_TRUE(a.ended && b.ended);
    feed_.unsubscribe(a);
    feed_.unsubscribe(b);
}

}  // namespace
}  // namespace admin
