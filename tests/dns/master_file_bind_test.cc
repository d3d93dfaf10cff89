// Master files made up at random, read here and by named-checkzone, which must find the same
// records. A fixed seed: a run can be repeated.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "dns/master_file.h"
#include "dns/presentation.h"

namespace dns {
namespace {

namespace fs = std::filesystem;

class Directory {
  public:
    Directory() {
        std::string pattern = (fs::temp_directory_path() / "master-file-XXXXXX").string();
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        path = pattern;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    std::string path;
};

/// Records as a set, in a form that does not depend on how they were written.
class Records final : public MasterSink {
  public:
    bool on_record(const MasterRecord& record) override {
        Name owner = record.owner;
        owner.lower_case();
        std::vector<std::uint8_t> rdata = record.rdata;
        all.insert(owner.to_text() + " " + std::to_string(record.ttl) + " " + to_text(record.type) +
                   " " + base::to_hex(rdata));
        return true;
    }
    bool on_fault(MasterFault fault) override {
        faults += fault.to_text() + "\n";
        return true;
    }
    std::set<std::string> all;
    std::string faults;
};

Records scan(const std::string& file) {
    Records out;
    MasterScanner::Options options;
    options.file = file;
    options.origin = *Name::parse("example.");
    const auto read = [](const std::string& path) -> base::Result<std::string> {
        std::ifstream in(path, std::ios::binary);
        if (!in) return base::fail(path + ": cannot be read");
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    options.include = read;
    const std::string text = *read(file);
    MasterScanner scanner(std::move(options), out);
    scanner.feed(base::as_octets(text));
    scanner.finish();
    return out;
}

/// What named-checkzone makes of the file: one record a line.
std::string canonical_by_bind(const std::string& file, const std::string& to) {
    const std::string command =
        "named-checkzone -D -i none -k ignore -n ignore -m ignore -r ignore "
        "-s full -o " +
        to + " example " + file + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::string said;
    char buffer[1024];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
    const int status = ::pclose(pipe);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : said;
}

class Writer {
  public:
    explicit Writer(std::uint64_t seed) : random_(seed) {}

    std::string zone(const std::string& included) {
        std::string out = "$TTL 1h\n@ SOA ns1 host ( 7 ; serial\n 2h 1h\n 2w\t300 )\n NS ns1\n";
        for (int i = 0; i < 80; ++i) out += entry();
        out += "$ORIGIN example.\n$INCLUDE " + included + " inc" +
               (below(2) == 0 ? "" : ".example.") + "\n";
        for (int i = 0; i < 10; ++i) out += entry();
        out += "$ORIGIN example.\nns1 A 192.0.2.1";  // no newline at the end
        return out;
    }
    std::string include() {
        std::string out;
        for (int i = 0; i < 10; ++i) out += entry();
        return out;
    }

  private:
    std::uint32_t below(std::uint32_t end) { return random_.below(end); }
    std::string pick(const std::vector<std::string>& from) {
        return from[below(static_cast<std::uint32_t>(from.size()))];
    }
    std::string number(std::uint32_t end) { return std::to_string(below(end)); }
    std::string space() { return pick({" ", "\t", "  ", " \t "}); }

    /// Each owner once, so that neither side joins TTLs.
    std::string owner() {
        const std::string unique = "n" + std::to_string(++names_);
        const std::string label =
            pick({unique, unique + "-X", "\\065" + unique, unique + "\\.dot", unique + "\\032x",
                  unique + "_", unique + ".sub", "*." + unique, unique + "\\(\\;\\\"",
                  unique + "\\000\\255"});
        return below(4) == 0 ? label + ".abs.example." : label;
    }
    std::string ttl() {
        return pick({"", "", "300 ", "1h30m ", "2D ", "1w2d3h4m5s ", "0 ", "86400\t"});
    }
    std::string ttl_and_class() {
        const std::string time = ttl();
        return pick({time, time + "IN ", "IN " + time, "in " + time, time + "CLASS1 "});
    }
    std::string comment() { return pick({"", "", " ; (a \"comment\"", "\t;"}); }
    std::string text() {
        return pick({"plain", "\"two words\"", "\"a;b (c)\"", "\"q\\\"q\"", "\"\"", "\\100",
                     "\"tab\\009\\255\"", "semi\\;colon", "\"" + std::string(255, 'y') + "\""});
    }
    std::string name() { return pick({"x", "x.y", "a\\.b", "abs.test.", "@", "X.Example."}); }

    std::string rdata() {
        switch (below(16)) {
            case 0:
                return "A 192.0.2." + number(256);
            case 1:
                return "AAAA " + pick({"2001:db8::1", "::", "1:2:3:4:5:6:7:8", "::192.0.2.1"});
            case 2:
                return "MX " + number(65536) + space() + name();
            case 3:
                return "SRV 1 2 " + number(65536) + " " + name();
            case 4:
                return "TXT (\n " + text() + "\n\t" + text() + " ; inside\n )";
            case 5:
                return "TXT " + text() + space() + text();
            case 6:
                return "CAA 0 issue " + pick({"\"ca.example; x=1\"", "\";\""});
            case 7:
                return "NAPTR 1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .";
            case 8:
                return "LOC 52 22 23.000 N 4 53 32.000 E " +
                       pick({"-2.00m 0.00m 10000m 10m", "100m", "0m 1m"});
            case 9:
                return "TYPE" + std::to_string(65280 + below(100)) + " \\# " +
                       pick({"0", "3 abcdef", "( 4 ab\n cd ef01 )"});
            case 10:
                return "A \\# 4 C00002" + pick({"01", "ff", "7F"});
            case 11:
                return "SVCB " + pick({"0 alias.test.", "1 . alpn=h2,h3 port=8443",
                                       "2 t.example. ipv4hint=192.0.2.1,192.0.2.2"});
            case 12:
                return "HTTPS 1 . alpn=\"h3\" ipv6hint=2001:db8::1";
            case 13:
                return "SSHFP 4 2 ( 123456789abcdef67890123456789abcdef67890\n"
                       "123456789abcdef123456789 )";
            case 14:
                return "TLSA 3 1 1 " + std::string(64, 'a');
            default:
                return "HINFO " + text() + " \"os\"";
        }
    }

    std::string generate() {
        const std::string unique = "g" + std::to_string(++names_);
        const std::string number_text =
            pick({"$", "${0}", "${-3}", "${+4,3}", "${0,4,x}", "${16,2,X}", "${7,0,o}", "${0,3,n}",
                  "${300,5,N}", "${0,1,n}", "$x$", "${2,2,d}\\$"});
        const std::string range = pick({"1-4", "0-20/7", "250-254", "5-5"});
        const std::string rdata =
            pick({"A 10.0.0.$", "CNAME h$", "CNAME ${0,2,x}.sub", "MX \"10 mx$\"", "TXT \"one $\"",
                  "AAAA 2001:db8::$", "PTR host-${1,3,d}.test.", "TXT \\$$"});
        return "$GENERATE " + range + " " + unique + number_text + " " + ttl_and_class() + rdata +
               "\n";
    }

    std::string entry() {
        switch (below(12)) {
            case 0:
                return pick({"\n", "; only a comment ( \"\n", "   \n", "\t; x\n"});
            case 1:
                return "$ORIGIN " + pick({"example.", "a.example.", "B.example.", "example. ; x"}) +
                       "\n";
            case 2:
                return "$TTL " + pick({"300", "1D", "2h5m", "0"}) + "\n";
            case 3:
                return generate();
            default:
                break;
        }
        std::string out = owner() + space() + ttl_and_class() + rdata() + comment() + "\n";
        // The same owner again, by leaving it out; a type that no row above has.
        if (below(4) == 0) out += space() + ttl() + "RP " + name() + " . " + comment() + "\n";
        return out;
    }

    base::Random random_;
    int names_ = 0;
};

TEST(MasterFile, NamedCheckzoneFindsTheSameRecords) {
    if (std::system("named-checkzone -v >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "named-checkzone (bind9-utils) is not installed";
    }
    const Directory directory;
    constexpr std::uint64_t kFiles = 40;
    for (std::uint64_t seed = 1; seed <= kFiles; ++seed) {
        Writer writer(seed);
        const std::string file = directory.path + "/zone";
        const std::string included = directory.path + "/included";
        std::ofstream(file, std::ios::binary) << writer.zone(included);
        std::ofstream(included, std::ios::binary) << writer.include();
        const std::string dump = directory.path + "/dump";
        ASSERT_EQ(canonical_by_bind(file, dump), "") << "seed " << seed;
        const Records ours = scan(file);
        const Records theirs = scan(dump);
        ASSERT_EQ(ours.faults, "") << "seed " << seed;
        ASSERT_EQ(theirs.faults, "") << "seed " << seed;
        EXPECT_GT(ours.all.size(), 60U);
        for (const std::string& record : ours.all) {
            EXPECT_TRUE(theirs.all.contains(record)) << "seed " << seed << ", here: " << record;
        }
        for (const std::string& record : theirs.all) {
            EXPECT_TRUE(ours.all.contains(record)) << "seed " << seed << ", BIND: " << record;
        }
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace dns
