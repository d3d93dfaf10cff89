#include "zones/record_sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace zones {

namespace {

// As it lies in memory and in runs, which no other process reads: numbers in the machine's order,
// then key, owner and rdata.
struct Head {
    std::uint32_t ttl;
    std::uint32_t line;
    std::uint16_t type;
    std::uint16_t file;
    std::uint16_t key_octets;
    std::uint16_t rdata_octets;
    std::uint16_t owner_octets;
    std::uint16_t unused;
};
constexpr std::size_t kHeadOctets = sizeof(Head);
static_assert(kHeadOctets == 20);

constexpr std::size_t kReadOctets = std::size_t{128} << 10;
constexpr std::size_t kWriteOctets = std::size_t{256} << 10;

std::size_t record_octets(const Head& head) noexcept {
    return kHeadOctets + head.key_octets + head.owner_octets + head.rdata_octets;
}
static_assert(kReadOctets > 3 * 65536 / 2, "a whole record must fit");

Head head_at(const std::uint8_t* at) noexcept {
    Head head;
    std::memcpy(&head, at, kHeadOctets);
    return head;
}

SortRecord record_of(const std::uint8_t* at) noexcept {
    const Head head = head_at(at);
    at += kHeadOctets;
    SortRecord record;
    record.key = base::as_text({at, head.key_octets});
    at += head.key_octets;
    record.owner = {at, head.owner_octets};
    at += head.owner_octets;
    record.type = static_cast<dns::RRType>(head.type);
    record.ttl = head.ttl;
    record.line = head.line;
    record.file = head.file;
    record.rdata = {at, head.rdata_octets};
    return record;
}

/// The first octets of a key behind the first `skip`, as a number that sorts like them.
std::uint64_t prefix_of(std::string_view key, std::size_t skip) noexcept {
    std::uint64_t prefix = 0;
    if (key.size() <= skip) return prefix;
    const std::size_t size = std::min(key.size() - skip, sizeof prefix);
    for (std::size_t i = 0; i < sizeof prefix; ++i) {
        prefix = prefix << 8 | (i < size ? static_cast<std::uint8_t>(key[skip + i]) : 0U);
    }
    return prefix;
}

std::size_t common_octets(std::string_view a, std::string_view b) noexcept {
    const std::size_t most = std::min(a.size(), b.size());
    std::size_t at = 0;
    while (at < most && a[at] == b[at]) ++at;
    return at;
}

base::Unexpected<base::Error> failed(const char* what, const std::string& directory, int code) {
    return base::fail(std::string("the zone cannot be sorted: ") + what + " a temporary file in " +
                      directory + ": " + std::strerror(code));
}

}  // namespace

/// A sorted file that has lost its name, and its record that is next.
class RecordSorter::Run {
  public:
    Run(int file, std::string directory) : file_(file), directory_(std::move(directory)) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() { ::close(file_); }

    [[nodiscard]] static base::Result<std::unique_ptr<Run>> create(const std::string& directory) {
        std::string path = directory + "/load-XXXXXX.run";
        const int file = ::mkostemps(path.data(), 4, O_CLOEXEC);
        if (file < 0) return failed("cannot create", directory, errno);
        (void)::unlink(path.c_str());  // what stays is collected at the next start
        return std::make_unique<Run>(file, directory);
    }

