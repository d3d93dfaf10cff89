#include "dns/master_file.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "dns/presentation.h"
#include "dns/rdata.h"

namespace dns {

namespace {

/// One word of an entry, still with its quotes and escapes, which rdata parsers want to see.
using Words = std::vector<std::string_view>;

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Splits a logical line at blanks outside of quotes.
Words split(std::string_view text) {
    Words out;
    std::size_t at = 0;
    while (at < text.size()) {
        while (at < text.size() && is_blank(text[at])) ++at;
        const std::size_t start = at;
        bool quoted = false;
        while (at < text.size() && (quoted || !is_blank(text[at]))) {
            if (text[at] == '\\' && at + 1 < text.size()) {
                ++at;
            } else if (text[at] == '"') {
                quoted = !quoted;
            }
            ++at;
        }
        if (at > start) out.push_back(text.substr(start, at - start));
    }
    return out;
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    return out;
}

std::string without_quotes(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    return std::string(text);
}

/// Editors of some systems put it in front of a text in UTF-8; it says nothing.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::uint8_t kMarkDone = 255;

/// A path is relative to the file that names it.
std::string beside(const std::string& file, const std::string& path) {
    const std::size_t slash = file.rfind('/');
    if (path.starts_with('/') || slash == std::string::npos) return path;
    return file.substr(0, slash + 1) + path;
}

}  // namespace

std::string MasterFault::to_text() const {
    return file + ":" + std::to_string(line) + ": " + message;
}

/// Gathers octets into entries (logical lines without comments and parentheses), and entries into
/// records. Included files are scanned by the same code, one level deeper.
struct MasterScanner::State {
    /// What one file's text goes through. `$INCLUDE` makes a second one for its file.
    struct Source {
        std::string file;
        std::uint32_t line = 1;        // of the next octet
        std::uint32_t entry_line = 1;  // where the entry being gathered starts
        std::string entry;
        unsigned depth = 0;  // of parentheses
        bool quoted = false;
        bool escaped = false;
        bool comment = false;
        bool too_long = false;
        std::uint8_t mark = 0;  // octets of a byte order mark seen; kMarkDone: the text has begun
    };

    State(Options options_in, MasterSink& sink_in)
        : options(std::move(options_in)), sink(sink_in), origin(options.origin) {}

    bool feed(Source& source, std::string_view text, unsigned level) {
        for (const char c : text) {
            if (source.mark != kMarkDone) {
                if (c == kByteOrderMark[source.mark]) {
                    if (++source.mark == kByteOrderMark.size()) source.mark = kMarkDone;
                    continue;
                }
                if (!end_mark(source, level)) return false;
            }
            if (!take(source, c, level)) return false;
        }
        return true;
    }

    /// The text has begun; what looked like the start of a mark belongs to it.
    bool end_mark(Source& source, unsigned level) {
        const std::uint8_t seen = std::exchange(source.mark, kMarkDone);
        for (std::size_t i = 0; i < seen && seen != kMarkDone; ++i) {
            if (!take(source, kByteOrderMark[i], level)) return false;
        }
        return true;
    }

