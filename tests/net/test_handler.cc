#include <algorithm>
#include <vector>

#include "tests/net/support/test_server.h"

namespace net::testing {
namespace {

class Base : public HttpStream {
  public:
    Base(TestHandler& handler, HttpExchange& exchange) : handler_(handler), exchange_(exchange) {}
    ~Base() override { ++handler_.destroyed; }
    void on_body(base::Octets) override {}
    void on_end(const HeaderList&) override {}
    void on_cancel() override { ++handler_.cancelled; }

  protected:
    TestHandler& handler_;
    HttpExchange& exchange_;
};

class Echo final : public Base {
  public:
    using Base::Base;
    void on_body(base::Octets octets) override {
        if (!exchange_.write(octets)) exchange_.pause_body();
        handler_.note_queue(exchange_.queued());
    }
    void on_writable() override { exchange_.resume_body(); }
    void on_end(const HeaderList& trailers) override { exchange_.finish(trailers); }
};

class Blob final : public Base {
  public:
    Blob(TestHandler& handler, HttpExchange& exchange, std::size_t octets)
        : Base(handler, exchange), left_(octets) {
        ResponseHead head;
        head.headers.add("content-type", "application/octet-stream");
        exchange.respond(head);
        on_writable();
    }
    void on_writable() override {
        const std::vector<std::uint8_t> block(16384, 'x');
        while (left_ > 0) {
            const std::size_t size = std::min(left_, block.size());
            left_ -= size;
            const bool room = exchange_.write(base::Octets(block).first(size));
            handler_.note_queue(exchange_.queued());
            if (!room && left_ > 0) return;
        }
        exchange_.finish();
    }

  private:
    std::size_t left_;
};

class SlowBody final : public Base {
  public:
    SlowBody(TestHandler& handler, HttpExchange& exchange)
        : Base(handler, exchange), timer_(handler.loop()) {
        exchange.pause_body();
        timer_.start(std::chrono::milliseconds(100), [this] {
            resumed_ = true;
            exchange_.resume_body();
        });
    }
    void on_body(base::Octets octets) override {
        early_ = early_ || !resumed_;
        received_ += octets.size();
    }
    void on_end(const HeaderList&) override {
        const std::string body = std::to_string(received_) + (early_ ? " early" : "");
        ResponseHead head;
        head.headers.add("content-length", std::to_string(body.size()));
        exchange_.respond(head);
        exchange_.write(base::as_octets(body));
        exchange_.finish();
    }

  private:
    Timer timer_;
    bool resumed_ = false;
    bool early_ = false;
    std::size_t received_ = 0;
};

class Chat : public Base, public WebSocketListener {
  public:
    using Base::Base;
    void on_message(base::Octets payload, bool text) override {
        const std::string_view said = base::as_text(payload);
        if (said == "close") {
            socket->close(4001, "as asked");
        } else if (said == "flood") {
            left_ = 4096;
            on_writable();
        } else {
            socket->send(payload, text);
        }
    }
    void on_writable() override {
        const std::vector<std::uint8_t> block(16384, 'x');
        while (left_ > 0) {
            --left_;
            const bool room = socket->send(block, false);
            handler_.note_queue(socket->queued());
            if (!room) return;
        }
    }
    void on_closed(std::uint16_t code, std::string_view) override {
        ++handler_.websocket_closed;
        handler_.websocket_code = code;
    }
    WebSocket* socket = nullptr;

  private:
    std::size_t left_ = 0;
};

void say(HttpExchange& exchange, int status, std::string_view body) {
    ResponseHead head;
    head.status = status;
    head.headers.add("content-type", "text/plain");
    head.headers.add("content-length", std::to_string(body.size()));
    exchange.respond(head);
    exchange.write(base::as_octets(body));
    exchange.finish();
}

/// Collects the body and answers with its size; 503 where there is no room.
class Collector final : public Base {
  public:
    using Base::Base;
    void on_body(base::Octets octets) override {
        if (refused_) return;
        if (exchange_.collect(octets.size())) {
            body_.insert(body_.end(), octets.begin(), octets.end());
        } else {
            refused_ = true;
            say(exchange_, 503, "no room");
        }
    }
    void on_end(const HeaderList&) override {
        if (!refused_) say(exchange_, 200, std::to_string(body_.size()));
    }

  private:
    std::vector<std::uint8_t> body_;
    bool refused_ = false;
};

class LateChat final : public Chat {
  public:
    LateChat(TestHandler& handler, HttpExchange& exchange)
        : Chat(handler, exchange), timer_(handler.loop()) {
        timer_.start(std::chrono::milliseconds(50),
                     [this] { socket = exchange_.accept_websocket("late", *this); });
    }

  private:
    Timer timer_;
};

}  // namespace

std::unique_ptr<HttpStream> TestHandler::on_request(RequestHead head, HttpExchange& exchange) {
    if (!in_read) ++between_reads;
    std::size_t number = 0;
    std::from_chars(head.query.data(), head.query.data() + head.query.size(), number);
    if (head.path == "/hello") {
        say(exchange, 200, "hello");
    } else if (head.path == "/echo") {
        ResponseHead answer;
        if (const auto type = head.headers.get("content-type")) {
            answer.headers.add("content-type", *type);
        }
        exchange.respond(answer);
        return std::make_unique<Echo>(*this, exchange);
    } else if (head.path == "/blob") {
        return std::make_unique<Blob>(*this, exchange, number);
    } else if (head.path == "/background") {
        exchange.prioritize({HttpPriority::kLowest, true});
        return std::make_unique<Blob>(*this, exchange, number);
    } else if (head.path == "/flood") {
        exchange.respond({});
        exchange.write(std::vector<std::uint8_t>(number, 'x'));
        exchange.finish();
    } else if (head.path == "/early") {
        say(exchange, 200, "early");
        return std::make_unique<Base>(*this, exchange);
    } else if (head.path == "/refuse") {
        say(exchange, 413, "no");
        exchange.reset();
        return std::make_unique<Base>(*this, exchange);
    } else if (head.path == "/hold") {
        exchange.pause_body();
        return std::make_unique<Base>(*this, exchange);
    } else if (head.path == "/collect") {
        return std::make_unique<Collector>(*this, exchange);
    } else if (head.path == "/forget") {
        return std::make_unique<Base>(*this, exchange);
    } else if (head.path == "/slow-body") {
        return std::make_unique<SlowBody>(*this, exchange);
    } else if (head.path == "/hints") {
        HeaderList hints;
        hints.add("link", "</style.css>; rel=preload");
        exchange.inform(103, hints);
        say(exchange, 200, "hints");
    } else if (head.path == "/whoami") {
        say(exchange, 200,
            (head.peer.local_socket ? "uid " + std::to_string(head.peer.uid) : "tcp") + " " +
                head.scheme + " " + head.authority);
    } else if (head.path == "/ws") {
        auto chat = std::make_unique<Chat>(*this, exchange);
        chat->socket = exchange.accept_websocket("", *chat);
        if (chat->socket == nullptr) say(exchange, 400, "not a WebSocket");
        return chat;
    } else if (head.path == "/late-ws") {
        return std::make_unique<LateChat>(*this, exchange);
    } else if (head.path != "/nobody") {
        say(exchange, 404, "nothing here");
    }
    return nullptr;
}

}  // namespace net::testing
