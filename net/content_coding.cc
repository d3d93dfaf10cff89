// The only file that knows zlib, brotli and zstd.
#include "net/content_coding.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>

namespace net {

namespace {

constexpr std::size_t kBlock = std::size_t{16} << 10;

class GzipCompressor final : public Compressor {
  public:
    GzipCompressor() {
        constexpr int kLevel = 5;
        constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for RFC 1952
        constexpr int kMemory = 8;
        made_ = deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, kMemory,
                             Z_DEFAULT_STRATEGY) == Z_OK;
    }
    ~GzipCompressor() override {
        if (made_) deflateEnd(&stream_);
    }
    GzipCompressor(const GzipCompressor&) = delete;
    GzipCompressor& operator=(const GzipCompressor&) = delete;
    [[nodiscard]] bool made() const { return made_; }

    bool add(base::Octets piece, std::string& out) override { return run(piece, Z_NO_FLUSH, out); }
    bool finish(std::string& out) override { return run({}, Z_FINISH, out); }

  private:
    bool run(base::Octets piece, int flush, std::string& out) {
        // zlib does not write through next_in.
        stream_.next_in = const_cast<Bytef*>(piece.data());
        stream_.avail_in = static_cast<uInt>(piece.size());
        do {
            std::array<Bytef, kBlock> block;
            stream_.next_out = block.data();
            stream_.avail_out = block.size();
            if (deflate(&stream_, flush) == Z_STREAM_ERROR) return false;
            out.append(base::as_text({block.data(), block.size() - stream_.avail_out}));
        } while (stream_.avail_out == 0);
        return true;
    }

    z_stream stream_{};
    bool made_ = false;
};

class BrotliCompressor final : public Compressor {
  public:
    BrotliCompressor() : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
        constexpr std::uint32_t kQuality = 4;
        constexpr std::uint32_t kWindowBits = 18;
        if (state_ == nullptr) return;
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, kQuality);
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kWindowBits);
    }
    ~BrotliCompressor() override {
        if (state_ != nullptr) BrotliEncoderDestroyInstance(state_);
    }
    BrotliCompressor(const BrotliCompressor&) = delete;
    BrotliCompressor& operator=(const BrotliCompressor&) = delete;
    [[nodiscard]] bool made() const { return state_ != nullptr; }

    bool add(base::Octets piece, std::string& out) override {
        return run(piece, BROTLI_OPERATION_PROCESS, out);
    }
    bool finish(std::string& out) override { return run({}, BROTLI_OPERATION_FINISH, out); }

  private:
    bool run(base::Octets piece, BrotliEncoderOperation operation, std::string& out) {
        std::size_t left = piece.size();
        const std::uint8_t* next = piece.data();
        do {
            std::array<std::uint8_t, kBlock> block;
            std::uint8_t* to = block.data();
            std::size_t room = block.size();
            if (BrotliEncoderCompressStream(state_, operation, &left, &next, &room, &to, nullptr) ==
                BROTLI_FALSE) {
                return false;
            }
            out.append(base::as_text({block.data(), block.size() - room}));
        } while (left > 0 || BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE);
        return true;
    }

    BrotliEncoderState* state_;
};

class ZstdCompressor final : public Compressor {
  public:
    ZstdCompressor() : context_(ZSTD_createCCtx()) {
        constexpr int kLevel = 3;
        constexpr int kWindowBits = 18;  // decoders of browsers take up to 23
        if (context_ == nullptr) return;
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kLevel);
        ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kWindowBits);
        ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
    }
    ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }
    ZstdCompressor(const ZstdCompressor&) = delete;
    ZstdCompressor& operator=(const ZstdCompressor&) = delete;
    [[nodiscard]] bool made() const { return context_ != nullptr; }

    bool add(base::Octets piece, std::string& out) override {
        return run(piece, ZSTD_e_continue, out);
    }
    bool finish(std::string& out) override { return run({}, ZSTD_e_end, out); }

  private:
    bool run(base::Octets piece, ZSTD_EndDirective directive, std::string& out) {
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        while (true) {
            std::array<std::uint8_t, kBlock> block;
            ZSTD_outBuffer to{block.data(), block.size(), 0};
            const std::size_t left = ZSTD_compressStream2(context_, &to, &in, directive);
            if (ZSTD_isError(left) != 0) return false;
            out.append(base::as_text({block.data(), to.pos}));
            const bool done = directive == ZSTD_e_end ? left == 0 : in.pos == in.size;
            if (done) return true;
        }
    }

    ZSTD_CCtx* context_;
};

