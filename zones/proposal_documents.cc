#include "zones/documents.h"
#include "zones/proposal.h"

namespace zones {

namespace {

constexpr std::size_t kMaxIdOctets = 255;

bool id_valid(std::string_view id) {
    if (id.empty() || id.size() > kMaxIdOctets) return false;
    for (const char c : id) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    }
    return true;
}

}  // namespace

void Proposal::perform(const PutPolicy& put) {
    const auto where = target(put.zone, put.name, put.view);
    if (!where) return;
    if (put.type != "ADDRESS" && put.type != "CNAME") {
        fault(ChangeFault::Kind::Invalid, "/type", "must be ADDRESS or CNAME");
        return;
    }
    const auto faults = PolicyTable::check_policy(put.type, put.json);
    for (const PolicyTable::Fault& found : faults) {
        fault(ChangeFault::Kind::Invalid, found.pointer, found.message);
    }
    if (!faults.empty()) return;

    PolicyRecord record{revision_, where->zone->record.apex, put.name, where->view, put.type,
                        put.json};
    Effect effect;
    effect.kind = Effect::Kind::Policy;
    const auto value = draft_.get(Family::Config, record.key());
    const auto before = value ? PolicyRecord::parse(*value) : std::nullopt;
    if (before && before->json == put.json) return;
    if (before) effect.before = before->json;
    effect.zone = record.apex;
    effect.name = put.name;
    effect.view = view_name(where->view);
    effect.label = put.type;
    effect.after = put.json;
    outcome_.effects.push_back(std::move(effect));

    make_variant(*where);
    draft_.put(Family::Config, record.key(), record.pack());
    set_policy_flag(*where, true);
    touch(*where);
    steering_ = steering_.value_or(operation_);
}

void Proposal::erase_policy(const PolicyRecord& policy) {
    Effect effect;
    effect.kind = Effect::Kind::Policy;
    effect.zone = policy.apex;
    effect.name = policy.name;
    effect.view = view_name(policy.view);
    effect.label = policy.type;
    effect.before = policy.json;
    outcome_.effects.push_back(std::move(effect));
    draft_.erase(Family::Config, policy.key());
    steering_ = steering_.value_or(operation_);
}

void Proposal::perform(const DeletePolicy& remove) {
    const auto where = target(remove.zone, remove.name, remove.view);
    if (!where) return;
    const PolicyRecord wanted{0, where->zone->record.apex, remove.name, where->view, remove.type,
                              ""};
    const auto value = draft_.get(Family::Config, wanted.key());
    const auto policy = value ? PolicyRecord::parse(*value) : std::nullopt;
    if (!policy) {
        fault(ChangeFault::Kind::NotFound, "",
              "there is no policy " + remove.name.to_text() + " " + remove.type);
        return;
    }
    erase_policy(*policy);
    bool another = false;
    for (const char* type : {"ADDRESS", "CNAME"}) {
        PolicyRecord other = wanted;
        other.type = type;
        another = another || draft_.get(Family::Config, other.key()).has_value();
    }
    touch(*where);
    if (!another) set_policy_flag(*where, false);
}

void Proposal::perform(const PutDocument& put) {
    if (!document_kind_known(put.kind)) {
        fault(ChangeFault::Kind::Invalid, "", "there is no kind of document " + put.kind);
        return;
    }
    if (!id_valid(put.id)) {
        fault(ChangeFault::Kind::Invalid, "/id",
              "must be 1 to 255 octets without control characters");
        return;
    }
    const DocumentFaults faults = check_document(put.kind, put.id, put.json);
    for (const PolicyTable::Fault& found : faults) {
        fault(ChangeFault::Kind::Invalid, found.pointer, found.message);
    }
    if (!faults.empty()) return;

    const std::string key = DocumentRecord::key(put.kind, put.id);
    const auto value = draft_.get(Family::Config, key);
    const auto before = value ? DocumentRecord::parse(*value) : std::nullopt;
    if (before && before->json == put.json) return;
    DocumentRecord record{revision_, before ? before->number : 0, put.json};
    if (put.kind == "views" && !before) record.number = outcome_.counters.next_view++;

    Effect effect;
    effect.kind = Effect::Kind::Document;
    effect.label = put.kind;
    effect.id = put.id;
    if (before) effect.before = before->json;
    effect.after = put.json;
    outcome_.effects.push_back(std::move(effect));
    draft_.put(Family::Config, key, record.pack());
    documents_.insert_or_assign({put.kind, put.id}, operation_);
    if (document_steers(put.kind)) steering_ = steering_.value_or(operation_);
    if (put.kind == "views" || put.kind == "networks") views_changed_ = true;
}

void Proposal::perform(const DeleteDocument& remove) {
    const std::string key = DocumentRecord::key(remove.kind, remove.id);
    const auto value =
        document_kind_known(remove.kind) ? draft_.get(Family::Config, key) : std::nullopt;
    const auto before = value ? DocumentRecord::parse(*value) : std::nullopt;
    if (!before) {
        fault(ChangeFault::Kind::NotFound, "",
              "there is no document " + remove.kind + "/" + remove.id);
        return;
    }
    Effect effect;
    effect.kind = Effect::Kind::Document;
    effect.label = remove.kind;
    effect.id = remove.id;
    effect.before = before->json;
    outcome_.effects.push_back(std::move(effect));
    draft_.erase(Family::Config, key);
    documents_.insert_or_assign({remove.kind, remove.id}, operation_);
    if (document_steers(remove.kind)) steering_ = steering_.value_or(operation_);
    if (remove.kind == "views" || remove.kind == "networks") views_changed_ = true;
}

}  // namespace zones
