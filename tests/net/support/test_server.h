#pragma once

#include <atomic>
#include <charconv>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "net/http.h"
#include "net/http_server.h"
#include "net/loop.h"

namespace net::testing {

/// Routes that exercise everything an exchange can do.
///
///   /hello          "hello", with Content-Length
///   /echo           the body back as it comes, with back-pressure, and the trailers
///   /blob?N         N octets, written as the peer takes them
///   /background?N   the same, and all others go first
///   /flood?N        N octets at once, whatever the peer takes
///   /early          answers at once, then reads the body away
///   /refuse         413 and reset, without reading the body
///   /hold           pauses the body for ever and never answers
///   /collect        collects the body and answers with its size, or 503
///   /forget         an HttpStream that never answers
///   /slow-body      pauses the body, resumes it after 100 ms, answers with its length
///   /hints          103 before 200
///   /nobody         returns no HttpStream and no response
///   /whoami         uid of a Unix peer, scheme, authority
///   /ws             WebSocket echo; "close" closes with 4001, "flood" sends 64 MB
///   /late-ws        the same, accepted after 50 ms
class TestHandler final : public HttpHandler {
  public:
    explicit TestHandler(Loop& loop) : loop_(loop) {}
    std::unique_ptr<HttpStream> on_request(RequestHead head, HttpExchange& exchange) override;
    void on_response(const RequestHead& head, int status) override {
        last_path = head.path;
        last_status = status;
        ++responses;
    }

    void begin_requests() override {
        ++reads;
        in_read = true;
    }
    void end_requests() override { in_read = false; }

    std::string last_path;
    int last_status = 0;
    bool in_read = false;
    std::atomic<int> reads{0};
    std::atomic<int> between_reads{0};  // requests that came so
    std::atomic<int> responses{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> destroyed{0};
    std::atomic<std::size_t> most_queued{0};
    std::atomic<int> websocket_closed{0};
    std::atomic<int> websocket_code{0};

    [[nodiscard]] Loop& loop() { return loop_; }
    void note_queue(std::size_t octets) {
        if (octets > most_queued) most_queued = octets;
    }

  private:
    Loop& loop_;
};

/// An HttpServer with the TestHandler on its own thread, on a port of loopback.
class TestServer {
  public:
    explicit TestServer(const HttpLimits& limits = {}, std::shared_ptr<const TlsContext> tls = {},
                        const std::string& unix_path = {}, bool plain_too = false,
                        std::size_t max_held = std::size_t{32} << 20) {
        std::promise<void> ready;
        thread_ = std::thread([this, &ready, limits, tls, unix_path, plain_too, max_held] {
            Loop loop;
            loop_ = &loop;
            {
                TestHandler handler(loop);
                handler_ = &handler;
                HttpAccount account(loop, max_held);
                account_ = &account;
                auto server = std::make_unique<HttpServer>(loop, handler, account, limits);
                server_ = server.get();
                std::uint8_t octets[4] = {127, 0, 0, 1};
                HttpListen how;
                if (tls) how.tls = [tls] { return tls; };
                how.plain_too = plain_too;
                const auto bound = server->listen({base::IpAddress::v4(octets), 0}, std::move(how));
                port_ = bound ? bound->port : std::uint16_t{0};
                if (!unix_path.empty()) {
                    unix_error_ = "";
                    const auto made = server->listen_unix(unix_path, 0600);
                    if (!made) unix_error_ = made.error().message;
                }
                ready.set_value();
                loop.run();
                server.reset();
            }
        });
        ready.get_future().wait();
    }
    ~TestServer() {
        loop_->stop();
        thread_.join();
    }
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] TestHandler& handler() { return *handler_; }
    [[nodiscard]] const std::string& unix_error() const { return unix_error_; }

    /// Runs on the server's thread and waits for it.
    void run(const std::function<void(HttpServer&)>& task) {
        std::promise<void> done;
        loop_->post([&] {
            task(*server_);
            done.set_value();
        });
        done.get_future().wait();
    }
    HttpCounters counters() {
        HttpCounters out;
        run([&](HttpServer& server) { out = server.counters(); });
        return out;
    }
    /// What is in the account of its loop.
    std::size_t held() {
        std::size_t out = 0;
        run([&](HttpServer&) { out = account_->count(); });
        return out;
    }
    /// Waits until `holds` does, at most 10 s.
    bool eventually(const std::function<bool(HttpServer&)>& holds) {
        for (int i = 0; i < 1000; ++i) {
            bool ok = false;
            run([&](HttpServer& server) { ok = holds(server); });
            if (ok) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }

  private:
    std::thread thread_;
    Loop* loop_ = nullptr;
    TestHandler* handler_ = nullptr;
    HttpAccount* account_ = nullptr;
    HttpServer* server_ = nullptr;
    std::uint16_t port_ = 0;
    std::string unix_error_;
};

}  // namespace net::testing