template <class Kind>
std::unique_ptr<Compressor> made_or_null() {
    auto compressor = std::make_unique<Kind>();
    if (!compressor->made()) return nullptr;
    return compressor;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// "0.8" as 800; anything that is no qvalue counts as 0 (RFC 9110, 12.4.2).
unsigned quality(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
    if (text.size() > 1 && text[1] != '.') return 0;
    unsigned value = text[0] == '1' ? 1000 : 0;
    unsigned digit = 100;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') return 0;
        value += static_cast<unsigned>(c - '0') * digit;
        digit /= 10;
    }
    return std::min(value, 1000U);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    return out;
}

}  // namespace

std::string_view to_text(ContentCoding coding) noexcept {
    switch (coding) {
        case ContentCoding::Identity:
            return "";
        case ContentCoding::Gzip:
            return "gzip";
        case ContentCoding::Brotli:
            return "br";
        case ContentCoding::Zstd:
            return "zstd";
    }
    return "";
}

unsigned weight_of(std::string_view item, std::string& name) {
    std::size_t semicolon = std::min(item.find(';'), item.size());
    name = lower(trim(item.substr(0, semicolon)));
    unsigned weight = 1000;
    while (semicolon < item.size()) {
        item.remove_prefix(semicolon + 1);
        semicolon = std::min(item.find(';'), item.size());
        const std::string parameter = lower(trim(item.substr(0, semicolon)));
        if (parameter.starts_with("q=")) weight = quality(std::string_view(parameter).substr(2));
    }
    return weight;
}

ContentCoding choose_coding(const HeaderList& headers) {
    constexpr int kNotNamed = -1;
    std::array<int, 4> weights{kNotNamed, kNotNamed, kNotNamed, kNotNamed};
    int any = kNotNamed;
    for (const HeaderList::Field& field : headers.fields()) {
        if (field.name != "accept-encoding") continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            const std::size_t end = std::min(list.find(','), list.size());
            std::string name;
            const int weight = static_cast<int>(weight_of(list.substr(0, end), name));
            list.remove_prefix(std::min(end + 1, list.size()));
            if (name == "*") any = weight;
            if (name == "identity") weights[0] = weight;
            if (name == "x-gzip") name = "gzip";  // RFC 9110, 8.4.1.3
            for (std::size_t i = 1; i < weights.size(); ++i) {
                if (name == to_text(static_cast<ContentCoding>(i))) weights[i] = weight;
            }
        }
    }
    ContentCoding best = ContentCoding::Identity;
    // Who says nothing of it takes the body as it is, and likes less to wait for it.
    int best_weight = std::max(weights[0], 0);
    for (std::size_t i = 1; i < weights.size(); ++i) {
        const int weight = weights[i] == kNotNamed ? any : weights[i];
        if (weight > 0 && weight >= best_weight) {
            best = static_cast<ContentCoding>(i);
            best_weight = weight;
        }
    }
    return best;
}

std::unique_ptr<Compressor> Compressor::make(ContentCoding coding) {
    switch (coding) {
        case ContentCoding::Identity:
            return nullptr;
        case ContentCoding::Gzip:
            return made_or_null<GzipCompressor>();
        case ContentCoding::Brotli:
            return made_or_null<BrotliCompressor>();
        case ContentCoding::Zstd:
            return made_or_null<ZstdCompressor>();
    }
    return nullptr;
}

}  // namespace net
