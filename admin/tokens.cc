#include "admin/tokens.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "admin/json.h"
#include "admin/timestamp.h"
#include "base/octets.h"
#include "base/random.h"

namespace admin {

namespace {

constexpr char kTokens[] = "tokens";
constexpr char kAdmin[] = "admin";
// Of a stored token.
const std::vector<std::string_view> kMembers = {"name",    "hash",    "scopes", "from",   "expires",
                                                "privacy", "subject", "preset", "comment"};

struct Descriptor {
    explicit Descriptor(int number) : fd(number) {}
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

base::Unexpected<base::Error> fail_errno(const std::string& what) {
    return base::fail(what + ": " + std::strerror(errno));
}

// The content of the token file without white space; an empty optional if there is no file.
base::Result<std::optional<std::string>> read_token(const std::string& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0) {
        if (errno == ENOENT) return std::nullopt;
        return fail_errno(path);
    }
    char text[1024];
    const ssize_t size = read(file.fd, text, sizeof text);
    if (size < 0) return fail_errno(path);
    std::string token(text, static_cast<std::size_t>(size));
    const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
    token.erase(std::remove_if(token.begin(), token.end(), blank), token.end());
    if (token.empty()) return base::fail(path + " holds no token; remove it to have one made");
    return token;
}

// Written beside and linked into place: a crash leaves the whole file or none, and a file that
// is there already is never overwritten.
base::Result<void> write_token(const std::string& directory, const std::string& path,
                               const std::string& token) {
    const std::string temporary = path + ".new";
    unlink(temporary.c_str());
    {
        const Descriptor file(
            open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.fd < 0) return fail_errno(temporary);
        const std::string line = token + "\n";
        if (write(file.fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
            fsync(file.fd) != 0) {
            return fail_errno(temporary);
        }
    }
    if (link(temporary.c_str(), path.c_str()) != 0) return fail_errno(path);
    if (unlink(temporary.c_str()) != 0) return fail_errno(temporary);
    const Descriptor parent(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.fd < 0 || fsync(parent.fd) != 0) return fail_errno(directory);
    return {};
}

std::optional<Digest> parse_digest(const Json* member) {
    if (member == nullptr || member->as_string() == nullptr) return std::nullopt;
    const auto octets = base::from_hex(*member->as_string());
    Digest digest{};
    if (!octets || octets->size() != digest.size()) return std::nullopt;
    std::copy(octets->begin(), octets->end(), digest.begin());
    return digest;
}

}  // namespace

Digest sha256(std::string_view text) {
    Digest digest{};
    EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return digest;
}

std::string make_secret() {
    std::array<std::uint8_t, 32> raw{};
    base::secure_fill(raw);
    return base::to_hex(raw);
}

TokenGrant TokenGrant::parse(const Json& document, Faults& faults) {
    const std::size_t before = faults.list.size();
    TokenGrant grant;
    const Json* scopes = document.find("scopes");
    grant.rights = Rights::parse(scopes == nullptr ? Json() : *scopes, "/scopes", faults);
    if (const Json* from = document.find("from")) {
        if (!from->is_array()) faults.add("/from", "a list of prefixes is wanted");
        std::size_t index = 0;
        for (const Json& item : from->items()) {
            const std::string where = "/from/" + std::to_string(index++);
            const auto prefix = item.as_string() == nullptr
                                    ? base::Result<base::IpPrefix>(base::fail("a prefix is wanted"))
                                    : base::IpPrefix::parse(*item.as_string());
            if (!prefix) {
                faults.add(where, prefix.error().message);
            } else {
                grant.from.push_back(*prefix);
            }
        }
    }
    const auto text = [&](const char* key) -> const std::string* {
        const Json* member = document.find(key);
        if (member == nullptr || member->is_null()) return nullptr;
        if (member->as_string() == nullptr) faults.add(pointer_step(key), "a string is wanted");
        return member->as_string();
    };
    if (const std::string* expires = text("expires")) {
        grant.expires = parse_time(*expires);
        if (!grant.expires) faults.add("/expires", "a time is wanted (RFC 3339)");
    }
    if (const std::string* privacy = text("privacy")) {
        const auto parsed = parse_privacy(*privacy);
        if (!parsed) faults.add("/privacy", "full, truncate, hash or none is wanted");
        grant.privacy = parsed.value_or(Privacy::None);
    }
    if (const std::string* subject = text("subject")) grant.subject = *subject;
    if (faults.list.size() > before) grant.rights = Rights();
    return grant;
}

bool TokenGrant::holds(const net::Peer& peer, base::WallTime now) const {
    if (expires && *expires <= now) return false;
    if (from.empty()) return true;
    static const std::uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const auto within = [&](const base::IpAddress& source) {
        return std::any_of(from.begin(), from.end(),
                           [&](const base::IpPrefix& prefix) { return prefix.contains(source); });
    };
    // The admin socket is on this machine.
    if (peer.local_socket) {
        return within(base::IpAddress::v4({127, 0, 0, 1})) ||
               within(base::IpAddress::from_octets(kLoopback));
    }
    return within(peer.remote.address.unmapped());
}

Principal Tokens::Known::principal() const {
    Principal out;
    out.name = name;
    out.rights = rights;
    out.privacy = grant.privacy;
    out.expires = grant.expires;
    out.from = grant.from;
    out.token_hash = base::as_text(hash);
    return out;
}

base::Result<void> Tokens::prepare(zones::Store& store, const std::string& directory) {
    const std::string path = directory + "/admin.token";
    auto file = read_token(path);
    if (!file) return base::fail(file.error().message);
    auto known = store.read()->document(kTokens, kAdmin);
    if (!known) return base::fail(known.error().message);
    if (*known) return {};

    std::string token = file->value_or("");
    if (token.empty()) {
        token = make_secret();
        if (auto written = write_token(directory, path, token); !written) return written;
    }
    Json document = Json::object();
    document.set("name", kAdmin);
    document.set("hash", base::to_hex(sha256(token)));
    Json scope = Json::object();
    scope.set("verbs", Json::array().push("read").push("write"));
    document.set("scopes", Json::array().push(std::move(scope)));

    zones::ChangeSet changes;
    changes.author = "server";
    changes.message = "the admin token of the first start";
    changes.time = base::wall_now();
    changes.operations.push_back(
        {zones::PutDocument{.kind = kTokens, .id = kAdmin, .json = document.dump()}, {}});
    auto committed = store.commit(std::move(changes));
    if (!committed) {
        const auto& faults = committed.error().faults;
        return base::fail("the admin token cannot be stored: " +
                          (faults.empty() ? std::string("refused") : faults.front().message));
    }
    return {};
}

void Tokens::refresh() {
    const auto reader = store_.read();
    if (loaded_ == reader->revision()) return;
    auto documents = reader->documents(kTokens);
    if (!documents) return;  // what was read before stays; the store reports its own trouble
    known_.clear();
    for (const zones::DocumentInfo& info : *documents) {
        const auto document = Json::parse(info.json);
        if (!document) continue;
        const auto hash = parse_digest(document->find("hash"));
        if (!hash) continue;
        Faults faults;  // of a damaged document, or of a later version's, which grants nothing
        check_members(*document, kMembers, "", faults);
        TokenGrant grant = TokenGrant::parse(*document, faults);
        if (!faults.none()) grant.rights = Rights();
        auto rights = std::make_shared<const Rights>(grant.rights);
        known_.push_back({info.id, *hash, std::move(grant), std::move(rights)});
    }
    loaded_ = reader->revision();
}

std::optional<Principal> Tokens::find(std::string_view secret, const net::Peer& peer) {
    refresh();
    const Digest digest = sha256(secret);
    const Known* found = nullptr;
    for (const Known& known : known_) {
        if (base::equal_constant_time(known.hash, digest)) found = &known;
    }
    if (found == nullptr) {
        if (!peer.local_socket) guesses_.wrong(peer.remote.address, digest, base::mono_now());
        return std::nullopt;
    }
    if (!found->grant.holds(peer, base::wall_now())) return std::nullopt;
    if (!peer.local_socket) guesses_.right(peer.remote.address, digest, base::mono_now());
    return found->principal();
}

std::optional<Principal> Tokens::by_name(std::string_view name, const net::Peer& peer) {
    refresh();
    for (const Known& known : known_) {
        if (known.name == name && known.grant.holds(peer, base::wall_now())) {
            return known.principal();
        }
    }
    return std::nullopt;
}

std::optional<Principal> Tokens::by_certificate(const net::Peer& peer) {
    if (peer.tls_subject.empty()) return std::nullopt;
    refresh();
    for (const Known& known : known_) {
        if (known.grant.subject == peer.tls_subject && known.grant.holds(peer, base::wall_now())) {
            Principal principal = known.principal();
            principal.by_certificate = true;
            return principal;
        }
    }
    return std::nullopt;
}

std::optional<std::chrono::seconds> Tokens::locked_out(std::string_view secret,
                                                       const net::Peer& peer) {
    if (peer.local_socket) return std::nullopt;
    return guesses_.locked(peer.remote.address, sha256(secret), base::mono_now());
}

Sessions::Opened Sessions::open(const Principal& principal, base::MonoTime now) {
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second.ends <= now; });
    if (sessions_.size() >= kMax) {
        sessions_.erase(std::min_element(
            sessions_.begin(), sessions_.end(),
            [](const auto& a, const auto& b) { return a.second.ends < b.second.ends; }));
    }
    Opened opened{.cookie = make_secret(), .csrf = make_secret()};
    Session session{.principal = principal, .ends = now + kLifetime};
    session.principal.by_cookie = true;
    session.principal.csrf = opened.csrf;
    sessions_[sha256(opened.cookie)] = std::move(session);
    return opened;
}

std::optional<Principal> Sessions::find(std::string_view cookie, base::MonoTime now) {
    const auto found = sessions_.find(sha256(cookie));
    if (found == sessions_.end() || found->second.ends <= now) return std::nullopt;
    return found->second.principal;
}

void Sessions::close(std::string_view cookie) {
    sessions_.erase(sha256(cookie));
}

std::string Sessions::make_login_code(base::MonoTime now) {
    std::string code = make_secret();
    const std::lock_guard lock(mutex_);
    std::erase_if(codes_, [&](const auto& entry) { return entry.second <= now; });
    if (codes_.size() >= kMaxCodes) {
        codes_.erase(
            std::min_element(codes_.begin(), codes_.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    codes_[sha256(code)] = now + kCodeLifetime;
    return code;
}

bool Sessions::redeem(std::string_view code, base::MonoTime now) {
    const std::lock_guard lock(mutex_);
    const auto found = codes_.find(sha256(code));
    if (found == codes_.end()) return false;
    const bool good = found->second > now;
    codes_.erase(found);
    return good;
}

}  // namespace admin
