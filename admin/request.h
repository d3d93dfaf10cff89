#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "base/result.h"
#include "base/time.h"
#include "net/http.h"
#include "zones/change_set.h"

namespace admin {

class Rights;
struct Work;
enum class Privacy : std::uint8_t;

/// Who asks, and what they may do.
struct Principal {
    std::string name;                       // token name, "uid:0"; empty: nobody
    std::shared_ptr<const Rights> rights;   // never null for somebody (access.h)
    Privacy privacy{};                      // of the feed
    std::optional<base::WallTime> expires;  // of the token; empty: never
    std::vector<base::IpPrefix> from;       // where the token is good; empty: anywhere
    std::string token_hash;                 // of the token behind it; empty: there is none
    bool by_certificate = false;            // which a browser shows unasked, also for other sites
    bool by_cookie = false;                 // a browser's session: writes need the CSRF header
    std::string csrf;                       // the value that header must have
};

/// The query component as pairs, in order, percent-decoded ('+' is a space).
class QueryParameters {
  public:
    /// Fails when an escape is not well-formed.
    [[nodiscard]] static base::Result<QueryParameters> parse(std::string_view query);
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
    [[nodiscard]] bool flag(std::string_view key) const;  // "true", "1" or empty
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
        return pairs_;
    }

  private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

/// One request as a resource sees it: authenticated, matched to its route, body complete
/// (streaming routes apart).
struct Request {
    net::RequestHead head;
    std::vector<std::string> path;  // values of the pattern's {parameters}, decoded
    QueryParameters query;
    Principal principal;
    std::string id;  // of this request, for the log, the journal and the problem
    std::string body;
    std::optional<zones::Receipt> receipt;  // by which a repetition of it is known
    std::shared_ptr<Work> work;             // null: the client waits for the answer (jobs.h)

    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
        return head.headers.get(name);
    }
    /// The media type of the body, lower case, without parameters; empty if none.
    [[nodiscard]] std::string content_type() const;
    /// How much the client wants a media type (RFC 9110, 12.5.1): the quality times 1000 of the
    /// most specific range that matches; without Accept everything is 1000. 0: not acceptable.
    [[nodiscard]] unsigned accepts(std::string_view media_type) const;
};

/// What is sent back. A body either stands in `body` or is pulled piece by piece from `more`,
/// so that a zone of any size leaves in constant memory.
struct Reply {
    int status = 200;
    net::HeaderList headers;
    std::string body;
    /// The next piece; empty when the body is complete. On an error the exchange is reset, so that
    /// no client takes half a body for the whole. Called on the loop's thread.
    std::function<base::Result<std::string>()> more;

    [[nodiscard]] static Reply json(int status, std::string body);
    [[nodiscard]] static Reply empty(int status) {
        Reply reply;
        reply.status = status;
        return reply;
    }
};

/// Called once per request, on the admin loop's thread, at once or later.
using Respond = std::function<void(Reply)>;

/// Takes a request body as it arrives. Destroyed when the request is over or cancelled.
class BodySink {
  public:
    /// Holds the client back (true), or lets it go on. Admin loop; may be called when the client is
    /// gone.
    using Hold = std::function<void(bool)>;
    virtual ~BodySink() = default;
    /// Before anything else.
    virtual void on_begin(Hold hold) = 0;
    /// False: enough; the rest of the body is not wanted.
    virtual bool on_body(base::Octets octets) = 0;
    virtual void on_end() = 0;
};

}  // namespace admin
