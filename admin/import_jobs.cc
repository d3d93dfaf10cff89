// Which zones are to be imported: a list, a named.conf, an nsd.conf.
#include "admin/import_jobs.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "base/octets.h"

namespace admin {

namespace {

constexpr std::uintmax_t kMaxConfigurationOctets = std::uintmax_t{256} << 20;
constexpr std::uintmax_t kMaxIncludedOctets = std::uintmax_t{1} << 30;
constexpr unsigned kMaxDepth = 16;  // of includes and of braces within braces
constexpr std::size_t kMaxNotes = 1000;

base::Result<std::string> read_whole(const std::string& path, std::uintmax_t most) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return base::fail(path + ": is a directory");
    }
    std::ifstream in(path, std::ios::binary);
    if (!in) return base::fail(path + ": cannot be read");
    std::string text;
    char piece[65536];
    while (in.read(piece, sizeof piece) || in.gcount() > 0) {
        text.append(piece, static_cast<std::size_t>(in.gcount()));
        if (text.size() > most) {
            return base::fail(path + ": larger than " + std::to_string(most >> 20) + " MiB");
        }
    }
    if (in.bad()) return base::fail(path + ": cannot be read");
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    return out;
}

/// Relative to a directory, unless the path is absolute.
std::string beside(const std::string& directory, const std::string& path) {
    if (directory.empty() || path.starts_with('/')) return path;
    return (std::filesystem::path(directory) / path).string();
}

void note(ImportJobs& out, std::string text) {
    if (out.notes.size() < kMaxNotes) out.notes.push_back(std::move(text));
    if (out.notes.size() == kMaxNotes) out.notes.emplace_back("and more that are not imported");
}

// named.conf.

struct Token {
    std::string text;
    bool quoted = false;
    std::string file;
    std::size_t line = 0;

    [[nodiscard]] bool is(std::string_view what) const { return !quoted && text == what; }
    [[nodiscard]] std::string place() const { return file + ":" + std::to_string(line) + ": "; }
};

