#include "admin/documents.h"

#include <algorithm>
#include <limits>

#include "dns/presentation.h"
#include "dns/rdata.h"

namespace admin {

namespace {

bool ends_with_plain_dot(std::string_view text) {
    if (!text.ends_with('.')) return false;
    std::size_t backslashes = 0;
    for (std::size_t i = text.size() - 1; i > 0 && text[i - 1] == '\\'; --i) ++backslashes;
    return backslashes % 2 == 0;
}

// A whole number in [0, max]; anything else is a fault.
std::optional<std::uint32_t> whole_number(const Json& value, std::uint32_t max,
                                          const std::string& pointer, Faults& faults) {
    const auto number = value.as_integer();
    if (!number || *number < 0 || *number > static_cast<std::int64_t>(max)) {
        faults.add(pointer, "a whole number from 0 to " + std::to_string(max) + " is wanted");
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*number);
}

// A record that is an object: its rdata text, and what else it says.
std::string record_text(const Json& record, const std::string& pointer, bool weights_allowed,
                        std::optional<std::uint16_t>& weight, Faults& faults) {
    check_members(record, {"data", "weight", "disabled", "comment"}, pointer, faults);
    if (const Json* member = record.find("weight")) {
        if (!weights_allowed) {
            faults.add(pointer + "/weight", "weights are given with op put, for the whole RRset");
        } else if (const auto value = whole_number(*member, 65535, pointer + "/weight", faults)) {
            weight = static_cast<std::uint16_t>(*value);
        }
    }
    if (const Json* member = record.find("disabled")) {
        if (!member->as_bool()) {
            faults.add(pointer + "/disabled", "true or false is wanted");
        } else if (*member->as_bool()) {
            faults.add(pointer + "/disabled", "disabled records are not supported yet");
        }
    }
    if (const Json* member = record.find("comment")) {
        if (member->as_string() == nullptr) {
            faults.add(pointer + "/comment", "a string is wanted");
        } else if (!member->as_string()->empty()) {
            faults.add(pointer + "/comment", "comments of records are not supported yet");
        }
    }
    const Json* data = record.find("data");
    if (data == nullptr || data->as_string() == nullptr) {
        faults.add(pointer + "/data", "rdata in presentation form is wanted, as a string");
        return {};
    }
    return *data->as_string();
}

struct Records {
    std::vector<std::vector<std::uint8_t>> rdata;
    std::vector<std::uint16_t> weights;  // one per record, once one record has a weight
    bool weighted = false;
};

Records read_records(const Json& document, const dns::Name& zone, dns::RRType type,
                     const std::string& pointer, bool weights_allowed, Faults& faults) {
    Records out;
    const Json* list = document.find("records");
    if (list == nullptr || !list->is_array()) {
        faults.add(pointer + "/records", "a list of records is wanted");
        return out;
    }
    std::size_t index = 0;
    for (const Json& record : list->items()) {
        const std::string here = pointer + "/records/" + std::to_string(index++);
        std::optional<std::uint16_t> weight;
        std::string text;
        std::string where = here;
        const std::size_t before = faults.list.size();
        if (const std::string* plain = record.as_string()) {
            text = *plain;
        } else if (record.is_object()) {
            text = record_text(record, here, weights_allowed, weight, faults);
            where += "/data";
        } else {
            faults.add(here, "a record is a string or an object with \"data\"");
        }
        if (faults.list.size() > before) continue;
        auto rdata = dns::parse_rdata(type, text, zone);
        if (!rdata) {
            faults.add(where, rdata.error().message);
            continue;
        }
        out.weighted = out.weighted || weight.has_value();
        out.rdata.push_back(std::move(*rdata));
        out.weights.push_back(weight.value_or(1));
    }
    return out;
}

}  // namespace

base::Result<dns::Name> parse_zone_name(std::string_view text) {
    if (text.empty()) return base::fail("the name of the zone is empty");
    return dns::Name::parse(text);
}

base::Result<dns::Name> parse_name(std::string_view text, const dns::Name& zone) {
    if (text.empty()) return base::fail("the name is empty; the apex is written @");
    if (text == "@") return zone;
    auto absolute = dns::Name::parse(text);
    if (ends_with_plain_dot(text)) return absolute;
    if (absolute && absolute->view().is_at_or_below(zone)) return absolute;
    return dns::Name::parse(text, zone);
}

std::string encode_segment(std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') ||
                           std::string_view("-._~*@:").find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else {
            const auto octet = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[octet >> 4];
            out += kHex[octet & 15];
        }
    }
    return out;
}

std::string zone_url(const dns::Name& apex) {
    return "/v1/zones/" + encode_segment(apex.to_text());
}

