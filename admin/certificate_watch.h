#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "admin/feed_event.h"
#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"
#include "server/certificates.h"

namespace admin {

/// Tells what becomes of the certificates: when they are read, at the start and anew, or could not
/// be; once the first of a table expires within kNear, and once it has, and every kAgain after
/// that. The two last go to the log as well. Admin loop only.
class CertificateWatch {
  public:
    static constexpr std::chrono::hours kNear{14 * 24};
    static constexpr std::chrono::hours kAgain{24};
    static constexpr std::chrono::minutes kLook{1};

    using Expiries = std::function<std::vector<server::Certificates::Expiry>()>;
    using Tell = std::function<void(const CertificateNotice&)>;

    /// Looks every kLook from now on.
    CertificateWatch(net::Loop& loop, Expiries expiries, Tell tell);

    /// The files were read, or not: then everything stayed as it was.
    void loaded(const base::Result<void>& outcome, base::WallTime now);
    /// Tells what has come near since the last look.
    void look(base::WallTime now);

  private:
    struct Told {
        CertificateNotice::What what;
        base::WallTime at;
    };

    Expiries expiries_;
    Tell tell_;
    std::map<std::string, Told> told_;  // by table
    net::Timer timer_;
};

}  // namespace admin
