// Reads the tree as text and checks what docs/architecture.md draws: who may include whom, where
// third-party headers live, and a few habits that a reader relies on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

// The diagram. A folder may include its own headers and those of the folders listed; only
// server/main.cc knows everything.
//
//     main.cc -> admin -> server -> zones, resolver -> dns -> base
//                admin,   server -> net ------------------> base
const std::map<std::string, std::set<std::string>> kArrows = {
    {"base", {}},
    {"dns", {"base"}},
    {"net", {"base"}},
    {"zones", {"dns", "base"}},
    {"resolver", {"dns", "base"}},
    {"server", {"zones", "resolver", "dns", "net", "base"}},
    {"admin", {"server", "zones", "resolver", "dns", "net", "base"}},
};

// Third-party headers: how their includes begin, and the files that may hold them. A library
// stays in one or two .cc files; tl/expected.hpp (base/result.h) is the one exception.
struct Library {
    std::string name;
    std::vector<std::string> includes;
    std::set<std::string> files;
};
const std::vector<Library> kLibraries = {
    {"tl-expected", {"tl/"}, {"base/result.h"}},
    {"ldns", {"ldns/"}, {"dns/presentation.cc"}},
    {"libuv", {"uv.h"}, {"net/loop.cc"}},
    {"nghttp2", {"nghttp2/"}, {"net/http2_connection.cc"}},
    {"zlib, brotli, zstd", {"zlib.h", "brotli/", "zstd.h"}, {"net/content_coding.cc"}},
    {"wslay", {"wslay/"}, {"net/websocket_session.cc"}},
    {"OpenSSL, TLS",
     {"openssl/ssl.h", "openssl/bio.h", "openssl/err.h", "openssl/x509", "openssl/pem.h",
      "openssl/params.h", "openssl/core_names.h", "openssl/rand.h"},
     {"net/tls.cc", "net/certificate.cc"}},
    {"OpenSSL, digests",
     {"openssl/evp.h"},
     {"dns/nsec3.cc", "net/websocket_handshake.cc", "admin/tokens.cc"}},
    {"RocksDB", {"rocksdb/"}, {"zones/store_kv.cc", "zones/store_env.cc"}},
    {"libmaxminddb", {"maxminddb.h"}, {"zones/geo.cc"}},
    {"JSON", {"nlohmann/"}, {"zones/documents.cc", "zones/policy_document.cc", "admin/json.cc"}},
    {"yaml-cpp", {"yaml-cpp/"}, {"admin/yaml.cc"}},
    {"toml++", {"toml++/"}, {"server/config.cc"}},
    {"spdlog", {"spdlog/"}, {"server/log.cc"}},
    {"libcurl", {"curl/"}, {"admin/client.cc"}},
    {"CLI11", {"CLI/"}, {"admin/command_line.cc"}},
};

constexpr std::size_t kMaxLines = 600;

struct Include {
    std::string target;
    bool quoted = false;
    std::size_t line = 0;
};

struct File {
    std::string path;  // relative to the root of the tree
    std::string folder;
    std::vector<std::string> lines;
    std::vector<Include> includes;

    [[nodiscard]] bool is_header() const { return path.ends_with(".h"); }
    [[nodiscard]] bool is_source() const { return path.ends_with(".cc"); }
};

std::vector<Include> includes_of(const std::vector<std::string>& lines) {
    std::vector<Include> out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::string_view text = lines[i];
        if (!text.starts_with("#include")) continue;
        const std::size_t open = text.find_first_of("\"<");
        if (open == std::string_view::npos) continue;
        const std::size_t close = text.find_first_of("\">", open + 1);
        if (close == std::string_view::npos) continue;
        out.push_back(
            {std::string(text.substr(open + 1, close - open - 1)), text[open] == '"', i + 1});
    }
    return out;
}

File read_file(const fs::path& root, const fs::path& path) {
    File file;
    file.path = fs::relative(path, root).generic_string();
    file.folder = file.path.substr(0, file.path.find('/'));
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) file.lines.push_back(line);
    file.includes = includes_of(file.lines);
    return file;
}

