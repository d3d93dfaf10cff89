#include "admin/etag.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace admin {

namespace {

// The revision in "182-j"; one that never comes for tags that are not ours, because a tag that
// cannot match must not turn into "no condition".
zones::Revision revision_of(std::string_view opaque) {
    constexpr zones::Revision kNever = std::numeric_limits<zones::Revision>::max();
    zones::Revision revision = 0;
    const char* end = opaque.data() + opaque.size();
    const auto parsed = std::from_chars(opaque.data(), end, revision);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '-') return kNever;
    return revision;
}

base::Result<void> read_list(std::string_view text, TagList& out) {
    std::size_t at = 0;
    const auto skip = [&](std::string_view set) {
        while (at < text.size() && set.find(text[at]) != std::string_view::npos) ++at;
    };
    skip(" \t,");
    while (at < text.size()) {
        if (text[at] == '*') {
            out.any = true;
            ++at;
        } else {
            TagList::Tag tag;
            if (text.substr(at).starts_with("W/")) {
                tag.weak = true;
                at += 2;
            }
            if (at >= text.size() || text[at] != '"') {
                return base::fail("an entity tag is missing its quotes");
            }
            const std::size_t close = text.find('"', at + 1);
            if (close == std::string_view::npos) {
                return base::fail("an entity tag is missing its closing quote");
            }
            tag.opaque = std::string(text.substr(at + 1, close - at - 1));
            out.tags.push_back(std::move(tag));
            at = close + 1;
        }
        skip(" \t");
        if (at < text.size() && text[at] != ',') {
            return base::fail("entity tags are separated by commas");
        }
        skip(" \t,");
    }
    return {};
}

}  // namespace

std::string make_etag(zones::Revision revision, std::string_view mark) {
    return '"' + std::to_string(revision) + '-' + std::string(mark) + '"';
}

base::Result<std::optional<TagList>> TagList::read(const net::HeaderList& headers,
                                                   std::string_view name) {
    std::optional<TagList> list;
    for (const net::HeaderList::Field& field : headers.fields()) {
        if (field.name != name) continue;
        if (!list) list.emplace();
        if (auto read = read_list(field.value, *list); !read) {
            return base::fail(std::string(name) + ": " + read.error().message);
        }
    }
    return list;
}

base::Result<zones::Precondition> write_condition(const Request& request) {
    zones::Precondition condition;
    auto match = TagList::read(request.head.headers, "if-match");
    if (!match) return base::fail(match.error().message);
    if (*match) {
        condition.if_match.emplace();
        if (!(*match)->any) {
            for (const TagList::Tag& tag : (*match)->tags) {
                condition.if_match->push_back(
                    revision_of(tag.weak ? std::string_view() : std::string_view(tag.opaque)));
            }
            // An empty list of revisions would mean "*".
            if (condition.if_match->empty()) condition.if_match->push_back(revision_of({}));
        }
    }
    auto none_match = TagList::read(request.head.headers, "if-none-match");
    if (!none_match) return base::fail(none_match.error().message);
    if (*none_match) {
        if (!(*none_match)->any) {
            return base::fail("if-none-match: a write takes only *, which means: create");
        }
        condition.if_none_match = true;
    }
    return condition;
}

zones::Precondition since_read(zones::Precondition condition, zones::Revision read) {
    // What the client named and is not there any more fails as it stands.
    if (!condition.if_match || condition.if_match->empty() ||
        std::find(condition.if_match->begin(), condition.if_match->end(), read) !=
            condition.if_match->end()) {
        condition.if_match = {read};
    }
    return condition;
}

base::Result<bool> not_modified(const Request& request, std::string_view etag) {
    auto list = TagList::read(request.head.headers, "if-none-match");
    if (!list) return base::fail(list.error().message);
    if (!*list) return false;
    if ((*list)->any) return true;
    for (const TagList::Tag& tag : (*list)->tags) {
        if (etag == '"' + tag.opaque + '"') return true;
        for (const auto coding :
             {net::ContentCoding::Gzip, net::ContentCoding::Brotli, net::ContentCoding::Zstd}) {
            if (coded_etag(etag, coding) == '"' + tag.opaque + '"') return true;
        }
    }
    return false;
}

std::string coded_etag(std::string_view etag, net::ContentCoding coding) {
    std::string out(etag);
    if (coding == net::ContentCoding::Identity || !out.ends_with('"')) return out;
    out.pop_back();
    return out + '-' + std::string(net::to_text(coding)) + '"';
}

}  // namespace admin