std::string rrset_url(const dns::Name& apex, const dns::Name& name, dns::RRType type,
                      std::string_view view) {
    std::string url = zone_url(apex) + "/rrsets/" + encode_segment(name.to_text()) + '/' +
                      encode_segment(dns::to_text(type));
    if (!view.empty()) url += "?view=" + encode_segment(view);
    return url;
}

void check_members(const Json& document, const std::vector<std::string_view>& known,
                   const std::string& pointer, Faults& faults) {
    for (const Json::Member& member : document.members()) {
        if (std::find(known.begin(), known.end(), member.key) == known.end()) {
            faults.add(pointer + pointer_step(member.key), "there is no such member");
        }
    }
}

const std::string* text_member(const Json& document, const char* key, const std::string& pointer,
                               Faults& faults) {
    const Json* member = document.find(key);
    const std::string* text = member == nullptr ? nullptr : member->as_string();
    if (text == nullptr) faults.add(pointer + '/' + key, "a string is wanted");
    return text;
}

std::optional<std::uint32_t> parse_ttl_member(const Json& document, const std::string& pointer,
                                              Faults& faults) {
    const Json* member = document.find("ttl");
    if (member == nullptr) return std::nullopt;
    return whole_number(*member, std::numeric_limits<std::int32_t>::max(), pointer + "/ttl",
                        faults);
}

zones::RRsetValue parse_rrset_value(const Json& document, const dns::Name& zone, dns::RRType type,
                                    const std::string& pointer, Faults& faults) {
    zones::RRsetValue value;
    if (const Json* hidden = document.find("hidden")) {
        if (!hidden->as_bool()) faults.add(pointer + "/hidden", "true or false is wanted");
        value.hidden = hidden->as_bool().value_or(false);
    }
    if (value.hidden) {
        const Json* records = document.find("records");
        if (records != nullptr && !records->items().empty()) {
            faults.add(pointer + "/records", "an RRset that is hidden has no records");
        }
        return value;
    }
    if (const auto ttl = parse_ttl_member(document, pointer, faults)) {
        value.ttl = *ttl;
    } else if (document.find("ttl") == nullptr) {
        faults.add(pointer + "/ttl", "a TTL in seconds is wanted");
    }
    Records records = read_records(document, zone, type, pointer, true, faults);
    if (records.rdata.empty() && faults.none()) {
        faults.add(pointer + "/records", "an RRset has at least one record; DELETE takes it away");
    }
    value.records = std::move(records.rdata);
    if (records.weighted) value.weights = std::move(records.weights);
    if (const Json* count = document.find("count")) {
        if (const auto number = whole_number(*count, 65535, pointer + "/count", faults)) {
            value.answer_count = static_cast<std::uint16_t>(*number);
            if (*number == 0) faults.add(pointer + "/count", "an answer has at least one record");
        }
        if (!records.weighted) {
            faults.add(pointer + "/count", "count is for RRsets whose records have weights");
        }
    }
    return value;
}

std::vector<std::vector<std::uint8_t>> parse_records(const Json& document, const dns::Name& zone,
                                                     dns::RRType type, const std::string& pointer,
                                                     Faults& faults) {
    Records records = read_records(document, zone, type, pointer, false, faults);
    if (records.rdata.empty() && faults.none()) {
        faults.add(pointer + "/records", "at least one record is wanted");
    }
    return std::move(records.rdata);
}

namespace {

void set_value(Json& out, dns::RRType type, const zones::RRsetValue& value) {
    if (value.hidden) {
        out.set("hidden", true);
        return;
    }
    out.set("ttl", value.ttl);
    Json records = Json::array();
    for (std::size_t i = 0; i < value.records.size(); ++i) {
        std::string data = dns::format_rdata(type, value.records[i]);
        if (i < value.weights.size()) {
            Json record = Json::object();
            record.set("data", std::move(data));
            record.set("weight", value.weights[i]);
            records.push(std::move(record));
        } else {
            records.push(std::move(data));
        }
    }
    out.set("records", std::move(records));
    if (!value.weights.empty()) out.set("count", value.answer_count);
}

}  // namespace

Json rrset_value_json(dns::RRType type, const zones::RRsetValue& value) {
    Json out = Json::object();
    set_value(out, type, value);
    return out;
}

Json rrset_json(const zones::RRsetInfo& rrset, std::string_view view) {
    Json out = Json::object();
    out.set("name", rrset.name.to_text());
    out.set("type", dns::to_text(rrset.type));
    if (!view.empty()) out.set("view", view);
    set_value(out, rrset.type, rrset.value);
    return out;
}

