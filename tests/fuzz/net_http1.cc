// HTTP/1.1 requests: whatever comes, and however it is cut, the events are the same. The first
// octet says how the rest is cut.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "net/http1.h"

namespace {

class Recorder final : public net::Http1Decoder::Events {
  public:
    void on_head(net::RequestHead head) override {
        text += head.method + head.authority + head.path + "?" + head.query;
        for (const auto& field : head.headers.fields()) {
            text.append(field.name).append("=").append(field.value);
        }
    }
    void on_body(base::Octets octets) override { text += base::as_text(octets); }
    void on_end(const net::HeaderList& trailers) override {
        text += "<end>" + std::to_string(trailers.fields().size());
    }
    std::string text;
};

std::string decode(base::Octets input, std::size_t step) {
    Recorder events;
    net::Http1Decoder decoder({2048, 1024, 16}, events);
    while (!input.empty()) {
        base::Octets piece = input.first(std::min(step, input.size()));
        input = input.subspan(piece.size());
        while (!piece.empty()) {
            const auto used = decoder.receive(piece);
            if (!used) return events.text + std::to_string(used.error().status);
            if (*used == 0 || *used > piece.size()) std::abort();
            piece = piece.subspan(*used);
        }
    }
    return events.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const base::Octets input(data + 1, size - 1);
    if (decode(input, input.size()) != decode(input, std::size_t{data[0]} % 40 + 1)) std::abort();
    return 0;
}
