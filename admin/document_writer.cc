#include "admin/document_writer.h"

#include <algorithm>

namespace admin {

namespace {

constexpr std::size_t kLineOctets = 100;

// On one line, with a space where people put one.
void append_line(std::string& out, const Json& value) {
    const char* separator = "";
    if (value.is_array()) {
        out += '[';
        for (const Json& item : value.items()) {
            out += separator;
            append_line(out, item);
            separator = ", ";
        }
        out += ']';
    } else if (value.is_object()) {
        out += '{';
        for (const Json::Member& member : value.members()) {
            out += separator;
            append_json_string(out, member.key);
            out += ": ";
            append_line(out, member.value);
            separator = ", ";
        }
        out += '}';
    } else {
        out += value.dump();
    }
}

void append_pretty(std::string& out, const Json& value, std::size_t indent, std::size_t before) {
    std::string line;
    append_line(line, value);
    const bool leaf = value.items().empty() && value.members().empty();
    if (leaf || before + line.size() <= kLineOctets) {
        out += line;
        return;
    }
    const std::string inner(indent + 2, ' ');
    const char* separator = "\n";
    out += value.is_array() ? '[' : '{';
    for (const Json& item : value.items()) {
        out += separator + inner;
        append_pretty(out, item, indent + 2, indent + 2);
        separator = ",\n";
    }
    for (const Json::Member& member : value.members()) {
        out += separator + inner;
        const std::size_t start = out.size();
        append_json_string(out, member.key);
        out += ": ";
        append_pretty(out, member.value, indent + 2, indent + 2 + out.size() - start);
        separator = ",\n";
    }
    out += '\n' + std::string(indent, ' ') + (value.is_array() ? ']' : '}');
}

}  // namespace

std::string pretty_json(const Json& value, std::size_t indent) {
    std::string out;
    append_pretty(out, value, indent, indent);
    return out;
}

void DocumentWriter::begin(std::string_view key) {
    if (levels_.empty()) return;
    out_ << (levels_.back().empty ? "\n" : ",\n") << std::string(2 * levels_.size(), ' ');
    levels_.back().empty = false;
    if (key.empty()) return;
    std::string name;
    append_json_string(name, key);
    out_ << name << ": ";
}

void DocumentWriter::open(char bracket, std::string_view key) {
    begin(key);
    out_ << bracket;
    levels_.push_back({bracket == '{' ? '}' : ']'});
}

void DocumentWriter::value(const Json& value, std::string_view key) {
    begin(key);
    out_ << pretty_json(value, 2 * levels_.size());
}

void DocumentWriter::close() {
    if (!levels_.back().empty) out_ << '\n' << std::string(2 * (levels_.size() - 1), ' ');
    out_ << levels_.back().end;
    levels_.pop_back();
    if (levels_.empty()) out_ << '\n';
}

}  // namespace admin
