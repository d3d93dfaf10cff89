// put: changes of single records over one HTTP/2 connection, as many as wanted a second and many of
// them at once; or the same requests to /debug/echo, which does nothing with them.
//
//   put -w HTTP_PORT -k TOKEN_FILE -z ZONE. -n NAMES [-r PER_SECOND] [-c AT_ONCE] [-t SECONDS]
//       [-m REQUESTS] [-p DNS_PORT] [-e]
//
// Changes the A records of h000000000 to the last of NAMES in ZONE, each name once at a time. With
// -p, each acknowledgement is followed at once by a query over UDP, whose answer must be the new
// address. -e: /debug/echo. Exit status 1 if an old address was seen or a request was refused.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/octets.h"
#include "tests/bench/changed_records.h"

namespace {

using bench::fail;
using bench::label;
using bench::quantile;
using Clock = std::chrono::steady_clock;

struct Options {
    std::uint16_t web = 0, dns = 0;
    std::string token, zone;
    std::uint32_t names = 0;
    double rate = 5000, seconds = 10;
    std::uint32_t at_once = 100;
    std::uint64_t requests = ~std::uint64_t{0};
    bool echo = false;
};

int connect_to(std::uint16_t port, int kind) {
    const int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        fail("nobody listens on port " + std::to_string(port));
    }
    return fd;
}

struct Put {
    std::uint32_t name = 0, address = 0;
    std::string body;
    std::size_t sent = 0;
    std::string status;
    Clock::time_point start;
};

/// A name that was acknowledged, while its answer is waited for.
struct Question {
    std::uint32_t name = 0, address = 0;
    Clock::time_point start, asked;
};

class Client {
  public:
    explicit Client(const Options& options)
        : options_(options), fd_(connect_to(options.web, SOCK_STREAM)), free_(options.names) {
        const int one = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (options.dns != 0) dns_ = connect_to(options.dns, SOCK_DGRAM);
        for (std::uint32_t i = 0; i < options.names; ++i) free_[i] = options.names - 1 - i;
        // Another address each time: a change to what is there already is none.
        next_address_ = static_cast<std::uint32_t>(Clock::now().time_since_epoch().count());
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_client_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    }
    ~Client() {
        nghttp2_session_del(session_);
        close(fd_);
        if (dns_ >= 0) close(dns_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    int run();

  private:
    static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                         const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                         std::size_t value_size, std::uint8_t /*flags*/, void* /*user*/) {
        auto* put =
            static_cast<Put*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
        if (put != nullptr && base::as_text({name, name_size}) == ":status") {
            put->status = base::as_text({value, value_size});
        }
        return 0;
    }
    static int on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t /*code*/,
                        void* user) {
        auto* put = static_cast<Put*>(nghttp2_session_get_stream_user_data(session, stream));
        if (put != nullptr) static_cast<Client*>(user)->acknowledged(put);
        return 0;
    }
    static ssize_t read_body(nghttp2_session* /*session*/, std::int32_t /*stream*/,
                             std::uint8_t* out, std::size_t size, std::uint32_t* flags,
                             nghttp2_data_source* source, void* /*user*/) {
        auto* put = static_cast<Put*>(source->ptr);
        const std::size_t octets = std::min(size, put->body.size() - put->sent);
        std::memcpy(out, put->body.data() + put->sent, octets);
        put->sent += octets;
        if (put->sent == put->body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(octets);
    }

    void submit();
    void acknowledged(Put* put);
    void ask(Question question);
    void take_answers();
    void ask_again();
    void send_out();
    void done_with(std::uint32_t name) { free_.push_back(name); }

    const Options& options_;
    const int fd_;
    int dns_ = -1;
    nghttp2_session* session_ = nullptr;
    std::string out_;
    std::vector<std::uint32_t> free_;  // names that nobody changes at the moment; the last is next
    std::size_t in_flight_ = 0;
    std::uint64_t submitted_ = 0, refused_ = 0, stale_ = 0, answered_ = 0;
    std::string why_;  // the status of one that was refused
    std::uint32_t next_address_ = 0;
    std::uint16_t next_id_ = 0;
    std::map<std::uint16_t, Question> questions_;
    std::vector<float> acknowledged_ms_, answered_ms_;
};

void Client::submit() {
    auto* put = new Put;  // until its stream is closed
    // Not the ones that were changed last.
    std::swap(free_.back(), free_[submitted_ % free_.size()]);
    put->name = free_.back();
    free_.pop_back();
    put->address = bench::address_of(next_address_++);
    put->body = bench::document_of(put->address);
    put->start = Clock::now();
    const std::string method = options_.echo ? "POST" : "PUT";
    const std::string path =
        options_.echo ? "/debug/echo"
                      : "/v1/zones/" + options_.zone + "/rrsets/" + label(put->name) + "/A";
    const std::string authority = "localhost", scheme = "http", type = "application/json";
    const std::string token = "Bearer " + options_.token;
    const std::string length = std::to_string(put->body.size());
    const auto field = [](const char* name, const std::string& value) {
        const auto octets = [](const char* text) {
            return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text));
        };
        return nghttp2_nv{octets(name), octets(value.c_str()), std::strlen(name), value.size(),
                          NGHTTP2_NV_FLAG_NONE};
    };
    const nghttp2_nv fields[] = {field(":method", method),       field(":scheme", scheme),
                                 field(":authority", authority), field(":path", path),
                                 field("authorization", token),  field("content-type", type),
                                 field("content-length", length)};
    nghttp2_data_provider provider{};
    provider.source.ptr = put;
    provider.read_callback = read_body;
    if (nghttp2_submit_request(session_, nullptr, fields, std::size(fields), &provider, put) < 0) {
        fail("a request cannot be made");
    }
    ++submitted_;
    ++in_flight_;
}