    /// One octet. False once the sink wants no more.
    bool take(Source& source, char c, unsigned level) {
        if (c == '\n') {
            const std::uint32_t line = source.line++;
            source.comment = false;
            if (source.quoted) {
                source.quoted = false;
                source.depth = 0;
                source.too_long = false;
                if (!fault(source.file, line, "a quoted string has no end on its line")) {
                    return false;
                }
                source.entry.clear();
                return true;
            }
            if (source.escaped) {
                source.escaped = false;
                source.depth = 0;
                source.too_long = false;
                source.entry.clear();
                return fault(source.file, line, "a backslash at the end of the line");
            }
            if (source.depth > 0) {
                source.entry.push_back(' ');
                return true;
            }
            return end_entry(source, level);
        }
        if (source.comment) return true;
        if (source.entry.empty()) source.entry_line = source.line;
        if (source.escaped) {
            source.escaped = false;
        } else if (c == '\\') {
            source.escaped = true;
        } else if (c == '"') {
            source.quoted = !source.quoted;
        } else if (!source.quoted) {
            if (c == ';') {
                source.comment = true;
                return true;
            }
            if (c == '(' || c == ')') {
                if (c == ')' && source.depth == 0) {
                    source.entry.clear();
                    source.comment = true;  // the rest of the line says nothing any more
                    return fault(source.file, source.line, "a closing parenthesis too many");
                }
                source.depth += c == '(' ? 1U : 0U;
                source.depth -= c == ')' ? 1U : 0U;
                c = ' ';
            }
        }
        if (source.entry.size() >= kMaxEntryOctets) {
            source.too_long = true;
            return true;
        }
        source.entry.push_back(c);
        return true;
    }

    bool end_entry(Source& source, unsigned level) {
        std::string entry;
        entry.swap(source.entry);
        const bool too_long = source.too_long;
        source.too_long = false;
        if (too_long) {
            return fault(source.file, source.entry_line, "an entry of more than 1 MiB");
        }
        const bool more = handle(entry, source.file, source.entry_line, level);
        entry.clear();
        if (source.entry.empty()) source.entry.swap(entry);  // keeps its room
        return more;
    }

    bool finish(Source& source, unsigned level) {
        if (!end_mark(source, level)) return false;
        if (source.depth > 0 || source.quoted) {
            source.entry.clear();
            return fault(source.file, source.entry_line,
                         source.quoted ? "a quoted string has no end"
                                       : "an opening parenthesis is never closed");
        }
        return end_entry(source, level);
    }

    bool fault(std::string_view file, std::uint32_t line, std::string message) {
        ++fault_count;
        if (!stopped && !sink.on_fault({std::string(file), line, std::move(message)})) {
            stopped = true;
        }
        return !stopped;
    }

    bool handle(std::string_view entry, const std::string& file, std::uint32_t line,
                unsigned level) {
        const bool blank_start = !entry.empty() && is_blank(entry.front());
        const Words words = split(entry);
        if (words.empty()) return true;
        if (!blank_start && words[0][0] == '$') return directive(words, file, line, level);
        std::size_t at = 0;
        if (!blank_start) {
            auto name = Name::parse(words[at++], origin);
            if (!name) {
                have_owner = false;
                return fault(file, line, name.error().message);
            }
            owner = *name;
            have_owner = true;
        } else if (!have_owner) {
            return fault(file, line, "the record has no owner, and none stands before it");
        }
        return record(words, at, entry, file, line);
    }

    /// TTL and class in either order, type, rdata (RFC 1035, 5.1).
    bool record(const Words& words, std::size_t at, std::string_view entry, const std::string& file,
                std::uint32_t line) {
        std::optional<std::uint32_t> ttl;
        bool have_class = false;
        std::optional<RRType> type;
        for (; at < words.size(); ++at) {
            const std::string word = upper(words[at]);
            if (!have_class && (word == "IN" || word == "CLASS1")) {
                have_class = true;
                continue;
            }
            if (!have_class &&
                (word == "CH" || word == "HS" || word == "CS" || word.rfind("CLASS", 0) == 0)) {
                return fault(file, line, "class " + word + "; zones are of class IN here");
            }
            if (!ttl && word[0] >= '0' && word[0] <= '9') {
                const auto parsed = parse_ttl(words[at]);
                if (!parsed) return fault(file, line, parsed.error().message);
                ttl = *parsed;
                continue;
            }
            type = parse_type(word);
            break;
        }
        if (!type) {
            return fault(file, line,
                         at < words.size() ? "unknown type " + std::string(words[at])
                                           : std::string("the record has no type"));
        }
        if (is_meta(*type)) {
            return fault(file, line, to_text(*type) + " cannot be stored in a zone");
        }
        const std::size_t rdata_at =
            static_cast<std::size_t>(words[at].data() + words[at].size() - entry.data());
        auto rdata = parse_rdata(*type, single_line(entry.substr(rdata_at)), origin);
        if (!rdata) return fault(file, line, rdata.error().message);
        if (ttl) last_ttl = *ttl;
        if (!ttl && !zone_ttl && !last_ttl && *type == RRType::SOA) {
            last_ttl = soa_numbers(*rdata).minimum;  // RFC 1035, 3.3.13, before $TTL was there
        }
        out.owner = owner;
        out.type = *type;
        // RFC 2308, 4: $TTL comes before the last TTL stated.
        out.ttl = ttl ? *ttl : zone_ttl ? *zone_ttl : last_ttl.value_or(options.default_ttl);
        out.rdata = std::move(*rdata);
        out.file = file;
        out.line = line;
        if (!sink.on_record(out)) stopped = true;
        return !stopped;
    }

