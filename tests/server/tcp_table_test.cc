#include "server/tcp_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace server {
namespace {

struct Client final : TcpTable::Entry {
    explicit Client(std::string_view address)
        : prefix(client_prefix(*base::IpAddress::parse(address))) {}
    [[nodiscard]] bool waits_for_us() const noexcept override { return waits; }
    base::IpAddress prefix;
    bool waits = false;
};

base::MonoTime at(int second) {
    return base::MonoTime{} + std::chrono::seconds(second);
}

TEST(TcpTable, AddressIsThePrefixOfIpv4And56BitsAreThatOfIpv6) {
    const auto prefix = [](std::string_view text) {
        return client_prefix(*base::IpAddress::parse(text)).to_text();
    };
    EXPECT_EQ(prefix("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(prefix("2001:db8:1:2ff:3::4"), "2001:db8:1:200::");
    EXPECT_EQ(prefix("::ffff:192.0.2.1"), "192.0.2.1");
}

TEST(TcpTable, TheLongestIdleOfTheGreediestPrefixGoes) {
    TcpTable table;
    EXPECT_EQ(table.victim(), nullptr);
    Client old("192.0.2.1");
    Client greedy1("192.0.2.9");
    Client greedy2("192.0.2.9");
    table.add(old, old.prefix, at(1));
    EXPECT_EQ(table.victim(), &old);
    table.add(greedy1, greedy1.prefix, at(2));
    EXPECT_EQ(table.victim(), &old);  // alike: the one idle longest
    table.add(greedy2, greedy2.prefix, at(3));
    EXPECT_EQ(table.victim(), &greedy1);
    table.touch(greedy1, at(4));
    EXPECT_EQ(table.victim(), &greedy2);
    greedy2.waits = true;  // who waits for us goes last
    EXPECT_EQ(table.victim(), &greedy1);
    greedy1.waits = true;
    EXPECT_EQ(table.victim(), &greedy2);
    EXPECT_EQ(table.oldest(), &old);
    EXPECT_EQ(table.victim_of(old.prefix), &old);
    EXPECT_EQ(table.victim_of(*base::IpAddress::parse("192.0.2.77")), nullptr);
    table.remove(greedy2);
    EXPECT_EQ(table.victim(), &old);
    table.remove(old);
    table.remove(greedy1);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.oldest(), nullptr);
}

/// Against a plain list: whatever happens, the victim belongs to a prefix that holds most, and is
/// its longest idle; and the oldest is the oldest.
TEST(TcpTable, AgreesWithAPlainListInAnyOrderOfEvents) {
    std::mt19937 chance(7);
    TcpTable table;
    std::vector<std::unique_ptr<Client>> clients;
    for (int step = 1; step < 4000; ++step) {
        const unsigned what = static_cast<unsigned>(chance() % 4);
        if (clients.empty() || what == 0) {
            const std::string address = "192.0.2." + std::to_string(chance() % 6);
            clients.push_back(std::make_unique<Client>(address));
            table.add(*clients.back(), clients.back()->prefix, at(step));
        } else {
            const std::size_t which = chance() % clients.size();
            if (what == 1) {
                table.remove(*clients[which]);
                clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(which));
            } else {
                table.touch(*clients[which], at(step));
            }
        }
        ASSERT_EQ(table.size(), clients.size());
        if (clients.empty()) continue;
        const auto holds = [&](const base::IpAddress& prefix) {
            return std::count_if(clients.begin(), clients.end(),
                                 [&](const auto& each) { return each->prefix == prefix; });
        };
        const auto* victim = static_cast<const Client*>(table.victim());
        for (const auto& each : clients) {
            ASSERT_LE(holds(each->prefix), holds(victim->prefix));
            if (each->prefix == victim->prefix) {
                ASSERT_LE(victim->used(), each->used());
            }
            ASSERT_LE(table.oldest()->used(), each->used());
        }
    }
    for (const auto& each : clients) table.remove(*each);
}

TEST(TcpClients, CountsAllAndEachPrefix) {
    TcpClients clients(3, 2);
    const auto one = *base::IpAddress::parse("192.0.2.1");
    const auto two = *base::IpAddress::parse("192.0.2.2");
    using Admission = TcpClients::Admission;
    EXPECT_EQ(clients.admit(one), Admission::Admitted);
    EXPECT_EQ(clients.admit(one), Admission::Admitted);
    EXPECT_EQ(clients.admit(one), Admission::PrefixFull);
    EXPECT_EQ(clients.admit(two), Admission::Admitted);
    EXPECT_EQ(clients.admit(two), Admission::Full);
    EXPECT_EQ(clients.used(), 3U);
    clients.leave(one);
    EXPECT_EQ(clients.admit(two), Admission::Admitted);
    EXPECT_EQ(clients.admit(two), Admission::PrefixFull);
}

TEST(TcpClients, HttpsHasHalfOfThePlacesAndAPrefixAnEighthUnlessItIsToldOtherwise) {
    struct Row {
        std::uint32_t places;
        std::uint32_t per_prefix;  // limits.tcp_clients_per_prefix
        std::uint32_t doh;
        std::uint32_t doh_per_prefix;
    };
    constexpr Row kRows[] = {
        {10000, 0, 5000, 1250},
        {10000, 10, 5000, 10},
        {10000, 2000, 5000, 2000},
        {10000, 9000, 5000, 5000},  // never more than there are
        {33, 0, 16, 4},
        {24, 0, 12, 4},  // four at least
        {40, 0, 20, 5},
        {40, 1, 20, 1},  // unless it is said
        {6, 0, 3, 3},
        {2, 0, 1, 1},
        {1, 0, 1, 1},
        {1, 5, 1, 1},  // one at least
        {UINT32_MAX, 0, UINT32_MAX / 2, UINT32_MAX / 8},
    };
    for (const Row& row : kRows) {
        EXPECT_EQ(doh_places(row.places), row.doh) << row.places;
        EXPECT_EQ(doh_places_per_prefix(row.places, row.per_prefix), row.doh_per_prefix)
            << row.places << ", " << row.per_prefix;
    }
}

}  // namespace
}  // namespace server
