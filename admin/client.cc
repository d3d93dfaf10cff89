#include "admin/client.h"

#include <curl/curl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "admin/tokens.h"
#include "base/octets.h"
#include "base/random.h"

namespace admin {

namespace {

constexpr int kTries = 5;
constexpr std::uint32_t kLongestPauseMs = 2000;
constexpr long kConnectTimeoutMs = 5000;

bool is_socket(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

struct List {
    ~List() { curl_slist_free_all(head); }
    void add(const std::string& line) {
        if (curl_slist* grown = curl_slist_append(head, line.c_str())) head = grown;
    }
    curl_slist* head = nullptr;
};

// What the C callbacks of one transfer work on.
struct Transfer {
    CURL* handle = nullptr;
    const Client::Body* body = nullptr;
    std::string waiting;  // of the request body, not yet sent
    std::size_t sent = 0;
    ClientResponse response;
    const std::function<bool(std::string_view)>* take = nullptr;
    bool stopped = false;
};

// What a transfer that failed is called. libcurl speaks of a host and port even for a socket.
std::string why_failed(const std::string& where, bool socket, CURLcode code, const char* reason) {
    if (socket && code == CURLE_COULDNT_CONNECT) {
        return where + ": nobody listens there; is the server running?";
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return where + ": " + (reason[0] == '\0' ? curl_easy_strerror(code) : reason) +
               "; --ca-file names the authority of a server that this machine does not know";
    }
    return where + ": " + (reason[0] == '\0' ? curl_easy_strerror(code) : reason);
}

std::size_t on_read(char* out, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (transfer.sent == transfer.waiting.size() && transfer.body->more) {
        transfer.waiting = transfer.body->more();
        transfer.sent = 0;
    }
    const std::size_t octets = std::min(size * count, transfer.waiting.size() - transfer.sent);
    std::memcpy(out, transfer.waiting.data() + transfer.sent, octets);
    transfer.sent += octets;
    return octets;
}

std::size_t on_write(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::string_view piece(data, size * count);
    long status = 0;
    curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
    if (transfer.take == nullptr || status != 200) {
        transfer.response.body += piece;
    } else if (!(*transfer.take)(piece)) {
        transfer.stopped = true;
        return 0;
    }
    return piece.size();
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::string_view line(data, size * count);
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
    if (name == "content-type") transfer.response.content_type = std::string(value);
    if (name == "retry-after") {
        std::uint32_t seconds = 0;
        const auto parsed = std::from_chars(value.data(), value.data() + value.size(), seconds);
        if (parsed.ec == std::errc()) transfer.response.retry_after_s = seconds;
    }
    const std::size_t end = value.find(">; rel=\"next\"");
    if (name == "link" && value.starts_with('<') && end != std::string_view::npos) {
        transfer.response.link_next = std::string(value.substr(1, end - 1));
    }
    return line.size();
}

// The connection ended before the answer did; the request may have arrived.
bool is_broken(CURLcode code) {
    return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
           code == CURLE_PARTIAL_FILE || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

// 409 with Retry-After: what was sent before the connection broke is still being worked on.
bool is_for_later(const ClientResponse& response) {
    return response.status == 429 || response.status == 503 ||
           (response.status == 409 && response.retry_after_s);
}

// The pauses between tries: longer and longer, never the same for two clients.
class Backoff {
  public:
    // Waits, at least as long as the server wants. False: there were tries enough.
    bool pause(const ClientResponse& response, base::Random& random) {
        if (++tries_ == kTries) return false;
        const std::uint32_t wanted_ms =
            std::min(response.retry_after_s.value_or(0), kLongestPauseMs / 1000) * 1000;
        std::this_thread::sleep_for(
            std::chrono::milliseconds(std::max(pause_ms_, wanted_ms) + random.below(pause_ms_)));
        pause_ms_ = std::min(pause_ms_ * 2, kLongestPauseMs);
        return true;
    }

  private:
    int tries_ = 0;
    std::uint32_t pause_ms_ = 50;
};

}  // namespace

struct Client::State {
    CURL* handle = nullptr;
    std::string url;     // in front of every path
    std::string socket;  // empty: TCP
    std::string token;
    std::string ca_file, certificate_file, key_file;
    std::string where;

    ~State() { curl_easy_cleanup(handle); }

    CURLcode perform(Transfer& transfer, std::string_view method, const std::string& path,
                     const Headers& headers, char* reason);
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

const std::string& Client::where() const noexcept {
    return state_->where;
}

base::Result<std::unique_ptr<Client>> Client::open(const ClientOptions& options) {
    auto state = std::make_unique<State>();
    state->token = options.token;
    state->ca_file = options.ca_file;
    state->certificate_file = options.certificate_file;
    state->key_file = options.key_file.empty() ? options.certificate_file : options.key_file;
    if (options.server.starts_with("http://") || options.server.starts_with("https://")) {
        state->url = options.server;
        while (state->url.ends_with('/')) state->url.pop_back();
        state->where = state->url;
    } else if (!options.server.empty()) {
        state->socket = options.server;
    } else {
        std::vector<std::string> places;
        if (options.data_dir.empty()) {
            places = {"./meridian-data", "/run/meridian", "/var/lib/meridian"};
        } else {
            places = {options.data_dir};
        }
        std::string looked;
        for (const std::string& place : places) {
            const std::string path = place + "/admin.sock";
            looked += (looked.empty() ? "" : ", ") + path;
            if (is_socket(path)) {
                state->socket = path;
                break;
            }
        }
        if (state->socket.empty()) {
            return base::fail("no server found: there is no socket at " + looked +
                              "; start one with `meridian serve` or name it with --server");
        }
    }
    if (!state->socket.empty()) {
        state->url = "http://localhost";
        state->where = state->socket;
    }
    state->handle = curl_easy_init();
    if (state->handle == nullptr) return base::fail("libcurl could not be set up");
    return std::unique_ptr<Client>(new Client(std::move(state)));
}

CURLcode Client::State::perform(Transfer& transfer, std::string_view method,
                                const std::string& path, const Headers& headers, char* reason) {
    // Options only; the connection of the request before is kept and used again.
    curl_easy_reset(handle);
    const std::string full = url + path;
    const std::string verb(method);
    List list;
    // Without it the server refuses early too, but pieces are lost by then.
    list.add(transfer.body != nullptr && transfer.body->ask_first ? "Expect: 100-continue"
                                                                  : "Expect:");
    if (!token.empty()) list.add("Authorization: Bearer " + token);
    for (const auto& header : headers) list.add(header.first + ": " + header.second);

    curl_easy_setopt(handle, CURLOPT_URL, full.c_str());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, verb.c_str());
    if (!socket.empty()) curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file.c_str());
    if (!certificate_file.empty()) {
        curl_easy_setopt(handle, CURLOPT_SSLCERT, certificate_file.c_str());
        curl_easy_setopt(handle, CURLOPT_SSLKEY, key_file.c_str());
    }
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
    if (transfer.body != nullptr) {
        list.add("Content-Type: " + std::string(transfer.body->content_type));
        curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
        if (!transfer.body->more) {
            curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE,
                             static_cast<curl_off_t>(transfer.body->text.size()));
        }
    }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list.head);
    transfer.handle = handle;
    const CURLcode code = curl_easy_perform(handle);
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return code;
}

