// What a query's OPT asks of the server itself, and what the answer's tells (RFC 6891): cookies
// (RFC 7873), NSID, keepalive, ZONEVERSION, extended errors, padding.
#include <algorithm>

#include "server/pipeline_run.h"

namespace server {

namespace {

using dns::RCode;

// What encrypted answers are padded to a multiple of (RFC 8467, 4.1).
constexpr std::size_t kPaddingBlock = 468;
constexpr std::size_t kMaxOptionOctets = 512 + kOptionHead + kPaddingBlock;

}  // namespace

/// The options that are the server's own business; false where one is malformed.
bool Pipeline::read_options(Run& run) const {
    if (!run.request.edns) return true;
    bool cookie_seen = false;
    // The parser has seen that no option runs past the end.
    for (base::Octets rest = run.request.edns->options; !rest.empty();) {
        const auto code = static_cast<dns::EdnsOption>(base::load_be16(rest.data()));
        const base::Octets value = rest.subspan(4, base::load_be16(&rest[2]));
        rest = rest.subspan(4 + value.size());
        if (code == dns::EdnsOption::Cookie && settings_.cookies && !cookie_seen) {
            // The first counts, all others are ignored (RFC 7873, 5.2).
            cookie_seen = true;
            if (!Cookies::well_formed(value)) return false;
            run.cookie = value;
        } else if (code == dns::EdnsOption::TcpKeepalive &&
                   (run.query.transport == Transport::Tcp ||
                    run.query.transport == Transport::Dot)) {
            // Ignored over UDP (RFC 7828, 3.2.2); a client sends no timeout (3.2.1).
            if (!value.empty()) return false;
            run.keepalive = true;
        } else if (code == dns::EdnsOption::Padding) {
            // In the clear it would hide nothing and cost octets (RFC 7830, 6).
            run.padded = run.query.encrypted();
        }
    }
    return true;
}

/// A query without a question, for a cookie (RFC 7873, 5.4): the option is the answer.
void Pipeline::give_cookie(Run& run) {
    const bool both = run.cookie.size() > Cookies::kClientOctets;
    if (both && !cookie_is_good(run)) {
        run.rcode = RCode::BadCookie;
        run.action = Action::Refused;
    }
}

bool Pipeline::cookie_is_good(const Run& run) {
    return settings_.cookies->valid(run.cookie, run.query.client.address, unix_time_s());
}

/// Who knows cookies must have one of ours, where that is wanted. Over TCP nobody forges his
/// address (RFC 7873, 5.2.3).
bool Pipeline::lacks_cookie(const Run& run) {
    return settings_.require_cookies && run.query.transport == Transport::Udp &&
           !run.cookie.empty() && !cookie_is_good(run);
}

std::uint32_t Pipeline::unix_time_s() {
    if (!unix_time_s_) {
        unix_time_s_ = static_cast<std::uint32_t>(base::to_unix_us(base::wall_now()) / 1000000);
    }
    return *unix_time_s_;
}

void Pipeline::write_opt(Run& run, std::uint8_t extended_rcode) {
    const dns::Edns& edns = *run.request.edns;
    std::array<std::uint8_t, kMaxOptionOctets> options;
    std::size_t used = 0;
    const auto head = [&](dns::EdnsOption code, std::size_t size) {
        base::store_be16(&options[used], static_cast<std::uint16_t>(code));
        base::store_be16(&options[used + 2], static_cast<std::uint16_t>(size));
        used += 4;
    };
    if (edns.nsid && settings_.nsid) {
        const std::size_t size = std::min(settings_.node.size(), kMaxNodeName);
        head(dns::EdnsOption::NSID, size);
        std::memcpy(&options[used], settings_.node.data(), size);
        used += size;
    }
    if (edns.subnet) {
        // Scope 0 where nothing looked at the client (RFC 7871, 7.2.1).
        dns::ClientSubnet subnet = *edns.subnet;
        subnet.scope_length = run.scope_length.value_or(0);
        head(dns::EdnsOption::ClientSubnet, subnet.octets());
        subnet.write(&options[used]);
        used += subnet.octets();
    }
    if (!run.cookie.empty()) {
        head(dns::EdnsOption::Cookie, Cookies::kOptionOctets);
        std::uint8_t cookie[Cookies::kOptionOctets];
        settings_.cookies->answer(run.cookie, run.query.client.address, unix_time_s(), cookie);
        std::memcpy(&options[used], cookie, sizeof cookie);
        used += sizeof cookie;
    }
    if (run.keepalive) {
        head(dns::EdnsOption::TcpKeepalive, 2);
        base::store_be16(&options[used], run.query.tcp_keepalive_ds);
        used += 2;
    }
    if (run.zone_serial && run.report.zone != nullptr) {
        head(dns::EdnsOption::ZoneVersion, kZoneVersionOctets);
        options[used] = static_cast<std::uint8_t>(run.report.zone->apex().label_count());
        options[used + 1] = 0;  // SOA-SERIAL (RFC 9660, 5.2)
        base::store_be32(&options[used + 2], *run.zone_serial);
        used += kZoneVersionOctets;
    }
    if (run.ede) {
        head(dns::EdnsOption::ExtendedError, 2);
        base::store_be16(&options[used], static_cast<std::uint16_t>(*run.ede));
        used += 2;
    }
    if (run.padded) {
        // Last, when all else is known. An answer near the largest is padded as far as it goes.
        const std::size_t plain = run.writer.size() + kOptOctets + used + kOptionHead;
        const std::size_t wanted = (plain + kPaddingBlock - 1) / kPaddingBlock * kPaddingBlock;
        const std::size_t size = std::min<std::size_t>(wanted, dns::kMaxMessageOctets) - plain;
        head(dns::EdnsOption::Padding, size);
        std::memset(&options[used], 0, size);
        used += size;
    }
    run.writer.opt(settings_.udp_payload, extended_rcode, edns.dnssec_ok,
                   base::Octets(options.data(), used));
}

}  // namespace server
