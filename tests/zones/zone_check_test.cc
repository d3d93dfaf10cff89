// What may be in a zone: each small zone here is given to this server's checks and, where it is
// installed, to named-checkzone, which must come to the same verdict or the row says why not.
#include "zones/zone_check.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "tests/zones/store_fixture.h"
#include "tests/zones/zone_rows.h"
#include "zones/zone_file_check.h"

namespace zones_test {
namespace {

using zones::Finding;

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
