#include <algorithm>
#include <utility>

#include "zones/key.h"
#include "zones/node_block.h"
#include "zones/node_rules.h"
#include "zones/record_sorter.h"
#include "zones/records.h"
#include "zones/store_parts.h"
#include "zones/zone_assembly.h"
#include "zones/zone_check.h"

namespace zones {

namespace {

constexpr std::size_t kMaxShown = 100;  // faults and warnings that are kept
// Up to here a zone stays in memory until its change set is written, so that zones that come one
// by one share its sync; the committer is busy for some milliseconds with one of this size.
constexpr std::size_t kSmallOctets = std::size_t{256} << 10;
// Up to here a zone is written with others (BulkLoad); beyond, as files of its own.
constexpr std::size_t kBulkOctets = std::size_t{1} << 20;
constexpr std::size_t kFileOctets = std::size_t{128} << 20;
constexpr std::size_t kHashes = 1024;  // given to the filter at once
// How much is sorted on disk between two looks at how much of it is free.
constexpr std::uint64_t kLookOctets = std::uint64_t{64} << 20;

void add_node(ZoneNodes& nodes, ZoneId id, const ZoneAssembly::Item& item) {
    if (item.of_nsec3_chain) {
        nodes.chain.add(hashed_id(id), item.key, item.node);
    } else {
        nodes.names.add(id, item.key, item.node);
    }
}

class Bulk;

class Loader : public ZoneLoader {
  public:
    /// One of many: `id` is its own.
    Loader(const LoadContext& context, ZoneId id, const dns::Name& apex, Bulk& bulk,
           std::unique_ptr<RecordSorter> sorter)
        : context_(context),
          id_(id),
          apex_(apex),
          bulk_(&bulk),
          sorter_(std::move(sorter)),
          assembly_(apex, *sorter_) {
        context_.residency.begin_load(id_);
    }
    /// One by itself: it gets an id when it turns out to be large.
    Loader(const LoadContext& context, const dns::Name& apex)
        : context_(context),
          apex_(apex),
          sorter_(context.make_sorter()),
          assembly_(apex, *sorter_) {}
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;
    ~Loader() override;

    [[nodiscard]] std::optional<std::string> add_at(const Place& place, const dns::Name& owner,
                                                    dns::RRType type, std::uint32_t ttl,
                                                    Octets rdata) override {
        if (auto message = check_record(apex_, owner, type, ttl, rdata)) {
            ++refused_;
            return message;
        }
        look_at_disk();
        // What fails here is told by `finish`, once.
        if (failure_.empty()) (void)assembly_.add(owner, type, ttl, rdata, place);
        return std::nullopt;
    }

    [[nodiscard]] base::Result<Finished, Refused> finish() override {
        if (refused_ > 0) {
            fault(std::to_string(refused_) + " records of " + apex_.to_text() + " were refused");
        }
        if (failure_.empty()) {
            const auto done = assemble();
            if (!done) failure_ = done.error().message;
        }
        if (!failure_.empty()) fault(failure_);
        if (faults_.faults > 0) {
            take_back();
            return base::fail(std::move(faults_));
        }
        if (warning_count_ > warnings_.size()) {
            warnings_.push_back("and " + std::to_string(warning_count_ - warnings_.size()) +
                                " more warnings");
        }
        finished_ = true;
        return Finished{ReplaceZone{apex_, id_, assembly_.records(), std::move(small_)},
                        std::move(warnings_)};
    }

  private:
    void fault(std::string message) {
        ++faults_.faults;
        if (faults_.shown.size() < kMaxShown) faults_.shown.push_back(std::move(message));
    }
    void report(const Finding& finding) {
        const bool error = finding.severity == Finding::Severity::Error;
        if (!error && ++warning_count_ > kMaxShown) return;
        if (error && faults_.faults >= kMaxShown) {
            ++faults_.faults;
            return;
        }
        std::string message = assembly_.where(finding.line) + finding.to_text();
        if (error) {
            fault(std::move(message));
        } else {
            warnings_.push_back(std::move(message));
        }
    }
    [[nodiscard]] FindingReport reporter() {
        return [this](const Finding& finding) { report(finding); };
    }

