// Clients that use HTTP/2 against the server. Each is told ENHANCE_YOUR_CALM and closed, counted as
// what it did, while another client is served all along.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "net/http2_guard.h"
#include "tests/net/support/http2_client.h"
#include "tests/net/support/test_server.h"

namespace net::testing {
namespace {

using base::MonoTime;

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  const std::string& payload = {}) {
    std::string out;
    for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
    return out + payload;
}

constexpr std::uint8_t kEndHeaders = 4;
constexpr std::uint8_t kEndStream = 1;
// GET / of http and "a", by the static table (RFC 7541, appendix A).
const std::string kHead("\x82\x86\x84\x01\x01\x61", 6);

struct Attack {
    const char* name;
    Http2Abuse abuse;
    // The octets of one round; `round` begins with 0. Streams are odd and grow.
    std::function<std::string(std::uint32_t round)> octets;
    // Streams that the server resets in each round: waited for, because more of them at a time than
    // it allows would be another fault.
    std::size_t resets = 0;
};

const Attack kAttacks[] = {
    {"RapidReset", Http2Abuse::Reset,
     [](std::uint32_t round) {
         std::string out;
         for (std::uint32_t i = 0; i < 50; ++i) {
             const std::uint32_t id = 2 * (round * 50 + i) + 1;
             out +=
                 frame(1, kEndHeaders, id, kHead) + frame(3, 0, id, std::string("\0\0\0\x08", 4));
         }
         return out;
     }},
    // The server is made to reset the streams itself (CVE-2025-8671): a request without :authority
    // is malformed (RFC 9113, 8.3.1).
    {"ProvokedReset", Http2Abuse::Reset,
     [](std::uint32_t round) {
         std::string out;
         for (std::uint32_t i = 0; i < 50; ++i) {
             const std::uint32_t id = 2 * (round * 50 + i) + 1;
             out += frame(1, kEndHeaders, id, kHead.substr(0, 3));
         }
         return out;
     },
     50},
    {"Settings", Http2Abuse::Settings,
     [](std::uint32_t) {
         std::string out;
         for (int i = 0; i < 50; ++i) out += frame(4, 0, 0);
         return out;
     }},
    {"Ping", Http2Abuse::Ping,
     [](std::uint32_t) {
         std::string out;
         for (int i = 0; i < 100; ++i) out += frame(6, 0, 0, "12345678");
         return out;
     }},
    {"Priority", Http2Abuse::Priority,
     [](std::uint32_t) {
         std::string out;
         for (int i = 0; i < 100; ++i) out += frame(2, 0, 3, std::string("\0\0\0\0\x10", 5));
         return out;
     }},
    {"EmptyData", Http2Abuse::EmptyData,
     [](std::uint32_t round) {
         std::string out = round == 0 ? frame(1, kEndHeaders, 1, kHead) : "";
         for (int i = 0; i < 100; ++i) out += frame(0, 0, 1);
         return out;
     }},
    // Padding alone, as long as it can be.
    {"PaddedData", Http2Abuse::Frames,
     [](std::uint32_t round) {
         std::string out = round == 0 ? frame(1, kEndHeaders, 1, kHead) : "";
         const std::string padding = '\xff' + std::string(255, '\0');
         for (int i = 0; i < 200; ++i) out += frame(0, 8, 1, padding);
         return out;
     }},
    {"UnknownFrames", Http2Abuse::Frames,
     [](std::uint32_t) {
         std::string out;
         for (int i = 0; i < 1000; ++i) out += frame(0x77, 0, 0);
         return out;
     }},
    {"WindowUpdates", Http2Abuse::WindowUpdate,
     [](std::uint32_t) {
         std::string out;
         for (int i = 0; i < 500; ++i) out += frame(8, 0, 0, std::string("\0\0\0\x01", 4));
         return out;
     }},
    {"Continuation", Http2Abuse::Continuation,
     [](std::uint32_t round) { return round == 0 ? frame(1, 0, 1, kHead) : frame(9, 0, 1); }},
    // One field of 4,000 octets into the dynamic table, then one octet for each copy of it.
    {"HpackBomb", Http2Abuse::Hpack,
     [](std::uint32_t round) {
         if (round > 0) return std::string();
         std::string head = kHead + "\x40\x01x\x7f\xa1\x1e" + std::string(4000, 'a');
         head += std::string(10000, '\xbe');
         return frame(1, kEndHeaders | kEndStream, 1, head);
     }},
};

/// Speaks octets: a library would not go along with what the attacks make the server say.
class Attacker {
  public:
    explicit Attacker(std::uint16_t port) : client_(port) {}

