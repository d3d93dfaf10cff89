#include "net/http1.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace net {
namespace {

constexpr std::uint64_t kMaxBodyOctets = std::uint64_t{1} << 62;
constexpr std::size_t kMaxChunkLine = 256;
constexpr std::size_t kMaxChunkExtensions = 4096;  // per message; nobody uses them for good
constexpr std::size_t kMaxMethod = 32;

base::Unexpected<Http1Error> refuse(int status, std::string message) {
    return base::Unexpected<Http1Error>{Http1Error{status, std::move(message)}};
}

bool equal_no_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return base::to_lower(static_cast<std::uint8_t>(x)) ==
               base::to_lower(static_cast<std::uint8_t>(y));
    });
}

constexpr bool is_alnum(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

using OctetSet = std::array<bool, 256>;

constexpr OctetSet alnum_and(std::string_view others) {
    OctetSet in{};
    for (std::size_t octet = 0; octet < in.size(); ++octet) {
        in[octet] = is_alnum(static_cast<char>(octet));
    }
    for (const char c : others) in[static_cast<std::uint8_t>(c)] = true;
    return in;
}

/// Looks at all of them, which is cheaper than to stop where nearly every text is right.
bool all_in(const OctetSet& set, std::string_view text) noexcept {
    const auto in = [&](std::size_t at) -> unsigned {
        return set[static_cast<std::uint8_t>(text[at])];
    };
    unsigned all = 1;
    std::size_t at = 0;
    for (; at + 4 <= text.size(); at += 4) {
        all &= in(at);
        all &= in(at + 1);
        all &= in(at + 2);
        all &= in(at + 3);
    }
    for (; at < text.size(); ++at) all &= in(at);
    return all != 0;
}

bool forbidden_in_trailers(std::string_view name) noexcept {
    // What decides framing, routing or authentication must not arrive late (RFC 9110, 6.5.1).
    static constexpr std::string_view kNames[] = {
        "content-length", "transfer-encoding", "host",   "trailer",       "content-type",
        "authorization",  "content-encoding",  "expect", "content-range", "cookie",
        "connection",     "upgrade",           "te",     "cache-control", "max-forwards"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

template <class Integer>
bool parse_number(std::string_view text, Integer& out, int base) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

bool is_token(std::string_view text) noexcept {
    static constexpr OctetSet kIn = alnum_and("!#$%&'*+-.^_`|~");
    return !text.empty() && all_in(kIn, text);
}

bool is_authority(std::string_view text) noexcept {
    static constexpr OctetSet kIn = alnum_and("-._~!$&'()*+,;=:[]%");
    return all_in(kIn, text);
}

bool is_target(std::string_view text) noexcept {
    static constexpr OctetSet kIn = [] {
        OctetSet in{};
        for (std::size_t octet = 0x21; octet < 0x7f; ++octet) in[octet] = octet != '#';
        return in;
    }();
    return all_in(kIn, text);
}

bool is_field_value(std::string_view text) noexcept {
    static constexpr OctetSet kIn = [] {
        OctetSet in{};
        for (std::size_t octet = 0x20; octet < in.size(); ++octet) in[octet] = octet != 0x7f;
        in['\t'] = true;
        return in;
    }();
    // Eight at once as long as there is not even a tab among them.
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    while (text.size() >= sizeof kOnes) {
        const std::uint64_t word = base::load_word(base::as_octets(text).data());
        const std::uint64_t deletes = word ^ (kOnes * 0x7f);  // zero where there is one
        const std::uint64_t below = (word - kOnes * 0x20) & ~word;
        if ((((deletes - kOnes) & ~deletes) | below) & (kOnes * 0x80)) break;
        text.remove_prefix(sizeof kOnes);
    }
    return all_in(kIn, text);
}

base::Result<std::size_t, Http1Error> Http1Decoder::receive(base::Octets octets) {
    std::size_t used = 0;
    paused_ = false;
    ended_ = false;
    while (used < octets.size() && !paused_ && !ended_) {
        const base::Octets rest = octets.subspan(used);
        Step step;
        switch (state_) {
            case State::Length:
            case State::ChunkData: {
                const auto take =
                    static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
                used += take;
                remaining_ -= take;
                const bool chunk = state_ == State::ChunkData;
                if (chunk && remaining_ == 0) state_ = State::ChunkEnd;
                events_.on_body(rest.first(take));
                if (!chunk && remaining_ == 0) end_message({});
                break;
            }
            case State::ChunkEnd:
                line_ += static_cast<char>(rest[0]);
                ++used;
                if (line_ == "\r") break;
                if (line_ != "\r\n") return refuse(400, "a chunk is longer than it said");
                line_.clear();
                state_ = State::ChunkSize;
                break;
            case State::Head:
            case State::ChunkSize:
            case State::Trailers: {
                const auto complete = collect(rest, used, state_ == State::ChunkSize);
                if (!complete) return base::Unexpected<Http1Error>{complete.error()};
                if (!*complete) break;
                step = state_ == State::Head        ? finish_head()
                       : state_ == State::ChunkSize ? read_chunk_size()
                                                    : finish_trailers();
                break;
            }
        }
        if (!step) return base::Unexpected<Http1Error>{step.error()};
    }
    return used;
}

/// Moves octets into line_ until a line (or the empty line that ends a block) is complete. Looks
/// at each octet once, however the input is cut.
base::Result<bool, Http1Error> Http1Decoder::collect(base::Octets octets, std::size_t& used,
                                                     bool single_line) {
    for (const std::uint8_t octet : octets) {
        ++used;
        const bool after_cr = !line_.empty() && line_.back() == '\r';
        if ((octet == '\n') != after_cr) return refuse(400, "a line does not end in CRLF");
        line_ += static_cast<char>(octet);
        const std::size_t length = line_.size() - line_start_;
        if (single_line && line_.size() > kMaxChunkLine) {
            return refuse(400, "the line of a chunk's size is too long");
        }
        if (line_.size() > limits_.max_head_octets || length > limits_.max_line_octets) {
            const bool first = state_ == State::Head && line_start_ == 0;
            return refuse(first ? 414 : 431,
                          first ? "the request line is too long" : "the fields are too long");
        }
        if (octet != '\n') continue;
        if (single_line) return true;
        if (length == 2) {
            // One empty line before a request is a habit of old clients (RFC 9112, 2.2).
            if (state_ == State::Head && line_start_ == 0) {
                line_.clear();
                return false;
            }
            return true;
        }
        line_start_ = line_.size();
    }
    return false;
}

Http1Decoder::Step Http1Decoder::finish_head() {
    const std::string text = std::exchange(line_, {});
    line_start_ = 0;
    const std::string_view block(text);
    const std::size_t first = block.find("\r\n");
    RequestHead head;
    framing_ = {};
    chunk_extensions_ = 0;
    if (auto step = read_request_line(block.substr(0, first), head); !step) return step;
    if (auto step = read_fields(block.substr(first + 2), head.headers); !step) return step;
    if (auto step = read_framing(head); !step) return step;
    const bool chunked = state_ == State::ChunkSize;
    const bool body = chunked || remaining_ > 0;
    framing_.has_body = body;
    if (!chunked && body) state_ = State::Length;
    events_.on_head(std::move(head));
    if (!body) end_message({});
    return {};
}

Http1Decoder::Step Http1Decoder::read_request_line(std::string_view line, RequestHead& head) {
    const std::size_t space = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (space == std::string_view::npos || last == space) {
        return refuse(400, "the request line has not three parts");
    }
    const std::string_view method = line.substr(0, space);
    const std::string_view target = line.substr(space + 1, last - space - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method) || method.size() > kMaxMethod) {
        return refuse(400, "the method is not a token");
    }
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') {
        Http1Error error{400, "the request line does not end in an HTTP version"};
        error.foreign = !version.empty() && !equal_no_case(version.substr(0, 5), "HTTP/");
        return base::fail(std::move(error));
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return refuse(505, "this server speaks HTTP/1.1 and HTTP/2");
    }
    framing_.http10 = version == "HTTP/1.0";
    head.version = HttpVersion::Http11;
    head.method = std::string(method);
    return read_target(target, head);
}

Http1Decoder::Step Http1Decoder::read_target(std::string_view target, RequestHead& head) {
    if (target.empty() || !is_target(target)) return refuse(400, "the request target is malformed");
    if (head.method == "CONNECT") return refuse(501, "this server is not a proxy");
    std::string_view rest = target;
    if (target[0] != '/' && !(target == "*" && head.method == "OPTIONS")) {
        const std::size_t mark = target.find("://");
        const std::string_view scheme = target.substr(0, mark);
        if (mark == std::string_view::npos ||
            !(equal_no_case(scheme, "http") || equal_no_case(scheme, "https"))) {
            return refuse(400, "the request target is neither a path nor an http URI");
        }
        rest = target.substr(mark + 3);
        const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
        head.authority = std::string(rest.substr(0, end));
        if (head.authority.empty() || !is_authority(head.authority)) {
            return refuse(400, "the request target has a malformed authority");
        }
        rest = rest.substr(end);
    }
    const std::size_t mark = rest.find('?');
    head.path = std::string(rest.substr(0, mark));
    if (head.path.empty()) head.path = head.method == "OPTIONS" ? "*" : "/";
    if (mark != std::string_view::npos) head.query = std::string(rest.substr(mark + 1));
    return {};
}

/// `block`: lines ending in CRLF, the last one empty.
Http1Decoder::Step Http1Decoder::read_fields(std::string_view block, HeaderList& out) {
    while (!block.empty()) {
        const std::size_t end = block.find("\r\n");
        const std::string_view line = block.substr(0, end);
        block.remove_prefix(end + 2);
        if (line.empty()) break;
        if (line[0] == ' ' || line[0] == '\t') return refuse(400, "a field is folded (obs-fold)");
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
            return refuse(400, "a field line has no valid name before its colon");
        }
        if (!is_field_value(line.substr(colon + 1))) {
            return refuse(400, "a field value holds a control character");
        }
        if (out.fields().size() == limits_.max_fields) return refuse(431, "too many fields");
        out.add(line.substr(0, colon), line.substr(colon + 1));
    }
    return {};
}

