// What the zone of RFC 5155, appendix A (tests/rfc) does not show: several chains, their ends,
// collisions, opt-out above an empty non-terminal, many iterations.
#include "dns/nsec3.h"
#include "tests/zones/answer_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class AnswerNsec3 : public AnswerTest {
  protected:
    void SetUp() override {
        AnswerTest::SetUp();
        dnssec_ok_ = true;
    }
    struct Chain {
        std::uint16_t iterations = 0;
        std::vector<std::uint8_t> salt = {};
        bool opt_out = false;
    };
    static std::string hash(const std::string& owner, const Chain& chain) {
        const auto hash = dns::nsec3_hash(name(owner), {1, 0, chain.iterations, chain.salt});
        EXPECT_TRUE(hash);
        const dns::Nsec3Label label = dns::nsec3_label(*hash);
        return std::string(label.begin() + 1, label.end());
    }
    static std::string salt_text(const Chain& chain) {
        return chain.salt.empty() ? "-" : base::to_hex(chain.salt);
    }
    /// The NSEC3 of these names of the zone z., a ring.
    static std::string ring(const std::vector<std::string>& names, const Chain& chain) {
        std::vector<std::string> hashes;
        for (const std::string& owner : names) hashes.push_back(hash(owner, chain));
        std::sort(hashes.begin(), hashes.end());
        std::string text;
        for (std::size_t i = 0; i < hashes.size(); ++i) {
            text += hashes[i] + ".z. NSEC3 1 " + (chain.opt_out ? "1 " : "0 ") +
                    std::to_string(chain.iterations) + " " + salt_text(chain) + " " +
                    hashes[(i + 1) % hashes.size()] + " A\n";
        }
        return text;
    }
    static std::string parameters(const Chain& chain, int flags = 0) {
        return "z. NSEC3PARAM 1 " + std::to_string(flags) + " " + std::to_string(chain.iterations) +
               " " + salt_text(chain) + "\n";
    }
    static std::string head() { return "$TTL 60\nz. SOA ns. h. 10 2 3 4 5\nz. NS ns.\n"; }
    /// The owners of the NSEC3 in an answer.
    static std::vector<std::string> shown(const Answered& answered) {
        std::vector<std::string> out;
        for (const std::string& line : answered.authority) {
            if (line.find(" NSEC3 ") != line.npos) out.push_back(line.substr(0, 32));
        }
        return out;
    }
    /// Of these names the one whose NSEC3 covers `target`.
    static std::string cover(const std::vector<std::string>& names, const std::string& target,
                             const Chain& chain) {
        std::string before;
        std::string last;
        for (const std::string& owner : names) {
            const std::string at = hash(owner, chain);
            last = std::max(last, at);
            if (at < hash(target, chain)) before = std::max(before, at);
        }
        return before.empty() ? last : before;
    }
    static std::vector<std::string> set_of(std::vector<std::string> list) {
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
        return list;
    }
};

// Every name asked: some hashes are before the first of the ring, some behind the last.
TEST_F(AnswerNsec3, TheRingCoversEverything) {
    const Chain chain{3, {1, 2, 3}};
    const std::vector<std::string> names = {"z.", "a.z.", "b.z."};
    load("z.",
         head() + "a.z. A 192.0.2.1\nb.z. A 192.0.2.1\n" + parameters(chain) + ring(names, chain));
    for (int i = 0; i < 60; ++i) {
        const std::string qname = "n" + std::to_string(i) + ".z.";
        const Answered got = ask(qname, RRType::A);
        EXPECT_EQ(got.report.rcode, RCode::NXDomain);
        EXPECT_EQ(shown(got), set_of({hash("z.", chain), cover(names, qname, chain),
                                      cover(names, "*.z.", chain)}));
    }
}

// Two chains share the keys; the one that an NSEC3PARAM with flags 0 names is used.
TEST_F(AnswerNsec3, OneOfSeveralChains) {
    const Chain used{1, {7}};
    const Chain other{0, {}};
    const std::vector<std::string> names = {"z.", "a.z.", "b.z.", "c.z.", "d.z."};
    std::string text = head() + parameters(other, 1) + parameters(used);
    for (std::size_t i = 1; i < names.size(); ++i) text += names[i] + " A 192.0.2.1\n";
    load("z.", text + ring(names, used) + ring(names, other));
    for (int i = 0; i < 60; ++i) {
        const std::string qname = "n" + std::to_string(i) + ".z.";
        EXPECT_EQ(shown(ask(qname, RRType::A)), set_of({hash("z.", used), cover(names, qname, used),
                                                        cover(names, "*.z.", used)}));
    }
    EXPECT_EQ(shown(ask("a.z.", RRType::TXT)), set_of({hash("a.z.", used)}));
}

// RFC 5155, 7.2.9: a name that does not exist and has an NSEC3, here because it is left over.
TEST_F(AnswerNsec3, CollisionsAreServfail) {
    const Chain chain;
    load("z.", head() + parameters(chain) + ring({"z.", "gone.z."}, chain));
    const Answered got = ask("gone.z.", RRType::A);
    EXPECT_EQ(got.report.rcode, RCode::ServFail);
    EXPECT_TRUE(got.authority.empty());
    EXPECT_EQ(ask("x.z.", RRType::A).report.rcode, RCode::NXDomain);
    dnssec_ok_ = false;
    EXPECT_EQ(ask("gone.z.", RRType::A).report.rcode, RCode::NXDomain);
}

// The empty non-terminal ent.z. leads to an unsigned cut alone: it has no NSEC3.
TEST_F(AnswerNsec3, ClosestProvableEncloser) {
    const Chain chain{0, {}, true};
    const std::vector<std::string> names = {"z.", "*.z."};
    load("z.", head() + "sub.ent.z. NS ns.\n*.z. TXT x\n" + parameters(chain) + ring(names, chain));
    const std::vector<std::string> proof =
        set_of({hash("z.", chain), cover(names, "ent.z.", chain)});
    EXPECT_EQ(shown(ask("ent.z.", RRType::A)), proof);
    EXPECT_EQ(shown(ask("sub.ent.z.", RRType::DS)), proof);
    EXPECT_EQ(shown(ask("x.sub.ent.z.", RRType::A)), proof);
    const Answered missing = ask("x.ent.z.", RRType::A);
    EXPECT_EQ(missing.report.rcode, RCode::NXDomain);
    EXPECT_EQ(shown(missing), proof) << "*.z. exists, but not at the closest encloser";
}

TEST_F(AnswerNsec3, ManyIterationsAreNotForWorkers) {
    for (const std::uint16_t iterations : {std::uint16_t{100}, std::uint16_t{101}}) {
        const Chain chain{iterations, {}};
        load("z.", head() + "a.z. A 192.0.2.1\n" + parameters(chain) + ring({"z.", "a.z."}, chain));
        source_ = store_->make_source(true);
        EXPECT_EQ(ask("x.z.", RRType::A).report.rcode, RCode::NXDomain);
        wait_until_complete();
        source_ = store_->make_source(false);
        EXPECT_EQ(ask("a.z.", RRType::A).outcome, zones::AnswerOutcome::Answered);
        EXPECT_EQ(ask("x.z.", RRType::A).outcome, iterations > 100
                                                      ? zones::AnswerOutcome::WouldBlock
                                                      : zones::AnswerOutcome::Answered);
    }
}

}  // namespace
}  // namespace zones_test
