// /v1/audit: what was written and what was refused, in one listing by time.
#include <algorithm>
#include <charconv>
#include <limits>

#include "admin/audit.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

// Where a page ended: changes from this revision on, and refusals from this id on, were shown.
struct Shown {
    zones::Revision revision = 0;  // 0: none yet
    std::uint64_t id = 0;
};
constexpr zones::Revision kNoChangesLeft = 1;  // there is none below
constexpr std::uint64_t kNoRefusalsLeft = 1;

std::optional<Shown> parse_shown(const std::string& text) {
    if (text.empty()) return Shown();
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) return std::nullopt;
    const auto revision = parse_revision(std::string_view(text).substr(0, space));
    const auto id = parse_revision(std::string_view(text).substr(space + 1));
    if (!revision || !id) return std::nullopt;
    return Shown{*revision, *id};
}

Json write_json(const zones::JournalEntry& entry) {
    Json out = Json::object();
    out.set("time", base::format_rfc3339(entry.time));
    out.set("what", "write");
    out.set("author", entry.author);
    out.set("request_id", entry.request_id);
    out.set("revision", entry.revision);
    out.set("message", entry.message);
    Json zones = Json::array();
    for (const std::string& zone : entry.zones) zones.push(zone);
    out.set("zones", std::move(zones));
    return out;
}

// The newer first.
struct Merged {
    Json items = Json::array();
    Shown shown;
    bool more = false;
};
base::Result<Merged> merge(const zones::Changes& changes, const std::vector<Audit::Line>& refused,
                           Shown shown, std::size_t limit) {
    Merged out;
    out.shown = shown;
    std::size_t change = 0;
    std::size_t line = 0;
    for (std::size_t taken = 0; taken < limit; ++taken) {
        const bool has_change = change < changes.entries.size();
        const bool has_line = line < refused.size();
        if (!has_change && !has_line) break;
        const bool changed =
            has_change &&
            (!has_line || base::to_unix_us(changes.entries[change].time) >=
                              static_cast<std::int64_t>(std::min<std::uint64_t>(
                                  refused[line].id, std::numeric_limits<std::int64_t>::max())));
        if (changed) {
            out.shown.revision = changes.entries[change].revision;
            out.items.push(write_json(changes.entries[change++]));
            continue;
        }
        auto document = Json::parse(refused[line].json);
        if (!document) return base::fail("the audit log is damaged");
        out.shown.id = refused[line++].id;
        out.items.push(std::move(*document));
    }
    const bool all_changes = change == changes.entries.size() && changes.before == 0;
    const bool all_lines = line == refused.size() && refused.size() < limit;
    if (all_changes) out.shown.revision = kNoChangesLeft;
    if (all_lines) out.shown.id = kNoRefusalsLeft;
    out.more = !all_changes || !all_lines;
    return out;
}

}  // namespace

void list_audit(Context& context, const Request& request, const Respond& respond) {
    auto page = open_page(context, request);
    if (!page) return respond(std::move(page.error()));
    const auto shown = parse_shown(page->position);
    if (!shown) return respond(problem(400, "the cursor is not one of this listing"));
    // Files are read, which the loop must not wait for.
    context.background.run([&context, mailbox = context.mailbox,
                            directory = context.service.config().data_dir, request, respond,
                            page = std::move(*page), shown = *shown]() mutable {
        auto lines = std::make_shared<base::Result<std::vector<Audit::Line>>>(
            Audit::read(directory, shown.id, page.limit));
        mailbox->post([&context, lines, request, respond, page = std::move(page), shown]() mutable {
            if (!*lines) return respond(problem(503, lines->error().message));
            zones::Changes changes;
            if (shown.revision != kNoChangesLeft) {
                auto found = page.reader->changes(shown.revision, page.limit, {});
                if (!found) return respond(problem(503, found.error().message));
                changes = std::move(*found);
            }
            auto merged = merge(changes, **lines, shown, page.limit);
            if (!merged) return respond(problem(503, merged.error().message));
            std::string next;
            if (merged->more) {
                next =
                    std::to_string(merged->shown.revision) + ' ' + std::to_string(merged->shown.id);
            }
            respond(page_reply(context, request, std::move(page), std::move(merged->items), next));
        });
    });
}

}  // namespace admin
