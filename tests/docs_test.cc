// What docs/operations.md and docs/limits.md name is in the sources, and what bounds the server by
// a setting is in docs/limits.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = MERIDIAN_SOURCE_DIR;

std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The program's sources, one text a file.
const std::vector<std::string>& sources() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> out;
        for (const char* folder : {"base", "dns", "zones", "resolver", "net", "server", "admin"}) {
            for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
                const std::string suffix = entry.path().extension().string();
                if (suffix == ".cc" || suffix == ".h") out.push_back(read(entry.path()));
            }
        }
        return out;
    }();
    return all;
}

bool in_one_source(const std::vector<std::string>& pieces) {
    for (const std::string& source : sources()) {
        bool all = true;
        for (const std::string& piece : pieces) {
            all = all && source.find(piece) != std::string::npos;
        }
        if (all) return true;
    }
    return false;
}

/// Every first group of the pattern.
std::set<std::string> all_of(const std::string& text, const std::string& pattern) {
    const std::regex regex(pattern);
    std::set<std::string> out;
    for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
        out.insert((*at)[1].str());
    }
    return out;
}

TEST(Docs, MessagesOfTheOperationsPageAreThoseOfTheProgram) {
    const std::string page = read(kRoot / "docs/operations.md");
    const std::size_t table = page.find("| Message |");
    ASSERT_NE(table, std::string::npos);
    const auto messages = all_of(page.substr(table), "\n\\| `([^`]+)` \\|");
    EXPECT_GT(messages.size(), 10U);
    for (const std::string& message : messages) {
        // N stands for a number.
        std::vector<std::string> pieces;
        const std::size_t number = message.find(" N ");
        pieces.push_back(message.substr(0, number));
        if (number != std::string::npos) pieces.push_back(message.substr(number + 2));
        EXPECT_TRUE(in_one_source(pieces)) << message;
    }
}

TEST(Docs, MetricsNamedAreThere) {
    for (const char* file : {"docs/operations.md", "docs/limits.md"}) {
        const auto metrics = all_of(read(kRoot / file), "`(meridian_[a-z_]+)`");
        EXPECT_FALSE(metrics.empty()) << file;
        for (const std::string& metric : metrics) {
            EXPECT_TRUE(in_one_source({"\"" + metric + "\""})) << file << ": " << metric;
        }
    }
}

TEST(Docs, EverySettingOfLimitsHasItsLine) {
    const std::string config = read(kRoot / "server/config.cc");
    const std::size_t start = config.find("root.table(\"limits\"");
    ASSERT_NE(start, std::string::npos);
    const std::string block = config.substr(start, config.find("});", start) - start);
    const auto settings = all_of(block, "reader\\.[a-z]+\\(\"([a-z_]+)\", config");
    EXPECT_GE(settings.size(), 6U);
    const std::string page = read(kRoot / "docs/limits.md");
    const auto named = all_of(page, "\n\\| `limits\\.([a-z_]+)` \\|");
    EXPECT_EQ(settings, named);
    for (const std::string& setting : all_of(page, "`(?:admin|edns|recursion)\\.([a-z_]+)`")) {
        EXPECT_NE(config.find("\"" + setting + "\""), std::string::npos) << setting;
    }
}

TEST(Docs, ConstantsNamedAreThere) {
    const auto constants = all_of(read(kRoot / "docs/limits.md"), "\n\\| `(k[A-Za-z]+)` \\|");
    EXPECT_GT(constants.size(), 5U);
    for (const std::string& constant : constants) {
        EXPECT_TRUE(in_one_source({" " + constant + " = "})) << constant;
    }
}

}  // namespace
