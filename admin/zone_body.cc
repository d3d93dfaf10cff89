#include "admin/zone_body.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "admin/zone_import.h"
#include "dns/types.h"

namespace admin {

namespace {

// What the loader says of the zone as a whole.
ZoneBody::Refused refused_whole(zones::ZoneLoader::Refused refused) {
    ZoneBody::Refused out;
    out.faults = refused.faults;
    for (std::string& message : refused.shown) {
        if (out.shown.size() == ZoneBody::kMaxFaultsShown) break;
        out.shown.push_back({"", std::move(message)});
    }
    return out;
}

ZoneBody::Done done(zones::ZoneLoader::Finished finished, std::vector<zones::Operation> more) {
    const std::uint64_t records = finished.operation.records;
    return {std::move(finished.operation), records, std::move(finished.warnings), std::move(more)};
}

class MasterFileBody final : public ZoneBody {
  public:
    MasterFileBody(std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex)
        : import_(std::move(loader), apex, "zone") {}

    void feed(base::Octets piece) override { import_.feed(piece); }
    [[nodiscard]] base::Result<Done, Refused> finish() override {
        auto finished = import_.finish();
        if (!finished) return base::fail(refused_whole(std::move(finished.error())));
        return done(std::move(*finished), {});
    }

  private:
    ZoneImport import_;
};

class DocumentsBody final : public ZoneBody {
  public:
    DocumentsBody(std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex,
                  RRsetDocuments::Format format)
        : loader_(std::move(loader)),
          apex_(apex),
          object_(format == RRsetDocuments::Format::Object),
          documents_(format, [this](const RRsetDocuments::Item& item) { take(item); }) {}

    void feed(base::Octets piece) override { documents_.feed(base::as_text(piece)); }

    [[nodiscard]] base::Result<Done, Refused> finish() override {
        documents_.finish();
        if (object_) take_rest();
        if (refused_.faults > 0) return base::fail(std::move(refused_));
        auto finished = loader_->finish();
        loader_.reset();
        if (!finished) return base::fail(refused_whole(std::move(finished.error())));
        return done(std::move(*finished), std::move(more_));
    }

  private:
    // RRsets with weights go beside the others, through the change set, which is held in memory.
    static constexpr std::size_t kMaxWeighted = 10000;

    void fault(std::uint64_t line, std::string pointer, const std::string& message) {
        ++refused_.faults;
        if (refused_.shown.size() == kMaxFaultsShown) return;
        const std::string where = line == 0 ? "" : "zone:" + std::to_string(line) + ": ";
        refused_.shown.push_back({std::move(pointer), where + message});
    }
    void add_all(const RRsetDocuments::Item& item, const std::string& pointer,
                 const Faults& faults) {
        for (const Fault& found : faults.list) {
            fault(item.line, pointer + found.pointer, found.message);
        }
    }

    void take(const RRsetDocuments::Item& item) {
        const std::string pointer = object_ ? "/rrsets/" + std::to_string(item.index) : "";
        if (item.too_long) return fault(item.line, pointer, "a document of more than 1 MiB");
        const auto document = Json::parse(item.text);
        if (!document) return fault(item.line, pointer, document.error().message);
        Faults faults;
        take(*document, item, pointer, faults);
        add_all(item, pointer, faults);
    }

    void take(const Json& document, const RRsetDocuments::Item& item, const std::string& pointer,
              Faults& faults) {
        if (!document.is_object()) return faults.add("", "an RRset is an object");
        check_members(document,
                      {"name", "type", "ttl", "records", "count", "hidden", "view",
                       "old_answer_until", "revision"},
                      "", faults);
        const std::optional<dns::Name> owner = owner_of(document, faults);
        const std::optional<dns::RRType> type = type_of(document, faults);
        for (const char* key : {"hidden", "view"}) {
            const Json* member = document.find(key);
            const bool none = member == nullptr || member->is_null() ||
                              (member->as_bool() && !*member->as_bool());
            if (!none) faults.add(pointer_step(key), "a view's overlay is written RRset by RRset");
        }
        if (!faults.none()) return;
        zones::RRsetValue value = parse_rrset_value(document, apex_, *type, "", faults);
        if (!faults.none()) return;
        std::size_t index = 0;
        for (const std::vector<std::uint8_t>& rdata : value.records) {
            auto message = loader_->add_at({"zone", static_cast<std::uint32_t>(item.line)}, *owner,
                                           *type, value.ttl, rdata);
            if (message) {
                fault(item.line, pointer + "/records/" + std::to_string(index), *message);
            }
            ++index;
        }
        if (value.weights.empty()) return;
        if (more_.size() == kMaxWeighted) {
            return faults.add("", "more than 10000 RRsets with weights in one request");
        }
        more_.push_back({zones::PutRRset{apex_, *owner, *type, "", std::move(value)}, {}});
    }