void Client::acknowledged(Put* put) {
    --in_flight_;
    acknowledged_ms_.push_back(
        std::chrono::duration<float, std::milli>(Clock::now() - put->start).count());
    if (!put->status.starts_with('2')) {
        ++refused_;
        why_ = put->status;
        done_with(put->name);
    } else if (dns_ < 0) {
        done_with(put->name);
    } else {
        ask({put->name, put->address, put->start, {}});
    }
    delete put;
}

void Client::ask(Question question) {
    while (questions_.count(next_id_) != 0) ++next_id_;
    const std::uint16_t id = next_id_++;
    const std::string query = bench::query_for(label(question.name) + '.' + options_.zone, id);
    question.asked = Clock::now();
    if (send(dns_, query.data(), query.size(), 0) < 0) fail("cannot ask");
    questions_[id] = question;
}

void Client::take_answers() {
    std::array<std::uint8_t, 512> reply{};
    while (dns_ >= 0) {
        const ssize_t got = recv(dns_, reply.data(), reply.size(), MSG_DONTWAIT);
        if (got < 0) return;
        const auto found =
            got < 12 ? questions_.end() : questions_.find(base::load_be16(&reply[0]));
        if (found == questions_.end()) continue;
        const Question question = found->second;
        questions_.erase(found);
        if (bench::address_in(reply.data(), static_cast<std::size_t>(got)) != question.address) {
            ++stale_;
        }
        ++answered_;
        answered_ms_.push_back(
            std::chrono::duration<float, std::milli>(Clock::now() - question.start).count());
        done_with(question.name);
    }
}

void Client::ask_again() {
    std::vector<Question> lost;
    for (auto at = questions_.begin(); at != questions_.end();) {
        const bool old = Clock::now() - at->second.asked > std::chrono::seconds(1);
        if (old) lost.push_back(at->second);
        at = old ? questions_.erase(at) : std::next(at);
    }
    for (const Question& question : lost) ask(question);
}

void Client::send_out() {
    for (;;) {
        if (out_.empty()) {
            const std::uint8_t* octets = nullptr;
            for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &octets)) > 0;) {
                out_ += base::as_text({octets, static_cast<std::size_t>(size)});
            }
        }
        if (out_.empty()) return;
        const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) return;
        out_.erase(0, static_cast<std::size_t>(sent));
    }
}

int Client::run() {
    const Clock::time_point start = Clock::now();
    const auto elapsed = [&] {
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    std::vector<std::uint8_t> buffer(std::size_t{256} << 10);
    while (true) {
        const bool over = elapsed() > options_.seconds || submitted_ >= options_.requests;
        if (over && in_flight_ == 0 && questions_.empty()) break;
        if (elapsed() > options_.seconds + 30) fail("the server does not answer any more");
        const auto due = static_cast<std::uint64_t>(elapsed() * options_.rate);
        while (!over && submitted_ < due && submitted_ < options_.requests &&
               in_flight_ < options_.at_once && !free_.empty()) {
            submit();
        }
        send_out();
        pollfd fds[] = {{fd_, static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
                        {dns_, POLLIN, 0}};
        if (poll(fds, dns_ >= 0 ? 2 : 1, 1) < 0) fail("cannot wait");
        if (fds[0].revents != 0) {
            const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got == 0) fail("the server closed the connection");
            if (got > 0 && nghttp2_session_mem_recv(session_, buffer.data(),
                                                    static_cast<std::size_t>(got)) < 0) {
                fail("the server does not speak HTTP/2");
            }
        }
        take_answers();
        ask_again();
    }
    const double took = elapsed();
    std::printf("%s over one HTTP/2 connection: %.0f/s, %llu refused; ms: median %.2f p99 %.2f",
                options_.echo ? "echoes" : "durable changes",
                static_cast<double>(acknowledged_ms_.size()) / took,
                static_cast<unsigned long long>(refused_), quantile(acknowledged_ms_, 0.5),
                quantile(acknowledged_ms_, 0.99));
    if (dns_ >= 0) {
        std::printf("; to the changed answer: median %.2f p99 %.2f; %llu of %llu answers were new",
                    quantile(answered_ms_, 0.5), quantile(answered_ms_, 0.99),
                    static_cast<unsigned long long>(answered_ - stale_),
                    static_cast<unsigned long long>(answered_));
    }
    std::printf("\n");
    if (refused_ > 0) std::fprintf(stderr, "put: refused with %s\n", why_.c_str());
    return stale_ == 0 && refused_ == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int option = 0; (option = getopt(argc, argv, "w:p:k:z:n:r:c:t:m:e")) != -1;) {
        const auto number = [] { return std::strtoul(optarg, nullptr, 10); };
        if (option == 'w') options.web = static_cast<std::uint16_t>(number());
        if (option == 'p') options.dns = static_cast<std::uint16_t>(number());
        if (option == 'k') std::ifstream(optarg) >> options.token;
        if (option == 'z') options.zone = optarg;
        if (option == 'n') options.names = static_cast<std::uint32_t>(number());
        if (option == 'r') options.rate = std::strtod(optarg, nullptr);
        if (option == 'c') options.at_once = static_cast<std::uint32_t>(number());
        if (option == 't') options.seconds = std::strtod(optarg, nullptr);
        if (option == 'm') options.requests = number();
        if (option == 'e') options.echo = true;
        if (option == '?') return 2;
    }
    if (options.web == 0 || options.token.empty() || !options.zone.ends_with('.') ||
        options.at_once == 0 || options.names < 2 * options.at_once) {
        fail("usage: put -w HTTP_PORT -k TOKEN_FILE -z ZONE. -n NAMES (twice -c, at least) ...");
    }
    return Client(options).run();
}
