// Random change sets against a map: single changes, whole zones replaced, deleted and made again,
// as the newest revision and the ones before it show them, with room for all nodes and with hardly
// any. MERIDIAN_MODEL_STEPS makes the walk longer (scripts/model.sh), and MERIDIAN_MODEL_SEED
// another one.
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "dns/rdata.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

constexpr std::uint64_t kSteps = 10000;
constexpr std::uint64_t kCompareEvery = 1000;
constexpr int kGroup = 50;  // submitted at once, so that they share groups
constexpr int kFillers = 2000;
constexpr std::size_t kPinned = 4;  // revisions that are read long after
constexpr std::size_t kAmple = std::size_t{32} << 20;
constexpr std::size_t kTight = std::size_t{256} << 10;  // the table alone takes more
constexpr RRType kTypes[] = {RRType::A, RRType::TXT, RRType::CNAME};

std::uint64_t setting(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What the zone holds: view ("" is the base) and owner to types to records.
struct Model {
    using Node = std::map<RRType, std::set<std::string>>;
    std::map<std::pair<std::string, std::string>, Node> nodes;
    bool exists = true;  // the zone

    [[nodiscard]] Node node(const std::string& view, const std::string& owner) const {
        const auto at = nodes.find({view, owner});
        return at == nodes.end() ? Node{} : at->second;
    }
    void set(const std::string& view, const std::string& owner, RRType type,
             std::set<std::string> records) {
        Node& node = nodes[{view, owner}];
        if (records.empty()) {
            node.erase(type);
        } else {
            node[type] = std::move(records);
        }
        if (node.empty()) nodes.erase({view, owner});
    }
    [[nodiscard]] bool cname_and_other(const std::string& owner, const std::string& view) const {
        Node seen = node("", owner);
        if (!view.empty()) {
            for (const auto& item : node(view, owner)) seen[item.first] = item.second;
        }
        const auto cname = seen.find(RRType::CNAME);
        return cname != seen.end() && (seen.size() > 1 || cname->second.size() > 1);
    }
    /// Whether the data of a whole zone is in order, with what views lay over it.
    [[nodiscard]] bool sound() const {
        for (const auto& item : nodes) {
            if (cname_and_other(item.first.second, item.first.first)) return false;
        }
        return true;
    }
    [[nodiscard]] bool has_below(const std::string& view, const std::string& owner) const {
        for (const auto& item : nodes) {
            if (item.first.first == view && item.first.second.size() > owner.size() &&
                item.first.second.ends_with("." + owner)) {
                return true;
            }
        }
        return false;
    }
};

class StoreModel : public StoreTest, public testing::WithParamInterface<std::size_t> {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.memory_octets = GetParam();
        return options;
    }

    std::string random_owner() {
        static const char* const kLabels[] = {"a", "b", "*"};
        std::string owner;
        for (auto labels = 1 + random_() % 3; labels > 0; --labels) {
            owner += std::string(kLabels[random_() % 3]) + ".";
        }
        return owner + "example.";
    }
    RRType random_type() {
        static constexpr RRType kWeighted[] = {RRType::A, RRType::A, RRType::TXT, RRType::CNAME};
        return kWeighted[random_() % 4];
    }
    std::string random_record(RRType type) {
        const std::string digit = std::to_string(random_() % 4);
        if (type == RRType::A) return "192.0.2." + digit;
        if (type == RRType::TXT) return "\"" + digit + "\"";
        return "target" + digit + ".test.";
    }

    /// Appends an operation and applies it to the model; false: the store must refuse it.
    bool step(zones::ChangeSet& set, Model& model,
              std::set<std::pair<std::string, std::string>>& touched) {
        const std::string view = random_() % 3 == 0 ? "v" : "";
        const std::string owner = random_owner();
        const RRType type = random_type();
        const std::string record = random_record(type);
        std::set<std::string> records;
        const Model::Node node = model.node(view, owner);
        const auto present = node.find(type);
        if (present != node.end()) records = present->second;
        const bool exists = !records.empty();
        bool allowed = true;
        switch (random_() % 4) {
            case 0:
                set.operations.push_back({put("example.", owner, type, {record}, view), {}});
                records = {record};
                break;
            case 1:
                set.operations.push_back({add("example.", owner, type, {record}, view), {}});
                records.insert(record);
                break;
            case 2:
                set.operations.push_back({remove("example.", owner, type, {record}, view), {}});
                records.erase(record);
                allowed = exists;
                break;
            default:
                set.operations.push_back({erase("example.", owner, type, view), {}});
                records.clear();
                allowed = exists;
        }
        model.set(view, owner, type, records);
        touched.insert({view, owner});
        return allowed;
    }

    /// Other names push those of the zone out of a cache that is too small.
    void press() {
        for (int i = 0; i < kFillers / 10; ++i) {
            const std::string owner = "f" + std::to_string(random_() % kFillers) + ".filler.";
            ASSERT_EQ(find("filler.", owner), "Present");
        }
    }

    /// A zone of random names through a loader; what views lay over it stays.
    bool replace(Model& model) {
        Model next = model;
        for (auto item = next.nodes.begin(); item != next.nodes.end();) {
            item = item->first.first.empty() ? next.nodes.erase(item) : std::next(item);
        }
        auto loader = store_->begin_load(name("example."));
        EXPECT_TRUE(loader);
        const auto take = [&loader](const std::string& owner, RRType type,
                                    const std::string& record) {
            const auto fault = (*loader)->add(name(owner), type, 300, rdata(type, record));
            EXPECT_FALSE(fault) << *fault;
        };
        take("example.", RRType::SOA, "ns. h. 1 1 2 3 4");
        take("example.", RRType::NS, "ns.test.");
        for (auto count = random_() % 12; count > 0; --count) {
            const std::string owner = random_owner();
            const RRType type = random_type();
            const std::string record = random_record(type);
            Model with = next;
            std::set<std::string> records = with.node("", owner)[type];
            if (!records.insert(record).second) continue;
            with.set("", owner, type, std::move(records));
            if (with.cname_and_other(owner, "")) continue;  // refused when the zone is read
            next = std::move(with);
            take(owner, type, record);
        }
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        if (!finished) return false;
        const bool done = commit(changes(finished->operation)).has_value();
        EXPECT_EQ(done, next.sound());
        if (done) model = std::move(next);
        return true;
    }

    /// What a query would find, and what it should: presence, mark of a wildcard, records.
    static std::string text(const Model::Node& node) {
        std::string out;
        for (const RRType type : kTypes) {
            const auto records = node.find(type);
            if (records == node.end()) continue;
            out += " " + dns::to_text(type);
            for (const std::string& record : records->second) out += " " + record;
        }
        return out;
    }
    static std::string expected(const Model& model, const std::string& view,
                                const std::string& owner) {
        if (!model.exists) return "no zone";
        std::string out = "Absent";
        if (model.has_below(view, owner)) out = "ENT";
        const Model::Node node = model.node(view, owner);
        if (!node.empty()) out = "Present";
        const std::string wildcard = "*." + owner;
        if (!model.node(view, wildcard).empty() || model.has_below(view, wildcard)) out += "*";
        return out + text(node);
    }
    std::string served(const zones::Published& published, zones::ViewId view,
                       const std::string& owner) {
        std::string out = find_at(published, "example.", owner, view);
        if (!out.starts_with("Present")) return out;
        source_->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(name("example."));
        const zones::ZoneId id = view == zones::kDefaultView ? entry->base() : entry->variant(view);
        const dns::Name whole = name(owner);
        const auto found = source_->find(id, whole.octets().first(whole.size() - kApexOctets));
        Model::Node node;
        for (const RRType type : kTypes) {
            if (found.presence != zones::Presence::Present) break;
            const auto rrset = found.node.find(type);
            if (!rrset) continue;
            for (const auto rdata : rrset->rrset) {
                node[type].insert(dns::format_rdata(type, rdata));
            }
        }
        source_->release();
        return out + text(node);
    }

    static std::vector<std::string> all_owners() {
        std::vector<std::string> owners;
        for (const std::string a : {"a.", "b.", "*."}) {
            owners.push_back(a + "example.");
            for (const std::string b : {"a.", "b.", "*."}) {
                owners.push_back(a + b + "example.");
                for (const std::string c : {"a.", "b.", "*."}) {
                    owners.push_back(a + b + c + "example.");
                }
            }
        }
        return owners;
    }

    /// As queries see a revision; the caller is online since it was published.
    void compare_served(const zones::Published& published, const Model& model) {
        const zones::ViewId id = published.views->find("v")->id;
        for (const std::string view : {"", "v"}) {
            for (const std::string& owner : all_owners()) {
                ASSERT_EQ(served(published, view.empty() ? zones::kDefaultView : id, owner),
                          expected(model, view, owner))
                    << "\"" << view << "\" " << owner << " at " << published.revision;
            }
        }
    }
    /// As the API reads it, now or long after.
    static void compare_read(zones::StoreReader& reader, const Model& model) {
        const auto zone = reader.zone(name("example."));
        ASSERT_TRUE(zone);
        ASSERT_EQ(zone->has_value(), model.exists);
        if (!model.exists) return;
        for (const std::string view : {"", "v"}) {
            std::map<std::string, Model::Node> read;
            auto rrsets = reader.rrsets(name("example."), view, std::nullopt, 1000);
            ASSERT_TRUE(rrsets);
            for (const zones::RRsetInfo& rrset : *rrsets) {
                if (rrset.name == name("example.")) continue;
                std::set<std::string>& records = read[rrset.name.to_text()][rrset.type];
                for (const auto& rdata : rrset.value.records) {
                    records.insert(dns::format_rdata(rrset.type, rdata));
                }
            }
            std::map<std::string, Model::Node> wanted;
            for (const auto& item : model.nodes) {
                if (item.first.first == view) wanted[item.first.second] = item.second;
            }
            ASSERT_EQ(read, wanted) << "\"" << view << "\" at " << reader.revision();
        }
    }
    void compare(const Model& model) {
        reader_->online();
        compare_served(*store_->published(), model);
        reader_->offline();
        compare_read(*store_->read(), model);
    }

    static constexpr std::size_t kApexOctets = 9;  // example.

    std::mt19937 random_{
        static_cast<std::mt19937::result_type>(setting("MERIDIAN_MODEL_SEED", 20261121))};
};

