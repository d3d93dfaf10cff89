#include "dns/master_file.h"

#include <optional>

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
    };

    State(Options options_in, MasterSink& sink_in)
        : options(std::move(options_in)), sink(sink_in), origin(options.origin) {}

    bool feed(Source& source, std::string_view text, unsigned level) {
        for (const char c : text) {
            if (!take(source, c, level)) return false;
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

constexpr std::size_t kMaxGenerateWidth = 255;

std::string in_base(std::uint64_t value, unsigned radix, bool capitals) {
    const char* digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    do {
        out.insert(out.begin(), digits[value % radix]);
        value /= radix;
    } while (value > 0);
    return out;
}

/// Nibbles in reverse order with dots, as reverse zones of IPv6 want them.
std::string in_nibbles(std::uint64_t value, std::size_t width, bool capitals) {
    const char* digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    do {
        if (!out.empty()) out.push_back('.');
        out.push_back(digits[value & 15]);
        value >>= 4;
    } while (value > 0 || out.size() + 1 < width);
    return out;
}

/// `text` with each `$` replaced: `$`, `${offset}`, `${offset,width}`, `${offset,width,base}`;
/// `\$` and `$$` stand for the character.
std::optional<std::string> expand(std::string_view text, std::uint32_t number) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            if (text[at + 1] != '$') out.push_back('\\');
            out.push_back(text[++at]);
            continue;
        }
        if (text[at] != '$') {
            out.push_back(text[at]);
            continue;
        }
        if (at + 1 < text.size() && text[at + 1] == '$') {
            out.push_back('$');
            ++at;
            continue;
        }
        std::int64_t offset = 0;
        std::uint32_t width = 0;
        char radix = 'd';
        if (at + 1 < text.size() && text[at + 1] == '{') {
            at += 2;
            const bool negative = at < text.size() && text[at] == '-';
            if (negative) ++at;
            const auto magnitude = read_number(text, at);
            if (!magnitude) return std::nullopt;
            offset = negative ? -std::int64_t{*magnitude} : std::int64_t{*magnitude};
            if (at < text.size() && text[at] == ',') {
                ++at;
                const auto parsed = read_number(text, at);
                if (!parsed || *parsed > kMaxGenerateWidth) return std::nullopt;
                width = *parsed;
                if (at + 1 < text.size() && text[at] == ',') {
                    radix = text[at + 1];
                    at += 2;
                }
            }
            if (at >= text.size() || text[at] != '}') return std::nullopt;
        }
        const std::int64_t value = std::int64_t{number} + offset;
        if (value < 0) return std::nullopt;
        const auto unsigned_value = static_cast<std::uint64_t>(value);
        std::string digits;
        switch (radix) {
            case 'd':
                digits = in_base(unsigned_value, 10, false);
                break;
            case 'o':
                digits = in_base(unsigned_value, 8, false);
                break;
            case 'x':
            case 'X':
                digits = in_base(unsigned_value, 16, radix == 'X');
                break;
            case 'n':
            case 'N':
                digits = in_nibbles(unsigned_value, width, radix == 'N');
                break;
            default:
                return std::nullopt;
        }
        if (digits.size() < width && radix != 'n' && radix != 'N') {
            digits.insert(0, width - digits.size(), '0');
        }
        out += digits;
    }
    return out;
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
    const char* rest = words[2].data() + words[2].size();
    const std::string_view tail(
        rest, static_cast<std::size_t>(words.back().data() + words.back().size() - rest));
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
        if (!record(split(*rhs), 0, *rhs, file, line)) return false;
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
