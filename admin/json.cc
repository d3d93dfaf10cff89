#include "admin/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace admin {

namespace {

// Builds a Json from the parser's events. The stack holds values, not pointers: a pointer into a
// growing array would not last.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit Builder(std::string_view text) : text_(text) {}

    bool null() override { return place(Json()); }
    bool boolean(bool value) override { return place(Json(value)); }
    bool number_integer(number_integer_t value) override { return place(Json(value)); }
    bool number_unsigned(number_unsigned_t value) override {
        if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return place(Json(value));
        }
        return place(Json(static_cast<double>(value)));
    }
    bool number_float(number_float_t value, const string_t& /*text*/) override {
        return place(Json(value));
    }
    bool string(string_t& value) override { return place(Json(std::move(value))); }
    bool binary(binary_t& /*value*/) override { return refuse("binary data is not JSON"); }

    bool start_object(std::size_t /*count*/) override { return open(Json::object()); }
    bool key(string_t& value) override {
        if (stack_.back().value.find(value) != nullptr) {
            return refuse("the member \"" + value + "\" is there twice");
        }
        if (stack_.back().value.members().size() == Json::kMaxMembers) {
            return refuse("an object has too many members");
        }
        stack_.back().key = std::move(value);
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t /*count*/) override { return open(Json::array()); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string& last_token,
                     const nlohmann::json::exception& /*why*/) override {
        std::size_t line = 1;
        std::size_t column = 1;
        for (std::size_t i = 0; i + 1 < position && i < text_.size(); ++i) {
            if (text_[i] == '\n') {
                ++line;
                column = 1;
            } else {
                ++column;
            }
        }
        error_ = "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
        error_ += last_token.empty() || position >= text_.size()
                      ? "the JSON text ends too early"
                      : "unexpected " + last_token.substr(0, 40);
        return false;
    }

    Json root;
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

  private:
    struct Open {
        Json value;
        std::string key;  // of the member that comes next
    };

    bool refuse(std::string why) {
        error_ = std::move(why);
        return false;
    }
    bool open(Json value) {
        if (stack_.size() == Json::kMaxDepth) return refuse("the document is nested too deeply");
        stack_.push_back({std::move(value), {}});
        return true;
    }
    bool close() {
        Json done = std::move(stack_.back().value);
        stack_.pop_back();
        return place(std::move(done));
    }
    bool place(Json value) {
        if (stack_.empty()) {
            root = std::move(value);
        } else if (stack_.back().value.is_array()) {
            stack_.back().value.push(std::move(value));
        } else {
            stack_.back().value.set(stack_.back().key, std::move(value));
        }
        return true;
    }

    std::string_view text_;
    std::vector<Open> stack_;
    std::string error_;
};

// The length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none
// (RFC 3629, 4).
std::size_t utf8_length(std::string_view text) {
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const auto tail = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
        return i < text.size() && octet(i) >= low && octet(i) <= high;
    };
    const std::uint8_t first = octet(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
        const std::uint8_t high = first == 0xed ? 0x9f : 0xbf;
        return tail(1, low, high) && tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80;
        const std::uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
        return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

Json Json::array() {
    Json json;
    json.value_ = Array();
    return json;
}

Json Json::object() {
    Json json;
    json.value_ = Object();
    return json;
}

base::Result<Json> Json::parse(std::string_view text) {
    // Nowhere in a JSON text (RFC 8259, 2 and 7); the parser would take it for the end.
    if (const std::size_t at = text.find('\0'); at != std::string_view::npos) {
        return base::fail(
            "line " +
            std::to_string(1 + std::count(text.begin(),
                                          text.begin() + static_cast<std::ptrdiff_t>(at), '\n')) +
            ": a zero octet");
    }
    Builder builder(text);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
        return base::fail(builder.error());
    }
    return std::move(builder.root);
}

std::optional<bool> Json::as_bool() const noexcept {
    const auto* value = std::get_if<bool>(&value_);
    return value == nullptr ? std::nullopt : std::optional<bool>(*value);
}

std::optional<std::int64_t> Json::as_integer() const noexcept {
    if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
    if (const auto* value = std::get_if<double>(&value_)) {
        if (std::trunc(*value) == *value && std::fabs(*value) < 9e15) {
            return static_cast<std::int64_t>(*value);
        }
    }
    return std::nullopt;
}

std::optional<double> Json::as_number() const noexcept {
    if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
    if (const auto* value = std::get_if<double>(&value_)) return *value;
    return std::nullopt;
}

const std::string* Json::as_string() const noexcept {
    return std::get_if<std::string>(&value_);
}

const Json::Array& Json::items() const noexcept {
    static const Array kNone;
    const auto* value = std::get_if<Array>(&value_);
    return value == nullptr ? kNone : *value;
}

const Json::Object& Json::members() const noexcept {
    static const Object kNone;
    const auto* value = std::get_if<Object>(&value_);
    return value == nullptr ? kNone : *value;
}

const Json* Json::find(std::string_view key) const noexcept {
    for (const Member& member : members()) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

Json& Json::set(std::string_view key, Json value) {
    if (is_null()) value_ = Object();
    auto& object = std::get<Object>(value_);
    for (Member& member : object) {
        if (member.key == key) {
            member.value = std::move(value);
            return *this;
        }
    }
    object.push_back({std::string(key), std::move(value)});
    return *this;
}

Json& Json::push(Json value) {
    if (is_null()) value_ = Array();
    std::get<Array>(value_).push_back(std::move(value));
    return *this;
}

std::string Json::dump() const {
    std::string out;
    write(out);
    return out;
}

void Json::write(std::string& out) const {
    if (is_null()) {
        out += "null";
    } else if (const auto* flag = std::get_if<bool>(&value_)) {
        out += *flag ? "true" : "false";
    } else if (const auto* integer = std::get_if<std::int64_t>(&value_)) {
        out += std::to_string(*integer);
    } else if (const auto* number = std::get_if<double>(&value_)) {
        // JSON has no infinities (RFC 8259, 6).
        char text[32];
        const auto end = std::to_chars(text, text + sizeof text, *number);
        out += std::isfinite(*number) ? std::string_view(text, end.ptr) : "null";
    } else if (const auto* string = std::get_if<std::string>(&value_)) {
        append_json_string(out, *string);
    } else if (is_array()) {
        char separator = '[';
        for (const Json& item : items()) {
            out += separator;
            item.write(out);
            separator = ',';
        }
        out += items().empty() ? "[]" : "]";
    } else {
        char separator = '{';
        for (const Member& member : members()) {
            out += separator;
            append_json_string(out, member.key);
            out += ':';
            member.value.write(out);
            separator = ',';
        }
        out += members().empty() ? "{}" : "}";
    }
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const char first = text.front();
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xef\xbf\xbd";
        } else if (first == '"' || first == '\\') {
            out += '\\';
            out += first;
        } else if (first == '\n') {
            out += "\\n";
        } else if (first == '\t') {
            out += "\\t";
        } else if (static_cast<unsigned char>(first) < 0x20) {
            static constexpr char kHex[] = "0123456789abcdef";
            const auto value = static_cast<unsigned char>(first);
            out += "\\u00";
            out += kHex[value >> 4];
            out += kHex[value & 15];
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

std::string pointer_step(std::string_view key) {
    std::string out = "/";
    for (const char c : key) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace admin
