#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zones {

/// The names of the database's files, as RocksDB gives them: `000012.log`, `MANIFEST-000011`.
inline constexpr std::string_view kLogSuffix = ".log";

[[nodiscard]] std::optional<std::uint64_t> log_number(std::string_view file);
[[nodiscard]] std::string log_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> manifest_number(std::string_view file);
[[nodiscard]] std::string manifest_name(std::uint64_t number);

/// The name of a file that lies in `directory` itself; empty for any other. Borrowed from `path`.
[[nodiscard]] std::string_view name_in(std::string_view directory, std::string_view path);

}  // namespace zones
