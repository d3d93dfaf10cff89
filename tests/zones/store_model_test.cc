// Random change sets against a map. MERIDIAN_MODEL_STEPS makes the walk longer (scripts/model.sh),
// and MERIDIAN_MODEL_SEED another one.
#include <cstdlib>
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

std::uint64_t setting(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What the zone holds: view ("" is the base) and owner to types to records.
struct Model {
    using Node = std::map<RRType, std::set<std::string>>;
    std::map<std::pair<std::string, std::string>, Node> nodes;

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

class StoreModel : public StoreTest {
  protected:
    std::string random_owner() {
        static const char* const kLabels[] = {"a", "b", "*"};
        std::string owner;
        for (auto labels = 1 + random_() % 3; labels > 0; --labels) {
            owner += std::string(kLabels[random_() % 3]) + ".";
        }
        return owner + "example.";
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
        static constexpr RRType kTypes[] = {RRType::A, RRType::A, RRType::TXT, RRType::CNAME};
        const RRType type = kTypes[random_() % 4];
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

    void compare(const Model& model) {
        std::set<std::string> owners = {"example."};
        for (const std::string a : {"a.", "b.", "*."}) {
            owners.insert(a + "example.");
            for (const std::string b : {"a.", "b.", "*."}) {
                owners.insert(a + b + "example.");
                for (const std::string c : {"a.", "b.", "*."})
                    owners.insert(a + b + c + "example.");
            }
        }
        const zones::ViewId id = store_->published()->views->find("v")->id;
        const auto reader = store_->read();
        for (const std::string view : {"", "v"}) {
            for (const std::string& owner : owners) {
                if (owner == "example.") continue;
                std::string expected = "Absent";
                if (model.has_below(view, owner)) expected = "ENT";
                const Model::Node node = model.node(view, owner);
                if (!node.empty()) expected = "Present";
                const std::string wildcard = "*." + owner;
                if (!model.node(view, wildcard).empty() || model.has_below(view, wildcard)) {
                    expected += "*";
                }
                ASSERT_EQ(find("example.", owner, view.empty() ? zones::kDefaultView : id),
                          expected)
                    << view << " " << owner;
                for (const RRType type : {RRType::A, RRType::TXT, RRType::CNAME}) {
                    std::set<std::string> records;
                    const auto found = reader->rrset(name("example."), view, name(owner), type);
                    ASSERT_TRUE(found);
                    if (*found) {
                        for (const auto& rdata : (*found)->value.records) {
                            records.insert(dns::format_rdata(type, rdata));
                        }
                    }
                    const auto wanted = node.find(type);
                    ASSERT_EQ(records,
                              wanted == node.end() ? std::set<std::string>{} : wanted->second)
                        << view << " " << owner << " " << dns::to_text(type);
                }
            }
        }
    }

    std::mt19937 random_{
        static_cast<std::mt19937::result_type>(setting("MERIDIAN_MODEL_SEED", 20261121))};
};

TEST_F(StoreModel, AgreesWithAMap) {
    must(changes(zone("example."), zones::PutDocument{"views", "v", "{}"}));
    Model model;
    const std::uint64_t steps = setting("MERIDIAN_MODEL_STEPS", kSteps);
    std::uint64_t compared = 0;
    for (std::uint64_t step_count = 0; step_count < steps;) {
        std::vector<std::pair<bool, bool>> outcomes(kGroup);  // expected, got
        for (int i = 0; i < kGroup; ++i) {
            zones::ChangeSet set = changes();
            Model next = model;
            std::set<std::pair<std::string, std::string>> touched;
            bool allowed = true;
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
        auto last = changes(zones::PutZone{name("example."), "", "keep", "", {}, std::nullopt});
        ASSERT_TRUE(commit(std::move(last)));
        for (const auto& outcome : outcomes) ASSERT_EQ(outcome.first, outcome.second);
        if (step_count - compared >= kCompareEvery) {
            compare(model);
            compared = step_count;
        }
        if (HasFatalFailure()) return;
    }
    compare(model);
    reopen();
    compare(model);
}

}  // namespace
}  // namespace zones_test
