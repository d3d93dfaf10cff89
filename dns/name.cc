#include "dns/name.h"

#include <algorithm>

#include "base/random.h"

namespace dns {

namespace {

constexpr std::uint8_t kLabelTypeMask = 0xc0;
constexpr std::uint8_t kPointer = 0xc0;

}  // namespace

Result<NameView, WireError> NameView::check(Octets octets) noexcept {
    std::size_t at = 0;
    while (at < octets.size()) {
        const std::uint8_t length = octets[at];
        if ((length & kLabelTypeMask) != 0) return base::fail(WireError::BadLabel);
        at += 1U + length;
        if (at > kMaxNameOctets) return base::fail(WireError::NameTooLong);
        if (length == 0) return NameView(octets.first(at));
    }
    return base::fail(WireError::Truncated);
}

bool NameView::is_at_or_below(NameView ancestor) const noexcept {
    if (size_ < ancestor.size_) return false;
    const std::size_t cut = static_cast<std::size_t>(size_ - ancestor.size_);
    std::size_t at = 0;
    while (at < cut) at += 1U + octets_[at];  // the suffix must start at a label
    return at == cut && base::equal_ignoring_case(octets_ + cut, ancestor.octets_, ancestor.size_);
}

int NameView::compare(NameView other) const noexcept {
    const LabelOffsets mine(*this);
    const LabelOffsets theirs(other);
    const std::size_t shared = std::min(mine.count, theirs.count);
    for (std::size_t i = 1; i <= shared; ++i) {
        const std::uint8_t* a = octets_ + mine.offset[mine.count - i];
        const std::uint8_t* b = other.octets_ + theirs.offset[theirs.count - i];
        const std::size_t length = std::min(*a, *b);
        for (std::size_t k = 1; k <= length; ++k) {
            const int difference = int{base::to_lower(a[k])} - int{base::to_lower(b[k])};
            if (difference != 0) return difference;
        }
        if (*a != *b) return int{*a} - int{*b};
    }
    return int{mine.count} - int{theirs.count};
}

std::string NameView::to_text() const {
    if (is_root()) return ".";
    std::string out;
    out.reserve(size_);
    for (const std::uint8_t* at = octets_; *at != 0; at += 1 + *at) {
        for (std::size_t i = 1; i <= *at; ++i) {
            const std::uint8_t c = at[i];
            if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' ||
                c == '$') {
                out.push_back('\\');
                out.push_back(static_cast<char>(c));
            } else if (c > 0x20 && c < 0x7f) {
                out.push_back(static_cast<char>(c));
            } else {
                out.push_back('\\');
                out.push_back(static_cast<char>('0' + c / 100));
                out.push_back(static_cast<char>('0' + c / 10 % 10));
                out.push_back(static_cast<char>('0' + c % 10));
            }
        }
        out.push_back('.');
    }
    return out;
}

Result<Name, WireError> Name::read(Octets message, std::size_t& offset) noexcept {
    Name out;
    std::size_t at = offset;
    std::size_t used = 0;
    std::size_t limit = message.size();  // every pointer must go below the start of what it ends
    std::size_t segment = offset;
    std::optional<std::size_t> after;
    for (;;) {
        if (at >= limit) return base::fail(WireError::Truncated);
        const std::uint8_t length = message[at];
        if (length == 0) {
            out.octets_[used++] = 0;
            out.size_ = static_cast<std::uint8_t>(used);
            offset = after.value_or(at + 1);
            return out;
        }
        if ((length & kLabelTypeMask) == kPointer) {
            if (at + 2 > message.size()) return base::fail(WireError::Truncated);
            const std::size_t target = base::load_be16(&message[at]) & 0x3fffU;
            if (!after) after = at + 2;
            // Strictly backwards, so that following pointers always ends.
            if (target >= segment) return base::fail(WireError::BadPointer);
            segment = target;
            at = target;
            continue;
        }
        if ((length & kLabelTypeMask) != 0) return base::fail(WireError::BadLabel);
        if (at + 1 + length > limit) return base::fail(WireError::Truncated);
        if (used + 1 + length + 1 > kMaxNameOctets) return base::fail(WireError::NameTooLong);
        std::memcpy(&out.octets_[used], &message[at], 1U + length);
        used += 1U + length;
        at += 1U + length;
    }
}