TEST_P(StoreModel, AgreesWithAMap) {
    must(changes(zone("example."), zones::PutDocument{"views", "v", "{}"}, zone("filler.")));
    zones::ChangeSet fillers = changes();
    for (int i = 0; i < kFillers; ++i) {
        fillers.operations.push_back(
            {add("filler.", "f" + std::to_string(i) + ".filler.", RRType::A, {"192.0.2.1"}), {}});
    }
    must(std::move(fillers));

    Model model;
    struct Pin {
        std::unique_ptr<zones::StoreReader> reader;
        Model model;
    };
    std::deque<Pin> pins;
    const std::uint64_t steps = setting("MERIDIAN_MODEL_STEPS", kSteps);
    std::uint64_t compared = 0;
    for (std::uint64_t step_count = 0; step_count < steps;) {
        const Model before = model;
        reader_->online();
        const zones::Published& old = *store_->published();
        std::vector<std::pair<bool, bool>> outcomes(kGroup);  // expected, got
        for (int i = 0; i < kGroup; ++i) {
            zones::ChangeSet set = changes();
            Model next = model;
            std::set<std::pair<std::string, std::string>> touched;
            bool allowed = model.exists;
            for (auto operations = 1 + random_() % 3; operations > 0; --operations) {
                allowed = step(set, next, touched) && allowed;
                ++step_count;
            }
            for (const auto& name : touched) {
                const bool base = name.first.empty();
                if (base && next.cname_and_other(name.second, "")) allowed = false;
                // An overlay is looked at with what lies below it.
                if (next.cname_and_other(name.second, "v")) allowed = false;
            }
            if (allowed) model = std::move(next);
            std::pair<bool, bool>& outcome = outcomes[static_cast<std::size_t>(i)];
            outcome = {allowed, !allowed};
            store_->submit(std::move(set),
                           [&outcome](const auto& result) { outcome.second = result.has_value(); });
        }
        // Acknowledged in order: when this one is, all are.
        auto last = changes(zones::PutZone{name("filler."), "", "keep", "", {}, std::nullopt});
        ASSERT_TRUE(commit(std::move(last)));
        for (const auto& outcome : outcomes) ASSERT_EQ(outcome.first, outcome.second);

        switch (model.exists ? random_() % 10 : 9) {
            case 0:
                ASSERT_TRUE(replace(model));
                break;
            case 1:
                must(changes(zones::DeleteZone{name("example.")}));
                model.nodes.clear();
                model.exists = false;
                break;
            default:
                if (model.exists) break;
                must(changes(zone("example.")));
                model.exists = true;
        }
        // A query that began before all this still sees what was then.
        if (random_() % 8 == 0) compare_served(old, before);
        reader_->offline();
        if (HasFatalFailure()) return;

        if (random_() % 4 == 0) pins.push_back({store_->read(), model});
        if (pins.size() > kPinned) {
            compare_read(*pins.front().reader, pins.front().model);
            pins.pop_front();
        }
        if (step_count - compared >= kCompareEvery) {
            press();
            compare(model);
            compared = step_count;
        }
        if (HasFatalFailure()) return;
    }
    pins.clear();
    compare(model);
    if (GetParam() == kTight) {
        EXPECT_GT(store_->stats().cache_evictions, 0U);
    }
    reopen();
    compare(model);
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreModel, testing::Values(kAmple, kTight),
                         [](const auto& budget) {
                             return std::string(budget.param == kAmple ? "Ample" : "Tight");
                         });

}  // namespace
}  // namespace zones_test
