// Rdata as text, both ways: what is read must be valid and come out as text that reads back to the
// same octets, and so must any valid rdata. The first two octets choose the type.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dns/presentation.h"
#include "dns/rdata.h"

namespace {

void must_read_back(dns::RRType type, base::Octets rdata) {
    const auto again = dns::parse_rdata(type, dns::format_rdata(type, rdata), dns::NameView());
    if (!again || again->size() != rdata.size()) std::abort();
    for (std::size_t i = 0; i < rdata.size(); ++i) {
        if ((*again)[i] != rdata[i]) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 4096) return 0;
    const base::Octets input(data, size);
    const auto type = static_cast<dns::RRType>(base::load_be16(data));
    const base::Octets rest = input.subspan(2);
    const auto rdata = dns::parse_rdata(type, base::as_text(rest), dns::NameView());
    if (rdata) {
        if (!dns::rdata_valid(type, *rdata)) std::abort();
        must_read_back(type, *rdata);
    }
    if (dns::rdata_valid(type, rest)) must_read_back(type, rest);
    return 0;
}
