// Documents of a whole zone: however the body is cut they are the same, and of an object that a
// JSON parser takes they are the elements it finds. The first octet says how the body is cut.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "admin/json.h"
#include "admin/rrset_documents.h"
#include "base/octets.h"

namespace {

using Format = admin::RRsetDocuments::Format;

struct Found {
    std::vector<std::string> items;
    std::string lines, rest;
    bool operator==(const Found& other) const {
        return items == other.items && lines == other.lines && rest == other.rest;
    }
};

Found find(Format format, std::string_view text, std::size_t step) {
    Found out;
    admin::RRsetDocuments documents(format, [&out](const admin::RRsetDocuments::Item& item) {
        if (item.index != out.items.size()) std::abort();
        out.items.emplace_back(item.text);
        out.lines += std::to_string(item.line) + (item.too_long ? "! " : " ");
    });
    for (std::size_t at = 0; at < text.size(); at += step) documents.feed(text.substr(at, step));
    documents.finish();
    out.rest = documents.rest();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = base::as_text({data + 1, size - 1});
    const std::size_t step = std::max<std::size_t>(1, data[0]);
    for (const Format format : {Format::Object, Format::Lines}) {
        if (!(find(format, text, step) == find(format, text, text.size() + 1))) std::abort();
    }
    const auto whole = admin::Json::parse(text);
    if (!whole || !whole->is_object()) return 0;
    const Found found = find(Format::Object, text, step);
    const auto rest = admin::Json::parse(found.rest);
    if (!rest) std::abort();
    const admin::Json* list = whole->find("rrsets");
    if (list == nullptr || !list->is_array()) {
        if (!found.items.empty()) std::abort();
        return 0;
    }
    // Unless the member's name is written with escapes, which the import refuses.
    if (!rest->find("rrsets")->items().empty()) return 0;
    if (found.items.size() != list->items().size()) std::abort();
    for (std::size_t i = 0; i < found.items.size(); ++i) {
        const auto item = admin::Json::parse(found.items[i]);
        if (!item || item->dump() != list->items()[i].dump()) std::abort();
    }
    return 0;
}
