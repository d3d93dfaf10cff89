// DNS over TCP with scripted clients: no sockets, but the loop's own time.
#include "server/dns_tcp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace server {
namespace {

using std::chrono::milliseconds;

/// A client whose octets the test sends, and which takes as much as the test allows.
struct Client final : net::Stream {
    explicit Client(std::string_view address, Client** here) : here_(here) {
        peer_.remote = {*base::IpAddress::parse(address), 4000};
        *here_ = this;
    }
    ~Client() override { *here_ = nullptr; }

    void start(net::StreamHandler& to) override { handler = &to; }
    bool write(base::Octets octets) override {
        waiting.append(base::as_text(octets));
        ++writes;
        take();
        full = queued() >= DnsTcp::stream_limits().high_water;
        return !full;
    }
    void shutdown() override { ended = true; }
    void close() override {}
    void pause_read() override { paused = true; }
    void resume_read() override { paused = false; }
    [[nodiscard]] std::size_t queued() const override { return waiting.size(); }
    [[nodiscard]] bool ready() const override { return is_ready; }
    [[nodiscard]] const net::Peer& peer() const override { return peer_; }
    [[nodiscard]] const base::Endpoint& local() const override { return peer_.remote; }

    void take() {
        const std::size_t part = std::min(room, waiting.size());
        received += waiting.substr(0, part);
        waiting.erase(0, part);
        room -= part;
    }
    /// The client reads so many octets more.
    void read(std::size_t octets) {
        room += octets;
        take();
        if (full && queued() <= DnsTcp::stream_limits().low_water) {
            full = false;
            handler->on_writable();
        }
    }
    void send(std::string_view octets) { handler->on_read(base::as_octets(octets)); }

    net::StreamHandler* handler = nullptr;
    std::string received;
    std::string waiting;
    std::size_t room = std::string::npos / 2;
    int writes = 0;
    bool full = false;
    bool paused = false;
    bool ended = false;
    bool is_ready = true;

  private:
    Client** here_;
    net::Peer peer_;
};

/// "abc": a message of 12 octets at least that begins so, behind its length.
std::string framed(std::string body) {
    if (body.size() < 12) body.resize(12, '.');
    std::string out(2, '\0');
    out[0] = static_cast<char>(body.size() >> 8U);
    out[1] = static_cast<char>(body.size() & 0xffU);
    return out + body;
}

class DnsTcpTest : public testing::Test, public DnsTcp::Handler {
  protected:
    /// A message is its own answer; one that begins with D is deferred, with X dropped, and B is
    /// answered with 4096 octets.
    DnsTcp::Outcome on_message(const DnsTcp::Message& message, base::MutableOctets room,
                               std::size_t& size) override {
        EXPECT_EQ(room.size(), 65535U);
        EXPECT_TRUE(bracket_);
        keepalive_ds_ = message.keepalive_ds;
        const std::string text(base::as_text(message.octets));
        asked_.push_back(text[0]);
        if (text[0] == 'D') {
            deferred_.push_back({message.ticket, text});
            return DnsTcp::Outcome::Deferred;
        }
        if (text[0] == 'X') return DnsTcp::Outcome::Dropped;
        size = text[0] == 'B' ? 4096 : text.size();
        std::fill_n(room.begin(), size, static_cast<std::uint8_t>('b'));
        std::copy(text.begin(), text.end(), room.begin());
        return DnsTcp::Outcome::Answered;
    }
    void begin_messages() override { bracket_ = true; }
    void end_messages() override { bracket_ = false; }
    void on_connection(bool opened) override {
        open_ += opened ? 1 : -1;
        if (thief_ && !opened) {
            ASSERT_EQ(clients_->admit(*thief_), TcpClients::Admission::Admitted);
        }
    }
    void on_limit(LimitHit limit, const base::IpAddress* prefix) override {
        ++hits_[static_cast<std::size_t>(limit)];
        limited_.push_back(prefix == nullptr ? "-" : prefix->to_text());
    }
    void on_refused() override { ++refused_; }

