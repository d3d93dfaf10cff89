// The driver of resolutions against a scripted name server on loopback.
#include "server/upstream.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "net/tcp.h"
#include "net/udp_socket.h"

namespace {

using dns::RCode;
using dns::RRType;
using server::UpstreamCount;
using std::chrono::milliseconds;

/// Answers A questions with 192.0.2.1, by what the first label says: "big" is truncated over
/// UDP, "silent" gets nothing, "forged" a false id first, "cut" a connection closed at once.
class NameServer final : net::UdpHandler, net::AcceptHandler, net::StreamHandler {
  public:
    explicit NameServer(net::Loop& loop) {
        const auto address = *base::Endpoint::parse("127.0.0.1:0");
        // The port that is free for UDP may be in use for TCP.
        while (!listener_) {
            udp_ = *net::UdpSocket::bind(loop, address, {}, *this);
            if (auto made = net::Listener::tcp(loop, udp_->local(), {}, *this)) {
                listener_ = std::move(*made);
            }
        }
    }
    [[nodiscard]] std::uint16_t port() const { return udp_->local().port; }
    std::map<std::string, int> asked;  // by first label

    std::size_t answer(base::Octets request, base::MutableOctets reply, bool udp) {
        dns::Request parsed;
        if (dns::parse_request(request, parsed) != dns::RequestOutcome::Answer) return 0;
        std::string label(base::as_text(parsed.qname.first_label()));
        for (char& c : label) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
        ++asked[label];
        if (label == "silent" || silent) return 0;
        dns::MessageWriter writer(reply);
        const bool truncated = udp && (label == "big" || label == "cut");
        writer.header(parsed.header.id, static_cast<std::uint16_t>(dns::kFlagQR | dns::kFlagAA |
                                                                   (truncated ? dns::kFlagTC : 0)));
        (void)writer.question(parsed.question);
        const std::uint8_t address[] = {192, 0, 2, 1};
        if (parsed.qname.is_root()) {
            const dns::Name ns = *dns::Name::parse("a.root.");
            const std::uint8_t loopback[] = {127, 0, 0, 1};
            (void)writer.record(dns::Section::Answer, parsed.qname, RRType::NS, dns::RRClass::IN,
                                3600, ns.octets());
            (void)writer.record(dns::Section::Additional, ns, RRType::A, dns::RRClass::IN, 3600,
                                loopback);
        } else if (!truncated) {
            (void)writer.record(dns::Section::Answer, parsed.qname, RRType::A, dns::RRClass::IN,
                                ttl, address);
        }
        return writer.finish();
    }
    std::uint32_t ttl = 300;
    bool silent = false;

  private:
    void on_batch(std::span<net::UdpDatagram> batch) override {
        for (net::UdpDatagram& datagram : batch) {
            datagram.reply_size = answer(datagram.request, datagram.reply, true);
            const bool forged = datagram.reply_size != 0 && datagram.request.size() > 18 &&
                                (datagram.request[13] | 0x20) == 'f';
            if (!forged) continue;
            std::vector<std::uint8_t> other(
                datagram.reply.begin(),
                datagram.reply.begin() + static_cast<std::ptrdiff_t>(datagram.reply_size));
            other[0] ^= 1;
            (void)udp_->send(datagram.peer, datagram.local, other);
        }
    }
    void on_accept(std::unique_ptr<net::Stream> stream) override {
        stream_ = std::move(stream);
        stream_->start(*this);
    }
    void on_read(base::Octets octets) override {
        read_.insert(read_.end(), octets.begin(), octets.end());
        if (read_.size() < 2 || read_.size() < 2U + base::load_be16(read_.data())) return;
        std::vector<std::uint8_t> reply(2 + 512);
        const auto size =
            answer(base::Octets(read_).subspan(2), base::MutableOctets(reply).subspan(2), false);
        read_.clear();
        if (asked.count("cut") != 0) return stream_->close();
        base::store_be16(reply.data(), static_cast<std::uint16_t>(size));
        // In two pieces, as networks do.
        (void)stream_->write(base::Octets(reply).first(1));
        (void)stream_->write(base::Octets(reply).subspan(1, size + 1));
    }
    void on_read_end() override { stream_->close(); }
    void on_closed(std::string_view /*reason*/) override {}

