#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "zones/kv.h"
#include "zones/records.h"
#include "zones/store.h"

namespace zones {

/// One page of StoreReader::diff.
///
/// What is stored under a zone id is its newest state. What it was at a revision is that with the
/// journal's effects since then taken back: for each RRset the value before the first of them. Data
/// that was replaced or deleted stands under an id of its own, and the journal says which id a
/// zone had at a revision. So each of the two sides is an id with values laid over it. If both have
/// the same id, only the RRsets that the journal names can differ; else both are walked.
///
/// Memory is bounded by a window: of the RRsets behind the page's start only the first
/// `kMaxWindow` are kept, and what stands behind them is left to the next page.
class ZoneDiff {
  public:
    struct Question {
        dns::Name apex;
        std::string view;    // as effects name it: empty for the base
        ZoneId present = 0;  // the id that the newest revision has
        Revision from = 0, to = 0;
        std::optional<StoreReader::Position> after;
        std::size_t limit = 0;
    };
    ZoneDiff(KeyValueStore& store, std::shared_ptr<const StoreSnapshot> snapshot,
             Question question);
    [[nodiscard]] base::Result<StoreReader::Diff> run();

  private:
    using Key = std::pair<std::string, std::uint16_t>;  // the owner's key, the type
    struct Value {
        dns::Name name;
        std::optional<std::string> packed;  // as effects have it; nothing: not there
    };
    struct Side {
        Revision at = 0;
        std::optional<ZoneId> id;  // once the journal has told it
        bool open = true;          // what is told now is about this side's id
        std::map<Key, Value> values;
        std::size_t octets = 0;
    };
    class Walk;

    static constexpr std::size_t kMaxWindow = 20000;  // RRsets of each side
    static constexpr std::size_t kMaxWindowOctets = std::size_t{32} << 20;
    static constexpr std::size_t kMaxWalked = 20000;  // RRsets for one page

    [[nodiscard]] base::Result<void> read_journal();
    void take(Side& side, const Effect& effect);
    void lay(Side& side, const Effect& effect);
    [[nodiscard]] base::Result<StoreReader::Diff> compare();

    KeyValueStore& store_;
    const std::shared_ptr<const StoreSnapshot> snapshot_;
    Question question_;
    std::optional<Key> after_;
    std::optional<Key> horizon_;  // from here on the window does not know all
    Side from_, to_;
};

}  // namespace zones
