#include "server/chaos.h"

namespace server {

const std::string* chaos_text(const PipelineSettings& settings, dns::NameView qname,
                              dns::RRType qtype) {
    static const dns::Name kIdServer = *dns::Name::parse("id.server.");
    static const dns::Name kHostnameBind = *dns::Name::parse("hostname.bind.");
    static const dns::Name kVersionBind = *dns::Name::parse("version.bind.");
    static const dns::Name kVersionServer = *dns::Name::parse("version.server.");
    if (qtype != dns::RRType::TXT && qtype != dns::RRType::ANY) return nullptr;
    const std::string* text = nullptr;
    if (qname == kIdServer || qname == kHostnameBind) text = &settings.node;
    if (qname == kVersionBind || qname == kVersionServer) text = &settings.version_bind;
    return text == nullptr || text->empty() ? nullptr : text;
}

}  // namespace server