    /// The preface, and SETTINGS of both sides acknowledged.
    [[nodiscard]] bool begin() {
        if (!send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))) return false;
        bool answered = false;
        return until([&] {
                   answered |= has([](std::uint8_t type, std::uint8_t flags) {
                       return type == 4 && (flags & 1) == 0;
                   });
                   return answered;
               }) &&
               send(frame(4, 1, 0)) && until([&] {
                   return has([](std::uint8_t type, std::uint8_t flags) {
                       return type == 4 && (flags & 1) != 0;
                   });
               });
    }
    bool send(const std::string& octets) { return client_.send(octets); }
    void read(std::chrono::milliseconds wait) {
        client_.read_some(wait);
        received_ += client_.take_received();
    }
    /// Error codes of the GOAWAYs that came.
    [[nodiscard]] std::vector<std::uint32_t> goaways() const {
        std::vector<std::uint32_t> codes;
        each_frame([&](std::uint8_t type, std::uint8_t, std::string_view payload) {
            if (type != 7 || payload.size() < 8) return;
            codes.push_back(base::load_be32(base::as_octets(payload).data() + 4));
        });
        return codes;
    }
    [[nodiscard]] std::size_t resets() const {
        std::size_t count = 0;
        each_frame([&count](std::uint8_t type, std::uint8_t, std::string_view) {
            count += type == 3 ? 1 : 0;
        });
        return count;
    }
    /// Reads until it holds, for at most 5 s.
    template <class Condition>
    bool until(Condition holds) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!holds() && std::chrono::steady_clock::now() < end && !client_.ended()) {
            read(std::chrono::milliseconds(20));
        }
        return holds();
    }

  private:
    template <class Visit>
    void each_frame(Visit visit) const {
        for (std::size_t at = 0; at + 9 <= received_.size();) {
            const auto* head = base::as_octets(received_).data() + at;
            const std::size_t size = base::load_be32(head) >> 8;
            if (at + 9 + size > received_.size()) return;
            visit(head[3], head[4], std::string_view(received_).substr(at + 9, size));
            at += 9 + size;
        }
    }
    template <class Is>
    [[nodiscard]] bool has(Is is) const {
        bool found = false;
        each_frame([&](std::uint8_t type, std::uint8_t flags, std::string_view) {
            found |= is(type, flags);
        });
        return found;
    }

    RawClient client_;
    std::string received_;
};

class Http2Attack : public ::testing::TestWithParam<Attack> {};

TEST_P(Http2Attack, IsCalmedAndHarmsNobody) {
    TestServer server;
    Http2Client honest(server.port());
    Attacker attacker(server.port());
    ASSERT_TRUE(attacker.begin());
    int served = 0;
    for (std::uint32_t round = 0; round < 400 && attacker.goaways().empty(); ++round) {
        if (!attacker.send(GetParam().octets(round))) break;
        attacker.read(std::chrono::milliseconds(5));
        attacker.until([&] {
            return attacker.resets() >= GetParam().resets * (round + 1) ||
                   !attacker.goaways().empty();
        });
        if (round % 10 != 0) continue;
        const std::int32_t id = honest.request("GET", "/hello");
        ASSERT_TRUE(honest.finish(id));
        ASSERT_EQ(honest.streams[id].body, "hello");
        ++served;
    }
    ASSERT_TRUE(attacker.until([&] { return !attacker.goaways().empty(); }));
    EXPECT_EQ(attacker.goaways().back(), static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 1; }));
    EXPECT_GT(served, 0);
    const HttpCounters counters = server.counters();
    for (std::size_t i = 0; i < kHttp2Abuses; ++i) {
        EXPECT_EQ(counters.http2_abuses[i], i == static_cast<std::size_t>(GetParam().abuse) ? 1 : 0)
            << to_text(static_cast<Http2Abuse>(i));
    }
    const std::int32_t id = honest.request("GET", "/hello");
    EXPECT_TRUE(honest.finish(id));
    EXPECT_EQ(honest.streams[id].status, 200);
}

