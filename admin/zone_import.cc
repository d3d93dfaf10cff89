// PUT /v1/zones/{zone}: a body streamed into a loader, then swapped in.
#include "admin/zone_import.h"

#include <algorithm>
#include <mutex>

#include "admin/jobs.h"
#include "admin/resources.h"
#include "admin/zone_body.h"
#include "server/service.h"

namespace admin {

ZoneImport::ZoneImport(std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex,
                       std::string file, dns::MasterScanner::Include include)
    : loader_(std::move(loader)) {
    dns::MasterScanner::Options options;
    options.file = std::move(file);
    options.origin = apex;
    options.include = std::move(include);
    scanner_ = std::make_unique<dns::MasterScanner>(std::move(options), *this);
}

bool ZoneImport::on_record(const dns::MasterRecord& record) {
    ++records_;
    std::optional<std::string> fault;
    if (record.rr_class != dns::RRClass::IN) {
        fault = "class " + dns::to_text(record.rr_class) + ": zones are of class IN";
    } else {
        fault = loader_->add_at({record.file, record.line}, record.owner, record.type, record.ttl,
                                record.rdata);
    }
    if (!fault) return true;
    return on_fault({std::string(record.file), record.line, std::move(*fault)});
}

bool ZoneImport::on_fault(dns::MasterFault fault) {
    ++refused_.faults;
    if (refused_.shown.size() < kMaxFaultsShown) refused_.shown.push_back(fault.to_text());
    return true;
}

base::Result<zones::ZoneLoader::Finished, ZoneImport::Refused> ZoneImport::finish() {
    (void)scanner_->finish();
    if (refused_.faults > 0) return base::fail(std::move(refused_));
    auto finished = loader_->finish();
    loader_.reset();
    if (finished) return std::move(*finished);
    refused_ = std::move(finished.error());
    if (refused_.shown.size() > kMaxFaultsShown) refused_.shown.resize(kMaxFaultsShown);
    return base::fail(std::move(refused_));
}

namespace {

constexpr unsigned kRetryAfterS = 1;
constexpr const char* kZoneTypes = "text/dns, application/json, application/x-ndjson";

using Finished = base::Result<ZoneBody::Done, ZoneBody::Refused>;

// What is left to do on the admin loop when all of the body has been read.
struct Finish {
    Context& context;
    Respond respond;
    zones::Precondition condition;
    Submission submission;
    dns::Name apex;
    std::string view;  // whose overlay is replaced; empty: the zone
    bool existed;
    std::shared_ptr<Work> work;  // null: the client waits

    [[nodiscard]] bool cancelled() const { return work && work->cancelled; }

    // `old_ttl_s`: of what was answered before.
    void run(Finished finished, std::optional<std::uint32_t> old_ttl_s) const {
        if (!finished) {
            return respond(problem(422,
                                   std::to_string(finished.error().faults) + " faults in the zone",
                                   std::move(finished.error().shown)));
        }
        std::vector<zones::Operation> operations;
        if (finished->zone) {
            operations.push_back({std::move(*finished->zone), condition});
        } else {
            // An overlay's RRsets carry no condition, which is about the zone, and there may be
            // none of them: an operation that changes nothing asks that of the zone.
            zones::PutZone guard{
                .apex = apex, .view = {}, .soa_edit = {}, .comment = {}, .ns = {}, .soa_rdata = {}};
            operations.push_back({std::move(guard), condition});
            auto& asked = operations.back().condition;
            if (!asked.if_match) asked.if_match.emplace();
        }
        for (zones::Operation& operation : finished->more) {
            operations.push_back(std::move(operation));
        }
        Submission submitted = submission;
        // Only tried, so that what was loaded for it goes.
        const bool stopped = cancelled();
        submitted.dry_run = submitted.dry_run || stopped;
        submit(context, std::move(submitted), std::move(operations),
               [self = *this, records = finished->records, warnings = std::move(finished->warnings),
                old_ttl_s, stopped](Outcome outcome) {
                   if (stopped) return self.respond(cancelled_reply(*self.work));
                   self.answer(std::move(outcome), records, warnings, old_ttl_s);
               });
    }

    void answer(Outcome outcome, std::uint64_t records, const std::vector<std::string>& warnings,
                std::optional<std::uint32_t> old_ttl_s) const {
        if (!outcome) return respond(problem(outcome.error()));
        outcome->warnings.insert(outcome->warnings.begin(), warnings.begin(), warnings.end());
        Json document = Json::object();
        document.set("name", apex.to_text());
        document.set("records", records);
        document.set("revision", outcome->revision);
        const bool created = !existed && !submission.dry_run;
        Reply reply = written(*outcome, created ? 201 : 200, std::move(document), old_ttl_s,
                              submission.dry_run);
        if (created) reply.headers.add("location", zone_url(apex));
        reply.headers.add("etag", make_etag(outcome->revision, "dns"));
        respond(std::move(reply));
    }
};

// A body on its way from the loop, which receives it, to the background threads, which read it: a
// large zone takes seconds. One piece is read at a time, and what waits is bounded: then the client
// is held back until it has been taken. Whoever works holds it; it may outlive the request.
class Upload : public std::enable_shared_from_this<Upload> {
  public:
    static constexpr std::size_t kWindow = std::size_t{256} << 10;

    Upload(Finish finish, std::unique_ptr<ZoneBody> body, std::unique_ptr<Imports::Slot> slot)
        : background_(finish.context.background),
          mailbox_(finish.context.mailbox),
          finish_(std::move(finish)),
          body_(std::move(body)),
          slot_(std::move(slot)) {}