// Every text file that is ours: not what a build, a run or the version control made.
std::vector<File> read_tree() {
    static const std::set<std::string> kSuffixes = {".h",  ".cc",   ".sh", ".py",
                                                    ".js", ".html", ".css"};
    static const std::set<std::string> kElsewhere = {"build", ".git", "meridian-data",
                                                     "node_modules", ".cache"};
    const fs::path root = MERIDIAN_SOURCE_DIR;
    std::vector<File> files;
    for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator();
         ++at) {
        if (at->is_directory() && kElsewhere.contains(at->path().filename().string())) {
            at.disable_recursion_pending();
        } else if (at->is_regular_file() && kSuffixes.contains(at->path().extension().string())) {
            files.push_back(read_file(root, at->path()));
        }
    }
    std::sort(files.begin(), files.end(),
              [](const File& a, const File& b) { return a.path < b.path; });
    return files;
}

const std::vector<File>& tree() {
    static const std::vector<File> kFiles = read_tree();
    return kFiles;
}

std::string where(const File& file, std::size_t line) {
    return file.path + ":" + std::to_string(line) + ": ";
}

std::string diagram() {
    std::string out = "the arrows that are allowed:\n";
    for (const auto& [folder, targets] : kArrows) {
        out += "  " + folder + " ->";
        for (const std::string& target : targets) out += " " + target;
        out += "\n";
    }
    return out;
}

TEST(Layering, FindsTheTree) {
    std::set<std::string> folders;
    for (const File& file : tree()) folders.insert(file.folder);
    for (const auto& [folder, targets] : kArrows) {
        EXPECT_TRUE(folders.contains(folder)) << folder << " holds no file";
        for (const std::string& target : targets) {
            EXPECT_TRUE(kArrows.contains(target)) << folder << " -> " << target;
        }
    }
}

TEST(Layering, ArrowsHaveNoCycle) {
    // Sources of the graph are taken away until nothing is left.
    auto left = kArrows;
    for (bool progress = true; progress && !left.empty();) {
        progress = false;
        for (auto at = left.begin(); at != left.end(); ++at) {
            if (!std::all_of(at->second.begin(), at->second.end(),
                             [&](const std::string& to) { return !left.contains(to); })) {
                continue;
            }
            left.erase(at);
            progress = true;
            break;
        }
    }
    EXPECT_TRUE(left.empty()) << diagram();
}

TEST(Layering, FoldersIncludeOnlyAlongTheArrows) {
    for (const File& file : tree()) {
        const auto allowed = kArrows.find(file.folder);
        if (allowed == kArrows.end() || file.path == "server/main.cc") continue;
        for (const Include& include : file.includes) {
            if (!include.quoted) continue;
            const std::string target = include.target.substr(0, include.target.find('/'));
            EXPECT_TRUE(target == file.folder || allowed->second.contains(target))
                << where(file, include.line) << file.folder << " must not include \""
                << include.target << "\"\n"
                << diagram();
        }
    }
}

TEST(Layering, QuotedIncludesNameAFileOfTheTree) {
    std::set<std::string> paths;
    for (const File& file : tree()) paths.insert(file.path);
    for (const File& file : tree()) {
        for (const Include& include : file.includes) {
            if (!include.quoted) continue;
            EXPECT_TRUE(paths.contains(include.target) || include.target.ends_with(".inc"))
                << where(file, include.line) << "\"" << include.target
                << "\" is not a path from the root of the tree; other headers take <>";
        }
    }
}

TEST(Layering, LibrariesStayInTheirFiles) {
    for (const Library& library : kLibraries) {
        std::map<std::string, int> homes;  // JSON alone is needed in more than one folder
        for (const std::string& file : library.files) {
            EXPECT_LE(++homes[file.substr(0, file.find('/'))], 2)
                << library.name << " has more than two homes in one folder";
        }
        std::set<std::string> unused = library.files;
        for (const File& file : tree()) {
            if (!kArrows.contains(file.folder)) continue;  // tests may use anything as an oracle
            for (const Include& include : file.includes) {
                const bool belongs = std::any_of(
                    library.includes.begin(), library.includes.end(),
                    [&](const std::string& prefix) { return include.target.starts_with(prefix); });
                if (!belongs) continue;
                unused.erase(file.path);
                EXPECT_TRUE(library.files.contains(file.path))
                    << where(file, include.line) << "<" << include.target << "> belongs to "
                    << library.name << ", whose home is elsewhere (kLibraries)";
            }
        }
        for (const std::string& path : unused) {
            ADD_FAILURE() << path << " is listed as a home of " << library.name
                          << " but does not include it";
        }
    }
}