    std::unique_ptr<net::UdpSocket> udp_;
    std::unique_ptr<net::Listener> listener_;
    std::unique_ptr<net::Stream> stream_;
    std::vector<std::uint8_t> read_;
};

class UpstreamTest : public testing::Test {
  protected:
    UpstreamTest() : name_server_(loop_) {
        settings_.priming = false;
        settings_.cache_mb = 1;
        settings_.upstream_port = name_server_.port();
    }

    void start(const std::string& root = "127.0.0.1") {
        cache_.emplace(settings_);
        hints_ = resolver::RootHints::of(
            {{*dns::Name::parse("a.root."), {*base::IpAddress::parse(root)}}});
        upstream_.emplace(loop_, *cache_, hints_, random_, limits_);
    }
    static resolver::Question question(const std::string& qname) {
        resolver::Question out;
        out.qname = *dns::Name::parse(qname);
        out.qtype = RRType::A;
        return out;
    }
    void ask(const std::string& qname) {
        ++waiting_;
        upstream_->resolve(question(qname), [this](const resolver::Outcome& outcome) {
            outcomes_.push_back(outcome);
            if (--waiting_ == 0) loop_.stop();
        });
    }
    /// Until all questions are answered; a test that hangs ends as a failure.
    void run(milliseconds limit = milliseconds(8000)) {
        net::Timer timer(loop_);
        timer.start(limit, [this] { loop_.stop(); });
        loop_.run();
    }
    void run_for(milliseconds span) {
        net::Timer timer(loop_);
        timer.start(span, [this] { loop_.stop(); });
        loop_.run();
    }
    [[nodiscard]] std::uint64_t count(UpstreamCount what) const {
        return upstream_->stats().get(what);
    }

    net::Loop loop_;
    NameServer name_server_;
    resolver::Settings settings_;
    server::UpstreamLimits limits_;
    base::Random random_{1};
    resolver::RootHints hints_;
    std::optional<resolver::Cache> cache_;
    std::optional<server::Upstream> upstream_;
    int waiting_ = 0;
    std::vector<resolver::Outcome> outcomes_;
};

TEST_F(UpstreamTest, ResolvesAndNeverCallsBackFromInside) {
    start();
    ask("www.test.");
    EXPECT_TRUE(outcomes_.empty());
    run();
    ask("www.test.");  // from the cache by now, and still not from inside
    EXPECT_EQ(outcomes_.size(), 1U);
    run();
    ASSERT_EQ(outcomes_.size(), 2U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::NoError);
    EXPECT_EQ(outcomes_[0].answer.set_count, 1);
    EXPECT_EQ(outcomes_[0].upstream_queries, 1);
    EXPECT_EQ(outcomes_[0].upstream.address.to_text(), "127.0.0.1");
    EXPECT_EQ(outcomes_[1].upstream_queries, 0);
    EXPECT_EQ(count(UpstreamCount::Sent), 1U);
    EXPECT_EQ(count(UpstreamCount::Answered), 1U);
    EXPECT_EQ(upstream_->in_flight(), 0U);
}

TEST_F(UpstreamTest, EqualQuestionsShareOneResolution) {
    start();
    for (int i = 0; i < 10; ++i) ask(i % 2 == 0 ? "www.test." : "WWW.TEST.");
    EXPECT_EQ(upstream_->in_flight(), 1U);
    run();
    EXPECT_EQ(outcomes_.size(), 10U);
    EXPECT_EQ(name_server_.asked["www"], 1);
}

TEST_F(UpstreamTest, TruncatedAnswersAreFetchedOverTcp) {
    start();
    ask("big.test.");
    run();
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::NoError);
    EXPECT_EQ(outcomes_[0].answer.set_count, 1);
    EXPECT_EQ(count(UpstreamCount::SentTcp), 1U);
    EXPECT_EQ(count(UpstreamCount::Answered), 2U);
}