    /// Blanks of every kind become spaces, so that rdata parsers know one line.
    static std::string single_line(std::string_view text) {
        std::string out_text(text);
        for (char& c : out_text) {
            if (c == '\r' || c == '\n') c = ' ';
        }
        return out_text;
    }

    bool directive(const Words& words, const std::string& file, std::uint32_t line,
                   unsigned level) {
        const std::string name = upper(words[0]);
        if (name == "$ORIGIN") {
            if (words.size() != 2) return fault(file, line, "$ORIGIN wants one domain name");
            const auto parsed = Name::parse(words[1], origin);
            if (!parsed) return fault(file, line, parsed.error().message);
            origin = *parsed;
            return true;
        }
        if (name == "$TTL") {
            if (words.size() != 2) return fault(file, line, "$TTL wants one time");
            const auto parsed = parse_ttl(words[1]);
            if (!parsed) return fault(file, line, parsed.error().message);
            zone_ttl = *parsed;
            return true;
        }
        if (name == "$INCLUDE") return include(words, file, line, level);
        if (name == "$GENERATE") return generate(words, file, line);
        return fault(file, line, "unknown directive " + std::string(words[0]));
    }

    bool include(const Words& words, const std::string& file, std::uint32_t line, unsigned level) {
        if (words.size() < 2 || words.size() > 3) {
            return fault(file, line, "$INCLUDE wants a file and, if need be, an origin");
        }
        if (!options.include) {
            return fault(file, line, "$INCLUDE is not allowed here; send the whole zone");
        }
        if (level >= kMaxIncludeDepth) {
            return fault(file, line, "$INCLUDE nested more than 10 deep");
        }
        Name inner_origin = origin;
        if (words.size() == 3) {
            const auto parsed = Name::parse(words[2], origin);
            if (!parsed) return fault(file, line, parsed.error().message);
            inner_origin = *parsed;
        }
        Source inner;
        inner.file = beside(file, without_quotes(words[1]));
        const auto text = options.include(inner.file);
        if (!text) return fault(file, line, text.error().message);
        // The origin outside is kept, and so is the owner (RFC 1035, 5.1).
        const Name outer_origin = origin;
        const Name outer_owner = owner;
        const bool had_owner = have_owner;
        origin = inner_origin;
        const bool more = feed(inner, *text, level + 1) && finish(inner, level + 1);
        origin = outer_origin;
        owner = outer_owner;
        have_owner = had_owner;
        return more;
    }

    bool generate(const Words& words, const std::string& file, std::uint32_t line);

