#include "admin/admin.h"

#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <thread>

#include "admin/audit.h"
#include "admin/certificate_watch.h"
#include "admin/context.h"
#include "admin/feed.h"
#include "admin/front.h"
#include "admin/idempotency.h"
#include "admin/jobs.h"
#include "admin/stats_history.h"
#include "admin/tokens.h"
#include "base/qsbr.h"
#include "base/thread.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "server/log.h"

namespace admin {

namespace {

constexpr std::chrono::seconds kDrainTime{3};
constexpr std::chrono::seconds kExhaustionOver{60};
constexpr int kNiceness = 5;
// What clients of all listeners and of the socket leave with us.
constexpr std::size_t kMaxHeld = 32 << 20;

net::HttpLimits limits_of(const server::Config& config) {
    net::HttpLimits limits;
    limits.head_timeout = std::chrono::milliseconds(config.head_timeout_ms);
    limits.body_timeout = std::chrono::milliseconds(config.body_timeout_ms);
    limits.body_grace = std::chrono::milliseconds(config.body_grace_ms);
    limits.min_body_rate = config.min_body_rate;
    limits.body_total = std::chrono::milliseconds(config.body_total_ms);
    limits.write_timeout = std::chrono::milliseconds(config.write_timeout_ms);
    limits.max_head_octets = config.max_head_octets;
    limits.idle_timeout = std::chrono::milliseconds(config.idle_timeout_ms);
    limits.max_connections = config.max_connections;
    limits.max_connections_per_client = config.max_connections_per_client;
    limits.max_websocket_message = config.max_websocket_message;
    return limits;
}

// The name of a view at this moment. The published views are reached as every reader reaches
// them: online while the pointer is used, offline otherwise, so that nobody waits for us.
class ViewNames {
  public:
    explicit ViewNames(zones::Store& store) : store_(store), reader_(store.qsbr().add_reader()) {}
    ~ViewNames() { store_.qsbr().remove_reader(reader_); }
    ViewNames(const ViewNames&) = delete;
    ViewNames& operator=(const ViewNames&) = delete;

    [[nodiscard]] std::string name(zones::ViewId id) {
        reader_.online();
        std::string name = store_.published()->views->view(id).name;
        reader_.offline();
        return name;
    }

  private:
    zones::Store& store_;
    base::Qsbr::Reader& reader_;
};

FeedSources feed_sources(server::Service& service, ViewNames& views) {
    FeedSources sources;
    sources.taps = service.taps();
    sources.limits = &service.limit_events();
    sources.node = service.node();
    for (const server::ListenerInfo& info : service.listeners()) {
        sources.listeners.push_back(info.address.to_text());
    }
    sources.geo = [&service] { return service.geo(); };
    sources.view_name = [&views](zones::ViewId id) { return views.name(id); };
    return sources;
}

class Running final : public Admin {
  public:
    Running(server::Service& service, const server::Config& config)
        : service_(service),
          config_(config),
          socket_path_((config.run_dir.empty() ? config.data_dir : config.run_dir) + "/admin.sock"),
          sessions_(std::make_unique<Sessions>()) {}

    ~Running() override {
        if (!thread_.joinable()) return;
        mailbox_->post([this] { begin_drain(); });
        thread_.join();
    }

    // Returns once the thread serves, or with the reason why it does not.
    base::Result<void> run() {
        const auto ready = std::make_shared<std::promise<base::Result<void>>>();
        auto result = ready->get_future();
        thread_ = std::thread([this, ready] {
            base::name_thread("admin");
            // Who asks by DNS comes first where cores are few.
            base::lower_priority(kNiceness);
            std::unique_ptr<net::Loop> loop;
            try {
                loop = std::make_unique<net::Loop>();
            } catch (const std::exception& error) {
                ready->set_value(base::fail(std::string("the admin loop: ") + error.what()));
                return;
            }
            serve(*loop, *ready);
        });
        base::Result<void> outcome = result.get();
        if (!outcome) thread_.join();
        return outcome;
    }

