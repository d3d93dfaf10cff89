#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>

#include "net/descriptor.h"

namespace net::testing {

/// A blocking TCP or Unix client that sends and receives octets as they are, for tests. Every
/// wait ends after 10 s.
class RawClient {
  public:
    explicit RawClient(std::uint16_t port, int receive_buffer = 0)
        : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer > 0) {
            setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    }
    explicit RawClient(const std::string& path)
        : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::memcpy(to.sun_path, path.data(), path.size());
        connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    }

    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] int fd() const { return fd_.get(); }

    bool send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void end() { ::shutdown(fd_.get(), SHUT_WR); }

    /// Reads once; false at the end of the stream, on an error and when time is up.
    bool read_some(std::chrono::milliseconds wait = std::chrono::seconds(10)) {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (poll(&ready, 1, static_cast<int>(wait.count())) != 1) return false;
        char buffer[16384];
        const ssize_t got = recv(fd_.get(), buffer, sizeof buffer, 0);
        ended_ = got <= 0;
        if (got <= 0) return false;
        received_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }
    /// Reads until `mark` has come, and returns everything up to and with it.
    std::string read_until(std::string_view mark) {
        std::size_t at = 0;
        while ((at = received_.find(mark)) == std::string::npos) {
            if (!read_some()) return take(received_.size());
        }
        return take(at + mark.size());
    }
    std::string read_exactly(std::size_t octets) {
        while (received_.size() < octets) {
            if (!read_some()) break;
        }
        return take(std::min(octets, received_.size()));
    }
    /// Everything until the peer ends.
    std::string read_all() {
        while (read_some()) {
        }
        return take(received_.size());
    }
    [[nodiscard]] bool ended() const { return ended_; }
    std::string take_received() { return take(received_.size()); }

    /// One response with Content-Length, or without a body: head and body.
    std::string read_response(bool has_body = true) {
        std::string head = read_until("\r\n\r\n");
        const std::size_t at = head.find("content-length: ");
        if (!has_body || at == std::string::npos) return head;
        return head + read_exactly(std::stoul(head.substr(at + 16)));
    }

  private:
    std::string take(std::size_t octets) {
        std::string out = received_.substr(0, octets);
        received_.erase(0, octets);
        return out;
    }

    Descriptor fd_;
    bool connected_ = false;
    bool ended_ = false;
    std::string received_;
};

}  // namespace net::testing
