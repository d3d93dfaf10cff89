#include "admin/certificate_watch.h"

#include <utility>

#include "server/log.h"

namespace admin {

namespace {

using What = CertificateNotice::What;

CertificateNotice notice_of(What what, const server::Certificates::Expiry& expiry,
                            base::WallTime now) {
    return {.what = what,
            .time = now,
            .table = expiry.table,
            .names = expiry.names,
            .not_after = expiry.at,
            .detail = {}};
}

}  // namespace

CertificateWatch::CertificateWatch(net::Loop& loop, Expiries expiries, Tell tell)
    : expiries_(std::move(expiries)), tell_(std::move(tell)), timer_(loop) {
    timer_.start_repeating(std::chrono::duration_cast<std::chrono::milliseconds>(kLook),
                           [this] { look(base::wall_now()); });
}

void CertificateWatch::loaded(const base::Result<void>& outcome, base::WallTime now) {
    if (!outcome) {
        tell_({.what = What::Refused,
               .time = now,
               .table = {},
               .names = {},
               .not_after = std::nullopt,
               .detail = outcome.error().message});
        return;
    }
    told_.clear();
    for (const auto& expiry : expiries_()) tell_(notice_of(What::Loaded, expiry, now));
    look(now);
}

void CertificateWatch::look(base::WallTime now) {
    for (const auto& expiry : expiries_()) {
        if (expiry.at - now > kNear) continue;
        const What what = expiry.at <= now ? What::Expired : What::Expiring;
        const auto last = told_.find(expiry.table);
        // A clock that was set back tells again, too.
        const bool said = last != told_.end() && last->second.what == what &&
                          now >= last->second.at && now - last->second.at < kAgain;
        if (said) continue;
        told_[expiry.table] = {what, now};
        const std::string line = "tls." + expiry.table + ": a certificate " +
                                 (what == What::Expired ? "expired" : "expires") + " at " +
                                 base::format_rfc3339(expiry.at);
        what == What::Expired ? server::log_error(line) : server::log_warn(line);
        tell_(notice_of(what, expiry, now));
    }
}

}  // namespace admin