base::Result<ClientResponse> Client::request(std::string_view method, const std::string& path,
                                             const Headers& headers, const Body* body) {
    base::Random random = base::Random::from_entropy();
    Headers all = headers;
    const bool keyed = method == "POST" || method == "PATCH";
    if (keyed) all.emplace_back("Idempotency-Key", make_secret());
    const bool whole = body == nullptr || !body->more;
    const bool conditional = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
        return header.first == "If-Match" || header.first == "If-None-Match";
    });
    const bool once = body != nullptr && body->once;
    const bool again = whole && (keyed || (method != "DELETE" && !conditional && !once));
    Backoff backoff;
    for (;;) {
        Transfer transfer;
        transfer.body = body;
        if (body != nullptr) transfer.waiting = body->text;
        char reason[CURL_ERROR_SIZE] = "";
        const CURLcode code = state_->perform(transfer, method, path, all, reason);
        // A server may answer and close before it has read all of a body it refuses.
        const bool answered =
            code == CURLE_OK || ((code == CURLE_SEND_ERROR || code == CURLE_HTTP2_STREAM) &&
                                 transfer.response.status >= 400);
        bool later = code == CURLE_COULDNT_CONNECT || (again && is_broken(code));
        if (answered) later = whole && is_for_later(transfer.response);
        if (!later || !backoff.pause(transfer.response, random)) {
            if (answered) return std::move(transfer.response);
            return base::fail(why_failed(state_->where, !state_->socket.empty(), code, reason));
        }
    }
}

base::Result<ClientResponse> Client::stream(const std::string& path, const Headers& headers,
                                            const std::function<bool(std::string_view)>& take) {
    base::Random random = base::Random::from_entropy();
    Backoff backoff;
    bool taken = false;  // what the caller has cannot be taken back
    const std::function<bool(std::string_view)> note = [&](std::string_view piece) {
        taken = true;
        return take(piece);
    };
    for (;;) {
        Transfer transfer;
        transfer.take = &note;
        char reason[CURL_ERROR_SIZE] = "";
        const CURLcode code = state_->perform(transfer, "GET", path, headers, reason);
        const bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer.stopped);
        const bool later = answered ? is_for_later(transfer.response)
                                    : code == CURLE_COULDNT_CONNECT || is_broken(code);
        if (!later || taken || !backoff.pause(transfer.response, random)) {
            if (answered) return std::move(transfer.response);
            return base::fail(why_failed(state_->where, !state_->socket.empty(), code, reason));
        }
    }
}

}  // namespace admin