    // On the loop.
    void begin(BodySink::Hold hold) { hold_ = std::move(hold); }
    void add(base::Octets octets) {
        bool hold = false;
        {
            const std::lock_guard lock(mutex_);
            waiting_ += base::as_text(octets);
            received_ += octets.size();
            hold = waiting_.size() >= kWindow && !held_;
            held_ = held_ || hold;
            start();
        }
        if (hold) hold_(true);
    }
    void end() {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        if (finish_.work) finish_.work->total = received_;
        start();
    }
    // Nobody waits for it any more. What it holds is let go of where it does not hold up the loop.
    void give_up() {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        given_up_ = true;
        start();
    }

  private:
    void start() {  // under the lock
        if (working_) return;
        working_ = true;
        background_.run([self = shared_from_this()] { self->work(); });
    }

    // On a background thread, one at a time: a piece, and then others have their turn.
    void work() {
        std::string piece;
        bool go_on = false;
        {
            const std::lock_guard lock(mutex_);
            piece.swap(waiting_);
            if (!given_up_ && piece.empty() && !ended_) {
                working_ = false;
                return;
            }
            go_on = held_;
            held_ = false;
            if (given_up_) {
                body_.reset();
                slot_.reset();
                return;
            }
        }
        if (go_on) mailbox_->post([self = shared_from_this()] { self->hold_(false); });
        if (finish_.cancelled()) {
            body_.reset();
            slot_.reset();
            mailbox_->post([self = shared_from_this()] {
                self->finish_.respond(cancelled_reply(*self->finish_.work));
            });
            return;
        }
        if (!piece.empty()) {
            body_->feed(base::as_octets(piece));
            if (finish_.work) finish_.work->done += piece.size();
            background_.run([self = shared_from_this()] { self->work(); });
            return;
        }
        auto finished = std::make_shared<Finished>(body_->finish());
        std::optional<std::uint32_t> old_ttl_s;
        if (*finished && finish_.existed) {
            const auto reader = finish_.context.service.store().read();
            old_ttl_s = longest_ttl(*reader, finish_.apex, {finish_.view});
        }
        body_.reset();
        slot_.reset();
        mailbox_->post([self = shared_from_this(), finished, old_ttl_s] {
            self->finish_.run(std::move(*finished), old_ttl_s);
        });
    }

    Background& background_;
    const std::shared_ptr<Mailbox> mailbox_;
    const Finish finish_;
    BodySink::Hold hold_;  // of the loop
    // Of whoever works.
    std::unique_ptr<ZoneBody> body_;
    std::unique_ptr<Imports::Slot> slot_;

    std::mutex mutex_;
    std::string waiting_;  // guarded by mutex_, as all below
    std::uint64_t received_ = 0;
    bool working_ = false;   // a task has been given to the background, and no other one will be
    bool held_ = false;      // the client is held back
    bool ended_ = false;     // no more will come
    bool given_up_ = false;  // and nobody wants to know
};

class ImportSink final : public BodySink {
  public:
    explicit ImportSink(std::shared_ptr<Upload> upload) : upload_(std::move(upload)) {}
    ~ImportSink() override { upload_->give_up(); }

    void on_begin(Hold hold) override { upload_->begin(std::move(hold)); }
    bool on_body(base::Octets octets) override {
        upload_->add(octets);
        return true;
    }
    void on_end() override { upload_->end(); }

  private:
    const std::shared_ptr<Upload> upload_;
};

}  // namespace

std::unique_ptr<BodySink> put_zone(Context& context, Request request, Respond respond) {
    const auto refuse = [&](Reply reply) {
        respond(std::move(reply));
        return std::unique_ptr<BodySink>();
    };
    const std::string type = request.content_type();
    const bool lines = type == "application/x-ndjson";
    if (type != "text/dns" && type != "application/json" && !lines) {
        Reply reply = problem(415, std::string("a zone is replaced by ") + kZoneTypes);
        reply.headers.add("accept", kZoneTypes);
        return refuse(std::move(reply));
    }
    auto condition = write_condition(request);
    if (!condition) return refuse(problem(400, condition.error().message));
    const auto apex = parse_zone_name(request.path[0]);
    if (!apex) return refuse(problem(422, apex.error().message));
    zones::Store& store = context.service.store();
    const auto zone = store.read()->zone(*apex);
    if (!zone) return refuse(problem(503, zone.error().message));
    std::string view = request.query.get("view").value_or("");
    if (view == (*zone && !(*zone)->view.empty() ? (*zone)->view : "default")) view.clear();
    if (!view.empty() && !*zone) {
        return refuse(problem(404, "there is no zone " + apex->to_text() + " for an overlay"));
    }
    auto slot = context.imports.begin();
    if (slot == nullptr) {
        return refuse(busy("the server takes in " + std::to_string(Imports::kMax) +
                               " zones at a time, and is doing that now",
                           kRetryAfterS));
    }
    std::unique_ptr<ZoneBody> body;
    if (!view.empty()) {
        body = make_overlay_body(store, *apex, view,
                                 lines                ? OverlayFormat::Lines
                                 : type == "text/dns" ? OverlayFormat::MasterFile
                                                      : OverlayFormat::Object);
    } else {
        auto loader = store.begin_load(*apex);
        if (!loader) return refuse(problem(503, loader.error().message));
        body = type == "text/dns" ? make_master_file_body(std::move(*loader), *apex)
                                  : make_documents_body(std::move(*loader), *apex,
                                                        lines ? RRsetDocuments::Format::Lines
                                                              : RRsetDocuments::Format::Object);
    }
    return std::make_unique<ImportSink>(std::make_shared<Upload>(
        Finish{context, std::move(respond), std::move(*condition), submission_of(request), *apex,
               std::move(view), zone->has_value(), request.work},
        std::move(body), std::move(slot)));
}

}  // namespace admin
