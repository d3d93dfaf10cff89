// http_module PORT OCTETS [TLS_PORT CERTIFICATE KEY]: the web module by itself. Answers every
// request with 200 and so many octets, over HTTP/1.1 and HTTP/2, on loopback and one loop, until
// SIGTERM or SIGINT. Beside it, what a whole API costs can be seen.
#include <signal.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "net/http_account.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/tls.h"

namespace {

class Blob final : public net::HttpHandler {
  public:
    explicit Blob(std::size_t octets) : body_(octets, 'x') {
        head_.headers.add("content-type", "application/octet-stream");
        head_.headers.add("content-length", std::to_string(octets));
        head_.headers.add("cache-control", "max-age=3600");
    }
    std::unique_ptr<net::HttpStream> on_request(net::RequestHead request,
                                                net::HttpExchange& exchange) override {
        const bool bodiless = request.method == "HEAD";
        exchange.respond(head_, bodiless);
        if (!bodiless) {
            exchange.write(base::as_octets(body_));
            exchange.finish();
        }
        return nullptr;
    }

  private:
    net::ResponseHead head_;
    const std::string body_;
};

template <class Number>
Number number(const char* text) {
    Number value = 0;
    const char* const end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, value);
    if (read.ec != std::errc() || read.ptr != end) {
        std::fprintf(stderr, "http_module: %s is no number\n", text);
        std::exit(2);
    }
    return value;
}

bool listen(net::HttpServer& server, std::uint16_t port,
            std::shared_ptr<const net::TlsContext> tls = {}) {
    constexpr std::uint8_t kLoopback[4] = {127, 0, 0, 1};
    const auto bound = server.listen({base::IpAddress::v4(kLoopback), port}, std::move(tls));
    if (!bound) std::fprintf(stderr, "http_module: %s\n", bound.error().message.c_str());
    return static_cast<bool>(bound);
}

net::Loop* running = nullptr;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 && argc != 6) {
        std::fputs("usage: http_module PORT OCTETS [TLS_PORT CERTIFICATE KEY]\n", stderr);
        return 2;
    }
    net::Loop loop;
    Blob handler(number<std::size_t>(argv[2]));
    constexpr std::size_t kMaxHeld = std::size_t{32} << 20;
    net::HttpAccount account(loop, kMaxHeld);
    net::HttpServer server(loop, handler, account);
    if (!listen(server, number<std::uint16_t>(argv[1]))) return 1;
    if (argc == 6) {
        net::TlsConfig config;
        config.certificates.push_back({argv[4], argv[5]});
        config.alpn = {"h2", "http/1.1"};
        auto context = net::TlsContext::load(config);
        if (!context) {
            std::fprintf(stderr, "http_module: %s\n", context.error().message.c_str());
            return 1;
        }
        if (!listen(server, number<std::uint16_t>(argv[3]), *context)) return 1;
    }
    running = &loop;
    for (const int end : {SIGTERM, SIGINT}) signal(end, [](int) { running->stop(); });
    loop.run();
    return 0;
}
