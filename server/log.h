#pragma once

#include <string_view>

namespace server {

/// The log of the whole program: one line per event on standard error, as text or JSON (spdlog
/// stays in log.cc). Any thread. Never called on the path of a query.
///
/// Messages say what happened, where, and what to do.
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warn(std::string_view message);
void log_error(std::string_view message);
/// `level` is "debug", "info", "warn" or "error": for callbacks of libraries of ours.
void log_at(std::string_view level, std::string_view message);

/// Before any thread is started. `level` as above, `format` "text" or "json".
void set_up_log(std::string_view level, std::string_view format);
/// At any time.
void set_log_level(std::string_view level);

}  // namespace server