bool is_of_the_system(const std::string& target) {
    static const std::vector<std::string> kFolders = {"sys/", "netinet/", "arpa/", "linux/",
                                                      "net/if.h"};
    static const std::set<std::string> kPosix = {
        "dirent.h", "fcntl.h", "grp.h",   "ifaddrs.h", "netdb.h",  "poll.h",    "pthread.h",
        "glob.h",   "pwd.h",   "sched.h", "signal.h",  "string.h", "termios.h", "unistd.h"};
    return target.find('.') == std::string::npos || kPosix.contains(target) ||
           std::any_of(kFolders.begin(), kFolders.end(),
                       [&](const std::string& folder) { return target.starts_with(folder); });
}

bool is_listed(const std::string& target) {
    return std::any_of(kLibraries.begin(), kLibraries.end(), [&](const Library& library) {
        return std::any_of(library.includes.begin(), library.includes.end(),
                           [&](const std::string& prefix) { return target.starts_with(prefix); });
    });
}

// What is neither ours, nor of the C++ library, nor of the system must be in the table above, so
// that a new library is a decision and not an accident.
TEST(Layering, EveryThirdPartyHeaderIsListed) {
    for (const File& file : tree()) {
        if (!kArrows.contains(file.folder)) continue;
        for (const Include& include : file.includes) {
            if (include.quoted || is_of_the_system(include.target)) continue;
            EXPECT_TRUE(is_listed(include.target))
                << where(file, include.line) << "<" << include.target
                << "> is of no library listed in kLibraries";
        }
    }
}

TEST(Habits, FilesAreShort) {
    for (const File& file : tree()) {
        EXPECT_LE(file.lines.size(), kMaxLines) << file.path << " has two subjects; split it";
    }
}

TEST(Habits, HeadersAreGuarded) {
    for (const File& file : tree()) {
        if (!file.is_header()) continue;
        EXPECT_NE(std::find(file.lines.begin(), file.lines.end(), "#pragma once"), file.lines.end())
            << file.path << " lacks #pragma once";
    }
}

// The reader learns from the comment on a class what it is, who owns it and which threads may
// call it. A machine can only see that there is one. Plain structs may speak for themselves.
TEST(Habits, PublicClassesAreExplained) {
    for (const File& file : tree()) {
        if (!file.is_header() || !kArrows.contains(file.folder)) continue;
        bool explained = false;
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            const std::string& line = file.lines[i];
            explained = explained || line.starts_with("///");
            const bool only_declared = line.find(';') < line.find('{');
            if (!line.starts_with("class ") || only_declared) continue;
            std::size_t above = i;
            while (above > 0 && file.lines[above - 1].starts_with("template")) --above;
            EXPECT_TRUE(above > 0 && file.lines[above - 1].starts_with("//"))
                << where(file, i + 1) << "this class has no comment";
        }
        EXPECT_TRUE(explained) << file.path << " explains nothing with a /// comment";
    }
}

TEST(Habits, FoldersHaveAReadme) {
    for (const auto& [folder, targets] : kArrows) {
        EXPECT_TRUE(fs::exists(fs::path(MERIDIAN_SOURCE_DIR) / folder / "README.md")) << folder;
    }
}

// GCC 12 and clang 14 both have to take the code (docs/architecture.md).
TEST(Habits, NothingThatClang14CannotParse) {
    for (const File& file : tree()) {
        for (const Include& include : file.includes) {
            EXPECT_NE(include.target, "source_location") << where(file, include.line);
            EXPECT_NE(include.target, "expected") << where(file, include.line);
            EXPECT_NE(include.target, "coroutine") << where(file, include.line);
        }
    }
}

TEST(Habits, FuzzTargetsAreNamedAfterALibraryAndHaveSeeds) {
    for (const File& file : tree()) {
        if (!file.path.starts_with("tests/fuzz/") || !file.is_source()) continue;
        const std::string stem = fs::path(file.path).stem().string();
        if (stem == "replay_main") continue;
        EXPECT_TRUE(kArrows.contains(stem.substr(0, stem.find('_')))) << file.path;
        const fs::path corpus = fs::path(MERIDIAN_SOURCE_DIR) / "tests/fuzz/corpus" / stem;
        EXPECT_TRUE(fs::is_directory(corpus) && !fs::is_empty(corpus))
            << corpus << " holds no seed";
    }
}

}  // namespace
