#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "server/config.h"
#include "server/service.h"

namespace admin {

/// The admin server: HTTP API, feed, metrics and page, on a thread and loop of its own, over the
/// listeners of the configuration and the Unix socket RUN_DIR/admin.sock (0600; else in
/// DATA_DIR), whose peers are known by their credentials.
///
/// Start and stop on one thread, the one that owns the Service, which must outlive it. The other
/// members may be called from any thread.
class Admin {
  public:
    /// Makes the admin token at first start, binds, and serves. Fails, with nothing left
    /// running, with a sentence that names the address or file.
    [[nodiscard]] static base::Result<std::unique_ptr<Admin>> start(server::Service& service,
                                                                    const server::Config& config);
    /// Stops accepting, lets requests in hand finish (up to 3 s), then stops the thread.
    virtual ~Admin() = default;

    /// The listeners as they were bound, with the real port where 0 was asked for.
    [[nodiscard]] virtual const std::vector<base::Endpoint>& addresses() const noexcept = 0;
    /// "http://127.0.0.1:8053"; over TLS with a name of the certificate,
    /// "https://dns.example:8053". Of the first listener; empty without one.
    [[nodiscard]] virtual std::string url() const = 0;
    [[nodiscard]] virtual const std::string& socket_path() const noexcept = 0;
    /// A link that logs a browser in once, within the hour; each call makes a new one. Empty when
    /// no listener offers the page.
    [[nodiscard]] virtual std::string one_time_login_url() = 0;
    /// The service's certificates were read anew, or why not, for the feed. Connections that come
    /// from now on find what there is now, whether or not this is called.
    virtual void certificates_loaded(const base::Result<void>& outcome) = 0;
};

}  // namespace admin
