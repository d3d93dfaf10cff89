#pragma once

#include <cstddef>
#include <string_view>

#include "admin/json.h"
#include "base/result.h"

namespace admin {

/// A YAML document as the JSON that it stands for: YAML 1.2's core schema for what stands without
/// quotes (null, true, 12, 1.5; everything else is text), keys are text, tags are refused. The
/// error says where: "line 3, column 7: ...". Aliases are followed; beyond `max_nodes` in all the
/// document is refused, as aliases of aliases stand for more than memory holds. Parsing is
/// yaml-cpp's (yaml.cc).
inline constexpr std::size_t kMaxYamlNodes = 10'000'000;
[[nodiscard]] base::Result<Json> parse_yaml(std::string_view text,
                                            std::size_t max_nodes = kMaxYamlNodes);

}  // namespace admin