Http1Decoder::Step Http1Decoder::read_framing(RequestHead& head) {
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t codings = 0;
    std::string_view host;
    std::string_view length;
    std::string_view coding;
    for (const HeaderList::Field& field : head.headers.fields()) {
        if (field.name == "host") {
            ++hosts;
            host = field.value;
        } else if (field.name == "content-length") {
            ++lengths;
            length = field.value;
        } else if (field.name == "transfer-encoding") {
            ++codings;
            coding = field.value;
        }
    }
    if (hosts > 1 || (hosts == 0 && !framing_.http10)) return refuse(400, "one Host is required");
    if (!is_authority(host)) return refuse(400, "Host is malformed");
    // An absolute target's authority comes first (RFC 9112, 3.2.2).
    if (head.authority.empty()) head.authority = std::string(host);

    framing_.keep_alive = framing_.http10 ? head.headers.has_token("connection", "keep-alive")
                                          : !head.headers.has_token("connection", "close");
    if (const auto expect = head.headers.get("expect"); expect && !framing_.http10) {
        if (!equal_no_case(*expect, "100-continue")) {
            return refuse(417, "the only expectation known is 100-continue");
        }
        framing_.expects_continue = true;
    }

    remaining_ = 0;
    if (codings > 0 && lengths > 0) {
        return refuse(400, "Transfer-Encoding and Content-Length exclude each other");
    }
    if (codings > 0) {
        if (framing_.http10) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
        if (codings > 1 || !equal_no_case(coding, "chunked")) {
            return refuse(400, "the only Transfer-Encoding taken is \"chunked\"");
        }
        state_ = State::ChunkSize;
    }
    if (lengths > 0) {
        const bool digits =
            std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (lengths > 1 || !digits || !parse_number(length, remaining_, 10) ||
            remaining_ > kMaxBodyOctets) {
            return refuse(400, "Content-Length is not one number");
        }
    }
    return {};
}

