#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace admin {

/// How a client command reaches its server.
struct ClientOptions {
    std::string server;        // URL or path of the admin socket; empty: look for a socket
    std::string token;         // bearer token; empty: none (the socket knows its peers)
    std::string ca_file = {};  // PEM, whom to trust for https; empty: whom this machine trusts
    std::string certificate_file = {};  // PEM, to be known by (mTLS); empty: none
    std::string key_file = {};          // its key; empty: in the same file
    std::string data_dir;               // where to look for admin.sock; empty: the usual places
};

struct ClientResponse {
    int status = 0;
    std::string content_type;
    std::string link_next;  // the target of Link rel="next", empty if none
    std::optional<std::uint32_t> retry_after_s;
    std::string body;
};

/// Requests to a running server over libcurl (which stays in client.cc): HTTP over the admin
/// socket or a URL. One thread.
///
/// A request that may be sent again is, a few times with growing pauses: when nobody listens (a
/// server that was just started takes a moment), when the connection breaks, and when the server
/// says that it cannot do it now (429, 503). POST and PATCH carry an Idempotency-Key, so that what
/// was done before the connection broke is not done twice. Once it may have arrived, a DELETE is
/// not sent again, which would not find any more what it has deleted, nor a PUT with a condition,
/// which would meet what it has written, nor one whose answer cannot be had again (Body::once). A
/// body in pieces is never sent again: only its owner can begin it anew.
class Client {
  public:
    /// Finds the server. The error says where it was looked for.
    [[nodiscard]] static base::Result<std::unique_ptr<Client>> open(const ClientOptions& options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    struct Body {
        std::string_view content_type;
        std::string text;                   // the whole body, or
        std::function<std::string()> more;  // its pieces, until an empty one
        bool ask_first = false;             // no piece before the server wants it (100-continue)
        bool once = false;                  // the answer tells what is not told again
    };
    using Headers = std::vector<std::pair<std::string, std::string>>;
    /// An error means that there is no response: no connection, a broken one.
    [[nodiscard]] base::Result<ClientResponse> request(std::string_view method,
                                                       const std::string& path,
                                                       const Headers& headers = {},
                                                       const Body* body = nullptr);
    /// A response that is handed on as it arrives, for feeds and exports; a body of another
    /// status than 200 is collected instead. `take` returns false to stop, which is no error.
    [[nodiscard]] base::Result<ClientResponse> stream(
        const std::string& path, const Headers& headers,
        const std::function<bool(std::string_view)>& take);
    /// What messages call the server: its URL or socket.
    [[nodiscard]] const std::string& where() const noexcept;

  private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace admin
