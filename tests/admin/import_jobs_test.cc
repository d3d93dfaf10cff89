#include "admin/import_jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/admin/house.h"

namespace admin {
namespace {

class ImportJobsTest : public testing::Test {
  protected:
    std::string file(const std::string& name, const std::string& text) {
        const std::string path = directory_.path + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path) << text;
        return path;
    }
    /// "zone file" lines, then "- note" lines without the directory.
    std::string shown(const base::Result<ImportJobs>& jobs) const {
        if (!jobs) return without_directory(jobs.error().message);
        std::string out;
        for (const ImportJob& job : jobs->jobs) out += job.zone + " " + job.file + "\n";
        for (const std::string& note : jobs->notes) out += "- " + note + "\n";
        return without_directory(out);
    }
    std::string without_directory(std::string text) const {
        const std::string prefix = directory_.path + "/";
        for (std::size_t at = 0; (at = text.find(prefix)) != std::string::npos;) {
            text.erase(at, prefix.size());
        }
        return text;
    }

    fakes::TemporaryDirectory directory_;
};

TEST_F(ImportJobsTest, ListsAreAZoneATabAndAFile) {
    EXPECT_EQ(shown(read_list(file("list", "# zones\na.test\t/x/a.zone\r\n\nb.test.\tb zone"))),
              "a.test /x/a.zone\nb.test. b zone\n");
    EXPECT_EQ(shown(read_list(file("list", "a.test\tf\nb.test f\n"))),
              "list:2: a line is a zone, a tab and a master file");
    EXPECT_EQ(shown(read_list(directory_.path + "/none")), "none: cannot be read");
}

TEST_F(ImportJobsTest, PrimaryZonesOfANamedConf) {
    const std::string more = file("more.conf", "zone more.test { type primary; file \"m\"; };");
    EXPECT_EQ(
        shown(read_named_conf(file(
            "named.conf",
            "options { directory \"/var/z\"; listen-on { 127.0.0.1; }; };\n"
            "key k { algorithm hmac-sha256; secret \"x;{\"; }; // a comment { \n"
            "zone \"a.test\" IN { type master; file \"a.zone\"; allow-transfer { none; }; };\n"
            "# another {\n/* and\n one { */ zone \"B.test\" { file \"/abs/b\"; type primary; };\n"
            "zone \"s.test\" { type slave; file \"s.zone\"; masters { 192.0.2.1; }; };\n"
            "zone \".\" { type hint; file \"root\"; };\n"
            "zone \"f.test\" { type forward; forwarders { 192.0.2.1; }; };\n"
            "zone \"raw.test\" { type primary; file \"raw\"; masterfile-format raw; };\n"
            "zone \"version.bind\" CH { type primary; file \"v\"; };\n"
            "zone \"no.test\" { type primary; };\n"
            "include \"" +
                more + "\";\n"))),
        "a.test /var/z/a.zone\nB.test /abs/b\nmore.test /var/z/m\n"
        "- named.conf:7: s.test: not imported: type slave\n"
        "- named.conf:8: .: not imported: type hint\n"
        "- named.conf:9: f.test: not imported: type forward\n"
        "- named.conf:10: raw.test: not imported: type masterfile-format raw\n"
        "- named.conf:11: version.bind: not imported: type class CH\n"
        "- named.conf:12: no.test: not imported: it has no file\n");
}

TEST_F(ImportJobsTest, ViewsOfANamedConf) {
    EXPECT_EQ(shown(read_named_conf(file("named.conf",
                                         "view in { match-clients { 10/8; };\n"
                                         "zone \"both.test\" { type primary; file \"one\"; };\n"
                                         "zone \"same.test\" { type primary; file \"same\"; };\n"
                                         "zone \"in.test\" { type primary; file \"in\"; }; };\n"
                                         "view \"out\" IN {\n"
                                         "zone \"both.test\" { type primary; file \"two\"; };\n"
                                         "zone \"same.test\" { type primary; file \"same\"; };\n"
                                         "zone \"in.test\" { in-view in; }; };\n"))),
              "same.test same\nin.test in\n"
              "- named.conf:2: both.test of the view in: not imported: other views have it with "
              "other files\n"
              "- named.conf:6: both.test of the view out: not imported: other views have it with "
              "other files\n");
}

TEST_F(ImportJobsTest, DamagedNamedConfIsRefusedWithItsLine) {
    EXPECT_EQ(shown(read_named_conf(file("named.conf", "options {\n directory \"x\";\n"))),
              "named.conf:1: a brace is never closed");
    EXPECT_EQ(shown(read_named_conf(file("named.conf", "\nzone \"x"))),
              "named.conf:2: a string has no end");
    EXPECT_EQ(shown(read_named_conf(file("named.conf", "/* x"))),
              "named.conf:1: a comment has no end");
    const std::string loop = directory_.path + "/loop.conf";
    file("loop.conf", "include \"" + loop + "\";");
    EXPECT_EQ(shown(read_named_conf(loop)), "loop.conf: included too deeply");
    EXPECT_EQ(shown(read_named_conf(file("deep.conf", std::string(100, '{')))),
              "deep.conf:1: a statement is wanted");
}

TEST_F(ImportJobsTest, PrimaryZonesOfAnNsdConf) {
    file("conf.d/one.conf", "zone:\n  name: one.test\n  zonefile: \"one zone\"\n");
    file("conf.d/two.conf", "zone:\n\tname: two.test\n\tinclude-pattern: p\n");
    EXPECT_EQ(shown(read_nsd_conf(file("nsd.conf",
                                       "server:\n  zonesdir: \"/z\" # where\n  ip-address: ::1\n"
                                       "pattern:\n  name: p\n  zonefile: %1/%z/%s.zone\n"
                                       "pattern:\n  name: xfr\n  request-xfr: 192.0.2.1 NOKEY\n"
                                       "zone:\n  name: s.test\n  zonefile: s\n"
                                       "  include-pattern: xfr\n"
                                       "zone:\n  name: none.test\n"
                                       "include: \"" +
                                           directory_.path +
                                           "/conf.d/*.conf\"\n"
                                           "remote-control:\n  control-enable: yes\n"))),
              "one.test /z/one zone\ntwo.test /z/t/test/two.test.zone\n"
              "- nsd.conf:10: s.test: not imported: a secondary zone\n"
              "- nsd.conf:14: none.test: not imported: it has no zonefile\n");
    EXPECT_EQ(shown(read_nsd_conf(file("nsd.conf", "include: /nonexistent.conf\n"))),
              "/nonexistent.conf: cannot be read");
}

}  // namespace
}  // namespace admin