    void make(std::uint32_t clients = 100, std::uint32_t per_prefix = 0) {
        tcp_.reset();  // counts in what follows
        clients_ = std::make_unique<TcpClients>(clients, per_prefix);
        tcp_ = std::make_unique<DnsTcp>(loop_, limits_, *clients_, *this);
    }
    void connect(Client*& client, std::string_view address = "192.0.2.1") {
        tcp_->accept(0, std::make_unique<Client>(address, &client));
    }
    void run_for(milliseconds time) {
        net::Timer timer(loop_);
        timer.start(time, [this] { loop_.stop(); });
        loop_.run();
    }
    /// Turns the loop until that client is gone, ten seconds at most; tells how long it took.
    base::Duration run_until_gone(Client* const& client) {
        const base::MonoTime start = base::mono_now();
        while (client != nullptr && base::mono_now() - start < std::chrono::seconds(10)) {
            run_for(milliseconds(5));
        }
        return base::mono_now() - start;
    }
    void reply(std::size_t which) {
        tcp_->reply(deferred_.at(which).ticket, base::as_octets(deferred_.at(which).text));
    }
    [[nodiscard]] int hits(LimitHit limit) const { return hits_[static_cast<std::size_t>(limit)]; }

    struct Deferred {
        DnsTcp::Ticket ticket;
        std::string text;
    };
    // The clients that live; before tcp_, which ends them.
    Client* a_ = nullptr;
    Client* b_ = nullptr;
    Client* c_ = nullptr;
    Client* d_ = nullptr;
    std::array<Client*, 10> all_{};
    net::Loop loop_;
    DnsTcp::Limits limits_;
    std::unique_ptr<TcpClients> clients_;
    std::unique_ptr<DnsTcp> tcp_;
    std::vector<Deferred> deferred_;
    std::string asked_;
    bool bracket_ = false;
    std::uint16_t keepalive_ds_ = 0;
    int open_ = 0;
    int refused_ = 0;
    /// Another worker takes what becomes free for a client of this prefix.
    std::optional<base::IpAddress> thief_;
    std::array<int, static_cast<std::size_t>(LimitHit::kCount)> hits_{};
    std::vector<std::string> limited_;  // whom each hit concerned
};

TEST_F(DnsTcpTest, AllAnswersOfAReadLeaveInOneWrite) {
    make();
    connect(a_);
    a_->send(framed("1") + framed("X") + framed("2") + framed("3"));
    EXPECT_EQ(a_->received, framed("1") + framed("2") + framed("3"));
    EXPECT_EQ(a_->writes, 1);
    EXPECT_FALSE(a_->paused);
}

TEST_F(DnsTcpTest, MessagesMayBeCutAnywhere) {
    make();
    const std::string all = framed("1") + framed(std::string(300, '2')) + framed("3");
    for (std::size_t part = 1; part <= all.size(); ++part) {
        connect(a_);
        for (std::size_t from = 0; from < all.size(); from += part)
            a_->send(all.substr(from, part));
        run_for(milliseconds(0));  // for those that had to wait for their turn
        ASSERT_EQ(a_->received, all) << "in parts of " << part;
        a_->handler->on_closed("");
        ASSERT_EQ(a_, nullptr);
    }
    EXPECT_EQ(open_, 0);
    EXPECT_EQ(clients_->used(), 0U);
}

TEST_F(DnsTcpTest, WhatIsTooShortForDnsEndsTheConnectionAfterTheAnswersBefore) {
    for (const std::string& bad : {std::string(2, '\0'), std::string("\0\5short", 7)}) {
        make();
        connect(a_);
        a_->room = 0;
        a_->send(framed("1") + bad + framed("2"));
        EXPECT_EQ(asked_, "1");
        run_for(milliseconds(5));
        ASSERT_NE(a_, nullptr);  // its answer is still to be taken
        EXPECT_TRUE(a_->ended);
        a_->read(1000);
        EXPECT_EQ(a_->received, framed("1"));
        a_->send(framed("3"));
        EXPECT_EQ(asked_, "1");
        connect(b_);
        b_->send(bad);
        run_for(milliseconds(5));
        EXPECT_EQ(b_, nullptr);
        asked_.clear();
        tcp_.reset();
    }
}

TEST_F(DnsTcpTest, WhatWasAskedBeforeAHalfCloseIsAnswered) {
    make();
    connect(a_);
    a_->send(framed("D1") + framed("2") + framed("D3"));
    a_->handler->on_read_end();
    EXPECT_FALSE(a_->ended);
    reply(1);
    EXPECT_FALSE(a_->ended);
    reply(0);
    EXPECT_TRUE(a_->ended);
    EXPECT_EQ(a_->received, framed("2") + framed("D3") + framed("D1"));  // as they got ready
    connect(b_);
    b_->handler->on_read_end();
    EXPECT_TRUE(b_->ended);
}

TEST_F(DnsTcpTest, BeyondTheQuestionsItMayHaveOpenNothingIsRead) {
    limits_.outstanding = 2;
    make();
    connect(a_);
    a_->send(framed("D1") + framed("D2") + framed("D3") + framed("4"));
    EXPECT_EQ(asked_, "DD");
    EXPECT_TRUE(a_->paused);
    EXPECT_EQ(hits(LimitHit::TcpOutstanding), 1);
    a_->send(framed("5"));  // as TLS may bring it
    reply(1);
    EXPECT_EQ(asked_, "DDD");
    tcp_->reply(deferred_[0].ticket, {});  // dropped
    EXPECT_EQ(asked_, "DDD45");
    EXPECT_FALSE(a_->paused);
    reply(2);
    EXPECT_EQ(a_->received, framed("D2") + framed("4") + framed("5") + framed("D3"));
}

TEST_F(DnsTcpTest, AReplyThatComesLateFindsNobodyAndNobodyElse) {
    make();
    connect(a_);
    a_->send(framed("D1"));
    a_->handler->on_closed("gone");
    EXPECT_EQ(a_, nullptr);
    connect(b_);  // in the same slot
    reply(0);
    EXPECT_EQ(b_->received, "");
    tcp_->reply({77, 0}, {});
}

TEST_F(DnsTcpTest, WhoTakesNoAnswersIsNotReadAndThenClosed) {
    limits_.idle_ms = 60;
    make();
    connect(a_);
    a_->room = 0;
    std::string questions;
    for (int i = 0; i < 40; ++i) questions += framed("B");
    a_->send(questions);
    EXPECT_TRUE(a_->paused);
    EXPECT_EQ(asked_.size(), 16U);  // 64 KiB of answers
    a_->read(DnsTcp::kFlushOctets);
    EXPECT_EQ(asked_.size(), 32U);
    EXPECT_TRUE(a_->paused);
    EXPECT_GE(run_until_gone(a_), milliseconds(55));  // the loop's clock is that of its turn
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(hits(LimitHit::TcpSlow), 1);
    EXPECT_EQ(hits(LimitHit::TcpIdle), 0);
}

TEST_F(DnsTcpTest, AHandshakeThatDoesNotEndIsCutShort) {
    limits_.idle_ms = 60;
    make();
    connect(a_);
    a_->is_ready = false;
    connect(b_);
    EXPECT_GE(run_until_gone(a_), milliseconds(55));
    run_until_gone(b_);
    EXPECT_EQ(hits(LimitHit::TlsHandshake), 1);
    EXPECT_EQ(hits(LimitHit::TcpIdle), 1);
}

TEST_F(DnsTcpTest, StreamsAreWrappedOnlyWhereThereIsRoom) {
    make(1);
    int wrapped = 0;
    net::AcceptHandler& door = tcp_->door(0, [&](std::unique_ptr<net::Stream> stream) {
        ++wrapped;
        return stream;
    });
    // Another worker has the only place.
    ASSERT_EQ(clients_->admit(*base::IpAddress::parse("198.51.100.1")),
              TcpClients::Admission::Admitted);
    door.on_accept(std::make_unique<Client>("192.0.2.1", &a_));
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(wrapped, 0);
    EXPECT_EQ(refused_, 1);
    clients_->leave(*base::IpAddress::parse("198.51.100.1"));
    door.on_accept(std::make_unique<Client>("192.0.2.1", &a_));
    EXPECT_EQ(wrapped, 1);
    ASSERT_NE(a_, nullptr);
    a_->send(framed("1"));
    EXPECT_EQ(a_->received, framed("1"));
}

TEST_F(DnsTcpTest, AllIsAnsweredWhenASlowReaderGoesOn) {
    make();
    connect(a_);
    a_->room = 0;
    std::string questions;
    for (int i = 0; i < 100; ++i) questions += framed("B");
    a_->send(questions);
    std::size_t steps = 0;
    for (; a_->received.size() < 100 * 4098 && steps < 1000; ++steps) {
        EXPECT_LE(a_->queued(), DnsTcp::kFlushOctets * 5 / 4 + 4098);
        a_->read(10000);
        run_for(milliseconds(0));
    }
    EXPECT_EQ(asked_.size(), 100U);
    EXPECT_EQ(a_->received.size(), 100U * 4098);
    EXPECT_FALSE(a_->paused);
}

TEST_F(DnsTcpTest, OneBusyClientLeavesTheOthersTheirTurn) {
    make();
    connect(a_);
    connect(b_, "192.0.2.2");
    connect(c_, "192.0.2.3");
    run_for(milliseconds(0));
    std::string many;
    for (int i = 0; i < 1200; ++i) many += framed("a");
    a_->send(many);
    EXPECT_EQ(asked_.size(), DnsTcp::kTurnShare);
    EXPECT_TRUE(a_->paused);
    b_->send(framed("b"));  // this turn is used up
    c_->send(framed("c"));
    EXPECT_EQ(asked_.size(), DnsTcp::kTurnShare);
    run_for(milliseconds(20));
    EXPECT_EQ(asked_.size(), 1202U);
    // b and c were in line before a came to its third share.
    EXPECT_LT(asked_.find('b'), 2 * DnsTcp::kTurnShare + 2);
    EXPECT_LT(asked_.find('c'), 2 * DnsTcp::kTurnShare + 2);
    EXPECT_EQ(a_->received.size(), many.size());
    EXPECT_FALSE(a_->paused);
    EXPECT_FALSE(b_->paused);
}

TEST_F(DnsTcpTest, IdleIsWhoDoesNothingUsefulAndWaitsForNothing) {
    limits_.idle_ms = 400;
    make();
    connect(a_);               // idle
    connect(b_, "192.0.2.2");  // one octet now and then
    connect(c_, "192.0.2.3");  // waits for us
    connect(d_, "192.0.2.4");  // asks now and then
    c_->send(framed("D"));
    base::Duration longest_pause{};  // of d: on a busy machine it may be late
    base::MonoTime asked = base::mono_now();
    for (int i = 0; i < 200 && (a_ != nullptr || b_ != nullptr); ++i) {
        run_for(milliseconds(40));
        if (b_ != nullptr) b_->send("\1");
        const base::MonoTime now = base::mono_now();
        longest_pause = std::max(longest_pause, now - asked);
        asked = now;
        if (d_ != nullptr) d_->send(framed("d"));
    }
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(b_, nullptr);
    ASSERT_NE(c_, nullptr);
    if (longest_pause < milliseconds(limits_.idle_ms / 2)) {
        EXPECT_NE(d_, nullptr);
        EXPECT_EQ(hits(LimitHit::TcpIdle), 1);
    }
    EXPECT_EQ(hits(LimitHit::TcpSlow), 1);
    reply(0);
    EXPECT_EQ(c_->received, framed("D"));
    run_until_gone(c_);
    run_until_gone(d_);
    EXPECT_EQ(open_, 0);
}

TEST_F(DnsTcpTest, WhenFullTheGreediestMakesRoom) {
    make(3);
    Client*& greedy1 = all_[0];
    Client*& greedy2 = all_[1];
    connect(a_);
    connect(greedy1, "192.0.2.9");
    connect(greedy2, "192.0.2.9");
    connect(b_, "192.0.2.2");
    EXPECT_EQ(greedy1, nullptr);
    EXPECT_NE(a_, nullptr);
    EXPECT_NE(greedy2, nullptr);
    EXPECT_NE(b_, nullptr);
    connect(c_, "192.0.2.3");  // all hold one: the longest idle
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(hits(LimitHit::TcpClients), 2);
    EXPECT_EQ(limited_, (std::vector<std::string>{"192.0.2.9", "192.0.2.1"}));
    EXPECT_EQ(refused_, 0);
    EXPECT_EQ(open_, 3);
    EXPECT_EQ(tcp_->connections(), 3U);
}

TEST_F(DnsTcpTest, APrefixAtItsLimitMakesRoomForItself) {
    make(100, 2);
    connect(a_, "2001:db8::1");
    connect(b_, "2001:db8::2");
    connect(c_, "192.0.2.3");
    connect(d_, "2001:db8:0:77::4");
    EXPECT_EQ(a_, nullptr);
    EXPECT_NE(b_, nullptr);
    EXPECT_NE(c_, nullptr);
    EXPECT_NE(d_, nullptr);
    EXPECT_EQ(hits(LimitHit::TcpClientsPerPrefix), 1);
    EXPECT_EQ(limited_, std::vector<std::string>{"2001:db8::"});
    EXPECT_EQ(open_, 3);
}

TEST_F(DnsTcpTest, WhereOtherWorkersHoldAllPlacesTheNewcomerIsTurnedAway) {
    make(1);
    ASSERT_EQ(clients_->admit(*base::IpAddress::parse("192.0.2.77")),
              TcpClients::Admission::Admitted);
    connect(a_);
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(refused_, 1);
    EXPECT_EQ(limited_, std::vector<std::string>{"192.0.2.1"});
    EXPECT_EQ(clients_->used(), 1U);
}

// Of those who go or may not come each is counted once.
TEST_F(DnsTcpTest, WhoIsTurnedAwayForAFasterWorkerIsCounted) {
    make(100, 2);
    connect(a_);
    connect(b_);
    thief_ = *base::IpAddress::parse("192.0.2.1");
    connect(c_);
    EXPECT_EQ(a_, nullptr);
    EXPECT_NE(b_, nullptr);
    EXPECT_EQ(c_, nullptr);
    EXPECT_EQ(refused_, 1);
    EXPECT_EQ(hits(LimitHit::TcpClientsPerPrefix), 2);
    EXPECT_EQ(limited_, (std::vector<std::string>{"192.0.2.1", "192.0.2.1"}));
    thief_.reset();
}

TEST_F(DnsTcpTest, TheFullerTheShorterAndClientsAreToldSo) {
    limits_.idle_ms = 10000;
    make(10);
    std::vector<std::uint16_t> told;
    for (std::size_t i = 0; i < all_.size(); ++i) {
        connect(all_[i], "192.0.2." + std::to_string(i));
        all_[i]->send(framed("q"));
        told.push_back(keepalive_ds_);
    }
    EXPECT_EQ(told, (std::vector<std::uint16_t>{100, 100, 100, 100, 100, 82, 64, 46, 28, 10}));
    // The timer was set for ten seconds when the first came; it fires after one.
    make(2);
    connect(a_);
    connect(b_, "192.0.2.2");
    EXPECT_GE(run_until_gone(a_), milliseconds(995));
    EXPECT_EQ(a_, nullptr);
    EXPECT_NE(b_, nullptr);  // there is room again
}

TEST_F(DnsTcpTest, WhoLeavesTooMuchWithUsIsClosed) {
    limits_.held_octets = 100000;
    make();
    connect(a_);
    connect(b_, "192.0.2.2");
    connect(c_, "192.0.2.3");
    // The start of the longest message there can be, and no more of it.
    const std::string half = std::string("\xff\xff") + std::string(60000, 'x');
    a_->send(half);
    c_->send(framed("1") + "\1");
    b_->send(half);
    EXPECT_EQ(b_, nullptr);
    EXPECT_NE(a_, nullptr);
    EXPECT_NE(c_, nullptr);
    EXPECT_EQ(hits(LimitHit::TcpHeld), 1);
    a_->handler->on_closed("");
    connect(b_, "192.0.2.2");
    b_->send(half);  // what the other held counts no more
    EXPECT_NE(b_, nullptr);
}

TEST_F(DnsTcpTest, ADescriptorIsFreedByTheGreediest) {
    make();
    net::AcceptHandler& door = tcp_->door(0);
    EXPECT_FALSE(door.on_exhausted());
    connect(a_);
    EXPECT_TRUE(door.on_exhausted());
    EXPECT_EQ(a_, nullptr);
    EXPECT_EQ(hits(LimitHit::Descriptors), 2);
}

TEST_F(DnsTcpTest, DrainingAnswersWhatIsInHandAndReadsNoMore) {
    make();
    connect(a_);
    connect(b_, "192.0.2.2");
    a_->send(framed("D"));
    tcp_->drain();
    EXPECT_TRUE(b_->ended);
    EXPECT_FALSE(a_->ended);
    EXPECT_TRUE(a_->paused);
    reply(0);
    EXPECT_TRUE(a_->ended);
    EXPECT_EQ(a_->received, framed("D"));
    connect(c_, "192.0.2.3");
    EXPECT_EQ(c_, nullptr);
}

}  // namespace
}  // namespace server
