#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/random.h"
#include "base/time.h"
#include "dns/name.h"
#include "dns/types.h"
#include "resolver/cache.h"
#include "resolver/resolution.h"
#include "resolver/resolver.h"

namespace scenario {

/// One line of a scenario as words, with its number for messages.
struct Line {
    std::size_t number = 0;
    std::vector<std::string> words;
};

struct Record {
    std::string section;
    dns::Name owner;
    std::uint32_t ttl = 0;
    dns::RRType type{};
    std::vector<std::uint8_t> rdata;
};

/// One datagram that a scripted server sends.
struct Reply {
    std::vector<std::string> options;  // see tests/scenarios/README.md
    std::vector<Record> records;
};

/// What a scripted server does with a question.
struct Rule {
    std::string qname, qtype;          // "*" is any
    std::vector<std::string> filters;  // udp tcp edns plain once
    std::vector<Reply> replies;        // none: silence
    bool used = false;
};

/// Runs one file: scripted servers by address, a stepped clock, a seeded random source. Returns
/// the first fault as "file:line: ...", or nothing.
class Runner {
  public:
    explicit Runner(std::string file) : file_(std::move(file)) {}
    [[nodiscard]] std::optional<std::string> run();

  private:
    struct Delivery {
        base::MonoTime at;
        std::uint32_t token;
        std::vector<std::uint8_t> message;
    };
    struct Result {
        bool cached = false;
        bool stale_early = false;  // given while the resolution went on
        resolver::Outcome outcome;
        std::uint64_t queries = 0;
        base::Duration elapsed{};
        base::MonoTime at{};
        std::vector<std::string> lines;  // "answer owner ttl type rdata"
    };

    std::string fail(const Line& line, const std::string& what) const;
    std::optional<std::string> step(const Line& line);
    std::optional<std::string> setting(const Line& line);
    std::optional<std::string> expect(const Line& line);
    std::optional<std::string> end_expectations();
    void set_up();
    void ask(const std::string& qname, const std::string& qtype);
    void converse(resolver::Resolution& resolution, Result& result);
    void serve(const resolver::UpstreamQuery& query, std::vector<Delivery>& out);
    void write(Result& result);

    std::string file_;
    resolver::Settings settings_;
    std::vector<resolver::NameServer> roots_;
    std::map<std::string, std::vector<Rule>> servers_;
    std::vector<Rule>* rules_ = nullptr;
    Reply* reply_ = nullptr;
    base::MonoTime now_ = base::MonoTime{} + std::chrono::hours(1);
    std::unique_ptr<base::Random> random_;
    std::unique_ptr<resolver::Cache> cache_;
    std::unique_ptr<resolver::RootHints> hints_;
    std::unique_ptr<resolver::ServerTable> table_;
    resolver::Question question_;
    std::optional<Result> result_;
    std::vector<std::string> expected_;  // lines of the answer wanted
    bool expecting_ = false;
    Line asked_at_;
    std::vector<std::string> asked_;  // every query of the last ask, "address qname qtype"
    std::uint64_t seed_ = 1;
};

[[nodiscard]] std::optional<Record> parse_record(const std::vector<std::string>& words);

}  // namespace scenario
