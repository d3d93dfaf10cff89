#include "admin/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace admin {

namespace {

base::Result<Json> fail_at(const YAML::Mark& mark, const std::string& message) {
    if (mark.is_null()) return base::fail(message);
    return base::fail("line " + std::to_string(mark.line + 1) + ", column " +
                      std::to_string(mark.column + 1) + ": " + message);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// What stands without quotes (YAML 1.2.2, 10.3.2); octal, hexadecimal, infinity and what is no
// number are left as text, as nothing of ours is written so.
Json scalar(const std::string& text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
        return nullptr;
    }
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    const std::size_t sign = text.front() == '-' || text.front() == '+' ? 1 : 0;
    const char* begin = text.data() + (text.front() == '+' ? 1 : 0);
    const char* end = text.data() + text.size();
    if (text.size() == sign) return text;
    if (std::all_of(text.begin() + static_cast<std::ptrdiff_t>(sign), text.end(), is_digit)) {
        std::int64_t whole = 0;
        const auto parsed = std::from_chars(begin, end, whole);
        if (parsed.ec == std::errc() && parsed.ptr == end) return whole;
    }
    const bool may_be_number = is_digit(text[sign]) || text[sign] == '.';
    double number = 0;
    const auto parsed = std::from_chars(begin, end, number);
    if (may_be_number && parsed.ec == std::errc() && parsed.ptr == end) return number;
    return text;
}

base::Result<Json> convert(const YAML::Node& node, std::size_t depth, std::size_t& nodes_left) {
    if (depth > Json::kMaxDepth) return fail_at(node.Mark(), "it is nested too deeply");
    if (nodes_left-- == 0) return fail_at(node.Mark(), "aliases make it too large");
    // "?": nothing was said; "!": quoted.
    const std::string& tag = node.Tag();
    if (!tag.empty() && tag != "?" && tag != "!") {
        return fail_at(node.Mark(), "tags have no meaning here: " + tag);
    }
    switch (node.Type()) {
        case YAML::NodeType::Undefined:
        case YAML::NodeType::Null:
            return Json();
        case YAML::NodeType::Scalar:
            return tag == "!" ? Json(node.Scalar()) : scalar(node.Scalar());
        case YAML::NodeType::Sequence: {
            Json out = Json::array();
            for (const YAML::Node& item : node) {
                auto value = convert(item, depth + 1, nodes_left);
                if (!value) return value;
                out.push(std::move(*value));
            }
            return out;
        }
        case YAML::NodeType::Map:
            break;
    }
    Json out = Json::object();
    for (const auto& member : node) {
        if (!member.first.IsScalar()) return fail_at(member.first.Mark(), "a key is text");
        const std::string& key = member.first.Scalar();
        if (key == "<<") return fail_at(member.first.Mark(), "merge keys are not of YAML 1.2");
        if (out.find(key) != nullptr) return fail_at(member.first.Mark(), key + " is given twice");
        if (out.members().size() == Json::kMaxMembers) {
            return fail_at(node.Mark(), "it has too many members");
        }
        auto value = convert(member.second, depth + 1, nodes_left);
        if (!value) return value;
        out.set(key, std::move(*value));
    }
    return out;
}

}  // namespace

base::Result<Json> parse_yaml(std::string_view text, std::size_t max_nodes) {
    // Whatever yaml-cpp finds wrong it throws.
    try {
        const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
        if (documents.size() > 1) {
            return base::fail("there are several documents in it; one is wanted");
        }
        if (documents.empty()) return Json();
        return convert(documents.front(), 1, max_nodes);
    } catch (const YAML::Exception& error) {
        return fail_at(error.mark, error.msg);
    }
}

}  // namespace admin
