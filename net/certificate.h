#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace net {

/// A certificate of a TLS server and its key, in PEM files.
struct CertificateFiles {
    std::string certificate;  // the server's own first, then those that lead to its authority
    std::string key;
};

/// What a client will find in the files, and what it will not like about it. A value.
struct CertificateReport {
    CertificateFiles files;
    std::vector<std::string> names;  // it is good for: DNS names in lower case, addresses as text
    base::WallTime not_after{};      // when the first of the chain expires
    /// Sentences that name the file. A server with them may run, but clients will refuse it.
    std::vector<std::string> faults;

    /// Does it stand for this name (RFC 6125, 6.4)? `name` in lower case. A star stands for one
    /// whole label, the first.
    [[nodiscard]] bool covers(const std::string& name) const;
};

/// Reads both files. An error, which names the file, is what no server can run with: a file that
/// cannot be read or is none, a key of another certificate, an encrypted key. Any thread; reads
/// the disk.
[[nodiscard]] base::Result<CertificateReport> read_certificate(const CertificateFiles& files,
                                                               base::WallTime now);

}  // namespace net