    [[nodiscard]] base::Result<void> append(base::Octets octets) {
        while (!octets.empty()) {
            const ssize_t written = ::write(file_, octets.data(), octets.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return failed("cannot write", directory_, errno);
            octets = octets.subspan(static_cast<std::size_t>(written));
        }
        return {};
    }

    [[nodiscard]] base::Result<void> rewind() {
        offset_ = 0;
        begin_ = end_ = 0;
        buffer_.resize(kReadOctets);
        return advance();
    }
    /// To the next record; `at_end` says whether there is one.
    [[nodiscard]] base::Result<void> advance() {
        begin_ += record_octets_;
        record_octets_ = 0;
        if (end_ - begin_ < kHeadOctets ||
            end_ - begin_ < zones::record_octets(head_at(&buffer_[begin_]))) {
            auto filled = fill();
            if (!filled) return filled;
        }
        if (begin_ == end_) return {};
        if (end_ - begin_ < kHeadOctets ||
            end_ - begin_ < zones::record_octets(head_at(&buffer_[begin_]))) {
            return failed("cannot read back", directory_, EIO);
        }
        record_octets_ = zones::record_octets(head_at(&buffer_[begin_]));
        return {};
    }
    [[nodiscard]] bool at_end() const noexcept { return record_octets_ == 0; }
    [[nodiscard]] SortRecord record() const noexcept { return record_of(&buffer_[begin_]); }
    [[nodiscard]] base::Octets octets() const noexcept {
        return {&buffer_[begin_], record_octets_};
    }
    void drop_buffer() { std::vector<std::uint8_t>().swap(buffer_); }

    std::size_t number = 0;  // its place among the runs

  private:
    [[nodiscard]] base::Result<void> fill() {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        while (end_ < buffer_.size()) {
            const ssize_t size = ::pread(file_, buffer_.data() + end_, buffer_.size() - end_,
                                         static_cast<off_t>(offset_));
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return failed("cannot read", directory_, errno);
            if (size == 0) break;
            end_ += static_cast<std::size_t>(size);
            offset_ += static_cast<std::uint64_t>(size);
        }
        return {};
    }

    const int file_;
    const std::string directory_;
    std::uint64_t offset_ = 0;  // of what was not read yet
    std::vector<std::uint8_t> buffer_;
    std::size_t begin_ = 0, end_ = 0;
    std::size_t record_octets_ = 0;
};

/// Gathers small writes.
class RecordSorter::Writer {
  public:
    explicit Writer(Run& run) : run_(run) { buffer_.reserve(kWriteOctets); }
    [[nodiscard]] base::Result<void> put(base::Octets octets) {
        if (buffer_.size() + octets.size() > kWriteOctets) {
            auto flushed = flush();
            if (!flushed) return flushed;
        }
        buffer_.insert(buffer_.end(), octets.begin(), octets.end());
        return {};
    }
    [[nodiscard]] base::Result<void> flush() {
        auto written = run_.append(buffer_);
        buffer_.clear();
        return written;
    }

