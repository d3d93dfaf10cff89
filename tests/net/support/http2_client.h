#pragma once

#include <nghttp2/nghttp2.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/net/support/raw_client.h"

namespace net::testing {

/// An HTTP/2 client by nghttp2 itself, over a RawClient. Tests look at `streams`.
class Http2Client {
  public:
    struct Response {
        int status = 0;
        std::map<std::string, std::string> fields;  // and trailers
        std::vector<int> interim;
        std::string body;
        bool ended = false;
        std::uint32_t error = 0;
    };
    using Fields = std::vector<std::pair<std::string, std::string>>;

    /// `auto_window` false: the client gives no window back until `consume`. `receive_buffer`: of
    /// its socket, in octets; 0: as the kernel likes.
    explicit Http2Client(std::uint16_t port, bool auto_window = true, int receive_buffer = 0)
        : client(port, receive_buffer) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                          std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                          std::uint8_t, void* user) {
                Response& r = self(user).streams[frame->hd.stream_id];
                const std::string key(reinterpret_cast<const char*>(name), name_size);
                const std::string text(reinterpret_cast<const char*>(value), value_size);
                if (key == ":status") {
                    if (r.status != 0) r.interim.push_back(r.status);
                    r.status = std::stoi(text);
                } else {
                    r.fields[key] = text;
                }
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                          std::size_t size, void* user) {
                self(user).streams[id].body.append(reinterpret_cast<const char*>(data), size);
                return 0;
            });
        nghttp2_session_callbacks_set_on_stream_close_callback(
            callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
                self(user).streams[id].ended = true;
                self(user).streams[id].error = code;
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
                if (frame->hd.type == NGHTTP2_GOAWAY) {
                    self(user).goaways.push_back(frame->goaway.error_code);
                    self(user).last_stream = frame->goaway.last_stream_id;
                }
                if (frame->hd.type == NGHTTP2_SETTINGS) self(user).settled = true;
                return 0;
            });
        nghttp2_option* option = nullptr;
        nghttp2_option_new(&option);
        nghttp2_option_set_max_send_header_block_length(option,
                                                        1U << 20);  // heads that are too long
        if (!auto_window) nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_session_client_new2(&session, callbacks, this, option);
        nghttp2_option_del(option);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_submit_settings(session, 0, nullptr, 0);
    }
    ~Http2Client() { nghttp2_session_del(session); }
    Http2Client(const Http2Client&) = delete;
    Http2Client& operator=(const Http2Client&) = delete;

    /// `body` empty: none. `hold`: the body is sent, its end is not.
    std::int32_t request(const std::string& method, const std::string& path,
                         const std::string& body = {}, const Fields& more = {}, bool hold = false,
                         const Fields& trailers = {}) {
        Fields fields = {
            {":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
        fields.insert(fields.end(), more.begin(), more.end());
        bodies_.push_back({body, 0, hold, trailers});
        nghttp2_data_provider provider{};
        provider.source.fd = static_cast<int>(bodies_.size() - 1);
        provider.read_callback = [](nghttp2_session* s, std::int32_t id, std::uint8_t* out,
                                    std::size_t size, std::uint32_t* flags,
                                    nghttp2_data_source* source, void* user) -> ssize_t {
            Body& b = self(user).bodies_[static_cast<std::size_t>(source->fd)];
            const std::size_t take = std::min(size, b.text.size() - b.sent);
            if (take == 0 && b.hold) return NGHTTP2_ERR_DEFERRED;
            std::memcpy(out, b.text.data() + b.sent, take);
            b.sent += take;
            if (b.sent == b.text.size() && !b.hold) {
                *flags |= NGHTTP2_DATA_FLAG_EOF;
                if (!b.trailers.empty()) {
                    const std::vector<nghttp2_nv> list = names(b.trailers);
                    nghttp2_submit_trailer(s, id, list.data(), list.size());
                    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                }
            }
            return static_cast<ssize_t>(take);
        };
        const std::vector<nghttp2_nv> list = names(fields);
        const bool has_body = !body.empty() || hold;
        const std::int32_t id = nghttp2_submit_request(session, nullptr, list.data(), list.size(),
                                                       has_body ? &provider : nullptr, nullptr);
        body_of_[id] = bodies_.size() - 1;
        return id;
    }
    /// More of the body of a request that holds; `end`: all of it.
    void say(std::int32_t id, const std::string& octets, bool end = false) {
        Body& body = bodies_[body_of_[id]];
        body.text += octets;
        body.hold = !end;
        nghttp2_session_resume_data(session, id);
    }

    void send() {
        const std::uint8_t* data = nullptr;
        for (ssize_t size = 0; (size = nghttp2_session_mem_send(session, &data)) > 0;) {
            if (!client.send(
                    {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)})) {
                return;
            }
        }
    }
    /// Moves octets until `holds`, the end of the connection, or 5 s.
    template <class Condition>
    bool run(Condition holds) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!holds() && std::chrono::steady_clock::now() < end) {
            send();
            client.read_some(std::chrono::milliseconds(20));
            const std::string octets = client.take_received();
            raw += octets;
            if (nghttp2_session_mem_recv(session,
                                         reinterpret_cast<const std::uint8_t*>(octets.data()),
                                         octets.size()) < 0) {
                return false;
            }
            if (octets.empty() && client.ended()) break;
        }
        return holds();
    }
    bool finish(std::int32_t id) {
        return run([&] { return streams[id].ended; });
    }

    RawClient client;
    nghttp2_session* session = nullptr;
    std::map<std::int32_t, Response> streams;
    std::vector<std::uint32_t> goaways;
    std::int32_t last_stream = -1;
    bool settled = false;
    std::string raw;  // everything received

  private:
    struct Body {
        std::string text;
        std::size_t sent;
        bool hold;
        Fields trailers;
    };
    static Http2Client& self(void* user) { return *static_cast<Http2Client*>(user); }
    static std::vector<nghttp2_nv> names(const Fields& fields) {
        std::vector<nghttp2_nv> out;
        for (const auto& field : fields) {
            const auto octets = [](const std::string& text) {
                return const_cast<std::uint8_t*>(
                    reinterpret_cast<const std::uint8_t*>(text.data()));
            };
            out.push_back({octets(field.first), octets(field.second), field.first.size(),
                           field.second.size(), NGHTTP2_NV_FLAG_NONE});
        }
        return out;
    }
    std::vector<Body> bodies_;
    std::map<std::int32_t, std::size_t> body_of_;
};

}  // namespace net::testing