    const std::vector<base::Endpoint>& addresses() const noexcept override { return addresses_; }
    std::string url() const override { return addresses_.empty() ? std::string() : url_of(0); }
    const std::string& socket_path() const noexcept override { return socket_path_; }
    std::string one_time_login_url() override {
        for (std::size_t i = 0; i < addresses_.size(); ++i) {
            if (!config_.admin_listeners[i].ui || !config_.admin_listeners[i].api) continue;
            return url_of(i) + "/login?once=" + sessions_->make_login_code(base::mono_now());
        }
        return {};
    }
    void certificates_loaded(const base::Result<void>& outcome) override {
        mailbox_->post([this, outcome] { watch_->loaded(outcome, base::wall_now()); });
    }

  private:
    // Where a client that trusts the certificate finds this listener.
    [[nodiscard]] std::string url_of(std::size_t listener) const {
        const std::string& table = config_.admin_listeners[listener].tls;
        if (table.empty()) return "http://" + addresses_[listener].to_text();
        for (const auto& expiry : service_.certificates().expiries()) {
            if (expiry.table != table) continue;
            for (const std::string& name : expiry.names) {
                // A star is no host, and addresses may be written in more than one way.
                if (name.starts_with('*') || base::IpAddress::parse(name)) continue;
                return "https://" + name + ':' + std::to_string(addresses_[listener].port);
            }
        }
        return "https://" + addresses_[listener].to_text();
    }

    // The life of the admin thread. Everything that belongs to the loop lives in this call.
    void serve(net::Loop& loop, std::promise<base::Result<void>>& ready) {
        loop_ = &loop;
        mailbox_ = std::make_shared<Mailbox>(loop);
        ViewNames views(service_.store());
        Tokens tokens(service_.store());
        Feed feed(loop, feed_sources(service_, views));
        CertificateWatch watch(
            loop, [this] { return service_.certificates().expiries(); },
            [&feed](const CertificateNotice& notice) { feed.publish(notice); });
        watch_ = &watch;
        watch.loaded({}, base::wall_now());
        Cursors cursors(loop);
        RevisionWaits waits(loop, service_.store());
        waits_ = &waits;
        Idempotency idempotency;
        Imports imports;
        Jobs jobs(loop);
        jobs_ = &jobs;
        Turns turns(loop);
        HttpCounters counters;
        net::HttpAccount account(loop, kMaxHeld);
        const StatsSampler stats(loop, service_, [&counters] { return counters.total(); });
        std::unique_ptr<Audit> audit;
        net::Timer drain_timer(loop);
        drain_timer_ = &drain_timer;
        feed_ = &feed;
        {
            auto background = std::make_unique<Background>();
            audit = std::make_unique<Audit>(config_.data_dir, *background);
            Context context{.service = service_,
                            .loop = loop,
                            .mailbox = mailbox_,
                            .background = *background,
                            .tokens = tokens,
                            .sessions = *sessions_,
                            .feed = feed,
                            .cursors = cursors,
                            .waits = waits,
                            .idempotency = idempotency,
                            .imports = imports,
                            .jobs = jobs,
                            .turns = turns,
                            .counters = counters,
                            .stats = stats,
                            .audit = *audit,
                            .account = account,
                            .addresses = {},
                            .served = [this] { return served(); }};
            const auto bound = bind(loop, context, counters);
            if (!bound) {
                servers_.clear();
                fronts_.clear();
                mailbox_->close();
                ready.set_value(base::fail(bound.error().message));
                return;
            }
            context.addresses = addresses_;
            ready.set_value({});
            loop.run();
            jobs.give_up();
            // Exchanges go first: they borrow the context. Then nobody posts to the loop any
            // more, and the background thread finishes what it has.
            servers_.clear();
            fronts_.clear();
            mailbox_->close();
            background.reset();
        }
    }

    // What all servers have counted.
    [[nodiscard]] net::HttpCounters served() const {
        net::HttpCounters sum;
        for (const auto& server : servers_) sum += server->counters();
        return sum;
    }