    Options options;
    MasterSink& sink;
    Source main;
    Name origin;
    Name owner;
    bool have_owner = false;
    std::optional<std::uint32_t> zone_ttl;
    std::optional<std::uint32_t> last_ttl;
    MasterRecord out;
    std::uint64_t fault_count = 0;
    bool stopped = false;
};

namespace {

struct GenerateRange {
    std::uint32_t start = 0, stop = 0, step = 1;
};

std::optional<std::uint32_t> read_number(std::string_view text, std::size_t& at) {
    std::uint64_t value = 0;
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && value <= 0x7fffffffU) {
        value = value * 10 + static_cast<std::uint64_t>(text[at++] - '0');
    }
    if (at == begin || value > 0x7fffffffU) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

/// "1-10" or "0-100/5".
std::optional<GenerateRange> read_range(std::string_view text) {
    GenerateRange out;
    std::size_t at = 0;
    const auto start = read_number(text, at);
    if (!start || at >= text.size() || text[at++] != '-') return std::nullopt;
    const auto stop = read_number(text, at);
    if (!stop) return std::nullopt;
    if (at < text.size() && text[at] == '/') {
        ++at;
        const auto step = read_number(text, at);
        if (!step || *step == 0) return std::nullopt;
        out.step = *step;
    }
    if (at != text.size() || *start > *stop) return std::nullopt;
    out.start = *start;
    out.stop = *stop;
    return out;
}

// BIND runs out of room a little above; a label has 63 octets, a string 255.
constexpr std::uint32_t kMaxGenerateWidth = 125;
// Of owner and rdata: they are read again for each record.
constexpr std::size_t kMaxGenerateOctets = 4096;

/// The nibbles from the lowest up with dots between them, as reverse zones of IPv6 want them. As in
/// BIND the width counts dots too, so that an even one ends with a dot.
std::string in_nibbles(std::uint32_t value, std::uint32_t width, bool capitals) {
    const char* digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    do {
        out.push_back(digits[value & 15]);
        value >>= 4;
        if (width > 0) --width;
        if (width == 0 && value == 0) break;
        out.push_back('.');
        if (width > 0) --width;
    } while (value > 0 || width > 0);
    return out;
}

/// What stands in braces behind a `$`.
struct GenerateFormat {
    std::int64_t offset = 0;
    std::uint32_t width = 0;
    char base = 'd';

    [[nodiscard]] std::string apply(std::uint32_t number) const {
        const std::int64_t value = std::int64_t{number} + offset;
        const auto bits = static_cast<std::uint32_t>(value);  // below 0: of 32 bits, as in BIND
        const int digits = static_cast<int>(width);
        char out[kMaxGenerateWidth + 16];
        switch (base) {
            case 'n':
            case 'N':
                return in_nibbles(bits, width, base == 'N');
            case 'o':
                std::snprintf(out, sizeof out, "%0*o", digits, bits);
                break;
            case 'x':
                std::snprintf(out, sizeof out, "%0*x", digits, bits);
                break;
            case 'X':
                std::snprintf(out, sizeof out, "%0*X", digits, bits);
                break;
            default:
                std::snprintf(out, sizeof out, "%0*lld", digits, static_cast<long long>(value));
                break;
        }
        return out;
    }
};

/// `{offset}`, `{offset,width}` or `{offset,width,base}`; `at` moves behind the brace.
std::optional<GenerateFormat> read_format(std::string_view text, std::size_t& at) {
    GenerateFormat out;
    ++at;
    const bool negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (negative || text[at] == '+')) ++at;
    const auto offset = read_number(text, at);
    if (!offset) return std::nullopt;
    out.offset = negative ? -std::int64_t{*offset} : std::int64_t{*offset};
    if (at < text.size() && text[at] == ',') {
        const auto width = read_number(text, ++at);
        if (!width || *width > kMaxGenerateWidth) return std::nullopt;
        out.width = *width;
        if (at + 1 < text.size() && text[at] == ',') {
            out.base = text[at + 1];
            at += 2;
            if (std::string_view("doxXnN").find(out.base) == std::string_view::npos) {
                return std::nullopt;
            }
        }
    }
    if (at == text.size() || text[at++] != '}') return std::nullopt;
    return out;
}

/// `text` with each `$` replaced by the number; `$$` and `\$` stand for the character.
std::optional<std::string> expand(std::string_view text, std::uint32_t number) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at++];
        if (c == '\\') {
            out.push_back(c);
            if (at < text.size()) out.push_back(text[at++]);
        } else if (c != '$') {
            out.push_back(c);
        } else if (at < text.size() && text[at] == '$') {
            out += text[at++];
        } else {
            GenerateFormat format;
            if (at < text.size() && text[at] == '{') {
                const auto read = read_format(text, at);
                if (!read) return std::nullopt;
                format = *read;
            }
            out += format.apply(number);
        }
    }
    return out;
}