Http1Decoder::Step Http1Decoder::read_chunk_size() {
    std::string_view line(line_);
    line.remove_suffix(2);
    const std::size_t digits =
        std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
    std::uint64_t size = 0;
    if (!parse_number(line.substr(0, digits), size, 16) || size > kMaxBodyOctets) {
        return refuse(400, "a chunk's size is not a hexadecimal number");
    }
    // Extensions are read past (RFC 9112, 7.1.1), but not without end.
    std::string_view extension = line.substr(digits);
    chunk_extensions_ += extension.size();
    if (!extension.empty()) {
        const std::size_t start = std::min(extension.find_first_not_of(" \t"), extension.size());
        extension.remove_prefix(start);
        if (extension.empty() || extension[0] != ';' || !is_field_value(extension) ||
            chunk_extensions_ > kMaxChunkExtensions) {
            return refuse(400, "something stands behind a chunk's size");
        }
    }
    line_.clear();
    line_start_ = 0;
    remaining_ = size;
    state_ = size == 0 ? State::Trailers : State::ChunkData;
    return {};
}

Http1Decoder::Step Http1Decoder::finish_trailers() {
    const std::string text = std::exchange(line_, {});
    line_start_ = 0;
    HeaderList trailers;
    if (auto step = read_fields(text, trailers); !step) return step;
    for (const HeaderList::Field& field : trailers.fields()) {
        if (forbidden_in_trailers(field.name)) {
            return refuse(400, "\"" + std::string(field.name) + "\" must not come as a trailer");
        }
    }
    end_message(trailers);
    return {};
}

void Http1Decoder::end_message(const HeaderList& trailers) {
    state_ = State::Head;
    ended_ = true;
    events_.on_end(trailers);
}

}  // namespace net
