#pragma once

#include <string>

#include "dns/name.h"
#include "dns/types.h"
#include "server/pipeline.h"

namespace server {

/// What is answered to a question in class CH about the server itself (RFC 4892), as the text of a
/// TXT record; null: nothing, it is refused.
[[nodiscard]] const std::string* chaos_text(const PipelineSettings& settings, dns::NameView qname,
                                            dns::RRType qtype);

}  // namespace server