/// BIND takes one word behind the type; in quotes it may hold blanks, and it is read as rdata
/// without them. Words that need no quotes are taken here too.
std::string_view generated_rdata(std::string_view text) {
    const Words words = split(text);
    if (words.size() != 1 || words[0].size() < 2 || words[0].front() != '"') return text;
    if (words[0].find('"', 1) != words[0].size() - 1) return text;
    return words[0].substr(1, words[0].size() - 2);
}

}  // namespace

/// `$GENERATE range owner [ttl] [class] type rdata`, as BIND has it.
bool MasterScanner::State::generate(const Words& words, const std::string& file,
                                    std::uint32_t line) {
    if (words.size() < 5) {
        return fault(file, line, "$GENERATE wants a range, an owner, a type and rdata");
    }
    const auto range = read_range(words[1]);
    if (!range) {
        return fault(
            file, line,
            "\"" + std::string(words[1]) + "\" is no range (start-stop or start-stop/step)");
    }
    if ((range->stop - range->start) / range->step >= kMaxGenerated) {
        return fault(file, line, "$GENERATE makes more than 1048576 records");
    }
    // What stands in front of the rdata is the same for all records.
    std::size_t type_at = 3;
    while (type_at + 1 < words.size() && !parse_type(upper(words[type_at]))) ++type_at;
    const auto text_between = [](const char* from, const char* to) {
        return std::string_view(from, static_cast<std::size_t>(to - from));
    };
    const char* type_end = words[type_at].data() + words[type_at].size();
    const std::string head(text_between(words[3].data(), type_end));
    const std::string_view tail =
        generated_rdata(text_between(type_end, words.back().data() + words.back().size()));
    if (words[2].size() + tail.size() > kMaxGenerateOctets) {
        return fault(file, line, "$GENERATE of more than 4096 octets");
    }
    for (std::uint64_t n = range->start; n <= range->stop; n += range->step) {
        const auto number = static_cast<std::uint32_t>(n);
        const auto lhs = expand(words[2], number);
        const auto rhs = expand(tail, number);
        if (!lhs || !rhs) return fault(file, line, "$GENERATE: a bad ${offset,width,base}");
        const auto name = Name::parse(*lhs, origin);
        if (!name) return fault(file, line, name.error().message);
        owner = *name;
        have_owner = true;
        const std::uint64_t faults_before = fault_count;
        const std::string entry = head + ' ' + *rhs;
        if (!record(split(entry), 0, entry, file, line)) return false;
        if (fault_count != faults_before) return true;  // one fault says it for the whole range
    }
    return true;
}

MasterScanner::MasterScanner(Options options, MasterSink& sink)
    : state_(std::make_unique<State>(std::move(options), sink)) {
    state_->main.file = state_->options.file;
}

MasterScanner::~MasterScanner() = default;

bool MasterScanner::feed(Octets piece) {
    if (state_->stopped) return false;
    return state_->feed(state_->main, base::as_text(piece), 0);
}

bool MasterScanner::finish() {
    if (state_->stopped) return false;
    return state_->finish(state_->main, 0);
}

std::uint64_t MasterScanner::faults() const noexcept {
    return state_->fault_count;
}

}  // namespace dns
