#include "net/local_addresses.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace net {
namespace {

/// What the kernel would send.
struct Message {
    std::uint16_t type = RTM_NEWADDR;
    std::string address;
    std::string peer;  // IFA_ADDRESS, when `address` is the IFA_LOCAL of a point-to-point link
    std::uint32_t interface_index = 1;
    std::uint32_t flags = 0;
    std::uint16_t message_flags = 0;
    std::uint32_t sequence = 0;
};

using Bytes = std::vector<std::uint8_t>;

template <typename T>
void append(Bytes& out, const T& value) {
    const auto* const raw = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), raw, raw + sizeof value);
}

void append_attribute(Bytes& out, std::uint16_t type, base::Octets value) {
    rtattr head{};
    head.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
    head.rta_type = type;
    append(out, head);
    out.insert(out.end(), value.begin(), value.end());
    out.resize(RTA_ALIGN(out.size()));
}

Bytes wire(const std::vector<Message>& messages) {
    Bytes out;
    for (const Message& message : messages) {
        Bytes body;
        if (!message.address.empty()) {
            const auto address = *base::IpAddress::parse(message.address);
            ifaddrmsg head{};
            head.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
            head.ifa_index = message.interface_index;
            head.ifa_flags = static_cast<std::uint8_t>(message.flags);
            append(body, head);
            if (!message.peer.empty()) {
                append_attribute(body, IFA_ADDRESS, base::IpAddress::parse(message.peer)->octets());
                append_attribute(body, IFA_LOCAL, address.octets());
            } else {
                append_attribute(body, IFA_ADDRESS, address.octets());
            }
            const std::uint32_t flags = message.flags;
            append_attribute(body, IFA_FLAGS,
                             {reinterpret_cast<const std::uint8_t*>(&flags), sizeof flags});
        }
        nlmsghdr head{};
        head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(body.size()));
        head.nlmsg_type = message.type;
        head.nlmsg_flags = message.message_flags;
        head.nlmsg_seq = message.sequence;
        append(out, head);
        out.insert(out.end(), body.begin(), body.end());
        out.resize(NLMSG_ALIGN(out.size()));
    }
    return out;
}

std::vector<std::string> texts(const AddressTable& table) {
    std::vector<std::string> out;
    for (const LocalAddress& each : table.all()) out.push_back(each.address.to_text());
    return out;
}

using Texts = std::vector<std::string>;

Message listed(const std::string& address, std::uint32_t sequence) {
    Message message;
    message.address = address;
    message.message_flags = NLM_F_MULTI;
    message.sequence = sequence;
    return message;
}

Message end_of(std::uint32_t sequence, std::uint16_t flags = 0) {
    Message message;
    message.type = NLMSG_DONE;
    message.message_flags = static_cast<std::uint16_t>(NLM_F_MULTI | flags);
    message.sequence = sequence;
    return message;
}

Message change(std::uint16_t type, const std::string& address, std::uint32_t flags = 0) {
    Message message;
    message.type = type;
    message.address = address;
    message.flags = flags;
    message.sequence = 77;  // of whoever made it
    return message;
}

TEST(AddressTable, ListsAndFollows) {
    AddressTable table;
    const std::uint32_t scan = table.next_scan();
    table.begin_scan();
    auto news = table.receive(
        wire({listed("127.0.0.1", scan), listed("::1", scan), listed("192.0.2.9", scan)}));
    EXPECT_TRUE(news.changed);
    EXPECT_FALSE(news.scanned);
    news = table.receive(wire({end_of(scan)}));
    EXPECT_TRUE(news.scanned);
    EXPECT_FALSE(news.changed || news.scan_lost);
    EXPECT_EQ(texts(table), (Texts{"127.0.0.1", "192.0.2.9", "::1"}));

    news = table.receive(wire({change(RTM_NEWADDR, "192.0.2.1")}));
    EXPECT_TRUE(news.changed);
    EXPECT_FALSE(news.scanned);
    news = table.receive(wire({change(RTM_NEWADDR, "192.0.2.1")}));
    EXPECT_FALSE(news.changed) << "its lifetime was changed, it was not added again";
    news = table.receive(wire({change(RTM_DELADDR, "192.0.2.9"), change(RTM_DELADDR, "::1")}));
    EXPECT_TRUE(news.changed);
    EXPECT_EQ(texts(table), (Texts{"127.0.0.1", "192.0.2.1"}));
    EXPECT_FALSE(table.receive(wire({change(RTM_DELADDR, "198.51.100.1")})).changed);
}

