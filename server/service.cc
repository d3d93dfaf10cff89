#include "server/service.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/random.h"
#include "resolver/hints.h"
#include "server/address_sockets.h"
#include "server/log.h"
#include "server/port_holder.h"
#include "server/readers.h"
#include "server/rrl_watch.h"
#include "server/worker.h"

namespace server {

namespace {

constexpr std::size_t kReaderThreads = 2;
constexpr int kPortTries = 20;  // for port 0: UDP and TCP must get the same number
// Answers kept by all workers together, half a KiB each, and the least that one keeps.
constexpr std::size_t kPacketCaches = 65536;
constexpr std::size_t kLeastPackets = 2048;
// Octets that clients of DNS over HTTPS leave with all workers together, and the least that one
// takes.
constexpr std::size_t kMaxDohHeld = 64 << 20;
constexpr std::size_t kLeastDohHeld = 8 << 20;
constexpr std::chrono::milliseconds kStopGrace{2000};
constexpr rlim_t kDescriptorsForOthers = 2048;  // the store's files, admin, upstream queries

std::string host_name() {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) != 0) return "meridian";
    return name;
}

/// Each TCP client, upstream query and file needs a descriptor.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// limits.tcp_clients, or fewer where they would leave too few descriptors for everything else.
std::uint32_t affordable_tcp_clients(std::uint32_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
    const rlim_t others = std::min(limit.rlim_cur / 2, kDescriptorsForOthers);
    const auto affordable = static_cast<std::uint32_t>(
        std::min<rlim_t>(wanted, std::max<rlim_t>(limit.rlim_cur - others, 1)));
    if (affordable < wanted) {
        log_warn("limits.tcp_clients is " + std::to_string(wanted) + ", but with " +
                 std::to_string(limit.rlim_cur) + " file descriptors only " +
                 std::to_string(affordable) + " clients are taken; raise LimitNOFILE");
    }
    return affordable;
}

/// What this machine, or the control group this process lives in, has of memory.
std::size_t machine_memory() {
    const auto pages = static_cast<std::size_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
    std::size_t octets = pages * static_cast<std::size_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
    std::ifstream group("/sys/fs/cgroup/memory.max");  // "max" where there is no limit
    std::size_t limit = 0;
    if (group >> limit && limit > 0) octets = std::min(octets, limit);
    return octets;
}

class RunningService final : public Service {
  public:
    explicit RunningService(const Config& config) : config_(config) {}
    ~RunningService() override {
        for (const auto& worker : workers_) worker->stop(kStopGrace);
        readers_.reset();  // its jobs post to the workers' loops
        addresses_.reset();
        workers_.clear();
    }

