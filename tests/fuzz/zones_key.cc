// Keys: octets that are read as a node's key are written again octet by octet; a name's key gives
// the name back, and keys stand in the canonical order of names (RFC 4034, 6.1).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "zones/key.h"

namespace {

using base::Octets;

/// A name from raw octets: lengths are folded into what a label may have.
std::optional<dns::Name> make_name(Octets octets) {
    std::vector<std::uint8_t> wire;
    std::size_t at = 0;
    while (at < octets.size()) {
        const std::size_t length = 1U + octets[at] % dns::kMaxLabelOctets;
        const std::size_t taken = std::min(length, octets.size() - at - 1);
        if (taken == 0 || wire.size() + taken + 2 > dns::kMaxNameOctets) break;
        wire.push_back(static_cast<std::uint8_t>(taken));
        wire.insert(wire.end(), octets.begin() + static_cast<std::ptrdiff_t>(at + 1),
                    octets.begin() + static_cast<std::ptrdiff_t>(at + 1 + taken));
        at += 1 + taken;
    }
    wire.push_back(0);
    const auto checked = dns::NameView::check(wire);
    if (!checked) return std::nullopt;
    return dns::Name(*checked);
}

int sign(int value) {
    return value < 0 ? -1 : value > 0 ? 1 : 0;
}

void check_name(const dns::Name& name) {
    const Octets owner = name.octets().first(name.size() - 1);
    const std::string key = zones::node_key(7, owner);
    char flat[zones::kMaxNodeKeyOctets];
    const std::size_t size = zones::write_node_key(7, owner, flat);
    if (std::string_view(flat, size) != key) std::abort();
    const auto parts = zones::parse_node_key(key);
    if (!parts || parts->zone != 7) std::abort();
    const auto again = zones::absolute_owner(parts->relative_owner, dns::NameView());
    if (!again || !(*again == name)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Octets octets{data, size};
    const std::string_view text = base::as_text(octets);
    const auto parts = zones::parse_node_key(text);
    if (parts && zones::node_key(parts->zone, parts->relative_owner) != text) std::abort();

    if (size == 0) return 0;
    const std::size_t half = 1 + (size - 1) * data[0] / 256;
    const auto a = make_name(octets.subspan(1, half - 1));
    const auto b = make_name(octets.subspan(half));
    if (!a || !b) return 0;
    check_name(*a);
    check_name(*b);
    const std::string a_key = zones::canonical_key(*a);
    const std::string b_key = zones::canonical_key(*b);
    if (sign(a_key.compare(b_key)) != sign(a->view().compare(*b))) std::abort();
    if (a_key.starts_with(b_key) != a->view().is_at_or_below(*b)) std::abort();
    return 0;
}
