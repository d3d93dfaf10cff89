#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dns/presentation.h"
#include "zones/store.h"

namespace zones_test {

/// A directory that goes away with the test.
class ScratchDirectory {
  public:
    ScratchDirectory() {
        std::string name =
            (std::filesystem::temp_directory_path() / "meridian-store-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline dns::Name name(std::string_view text) {
    auto parsed = dns::Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : dns::Name();
}

inline std::vector<std::uint8_t> rdata(dns::RRType type, std::string_view text) {
    auto parsed = dns::parse_rdata(type, text, dns::NameView());
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : std::vector<std::uint8_t>();
}

inline zones::RRsetValue value(dns::RRType type, const std::vector<std::string>& records,
                               std::uint32_t ttl = 300) {
    zones::RRsetValue out;
    out.ttl = ttl;
    for (const std::string& record : records) out.records.push_back(rdata(type, record));
    return out;
}

// Operations as tests write them.

inline zones::PutZone zone(std::string_view apex, std::string view = "") {
    zones::PutZone put;
    put.apex = name(apex);
    put.view = std::move(view);
    put.ns = {name("ns1.example.net.")};
    return put;
}
inline zones::PutRRset put(std::string_view apex, std::string_view owner, dns::RRType type,
                           const std::vector<std::string>& records, std::string view = "") {
    return {name(apex), name(owner), type, std::move(view), value(type, records)};
}
inline zones::AddRecords add(std::string_view apex, std::string_view owner, dns::RRType type,
                             const std::vector<std::string>& records, std::string view = "") {
    return {name(apex),      name(owner),  type,
            std::move(view), std::nullopt, value(type, records).records};
}
inline zones::RemoveRecords remove(std::string_view apex, std::string_view owner, dns::RRType type,
                                   const std::vector<std::string>& records, std::string view = "") {
    return {name(apex), name(owner), type, std::move(view), value(type, records).records};
}
inline zones::DeleteRRset erase(std::string_view apex, std::string_view owner, dns::RRType type,
                                std::string view = "") {
    return {name(apex), name(owner), type, std::move(view)};
}

template <class... What>
zones::ChangeSet changes(What... what) {
    zones::ChangeSet set;
    set.author = "test";
    set.time = base::from_unix_us(std::int64_t{1767614400} * 1000000);  // 2026-01-05T12:00:00Z
    (set.operations.push_back({std::move(what), {}}), ...);
    return set;
}

/// All faults, a line each.
inline std::string faults(const base::Result<zones::Committed, zones::ChangeError>& result) {
    std::string out;
    if (result) return out;
    for (const zones::ChangeFault& fault : result.error().faults) {
        out += std::to_string(fault.operation) + " " + fault.pointer + " " + fault.message + "\n";
    }
    return out;
}

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_FALSE(directory_.path().empty());
        reopen();
    }

    // Not in TearDown: members of derived fixtures may use the store until they go.
    ~StoreTest() override { close(); }

    void close() {
        source_.reset();
        if (reader_ != nullptr && store_ != nullptr) store_->qsbr().remove_reader(*reader_);
        reader_ = nullptr;
        store_.reset();
    }
    void reopen() {
        close();
        auto opened = zones::Store::open(options());
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = std::move(*opened);
        source_ = store_->make_source(true);
        reader_ = &store_->qsbr().add_reader();
    }

    virtual zones::StoreOptions options() {
        zones::StoreOptions options;
        options.directory = directory_.path();
        options.memory_octets = std::size_t{32} << 20;
        options.min_free_octets = 0;
        return options;
    }

    base::Result<zones::Committed, zones::ChangeError> commit(zones::ChangeSet set) {
        return store_->commit(std::move(set));
    }
    /// The revision; a failed test if there is none.
    zones::Revision must(zones::ChangeSet set) {
        auto result = commit(std::move(set));
        EXPECT_TRUE(result) << faults(result);
        return result ? result->revision : 0;
    }
    static zones::ChangeFault::Kind kind(
        const base::Result<zones::Committed, zones::ChangeError>& result) {
        EXPECT_FALSE(result);
        if (result || result.error().faults.empty()) return zones::ChangeFault::Kind::Unavailable;
        return result.error().faults.front().kind;
    }

    /// "300 192.0.2.1 192.0.2.2" of an RRset as the API reads it; "-": there is none.
    std::string rrset(std::string_view apex, std::string_view owner, dns::RRType type,
                      std::string_view view = "") {
        auto found = store_->read()->rrset(name(apex), view, name(owner), type);
        EXPECT_TRUE(found) << found.error().message;
        if (!found || !*found) return "-";
        std::string out = std::to_string((*found)->value.ttl);
        for (const auto& record : (*found)->value.records) {
            out += " " + dns::format_rdata(type, record);
        }
        return out;
    }
    zones::Revision rrset_revision(std::string_view apex, std::string_view owner,
                                   dns::RRType type) {
        auto found = store_->read()->rrset(name(apex), "", name(owner), type);
        return found && *found ? (*found)->revision : 0;
    }
    std::uint32_t serial(std::string_view apex) {
        auto info = store_->read()->zone(name(apex));
        EXPECT_TRUE(info && *info);
        return info && *info ? (*info)->serial : 0;
    }

    /// "Present", "ENT", "Absent": what the query path finds, with '*' for a wildcard child.
    std::string find(std::string_view apex, std::string_view owner,
                     zones::ViewId view = zones::kDefaultView) {
        reader_->online();
        const std::string out = find_at(*store_->published(), apex, owner, view);
        reader_->offline();
        return out;
    }
    /// The same at a revision that the caller holds, online since it was published.
    std::string find_at(const zones::Published& published, std::string_view apex,
                        std::string_view owner, zones::ViewId view) {
        source_->use(published);
        const dns::Name zone_name = name(apex);
        const dns::Name whole = name(owner);
        const zones::ZoneEntry* entry = published.zones->find_exact(zone_name);
        if (entry == nullptr) return "no zone";
        const zones::ZoneId id = view == zones::kDefaultView ? entry->base() : entry->variant(view);
        const auto found = source_->find(id, whole.octets().first(whole.size() - zone_name.size()));
        std::string out;
        switch (found.presence) {
            case zones::Presence::Absent:
                return "Absent";
            case zones::Presence::WouldBlock:
                return "WouldBlock";
            case zones::Presence::Failed:
                return "Failed";
            case zones::Presence::Present:
                out = found.node.empty() ? "ENT" : "Present";
                if (found.node.has(zones::kNodeWildcardChild)) out += '*';
                break;
        }
        source_->release();
        return out;
    }

    // In steps of 5 ms: the thread that is waited for has a low priority, and tests share cores.
    static constexpr int kPatience = 12000;
    /// Until all of the store is in memory.
    void wait_until_complete() {
        for (int i = 0; i < kPatience && !store_->stats().cache_complete; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        EXPECT_TRUE(store_->stats().cache_complete);
    }

    ScratchDirectory directory_;
    std::unique_ptr<zones::Store> store_;
    std::unique_ptr<zones::Store::Source> source_;
    base::Qsbr::Reader* reader_ = nullptr;
};

}  // namespace zones_test
