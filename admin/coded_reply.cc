#include "admin/coded_reply.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "admin/etag.h"

namespace admin {

namespace {

// More at a time would hold up the loop.
constexpr std::size_t kPieceOctets = std::size_t{64} << 10;
// A body up to this is compressed at once, and so no compressor waits for a client that reads
// slowly or not at all.
constexpr std::size_t kAtOnceOctets = 4 * kPieceOctets;

bool compressible(std::string_view type) {
    type = type.substr(0, type.find(';'));
    return type.starts_with("text/") || type == "application/json" ||
           type == "application/problem+json" || type == "application/x-ndjson";
}

// A body on its way through a compressor.
class CodedBody {
  public:
    CodedBody(std::unique_ptr<net::Compressor> compressor, std::string body,
              std::function<base::Result<std::string>()> more)
        : compressor_(std::move(compressor)), body_(std::move(body)), more_(std::move(more)) {
        ++waiting;
    }
    ~CodedBody() { --waiting; }
    CodedBody(const CodedBody&) = delete;
    CodedBody& operator=(const CodedBody&) = delete;

    // How many there are.
    static inline std::atomic<std::size_t> waiting{0};

    base::Result<std::string> next() {
        std::string out;
        while (out.empty() && !finished_) {
            auto piece = take();
            if (!piece) return piece;
            finished_ = piece->empty();
            const bool done = finished_ ? compressor_->finish(out)
                                        : compressor_->add(base::as_octets(*piece), out);
            if (!done) return base::fail("a body could not be compressed");
        }
        return out;
    }

  private:
    // Empty: that was all.
    base::Result<std::string> take() {
        if (at_ < body_.size()) {
            std::string piece = body_.substr(at_, kPieceOctets);
            at_ += piece.size();
            return piece;
        }
        if (!more_) return std::string();
        return more_();
    }

    std::unique_ptr<net::Compressor> compressor_;
    std::string body_;
    std::size_t at_ = 0;
    std::function<base::Result<std::string>()> more_;
    bool finished_ = false;
};

// The tag that the client has shown of what was not modified: in our coding, if it has that one.
void tag_of_unmodified(Reply& reply, const net::HeaderList& request, net::ContentCoding coding) {
    const std::string etag(reply.headers.get("etag").value_or(""));
    if (etag.empty()) return;
    const std::string coded = coded_etag(etag, coding);
    const auto shown = TagList::read(request, "if-none-match");
    if (!shown || !*shown) return;
    for (const TagList::Tag& tag : (*shown)->tags) {
        if (coded == '"' + tag.opaque + '"') reply.headers.set("etag", coded);
    }
}

}  // namespace

void vary_by(net::HeaderList& headers, std::string_view name) {
    if (headers.has_token("vary", name)) return;
    const std::string before(headers.get("vary").value_or(""));
    headers.set("vary", before.empty() ? std::string(name) : before + ", " + std::string(name));
}

void encode_reply(Reply& reply, const net::HeaderList& request) {
    const net::ContentCoding coding = net::choose_coding(request);
    if (reply.status == 304) {
        vary_by(reply.headers, "accept-encoding");
        return tag_of_unmodified(reply, request, coding);
    }
    if (!compressible(reply.headers.get("content-type").value_or(""))) return;
    vary_by(reply.headers, "accept-encoding");
    if (coding == net::ContentCoding::Identity) return;
    if (!reply.more && reply.body.size() < kMinCodedOctets) return;
    const bool at_once = !reply.more && reply.body.size() <= kAtOnceOctets;
    if (!at_once && CodedBody::waiting >= kMaxCodedBodies) return;
    auto compressor = net::Compressor::make(coding);
    if (!compressor) return;  // short of memory: as it is
    std::string coded;
    if (at_once) {
        const bool done =
            compressor->add(base::as_octets(reply.body), coded) && compressor->finish(coded);
        if (!done) return;
    }
    reply.headers.set("content-encoding", net::to_text(coding));
    if (const auto etag = reply.headers.get("etag")) {
        reply.headers.set("etag", coded_etag(*etag, coding));
    }
    if (at_once) {
        reply.body = std::move(coded);
        return;
    }
    auto body = std::make_shared<CodedBody>(std::move(compressor), std::move(reply.body),
                                            std::move(reply.more));
    reply.body.clear();
    reply.more = [body] { return body->next(); };
}

}  // namespace admin
