#include "server/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace server {

namespace {

/// The message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& out) override {
        static constexpr char kDigits[] = "0123456789abcdef";
        for (const char c : message.payload) {
            const auto octet = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out.push_back('\\');
                out.push_back(c);
            } else if (octet < 0x20) {
                for (const char piece : {'\\', 'u', '0', '0', kDigits[octet >> 4]}) {
                    out.push_back(piece);
                }
                out.push_back(kDigits[octet & 15]);
            } else {
                out.push_back(c);
            }
        }
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JsonMessage>();
    }
};

spdlog::logger& logger() {
    static spdlog::logger the_logger("meridian", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    return the_logger;
}

}  // namespace

void log_debug(std::string_view message) {
    logger().debug("{}", message);
}
void log_info(std::string_view message) {
    logger().info("{}", message);
}
void log_warn(std::string_view message) {
    logger().warn("{}", message);
}
void log_error(std::string_view message) {
    logger().error("{}", message);
}

void log_at(std::string_view level, std::string_view message) {
    if (level == "error") return log_error(message);
    if (level == "warn") return log_warn(message);
    if (level == "debug") return log_debug(message);
    log_info(message);
}

void set_log_level(std::string_view level) {
    logger().set_level(level == "debug"   ? spdlog::level::debug
                       : level == "warn"  ? spdlog::level::warn
                       : level == "error" ? spdlog::level::err
                                          : spdlog::level::info);
}

void set_up_log(std::string_view level, std::string_view format) {
    set_log_level(level);
    logger().flush_on(spdlog::level::debug);
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (format == "json") {
        formatter->add_flag<JsonMessage>('*').set_pattern(
            R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":"%*"})");
    } else {
        formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l: %v");
    }
    logger().set_formatter(std::move(formatter));
}

}  // namespace server