TEST(AddressTable, ASecondListingForgetsWhatIsGone) {
    AddressTable table;
    table.begin_scan();
    table.receive(wire({listed("192.0.2.1", 1), listed("192.0.2.2", 1), end_of(1)}));
    ASSERT_EQ(table.next_scan(), 2U);
    table.begin_scan();
    EXPECT_FALSE(table.receive(wire({listed("192.0.2.2", 2)})).changed);
    EXPECT_EQ(texts(table), (Texts{"192.0.2.1", "192.0.2.2"}));
    EXPECT_TRUE(table.receive(wire({change(RTM_NEWADDR, "192.0.2.3")})).changed);
    // What is left of an earlier listing neither adds nor ends anything.
    const auto stale = table.receive(wire({listed("192.0.2.1", 1), end_of(1)}));
    EXPECT_FALSE(stale.changed || stale.scanned);
    const auto news = table.receive(wire({end_of(2)}));
    EXPECT_TRUE(news.changed && news.scanned);
    EXPECT_EQ(texts(table), (Texts{"192.0.2.2", "192.0.2.3"}));
}

TEST(AddressTable, AnInterruptedListingForgetsNothing) {
    for (const auto& last : {std::vector<Message>{end_of(2, NLM_F_DUMP_INTR)},
                             std::vector<Message>{Message{NLMSG_ERROR, "", "", 0, 0, 0, 2}}}) {
        AddressTable table;
        table.begin_scan();
        table.receive(wire({listed("192.0.2.1", 1), end_of(1)}));
        table.begin_scan();
        const auto news = table.receive(wire(last));
        EXPECT_TRUE(news.scan_lost);
        EXPECT_FALSE(news.changed);
        EXPECT_EQ(texts(table), (Texts{"192.0.2.1"}));
    }
}

TEST(AddressTable, LeavesOutWhatCannotBeBound) {
    AddressTable table;
    table.receive(wire({change(RTM_NEWADDR, "2001:db8::1", IFA_F_TENTATIVE),
                        change(RTM_NEWADDR, "2001:db8::2", IFA_F_TENTATIVE | IFA_F_DADFAILED),
                        change(RTM_NEWADDR, "fe80::1", IFA_F_PERMANENT),
                        change(RTM_NEWADDR, "2001:db8::3", IFA_F_DEPRECATED)}));
    EXPECT_EQ(texts(table), (Texts{"2001:db8::3"}));
    // Duplicate address detection ends, or finds a duplicate later.
    EXPECT_TRUE(table.receive(wire({change(RTM_NEWADDR, "2001:db8::1", IFA_F_PERMANENT)})).changed);
    EXPECT_TRUE(table.receive(wire({change(RTM_NEWADDR, "2001:db8::3", IFA_F_DADFAILED)})).changed);
    EXPECT_EQ(texts(table), (Texts{"2001:db8::1"}));
}

TEST(AddressTable, OfAPointToPointLinkOurEndCounts) {
    AddressTable table;
    Message message = change(RTM_NEWADDR, "10.0.0.1");
    message.peer = "10.0.0.2";
    table.receive(wire({message}));
    EXPECT_EQ(texts(table), (Texts{"10.0.0.1"}));
}

TEST(AddressTable, OneAddressOnTwoInterfacesIsOne) {
    AddressTable table;
    Message first = change(RTM_NEWADDR, "192.0.2.1"), second = first;
    second.interface_index = 2;
    table.receive(wire({first, second}));
    EXPECT_EQ(texts(table), (Texts{"192.0.2.1"}));
    first.type = RTM_DELADDR;
    table.receive(wire({first}));
    ASSERT_EQ(texts(table), (Texts{"192.0.2.1"}));
    EXPECT_EQ(table.all().front().interface_index, 2U);
}

TEST(AddressTable, CutMessagesAreNotReadBeyondTheirEnd) {
    const Bytes whole = wire({change(RTM_NEWADDR, "2001:db8::1"), change(RTM_DELADDR, "::1")});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        AddressTable table;
        table.receive(cut);
        EXPECT_LE(table.all().size(), 1U);
        // Lengths that lie are no better.
        for (std::size_t at = 0; at + 1 < size; ++at) {
            for (const int value : {0, 1, 3, 17, 255}) {
                Bytes changed = cut;
                changed[at] = static_cast<std::uint8_t>(value);
                AddressTable other;
                other.receive(changed);
                EXPECT_LE(other.all().size(), 2U);
            }
        }
    }
}

TEST(LocalAddresses, KnowsLoopback) {
    struct Handler final : LocalAddresses::Handler {
        void on_addresses() override {}
    } handler;
    Loop loop;
    auto local = LocalAddresses::open(loop, handler);
    ASSERT_TRUE(local) << local.error().message;
    const auto all = (*local)->all();
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const LocalAddress& each) {
        return each.address == *base::IpAddress::parse("127.0.0.1");
    }));
    EXPECT_EQ((*local)->overruns(), 0U);
}

}  // namespace
}  // namespace net