    /// Imports leave as much free as every other write does.
    void look_at_disk() {
        if (assembly_octets() - looked_at_ < kLookOctets) return;
        looked_at_ = assembly_octets();
        failure_ = why_no_room();
    }
    [[nodiscard]] std::uint64_t assembly_octets() const noexcept { return sorter_->octets(); }
    [[nodiscard]] std::string why_no_room() const {
        const auto free = context_.store.free_octets();
        if (!free || *free >= context_.min_free_octets) return "";
        return "only " + std::to_string(*free >> 20) +
               " MiB are free on the disk: writes are refused below " +
               std::to_string(context_.min_free_octets >> 20);
    }

    /// The next node, checked. Null: there are no more, or a failure.
    const ZoneAssembly::Item* next(ZoneCheck& check) {
        auto item = assembly_.next(reporter());
        if (!item) {
            failure_ = item.error().message;
            return nullptr;
        }
        if (*item == nullptr) return nullptr;
        const NodeView node((*item)->node.data());
        if (!(*item)->of_nsec3_chain) check.add(node, (*item)->places);
        return *item;
    }
    /// Of every owner that is written past the committer.
    void add_hash(ZoneId id, NodeView node) {
        hashes_.push_back(context_.residency.cache().hash(id, node.relative_owner()));
        if (hashes_.size() >= kHashes) give_hashes();
    }
    void give_hashes() {
        context_.residency.add_loaded(hashes_);
        hashes_.clear();
    }

    base::Result<void> assemble() {
        ZoneCheck check(apex_, reporter());
        ZoneNodes nodes;
        const std::size_t enough =
            bulk_ != nullptr ? kBulkOctets : std::min(kSmallOctets, context_.octets);
        const ZoneAssembly::Item* item = next(check);
        for (; item != nullptr && nodes.octets() < enough; item = next(check)) {
            add_node(nodes, id_, *item);
        }
        const bool small = item == nullptr && nodes.octets() <= enough;
        if (!small) {
            auto written = write_files(nodes, item, check);
            if (!written) return written;
        }
        if (!failure_.empty()) return base::fail(failure_);
        // Faulty data was not written whole: what targets would be found to be says nothing.
        if (faults_.faults == 0) {
            auto looked = small ? check_targets(check, nodes.names) : check_targets(check);
            if (!looked) return looked;
        }
        if (faults_.faults > 0) return {};
        if (small) {
            keep(std::move(nodes));
            return {};
        }
        give_hashes();
        KeyValueBatch batch;
        batch.put(Family::Default, LoadRecord::key(id_),
                  LoadRecord{apex_, assembly_.records()}.pack());
        return context_.store.write(batch);
    }

    void keep(ZoneNodes nodes);

    base::Result<void> check_targets(ZoneCheck& check, const NodeBlock& block) {
        check.finish([this, &block](Octets owner) { return block.find(node_key(id_, owner)); });
        return second_pass(check);
    }
    base::Result<void> check_targets(ZoneCheck& check) {
        std::string value;
        bool failed = false;
        check.finish([this, &value, &failed](Octets owner) {
            const auto read =
                context_.store.get(Family::Nodes, node_key(id_, owner), nullptr, true, value);
            if (read == KeyValueStore::Read::Absent) return NodeView();
            const auto node = NodeView::check(base::as_octets(value));
            if (read != KeyValueStore::Read::Found || !node) failed = true;
            return failed ? NodeView() : *node;
        });
        auto done = second_pass(check);
        if (failed) return base::fail("the zone that was loaded cannot be read back");
        return done;
    }
    base::Result<void> second_pass(ZoneCheck& check) {
        if (!check.wants_second_pass()) return {};
        auto rewound = assembly_.rewind();
        if (!rewound) return rewound;
        for (;;) {
            auto item = assembly_.next({});
            if (!item) return base::fail(std::move(item.error()));
            if (*item == nullptr) return {};
            if ((*item)->of_nsec3_chain) continue;
            check.add_targets(NodeView((*item)->node.data()), (*item)->places);
        }
    }

