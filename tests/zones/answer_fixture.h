#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "dns/master_file.h"
#include "dns/rdata.h"
#include "tests/zones/store_fixture.h"
#include "zones/answer.h"

namespace zones_test {

/// What a question brought, as text: records of a section as "owner TTL TYPE rdata", sorted.
struct Answered {
    zones::AnswerOutcome outcome{};
    zones::AnswerReport report;
    std::vector<std::string> answer, authority, additional;
    std::vector<std::string> as_sent;  // all of it, in the order of the message
    std::size_t size = 0;
};

/// A row of a table of questions.
struct AnswerCase {
    const char* qname;
    dns::RRType qtype;
    dns::RCode rcode = dns::RCode::NoError;
    std::vector<std::string> answer = {};
    std::vector<std::string> authority = {};
    std::vector<std::string> additional = {};
};

/// Zones loaded from master-file text into a real store, and questions asked of them.
class AnswerTest : public StoreTest {
  protected:
    /// Loads a zone as an import does, validation included.
    void load(std::string_view apex, std::string_view text) {
        auto loader = store_->begin_load(name(apex));
        ASSERT_TRUE(loader) << loader.error().message;
        struct Sink final : dns::MasterSink {
            explicit Sink(zones::ZoneLoader& to) : loader(to) {}
            bool on_record(const dns::MasterRecord& record) override {
                const auto fault = loader.add(record.owner, record.type, record.ttl, record.rdata);
                EXPECT_FALSE(fault) << *fault;
                return true;
            }
            bool on_fault(dns::MasterFault fault) override {
                ADD_FAILURE() << fault.to_text();
                return true;
            }
            zones::ZoneLoader& loader;
        } sink(**loader);
        dns::MasterScanner::Options options;
        options.origin = name(apex);
        dns::MasterScanner scanner(options, sink);
        scanner.feed(base::as_octets(text));
        scanner.finish();
        auto finished = (*loader)->finish();
        ASSERT_TRUE(finished) << finished.error().shown.front();
        if (!store_->published()->zones->find_exact(name(apex))) must(changes(zone(apex)));
        must(changes(finished->operation));
    }

    /// Asks as who knows nothing, then again and again as a worker does that remembers apexes: the
    /// same is to be said.
    Answered ask(std::string_view qname, dns::RRType qtype) {
        Answered out = ask(qname, qtype, nullptr);
        for (int again = 0; again < 3 && !out.report.varies; ++again) {
            const Answered other = ask(qname, qtype, &apexes_);
            EXPECT_EQ(other.outcome, out.outcome);
            EXPECT_EQ(other.report.rcode, out.report.rcode);
            EXPECT_EQ(other.report.owner_labels, out.report.owner_labels);
            // One may compress a name by a label less than the other.
            if (other.report.truncated != out.report.truncated) continue;
            EXPECT_EQ(other.as_sent, out.as_sent) << qname << " " << dns::to_text(qtype);
        }
        return out;
    }

    Answered ask(std::string_view qname, dns::RRType qtype, zones::ApexMemo* apexes) {
        Answered out;
        dns::Request request;
        const dns::Name asked = name(qname);
        std::vector<std::uint8_t> question(asked.octets().begin(), asked.octets().end());
        base::append_be16(question, static_cast<std::uint16_t>(qtype));
        base::append_be16(question, static_cast<std::uint16_t>(dns::RRClass::IN));
        request.qname = dns::NameView(base::Octets(question).first(asked.size()));
        request.labels = dns::LabelOffsets(request.qname);
        request.qtype = qtype;
        request.qclass = dns::RRClass::IN;
        if (dnssec_ok_) request.edns.emplace().dnssec_ok = true;
        const zones::Published& published = *store_->published();
        source_->use(published);
        const zones::AnswerContext context{
            published, *source_, health_,   random_, published.views->view_of(client_),
            client_,   subnet_,  rotation_, nullptr, apexes};
        if (last_generation_ != published.generation) ++generation_;
        last_generation_ = published.generation;
        apexes_.follow(generation_, published.revision, store_->marks());
        std::vector<std::uint8_t> buffer(65535);
        dns::MessageWriter writer(buffer);
        writer.set_limit(limit_);
        writer.header(1, dns::kFlagQR);
        EXPECT_TRUE(writer.question(question));
        out.outcome = zones::answer(request, context, writer, out.report);
        out.size = writer.finish();
        EXPECT_LE(out.size, limit_);
        rule_ = std::string(out.report.policy_rule);
        pool_ = std::string(out.report.policy_pool);
        member_ = std::string(out.report.policy_member);
        read(base::Octets(buffer).first(out.size), out);
        source_->release();
        return out;
    }

    void check(const std::vector<AnswerCase>& cases) {
        for (const AnswerCase& c : cases) {
            SCOPED_TRACE(std::string(c.qname) + " " + dns::to_text(c.qtype));
            const Answered got = ask(c.qname, c.qtype);
            EXPECT_EQ(got.outcome, zones::AnswerOutcome::Answered);
            EXPECT_EQ(got.report.rcode, c.rcode);
            EXPECT_FALSE(got.report.truncated);
            EXPECT_EQ(got.answer, sorted(c.answer));
            EXPECT_EQ(got.authority, sorted(c.authority));
            EXPECT_EQ(got.additional, sorted(c.additional));
        }
    }

    static std::vector<std::string> sorted(std::vector<std::string> list) {
        std::sort(list.begin(), list.end());
        return list;
    }

    zones::HealthSnapshot health_;
    base::Random random_{1};
    base::IpAddress client_ = *base::IpAddress::parse("192.0.2.200");
    std::optional<dns::ClientSubnet> subnet_;
    std::uint16_t rotation_ = 0;
    std::size_t limit_ = 65535;
    bool dnssec_ok_ = false;
    std::string rule_, pool_, member_;

  private:
    zones::ApexMemo apexes_;
    std::uint32_t generation_ = 0;
    std::optional<std::uint64_t> last_generation_;

    static void read(base::Octets message, Answered& out) {
        auto reader = dns::MessageReader::open(message);
        ASSERT_TRUE(reader);
        for (;;) {
            const auto next = reader->next();
            ASSERT_TRUE(next);
            if (!*next) break;
            const dns::Record& record = **next;
            std::vector<std::uint8_t> rdata;
            ASSERT_TRUE(
                dns::read_rdata(record.type, message, record.rdata_offset, record.rdlength, rdata));
            auto& section = record.section == dns::Section::Answer      ? out.answer
                            : record.section == dns::Section::Authority ? out.authority
                                                                        : out.additional;
            section.push_back(record.owner.to_text() + " " + std::to_string(record.ttl) + " " +
                              dns::to_text(record.type) + " " +
                              dns::format_rdata(record.type, rdata));
            out.as_sent.push_back(section.back());
        }
        for (auto* section : {&out.answer, &out.authority, &out.additional}) {
            std::sort(section->begin(), section->end());
        }
    }
};

}  // namespace zones_test
