#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// One record of a master file. Borrowed by the sink until it returns.
struct MasterRecord {
    Name owner;
    RRType type{};
    RRClass rr_class = RRClass::IN;
    std::uint32_t ttl = 0;
    std::vector<std::uint8_t> rdata;  // uncompressed wire form
    std::string_view file;
    std::uint32_t line = 0;  // where the record starts
};

struct MasterFault {
    std::string file;
    std::uint32_t line = 0;
    std::string message;
    /// "zone.db:17: ..."
    [[nodiscard]] std::string to_text() const;
};

/// Receives what a scanner finds, in order. Either call may return false to stop the scan.
class MasterSink {
  public:
    virtual ~MasterSink() = default;
    virtual bool on_record(const MasterRecord& record) = 0;
    virtual bool on_fault(MasterFault fault) = 0;
};

/// Scans a master file (RFC 1035, 5; $TTL: RFC 2308, 4; unknown types: RFC 3597), piece by piece,
/// without I/O and in constant memory: one entry is held at a time, at most kMaxEntryOctets.
///
/// `$ORIGIN $TTL $INCLUDE $GENERATE`, parentheses, comments, quoted strings, `@`, escapes, TTL
/// units, TTL and class in either order, omitted owner. After a fault the scan goes on with the
/// next entry, so that all faults of a file are found in one run. One thread.
class MasterScanner {
  public:
    static constexpr std::size_t kMaxEntryOctets = 1U << 20;
    static constexpr unsigned kMaxIncludeDepth = 10;
    static constexpr std::uint32_t kMaxGenerated = 1U << 20;  // records of one $GENERATE

    /// Reads an included file whole, or says why not. Its path is relative to the file that names
    /// it, with that file's directory in front, unless it is absolute. Absent: $INCLUDE
    /// is a fault (a zone sent over the network must not read the server's files).
    using Include = std::function<base::Result<std::string>(const std::string& path)>;

    struct Options {
        std::string file = "zone";
        Name origin;
        std::uint32_t default_ttl = 3600;  // when neither $TTL nor an earlier TTL is there
        Include include;
    };

    MasterScanner(Options options, MasterSink& sink);
    ~MasterScanner();
    MasterScanner(const MasterScanner&) = delete;
    MasterScanner& operator=(const MasterScanner&) = delete;

    /// The next piece of the file. False once the sink has stopped the scan.
    bool feed(Octets piece);
    /// The end of the file: the last entry needs no newline. False as above.
    bool finish();
    /// How many faults there were.
    [[nodiscard]] std::uint64_t faults() const noexcept;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dns