INSTANTIATE_TEST_SUITE_P(All, Http2Attack, ::testing::ValuesIn(kAttacks),
                         [](const auto& one) { return std::string(one.param.name); });

// A head that is too large to be served and yet bounded is answered, and the connection lives.
TEST(Http2Guard, AHeadThatIsTooLargeIsRefusedAlone) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = client.request(
        "GET", "/hello", {}, {{"x", std::string(40000, 'a')}, {"y", std::string(40000, 'b')}});
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].status, 431);
    const std::int32_t next = client.request("GET", "/hello");
    ASSERT_TRUE(client.finish(next));
    EXPECT_EQ(client.streams[next].status, 200);
    EXPECT_TRUE(client.goaways.empty());
}

// Who takes much gives much window back: that is no abuse.
TEST(Http2Guard, WindowUpdatesArePaidByWhatWasSent) {
    MonoTime now{};
    Http2Guard guard(1000, now);
    (void)guard.frame(1, kEndHeaders, 10, now);
    for (int i = 0; i < 100000; ++i) {
        guard.sent(4096);
        ASSERT_FALSE(guard.frame(8, 0, 4, now)) << i;
        ASSERT_FALSE(guard.frame(8, 0, 4, now)) << i;
    }
    // One for each octet is.
    int left = 0;
    for (; left < 10000 && !guard.frame(8, 0, 4, now); ++left) guard.sent(1);
    EXPECT_LT(left, 5000);
}

TEST(Http2Guard, AllowancesGrowBack) {
    MonoTime now{};
    Http2Guard guard(1000, now);
    for (int minute = 0; minute < 60; ++minute) {
        for (int i = 0; i < 60; ++i) ASSERT_FALSE(guard.frame(4, 0, 0, now)) << minute;  // SETTINGS
        now += std::chrono::minutes(1);
    }
    // Acknowledgements of ours are no work.
    for (int i = 0; i < 5000; ++i) ASSERT_FALSE(guard.frame(6, 1, 8, now));
    // Told once.
    int told = 0;
    for (int i = 0; i < 5000; ++i) told += guard.frame(6, 0, 8, now) ? 1 : 0;
    EXPECT_EQ(told, 1);
}

// RFC 9113, 6.9.1. The application takes nothing, so that no window is given back.
TEST(Http2Windows, AnOctetMoreThanTheWindowIsAnErrorOfTheStream) {
    TestServer server;
    RawClient client(server.port());
    const std::string post("\x83\x86\x04\x05/hold\x01\x01\x61", 12);
    const auto lives = [&client](const std::string& mark) {
        client.send(frame(6, 0, 0, mark));
        const std::string answer = frame(6, 1, 0, mark);
        const std::string heard = client.read_until(answer);
        return std::pair(heard.ends_with(answer), heard);
    };
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) +
                frame(1, kEndHeaders, 1, post));
    for (const std::size_t size : {16384U, 16384U, 16384U, 16383U}) {
        client.send(frame(0, 0, 1, std::string(size, 'x')));
    }
    const std::string reset = frame(3, 0, 1, std::string("\0\0\0\x03", 4));
    const auto full = lives("the most");
    EXPECT_TRUE(full.first);
    EXPECT_EQ(full.second.find(reset), std::string::npos);
    client.send(frame(0, 0, 1, "x"));
    const auto beyond = lives("and more");
    EXPECT_TRUE(beyond.first);
    EXPECT_NE(beyond.second.find(reset), std::string::npos);
}

TEST(Http2Guard, UploadsPayForThemselves) {
    MonoTime now{};
    Http2Guard guard(1000, now);
    for (int i = 0; i < 100000; ++i) ASSERT_FALSE(guard.frame(0, 0, 16384, now));
    for (int i = 0; i < 10000; ++i) ASSERT_FALSE(guard.frame(0, 0, 100, now));  // small ones too
}

}  // namespace
}  // namespace net::testing
