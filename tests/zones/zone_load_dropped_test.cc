// What a loader wrote for a change set that did not become true does not stay on the disk.
#include "tests/zones/store_fixture.h"
#include "tests/zones/stored_keys.h"
#include "zones/kv.h"

namespace zones_test {
namespace {

using dns::RRType;

class LoadDropped : public StoreTest {
  protected:
    static constexpr int kNames = 20000;  // too many to stay in memory

    zones::ReplaceZone load(std::string_view apex) {
        auto loader = store_->begin_load(name(apex));
        EXPECT_TRUE(loader);
        const auto take = [&](const std::string& owner, RRType type, const std::string& data) {
            EXPECT_FALSE((*loader)->add(name(owner), type, 300, rdata(type, data)));
        };
        take(std::string(apex), RRType::SOA, "ns. h. 10 1 2 3 4");
        take(std::string(apex), RRType::NS, "ns.test.");
        for (int i = 0; i < kNames; ++i) {
            take("some-name-of-a-host-" + std::to_string(i) + "." + std::string(apex), RRType::A,
                 "192.0.2.1");
        }
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return std::move(finished->operation);
    }
    /// Nodes on the disk; the store is closed after this.
    std::size_t nodes() {
        close();
        return stored_keys(directory_.path(), zones::Family::Nodes).size();
    }
};

TEST_F(LoadDropped, WhenItIsOnlyTried) {
    auto set = changes(load("example."));
    set.dry_run = true;
    ASSERT_TRUE(commit(set));
    EXPECT_EQ(nodes(), 0U);
}

TEST_F(LoadDropped, WhenItIsRefused) {
    zones::ChangeSet set = changes(load("example."));
    set.operations.front().condition.if_match.emplace();  // it must exist, and does not
    ASSERT_FALSE(commit(set));
    // Nor can it be taken over then.
    EXPECT_FALSE(commit(changes(std::get<zones::ReplaceZone>(set.operations.front().what))));
    EXPECT_EQ(nodes(), 0U);
}

TEST_F(LoadDropped, NotWhenItWasTakenOverOrIsToBe) {
    const zones::ReplaceZone first = load("example.");
    must(changes(first));
    ASSERT_FALSE(commit(changes(first))) << "there is nothing to be taken over any more";
    zones::ChangeSet second = changes(load("other."), zones::DeleteZone{name("nowhere.")});
    second.keeps_loads = true;
    ASSERT_FALSE(commit(second));
    second.operations.pop_back();
    must(second);
    EXPECT_EQ(find("example.", "some-name-of-a-host-7.example."), "Present");
    EXPECT_EQ(find("other.", "some-name-of-a-host-7.other."), "Present");
    EXPECT_EQ(nodes(), 2U * (kNames + 1));
}

}  // namespace
}  // namespace zones_test
