// Master files: whatever is accepted must be valid rdata whose text reads back to the same octets,
// and cutting the input anywhere changes nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "dns/master_file.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace {

class Sink final : public dns::MasterSink {
  public:
    bool on_record(const dns::MasterRecord& record) override {
        if (!dns::rdata_valid(record.type, record.rdata)) std::abort();
        const std::string text = dns::format_rdata(record.type, record.rdata);
        const auto again = dns::parse_rdata(record.type, text, dns::NameView());
        if (!again || *again != record.rdata) std::abort();
        seen += record.owner.to_text() + text + "\n";
        return ++count < 2000;
    }
    bool on_fault(dns::MasterFault fault) override {
        seen += fault.to_text() + "\n";
        return ++count < 2000;
    }
    std::string seen;
    int count = 0;
};

std::string scan(base::Octets text, std::size_t piece) {
    Sink sink;
    dns::MasterScanner::Options options;
    options.origin = *dns::Name::parse("example.");
    dns::MasterScanner scanner(options, sink);
    while (!text.empty()) {
        const std::size_t size = piece < text.size() ? piece : text.size();
        if (!scanner.feed(text.first(size))) return sink.seen;
        text = text.subspan(size);
    }
    scanner.finish();
    return sink.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    const base::Octets text(data, size);
    if (scan(text, size + 1) != scan(text, 3)) std::abort();
    return 0;
}