/// Words, strings, braces and semicolons; comments in the ways of C, C++ and the shell.
base::Result<std::vector<Token>> tokens_of(const std::string& file) {
    auto text = read_whole(file, kMaxConfigurationOctets);
    if (!text) return base::fail(std::move(text.error()));
    std::vector<Token> out;
    std::size_t line = 1;
    const std::string& all = *text;
    for (std::size_t at = 0; at < all.size();) {
        const char c = all[at];
        if (c == '\n') ++line;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            ++at;
        } else if (c == '#' || all.compare(at, 2, "//") == 0) {
            at = std::min(all.find('\n', at), all.size());
        } else if (all.compare(at, 2, "/*") == 0) {
            const std::size_t end = all.find("*/", at + 2);
            if (end == std::string::npos) {
                return base::fail(file + ":" + std::to_string(line) + ": a comment has no end");
            }
            line += static_cast<std::size_t>(
                std::count(all.begin() + static_cast<std::ptrdiff_t>(at),
                           all.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
            at = end + 2;
        } else if (c == '"') {
            Token token{"", true, file, line};
            for (++at; at < all.size() && all[at] != '"'; ++at) {
                if (all[at] == '\n') break;
                if (all[at] == '\\' && at + 1 < all.size()) ++at;
                token.text.push_back(all[at]);
            }
            if (at == all.size() || all[at] != '"') {
                return base::fail(token.place() + "a string has no end");
            }
            ++at;
            out.push_back(std::move(token));
        } else if (c == '{' || c == '}' || c == ';') {
            out.push_back({std::string(1, c), false, file, line});
            ++at;
        } else {
            const std::size_t end = std::min(all.find_first_of(" \t\r\n{};\"", at), all.size());
            out.push_back({all.substr(at, end - at), false, file, line});
            at = end;
        }
    }
    return out;
}

class NamedConf {
  public:
    base::Result<ImportJobs> read(const std::string& file) {
        auto done = statements_of(file, "", 0);
        if (!done) return base::fail(std::move(done.error()));
        return finish();
    }

  private:
    struct Zone {
        std::string name, type, file, view, place;
    };

    base::Result<void> statements_of(const std::string& file, const std::string& view,
                                     unsigned depth) {
        if (depth > kMaxDepth) return base::fail(file + ": included too deeply");
        auto tokens = tokens_of(file);
        if (!tokens) return base::fail(std::move(tokens.error()));
        std::size_t at = 0;
        return statements(*tokens, at, view, depth);
    }

    /// Up to the brace that ends them, or the end of the file.
    base::Result<void> statements(const std::vector<Token>& tokens, std::size_t& at,
                                  const std::string& view, unsigned depth) {
        while (at < tokens.size() && !tokens[at].is("}")) {
            if (tokens[at].is(";")) {
                ++at;
                continue;
            }
            const Token& keyword = tokens[at];
            std::vector<const Token*> words;
            while (at < tokens.size() && !tokens[at].is("{") && !tokens[at].is(";") &&
                   !tokens[at].is("}")) {
                words.push_back(&tokens[at++]);
            }
            if (words.empty()) return base::fail(keyword.place() + "a statement is wanted");
            base::Result<void> done;
            if (at < tokens.size() && tokens[at].is("{")) {
                ++at;
                done = block(words, tokens, at, view, depth);
                if (done && (at == tokens.size() || !tokens[at].is("}"))) {
                    return base::fail(keyword.place() + "a brace is never closed");
                }
                ++at;
            } else if (keyword.is("include") && words.size() == 2) {
                done = statements_of(beside(directory_, words[1]->text), view, depth + 1);
            } else if (keyword.is("directory") && words.size() == 2) {
                directory_ = beside(directory_, words[1]->text);
            }
            if (!done) return done;
        }
        return {};
    }

    base::Result<void> block(const std::vector<const Token*>& words,
                             const std::vector<Token>& tokens, std::size_t& at,
                             const std::string& view, unsigned depth) {
        if (depth > kMaxDepth) return base::fail(words[0]->place() + "too many braces");
        if (words[0]->is("zone") && words.size() >= 2) {
            return zone(words, tokens, at, view);
        }
        if (words[0]->is("view") && words.size() >= 2) {
            return statements(tokens, at, words[1]->text, depth + 1);
        }
        if (words[0]->is("options")) return statements(tokens, at, view, depth + 1);
        return skip(tokens, at);
    }

    /// To the brace that ends the block.
    static base::Result<void> skip(const std::vector<Token>& tokens, std::size_t& at) {
        for (std::size_t open = 1; at < tokens.size(); ++at) {
            if (tokens[at].is("{")) ++open;
            if (tokens[at].is("}") && --open == 0) break;
        }
        return {};
    }

    base::Result<void> zone(const std::vector<const Token*>& words,
                            const std::vector<Token>& tokens, std::size_t& at,
                            const std::string& view) {
        Zone zone{words[1]->text, "", "", view, words[1]->place()};
        const bool in_class = words.size() < 3 || lower(words[2]->text) == "in";
        while (at < tokens.size() && !tokens[at].is("}")) {
            std::vector<const Token*> parts;
            while (at < tokens.size() && !tokens[at].is(";") && !tokens[at].is("}")) {
                if (tokens[at].is("{")) {
                    ++at;
                    (void)skip(tokens, at);
                    if (at == tokens.size()) break;
                } else {
                    parts.push_back(&tokens[at]);
                }
                ++at;
            }
            if (at < tokens.size() && tokens[at].is(";")) ++at;
            if (parts.size() < 2) continue;
            if (parts[0]->is("type")) zone.type = lower(parts[1]->text);
            if (parts[0]->is("file")) zone.file = parts[1]->text;
            if (parts[0]->is("in-view")) zone.type = "in-view";
            if (parts[0]->is("masterfile-format") && parts[1]->text != "text") {
                zone.type = "masterfile-format " + parts[1]->text;
            }
        }
        if (!in_class) zone.type = "class " + words[2]->text;
        zones_.push_back(std::move(zone));
        return {};
    }

    ImportJobs finish() {
        ImportJobs out;
        std::map<std::string, std::set<std::string>> files;  // of a zone, in whichever view
        for (const Zone& zone : zones_) {
            if (is_primary(zone)) files[lower(zone.name)].insert(zone.file);
        }
        std::set<std::string> taken;
        for (const Zone& zone : zones_) {
            const std::string where =
                zone.place + zone.name + (zone.view.empty() ? "" : " of the view " + zone.view);
            if (zone.type == "in-view") continue;  // the other view's statement speaks of it
            if (!is_primary(zone)) {
                note(out, where + ": not imported: " +
                              (zone.type.empty() ? "it has no type" : "type " + zone.type));
            } else if (zone.file.empty()) {
                note(out, where + ": not imported: it has no file");
            } else if (files[lower(zone.name)].size() > 1) {
                note(out, where + ": not imported: other views have it with other files");
            } else if (taken.insert(lower(zone.name)).second) {
                out.jobs.push_back({zone.name, beside(directory_, zone.file)});
            }
        }
        return out;
    }
    static bool is_primary(const Zone& zone) {
        return zone.type == "primary" || zone.type == "master";
    }

    std::string directory_;
    std::vector<Zone> zones_;
};

// nsd.conf.

class NsdConf {
  public:
    base::Result<ImportJobs> read(const std::string& file) {
        auto done = lines_of(file, 0);
        if (!done) return base::fail(std::move(done.error()));
        ImportJobs out;
        for (Section& zone : zones_) {
            if (zone.name.empty()) {
                note(out, zone.place + "not imported: a zone without a name");
                continue;
            }
            complete(zone, zone.patterns, 0);
            if (zone.secondary) {
                note(out, zone.place + zone.name + ": not imported: a secondary zone");
            } else if (zone.file.empty()) {
                note(out, zone.place + zone.name + ": not imported: it has no zonefile");
            } else {
                out.jobs.push_back({zone.name, beside(directory_, expand(zone.file, zone.name))});
            }
        }
        return out;
    }

  private:
    struct Section {
        std::string name, file, place;
        std::vector<std::string> patterns;
        bool secondary = false;
    };

    base::Result<void> lines_of(const std::string& file, unsigned depth) {
        if (depth > kMaxDepth) return base::fail(file + ": included too deeply");
        auto text = read_whole(file, kMaxConfigurationOctets);
        if (!text) return base::fail(std::move(text.error()));
        // Options are `name: value`, whatever the lines: words are read one by one.
        std::size_t line = 0;
        std::istringstream in(*text);
        for (std::string whole; std::getline(in, whole);) {
            ++line;
            auto done = take(words_of(whole), file + ":" + std::to_string(line) + ": ", depth);
            if (!done) return done;
        }
        return {};
    }

    /// Quotes are taken off; a comment ends the line.
    static std::vector<std::string> words_of(std::string_view line) {
        std::vector<std::string> words;
        std::size_t at = 0;
        while (at < line.size()) {
            const char c = line[at];
            if (c == '#') break;
            if (c == ' ' || c == '\t' || c == '\r') {
                ++at;
            } else if (c == '"' || c == '\'') {
                const std::size_t end = std::min(line.find(c, at + 1), line.size());
                words.emplace_back(line.substr(at + 1, end - at - 1));
                at = std::min(end + 1, line.size());
            } else {
                std::size_t end = std::min(line.find_first_of(" \t\r\"'#", at), line.size());
                const std::size_t colon = line.find(':', at);
                // `zone:name:` stands for two words; addresses and paths are values.
                if (words.empty() && colon < end) end = colon + 1;
                words.emplace_back(line.substr(at, end - at));
                at = end;
            }
        }
        return words;
    }

    base::Result<void> take(const std::vector<std::string>& words, const std::string& place,
                            unsigned depth) {
        if (words.empty()) return {};
        const std::string& key = words[0];
        const std::string value = words.size() > 1 ? words[1] : std::string();
        if (key == "include:") return include(value, depth);
        if (key == "zone:") {
            zones_.push_back({"", "", place, {}, false});
            section_ = Where::Zone;
        } else if (key == "pattern:") {
            patterns_list_.push_back({"", "", place, {}, false});
            section_ = Where::Pattern;
        } else if (key == "zonesdir:") {
            if (section_ == Where::Other) directory_ = value;
        } else if (words.size() == 1 && key.ends_with(':')) {
            section_ = Where::Other;
        } else if (section_ != Where::Other) {
            Section& section = section_ == Where::Zone ? zones_.back() : patterns_list_.back();
            if (key == "name:") section.name = value;
            if (key == "zonefile:") section.file = value;
            if (key == "include-pattern:") section.patterns.push_back(value);
            if (key == "request-xfr:") section.secondary = true;
        }
        return {};
    }

    base::Result<void> include(const std::string& pattern, unsigned depth) {
        glob_t found{};
        const int result = ::glob(pattern.c_str(), 0, nullptr, &found);
        std::vector<std::string> files;
        for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i) {
            files.emplace_back(found.gl_pathv[i]);
        }
        ::globfree(&found);
        if (files.empty() && pattern.find_first_of("*?[") == std::string::npos) {
            return base::fail(pattern + ": cannot be read");
        }
        for (const std::string& file : files) {
            auto done = lines_of(file, depth + 1);
            if (!done) return done;
        }
        return {};
    }

    /// What a zone does not say itself its patterns say.
    void complete(Section& zone, const std::vector<std::string>& patterns, unsigned depth) {
        if (depth > kMaxDepth) return;
        for (const std::string& name : patterns) {
            for (const Section& pattern : patterns_list_) {
                if (pattern.name != name) continue;
                if (zone.file.empty()) zone.file = pattern.file;
                zone.secondary = zone.secondary || pattern.secondary;
                complete(zone, pattern.patterns, depth + 1);
            }
        }
    }

    /// %s is the zone's name, %1 to %3 its first characters, %z %y %x its last labels but none:
    /// the top-level one, the one below it, and the next.
    static std::string expand(const std::string& file, const std::string& zone) {
        std::string name = zone;
        while (name.size() > 1 && name.back() == '.') name.pop_back();
        std::vector<std::string> labels;
        std::istringstream in(name);
        for (std::string label; std::getline(in, label, '.');) labels.push_back(label);
        const auto from_top = [&labels](std::size_t index) {
            return index < labels.size() ? labels[labels.size() - 1 - index] : std::string(".");
        };
        std::string out;
        for (std::size_t at = 0; at < file.size(); ++at) {
            if (file[at] != '%' || at + 1 == file.size()) {
                out.push_back(file[at]);
                continue;
            }
            const char what = file[++at];
            if (what == 's') {
                out += name;
            } else if (what >= '1' && what <= '3') {
                const auto index = static_cast<std::size_t>(what - '1');
                out.push_back(index < name.size() ? name[index] : '.');
            } else if (what >= 'x' && what <= 'z') {
                out += from_top(static_cast<std::size_t>('z' - what));
            } else {
                out.push_back('%');
                out.push_back(what);
            }
        }
        return out;
    }

    enum class Where : std::uint8_t { Other, Zone, Pattern };

    std::string directory_ = "/etc/nsd";
    Where section_ = Where::Other;
    std::vector<Section> zones_, patterns_list_;
};

}  // namespace

base::Result<ImportJobs> read_list(const std::string& list_file) {
    std::ifstream file;
    if (list_file != "-") file.open(list_file, std::ios::binary);
    std::istream& in = list_file == "-" ? std::cin : file;
    if (!in) return base::fail(list_file + ": cannot be read");
    ImportJobs out;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.empty() || line[0] == '#') continue;
        const std::size_t tab = line.find('\t');
        if (tab == std::string::npos || tab == 0 || tab + 1 == line.size()) {
            return base::fail(list_file + ':' + std::to_string(number) +
                              ": a line is a zone, a tab and a master file");
        }
        out.jobs.push_back({line.substr(0, tab), line.substr(tab + 1)});
    }
    return out;
}

base::Result<ImportJobs> read_named_conf(const std::string& file) {
    return NamedConf().read(file);
}

base::Result<ImportJobs> read_nsd_conf(const std::string& file) {
    return NsdConf().read(file);
}

dns::MasterScanner::Include included_files() {
    return [](const std::string& path) { return read_whole(path, kMaxIncludedOctets); };
}

}  // namespace admin
