// A view's overlay of a zone as it stands in a request's body.
#include <algorithm>
#include <map>
#include <utility>

#include "admin/zone_body.h"
#include "dns/master_file.h"
#include "dns/rdata.h"
#include "dns/types.h"

namespace admin {

namespace {

using zones::Operation;

class OverlayBody final : public ZoneBody, public dns::MasterSink {
  public:
    OverlayBody(zones::Store& store, const dns::Name& apex, std::string view, OverlayFormat format)
        : store_(store),
          apex_(apex),
          view_(std::move(view)),
          format_(format),
          documents_(format == OverlayFormat::Lines ? RRsetDocuments::Format::Lines
                                                    : RRsetDocuments::Format::Object,
                     [this](const RRsetDocuments::Item& item) { take(item); }) {
        if (format != OverlayFormat::MasterFile) return;
        dns::MasterScanner::Options options;
        options.origin = apex;
        scanner_ = std::make_unique<dns::MasterScanner>(std::move(options), *this);
    }

    void feed(base::Octets piece) override {
        if (scanner_) {
            (void)scanner_->feed(piece);
        } else {
            documents_.feed(base::as_text(piece));
        }
    }

    [[nodiscard]] base::Result<Done, Refused> finish() override {
        if (scanner_) {
            (void)scanner_->finish();
        } else {
            documents_.finish();
            if (format_ == OverlayFormat::Object) take_rest();
        }
        if (rrsets_.size() > kMaxOverlayRRsets || octets_ > kMaxOverlayOctets) {
            fault(0, "",
                  "an overlay of more than " + std::to_string(kMaxOverlayRRsets) +
                      " RRsets or 4 MiB; write it RRset by RRset");
        }
        Done done;
        if (refused_.faults == 0) remove_others(done.more);
        if (refused_.faults > 0) return base::fail(std::move(refused_));
        for (auto& rrset : rrsets_) {
            done.records += rrset.second.value.records.size();
            done.more.push_back({std::move(rrset.second), {}});
        }
        done.warnings = std::move(warnings_);
        return done;
    }

  private:
    // In canonical order, so that the same body makes the same change set.
    using Key = std::pair<dns::Name, dns::RRType>;
    struct Less {
        bool operator()(const Key& a, const Key& b) const {
            const int order = a.first.view().compare(b.first);
            return order != 0 ? order < 0 : a.second < b.second;
        }
    };

    void fault(std::uint64_t line, std::string pointer, const std::string& message) {
        ++refused_.faults;
        if (refused_.shown.size() == kMaxFaultsShown) return;
        const std::string where = line == 0 ? "" : "zone:" + std::to_string(line) + ": ";
        refused_.shown.push_back({std::move(pointer), where + message});
    }
    [[nodiscard]] bool full() const {
        return rrsets_.size() > kMaxOverlayRRsets || octets_ > kMaxOverlayOctets;
    }

    bool on_record(const dns::MasterRecord& record) override {
        if (record.rr_class != dns::RRClass::IN) {
            fault(record.line, "",
                  "class " + dns::to_text(record.rr_class) + ": zones are of class IN");
            return true;
        }
        zones::PutRRset& rrset = rrset_at(record.owner, record.type);
        if (rrset.value.records.empty()) {
            rrset.value.ttl = record.ttl;
        } else if (rrset.value.ttl != record.ttl && warnings_.size() < kMaxFaultsShown) {
            warnings_.push_back("zone:" + std::to_string(record.line) + ": " +
                                record.owner.to_text() + ' ' + dns::to_text(record.type) +
                                ": records with several TTLs, the first one is taken "
                                "(RFC 2181, 5.2)");
        }
        octets_ += record.rdata.size() + kRecordOctets;
        rrset.value.records.push_back(record.rdata);
        return !full();
    }
    bool on_fault(dns::MasterFault found) override {
        fault(found.line, "", found.message);
        return true;
    }

    zones::PutRRset& rrset_at(const dns::Name& owner, dns::RRType type) {
        const auto made = rrsets_.try_emplace(Key(owner, type));
        zones::PutRRset& rrset = made.first->second;
        if (made.second) {
            rrset.zone = apex_;
            rrset.name = owner;
            rrset.type = type;
            rrset.view = view_;
            octets_ += kRRsetOctets;
        }
        return rrset;
    }

