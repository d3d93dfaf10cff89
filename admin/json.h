#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace admin {

/// A JSON value (RFC 8259), owned. Objects keep the order of their members, so that documents
/// read the way they were composed. Parsing is nlohmann's (json.cc), which also checks UTF-8.
///
/// A plain value: one thread at a time, const members may be called concurrently.
class Json {
  public:
    struct Member;
    using Array = std::vector<Json>;
    using Object = std::vector<Member>;

    /// Deeper documents are refused: writing and destroying a value recurse.
    static constexpr std::size_t kMaxDepth = 64;
    /// Members of one object of a parsed document: looking for one is a linear search, and no
    /// document of ours comes near.
    static constexpr std::size_t kMaxMembers = 1000;

    Json();                   // null
    Json(std::nullptr_t);     // NOLINT(google-explicit-constructor): literals read as documents
    Json(bool value);         // NOLINT(google-explicit-constructor)
    Json(double value);       // NOLINT(google-explicit-constructor)
    Json(const char* value);  // NOLINT(google-explicit-constructor)
    Json(std::string value);  // NOLINT(google-explicit-constructor)
    Json(std::string_view value);  // NOLINT(google-explicit-constructor)
    template <std::integral T>
    requires(!std::same_as<T, bool>) Json(T value);  // NOLINT(google-explicit-constructor)
    [[nodiscard]] static Json array();
    [[nodiscard]] static Json object();

    /// The error says where: "line 3, column 7: ...". A member given twice is an error.
    [[nodiscard]] static base::Result<Json> parse(std::string_view text);
    [[nodiscard]] std::string dump() const;

    [[nodiscard]] bool is_null() const noexcept { return value_.index() == 0; }
    [[nodiscard]] bool is_array() const noexcept { return std::holds_alternative<Array>(value_); }
    [[nodiscard]] bool is_object() const noexcept { return std::holds_alternative<Object>(value_); }
    [[nodiscard]] std::optional<bool> as_bool() const noexcept;
    /// Whole numbers, also those written as 3.0.
    [[nodiscard]] std::optional<std::int64_t> as_integer() const noexcept;
    [[nodiscard]] std::optional<double> as_number() const noexcept;
    [[nodiscard]] const std::string* as_string() const noexcept;
    /// Empty when this is not an array or object.
    [[nodiscard]] const Array& items() const noexcept;
    [[nodiscard]] const Object& members() const noexcept;
    /// The member's value; null when there is none or this is not an object.
    [[nodiscard]] const Json* find(std::string_view key) const noexcept;

    /// Adds or replaces a member. Null becomes an object first.
    Json& set(std::string_view key, Json value);
    /// Appends. Null becomes an array first.
    Json& push(Json value);

  private:
    void write(std::string& out) const;

    std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>
        value_;  // null at first
};

struct Json::Member {
    std::string key;
    Json value;
};

// Here, because a vector of members wants to know what a member is.
inline Json::Json() = default;
inline Json::Json(std::nullptr_t) {}
inline Json::Json(bool value) : value_(value) {}
inline Json::Json(double value) : value_(value) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
template <std::integral T>
requires(!std::same_as<T, bool>) Json::Json(T value) : value_(static_cast<std::int64_t>(value)) {}

/// Appends `text` as a JSON string with its quotes. Octets that are not UTF-8 become U+FFFD:
/// what strangers sent may be quoted in an answer.
void append_json_string(std::string& out, std::string_view text);

/// One key or index as it stands in a JSON pointer (RFC 6901, 3), with its slash.
[[nodiscard]] std::string pointer_step(std::string_view key);

}  // namespace admin
