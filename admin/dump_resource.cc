// GET /v1/dump: everything that is managed as documents, at one revision, a line of JSON each.
#include <array>
#include <optional>

#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kDumped = {
    {{"views", "name"},
     {"networks", "prefix"},
     {"maps", "id"},
     {"monitors", "id"},
     {"pools", "id"}}};

// A piece at a time, so that zones of any size leave in constant memory. Neither tokens nor keys
// are among it: a dump is made to be kept where others can read it.
class Dump {
  public:
    explicit Dump(std::shared_ptr<zones::StoreReader> reader) : reader_(std::move(reader)) {}

    // Empty at the end.
    base::Result<std::string> next() {
        std::string out;
        for (std::size_t steps = 0; out.size() < kPieceOctets && !done_; ++steps) {
            if (steps >= kMaxSteps && !out.empty()) break;
            if (auto made = step(out); !made) return base::fail(made.error().message);
        }
        return out;
    }

  private:
    static constexpr std::size_t kPieceOctets = std::size_t{32} << 10;
    static constexpr std::size_t kMaxSteps = 100;  // reads of the store for one piece
    static constexpr std::size_t kPage = 100;      // zones, or RRsets

    // A part of one zone: its own data, then what each view lays over it.
    struct Place {
        std::size_t zone = 0;   // of zones_
        std::size_t layer = 0;  // 0: its own; else a view's, plus one
        std::optional<zones::StoreReader::Position> after;
    };

    static void line(std::string& out, Json object) { out += object.dump() + '\n'; }

    base::Result<void> step(std::string& out) {
        if (!started_) {
            started_ = true;
            Json head = Json::object();
            head.set("kind", "dump").set("schema", 1).set("revision", reader_->revision());
            line(out, std::move(head));
            return {};
        }
        if (kind_ < kDumped.size()) return documents(out);
        if (place_.zone == zones_.size()) return more_zones();
        return zone_part(out);
    }

    // Those of one kind are read at once: they are what people write, thousands at most.
    base::Result<void> documents(std::string& out) {
        const auto& [kind, id_key] = kDumped[kind_];
        if (!stored_) {
            auto stored = reader_->documents(kind);
            if (!stored) return base::fail(stored.error().message);
            stored_ = std::move(*stored);
            next_stored_ = 0;
        }
        for (std::size_t i = 0; i < kPage && next_stored_ < stored_->size(); ++i) {
            const zones::DocumentInfo& info = (*stored_)[next_stored_++];
            const auto said = Json::parse(info.json);
            if (!said) return base::fail("a stored document is damaged: " + said.error().message);
            Json document = Json::object();
            document.set(id_key, info.id);
            for (const Json::Member& member : said->members()) {
                document.set(member.key, member.value);
            }
            if (kind == "views") views_.push_back(info.id);
            tell(out, kind, info.revision, std::move(document));
        }
        if (next_stored_ < stored_->size()) return {};
        stored_.reset();
        ++kind_;
        return {};
    }

    static void tell(std::string& out, std::string_view kind, zones::Revision revision,
                     Json document) {
        Json object = Json::object();
        object.set("kind", kind).set("revision", revision);
        line(out, std::move(object.set("document", std::move(document))));
    }

    base::Result<void> more_zones() {
        if (last_page_) {
            done_ = true;
            return {};
        }
        auto page = reader_->zones(after_, kPage, "");
        if (!page) return base::fail(page.error().message);
        zones_ = std::move(page->zones);
        after_ = page->next;
        last_page_ = !after_;
        place_ = Place();
        return {};
    }

    // One step of a zone: its own line, a page of RRsets, or a layer's policies.
    base::Result<void> zone_part(std::string& out) {
        const zones::ZoneInfo& zone = zones_[place_.zone];
        if (place_.layer == 0 && !place_.after) {
            Json document = Json::object();
            document.set("name", zone.apex.to_text());
            if (!zone.view.empty()) document.set("view", zone.view);
            document.set("soa_edit", zone.soa_edit).set("comment", zone.comment);
            if (zone.signed_elsewhere) document.set("signed", "elsewhere");
            tell(out, "zones", zone.revision, std::move(document));
        }
        const bool own = place_.layer == 0;
        const std::string view = own ? zone.view : views_[place_.layer - 1];
        const auto rrsets = reader_->rrsets(zone.apex, view, place_.after, kPage);
        if (!rrsets) return base::fail(rrsets.error().message);
        for (const zones::RRsetInfo& rrset : *rrsets) {
            tell_of(out, "rrsets", zone, own ? "" : view, rrset.revision, rrset_json(rrset, ""));
        }
        if (rrsets->size() == kPage) {
            place_.after = zones::StoreReader::Position{rrsets->back().name, rrsets->back().type};
            return {};
        }
        if (auto told = policies(out, zone, view, own); !told) return told;
        place_.after.reset();
        // A zone of one view alone has no overlays.
        const std::size_t layers = zone.view.empty() ? views_.size() + 1 : 1;
        if (++place_.layer < layers) return {};
        place_.layer = 0;
        ++place_.zone;
        return {};
    }

    base::Result<void> policies(std::string& out, const zones::ZoneInfo& zone,
                                const std::string& view, bool own) {
        const auto stored = reader_->policies(zone.apex, view);
        if (!stored) return base::fail(stored.error().message);
        for (const zones::PolicyInfo& policy : *stored) {
            const auto said = Json::parse(policy.json);
            if (!said) return base::fail("a stored policy is damaged: " + said.error().message);
            Json document = Json::object();
            document.set("name", policy.name.to_text()).set("type", policy.type);
            for (const Json::Member& member : said->members()) {
                if (member.key != "name" && member.key != "type") {
                    document.set(member.key, member.value);
                }
            }
            tell_of(out, "policies", zone, own ? "" : view, policy.revision, std::move(document));
        }
        return {};
    }

    static void tell_of(std::string& out, std::string_view kind, const zones::ZoneInfo& zone,
                        const std::string& overlay, zones::Revision revision, Json document) {
        Json object = Json::object();
        object.set("kind", kind).set("zone", zone.apex.to_text());
        if (!overlay.empty()) object.set("view", overlay);
        object.set("revision", revision);
        line(out, std::move(object.set("document", std::move(document))));
    }

    const std::shared_ptr<zones::StoreReader> reader_;
    bool started_ = false;
    std::size_t kind_ = 0;                                    // of kDumped: the next one
    std::optional<std::vector<zones::DocumentInfo>> stored_;  // of that kind, while they are told
    std::size_t next_stored_ = 0;
    std::vector<std::string> views_;  // their names
    std::vector<zones::ZoneInfo> zones_;
    std::optional<dns::Name> after_;
    bool last_page_ = false;
    Place place_;
    bool done_ = false;
};

}  // namespace

void get_dump(Context& context, const Request& request, const Respond& respond) {
    std::shared_ptr<zones::StoreReader> reader = context.service.store().read();
    const std::string etag = make_etag(reader->revision(), "ndjson");
    const auto spared = not_modified(request, etag);
    if (!spared) return respond(problem(400, spared.error().message));
    Reply reply = Reply::empty(*spared ? 304 : 200);
    reply.headers.add("etag", etag);
    if (!*spared) {
        reply.headers.add("content-type", "application/x-ndjson");
        auto dump = std::make_shared<Dump>(std::move(reader));
        reply.more = [dump] { return dump->next(); };
    }
    respond(std::move(reply));
}

}  // namespace admin