TEST_F(UpstreamTest, ConnectionThatBreaksIsAFailure) {
    start();
    ask("cut.test.");
    run();
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::ServFail);
    EXPECT_EQ(count(UpstreamCount::Refused), 1U);
    EXPECT_EQ(count(UpstreamCount::Failed), 1U);
}

TEST_F(UpstreamTest, SilenceEndsInServFailAfterTwoTries) {
    start();
    ask("silent.test.");
    run();
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::ServFail);
    EXPECT_EQ(outcomes_[0].answer.error, dns::ExtendedError::NoReachableAuthority);
    EXPECT_EQ(count(UpstreamCount::Timeout), 2U);
    EXPECT_EQ(name_server_.asked["silent"], 2);
}

TEST_F(UpstreamTest, NobodyThereIsKnownAtOnce) {
    start("127.0.0.77");
    ask("www.test.");
    const base::MonoTime before = base::mono_now();
    run();
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::ServFail);
    EXPECT_LT(base::mono_now() - before, milliseconds(300));
    EXPECT_EQ(count(UpstreamCount::Timeout), 0U);
}

TEST_F(UpstreamTest, ForgedDatagramsAreCountedAndPassedOver) {
    start();
    ask("forged.test.");
    run();
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::NoError);
    EXPECT_EQ(count(UpstreamCount::Mismatched), 1U);
}

TEST_F(UpstreamTest, BeyondItsLimitsItSaysSoAtOnce) {
    limits_.resolutions = 1;
    limits_.waiters_per_resolution = 2;
    start();
    for (int i = 0; i < 3; ++i) ask("silent.test.");  // the third is one waiter too many
    ask("www.test.");
    run_for(milliseconds(100));
    ASSERT_EQ(outcomes_.size(), 2U);
    EXPECT_EQ(outcomes_[0].answer.rcode, RCode::ServFail);
    EXPECT_EQ(count(UpstreamCount::Overload), 2U);
    run();
    EXPECT_EQ(outcomes_.size(), 4U);
}

TEST_F(UpstreamTest, QuestionsWaitForAFreeExchange) {
    limits_.exchanges = 1;
    start();
    for (int i = 0; i < 20; ++i) ask("n" + std::to_string(i) + ".test.");
    run();
    ASSERT_EQ(outcomes_.size(), 20U);
    for (const auto& outcome : outcomes_) EXPECT_EQ(outcome.answer.rcode, RCode::NoError);
    EXPECT_EQ(count(UpstreamCount::Sent), 20U);
}

TEST_F(UpstreamTest, StaleAnswerComesBeforeTheResolutionEnds) {
    settings_.stale_client_timeout_ms = 50;
    name_server_.ttl = 1;
    start();
    ask("www.test.");
    run();
    run_for(milliseconds(1100));
    name_server_.silent = true;
    ask("www.test.");
    ask("www.test.");
    run();
    ASSERT_EQ(outcomes_.size(), 3U);
    EXPECT_TRUE(outcomes_[1].answer.stale);
    EXPECT_TRUE(outcomes_[2].answer.stale);
    EXPECT_EQ(upstream_->in_flight(), 1U) << "it goes on for whoever asks next";
    ask("www.test.");  // does not wait again
    run();
    EXPECT_EQ(outcomes_.size(), 4U);
    EXPECT_EQ(upstream_->in_flight(), 1U);
}

TEST_F(UpstreamTest, PrimesBesideTheFirstQuestion) {
    settings_.priming = true;
    start();
    ask("www.test.");
    run();
    run_for(milliseconds(50));
    ask("mail.test.");
    run();
    EXPECT_EQ(outcomes_.size(), 2U);
    EXPECT_EQ(name_server_.asked[""], 1);
    EXPECT_TRUE(cache_->closest_delegation(0, dns::NameView(), loop_.now()));
}

TEST_F(UpstreamTest, MayBeDestroyedWithQuestionsInFlight) {
    start();
    ask("silent.test.");
    ask("big.test.");
    run_for(milliseconds(20));
    ask("www.test.");
    upstream_.reset();
    run_for(milliseconds(20));
    EXPECT_LE(outcomes_.size(), 1U);
}

}  // namespace
