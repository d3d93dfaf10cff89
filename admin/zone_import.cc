// PUT /v1/zones/{zone}: a body streamed into a loader, then swapped in.
#include "admin/zone_import.h"

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

constexpr const char* kZoneTypes = "text/dns, application/json, application/x-ndjson";

class ImportSink final : public BodySink {
  public:
    ImportSink(Context& context, Respond respond, std::unique_ptr<ZoneBody> import,
               zones::Precondition condition, Submission submission, dns::Name apex, bool existed)
        : context_(context),
          respond_(std::move(respond)),
          import_(std::move(import)),
          condition_(std::move(condition)),
          submission_(std::move(submission)),
          apex_(apex),
          existed_(existed) {}

    bool on_body(base::Octets octets) override {
        import_->feed(octets);
        return true;
    }

    // Sorting and writing a large zone takes seconds: not on the loop.
    void on_end() override {
        const std::shared_ptr<ZoneBody> import(std::move(import_));
        context_.background.run(
            [mailbox = context_.mailbox, import,
             finish = Finish{context_, respond_, condition_, submission_, apex_, existed_}] {
                auto finished = std::make_shared<Finished>(import->finish());
                mailbox->post([finish, finished] { finish.run(std::move(*finished)); });
            });
    }

  private:
    using Finished = base::Result<ZoneBody::Done, ZoneBody::Refused>;

    // What is left to do back on the admin loop, when the sink itself may be gone.
    struct Finish {
        Context& context;
        Respond respond;
        zones::Precondition condition;
        Submission submission;
        dns::Name apex;
        bool existed;

        void run(Finished finished) const {
            if (!finished) {
                return respond(
                    problem(422, std::to_string(finished.error().faults) + " faults in the zone",
                            std::move(finished.error().shown)));
            }
            std::vector<zones::Operation> operations;
            const std::uint64_t records = finished->zone.operation.records;
            operations.push_back({std::move(finished->zone.operation), condition});
            for (zones::Operation& operation : finished->more) {
                operations.push_back(std::move(operation));
            }
            submit(context, submission, std::move(operations),
                   [self = *this, records, warnings = std::move(finished->zone.warnings)](
                       Outcome outcome) { self.answer(std::move(outcome), records, warnings); });
        }

        void answer(Outcome outcome, std::uint64_t records,
                    const std::vector<std::string>& warnings) const {
            if (!outcome) return respond(problem(outcome.error()));
            outcome->warnings.insert(outcome->warnings.begin(), warnings.begin(), warnings.end());
            Json document = Json::object();
            document.set("name", apex.to_text());
            document.set("records", records);
            document.set("revision", outcome->revision);
            const bool created = !existed && !submission.dry_run;
            Reply reply = written(*outcome, created ? 201 : 200, std::move(document), std::nullopt,
                                  submission.dry_run);
            if (created) reply.headers.add("location", zone_url(apex));
            reply.headers.add("etag", make_etag(outcome->revision, "dns"));
            respond(std::move(reply));
        }
    };

    Context& context_;
    Respond respond_;
    std::unique_ptr<ZoneBody> import_;
    zones::Precondition condition_;
    Submission submission_;
    dns::Name apex_;
    bool existed_;
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
    if (!request.query.get("view").value_or("").empty()) {
        return refuse(problem(422, "a view's overlay is written RRset by RRset"));
    }
    auto loader = store.begin_load(*apex);
    if (!loader) return refuse(problem(503, loader.error().message));
    auto body = type == "text/dns" ? make_master_file_body(std::move(*loader), *apex)
                                   : make_documents_body(std::move(*loader), *apex,
                                                         lines ? RRsetDocuments::Format::Lines
                                                               : RRsetDocuments::Format::Object);
    return std::make_unique<ImportSink>(context, std::move(respond), std::move(body),
                                        std::move(*condition), submission_of(request), *apex,
                                        zone->has_value());
}

}  // namespace admin