  private:
    Run& run_;
    std::vector<std::uint8_t> buffer_;
};

RecordSorter::RecordSorter(std::string directory, std::size_t budget_octets)
    : directory_(std::move(directory)),
      // Places in memory are 32-bit numbers.
      budget_octets_(std::min(budget_octets, std::size_t{2} << 30)) {}

RecordSorter::~RecordSorter() = default;

SortRecord RecordSorter::record_at(std::size_t at) const noexcept {
    return record_of(&arena_[at]);
}

std::size_t RecordSorter::held_octets() const noexcept {
    return arena_.size() + entries_.size() * sizeof(Entry);
}

base::Result<void> RecordSorter::add(const SortRecord& record) {
    const std::size_t size =
        kHeadOctets + record.key.size() + record.owner.size() + record.rdata.size();
    if (!entries_.empty() && held_octets() + size + sizeof(Entry) > budget_octets_) {
        auto spilled = spill();
        if (!spilled) return spilled;
    }
    Head head{};
    head.ttl = record.ttl;
    head.line = record.line;
    head.type = static_cast<std::uint16_t>(record.type);
    head.file = record.file;
    head.key_octets = static_cast<std::uint16_t>(record.key.size());
    head.owner_octets = static_cast<std::uint16_t>(record.owner.size());
    head.rdata_octets = static_cast<std::uint16_t>(record.rdata.size());

    const std::size_t at = arena_.size();
    if (!entries_.empty() && record.key < record_at(last_at_).key) ordered_ = false;
    // An empty key is the apex's; it sorts first whatever the others have in common.
    if (!record.key.empty()) {
        common_ = first_at_
                      ? std::min(common_, common_octets(record_at(*first_at_).key, record.key))
                      : record.key.size();
        if (!first_at_) first_at_ = at;
    }
    std::uint8_t raw[kHeadOctets];
    std::memcpy(raw, &head, kHeadOctets);
    arena_.insert(arena_.end(), raw, raw + kHeadOctets);
    const base::Octets key = base::as_octets(record.key);
    arena_.insert(arena_.end(), key.begin(), key.end());
    arena_.insert(arena_.end(), record.owner.begin(), record.owner.end());
    arena_.insert(arena_.end(), record.rdata.begin(), record.rdata.end());
    entries_.push_back({0, static_cast<std::uint32_t>(at)});
    last_at_ = at;
    octets_ += size;
    return {};
}

void RecordSorter::sort() {
    if (ordered_) return;
    for (Entry& entry : entries_) entry.prefix = prefix_of(record_at(entry.at).key, common_);
    std::sort(entries_.begin(), entries_.end(), [this](const Entry& a, const Entry& b) {
        if (a.prefix != b.prefix) return a.prefix < b.prefix;
        const int order = record_at(a.at).key.compare(record_at(b.at).key);
        return order != 0 ? order < 0 : a.at < b.at;
    });
    ordered_ = true;
}

base::Result<void> RecordSorter::spill() {
    sort();
    auto run = Run::create(directory_);
    if (!run) return base::fail(std::move(run.error()));
    Writer writer(**run);
    for (const Entry& entry : entries_) {
        const std::uint8_t* at = &arena_[entry.at];
        auto put = writer.put({at, record_octets(head_at(at))});
        if (!put) return put;
    }
    auto flushed = writer.flush();
    if (!flushed) return flushed;
    runs_.push_back(std::move(*run));
    arena_.clear();
    entries_.clear();
    ordered_ = true;
    first_at_.reset();
    if (runs_.size() >= kMaxRuns) return merge_runs();
    return {};
}

/// All runs become one, so that reading never needs more than kMaxRuns files and buffers.
base::Result<void> RecordSorter::merge_runs() {
    auto started = start_runs();
    if (!started) return started;
    auto merged = Run::create(directory_);
    if (!merged) return base::fail(std::move(merged.error()));
    Writer writer(**merged);
    for (Run* run = first_run(); run != nullptr; run = first_run()) {
        auto put = writer.put(run->octets());
        if (!put) return put;
        auto advanced = advance_first();
        if (!advanced) return advanced;
    }
    auto flushed = writer.flush();
    if (!flushed) return flushed;
    runs_.clear();
    heap_.clear();
    runs_.push_back(std::move(*merged));
    return {};
}

namespace {

/// For a heap whose top is the smallest; of equal keys the older run's comes first.
template <class Run>
bool comes_later(const Run* a, const Run* b) {
    const int order = a->record().key.compare(b->record().key);
    return order != 0 ? order > 0 : a->number > b->number;
}

}  // namespace

base::Result<void> RecordSorter::start_runs() {
    heap_.clear();
    advance_ = false;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        Run& run = *runs_[i];
        run.number = i;
        auto rewound = run.rewind();
        if (!rewound) return rewound;
        if (!run.at_end()) heap_.push_back(&run);
    }
    std::make_heap(heap_.begin(), heap_.end(), comes_later<Run>);
    return {};
}

RecordSorter::Run* RecordSorter::first_run() noexcept {
    return heap_.empty() ? nullptr : heap_.front();
}

base::Result<void> RecordSorter::advance_first() {
    std::pop_heap(heap_.begin(), heap_.end(), comes_later<Run>);
    Run& run = *heap_.back();
    auto advanced = run.advance();
    if (!advanced) return advanced;
    if (run.at_end()) {
        run.drop_buffer();
        heap_.pop_back();
    } else {
        std::push_heap(heap_.begin(), heap_.end(), comes_later<Run>);
    }
    return {};
}

base::Result<void> RecordSorter::rewind() {
    next_ = 0;
    if (runs_.empty()) {
        sort();
        return {};
    }
    if (!entries_.empty()) {
        auto spilled = spill();
        if (!spilled) return spilled;
        std::vector<std::uint8_t>().swap(arena_);
        std::vector<Entry>().swap(entries_);
    }
    return start_runs();
}

base::Result<bool> RecordSorter::next(SortRecord& record) {
    if (runs_.empty()) {
        if (next_ == entries_.size()) return false;
        record = record_at(entries_[next_++].at);
        return true;
    }
    if (advance_) {
        advance_ = false;
        auto advanced = advance_first();
        if (!advanced) return base::fail(std::move(advanced.error()));
    }
    const Run* run = first_run();
    if (run == nullptr) return false;
    record = run->record();
    advance_ = true;
    return true;
}

void RecordSorter::clear() {
    arena_.clear();
    entries_.clear();
    runs_.clear();
    heap_.clear();
    ordered_ = true;
    advance_ = false;
    first_at_.reset();
    octets_ = 0;
    next_ = 0;
}

}  // namespace zones
