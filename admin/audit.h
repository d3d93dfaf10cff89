#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/peer.h"

namespace admin {

class Background;
struct Reply;

/// The requests that were refused (401, 403, 429): who wanted what. What was done stands in the
/// journal, with its author.
///
/// Lines of JSON in DIRECTORY/audit.log, which becomes audit.log.1 when it is full: strangers make
/// these entries, so they take no part in commits, and their number is bounded in time and on disk.
/// Written by the background threads, in order. Admin loop only, `read` apart.
class Audit {
  public:
    static constexpr std::size_t kMaxFileOctets = std::size_t{8} << 20;
    static constexpr double kBurst = 1000;        // entries at once...
    static constexpr double kPerSecond = 20;      // ...and in the long run; others are counted
    static constexpr std::size_t kMaxText = 256;  // octets of a member that strangers wrote
    static constexpr std::size_t kMaxWaiting = std::size_t{1} << 20;  // octets, for a slow disk

    struct Entry {
        base::WallTime time{};
        int status = 0;
        std::string who, from, method, path, request_id, detail;
    };

    /// `background` is borrowed; what it was given to write does not need this any more.
    Audit(std::string directory, Background& background);
    ~Audit();
    Audit(const Audit&) = delete;
    Audit& operator=(const Audit&) = delete;

    void refused(Entry entry);
    [[nodiscard]] static bool is_refusal(const Reply& reply) noexcept;
    /// The same of a reply, if it is a refusal; the entry says who, method, path and request id.
    void note(const Reply& reply, const net::Peer& peer, Entry entry);
    /// Refused requests so far, and those of them that were too many to be written.
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    [[nodiscard]] std::uint64_t unwritten() const noexcept { return unwritten_; }

    /// One line of the log; what a crash cut off is none. Ids grow.
    struct Line {
        std::uint64_t id = 0;  // its time in microseconds since 1970
        std::string json;
    };
    /// The newest lines with ids below `before` (0: from the newest), newest first, at most
    /// `limit`. Reads files: never on a loop. Any thread.
    [[nodiscard]] static base::Result<std::vector<Line>> read(const std::string& directory,
                                                              std::uint64_t before,
                                                              std::size_t limit);

  private:
    struct File;  // shared with the writes that are under way

    Background& background_;
    std::shared_ptr<File> file_;
    std::uint64_t last_id_ = 0;
    double allowance_ = kBurst;
    base::MonoTime allowance_at_;
    std::uint64_t total_ = 0;
    std::uint64_t unwritten_ = 0;
};

}  // namespace admin
