// What docs/operations.md and docs/limits.md name is in the sources, and what bounds the server by
// a setting is in docs/limits.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
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

bool is_word(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

/// What stands between each `before` and the next `after`. (Not <regex>: with the sanitizers GCC 12
/// warns of it.)
std::set<std::string> between(std::string_view text, std::string_view before,
                              std::string_view after) {
    std::set<std::string> out;
    for (std::size_t at = text.find(before); at != text.npos; at = text.find(before, at)) {
        at += before.size();
        const std::size_t end = text.find(after, at);
        if (end == text.npos) break;
        out.insert(std::string(text.substr(at, end - at)));
    }
    return out;
}
std::set<std::string> words_between(std::string_view text, std::string_view before,
                                    std::string_view after) {
    std::set<std::string> out;
    for (const std::string& each : between(text, before, after)) {
        if (is_word(each)) out.insert(each);
    }
    return out;
}

TEST(Docs, MessagesOfTheOperationsPageAreThoseOfTheProgram) {
    const std::string page = read(kRoot / "docs/operations.md");
    const std::size_t table = page.find("| Message |");
    ASSERT_NE(table, std::string::npos);
    const auto messages = between(page.substr(table), "\n| `", "` |");
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
        const auto metrics = words_between(read(kRoot / file), "`meridian_", "`");
        EXPECT_FALSE(metrics.empty()) << file;
        for (const std::string& metric : metrics) {
            EXPECT_TRUE(in_one_source({"\"meridian_" + metric + "\""})) << file << ": " << metric;
        }
    }
}

TEST(Docs, EverySettingOfLimitsHasItsLine) {
    const std::string config = read(kRoot / "server/config.cc");
    const std::size_t start = config.find("root.table(\"limits\"");
    ASSERT_NE(start, std::string::npos);
    const std::string block = config.substr(start, config.find("});", start) - start);
    const auto settings = words_between(block, "(\"", "\", config");
    EXPECT_GE(settings.size(), 6U);
    const std::string page = read(kRoot / "docs/limits.md");
    const auto named = between(page, "\n| `limits.", "` |");
    EXPECT_EQ(settings, named);
    for (const char* table : {"`admin.", "`edns.", "`recursion."}) {
        for (const std::string& setting : words_between(page, table, "`")) {
            EXPECT_NE(config.find("\"" + setting + "\""), std::string::npos) << setting;
        }
    }
}

TEST(Docs, ConstantsNamedAreThere) {
    const auto constants = words_between(read(kRoot / "docs/limits.md"), "\n| `k", "` |");
    EXPECT_GT(constants.size(), 5U);
    for (const std::string& constant : constants) {
        EXPECT_TRUE(in_one_source({" k" + constant + " = "})) << constant;
    }
}

}  // namespace