    [[nodiscard]] std::optional<dns::Name> owner_of(const Json& document, Faults& faults) const {
        const Json* member = document.find("name");
        if (member == nullptr || member->as_string() == nullptr) {
            faults.add("/name", "the owner's name is wanted, as a string");
            return std::nullopt;
        }
        const auto owner = parse_name(*member->as_string(), apex_);
        if (owner) return *owner;
        faults.add("/name", owner.error().message);
        return std::nullopt;
    }
    [[nodiscard]] static std::optional<dns::RRType> type_of(const Json& document, Faults& faults) {
        const Json* member = document.find("type");
        if (member == nullptr || member->as_string() == nullptr) {
            faults.add("/type", "a type is wanted, as a string");
            return std::nullopt;
        }
        const auto type = dns::parse_type(*member->as_string());
        if (type && !dns::is_meta(*type)) return *type;
        faults.add("/type", type ? *member->as_string() + " cannot be stored in a zone"
                                 : "unknown type " + *member->as_string());
        return std::nullopt;
    }

    // The zone document around the RRsets.
    void take_rest() {
        if (documents_.rest_too_long()) return fault(0, "", "a zone document of more than 1 MiB");
        const auto document = Json::parse(documents_.rest());
        // Its line would not be the body's.
        if (!document) return fault(0, "", "beside its rrsets: " + document.error().message);
        const Json* rrsets = document->find("rrsets");
        Faults faults;
        if (rrsets == nullptr || !rrsets->is_array()) {
            faults.add("/rrsets", "the zone's RRsets are wanted, as a list");
        } else if (!rrsets->items().empty()) {
            faults.add("/rrsets", "the member's name is wanted without escapes");
        }
        // What GET shows may come back; the serial is the SOA's.
        check_members(*document,
                      {"name", "view", "ns", "soa", "soa_edit", "comment", "rrsets", "serial",
                       "signed", "revision"},
                      "", faults);
        take_properties(*document, faults);
        for (const Fault& found : faults.list) fault(0, found.pointer, found.message);
    }

    void take_properties(const Json& document, Faults& faults) {
        const Json* name = document.find("name");
        const std::string* text = name == nullptr ? nullptr : name->as_string();
        const auto apex = text == nullptr ? std::nullopt : name_of(*text);
        if (name != nullptr && apex != apex_) {
            faults.add("/name", "the request is for " + apex_.to_text());
        }
        const Json* view = document.find("view");
        if (view != nullptr && !view->is_null()) {
            faults.add("/view", "the view of a zone cannot be changed");
        }
        // Read as POST reads them, which wants a name and name servers.
        Json described = Json::object();
        described.set("name", apex_.to_text());
        Json nobody = Json::array();
        nobody.push(".");
        const bool servers = document.find("ns") != nullptr;
        described.set("ns", servers ? *document.find("ns") : std::move(nobody));
        for (const char* key : {"soa", "soa_edit", "comment"}) {
            if (const Json* member = document.find(key)) described.set(key, *member);
        }
        zones::PutZone zone = parse_zone(described, faults);
        if (!faults.none()) return;
        if (servers) {
            for (const dns::Name& server : zone.ns) add(dns::RRType::NS, server.octets(), faults);
        }
        if (zone.soa_rdata) add(dns::RRType::SOA, *zone.soa_rdata, faults);
        if (!zone.soa_edit && !zone.comment) return;
        zone.ns.clear();
        zone.soa_rdata.reset();
        more_.push_back({std::move(zone), {}});
    }
    [[nodiscard]] static std::optional<dns::Name> name_of(const std::string& text) {
        const auto name = parse_zone_name(text);
        return name ? std::optional<dns::Name>(*name) : std::nullopt;
    }
    void add(dns::RRType type, base::Octets rdata, Faults& faults) {
        const std::uint32_t ttl = zones::RRsetValue{}.ttl;  // as for a zone that POST creates
        auto message = loader_->add_at({}, apex_, type, ttl, rdata);
        if (message) faults.add(type == dns::RRType::NS ? "/ns" : "/soa", std::move(*message));
    }

    std::unique_ptr<zones::ZoneLoader> loader_;
    const dns::Name apex_;
    const bool object_;
    RRsetDocuments documents_;
    std::vector<zones::Operation> more_;
    Refused refused_;
};

}  // namespace

std::unique_ptr<ZoneBody> make_master_file_body(std::unique_ptr<zones::ZoneLoader> loader,
                                                const dns::Name& apex) {
    return std::make_unique<MasterFileBody>(std::move(loader), apex);
}

std::unique_ptr<ZoneBody> make_documents_body(std::unique_ptr<zones::ZoneLoader> loader,
                                              const dns::Name& apex,
                                              RRsetDocuments::Format format) {
    return std::make_unique<DocumentsBody>(std::move(loader), apex, format);
}

}  // namespace admin
