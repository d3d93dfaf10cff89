#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/access.h"
#include "admin/guesses.h"
#include "admin/request.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "zones/store.h"

namespace admin {

/// SHA-256 (FIPS 180-4). Any thread.
[[nodiscard]] Digest sha256(std::string_view text);
/// 256 random bits in hex: what tokens, cookies and links are made of. Any thread.
[[nodiscard]] std::string make_secret();

/// What a token's document says, apart from its name and hash.
struct TokenGrant {
    Rights rights;
    std::vector<base::IpPrefix> from;       // empty: from anywhere
    std::optional<base::WallTime> expires;  // empty: never
    Privacy privacy = Privacy::Full;
    std::string subject;  // of the client certificate that stands for the token; empty: none does

    /// Reads {"scopes", "from", "expires", "privacy", "subject", ...}. What is wrong is added to
    /// `faults`; then nothing is granted.
    [[nodiscard]] static TokenGrant parse(const Json& document, Faults& faults);
    [[nodiscard]] bool holds(const net::Peer& peer, base::WallTime now) const;
};

/// The tokens of the store, by which programs are let in (Authorization: Bearer, RFC 6750).
///
/// The store keeps only SHA-256 hashes; a token is 256 random bits, so a slow hash would add
/// nothing. Admin loop only, `prepare` apart.
class Tokens {
  public:
    /// Makes the admin token at first start: DIRECTORY/admin.token (0600) holds the secret, the
    /// store its hash. Whatever instant a crash hits, the next start completes it. Called before
    /// the admin thread runs. An operator who removes the file is not given a new token.
    [[nodiscard]] static base::Result<void> prepare(zones::Store& store,
                                                    const std::string& directory);

    explicit Tokens(zones::Store& store) : store_(store) {}

    /// Whose token this is. Compared in constant time with every token there is. Empty: nobody's,
    /// or it has expired, or is not for use from there. A wrong one counts as a guess.
    [[nodiscard]] std::optional<Principal> find(std::string_view secret, const net::Peer& peer);
    /// What the token of this name may do now, from there; empty when there is none any more.
    [[nodiscard]] std::optional<Principal> by_name(std::string_view name, const net::Peer& peer);
    /// The token that a verified client certificate stands for (`peer.tls_subject`).
    [[nodiscard]] std::optional<Principal> by_certificate(const net::Peer& peer);

    /// How long this peer has to wait before it may show this token; nothing: not at all.
    [[nodiscard]] std::optional<std::chrono::seconds> locked_out(std::string_view secret,
                                                                 const net::Peer& peer);
    /// Requests that were turned away because of that.
    [[nodiscard]] std::uint64_t locked_out_total() const noexcept { return guesses_.refused(); }

  private:
    struct Known {
        std::string name;
        Digest hash;
        TokenGrant grant;
        std::shared_ptr<const Rights> rights;

        [[nodiscard]] Principal principal() const;
    };
    void refresh();

    zones::Store& store_;
    std::optional<zones::Revision> loaded_;  // the revision `known_` was read at
    std::vector<Known> known_;
    Guesses guesses_;
};

/// The name of those who came by a login link: no token stands behind them.
inline constexpr std::string_view kLoginLink = "login-link";

/// Browser sessions and one-time login links, in memory: a restart ends them all.
/// `make_login_code`: any thread; everything else: admin loop only.
class Sessions {
  public:
    static constexpr std::size_t kMax = 1024;  // beyond, the one that ends first goes
    static constexpr std::chrono::hours kLifetime{12};
    static constexpr std::chrono::hours kCodeLifetime{1};
    static constexpr std::size_t kMaxCodes = 16;

    struct Opened {
        std::string cookie;  // the secret for the browser
        std::string csrf;    // what writes send in X-Meridian-CSRF
    };
    [[nodiscard]] Opened open(const Principal& principal, base::MonoTime now);
    [[nodiscard]] std::optional<Principal> find(std::string_view cookie, base::MonoTime now);
    void close(std::string_view cookie);

    /// The code of a new one-time login link.
    [[nodiscard]] std::string make_login_code(base::MonoTime now);
    /// True once per code.
    [[nodiscard]] bool redeem(std::string_view code, base::MonoTime now);

  private:
    struct Session {
        Principal principal;
        base::MonoTime ends;
    };
    // Keyed by the hash of the secret: a look-up whose time depends on the hash tells nothing.
    std::map<Digest, Session> sessions_;

    std::mutex mutex_;
    std::map<Digest, base::MonoTime> codes_;  // guarded by mutex_; when each ends
};

}  // namespace admin