    /// The nodes, then the one at hand and all that follow. With the first fault writing ends,
    /// checking goes on.
    base::Result<void> write_files(ZoneNodes& nodes, const ZoneAssembly::Item* item,
                                   ZoneCheck& check) {
        if (id_ == 0) {
            const auto id = context_.reserve_id();
            if (!id) return base::fail(id.error());
            id_ = *id;
            context_.residency.begin_load(id_);
            nodes.set_zone(id_);
        }
        KeyValueBatch batch;
        batch.put(Family::Default, LoadRecord::key(id_), LoadRecord{apex_, 0}.pack());
        auto announced = context_.store.write(batch);
        if (!announced) return announced;
        in_files_ = true;
        // The assembly gives the chain before the names; each is a range of keys for itself.
        for (const bool of_chain : {true, false}) {
            auto written = write_range(of_chain ? nodes.chain : nodes.names, of_chain, item, check);
            if (!written) return written;
        }
        while (item != nullptr) item = next(check);
        return {};
    }

    base::Result<void> write_range(const NodeBlock& block, bool of_chain,
                                   const ZoneAssembly::Item*& item, ZoneCheck& check) {
        const ZoneId id = of_chain ? hashed_id(id_) : id_;
        const std::string prefix = zone_prefix(id);
        const auto at_hand = [&] { return item != nullptr && item->of_nsec3_chain == of_chain; };
        std::size_t row = 0;
        while ((row < block.size() || at_hand()) && faults_.faults == 0) {
            if (auto reason = why_no_room(); !reason.empty()) return base::fail(std::move(reason));
            std::size_t octets = 0;
            auto ingested =
                context_.store.ingest(Family::Nodes, [&](std::string& key, std::string& value) {
                    if (octets >= kFileOctets) return false;
                    if (row < block.size()) {
                        key = block.key(row);
                        value = block.value(row);
                        ++row;
                    } else {
                        if (!at_hand() || faults_.faults > 0) return false;
                        key = prefix;
                        key += item->key;
                        value = base::as_text(item->node);
                        item = next(check);
                    }
                    add_hash(id, NodeView(base::as_octets(value).data()));
                    octets += key.size() + value.size();
                    return true;
                });
            if (!ingested) return ingested;
        }
        return {};
    }

    /// What was written of a zone that is refused.
    void take_back() {
        if (!in_files_) return;
        KeyValueBatch batch;
        for (const KeyRange& range : zone_ranges(id_, id_ + 1)) {
            batch.erase_range(Family::Nodes, range.from, range.to);
        }
        batch.erase(Family::Default, LoadRecord::key(id_));
        if (!context_.store.write(batch)) return;  // the next start does it
        in_files_ = false;
        for (const KeyRange& range : zone_ranges(id_, id_ + 1)) {
            context_.store.reclaim(Family::Nodes, range.from, range.to);
        }
    }

    const LoadContext context_;
    ZoneId id_ = 0;  // 0: none yet
    const dns::Name apex_;
    Bulk* const bulk_ = nullptr;
    std::unique_ptr<RecordSorter> sorter_;
    ZoneAssembly assembly_;
    bool in_files_ = false;
    std::uint64_t looked_at_ = 0;
    std::string failure_;
    std::uint64_t refused_ = 0;
    Refused faults_;
    std::uint64_t warning_count_ = 0;
    std::vector<std::string> warnings_;
    std::vector<std::uint64_t> hashes_;
    std::shared_ptr<const ZoneNodes> small_;  // all of a zone that needed no id
    bool finished_ = false;
};

class Bulk : public BulkLoad {
  public:
    // An id more than there are zones costs nothing, a file of few zones does.
    static constexpr std::size_t kMaxOctets = std::size_t{32} << 20;

