#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "resolver/cache.h"
#include "server/service.h"
#include "zones/store.h"

namespace admin::fakes {

/// A directory of its own under the system's, removed at the end.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "admin-XXXXXX").string();
        EXPECT_NE(mkdtemp(pattern.data()), nullptr);
        path = pattern;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string path;
};

/// A server without workers: a real store and cache, one tap that a test records into.
class House final : public server::Service {
  public:
    explicit House(const std::string& directory) : cache_(config_.recursion) {
        config_.data_dir = directory;
        server::AdminListenerConfig listener;
        listener.address = *base::Endpoint::parse("127.0.0.1:0");
        config_.admin_listeners = {listener};
        zones::StoreOptions options;
        options.directory = directory + "/store";
        options.min_free_octets = 0;
        options.log = [](std::string_view, const std::string&) {};
        auto opened = zones::Store::open(std::move(options));
        EXPECT_TRUE(opened) << opened.error().message;
        if (opened) store_ = std::move(*opened);
    }

    zones::Store& store() noexcept override { return *store_; }
    const server::Config& config() const noexcept override { return config_; }
    server::Config& settings() { return config_; }  // before the admin thread runs
    const std::string& node() const noexcept override { return node_; }
    const std::vector<server::ListenerInfo>& listeners() const noexcept override {
        return listeners_;
    }
    std::size_t workers() const noexcept override { return 3; }
    const std::vector<server::Tap*>& taps() const noexcept override { return taps_; }
    const std::vector<const server::WorkerStats*>& worker_stats() const noexcept override {
        return worker_stats_;
    }
    std::vector<net::Loop::Turns> loop_turns() const override { return {turns}; }
    server::LimitEvents& limit_events() noexcept override { return limits; }
    std::shared_ptr<const zones::GeoDatabases> geo() const override { return nullptr; }
    resolver::Cache& resolver_cache() noexcept override { return cache_; }
    std::vector<std::pair<std::string, std::uint64_t>> upstream_counts() const override {
        return {{"sent", 3}};
    }
    std::size_t limited_prefixes() const noexcept override { return 2; }
    server::Certificates& certificates() noexcept override { return *certificates_; }
    base::WallTime started() const noexcept override {
        return base::from_unix_us(1767614400000000);
    }
    std::vector<std::string> not_ready() const override { return reasons; }

    server::Tap tap;
    server::LimitEvents limits;
    server::WorkerStats stats;
    net::Loop::Turns turns;
    std::vector<std::string> reasons;  // before the admin thread runs

  private:
    server::Config config_;
    std::string node_ = "fra1";
    std::vector<server::ListenerInfo> listeners_ = {
        {.address = *base::Endpoint::parse("127.0.0.1:5300"),
         .udp = true,
         .tcp = true,
         .role = server::Role::Both}};
    std::vector<server::Tap*> taps_ = {&tap};
    std::vector<const server::WorkerStats*> worker_stats_ = {&stats};
    resolver::Cache cache_;
    std::unique_ptr<zones::Store> store_;
    // No tables: nothing to read, so nothing to fail.
    std::unique_ptr<server::Certificates> certificates_ = *server::Certificates::load({});
};

}  // namespace admin::fakes