    base::Result<void> bind(net::Loop& loop, Context& context, net::TlsObserver& handshakes) {
        const net::HttpLimits limits = limits_of(config_);
        for (const server::AdminListenerConfig& listener : config_.admin_listeners) {
            const Expose expose{.api = listener.api,
                                .ui = listener.ui,
                                .metrics = listener.metrics,
                                .health = listener.health,
                                .debug = config_.diagnostics && listener.api};
            const bool over_tls = !listener.tls.empty();
            fronts_.push_back(std::make_unique<Front>(context, expose, over_tls));
            servers_.push_back(
                std::make_unique<net::HttpServer>(loop, *fronts_.back(), context.account, limits));
            net::HttpListen how;
            if (over_tls) {
                how.tls = [this, table = listener.tls] {
                    return service_.certificates().context(table, server::Certificates::Use::Http);
                };
                how.observer = &handshakes;
                how.plain_too = true;
            }
            how.exhausted = [this] {
                tell_exhaustion();
                return false;
            };
            const auto bound = servers_.back()->listen(listener.address, std::move(how));
            if (!bound) {
                return base::fail("admin listener " + listener.address.to_text() + ": " +
                                  bound.error().message);
            }
            addresses_.push_back(*bound);
        }
        fronts_.push_back(std::make_unique<Front>(context, Expose{.debug = config_.diagnostics}));
        servers_.push_back(
            std::make_unique<net::HttpServer>(loop, *fronts_.back(), context.account, limits));
        if (auto bound = servers_.back()->listen_unix(socket_path_, 0600); !bound) {
            return base::fail("admin socket " + socket_path_ + ": " + bound.error().message);
        }
        return {};
    }

    // Once for each time that it begins, not for each connection.
    void tell_exhaustion() {
        const base::MonoTime now = loop_->now();
        const bool told = exhausted_at_ && now - *exhausted_at_ < kExhaustionOver;
        exhausted_at_ = now;
        if (told) return;
        server::log_error(
            "there are no file descriptors left for HTTP: new clients are turned away, but at the "
            "admin socket; raise LimitNOFILE or lower admin.max_connections_per_client");
    }

    void begin_drain() {
        feed_->end();  // its responses would not end by themselves
        waits_->end();
        auto left = std::make_shared<std::size_t>(servers_.size() + 1);
        const auto one_less = [this, left] {
            if (--*left == 0) loop_->stop();
        };
        drain_timer_->start(std::chrono::duration_cast<std::chrono::milliseconds>(kDrainTime),
                            [this] { loop_->stop(); });
        // What was accepted with 202 is in hand too.
        jobs_->end(one_less);
        for (const auto& server : servers_) server->drain(one_less);
    }

    server::Service& service_;
    const server::Config config_;
    const std::string socket_path_;
    std::unique_ptr<Sessions> sessions_;
    std::vector<base::Endpoint> addresses_;  // written before `run` returns, then constant
    std::shared_ptr<Mailbox> mailbox_;       // likewise

    // The admin thread's.
    net::Loop* loop_ = nullptr;
    std::optional<base::MonoTime> exhausted_at_;
    net::Timer* drain_timer_ = nullptr;
    Feed* feed_ = nullptr;
    RevisionWaits* waits_ = nullptr;
    Jobs* jobs_ = nullptr;
    CertificateWatch* watch_ = nullptr;
    std::vector<std::unique_ptr<Front>> fronts_;
    std::vector<std::unique_ptr<net::HttpServer>> servers_;

    std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Admin>> Admin::start(server::Service& service,
                                                  const server::Config& config) {
    if (auto made = Tokens::prepare(service.store(), config.data_dir); !made) {
        return base::fail(made.error().message);
    }
    auto running = std::make_unique<Running>(service, config);
    if (auto started = running->run(); !started) return base::fail(started.error().message);
    return running;
}

}  // namespace admin