    Bulk(const LoadContext& context, ZoneId first_id)
        : context_(context), next_id_(first_id), end_id_(first_id + kBulkIds) {}

    [[nodiscard]] std::unique_ptr<ZoneLoader> begin(const dns::Name& apex) override {
        if (sorter_ == nullptr) sorter_ = context_.make_sorter();
        return std::make_unique<Loader>(context_, next_id_++, apex, *this, std::move(sorter_));
    }
    [[nodiscard]] bool room() const noexcept override {
        return next_id_ < end_id_ && nodes_.octets() < kMaxOctets;
    }
    [[nodiscard]] base::Result<void> write() override {
        if (loads_.empty()) return {};
        const ZoneId first = loads_.front().first;
        const ZoneId last = loads_.back().first;
        KeyValueBatch announce;
        announce.put(Family::Default, LoadRecord::key(first),
                     LoadRecord{dns::Name(), 0, last - first + 1}.pack());
        auto written = context_.store.write(announce);
        if (!written) return written;
        for (const NodeBlock* block : {&nodes_.names, &nodes_.chain}) {
            std::size_t row = 0;
            if (block->size() == 0) continue;
            written = context_.store.ingest(Family::Nodes,
                                            [block, &row](std::string& key, std::string& value) {
                                                if (row == block->size()) return false;
                                                key = block->key(row);
                                                value = block->value(row);
                                                ++row;
                                                return true;
                                            });
            if (!written) return written;
        }
        // Each zone stands for itself from here on; the first one's takes the announcement's place.
        KeyValueBatch batch;
        for (const auto& load : loads_) {
            batch.put(Family::Default, LoadRecord::key(load.first), load.second.pack());
        }
        written = context_.store.write(batch);
        nodes_.names.clear();
        nodes_.chain.clear();
        loads_.clear();
        return written;
    }

    void keep(ZoneId id, const dns::Name& apex, std::uint64_t records, const ZoneNodes& nodes) {
        nodes_.names.append(nodes.names);
        nodes_.chain.append(nodes.chain);
        loads_.push_back({id, LoadRecord{apex, records}});
    }
    void give_back(std::unique_ptr<RecordSorter> sorter) {
        sorter->clear();
        sorter_ = std::move(sorter);
    }

  private:
    const LoadContext context_;
    ZoneId next_id_;
    const ZoneId end_id_;
    std::unique_ptr<RecordSorter> sorter_;  // of the loader before, for the next one
    ZoneNodes nodes_;
    std::vector<std::pair<ZoneId, LoadRecord>> loads_;
};

Loader::~Loader() {
    if (id_ != 0 && !finished_) context_.residency.end_load(id_);
    if (bulk_ != nullptr) bulk_->give_back(std::move(sorter_));
}

void Loader::keep(ZoneNodes nodes) {
    if (bulk_ == nullptr) {
        small_ = std::make_shared<const ZoneNodes>(std::move(nodes));
        return;
    }
    for (std::size_t row = 0; row < nodes.names.size(); ++row) {
        add_hash(id_, nodes.names.node(row));
    }
    for (std::size_t row = 0; row < nodes.chain.size(); ++row) {
        add_hash(hashed_id(id_), nodes.chain.node(row));
    }
    give_hashes();
    bulk_->keep(id_, apex_, assembly_.records(), nodes);
}

}  // namespace

std::unique_ptr<RecordSorter> LoadContext::make_sorter() const {
    return std::make_unique<RecordSorter>(directory, octets);
}

std::unique_ptr<ZoneLoader> make_zone_loader(const LoadContext& context, const dns::Name& apex) {
    return std::make_unique<Loader>(context, apex);
}

std::unique_ptr<BulkLoad> make_bulk_load(const LoadContext& context, ZoneId first_id) {
    return std::make_unique<Bulk>(context, first_id);
}

}  // namespace zones