namespace {

/// One octet of presentation text at `at`: plain, \X or \DDD. Moves `at` past it.
Result<std::uint8_t> read_escaped(std::string_view text, std::size_t& at) {
    const auto bad = [&] {
        return base::fail("\"" + std::string(text) + "\" has a bad escape (\\X or \\DDD)");
    };
    if (text[at] != '\\') return static_cast<std::uint8_t>(text[at++]);
    if (at + 1 >= text.size()) return bad();
    const char next = text[at + 1];
    if (next < '0' || next > '9') {
        at += 2;
        return static_cast<std::uint8_t>(next);
    }
    if (at + 4 > text.size()) return bad();
    unsigned value = 0;
    for (std::size_t i = 1; i <= 3; ++i) {
        const char digit = text[at + i];
        if (digit < '0' || digit > '9') return bad();
        value = value * 10 + static_cast<unsigned>(digit - '0');
    }
    if (value > 255) return bad();
    at += 4;
    return static_cast<std::uint8_t>(value);
}

}  // namespace

Result<Name> Name::parse(std::string_view text, NameView origin) {
    const auto bad = [&](const char* why) {
        return base::fail("\"" + std::string(text) + "\" is no domain name: " + why);
    };
    if (text.empty()) return bad("it is empty");
    if (text == ".") return Name();
    if (text == "@") return Name(origin);
    Name out;
    std::size_t used = 0;
    std::size_t at = 0;
    bool absolute = false;
    while (at < text.size()) {
        const std::size_t length_at = used++;
        if (used > kMaxNameOctets) return bad("more than 255 octets");
        while (at < text.size() && text[at] != '.') {
            const auto octet = read_escaped(text, at);
            if (!octet) return base::fail(octet.error().message);
            if (used >= kMaxNameOctets) return bad("more than 255 octets");
            out.octets_[used++] = *octet;
        }
        const std::size_t length = used - length_at - 1;
        if (length == 0) return bad("an empty label");
        if (length > kMaxLabelOctets) return bad("a label of more than 63 octets");
        out.octets_[length_at] = static_cast<std::uint8_t>(length);
        if (at < text.size()) {
            ++at;  // the dot
            absolute = at == text.size();
        }
    }
    const NameView rest = absolute ? NameView() : origin;
    if (used + rest.size() > kMaxNameOctets) return bad("more than 255 octets");
    std::memcpy(&out.octets_[used], rest.data(), rest.size());
    out.size_ = static_cast<std::uint8_t>(used + rest.size());
    return out;
}

std::optional<Name> Name::prepend(Octets label, NameView parent) noexcept {
    if (label.empty() || label.size() > kMaxLabelOctets) return std::nullopt;
    if (1 + label.size() + parent.size() > kMaxNameOctets) return std::nullopt;
    Name out;
    out.octets_[0] = static_cast<std::uint8_t>(label.size());
    std::memcpy(&out.octets_[1], label.data(), label.size());
    std::memcpy(&out.octets_[1 + label.size()], parent.data(), parent.size());
    out.size_ = static_cast<std::uint8_t>(1 + label.size() + parent.size());
    return out;
}

std::optional<Name> Name::wildcard_of(NameView parent) noexcept {
    static constexpr std::uint8_t kAsterisk[1] = {'*'};
    return prepend(kAsterisk, parent);
}

std::optional<Name> Name::substitute(NameView name, NameView from, NameView to) noexcept {
    const std::size_t kept = name.size() - from.size();
    if (kept + to.size() > kMaxNameOctets) return std::nullopt;
    Name out;
    std::memcpy(out.octets_.data(), name.data(), kept);
    std::memcpy(&out.octets_[kept], to.data(), to.size());
    out.size_ = static_cast<std::uint8_t>(kept + to.size());
    return out;
}

void Name::lower_case() noexcept {
    for (std::size_t i = 0; i < size_; ++i) octets_[i] = base::to_lower(octets_[i]);
}

std::uint64_t NameHash::seed() noexcept {
    static const std::uint64_t kSeed = base::SecureRandom().next64();
    return kSeed;
}

}  // namespace dns
