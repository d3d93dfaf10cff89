#include <array>
#include <charconv>
#include <ctime>

#include "net/http1.h"

namespace net {
namespace {

bool forbids_body(int status) noexcept {
    return status < 200 || status == 204 || status == 304;
}

void append_fields(const HeaderList& headers, bool framing_too, std::string& out) {
    for (const HeaderList::Field& field : headers.fields()) {
        if (!is_token(field.name) || !is_field_value(field.value)) continue;
        // How the message is framed and what becomes of the connection is decided here.
        if (!framing_too && (field.name == "connection" || field.name == "transfer-encoding" ||
                             field.name == "content-length" || field.name == "keep-alive")) {
            continue;
        }
        out += field.name;
        out += ": ";
        out += field.value;
        out += "\r\n";
    }
}

void append_status_line(int status, std::string& out) {
    out += "HTTP/1.1 ";
    out += std::to_string(status);
    out += ' ';
    out += reason_phrase(status);
    out += "\r\n";
}

}  // namespace

std::string_view http_date() {
    // Not strftime: the names of days and months must not follow a locale.
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static thread_local std::time_t written = -1;
    static thread_local std::array<char, 64> text{};
    static thread_local std::size_t length = 0;
    const std::time_t now = std::time(nullptr);
    if (now != written) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        length = static_cast<std::size_t>(
            std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                          kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                          parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec));
        written = now;
    }
    return {text.data(), length};
}

void Http1Writer::inform(int status, const HeaderList& headers, std::string& out) {
    // HTTP/1.0 knows no interim responses (RFC 9110, 15.2).
    if (responded_ || request_.http10 || status < 100 || status > 199) return;
    append_status_line(status, out);
    append_fields(headers, status == 101, out);
    out += "\r\n";
}

void Http1Writer::respond(const ResponseHead& head, bool last, std::string& out) {
    if (responded_) return;
    responded_ = true;
    status_ = head.status;
    append_status_line(head.status, out);
    append_fields(head.headers, false, out);
    if (!head.headers.get("date")) {
        out += "date: ";
        out += http_date();
        out += "\r\n";
    }

    const auto announced = head.headers.get("content-length");
    std::uint64_t length = 0;
    const bool has_length =
        announced &&
        std::from_chars(announced->data(), announced->data() + announced->size(), length).ptr ==
            announced->data() + announced->size();
    if (forbids_body(head.status)) {
        body_ = Body::None;
        // A 304 may say how long the representation would have been (RFC 9110, 15.4.5).
        if (head.status == 304 && has_length) {
            out += "content-length: " + std::to_string(length) + "\r\n";
        }
    } else if (last && !(request_.head && has_length)) {
        body_ = Body::None;
        // HEAD without a length: a GET's could be anything, so it is left out.
        if (!request_.head) out += "content-length: 0\r\n";
    } else if (has_length) {
        body_ = request_.head ? Body::None : Body::Length;
        remaining_ = length;
        out += "content-length: " + std::to_string(length) + "\r\n";
    } else if (request_.head) {
        body_ = Body::None;
    } else if (request_.http10) {
        body_ = Body::UntilClose;
        keep_alive_ = false;
    } else {
        body_ = Body::Chunked;
        out += "transfer-encoding: chunked\r\n";
    }
    if (!keep_alive_) {
        out += "connection: close\r\n";
    } else if (request_.http10) {
        out += "connection: keep-alive\r\n";
    }
    out += "\r\n";
    if (last) finish({}, out);
}

void Http1Writer::write(base::Octets octets, std::string& out) {
    if (!responded_ || finished_ || octets.empty()) return;
    switch (body_) {
        case Body::None:
            return;
        case Body::Length:
            // More than announced would be read as the next response: it is cut off.
            if (octets.size() > remaining_) {
                keep_alive_ = false;
                octets = octets.first(static_cast<std::size_t>(remaining_));
            }
            remaining_ -= octets.size();
            break;
        case Body::Chunked: {
            std::array<char, 20> size{};
            char* end =
                std::to_chars(size.data(), size.data() + size.size(), octets.size(), 16).ptr;
            out.append(size.data(), end);
            out += "\r\n";
            out += base::as_text(octets);
            out += "\r\n";
            return;
        }
        case Body::UntilClose:
            break;
    }
    out += base::as_text(octets);
}

void Http1Writer::finish(const HeaderList& trailers, std::string& out) {
    if (!responded_ || finished_) return;
    finished_ = true;
    if (body_ == Body::Chunked) {
        out += "0\r\n";
        append_fields(trailers, false, out);
        out += "\r\n";
    }
    // Less than announced: only the end of the connection tells the client.
    if (body_ == Body::Length && remaining_ > 0) keep_alive_ = false;
}

}  // namespace net
