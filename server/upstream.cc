#include "server/upstream.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/tcp.h"
#include "net/udp_client.h"
#include "resolver/resolution.h"

namespace server {

namespace {

using std::chrono::milliseconds;

struct QuestionHash {
    std::size_t operator()(const resolver::Question& question) const noexcept {
        return dns::NameHash{}(question.qname) ^
               (static_cast<std::size_t>(question.qtype) * 0x9e3779b97f4a7c15U);
    }
};

constexpr std::size_t kTcpReadLimit = 2 + dns::kMaxMessageOctets;

}  // namespace

std::string_view to_text(UpstreamCount what) noexcept {
    switch (what) {
        case UpstreamCount::Sent:
            return "sent";
        case UpstreamCount::SentTcp:
            return "sent_tcp";
        case UpstreamCount::Answered:
            return "answered";
        case UpstreamCount::Mismatched:
            return "mismatched";
        case UpstreamCount::Timeout:
            return "timeout";
        case UpstreamCount::Refused:
            return "refused";
        case UpstreamCount::SendFailed:
            return "send_failed";
        case UpstreamCount::Failed:
            return "failed";
        case UpstreamCount::Overload:
            return "overload";
        case UpstreamCount::kCount:
            break;
    }
    return "";
}

/// Everything lives on the loop's thread. Handlers of sockets may be called while their own
/// exchange is being destroyed from above, so what they learn ends in one call of State, after
/// which they touch nothing of themselves.
struct Upstream::State {
    struct Flight;

    /// One query on the network: a UDP socket, or a TCP connection in the making or made.
    struct Exchange final : net::UdpClientHandler, net::Connector::Handler, net::StreamHandler {
        Exchange(State& owner, Flight& of, resolver::UpstreamQuery query_in)
            : state(owner), flight(of), query(std::move(query_in)) {}

        bool open();

        void on_datagram(base::Octets octets) override { state.received(flight, *this, octets); }
        void on_error(int /*error*/) override { state.broken(flight, query.token); }
        void on_connected(std::unique_ptr<net::Stream> made) override;
        void on_connect_failed(std::string_view /*reason*/) override {
            state.broken(flight, query.token);
        }
        void on_read(base::Octets octets) override;
        void on_read_end() override { state.broken(flight, query.token); }
        void on_closed(std::string_view /*reason*/) override { state.broken(flight, query.token); }

        State& state;
        Flight& flight;
        resolver::UpstreamQuery query;
        std::unique_ptr<net::UdpClientSocket> socket;
        std::unique_ptr<net::Connector> connector;
        std::unique_ptr<net::Stream> stream;
        std::vector<std::uint8_t> read;  // of TCP: length and message, as far as they came
    };

    /// One resolution, its clients and its exchanges.
    struct Flight {
        Flight(State& state, const resolver::Question& what, base::MonoTime now)
            : question(what),
              resolution({state.cache, state.hints, state.servers, state.random}, what, now),
              timer(state.loop) {}

        resolver::Question question;
        resolver::Resolution resolution;
        net::Timer timer;
        std::vector<Callback> waiters;
        std::vector<std::unique_ptr<Exchange>> exchanges;
        bool starved = false;    // stands in `starving`
        bool finishing = false;  // stands in `finished`
    };

    State(net::Loop& on, resolver::Cache& shared, const resolver::RootHints& roots,
          base::RandomSource& chance, const UpstreamLimits& bounds)
        : loop(on),
          cache(shared),
          hints(roots),
          random(chance),
          limits(bounds),
          servers(chance.next64()),
          soon(on) {}

    Flight& start(const resolver::Question& question);
    void pump(Flight& flight);
    void received(Flight& flight, Exchange& exchange, base::Octets octets);
    void broken(Flight& flight, std::uint32_t token);
    void due(Flight& flight);
    void drop_idle(Flight& flight);
    void feed_starving();
    void later(Callback callback, resolver::Outcome outcome);
    void finish_soon(Flight& flight);
    void run_soon();

