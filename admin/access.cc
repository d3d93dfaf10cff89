#include "admin/access.h"

#include <algorithm>
#include <array>
#include <variant>

#include "base/octets.h"

namespace admin {

namespace {

// The labels of a name, the root not among them.
class Labels {
  public:
    explicit Labels(dns::NameView name) {
        for (; !name.is_root(); name = name.parent()) labels_[count_++] = name.first_label();
    }
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] bool is_star(std::size_t i) const {
        return labels_[i].size() == 1 && labels_[i][0] == '*';
    }
    [[nodiscard]] bool same(std::size_t i, const Labels& other, std::size_t j) const {
        return labels_[i].size() == other.labels_[j].size() &&
               base::equal_ignoring_case(labels_[i].data(), other.labels_[j].data(),
                                         labels_[i].size());
    }

  private:
    static constexpr std::size_t kMaxLabels = 127;
    std::array<base::Octets, kMaxLabels> labels_{};
    std::size_t count_ = 0;
};

bool matches_any(const std::vector<dns::Name>& patterns, const dns::Name& name) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const dns::Name& pattern) { return matches_pattern(pattern, name); });
}

// Calls `each` with every string of a list that must be there and not be empty.
template <class Each>
void read_list(const Json& list, const std::string& pointer, Faults& faults, Each each) {
    if (!list.is_array() || list.items().empty()) {
        return faults.add(pointer, "a list that is not empty is wanted");
    }
    std::size_t index = 0;
    for (const Json& item : list.items()) {
        const std::string where = pointer + '/' + std::to_string(index++);
        if (item.as_string() == nullptr) {
            faults.add(where, "a string is wanted");
        } else {
            each(*item.as_string(), where);
        }
    }
}

struct Covers {
    const Rights& rights;

    bool operator()(const zones::PutZone& put) const {
        const bool asks_only =
            put.view.empty() && !put.soa_edit && !put.comment && put.ns.empty() && !put.soa_rdata;
        return asks_only ? rights.some_of(Verb::Write, put.apex)
                         : rights.zone(Verb::Write, put.apex);
    }
    bool operator()(const zones::DeleteZone& one) const {
        return rights.zone(Verb::Write, one.apex);
    }
    bool operator()(const zones::ReplaceZone& one) const {
        return rights.zone(Verb::Write, one.apex);
    }
    bool operator()(const zones::RevertZone& one) const {
        return rights.zone(Verb::Write, one.apex);
    }
    template <class Edit>
    bool rrset(const Edit& edit) const {
        return rights.rrset(Verb::Write, edit.zone, edit.name, edit.type);
    }
    bool operator()(const zones::PutRRset& edit) const { return rrset(edit); }
    bool operator()(const zones::AddRecords& edit) const { return rrset(edit); }
    bool operator()(const zones::RemoveRecords& edit) const { return rrset(edit); }
    bool operator()(const zones::DeleteRRset& edit) const { return rrset(edit); }
    bool operator()(const zones::PutPolicy& edit) const {
        return rights.policy(Verb::Write, edit.zone, edit.name, edit.type);
    }
    bool operator()(const zones::DeletePolicy& edit) const {
        return rights.policy(Verb::Write, edit.zone, edit.name, edit.type);
    }
    // What belongs to no zone, and what may have changed anything. Who makes tokens, or brings them
    // back, could give more than they have: so they must have all.
    [[nodiscard]] bool all() const {
        return rights.everything(Verb::Read) && rights.everything(Verb::Write);
    }
    bool operator()(const zones::PutDocument& put) const {
        return put.kind == "tokens" ? all() : rights.everything(Verb::Write);
    }
    bool operator()(const zones::DeleteDocument& /*one*/) const {
        return rights.everything(Verb::Write);
    }
    bool operator()(const zones::RevertRevision& /*revert*/) const { return all(); }
};

}  // namespace

std::string_view to_text(Verb verb) noexcept {
    switch (verb) {
        case Verb::Read:
            return "read";
        case Verb::Write:
            return "write";
        case Verb::Metrics:
            return "metrics";
    }
    return "";
}

bool matches_pattern(dns::NameView pattern, dns::NameView name) {
    const Labels want(pattern);
    const Labels have(name);
    // The usual search: a star takes as little as it can, and more when what follows does not fit.
    constexpr std::size_t kNone = ~std::size_t{0};
    std::size_t at = 0;
    std::size_t in = 0;
    std::size_t star = kNone;  // of `want`, the last one met
    std::size_t taken = 0;     // where what follows that star was tried
    while (in < have.size()) {
        if (at < want.size() && want.is_star(at)) {
            star = at++;
            taken = ++in;
        } else if (at < want.size() && want.same(at, have, in)) {
            ++at;
            ++in;
        } else if (star != kNone) {
            at = star + 1;
            in = ++taken;
        } else {
            return false;
        }
    }
    return at == want.size();
}

bool Rights::Scope::has(Verb verb) const {
    switch (verb) {
        case Verb::Read:
            return read;
        case Verb::Write:
            return write;
        case Verb::Metrics:
            return metrics || (read && unlimited());
    }
    return false;
}

