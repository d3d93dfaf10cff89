#include "net/http_priority.h"

#include <string_view>

namespace net {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_alpha(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_one_of(char c, std::string_view set) {
    return set.find(c) != std::string_view::npos;
}

/// Structured fields (RFC 8941, 4.2), as far as a dictionary has them. Every function takes what it
/// is named for from the front of the text; false, or nothing: it is not there.
class Fields {
  public:
    struct Value {
        enum class Kind : std::uint8_t { Boolean, Integer, Other } kind = Kind::Boolean;
        std::int64_t number = 1;  // of both
    };

    explicit Fields(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const { return text_.empty(); }
    bool take(char c) {
        if (text_.empty() || text_[0] != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    void spaces() {
        (void)run([](char c) { return c == ' '; });
    }
    void optional_white_space() {
        (void)run([](char c) { return c == ' ' || c == '\t'; });
    }

    /// With the comma before the next member and what stands around it. A comma at the end is none.
    bool between_members() {
        optional_white_space();
        if (at_end()) return true;
        if (!take(',')) return false;
        optional_white_space();
        return !at_end();
    }
    bool key(std::string_view& out) {
        if (text_.empty() || !(is_lower(text_[0]) || text_[0] == '*')) return false;
        out = run([](char c) { return is_lower(c) || is_digit(c) || is_one_of(c, "_-.*"); });
        return true;
    }
    bool member_value(Value& out) {
        out = {};
        if (!take('=')) return parameters();
        if (!take('(')) return bare_item(out) && parameters();
        out.kind = Value::Kind::Other;
        return rest_of_inner_list() && parameters();
    }

  private:
    template <class Belongs>
    std::string_view run(Belongs belongs) {
        std::size_t size = 0;
        while (size < text_.size() && belongs(text_[size])) ++size;
        const std::string_view out = text_.substr(0, size);
        text_.remove_prefix(size);
        return out;
    }
    bool parameters() {
        while (take(';')) {
            spaces();
            std::string_view name;
            Value value;
            if (!key(name) || (take('=') && !bare_item(value))) return false;
        }
        return true;
    }
    bool rest_of_inner_list() {
        for (;;) {
            spaces();
            if (take(')')) return true;
            Value value;
            if (!bare_item(value) || !parameters()) return false;
            if (text_.empty() || !is_one_of(text_[0], " )")) return false;
        }
    }
    bool bare_item(Value& out) {
        if (text_.empty()) return false;
        const char first = text_[0];
        if (first == '-' || is_digit(first)) return number(out);
        out.kind = Value::Kind::Other;
        if (first == '?') return boolean(out);
        if (first == '"') return string();
        if (first == ':') return octets();
        if (!is_alpha(first) && first != '*') return false;
        (void)run(
            [](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~:/"); });
        return true;
    }
    bool number(Value& out) {
        const bool negative = take('-');
        const std::string_view digits = run(is_digit);
        if (digits.empty() || digits.size() > 15) return false;
        if (take('.')) {
            const std::string_view fraction = run(is_digit);
            out.kind = Value::Kind::Other;
            return digits.size() <= 12 && !fraction.empty() && fraction.size() <= 3;
        }
        out = {Value::Kind::Integer, 0};
        for (const char digit : digits) out.number = out.number * 10 + (digit - '0');
        if (negative) out.number = -out.number;
        return true;
    }
    bool boolean(Value& out) {
        text_.remove_prefix(1);
        out = {Value::Kind::Boolean, take('1') ? 1 : 0};
        return out.number == 1 || take('0');
    }
    bool string() {
        text_.remove_prefix(1);
        while (!text_.empty()) {
            const char c = text_[0];
            text_.remove_prefix(1);
            if (c == '"') return true;
            if (c < 0x20 || c > 0x7e) return false;
            if (c == '\\' && !take('"') && !take('\\')) return false;
        }
        return false;
    }
    bool octets() {
        text_.remove_prefix(1);
        (void)run([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "+/="); });
        return take(':');
    }

    std::string_view text_;
};

}  // namespace

std::optional<HttpPriority> parse_priority(std::string_view text) {
    using Kind = Fields::Value::Kind;
    HttpPriority out;
    Fields fields(text);
    fields.spaces();
    while (!fields.at_end()) {
        std::string_view name;
        Fields::Value value;
        if (!fields.key(name) || !fields.member_value(value)) return std::nullopt;
        if (name == "u") {
            const bool known = value.kind == Kind::Integer && value.number >= 0 &&
                               value.number <= HttpPriority::kLowest;
            out.urgency = known ? static_cast<std::uint8_t>(value.number) : HttpPriority::kUsual;
        } else if (name == "i") {
            out.incremental = value.kind == Kind::Boolean && value.number == 1;
        }
        if (!fields.between_members()) return std::nullopt;
    }
    return out;
}

}  // namespace net
