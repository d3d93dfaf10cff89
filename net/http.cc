#include "net/http.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/ascii.h"

namespace net {
namespace {

// Few messages have more.
constexpr std::size_t kUsualFields = 8;
constexpr std::size_t kUsualOctets = 256;

bool same_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && base::equal_ignoring_case(base::as_octets(a).data(),
                                                             base::as_octets(b).data(), a.size());
}

std::string_view trimmed(std::string_view text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

void make_lower(char* at, std::size_t size) noexcept {
    const auto lower_word = [](char* octets) {
        std::uint64_t word = 0;
        std::memcpy(&word, octets, sizeof word);
        word = base::to_lower_word(word);
        std::memcpy(octets, &word, sizeof word);
    };
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    if (size < kWord) {
        for (std::size_t i = 0; i < size; ++i) {
            at[i] = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(at[i])));
        }
        return;
    }
    for (std::size_t i = 0; i + kWord < size; i += kWord) lower_word(at + i);
    lower_word(at + size - kWord);
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

void HeaderList::add(std::string_view name, std::string_view value) {
    value = trimmed(value);
    const std::size_t at = text_.size();
    const std::size_t size = at + name.size() + value.size();
    if (size > text_.capacity()) {
        // By way of another string, because name and value may lie in this one.
        std::string larger;
        larger.reserve(std::max({kUsualOctets, 2 * text_.capacity(), size}));
        larger.append(text_).append(name).append(value);
        text_.swap(larger);
    } else {
        text_.append(name).append(value);
    }
    make_lower(text_.data() + at, name.size());
    if (places_.capacity() == 0) places_.reserve(kUsualFields);
    assert(size <= UINT32_MAX);
    places_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                       static_cast<std::uint32_t>(value.size())});
}

void HeaderList::set(std::string_view name, std::string_view value) {
    value = trimmed(value);
    const auto next = [&](std::size_t from, std::string_view wanted) {
        while (from < places_.size() && !same_ignoring_case(field(places_[from]).name, wanted)) {
            ++from;
        }
        return from;
    };
    const std::size_t first = next(0, name);
    if (first == places_.size()) return add(name, value);
    if (next(first + 1, name) == places_.size()) return replace_value(first, value);
    // Copies, because what goes may be where they lie.
    const std::string kept_name(name);
    replace_value(first, std::string(value));
    for (std::size_t i = next(first + 1, kept_name); i < places_.size(); i = next(i, kept_name)) {
        remove(i);
    }
}

void HeaderList::replace_value(std::size_t index, std::string_view value) {
    Place& place = places_[index];
    const auto size = static_cast<std::uint32_t>(value.size());
    const std::uint32_t longer = size - place.value_size;  // modulo 2^32, as what it is added to
    text_.replace(place.at + place.name_size, place.value_size, value.data(), value.size());
    place.value_size = size;
    for (std::size_t i = index + 1; i < places_.size(); ++i) places_[i].at += longer;
}

void HeaderList::remove(std::size_t index) {
    const Place gone = places_[index];
    const std::uint32_t size = gone.name_size + gone.value_size;
    text_.erase(gone.at, size);
    places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(index));
    for (std::size_t i = index; i < places_.size(); ++i) places_[i].at -= size;
}

void HeaderList::clear() noexcept {
    text_.clear();
    places_.clear();
}

std::optional<std::string_view> HeaderList::get(std::string_view name) const {
    for (const Place& place : places_) {
        const Field found = field(place);
        if (same_ignoring_case(found.name, name)) return found.value;
    }
    return std::nullopt;
}

bool HeaderList::has_token(std::string_view name, std::string_view token) const {
    for (const Field& one : fields()) {
        if (!same_ignoring_case(one.name, name)) continue;
        std::string_view rest = one.value;
        while (!rest.empty()) {
            const std::size_t comma = rest.find(',');
            if (same_ignoring_case(trimmed(rest.substr(0, comma)), token)) return true;
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

std::string_view reason_phrase(int status) noexcept {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 103:
            return "Early Hints";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 203:
            return "Non-Authoritative Information";
        case 204:
            return "No Content";
        case 205:
            return "Reset Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 425:
            return "Too Early";
        case 426:
            return "Upgrade Required";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "";
    }
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

}  // namespace net
