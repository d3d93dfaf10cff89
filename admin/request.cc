#include "admin/request.h"

#include <algorithm>

#include "net/content_coding.h"

namespace admin {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    return out;
}

// 3: the type itself; 2: type/*; 1: */*; 0: no match.
unsigned specificity(std::string_view range, std::string_view media_type) {
    if (range == media_type) return 3;
    if (range == "*/*") return 1;
    if (range.ends_with("/*") && media_type.starts_with(range.substr(0, range.size() - 1))) {
        return 2;
    }
    return 0;
}

// False: an escape is not well-formed.
bool decode(std::string_view text, std::string& out) {
    if (text.find_first_of("+%") == std::string_view::npos) {
        out.assign(text);
        return true;
    }
    std::string plain(text);
    std::replace(plain.begin(), plain.end(), '+', ' ');
    auto decoded = net::percent_decode(plain);
    if (decoded) out = std::move(*decoded);
    return decoded.has_value();
}

}  // namespace

base::Result<QueryParameters> QueryParameters::parse(std::string_view query) {
    QueryParameters out;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        auto& [key, value] = out.pairs_.emplace_back();
        if (!decode(pair.substr(0, equals), key) ||
            !decode(pair.substr(std::min(equals + 1, pair.size())), value)) {
            return base::fail("the query has a '%' without two hex digits");
        }
    }
    return out;
}

std::optional<std::string> QueryParameters::get(std::string_view key) const {
    for (const auto& pair : pairs_) {
        if (pair.first == key) return pair.second;
    }
    return std::nullopt;
}

bool QueryParameters::flag(std::string_view key) const {
    const auto value = get(key);
    return value && (value->empty() || *value == "true" || *value == "1");
}

std::string Request::content_type() const {
    const std::string_view value = header("content-type").value_or("");
    return lower(trim(value.substr(0, value.find(';'))));
}

unsigned Request::accepts(std::string_view media_type) const {
    unsigned best = 0;
    unsigned best_specificity = 0;
    bool any = false;
    for (const net::HeaderList::Field& field : head.headers.fields()) {
        if (field.name != "accept") continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const std::size_t end = std::min(list.find(','), list.size());
            const std::string_view item = trim(list.substr(0, end));
            list.remove_prefix(std::min(end + 1, list.size()));
            if (item.empty()) continue;
            any = true;
            std::string range;
            const unsigned q = net::weight_of(item, range);
            const unsigned matched = specificity(range, media_type);
            if (matched > best_specificity) {
                best_specificity = matched;
                best = q;
            }
        }
    }
    return any ? best : 1000;
}

Reply Reply::json(int status, std::string body) {
    Reply reply;
    reply.status = status;
    reply.headers.add("content-type", "application/json");
    reply.body = std::move(body);
    return reply;
}

}  // namespace admin
