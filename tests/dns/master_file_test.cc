#include "dns/master_file.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "dns/presentation.h"

namespace dns {
namespace {

/// What a scan finds, as lines of text.
class Collector final : public MasterSink {
  public:
    bool on_record(const MasterRecord& record) override {
        lines.push_back(std::to_string(record.line) + " " + record.owner.to_text() + " " +
                        std::to_string(record.ttl) + " " + to_text(record.type) + " " +
                        format_rdata(record.type, record.rdata));
        return lines.size() + faults.size() < limit;
    }
    bool on_fault(MasterFault fault) override {
        faults.push_back(fault.to_text());
        return lines.size() + faults.size() < limit;
    }
    std::vector<std::string> lines;
    std::vector<std::string> faults;
    std::size_t limit = 1000000;
};

const std::map<std::string, std::string> kFiles = {
    {"sub.db", "in A 192.0.2.9\n$ORIGIN deeper\nx A 192.0.2.10\n"},
    {"loop.db", "$INCLUDE loop.db\n"},
};

MasterScanner::Options options() {
    MasterScanner::Options out;
    out.file = "z.db";
    out.origin = *Name::parse("example.");
    out.include = [](const std::string& path) -> base::Result<std::string> {
        const auto found = kFiles.find(path);
        if (found == kFiles.end()) return base::fail("no such file: " + path);
        return found->second;
    };
    return out;
}

Collector scan(std::string_view text, std::size_t piece = 1 << 20) {
    Collector out;
    MasterScanner scanner(options(), out);
    for (std::size_t at = 0; at < text.size(); at += piece) {
        scanner.feed(base::as_octets(text.substr(at, piece)));
    }
    scanner.finish();
    EXPECT_EQ(scanner.faults(), out.faults.size());
    return out;
}

constexpr std::string_view kZone =
    "$TTL 1h\r\n"
    "@ IN SOA ns1 host.master ( 1 ; a (comment)\n"
    "     2h 1h\n"
    "     2w 300 )\n"
    "     NS ns1\n"
    "ns1  300 IN A 192.0.2.1\n"
    "\n"
    "; only a comment\n"
    "WwW  IN 60 AAAA 2001:db8::1\n"
    "\tTXT \"a ; b\" \"(c)\" d\\;e\n"
    "a.b.other. A 192.0.2.2\n"
    "$ORIGIN sub\n"
    "@ TYPE65400 \\# 2 abcd\n"
    "x CNAME @\n"
    "$INCLUDE sub.db inc\n"
    "y A 192.0.2.3\n"
    "$TTL 5\n"
    "$GENERATE 8-12/2 h${-8,2,x} A 10.0.0.$\n"
    "last A 192.0.2.4";

const std::vector<std::string> kRecords = {
    "2 example. 3600 SOA ns1.example. host.master.example. 1 7200 3600 1209600 300",
    "5 example. 3600 NS ns1.example.",
    "6 ns1.example. 300 A 192.0.2.1",
    "9 WwW.example. 60 AAAA 2001:db8::1",
    "10 WwW.example. 3600 TXT \"a ; b\" \"(c)\" \"d;e\"",
    "11 a.b.other. 3600 A 192.0.2.2",
    "13 sub.example. 3600 TYPE65400 \\# 2 abcd",
    "14 x.sub.example. 3600 CNAME sub.example.",
    "1 in.inc.sub.example. 3600 A 192.0.2.9",
    "3 x.deeper.inc.sub.example. 3600 A 192.0.2.10",
    "16 y.sub.example. 3600 A 192.0.2.3",
    "18 h00.sub.example. 5 A 10.0.0.8",
    "18 h02.sub.example. 5 A 10.0.0.10",
    "18 h04.sub.example. 5 A 10.0.0.12",
    "19 last.sub.example. 5 A 192.0.2.4"};

TEST(MasterFile, ReadsAWholeZone) {
    const Collector got = scan(kZone);
    EXPECT_EQ(got.faults, std::vector<std::string>{});
    EXPECT_EQ(got.lines, kRecords);
}

TEST(MasterFile, TheSameInPiecesOfAnySize) {
    for (std::size_t piece = 1; piece < 60; ++piece) {
        const Collector got = scan(kZone, piece);
        ASSERT_EQ(got.lines, kRecords) << piece;
        ASSERT_TRUE(got.faults.empty()) << piece;
    }
}

TEST(MasterFile, FaultsNameFileAndLineAndTheScanGoesOn) {
    const struct {
        const char* text;
        const char* fault;
    } cases[] = {
        {"a A 1.2.3\n", "z.db:1: "},
        {"\nx BOGUS 1\n", "z.db:2: unknown type BOGUS"},
        {" A 192.0.2.1\n", "z.db:1: the record has no owner"},
        {"x 60 IN\n", "z.db:1: the record has no type"},
        {"x CH A 192.0.2.1\n", "z.db:1: class CH"},
        {"x A 192.0.2.1 )\n", "z.db:1: a closing parenthesis too many"},
        {"x ( A\n192.0.2.1\n", "z.db:1: an opening parenthesis is never closed"},
        {"x TXT \"no end\n", "z.db:1: a quoted string has no end"},
        {"$NOPE\n", "z.db:1: unknown directive $NOPE"},
        {"$TTL x\n", "z.db:1: "},
        {"$ORIGIN\n", "z.db:1: $ORIGIN wants"},
        {"$INCLUDE none.db\n", "z.db:1: no such file: none.db"},
        {"$INCLUDE loop.db\n", "loop.db:1: $INCLUDE nested more than 10 deep"},
        {"$GENERATE 5-1 a A 10.0.0.$\n", "z.db:1: \"5-1\" is no range"},
        {"$GENERATE 1-9999999 a$ A 10.0.0.1\n", "z.db:1: $GENERATE makes more than"},
        {"$GENERATE 1-3 a$ A 10.0.0.300\n", "z.db:1: "},
        {"a..b A 192.0.2.1\n", "z.db:1: "},
        {"x AXFR 1\n", "z.db:1: AXFR cannot be stored"},
        {"x 9999999999 A 192.0.2.1\n", "z.db:1: "},
    };
    for (const auto& c : cases) {
        // Where the fault leaves the reader in step, the next record is still found.
        const Collector got = scan(std::string(c.text) + "ok 1 A 192.0.2.7\n");
        ASSERT_EQ(got.faults.size(), 1U) << c.text;
        EXPECT_EQ(got.faults[0].rfind(c.fault, 0), 0U) << got.faults[0];
        if (std::string_view(c.text).find('(') == std::string_view::npos) {
            ASSERT_EQ(got.lines.size(), 1U) << c.text;
            EXPECT_NE(got.lines[0].find("ok.example. 1 A 192.0.2.7"), std::string::npos);
        }
    }
}

TEST(MasterFile, IncludeIsRefusedWhereNobodyAllowsIt) {
    Collector out;
    MasterScanner::Options closed = options();
    closed.include = nullptr;
    MasterScanner scanner(closed, out);
    scanner.feed(base::as_octets("$INCLUDE /etc/passwd\n"));
    scanner.finish();
    ASSERT_EQ(out.faults.size(), 1U);
    EXPECT_NE(out.faults[0].find("not allowed"), std::string::npos);
}

TEST(MasterFile, TtlFromSoaMinimumOrLastRecordWithoutTtlDirective) {
    const Collector got =
        scan("@ SOA a b 1 2 3 4 77\nx A 192.0.2.1\ny 9 A 192.0.2.1\nz A 192.0.2.1\n");
    ASSERT_EQ(got.lines.size(), 4U);
    EXPECT_NE(got.lines[1].find("x.example. 77 "), std::string::npos);
    EXPECT_NE(got.lines[3].find("z.example. 9 "), std::string::npos);
}

TEST(MasterFile, AByteOrderMarkAndCarriageReturnsSayNothing) {
    const std::string text =
        "\xef\xbb\xbf$TTL 300\r\na A 192.0.2.1\r\n\r\n  TXT \"x\"\r\nb TXT (\r\n \"y\" ; z\r\n )";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, text.size()}) {
        const Collector got = scan(text, piece);
        EXPECT_EQ(got.faults, std::vector<std::string>{});
        EXPECT_EQ(got.lines, (std::vector<std::string>{"2 a.example. 300 A 192.0.2.1",
                                                       "4 a.example. 300 TXT \"x\"",
                                                       "5 b.example. 300 TXT \"y\""}));
    }
    // Half a mark is text, and so is a second one.
    EXPECT_EQ(scan("\xef\xbb\x41 A 192.0.2.1").lines,
              std::vector<std::string>{"1 \\239\\187A.example. 3600 A 192.0.2.1"});
    EXPECT_EQ(scan("\xef").faults.size(), 1U);
    EXPECT_EQ(scan("\xef\xbb\xbf\xef\xbb\xbf A 192.0.2.1").lines,
              std::vector<std::string>{"1 \\239\\187\\191.example. 3600 A 192.0.2.1"});
}