bool Rights::Scope::has_zone(const dns::Name& zone) const {
    return any_zone || matches_any(zones, zone);
}

bool Rights::Scope::has_name(const dns::Name& name) const {
    return any_name || matches_any(names, name);
}

bool Rights::Scope::has_type(dns::RRType type) const {
    return any_type || std::find(types.begin(), types.end(), type) != types.end();
}

Rights Rights::all() {
    Rights rights;
    Scope scope;
    scope.read = scope.write = true;
    rights.scopes_.push_back(std::move(scope));
    return rights;
}

std::optional<Rights::Scope> Rights::parse_scope(const Json& document, const std::string& pointer,
                                                 Faults& faults) {
    const std::size_t before = faults.list.size();
    if (!document.is_object()) {
        faults.add(pointer, "an object with verbs is wanted");
        return std::nullopt;
    }
    check_members(document, {"verbs", "zones", "names", "types"}, pointer, faults);
    Scope scope;
    const auto patterns = [&](const char* key, bool& any, std::vector<dns::Name>& out) {
        const Json* list = document.find(key);
        if (list == nullptr) return;
        any = false;
        read_list(*list, pointer + '/' + key, faults,
                  [&](const std::string& text, const std::string& where) {
                      const auto name = dns::Name::parse(text);
                      if (!name) return faults.add(where, name.error().message);
                      out.push_back(*name);
                  });
    };
    patterns("zones", scope.any_zone, scope.zones);
    patterns("names", scope.any_name, scope.names);
    if (const Json* types = document.find("types")) {
        scope.any_type = false;
        read_list(*types, pointer + "/types", faults,
                  [&](const std::string& text, const std::string& where) {
                      const auto type = dns::parse_type(text);
                      if (!type) return faults.add(where, text + " is not a type");
                      scope.types.push_back(*type);
                  });
    }
    const Json* verbs = document.find("verbs");
    read_list(verbs == nullptr ? Json() : *verbs, pointer + "/verbs", faults,
              [&](const std::string& text, const std::string& where) {
                  scope.read = scope.read || text == "read";
                  scope.write = scope.write || text == "write";
                  scope.metrics = scope.metrics || text == "metrics";
                  if (text != "read" && text != "write" && text != "metrics") {
                      faults.add(where, "a verb is read, write or metrics");
                  }
              });
    if (faults.list.size() > before) return std::nullopt;
    return scope;
}

Rights Rights::parse(const Json& scopes, const std::string& pointer, Faults& faults) {
    Rights rights;
    if (!scopes.is_array()) {
        faults.add(pointer, "a list of scopes is wanted");
        return rights;
    }
    std::size_t index = 0;
    for (const Json& document : scopes.items()) {
        auto scope = parse_scope(document, pointer + '/' + std::to_string(index++), faults);
        if (scope) rights.scopes_.push_back(std::move(*scope));
    }
    return rights;
}

bool Rights::some(Verb verb) const {
    return std::any_of(scopes_.begin(), scopes_.end(),
                       [&](const Scope& scope) { return scope.has(verb); });
}

bool Rights::everything(Verb verb) const {
    return std::any_of(scopes_.begin(), scopes_.end(),
                       [&](const Scope& scope) { return scope.has(verb) && scope.unlimited(); });
}

bool Rights::some_of(Verb verb, const dns::Name& zone) const {
    return std::any_of(scopes_.begin(), scopes_.end(),
                       [&](const Scope& scope) { return scope.has(verb) && scope.has_zone(zone); });
}

bool Rights::zone(Verb verb, const dns::Name& zone) const {
    return std::any_of(scopes_.begin(), scopes_.end(), [&](const Scope& scope) {
        return scope.has(verb) && scope.any_name && scope.any_type && scope.has_zone(zone);
    });
}

bool Rights::rrset(Verb verb, const dns::Name& zone, const dns::Name& name,
                   dns::RRType type) const {
    return std::any_of(scopes_.begin(), scopes_.end(), [&](const Scope& scope) {
        return scope.has(verb) && scope.has_type(type) && scope.has_zone(zone) &&
               scope.has_name(name);
    });
}

bool Rights::policy(Verb verb, const dns::Name& zone, const dns::Name& name,
                    std::string_view type) const {
    if (type == "CNAME") return rrset(verb, zone, name, dns::RRType::CNAME);
    return rrset(verb, zone, name, dns::RRType::A) && rrset(verb, zone, name, dns::RRType::AAAA);
}

bool Rights::covers(const zones::Operation& operation) const {
    return std::visit(Covers{*this}, operation.what);
}

std::optional<Privacy> parse_privacy(std::string_view text) noexcept {
    if (text == "full") return Privacy::Full;
    if (text == "truncate") return Privacy::Truncate;
    if (text == "hash") return Privacy::Hash;
    if (text == "none") return Privacy::None;
    return std::nullopt;
}

}  // namespace admin