Json zone_json(const zones::ZoneInfo& zone) {
    Json out = Json::object();
    out.set("name", zone.apex.to_text());
    out.set("view", zone.view.empty() ? Json() : Json(zone.view));
    out.set("serial", zone.serial);
    out.set("soa_edit", zone.soa_edit);
    out.set("comment", zone.comment);
    out.set("signed", zone.signed_elsewhere ? Json("elsewhere") : Json());
    out.set("revision", zone.revision);
    return out;
}

Json soa_json(base::Octets rdata) {
    const dns::SoaNumbers numbers = dns::soa_numbers(rdata);
    Json out = Json::object();
    out.set("mname", dns::rdata_name(dns::RRType::SOA, rdata, 0).to_text());
    out.set("rname", dns::rdata_name(dns::RRType::SOA, rdata, 1).to_text());
    out.set("serial", numbers.serial);
    out.set("refresh", numbers.refresh);
    out.set("retry", numbers.retry);
    out.set("expire", numbers.expire);
    out.set("minimum", numbers.minimum);
    return out;
}

zones::PutZone parse_zone(const Json& document, Faults& faults) {
    zones::PutZone zone;
    if (!document.is_object()) {
        faults.add("", "an object with name and ns is wanted");
        return zone;
    }
    check_members(document, {"name", "ns", "soa", "soa_edit", "view", "comment"}, "", faults);
    const Json* name = document.find("name");
    if (name == nullptr || name->as_string() == nullptr) {
        faults.add("/name", "the zone's name is wanted, as a string");
    } else if (auto apex = parse_zone_name(*name->as_string())) {
        zone.apex = *apex;
    } else {
        faults.add("/name", apex.error().message);
    }

    const Json* ns = document.find("ns");
    if (ns == nullptr || ns->items().empty()) {
        faults.add("/ns", "at least one name server is wanted");
    } else {
        std::size_t index = 0;
        for (const Json& server : ns->items()) {
            const std::string here = "/ns/" + std::to_string(index++);
            if (server.as_string() == nullptr) {
                faults.add(here, "a name is wanted, as a string");
                continue;
            }
            auto target = parse_name(*server.as_string(), zone.apex);
            if (target) {
                zone.ns.push_back(*target);
            } else {
                faults.add(here, target.error().message);
            }
        }
    }

    if (const Json* view = document.find("view"); view != nullptr && !view->is_null()) {
        if (view->as_string() == nullptr) faults.add("/view", "a view's name or null is wanted");
        if (view->as_string() != nullptr) zone.view = *view->as_string();
    }
    for (const char* key : {"soa_edit", "comment"}) {
        const Json* member = document.find(key);
        if (member == nullptr) continue;
        if (member->as_string() == nullptr) {
            faults.add(pointer_step(key), "a string is wanted");
        } else {
            (key == std::string_view("comment") ? zone.comment : zone.soa_edit) =
                *member->as_string();
        }
    }

    const Json* soa = document.find("soa");
    if (soa == nullptr || soa->is_null()) return zone;
    if (!soa->is_object()) {
        faults.add("/soa", "an object is wanted");
        return zone;
    }
    check_members(*soa, {"mname", "rname", "serial", "refresh", "retry", "expire", "minimum"},
                  "/soa", faults);
    // The defaults are those the store gives to a zone created without "soa".
    std::string text;
    const auto add_name = [&](const char* key, const std::string& otherwise) {
        const Json* member = soa->find(key);
        const std::string* value = member == nullptr ? nullptr : member->as_string();
        if (member != nullptr && value == nullptr) {
            faults.add("/soa" + pointer_step(key), "a name is wanted, as a string");
        }
        text += (value == nullptr ? otherwise : *value) + ' ';
    };
    const auto add_number = [&](const char* key, std::uint32_t otherwise) {
        const Json* member = soa->find(key);
        std::optional<std::uint32_t> value = otherwise;
        if (member != nullptr) {
            value = whole_number(*member, std::numeric_limits<std::uint32_t>::max(),
                                 "/soa" + pointer_step(key), faults);
        }
        text += std::to_string(value.value_or(otherwise)) + ' ';
    };
    add_name("mname", zone.ns.empty() ? std::string("@") : zone.ns.front().to_text());
    add_name("rname", "hostmaster");
    add_number("serial", 1);
    add_number("refresh", 7200);
    add_number("retry", 3600);
    add_number("expire", 1209600);
    add_number("minimum", 300);
    if (!faults.none()) return zone;
    auto rdata = dns::parse_rdata(dns::RRType::SOA, text, zone.apex);
    if (rdata) {
        zone.soa_rdata = std::move(*rdata);
    } else {
        faults.add("/soa", rdata.error().message);
    }
    return zone;
}

}  // namespace admin
