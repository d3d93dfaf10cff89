// What is exported can be imported, and exported again: the same octets, whatever a zone holds.
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "dns/master_file.h"
#include "dns/presentation.h"
#include "tests/admin/api_fixture.h"

namespace admin::fakes {
namespace {

/// One record of each kind that has its own presentation, and some with several.
const std::vector<std::string> kSamples = {
    "A 192.0.2.1",
    "AAAA 2001:db8::1",
    "AAAA ::ffff:192.0.2.1",
    "AFSDB 1 afs.test.",
    "AMTRELAY 10 0 1 203.0.113.15",
    "APL 1:192.0.2.0/24 !2:2001:db8::/32",
    "CAA 128 issue \"ca.example.net; policy=ev\"",
    "CDNSKEY 0 3 0 AA==",
    "CDS 0 0 0 00",
    "CERT PGP 0 0 AQPSKmyn",
    "CSYNC 66 3 A NS AAAA",
    "DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    "EUI48 00-00-5e-00-53-2a",
    "EUI64 00-00-5e-ef-10-00-00-2a",
    "HINFO \"a b\" \"c\\\"d\"",
    "HTTPS 1 . alpn=\"h2,h3\" port=8443 ipv4hint=192.0.2.1",
    "HTTPS 0 alias.test.",
    "KX 10 kx.test.",
    "L32 10 10.1.2.0",
    "L64 10 2001:db8:1140:1000",
    "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m",
    "LP 10 l64.test.",
    "MX 10 mail.test.",
    "NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.com!\" .",
    "NID 10 14:4fff:ff20:ee64",
    "OPENPGPKEY AQPSKmynfzW4kyBv015MUG2DeIQ3",
    "PTR ptr.test.",
    "RESINFO qnamemin exterr=15-17",
    "RP mbox.test. txt.test.",
    "RT 10 rt.test.",
    "SMIMEA 3 0 0 abcdef",
    "SPF \"v=spf1 -all\"",
    "SRV 0 5 5060 sip.test.",
    "SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789",
    "SVCB 16 foo.test. key667=\"hello\\210qoo\" mandatory=key667",
    "TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971",
    "URI 10 1 \"ftp://ftp1.example.com/public\"",
    "WALLET \"BTC\" \"address\"",
    "X25 \"311061700956\"",
    "ZONEMD 2018031500 1 1 "
    "FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE7EB1A7B641A47BA7FED2DD5B97AE499FAFA4F22C6BD647"
    "DE",
    "TYPE65280 \\# 0",
    "TYPE65281 \\# 4 DEADBEEF",
    "TYPE1 \\# 4 C0000205",
};

class ExportTest : public ApiTest {
  protected:
    static std::string escaped(base::Random& random, std::size_t octets) {
        std::string out;
        for (std::size_t i = 0; i < octets; ++i) {
            const std::string number = std::to_string(random.below(256));
            out += '\\' + std::string(3 - number.size(), '0') + number;
        }
        return out;
    }

    static std::string zone(std::uint64_t seed) {
        base::Random random(seed);
        std::string out = "$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
        const auto label = [&random] { return escaped(random, 1 + random.below(10)); };
        for (int i = 0; i < 60; ++i) {
            std::string owner = label();
            for (std::uint32_t depth = random.below(4); depth > 0; --depth) owner += '.' + label();
            if (random.below(8) == 0) owner = "*." + owner;
            if (random.below(8) == 0) owner = "xn--mnchen-3ya." + owner;
            const std::string ttl = std::to_string(random.below(100000));
            for (std::uint32_t n = 1 + random.below(3); n > 0; --n) {
                const auto which = random.below(static_cast<std::uint32_t>(kSamples.size()) + 3);
                std::string rdata;
                if (which < kSamples.size()) {
                    rdata = kSamples[which];
                } else if (which == kSamples.size()) {
                    rdata = "TYPE" + std::to_string(65300 + random.below(200)) + " \\# 2 0102";
                } else {
                    rdata = "TXT";
                    for (std::uint32_t k = 1 + random.below(6); k > 0; --k) {
                        rdata += " \"" + escaped(random, random.below(256)) + '"';
                    }
                }
                out += owner + ' ' + ttl + " IN " + rdata + '\n';
            }
        }
        return out;
    }

    /// Records as a set, in wire form.
    static std::set<std::string> records(const std::string& text) {
        struct Sink final : dns::MasterSink {
            bool on_record(const dns::MasterRecord& record) override {
                dns::Name owner = record.owner;
                owner.lower_case();
                all.insert(owner.to_text() + ' ' + std::to_string(record.ttl) + ' ' +
                           dns::to_text(record.type) + ' ' + base::to_hex(record.rdata));
                return true;
            }
            bool on_fault(dns::MasterFault fault) override {
                ADD_FAILURE() << fault.to_text();
                return true;
            }
            std::set<std::string> all;
        };
        Sink sink;
        dns::MasterScanner::Options options;
        options.origin = *dns::Name::parse("odd.example.");
        dns::MasterScanner scanner(std::move(options), sink);
        scanner.feed(base::as_octets(text));
        scanner.finish();
        return sink.all;
    }

    /// The master file without its first line, which names the revision.
    std::string exported() {
        const Answer text = ask("GET", kZone, "", {{"accept", "text/dns"}});
        EXPECT_EQ(text.status, 200) << text.body;
        return text.body.substr(text.body.find('\n') + 1);
    }
    static constexpr const char* kZone = "/v1/zones/odd.example";
    static constexpr const char* kDns = "text/dns";
};

TEST_F(ExportTest, ExportImportExportIsTheSame) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        const std::string text = zone(seed);
        must(ask("PUT", kZone, text, {{"content-type", kDns}}), 201);
        const std::string first = exported();
        EXPECT_EQ(records(first), records(text)) << "seed " << seed;
        EXPECT_EQ(first.find("odd.example. 300 IN SOA "), 0U);
        must(ask("DELETE", kZone), 200);
        must(ask("PUT", kZone, first, {{"content-type", kDns}}), 201);
        EXPECT_EQ(exported(), first) << "seed " << seed;

        // The same by way of JSON, as the listing of RRsets has it.
        std::string documents;
        for (std::string path = std::string(kZone) + "/rrsets?limit=50"; !path.empty();) {
            const Answer page = ask("GET", path);
            must(page, 200);
            const Json document = page.json();
            for (const Json& item : document.find("items")->items())
                documents += item.dump() + '\n';
            const Json* next = document.find("next");
            path = next == nullptr || next->as_string() == nullptr ? "" : *next->as_string();
        }
        must(ask("DELETE", kZone), 200);
        must(ask("PUT", kZone, documents, {{"content-type", "application/x-ndjson"}}), 201);
        EXPECT_EQ(exported(), first) << "seed " << seed;
        must(ask("DELETE", kZone), 200);
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace admin::fakes