    base::Result<void> begin() {
        raise_descriptor_limit();
        std::error_code failed;
        std::filesystem::create_directories(config_.data_dir, failed);
        if (failed) {
            return base::fail("cannot make the data directory " + config_.data_dir + ": " +
                              failed.message());
        }
        auto certificates = Certificates::load(config_.tls);
        if (!certificates) return base::fail(certificates.error().message);
        certificates_ = std::move(*certificates);
        load_geo();
        auto hints = load_hints();
        if (!hints) return base::fail(hints.error().message);
        hints_ = std::make_unique<resolver::RootHints>(std::move(*hints));
        for (const ListenerConfig& listener : config_.listeners) {
            const bool over_tcp = listener.tcp || listener.dot || listener.doh;
            for (const bool udp : {true, false}) {
                if (udp ? !listener.udp : !over_tcp) continue;
                const std::string why_not = why_not_bindable(listener.address, udp);
                if (!why_not.empty()) return base::fail(why_not);
            }
        }
        zones::StoreOptions options;
        options.directory = config_.data_dir + "/store";
        options.memory_octets = config_.memory_mb != 0
                                    ? static_cast<std::size_t>(config_.memory_mb) << 20
                                    : machine_memory() / 4;
        options.min_free_octets = config_.min_free_mb << 20;
        options.history.age = std::chrono::hours(24) * config_.keep_days;
        options.history.octets = config_.keep_mb << 20;
        options.log = [](std::string_view level, const std::string& message) {
            log_at(level, message);
        };
        options.geo = geo_;
        auto store = zones::Store::open(std::move(options));
        if (!store) return base::fail(store.error().message);
        store_ = std::move(*store);

        node_ = config_.node.empty() ? host_name() : config_.node;
        settings_.udp_payload = config_.udp_payload;
        settings_.nsid = config_.nsid;
        settings_.node = node_;
        if (config_.cookies) {
            auto secret = Cookies::parse_secret(config_.cookie_secret);
            if (!secret) {
                auto own = Cookies::load_or_make(config_.data_dir + "/cookie.secret");
                if (!own) return base::fail(own.error().message);
                secret = *own;
            }
            settings_.cookies.emplace(*secret, config_.cookie_secret.empty());
        }
        settings_.require_cookies = config_.require_cookies;
        settings_.version_bind = config_.version_bind;
        start_rrl();
        settings_.ecs_trusted = config_.ecs_trusted;
        settings_.recursion_allow = config_.recursion_allow;
        cache_ = std::make_unique<resolver::Cache>(config_.recursion);
        readers_ = std::make_unique<Readers>(kReaderThreads, settings_, *store_, *cache_);
        const std::uint32_t clients = affordable_tcp_clients(config_.tcp_clients);
        tcp_clients_ = std::make_unique<TcpClients>(clients, config_.tcp_clients_per_prefix);
        doh_clients_ = std::make_unique<TcpClients>(
            doh_places(clients), doh_places_per_prefix(clients, config_.tcp_clients_per_prefix));
        return start_workers();
    }

    zones::Store& store() noexcept override { return *store_; }
    const Config& config() const noexcept override { return config_; }
    const std::string& node() const noexcept override { return node_; }
    const std::vector<ListenerInfo>& listeners() const noexcept override { return listeners_; }
    std::size_t workers() const noexcept override { return workers_.size(); }
    const std::vector<Tap*>& taps() const noexcept override { return taps_; }
    const std::vector<const WorkerStats*>& worker_stats() const noexcept override { return stats_; }
    std::vector<net::Loop::Turns> loop_turns() const override {
        std::vector<net::Loop::Turns> turns;
        for (const auto& worker : workers_) turns.push_back(worker->turns());
        return turns;
    }
    std::shared_ptr<const zones::GeoDatabases> geo() const override { return geo_; }
    resolver::Cache& resolver_cache() noexcept override { return *cache_; }
    std::vector<std::pair<std::string, std::uint64_t>> upstream_counts() const override {
        std::vector<std::pair<std::string, std::uint64_t>> out;
        for (std::size_t i = 0; i < static_cast<std::size_t>(UpstreamCount::kCount); ++i) {
            const auto what = static_cast<UpstreamCount>(i);
            std::uint64_t sum = 0;
            for (const auto& worker : workers_) sum += worker->upstream_stats().get(what);
            out.emplace_back(to_text(what), sum);
        }
        return out;
    }
    LimitEvents& limit_events() noexcept override { return limit_events_; }
    std::size_t limited_prefixes() const noexcept override {
        return rrl_watch_ ? rrl_watch_->limited_prefixes() : 0;
    }
    Certificates& certificates() noexcept override { return *certificates_; }
    base::WallTime started() const noexcept override { return started_; }
    std::vector<std::string> not_ready() const override {
        std::vector<std::string> reasons;
        if (!geo_fault_.empty()) reasons.push_back(geo_fault_);
        const zones::StoreStats stats = store_->stats();
        if (!stats.writable) reasons.push_back("the store takes no writes: " + stats.why_not);
        return reasons;
    }

  private:
    void load_geo() {
        geo_ = std::make_shared<const zones::GeoDatabases>();
        if (!config_.geo_configured) return;
        auto opened = zones::GeoDatabases::open(config_.geo);
        if (opened) {
            geo_ = std::move(*opened);
        } else {
            // Answers matter more than steering: geo rules match nothing, and /readyz says so.
            geo_fault_ = opened.error().message;
            log_error("location databases: " + geo_fault_ + "; rules with geo match nothing");
        }
    }