/// What BIND makes of them (named-checkzone 9.18).
TEST(MasterFile, GenerateAsBindDoes) {
    struct Case {
        std::string entry;
        std::vector<std::string> records;
    };
    const Case cases[] = {
        {"1-10/4 n$ A 10.0.0.$",
         {"n1.example. 5 A 10.0.0.1", "n5.example. 5 A 10.0.0.5", "n9.example. 5 A 10.0.0.9"}},
        {"17-17 ${0,2,n}a A 10.0.0.$", {"1.1a.example. 5 A 10.0.0.17"}},
        {"1-1 ${0,2,n}a A 10.0.0.$", {"1.a.example. 5 A 10.0.0.1"}},
        {"17-17 ${0,3,n}.b A 10.0.0.$", {"1.1.b.example. 5 A 10.0.0.17"}},
        {"1023-1023 ${0,1,N}.d A 10.0.0.1", {"F.F.3.d.example. 5 A 10.0.0.1"}},
        {"1-1 n${-5}x A 10.0.0.1", {"n-4x.example. 5 A 10.0.0.1"}},
        {"1-1 n${-5,3,x}x A 10.0.0.1", {"nfffffffcx.example. 5 A 10.0.0.1"}},
        {"1-1 n${+5}x A 10.0.0.1", {"n6x.example. 5 A 10.0.0.1"}},
        {"1-1 n$$x A 10.0.0.1", {"n\\$x.example. 5 A 10.0.0.1"}},
        {"1-1 n\\$x A 10.0.0.1", {"n\\$x.example. 5 A 10.0.0.1"}},
        {"8-8 n${0,0,o}x A 10.0.0.1", {"n10x.example. 5 A 10.0.0.1"}},
        {"30-30 n${0,3,X}x A 10.0.0.1", {"n01Ex.example. 5 A 10.0.0.1"}},
        {"1-1 n$ 60 IN MX \"10 mx$\"", {"n1.example. 60 MX 10 mx1.example."}},
        {"1-1 n$ IN 60 TXT \"one $\"", {"n1.example. 60 TXT \"one\" \"1\""}},
        // More words than BIND takes.
        {"1-1 n$ MX 10 mx$", {"n1.example. 5 MX 10 mx1.example."}},
        {"1-1 n$ TXT \"one $\" \"two $\"", {"n1.example. 5 TXT \"one 1\" \"two 1\""}},
    };
    for (const Case& row : cases) {
        const Collector got = scan("$TTL 5\n$GENERATE " + row.entry + "\n");
        EXPECT_EQ(got.faults, std::vector<std::string>{}) << row.entry;
        std::vector<std::string> records;
        for (const std::string& line : got.lines) records.push_back(line.substr(2));
        EXPECT_EQ(records, row.records) << row.entry;
    }
    for (const char* bad :
         {"1-1 n${}x A 10.0.0.1", "1-1 n${1,}x A 10.0.0.1", "1-1 n${1,3,q}x A 10.0.0.1",
          "1-1 n${1,3,d A 10.0.0.1", "1-1 n${0,200} A 10.0.0.1", "1-1 n${1 ,2} A 10.0.0.1",
          "2-1 n$ A 10.0.0.1", "1-3/0 n$ A 10.0.0.1", "1-3 n$ A 10.0.0.${0,3}", "1-3 n$ A",
          "1-3 n$ 60 IN A", "1- n$ A 10.0.0.1", "1-2 n$ NOSUCH 10.0.0.1"}) {
        const Collector got = scan("$TTL 5\n$GENERATE " + std::string(bad) + "\nz A 192.0.2.1\n");
        EXPECT_EQ(got.faults.size(), 1U) << bad;
        EXPECT_EQ(got.lines, std::vector<std::string>{"3 z.example. 5 A 192.0.2.1"}) << bad;
    }
    EXPECT_EQ(scan("$GENERATE 1-2 n$ TXT " + std::string(5000, 'x') + "\n").faults.size(), 1U);
}

TEST(MasterFile, OneEntryIsBoundedInMemory) {
    std::string text = "x TXT (";
    text.append(3 << 20, ' ');
    text += "a )\nok 1 A 192.0.2.7\n";
    const Collector got = scan(text);
    ASSERT_EQ(got.faults.size(), 1U);
    EXPECT_NE(got.faults[0].find("more than 1 MiB"), std::string::npos);
    EXPECT_EQ(got.lines.size(), 1U);
}

TEST(MasterFile, AFaultInsideParenthesesEndsThere) {
    const Collector got = scan("x TXT ( a\\\nok 1 A 192.0.2.7\n");
    ASSERT_EQ(got.faults.size(), 1U);
    EXPECT_NE(got.faults[0].find(":1: a backslash at the end"), std::string::npos) << got.faults[0];
    EXPECT_EQ(got.lines.size(), 1U);
}

TEST(MasterFile, TheSinkMayStopTheScan) {
    Collector out;
    out.limit = 2;
    MasterScanner scanner(options(), out);
    EXPECT_FALSE(scanner.feed(base::as_octets("a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\n")));
    EXPECT_FALSE(scanner.finish());
    EXPECT_EQ(out.lines.size(), 2U);
}

}  // namespace
}  // namespace dns
