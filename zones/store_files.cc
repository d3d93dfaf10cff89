#include "zones/store_files.h"

#include <charconv>
#include <system_error>

namespace zones {

namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::size_t kDigits = 6;  // at least

std::optional<std::uint64_t> number_in(std::string_view digits) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::string digits_of(std::uint64_t number) {
    std::string digits = std::to_string(number);
    if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
    return digits;
}

}  // namespace

std::optional<std::uint64_t> log_number(std::string_view file) {
    if (!file.ends_with(kLogSuffix)) return std::nullopt;
    return number_in(file.substr(0, file.size() - kLogSuffix.size()));
}

std::string log_name(std::uint64_t number) {
    return digits_of(number) + std::string(kLogSuffix);
}

std::optional<std::uint64_t> manifest_number(std::string_view file) {
    if (!file.starts_with(kManifestPrefix)) return std::nullopt;
    return number_in(file.substr(kManifestPrefix.size()));
}

std::string manifest_name(std::uint64_t number) {
    return std::string(kManifestPrefix) + digits_of(number);
}

std::string_view name_in(std::string_view directory, std::string_view path) {
    if (!path.starts_with(directory)) return {};
    path.remove_prefix(directory.size());
    if (!path.starts_with('/')) return {};
    while (path.starts_with('/')) path.remove_prefix(1);
    return path.find('/') == std::string_view::npos ? path : std::string_view();
}

}  // namespace zones