    void take(const RRsetDocuments::Item& item) {
        if (full()) return;
        const std::string pointer = format_ == OverlayFormat::Object
                                        ? "/rrsets/" + std::to_string(item.index)
                                        : std::string();
        if (item.too_long) return fault(item.line, pointer, "a document of more than 1 MiB");
        const auto document = Json::parse(item.text);
        if (!document) return fault(item.line, pointer, document.error().message);
        Faults faults;
        take(*document, faults);
        for (const Fault& found : faults.list) {
            fault(item.line, pointer + found.pointer, found.message);
        }
    }
    void take(const Json& document, Faults& faults) {
        if (!document.is_object()) return faults.add("", "an RRset is an object");
        check_members(document,
                      {"name", "type", "ttl", "records", "count", "hidden", "view",
                       "old_answer_until", "revision"},
                      "", faults);
        const Json* view = document.find("view");
        if (view != nullptr && (view->as_string() == nullptr || *view->as_string() != view_)) {
            faults.add("/view", "the request is for the view " + view_);
        }
        const std::string* name = text_member(document, "name", "", faults);
        const std::string* type_text = text_member(document, "type", "", faults);
        if (!faults.none()) return;
        const auto owner = parse_name(*name, apex_);
        if (!owner) return faults.add("/name", owner.error().message);
        const auto type = dns::parse_type(*type_text);
        if (!type || dns::is_meta(*type)) {
            return faults.add("/type", type ? *type_text + " cannot be stored in a zone"
                                            : "unknown type " + *type_text);
        }
        zones::RRsetValue value = parse_rrset_value(document, apex_, *type, "", faults);
        if (!faults.none()) return;
        if (rrsets_.count(Key(*owner, *type)) != 0) {
            return faults.add("", owner->to_text() + ' ' + *type_text + " stands here twice");
        }
        for (const auto& rdata : value.records) octets_ += rdata.size() + kRecordOctets;
        rrset_at(*owner, *type).value = std::move(value);
    }
    // The object around the RRsets.
    void take_rest() {
        if (documents_.rest_too_long()) return fault(0, "", "a document of more than 1 MiB");
        const auto document = Json::parse(documents_.rest());
        if (!document) return fault(0, "", "beside its rrsets: " + document.error().message);
        Faults faults;
        const Json* rrsets = document->find("rrsets");
        if (rrsets == nullptr || !rrsets->is_array()) {
            faults.add("/rrsets", "the overlay's RRsets are wanted, as a list");
        } else if (!rrsets->items().empty()) {
            faults.add("/rrsets", "the member's name is wanted without escapes");
        }
        check_members(*document, {"rrsets"}, "", faults);
        for (const Fault& found : faults.list) fault(0, found.pointer, found.message);
    }

    // What is there and stands not in the body goes.
    void remove_others(std::vector<Operation>& operations) {
        const auto reader = store_.read();
        std::optional<zones::StoreReader::Position> after;
        std::size_t there = 0;
        for (bool more = true; more;) {
            const auto page = reader->rrsets(apex_, view_, after, kPage);
            if (!page) return fault(0, "", page.error().message);
            more = page->size() == kPage;
            there += page->size();
            if (there > kMaxOverlayRRsets) {
                return fault(0, "",
                             "the overlay has more than " + std::to_string(kMaxOverlayRRsets) +
                                 " RRsets; write it RRset by RRset");
            }
            for (const zones::RRsetInfo& info : *page) {
                after = zones::StoreReader::Position{info.name, info.type};
                const bool stays = scanner_ && info.value.hidden;
                if (stays || rrsets_.count(Key(info.name, info.type)) != 0) continue;
                operations.push_back({zones::DeleteRRset{apex_, info.name, info.type, view_}, {}});
            }
        }
    }

    static constexpr std::size_t kPage = 1000;
    static constexpr std::size_t kRRsetOctets = 64;  // beside the records
    static constexpr std::size_t kRecordOctets = 32;

    zones::Store& store_;
    const dns::Name apex_;
    const std::string view_;
    const OverlayFormat format_;
    RRsetDocuments documents_;
    std::unique_ptr<dns::MasterScanner> scanner_;
    std::map<Key, zones::PutRRset, Less> rrsets_;
    std::size_t octets_ = 0;
    std::vector<std::string> warnings_;
    Refused refused_;
};

}  // namespace

std::unique_ptr<ZoneBody> make_overlay_body(zones::Store& store, const dns::Name& apex,
                                            std::string view, OverlayFormat format) {
    return std::make_unique<OverlayBody>(store, apex, std::move(view), format);
}

}  // namespace admin