    base::Result<resolver::RootHints> load_hints() const {
        if (config_.recursion.root_hints_file.empty()) return resolver::RootHints::built_in();
        return resolver::RootHints::load(config_.recursion.root_hints_file);
    }

    void start_rrl() {
        if (config_.responses_per_second == 0) return;
        Rrl::Settings settings;
        settings.responses_per_second = config_.responses_per_second;
        settings.slip = config_.rrl_slip;
        settings.exempt = config_.rrl_exempt;
        SipKey key;
        base::secure_fill(key);
        rrl_ = std::make_unique<Rrl>(std::move(settings), key);
        rrl_watch_ = std::make_unique<RrlWatch>(*rrl_, limit_events_);
        settings_.rrl = rrl_.get();
    }

    base::Result<void> start_workers() {
        unsigned count = config_.workers;
        if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
        const std::size_t doh_held = std::max(kMaxDohHeld / count, kLeastDohHeld);
        const Worker::Shared shared{config_,        settings_,     *store_,       *cache_,
                                    *hints_,        *readers_,     *tcp_clients_, *doh_clients_,
                                    *certificates_, limit_events_, doh_held};
        settings_.packet_cache =
            std::clamp(kPacketCaches / count, kLeastPackets, settings_.packet_cache);
        for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(shared));
        for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
            ListenerConfig& listener = config_.listeners[i];
            for (const auto& worker : workers_) {
                auto bound = bind_one(*worker, static_cast<std::uint16_t>(i), listener);
                if (!bound) return base::fail(bound.error().message);
                listener.address = *bound;  // the others share the port the first one got
            }
            listeners_.push_back({listener.address, listener.udp, listener.tcp, listener.dot,
                                  listener.doh, listener.role});
        }
        follow_addresses();
        for (const auto& worker : workers_) {
            worker->start();
            taps_.push_back(&worker->tap());
            stats_.push_back(&worker->stats());
        }
        for (Tap* tap : readers_->taps()) taps_.push_back(tap);
        for (const WorkerStats* stats : readers_->stats()) stats_.push_back(stats);
        return {};
    }

    void follow_addresses() {
        std::vector<AddressSockets::Listener> udp;
        for (std::size_t i = 0; i < listeners_.size(); ++i) {
            if (!listeners_[i].udp) continue;
            udp.push_back({static_cast<std::uint16_t>(i), listeners_[i].address});
        }
        addresses_ = std::make_unique<AddressSockets>(workers_, udp, udp_options(config_));
    }

    static base::Result<base::Endpoint> bind_one(Worker& worker, std::uint16_t index,
                                                 const ListenerConfig& listener) {
        auto bound = worker.bind(index, listener);
        for (int i = 1; !bound && listener.address.port == 0 && i < kPortTries; ++i) {
            bound = worker.bind(index, listener);
        }
        return bound;
    }

    Config config_;
    PipelineSettings settings_;
    std::string node_;
    base::WallTime started_ = base::wall_now();
    std::string geo_fault_;
    std::shared_ptr<const zones::GeoDatabases> geo_;
    std::unique_ptr<resolver::RootHints> hints_;
    std::unique_ptr<zones::Store> store_;
    std::unique_ptr<resolver::Cache> cache_;
    LimitEvents limit_events_;
    std::unique_ptr<Rrl> rrl_;  // null: off
    std::unique_ptr<RrlWatch> rrl_watch_;
    std::unique_ptr<Readers> readers_;
    std::unique_ptr<Certificates> certificates_;
    std::unique_ptr<TcpClients> tcp_clients_;  // before the workers, which count in it
    std::unique_ptr<TcpClients> doh_clients_;  // likewise
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<AddressSockets> addresses_;  // on the first worker's loop
    std::vector<ListenerInfo> listeners_;
    std::vector<Tap*> taps_;
    std::vector<const WorkerStats*> stats_;
};

}  // namespace

base::Result<std::unique_ptr<Service>> Service::start(const Config& config) {
    auto service = std::make_unique<RunningService>(config);
    auto begun = service->begin();
    if (!begun) return base::fail(begun.error().message);
    return std::unique_ptr<Service>(std::move(service));
}

}  // namespace server
