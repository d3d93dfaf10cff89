#pragma once

#include <memory>
#include <string>
#include <utility>

#include "zones/kv.h"

namespace zones_test {

/// A real database behind a test that changes what some of its calls do.
class ForwardingStore : public zones::KeyValueStore {
  public:
    explicit ForwardingStore(std::unique_ptr<KeyValueStore> real) : real_(std::move(real)) {}

    Read get(zones::Family family, std::string_view key, const zones::StoreSnapshot* snapshot,
             bool may_block, std::string& value) override {
        return real_->get(family, key, snapshot, may_block, value);
    }
    std::unique_ptr<Cursor> cursor(zones::Family family,
                                   std::shared_ptr<const zones::StoreSnapshot> snapshot,
                                   bool may_block) override {
        return real_->cursor(family, std::move(snapshot), may_block);
    }
    std::unique_ptr<Cursor> scan(zones::Family family,
                                 std::shared_ptr<const zones::StoreSnapshot> snapshot) override {
        return real_->scan(family, std::move(snapshot));
    }
    std::uint64_t estimate_keys(zones::Family family) override {
        return real_->estimate_keys(family);
    }
    std::uint64_t approximate_octets(zones::Family family, const std::string& from,
                                     const std::string& to) override {
        return real_->approximate_octets(family, from, to);
    }
    base::Result<void> write(const zones::KeyValueBatch& batch) override {
        return real_->write(batch);
    }
    base::Result<Resumed> resume() override { return real_->resume(); }
    bool close_left() override { return real_->close_left(); }
    base::Result<void> ingest(
        zones::Family family,
        const std::function<bool(std::string& key, std::string& value)>& each) override {
        return real_->ingest(family, each);
    }
    void reclaim(zones::Family family, const std::string& from, const std::string& to) override {
        real_->reclaim(family, from, to);
    }
    base::Result<void> checkpoint(const std::string& directory) override {
        return real_->checkpoint(directory);
    }
    std::shared_ptr<const zones::StoreSnapshot> snapshot() override { return real_->snapshot(); }
    std::optional<std::uint64_t> free_octets() const override { return real_->free_octets(); }

  private:
    std::unique_ptr<KeyValueStore> real_;
};

}  // namespace zones_test