    net::Loop& loop;
    resolver::Cache& cache;
    const resolver::RootHints& hints;
    base::RandomSource& random;
    UpstreamLimits limits;
    resolver::ServerTable servers;
    UpstreamStats stats;
    std::unordered_map<resolver::Question, std::unique_ptr<Flight>, QuestionHash> flights;
    std::size_t open = 0;                                         // exchanges of all flights
    std::deque<resolver::Question> starving;                      // wait for a free exchange
    std::vector<resolver::Question> finished;                     // to be answered in `run_soon`
    std::vector<std::pair<Callback, resolver::Outcome>> answers;  // likewise
    // Destroyed after whatever called us has returned.
    std::vector<std::unique_ptr<Exchange>> spent;
    net::Timer soon;
    bool soon_set = false;
};

bool Upstream::State::Exchange::open() {
    if (query.tcp) {
        auto made = net::Connector::connect(state.loop, query.server, std::nullopt, {}, *this);
        if (!made) return false;
        connector = std::move(*made);
        state.stats.add(UpstreamCount::SentTcp);
        return true;
    }
    auto made =
        net::UdpClientSocket::connect(state.loop, query.server, std::nullopt, state.random, *this);
    if (!made) return false;
    socket = std::move(*made);
    if (!socket->send(query.message)) return false;
    state.stats.add(UpstreamCount::Sent);
    return true;
}

void Upstream::State::Exchange::on_connected(std::unique_ptr<net::Stream> made) {
    stream = std::move(made);
    stream->start(*this);
    std::vector<std::uint8_t> framed;  // in one segment (RFC 7766, 8)
    framed.reserve(2 + query.message.size());
    base::append_be16(framed, static_cast<std::uint16_t>(query.message.size()));
    framed.insert(framed.end(), query.message.begin(), query.message.end());
    (void)stream->write(framed);  // far below the high-water mark
}

void Upstream::State::Exchange::on_read(base::Octets octets) {
    const std::size_t room = kTcpReadLimit - std::min(kTcpReadLimit, read.size());
    const base::Octets taken = octets.first(std::min(room, octets.size()));
    read.insert(read.end(), taken.begin(), taken.end());
    if (read.size() < 2) return;
    const std::size_t size = base::load_be16(read.data());
    if (read.size() < 2 + size) return;
    state.received(flight, *this, base::Octets(read).subspan(2, size));
}

Upstream::State::Flight& Upstream::State::start(const resolver::Question& question) {
    auto made = std::make_unique<Flight>(*this, question, loop.now());
    Flight& flight = *made;
    flights.emplace(question, std::move(made));
    pump(flight);
    return flight;
}

/// Sends what the resolution wants sent, closes what it has no use for, sets its timer.
void Upstream::State::pump(Flight& flight) {
    resolver::Resolution& resolution = flight.resolution;
    drop_idle(flight);
    while (!resolution.done() && resolution.has_next()) {
        if (open >= limits.exchanges) {
            if (!flight.starved) starving.push_back(flight.question);
            flight.starved = true;
            break;
        }
        auto query = resolution.next(loop.now());
        if (!query) break;
        const std::uint32_t token = query->token;
        auto exchange = std::make_unique<Exchange>(*this, flight, std::move(*query));
        if (!exchange->open()) {
            stats.add(UpstreamCount::SendFailed);
            spent.push_back(std::move(exchange));
            finish_soon(flight);  // sweeps `spent` in the next turn
            resolution.failed(token, resolver::SendFailure::NotSent, loop.now());
            continue;
        }
        ++open;
        flight.exchanges.push_back(std::move(exchange));
    }
    drop_idle(flight);
    if (resolution.done()) {
        flight.timer.stop();
        return finish_soon(flight);
    }
    const auto wait = std::chrono::ceil<milliseconds>(resolution.deadline() - loop.now());
    flight.timer.start(std::max(wait, milliseconds(0)), [this, &flight] { due(flight); });
}

void Upstream::State::received(Flight& flight, Exchange& exchange, base::Octets octets) {
    const auto result = flight.resolution.receive(exchange.query.token, octets, loop.now());
    if (result == resolver::Received::Mismatch) {
        stats.add(UpstreamCount::Mismatched);
        // A stream holds nothing else; a socket may still receive the true answer.
        if (exchange.query.tcp) broken(flight, exchange.query.token);
        return;
    }
    stats.add(UpstreamCount::Answered);
    pump(flight);
}

void Upstream::State::broken(Flight& flight, std::uint32_t token) {
    if (!flight.resolution.awaiting(token)) return;
    stats.add(UpstreamCount::Refused);
    flight.resolution.failed(token, resolver::SendFailure::Refused, loop.now());
    pump(flight);
}

void Upstream::State::due(Flight& flight) {
    const unsigned timeouts = flight.resolution.expire(loop.now());
    for (unsigned i = 0; i < timeouts; ++i) stats.add(UpstreamCount::Timeout);
    if (!flight.resolution.done() && flight.resolution.stale() != nullptr) {
        for (Callback& waiter : flight.waiters) {
            later(std::move(waiter), *flight.resolution.stale());
        }
        flight.waiters.clear();
    }
    pump(flight);
}

/// Exchanges may be in the middle of a call to us: they go in the next turn.
void Upstream::State::drop_idle(Flight& flight) {
    for (auto& exchange : flight.exchanges) {
        if (flight.resolution.awaiting(exchange->query.token)) continue;
        spent.push_back(std::move(exchange));
        --open;
    }
    std::erase(flight.exchanges, nullptr);
    if (!spent.empty() && !soon_set) {
        soon_set = true;
        soon.start(milliseconds(0), [this] { run_soon(); });
    }
}

void Upstream::State::feed_starving() {
    while (open < limits.exchanges && !starving.empty()) {
        const resolver::Question question = starving.front();
        starving.pop_front();
        const auto at = flights.find(question);
        if (at == flights.end() || !at->second->starved) continue;
        at->second->starved = false;
        pump(*at->second);
    }
}

void Upstream::State::later(Callback callback, resolver::Outcome outcome) {
    answers.emplace_back(std::move(callback), std::move(outcome));
    if (soon_set) return;
    soon_set = true;
    soon.start(milliseconds(0), [this] { run_soon(); });
}

void Upstream::State::finish_soon(Flight& flight) {
    if (flight.resolution.done() && !flight.finishing) {
        flight.finishing = true;
        finished.push_back(flight.question);
    }
    if (soon_set) return;
    soon_set = true;
    soon.start(milliseconds(0), [this] { run_soon(); });
}

/// Answers the clients of what has ended. Callbacks may start new resolutions, so nothing of ours
/// is in use while they run.
void Upstream::State::run_soon() {
    soon_set = false;
    spent.clear();
    std::vector<std::pair<Callback, resolver::Outcome>> due_answers = std::move(answers);
    answers.clear();
    std::vector<std::unique_ptr<Flight>> ended;
    for (const resolver::Question& question : finished) {
        const auto at = flights.find(question);
        if (at == flights.end()) continue;
        ended.push_back(std::move(at->second));
        flights.erase(at);
    }
    finished.clear();
    for (const auto& flight : ended) {
        open -= flight->exchanges.size();
        flight->exchanges.clear();
        if (flight->resolution.outcome().answer.rcode == dns::RCode::ServFail) {
            stats.add(UpstreamCount::Failed);
        }
    }
    for (auto& item : due_answers) item.first(item.second);
    for (const auto& flight : ended) {
        for (Callback& waiter : flight->waiters) waiter(flight->resolution.outcome());
    }
    feed_starving();
}

Upstream::Upstream(net::Loop& loop, resolver::Cache& cache, const resolver::RootHints& hints,
                   base::RandomSource& random, const UpstreamLimits& limits)
    : state_(std::make_unique<State>(loop, cache, hints, random, limits)) {}

Upstream::~Upstream() = default;

void Upstream::resolve(const resolver::Question& question, Callback callback) {
    State& state = *state_;
    const auto overloaded = [&] {
        state.stats.add(UpstreamCount::Overload);
        resolver::Outcome outcome;
        outcome.answer.rcode = dns::RCode::ServFail;
        outcome.answer.error = dns::ExtendedError::NotReady;
        state.later(std::move(callback), std::move(outcome));
    };
    const auto at = state.flights.find(question);
    if (at != state.flights.end()) {
        State::Flight& flight = *at->second;
        if (flight.resolution.stale() != nullptr && !flight.resolution.done()) {
            state.later(std::move(callback), *flight.resolution.stale());
        } else if (flight.waiters.size() >= state.limits.waiters_per_resolution) {
            overloaded();
        } else {
            flight.waiters.push_back(std::move(callback));
        }
        return;
    }
    if (state.flights.size() >= state.limits.resolutions) return overloaded();
    // The root is asked for its servers beside the first question, which need not wait for it.
    const resolver::Question root = resolver::priming_question();
    if (!(question == root) && resolver::priming_due(state.cache, state.loop.now()) &&
        state.flights.find(root) == state.flights.end()) {
        (void)state.start(root);
    }
    state.start(question).waiters.push_back(std::move(callback));
}

std::size_t Upstream::in_flight() const noexcept {
    return state_->flights.size();
}

const UpstreamStats& Upstream::stats() const noexcept {
    return state_->stats;
}

}  // namespace server
