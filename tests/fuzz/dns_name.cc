// Names and their compression: names read from the input are written into a message in the order
// given, read back, and must be the same but for case.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dns/message_writer.h"
#include "dns/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const base::Octets input(data, size);
    std::vector<dns::Name> names;
    for (std::size_t at = 0; at < size && names.size() < 200;) {
        const std::size_t before = at;
        const auto name = dns::Name::read(input, at);
        if (!name) {
            if (at != before) std::abort();
            ++at;
            continue;
        }
        if (at <= before) std::abort();
        names.push_back(*name);
        const auto again = dns::Name::parse(name->to_text());
        if (!again || !(*again == *name)) std::abort();
        if (again->view().hash(1) != name->view().hash(1)) std::abort();
        if (again->view().compare(*name) != 0) std::abort();
    }
    std::vector<std::uint8_t> buffer(4096);
    dns::MessageWriter writer(buffer);
    writer.header(0, dns::kFlagQR);
    if (!writer.question(dns::NameView(), dns::RRType::NS, dns::RRClass::IN)) std::abort();
    std::size_t written = 0;
    for (std::size_t i = 0; i + 1 < names.size(); i += 2) {
        if (!writer.record(dns::Section::Answer, names[i], dns::RRType::NS, dns::RRClass::IN, 1,
                           names[i + 1].octets())) {
            break;
        }
        written = i + 2;
    }
    const std::size_t length = writer.finish();
    if (length > buffer.size()) std::abort();
    const base::Octets message = base::Octets(buffer).first(length);
    auto reader = dns::MessageReader::open(message);
    if (!reader) std::abort();
    for (std::size_t i = 0; i < written; i += 2) {
        const auto next = reader->next();
        if (!next || !*next || !((*next)->owner == names[i])) std::abort();
        std::size_t at = (*next)->rdata_offset;
        const auto target = dns::Name::read(message, at);
        if (!target || !(*target == names[i + 1])) std::abort();
        if (at != (*next)->rdata_offset + (*next)->rdlength) std::abort();
    }
    return 0;
}
