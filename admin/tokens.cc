#include "admin/tokens.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "admin/json.h"
#include "base/octets.h"
#include "base/random.h"

namespace admin {

namespace {

constexpr char kTokens[] = "tokens";
constexpr char kAdmin[] = "admin";

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

// The verbs of all scopes. A scope that names anything else (zones, types) is narrower than this
// server can hold it to, so it grants nothing.
Principal principal_of(const std::string& name, const Json& document) {
    Principal principal;
    principal.name = name;
    const Json* scopes = document.find("scopes");
    if (scopes == nullptr) return principal;
    for (const Json& scope : scopes->items()) {
        const Json* verbs = scope.find("verbs");
        if (verbs == nullptr || scope.members().size() != 1) continue;
        for (const Json& verb : verbs->items()) {
            if (verb.as_string() == nullptr) continue;
            principal.read = principal.read || *verb.as_string() == "read";
            principal.write = principal.write || *verb.as_string() == "write";
        }
    }
    return principal;
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
        if (hash) known_.push_back({*hash, principal_of(info.id, *document)});
    }
    loaded_ = reader->revision();
}

std::optional<Principal> Tokens::find(std::string_view secret) {
    refresh();
    const Digest digest = sha256(secret);
    const Known* found = nullptr;
    for (const Known& known : known_) {
        if (base::equal_constant_time(known.hash, digest)) found = &known;
    }
    return found == nullptr ? std::nullopt : std::optional<Principal>(found->principal);
}

std::optional<Principal> Tokens::by_name(std::string_view name) {
    refresh();
    for (const Known& known : known_) {
        if (known.principal.name == name) return known.principal;
    }
    return std::nullopt;
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
