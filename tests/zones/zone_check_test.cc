// What may be in a zone: each small zone here is given to this server's checks and, where it is
// installed, to named-checkzone, which must come to the same verdict or the row says why not.
#include "zones/zone_check.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "tests/zones/store_fixture.h"
#include "zones/zone_file_check.h"

namespace zones_test {
namespace {

using zones::Finding;

enum class Verdict : std::uint8_t { Clean, Warned, Refused };

std::ostream& operator<<(std::ostream& out, Verdict verdict) {
    return out << (verdict == Verdict::Clean    ? "clean"
                   : verdict == Verdict::Warned ? "warned"
                                                : "refused");
}

struct Row {
    std::string what;
    std::string zone;
    Verdict verdict;
    std::string differs = {};  // why named-checkzone's verdict is another
};

const std::string kSoa = "$TTL 300\n@ SOA ns1 h 1 7200 3600 1209600 300\n";
const std::string kHead = kSoa + "@ NS ns1\nns1 A 192.0.2.1\n";

std::string hex(std::size_t octets) {
    std::string out;
    for (std::size_t i = 0; i < octets; ++i) out += "AB";
    return out;
}

std::string texts(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
        out += "t TXT \"" + std::to_string(1000 + i) + std::string(240, 'x') + "\"\n";
    }
    return out;
}

const std::vector<Row>& rows() {
    static const std::vector<Row> kRows = {
        {"ok", kHead, Verdict::Clean},
        {"cname other", kHead + "a CNAME b\na TXT x\n", Verdict::Refused},
        {"cname two", kHead + "a CNAME b\na CNAME c\n", Verdict::Refused},
        {"cname same twice", kHead + "a CNAME b\na CNAME b\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"cname+rrsig nsec", kHead + "a CNAME b\na NSEC b CNAME\n", Verdict::Clean},
        {"cname+dnskey", kHead + "a CNAME b\na KEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"cname+DNSKEY", kHead + "a CNAME b\na DNSKEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Refused},
        {"cname+sig",
         kHead + "a CNAME b\na SIG A 8 2 300 20300101000000 20200101000000 1 example. "
                 "AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Warned},
        {"cname+dname", kHead + "a CNAME b\na DNAME c\n", Verdict::Refused},
        {"dname two", kHead + "a DNAME b\na DNAME c\n", Verdict::Refused},
        {"dname below", kHead + "a DNAME b\nx.a A 192.0.2.1\n", Verdict::Refused,
         "RFC 6672, 2.4: a server MAY refuse to load a zone that has data below a DNAME"},
        {"dname apex", kSoa + "@ NS ns1.other.\n@ DNAME other.\n", Verdict::Clean},
        {"dname apex below", kHead + "@ DNAME other.\n", Verdict::Refused},
        {"dname+ns", kHead + "a DNAME b\na NS ns1\n", Verdict::Warned,
         "RFC 6672, 2.3: a DNAME MUST NOT appear beside NS unless at the apex: said"},
        {"dname+A", kHead + "a DNAME b\na A 192.0.2.2\n", Verdict::Clean},
        {"dname wildcard", kHead + "*.a DNAME b.other.\n", Verdict::Warned,
         "RFC 4592, 4.4: non-terminal wildcard DNAMEs are discouraged: said"},
        {"ns wildcard", kHead + "*.a NS ns1\n", Verdict::Warned,
         "RFC 4592, 4.2: NS at wildcards are discouraged, but not barred"},
        {"no soa", "$TTL 300\n@ NS ns1\nns1 A 192.0.2.1\n", Verdict::Refused},
        {"two soa", kHead + "@ SOA ns2 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"same soa twice", kHead + "@ SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"soa below", kHead + "a SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"no ns", kSoa + "ns1 A 192.0.2.1\n", Verdict::Refused},
        {"apex cname", kSoa + "@ NS ns1.other.\n@ CNAME x\n", Verdict::Refused},
        {"soa not first",
         "$TTL 300\n@ NS ns1\nns1 A 192.0.2.1\n@ SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Clean},
        {"apex ns no addr", kSoa + "@ NS ns1\n", Verdict::Refused},
        {"apex ns cname", kSoa + "@ NS ns1\nns1 CNAME x\nx A 192.0.2.1\n", Verdict::Refused},
        {"apex ns one no addr", kHead + "@ NS ns2\n", Verdict::Refused},
        {"deleg no glue", kHead + "sub NS ns.sub\n", Verdict::Warned},
        {"deleg sibling no glue", kHead + "sub NS ns.sub2\nsub2 NS ns.sub2\nns.sub2 A 192.0.2.4\n",
         Verdict::Clean},
        {"deleg sibling missing glue", kHead + "sub NS ns.sub2\nsub2 NS ns1.other.\n",
         Verdict::Warned},
        {"deleg inzone target missing", kHead + "sub NS nx\n", Verdict::Warned},
        {"deleg inzone cname", kHead + "sub NS al\nal CNAME ns1\n", Verdict::Warned},
        {"deleg target dname", kHead + "sub NS ns.d\nd DNAME other.\n", Verdict::Warned},
        {"deleg target wildcard", kHead + "sub NS ns.w\n*.w A 192.0.2.1\n", Verdict::Clean},
        {"apex ns wildcard", kSoa + "@ NS ns.w\n*.w A 192.0.2.1\n", Verdict::Clean},
        {"deleg target empty nt", kHead + "sub NS e\nx.e A 192.0.2.1\n", Verdict::Warned},
        {"deleg ns out", kHead + "sub NS ns.other.\n", Verdict::Clean},
        {"mx cname", kHead + "@ MX 10 al\nal CNAME ns1\n", Verdict::Warned},
        {"mx missing", kHead + "@ MX 10 nx\n", Verdict::Warned},
        {"mx noaddr", kHead + "@ MX 10 t\nt TXT x\n", Verdict::Warned},
        {"mx dname", kHead + "@ MX 10 x.d\nd DNAME other.\n", Verdict::Warned},
        {"mx below cut no glue", kHead + "@ MX 10 x.sub\nsub NS ns.other.\n", Verdict::Clean},
        {"mx ip", kHead + "@ MX 10 192.0.2.1.\n", Verdict::Warned},
        {"mx ip rel", kHead + "@ MX 10 192.0.2.1\n", Verdict::Warned},
        {"mx null", kHead + "@ MX 0 .\n", Verdict::Clean},
        {"mx null pref10", kHead + "@ MX 10 .\n", Verdict::Clean},
        {"mx null plus other", kHead + "@ MX 0 .\n@ MX 10 ns1\n", Verdict::Clean},
        {"srv cname", kHead + "_sip._tcp SRV 0 0 5060 al\nal CNAME ns1\n", Verdict::Warned},
        {"srv missing", kHead + "_sip._tcp SRV 0 0 5060 nx\n", Verdict::Warned},
        {"srv root", kHead + "_sip._tcp SRV 0 0 0 .\n", Verdict::Clean},
        {"ns ip", kSoa + "@ NS 192.0.2.1.\n", Verdict::Warned},
        {"ns ip rel", kSoa + "@ NS 192.0.2.1\n", Verdict::Refused},
        {"ns ip deleg", kHead + "sub NS 192.0.2.1.\n", Verdict::Warned},
        {"ns ip6", kSoa + "@ NS 2001:db8::1.\n", Verdict::Warned},
        {"out of zone", kHead + "x.other. A 192.0.2.1\n", Verdict::Refused,
         "RFC 1035, 5.2: what is outside should be glue and not the result of an origin error; "
         "nothing is dropped silently"},
        {"out of zone soa", "$TTL 300\nother. SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Refused},
        {"occluded", kHead + "sub NS ns.other.\nx.sub A 192.0.2.1\nx.sub TXT foo\n",
         Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded at cut", kHead + "sub NS ns.other.\nsub A 192.0.2.1\n", Verdict::Clean},
        {"occluded TXT at cut", kHead + "sub NS ns.other.\nsub TXT x\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded CNAME below", kHead + "sub NS ns.other.\nx.sub CNAME y\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"cname and ns", kHead + "sub NS ns.other.\nsub CNAME x\n", Verdict::Refused},
        {"occluded ns", kHead + "sub NS ns.other.\nx.sub NS ns.other.\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded soa", kHead + "sub NS ns.other.\nx.sub SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Refused},
        {"ttl mismatch", kHead + "a 300 A 192.0.2.1\na 400 A 192.0.2.2\n", Verdict::Warned},
        {"dup", kHead + "a A 192.0.2.1\na A 192.0.2.1\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"dup ttl", kHead + "a 300 A 192.0.2.1\na 400 A 192.0.2.1\n", Verdict::Warned},
        {"dup case", kHead + "a MX 1 ns1\na MX 1 NS1\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"ttl big", kHead + "a 2147483648 A 192.0.2.1\n", Verdict::Refused,
         "RFC 2181, 8: a TTL is at most 2147483647; named takes 0"},
        {"ttl max", kHead + "a 2147483647 A 192.0.2.1\n", Verdict::Clean},
        {"ttl 2^32", kHead + "a 4294967296 A 192.0.2.1\n", Verdict::Refused},
        {"label 64", kHead + std::string(64, 'a') + " A 192.0.2.1\n", Verdict::Refused},
        {"label 63", kHead + std::string(63, 'a') + " A 192.0.2.1\n", Verdict::Clean},
        {"name long",
         kHead + std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') +
             "." + std::string(63, 'a') + " A 192.0.2.1\n",
         Verdict::Refused},
        {"bad A", kHead + "a A 192.0.2.256\n", Verdict::Refused},
        {"bad AAAA", kHead + "a AAAA 2001:::\n", Verdict::Refused},
        {"bad MX", kHead + "a MX ns1\n", Verdict::Refused},
        {"txt 256", kHead + "a TXT \"" + std::string(256, 'x') + "\"\n", Verdict::Refused},
        {"ds not deleg", kHead + "a DS 1 8 2 " + hex(32) + "\na A 192.0.2.1\n", Verdict::Warned,
         "RFC 4035, 2.4: DS stand at delegations: said"},
        {"ds alone", kHead + "a DS 1 8 2 " + hex(32) + "\n", Verdict::Warned,
         "RFC 4035, 2.4: DS stand at delegations: said"},
        {"ds apex", kHead + "@ DS 1 8 2 " + hex(32) + "\n", Verdict::Refused},
        {"ds deleg", kHead + "sub NS ns.other.\nsub DS 1 8 2 " + hex(32) + "\n", Verdict::Clean},
        {"ds bad length", kHead + "sub NS ns.other.\nsub DS 1 8 2 ABCD\n", Verdict::Refused},
        {"ds below cut", kHead + "sub NS ns.other.\nx.sub DS 1 8 2 " + hex(32) + "\n",
         Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"nsec3 below name", kHead + "a NSEC3PARAM 1 0 0 -\n", Verdict::Warned,
         "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"underscore A", kHead + "_a A 192.0.2.1\n", Verdict::Warned},
        {"underscore NS target", kHead + "sub NS _ns.other.\n", Verdict::Warned},
        {"underscore MX owner", kHead + "_a MX 10 ns1\n", Verdict::Warned},
        {"underscore MX target", kHead + "a MX 10 _x.other.\n", Verdict::Warned},
        {"underscore SRV target", kHead + "a SRV 0 0 1 _x.other.\n", Verdict::Warned},
        {"hyphen first", kHead + "-a A 192.0.2.1\n", Verdict::Warned},
        {"soa rname odd",
         "$TTL 300\n@ SOA ns1 h_a 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"soa mname under",
         "$TTL 300\n@ SOA _ns1 h 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Warned},
        {"ptr bad", kHead + "a PTR _x.other.\n", Verdict::Clean},
        {"wild A", kHead + "*.a A 192.0.2.1\n", Verdict::Clean},
        {"inner wild", kHead + "a.*.b A 192.0.2.1\n", Verdict::Warned},
        {"wild srv", kHead + "*._tcp SRV 0 0 1 ns1\n", Verdict::Clean},
        {"wild cname", kHead + "*.a CNAME ns1\n", Verdict::Clean},
        {"wild soa", kHead + "*.a SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"spf type", kHead + "a SPF \"v=spf1 -all\"\n", Verdict::Warned},
        {"spf both", kHead + "a SPF \"v=spf1 -all\"\na TXT \"v=spf1 -all\"\n", Verdict::Clean},
        {"spf txt", kHead + "a TXT \"v=spf1 -all\"\n", Verdict::Clean},
        {"refresh<retry", "$TTL 300\n@ SOA ns1 h 1 100 3600 120 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"soa times over",
         "$TTL 300\n@ SOA ns1 h 1 4294967295 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"class ch", kHead + "a CH TXT x\n", Verdict::Refused},
        {"meta any", kHead + "a ANY \\# 0\n", Verdict::Refused},
        {"meta type 0", kHead + "a TYPE0 \\# 0\n", Verdict::Refused},
        {"opt", kHead + "a OPT \\# 0\n", Verdict::Refused},
        {"a generic bad", kHead + "a A \\# 3 010203\n", Verdict::Refused},
        {"a generic", kHead + "a A \\# 4 01020304\n", Verdict::Clean},
        {"type private", kHead + "a TYPE65280 \\# 3 010203\n", Verdict::Clean},
        {"include missing", kHead + "$INCLUDE /nonexistent\n", Verdict::Refused},
        {"unknown directive", kHead + "$FOO x\n", Verdict::Refused},
        {"generate", kHead + "$GENERATE 1-3 h$ A 192.0.2.$\n", Verdict::Clean},
        {"no final", kHead + "a A", Verdict::Refused},
        {"empty", "", Verdict::Refused},
        {"comment only", "; x\n", Verdict::Refused},
        {"nsec orphan", kHead + "a NSEC b A\n", Verdict::Clean},
        {"rrsig orphan",
         kHead + "a RRSIG TXT 8 2 300 20300101000000 20200101000000 1 example. "
                 "AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"dnskey nonapex", kHead + "a DNSKEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Warned, "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"nsec3param", kHead + "@ NSEC3PARAM 1 0 10 ABCD\n", Verdict::Clean},
        {"cds", kHead + "@ CDS 1 8 2 " + hex(32) + "\n", Verdict::Refused},
        {"cds nonapex", kHead + "a CDS 1 8 2 " + hex(32) + "\n", Verdict::Warned,
         "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"csync", kHead + "@ CSYNC 1 3 A NS\n", Verdict::Clean},
        {"zonemd", kHead + "@ ZONEMD 1 1 1 " + hex(48) + "\n", Verdict::Clean},
        {"rrsig ttl",
         kHead + "a 300 A 192.0.2.1\na 400 RRSIG A 8 2 300 20300101000000 20200101000000 1 "
                 "example. AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"rrsig ttl2",
         kHead + "a 300 A 192.0.2.1\na 300 RRSIG A 8 2 300 20300101000000 20200101000000 1 "
                 "example. AQPSKmynfzW4kyBv015MUG2DeIQ3\na 400 RRSIG TXT 8 2 400 20300101000000 "
                 "20200101000000 1 example. AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"svcb alias+cname", kHead + "a SVCB 0 ns1\na SVCB 1 ns1\n", Verdict::Clean},
        {"svcb key twice", kHead + "a SVCB 1 . port=1 port=2\n", Verdict::Refused},
        {"svcb mandatory missing", kHead + "a SVCB 1 . mandatory=port\n", Verdict::Refused},
        {"https alias apex", kHead + "@ HTTPS 0 x.other.\n", Verdict::Clean},
        {"caa bad", kHead + "a CAA 0 issue\n", Verdict::Refused},
        {"naptr bad", kHead + "a NAPTR 1 1 \"s\" \"x\" \"\" \n", Verdict::Refused},
        {"loc bad", kHead + "a LOC 91 0 0 N 0 0 0 E 0m\n", Verdict::Refused},
        {"apex A", kHead + "@ A 192.0.2.1\n", Verdict::Clean},
        {"key twins", kHead + "a TXT x\nA TXT y\n", Verdict::Clean},
        {"private 10", kHead + "10 PTR x.\n", Verdict::Clean},
        {"a6", kHead + "a A6 0 2001:db8::1\n", Verdict::Refused,
         "RFC 6563: A6 is historic; RFC 3597 text is taken"},
        {"wks", kHead + "a WKS 192.0.2.1 6 25\n", Verdict::Clean},
        {"md", kHead + "a MD x\n", Verdict::Refused},
        {"mf", kHead + "a MF x\n", Verdict::Refused},
        {"mb", kHead + "a MB x\n", Verdict::Clean},
        {"null", kHead + "a NULL \\# 1 00\n", Verdict::Clean},
        {"dlv", kHead + "a DLV 1 8 2 " + hex(32) + "\n", Verdict::Clean},
        {"nxt", kHead + "a NXT b A\n", Verdict::Refused,
         "RFC 3755: NXT is obsolete; RFC 3597 text is taken"},
        {"rrset big", kHead + texts(270), Verdict::Refused},
        {"rrset near", kHead + texts(255), Verdict::Refused,
         "RFC 1035, 4.2.2: a message, and so an answer, has at most 65535 octets"},
        {"rrset fits", kHead + texts(252), Verdict::Clean},
        {"cds delete", kHead + "@ CDS 0 0 0 00\n", Verdict::Clean},
    };
    return kRows;
}

/// What is found in a zone's text, a line each.
std::vector<std::string> findings(const std::string& text, zones::ZoneFileCheck::Summary& summary,
                                  const std::string& apex = "example.") {
    std::vector<std::string> lines;
    zones::ZoneFileCheck check(
        name(apex), "z", nullptr,
        [&lines](const zones::ZoneFileCheck::Found& found) { lines.push_back(found.to_text()); });
    check.feed(base::as_octets(text));
    summary = check.finish();
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
}

Verdict ours(const std::string& text, std::string& said) {
    zones::ZoneFileCheck::Summary summary;
    said = joined(findings(text, summary));
    if (summary.errors != 0) return Verdict::Refused;
    return summary.warnings != 0 ? Verdict::Warned : Verdict::Clean;
}

/// named-checkzone's own verdict. No look-ups outside of the zone: the tests have no network.
Verdict named(const std::string& directory, const std::string& text, std::string& said) {
    const std::string file = directory + "/zone";
    std::ofstream(file, std::ios::binary) << text;
    const std::string command =
        "cd " + directory + " && named-checkzone -i local example zone 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    if (pipe == nullptr) return Verdict::Clean;
    char buffer[1024];
    bool warned = false;
    said.clear();
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) {
        const std::string line = buffer;
        said += line;
        warned = warned || (line != "OK\n" && line.find("loaded serial") == std::string::npos);
    }
    const int status = ::pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return Verdict::Refused;
    return warned ? Verdict::Warned : Verdict::Clean;
}

TEST(ZoneCheck, TableOfSmallZones) {
    for (const Row& row : rows()) {
        std::string said;
        EXPECT_EQ(ours(row.zone, said), row.verdict) << row.what << "\n" << said;
    }
}

TEST(ZoneCheck, NamedCheckzoneComesToTheSameVerdicts) {
    if (std::system("named-checkzone -v >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "named-checkzone (bind9-utils) is not installed";
    }
    const ScratchDirectory directory;
    for (const Row& row : rows()) {
        std::string said;
        const Verdict theirs = named(directory.path(), row.zone, said);
        if (row.differs.empty()) {
            EXPECT_EQ(theirs, row.verdict) << row.what << "\n" << said;
        } else {
            EXPECT_NE(theirs, row.verdict) << row.what << ": is listed as different, and is not";
        }
    }
}

TEST(ZoneCheck, FindingsNameOwnerTypeAndLine) {
    zones::ZoneFileCheck::Summary summary;
    const auto found = findings(kHead +
                                    "a CNAME b\na MX 10 ns1\nsub NS ns.sub\n"
                                    "x.sub TXT x\nd DNAME e\n*.y.d A 192.0.2.1\n",
                                summary);
    EXPECT_EQ(joined(found),
              "z:5: error: a.example.: CNAME and other data: MX (RFC 1034, 3.6.2; RFC 2181, 10.1)\n"
              "z:10: error: *.y.d.example.: stands below the DNAME at d.example. (RFC 6672, 2.4)\n"
              "z:8: warning: x.sub.example. TXT: is never answered: it is below the delegation of "
              "sub.example. (RFC 1034, 4.2.1)\n"
              "z:7: warning: sub.example. NS: ns.sub.example. has no address here and is below the "
              "delegation itself, glue is missing (RFC 1034, 4.2.1)\n");
    EXPECT_EQ(summary.records, 9U);
    EXPECT_EQ(summary.errors, 2U);
    EXPECT_EQ(summary.warnings, 2U);
}

// The record of another file is named with that file.
TEST(ZoneCheck, FindingsInIncludedFiles) {
    std::string said;
    zones::ZoneFileCheck check(
        name("example."), "z",
        [](const std::string& path) -> base::Result<std::string> {
            if (path == "in") return std::string("; a line\na MX 1 nx\n");
            return base::fail(path + ": not there");
        },
        [&said](const zones::ZoneFileCheck::Found& found) { said += found.to_text() + "\n"; });
    check.feed(base::as_octets(kHead + "$INCLUDE in\nb MX 1 nx\n"));
    EXPECT_EQ(check.finish().warnings, 2U);
    EXPECT_EQ(said,
              "in:2: warning: a.example. MX: nx.example. has no address (RFC 2181, 10.3)\n"
              "z:6: warning: b.example. MX: nx.example. has no address (RFC 2181, 10.3)\n");
}

// More targets than are remembered: the second pass finds the same.
TEST(ZoneCheck, ManyDelegations) {
    std::string zone = kHead;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < 3 * zones::ZoneCheck::kMaxTargets; ++i) {
        const std::string label = "d" + std::to_string(i);
        zone += label + " NS ns." + label + "\n";
        if (i % 3 == 0) {
            ++wanted;
        } else {
            zone += "ns." + label + " A 192.0.2.1\n";
        }
    }
    zones::ZoneFileCheck::Summary summary;
    const auto found = findings(zone, summary);
    EXPECT_EQ(summary.errors, 0U);
    EXPECT_EQ(summary.warnings, wanted);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].rfind("z:5: warning: d0.example. NS: ns.d0.example. has no address", 0), 0U);
}

// Signed with NSEC3: the owners of NSEC3 stand below an apex DNAME and are no data of their own.
TEST(ZoneCheck, Nsec3StandsBelowAnApexDname) {
    zones::ZoneFileCheck::Summary summary;
    const auto found = findings(kSoa +
                                    "@ NS ns1.other.\n@ DNAME other.\n@ NSEC3PARAM 1 0 0 -\n"
                                    "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM NSEC3 1 1 0 - "
                                    "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM NS SOA DNAME NSEC3PARAM\n",
                                summary);
    EXPECT_EQ(joined(found), "");
}

TEST(ZoneCheck, TheRootZone) {
    zones::ZoneFileCheck::Summary summary;
    const auto found = findings(
        "$TTL 300\n. SOA a.net. h. 1 7200 3600 1209600 300\n. NS a.net.\n"
        "net. NS a.net.\na.net. A 192.0.2.1\ncom. NS a.net.\norg. NS b.org.\n",
        summary, ".");
    EXPECT_EQ(joined(found),
              "z:7: warning: org. NS: b.org. has no address here and is below the delegation "
              "itself, glue is missing (RFC 1034, 4.2.1)\n");
}

}  // namespace
}  // namespace zones_test
