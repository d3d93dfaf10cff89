// Everything that reads a message from outside: request parsing, records, rdata, EDNS.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const base::Octets message(data, size);
    dns::Request request;
    if (dns::parse_request(message, request) == dns::RequestOutcome::Answer) {
        // A reply to it can always be started, and echoes the question octet for octet.
        std::vector<std::uint8_t> buffer(512);
        dns::MessageWriter writer(buffer);
        writer.header(request.header.id, dns::kFlagQR);
        if (!writer.question(request.question)) std::abort();
        if (writer.finish() != dns::kHeaderOctets + request.question.size()) std::abort();
    }
    auto reader = dns::MessageReader::open(message);
    if (!reader) return 0;
    std::vector<std::uint8_t> rdata;
    for (;;) {
        const auto next = reader->next();
        if (!next || !*next) break;
        const dns::Record& record = **next;
        rdata.clear();
        const bool read =
            dns::read_rdata(record.type, message, record.rdata_offset, record.rdlength, rdata)
                .has_value();
        // Who only wants to know hears the same; names uncompressed may be too long for a message.
        if (read &&
            !dns::rdata_readable(record.type, message, record.rdata_offset, record.rdlength)) {
            std::abort();
        }
        if (!read) continue;
        // What was accepted is well-formed uncompressed rdata, and reads as itself.
        if (!dns::rdata_valid(record.type, rdata)) std::abort();
        if (!dns::rdata_equal(record.type, rdata, rdata)) std::abort();
        if (record.type == dns::RRType::OPT) {
            static_cast<void>(dns::Edns::read(record.rr_class, record.ttl, rdata));
        }
    }
    return 0;
}
