#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/feed.h"
#include "net/http.h"
#include "net/websocket.h"

namespace admin::fakes {

/// A WebSocket whose peer may be slow: what is sent is kept, and counts as queued while `stuck`.
class FakeWebSocket final : public net::WebSocket {
  public:
    bool send(base::Octets payload, bool text) override {
        EXPECT_TRUE(text);
        sent.emplace_back(base::as_text(payload));
        if (stuck) waiting += payload.size();
        return waiting < 1024;
    }
    void close(std::uint16_t code, std::string_view /*reason*/) override { close_code = code; }
    [[nodiscard]] std::size_t queued() const override { return waiting; }

    std::vector<std::string> sent;
    bool stuck = false;
    std::size_t waiting = 0;
    int close_code = 0;
};

/// The connection's half of one exchange, as far as it goes without a connection.
class FakeExchange final : public net::HttpExchange {
  public:
    void respond(const net::ResponseHead& response, bool last) override {
        EXPECT_FALSE(responded) << "answered twice";
        responded = true;
        head = response;
        finished = last;
    }
    void inform(int /*status*/, const net::HeaderList& /*headers*/) override {}
    bool write(base::Octets octets) override {
        EXPECT_TRUE(responded && !finished);
        body += base::as_text(octets);
        ++writes;
        return writes % room != 0;
    }
    void finish(const net::HeaderList& /*trailers*/) override {
        EXPECT_TRUE(responded && !finished);
        finished = true;
    }
    void reset() override { finished = true; }
    void prioritize(const net::HttpPriority& asked) override { priority = asked; }
    void pause_body() override {
        paused = true;
        ++pauses;
    }
    void resume_body() override { paused = false; }
    net::WebSocket* accept_websocket(std::string_view name,
                                     net::WebSocketListener& listener) override {
        if (!websocket_possible) return nullptr;
        subprotocol = std::string(name);
        websocket_listener = &listener;
        return &websocket;
    }
    [[nodiscard]] std::size_t queued() const override { return waiting; }

    net::HttpPriority priority;
    bool paused = false;
    int pauses = 0;
    bool responded = false;
    bool finished = false;
    net::ResponseHead head;
    std::string body;
    std::size_t waiting = 0;
    std::size_t writes = 0;
    std::size_t room = 1000000;  // every so many writes there is no room
    bool websocket_possible = true;
    std::string subprotocol;
    FakeWebSocket websocket;
    net::WebSocketListener* websocket_listener = nullptr;
};

}  // namespace admin::fakes
