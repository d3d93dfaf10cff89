// What stands beside a question: OPT with its options, client subnets, signatures.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dns/edns.h"
#include "dns/tsig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const base::Octets octets(data, size);
    if (const auto subnet = dns::ClientSubnet::read(octets)) {
        // What was accepted is written as it was read.
        std::vector<std::uint8_t> out(subnet->octets());
        subnet->write(out.data());
        if (!std::equal(out.begin(), out.end(), octets.begin(), octets.end())) std::abort();
    }
    if (size >= 6) {
        const auto edns =
            dns::Edns::read(base::load_be16(data), base::load_be32(data + 2), octets.subspan(6));
        if (edns && edns->udp_payload < 512) std::abort();
        if (edns && edns->subnet && !edns->subnet_present) std::abort();
        if (edns && edns->cookie.size() > size) std::abort();
    }
    if (const auto tsig = dns::Tsig::read(octets, 0)) {
        // The error that answers it is one again, of the same key's algorithm.
        std::array<std::uint8_t, dns::Tsig::kMaxErrorOctets> buffer;
        const base::Octets rdata = tsig->error_rdata(dns::TsigError::BadKey, buffer);
        std::vector<std::uint8_t> record(tsig->key.octets().begin(), tsig->key.octets().end());
        for (const unsigned value : {250U, 255U, 0U, 0U, static_cast<unsigned>(rdata.size())}) {
            base::append_be16(record, static_cast<std::uint16_t>(value));
        }
        record.insert(record.end(), rdata.begin(), rdata.end());
        const auto again = dns::Tsig::read(record, 0);
        if (!again || !again->algorithm.equals(tsig->algorithm)) std::abort();
        if (again->original_id != tsig->original_id) std::abort();
    }
    return 0;
}
