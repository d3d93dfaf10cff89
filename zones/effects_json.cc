#include <cstdio>

#include "dns/presentation.h"
#include "zones/node.h"
#include "zones/records.h"

namespace zones {

namespace {

/// Octets of the well-formed UTF-8 sequence at the start of `text` (RFC 3629, 4); 0: there is none.
std::size_t utf8_sequence(std::string_view text) {
    const auto at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = at(0);
    std::size_t size = 0;
    std::uint32_t code = 0;
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead < 0xe0) {
        size = 2;
        code = lead & 0x1fU;
    } else if (lead >= 0xe0 && lead < 0xf0) {
        size = 3;
        code = lead & 0x0fU;
    } else if (lead >= 0xf0 && lead < 0xf5) {
        size = 4;
        code = lead & 0x07U;
    } else {
        return 0;
    }
    if (text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
        code = (code << 6) | (at(i) & 0x3fU);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    return overlong || surrogate || code > 0x10ffff ? 0 : size;
}

const char* op_of(Effect::Kind kind) {
    switch (kind) {
        case Effect::Kind::Zone:
            return "zone";
        case Effect::Kind::Data:
            return "data";
        case Effect::Kind::RRset:
            return "rrset";
        case Effect::Kind::Policy:
            return "policy";
        case Effect::Kind::Document:
            return "document";
    }
    return "unknown";
}

/// `packed` is a node with one entry.
std::string rrset_json(const std::string& packed) {
    const auto node = NodeView::check(base::as_octets(packed));
    if (!node || node->empty()) return "null";
    const NodeEntry entry = *node->begin();
    if (entry.hidden()) return "{\"hidden\":true}";
    std::string out = "{\"ttl\":" + std::to_string(entry.rrset.ttl()) + ",\"records\":[";
    std::size_t index = 0;
    for (const base::Octets rdata : entry.rrset) {
        if (index > 0) out += ',';
        const std::string text = json_string(dns::format_rdata(entry.rrset.type(), rdata));
        if (entry.weights != nullptr) {
            out += "{\"data\":" + text + ",\"weight\":" + std::to_string(entry.weight(index)) + "}";
        } else {
            out += text;
        }
        ++index;
    }
    out += ']';
    if (entry.weights != nullptr) out += ",\"count\":" + std::to_string(entry.answer_count);
    return out + "}";
}

std::string side_json(const Effect& effect, const std::optional<std::string>& side) {
    if (!side) return "null";
    if (effect.kind == Effect::Kind::RRset) return rrset_json(*side);
    const bool secret = effect.kind == Effect::Kind::Document &&
                        (effect.label == "keys" || effect.label == "tokens");
    return secret ? "{\"redacted\":true}" : *side;
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t size = utf8_sequence(text);
        const char first = text[0];
        if (size == 0) {
            out += "\\ufffd";
        } else if (first == '"' || first == '\\') {
            out += '\\';
            out += first;
        } else if (static_cast<std::uint8_t>(first) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(first));
            out += escape;
        } else {
            out += text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return out + "\"";
}

std::string effects_json(const std::vector<Effect>& effects) {
    std::string out = "[";
    for (const Effect& effect : effects) {
        // An overlay that came or went is told by its RRsets.
        if (effect.kind == Effect::Kind::Data && effect.label == kOverlayLabel) continue;
        if (out.size() > 1) out += ',';
        out += std::string("{\"op\":\"") + op_of(effect.kind) + "\"";
        if (effect.kind == Effect::Kind::Document) {
            out += ",\"kind\":" + json_string(effect.label) + ",\"id\":" + json_string(effect.id);
        } else {
            out += ",\"zone\":" + json_string(effect.zone.to_text());
            if (!effect.view.empty()) out += ",\"view\":" + json_string(effect.view);
        }
        if (effect.kind == Effect::Kind::RRset || effect.kind == Effect::Kind::Policy) {
            const bool rrset = effect.kind == Effect::Kind::RRset;
            out += ",\"name\":" + json_string(effect.name.to_text()) +
                   ",\"type\":" + json_string(rrset ? dns::to_text(effect.type) : effect.label);
        }
        out += ",\"before\":" + side_json(effect, effect.before) +
               ",\"after\":" + side_json(effect, effect.after) + "}";
    }
    return out + "]";
}

}  // namespace zones
