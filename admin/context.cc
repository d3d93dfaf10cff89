#include "admin/context.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "admin/access.h"
#include "admin/feed.h"
#include "base/octets.h"
#include "base/random.h"
#include "base/thread.h"
#include "server/service.h"

namespace admin {

namespace {

constexpr int kNiceness = 10;
constexpr std::chrono::milliseconds kMoment{1};

const std::string& member_text(const Json& document, std::string_view key) {
    static const std::string kNone;
    const Json* member = document.find(key);
    return member == nullptr || member->as_string() == nullptr ? kNone : *member->as_string();
}

// May this be read, by what an operation of a diff is about?
bool may_read(const Rights& rights, const Json& operation) {
    if (rights.everything(Verb::Read)) return true;
    const std::string& op = member_text(operation, "op");
    const auto zone = dns::Name::parse(member_text(operation, "zone"));
    if (op == "document" || !zone) return false;
    if (op != "rrset" && op != "policy") return rights.zone(Verb::Read, *zone);
    const auto name = dns::Name::parse(member_text(operation, "name"));
    if (!name) return false;
    const std::string& type = member_text(operation, "type");
    if (op == "policy") return rights.policy(Verb::Read, *zone, *name, type);
    const auto parsed = dns::parse_type(type);
    return parsed && rights.rrset(Verb::Read, *zone, *name, *parsed);
}

// A diff tells what stood there before, and what stays beside what is written: only what it is
// about is left of operations on what the author may not read.
std::string readable_diff(const std::string& diff, const Rights& rights) {
    if (diff.empty() || rights.everything(Verb::Read)) return diff;
    const auto operations = Json::parse(diff);
    if (!operations) return diff;  // `written` says that it is damaged
    Json out = Json::array();
    for (const Json& operation : operations->items()) {
        if (may_read(rights, operation)) {
            out.push(operation);
            continue;
        }
        Json bare = Json::object();
        for (const Json::Member& member : operation.members()) {
            if (member.key != "before" && member.key != "after") bare.set(member.key, member.value);
        }
        out.push(std::move(bare));
    }
    return out.dump();
}

}  // namespace

void Mailbox::post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) loop_->post(std::move(task));
}

void Mailbox::close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
}

Background::Background() {
    for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

Background::~Background() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Background::run(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
}

void Background::work() {
    // Large work gives way to those that answer queries.
    base::name_thread("admin work");
    base::lower_priority(kNiceness);
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        task = nullptr;  // what it owns goes before the lock is taken
        lock.lock();
    }
}

std::unique_ptr<Imports::Slot> Imports::begin() {
    if (count_->fetch_add(1) < kMax) return std::make_unique<Slot>(count_);
    --*count_;
    return nullptr;
}

std::string Cursors::keep(const std::string& id, std::shared_ptr<zones::StoreReader> reader,
                          std::string position) {
    expire();
    auto at = kept_.find(id);
    if (at == kept_.end()) {
        if (kept_.size() >= kMax) {
            kept_.erase(std::min_element(
                kept_.begin(), kept_.end(),
                [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
        }
        std::uint8_t raw[12];
        base::secure_fill(raw);
        at = kept_.try_emplace(base::to_hex(raw)).first;
        at->second.reader = std::move(reader);
    }
    Kept& kept = at->second;
    kept.used = base::mono_now();
    kept.places[kept.pages] = std::move(position);
    if (kept.places.size() > kMaxPlaces) kept.places.erase(kept.places.begin());
    if (kept_.size() == 1) timer_.start_repeating(lifetime_ / 4 + kMoment, [this] { expire(); });
    return at->first + '.' + std::to_string(kept.pages++);
}

std::optional<Cursors::Place> Cursors::find(std::string_view cursor) {
    expire();
    const std::size_t dot = std::min(cursor.find('.'), cursor.size());
    const auto found = kept_.find(std::string(cursor.substr(0, dot)));
    if (found == kept_.end()) return std::nullopt;
    Kept& kept = found->second;
    const std::string_view number = cursor.substr(std::min(dot + 1, cursor.size()));
    std::uint64_t page = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), page);
    const auto place = kept.places.find(page);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() ||
        place == kept.places.end()) {
        return std::nullopt;
    }
    kept.used = base::mono_now();
    return Place{found->first, kept.reader, place->second};
}

void Cursors::expire() {
    const base::MonoTime now = base::mono_now();
    std::erase_if(kept_, [&](const auto& entry) { return now - entry.second.used > lifetime_; });
    if (kept_.empty()) timer_.stop();
}

void RevisionWaits::wait(zones::Revision revision, std::chrono::milliseconds at_most,
                         std::function<void()> done) {
    if (ended_ || waiting_.size() >= kMax || at_most.count() <= 0) return done();
    waiting_.push_back({revision, base::mono_now() + at_most, std::move(done)});
    look();
}

void RevisionWaits::end() {
    ended_ = true;
    look();
}

void RevisionWaits::look() {
    // Changes come from other places than this loop too: a look now and then finds them all.
    constexpr std::chrono::milliseconds kEvery{10};
    const zones::Revision served = store_.read()->revision();
    const base::MonoTime now = base::mono_now();
    const auto ready = std::stable_partition(
        waiting_.begin(), waiting_.end(),
        [&](const Waiting& one) { return !ended_ && one.revision > served && now < one.until; });
    std::vector<Waiting> finished(std::make_move_iterator(ready),
                                  std::make_move_iterator(waiting_.end()));
    waiting_.erase(ready, waiting_.end());
    if (waiting_.empty()) {
        timer_.stop();
    } else {
        timer_.start(kEvery, [this] { look(); });
    }
    for (const Waiting& one : finished) one.done();
}

void Turns::add(std::function<bool()> step) {
    steps_.push_back(std::move(step));
    if (posted_) return;
    posted_ = true;
    loop_.post([this] { run(); });
}

void Turns::run() {
    const base::MonoTime ends = base::mono_now() + kSlice;
    while (!steps_.empty()) {
        std::function<bool()> step = std::move(steps_.front());
        steps_.pop_front();
        if (step()) steps_.push_back(std::move(step));
        if (base::mono_now() >= ends) break;
    }
    posted_ = !steps_.empty();
    if (posted_) loop_.post([this] { run(); });
}

Submission submission_of(const Request& request) {
    return {.author = request.principal.name,
            .request_id = request.id,
            .message = std::string(request.header("meridian-message").value_or("")),
            .rights = request.principal.rights,
            .dry_run = request.query.flag("dry_run"),
            .receipt = request.receipt};
}

void submit(Context& context, const Request& request, std::vector<zones::Operation> operations,
            std::function<void(Outcome)> then) {
    submit(context, submission_of(request), std::move(operations), std::move(then));
}

void submit(Context& context, Submission submission, std::vector<zones::Operation> operations,
            std::function<void(Outcome)> then) {
    Refused forbidden;
    forbidden.forbidden = true;
    for (std::size_t i = 0; i < operations.size(); ++i) {
        if (submission.rights && submission.rights->covers(operations[i])) continue;
        forbidden.faults.push_back({zones::ChangeFault::Kind::Invalid, i, "",
                                    "the token " + submission.author + " may not write this"});
    }
    if (!forbidden.faults.empty()) return then(base::fail(std::move(forbidden)));

    ChangeNotice notice{.revision = 0,
                        .time = base::wall_now(),
                        .author = submission.author,
                        .request_id = submission.request_id,
                        .message = submission.message,
                        .zones = {}};
    zones::ChangeSet changes;
    changes.author = std::move(submission.author);
    changes.request_id = std::move(submission.request_id);
    changes.message = std::move(submission.message);
    changes.time = notice.time;
    changes.operations = std::move(operations);
    changes.dry_run = submission.dry_run;
    changes.receipt = std::move(submission.receipt);
    const bool tell = !changes.dry_run;
    const auto rights = submission.rights;

    // `done` runs on the committer's thread. It holds the mailbox, not the context: the context
    // lives on the admin loop, and whatever the mailbox still delivers finds it alive.
    using Stored = base::Result<zones::Committed, zones::ChangeError>;
    auto done = [&context, mailbox = context.mailbox, notice = std::move(notice),
                 then = std::move(then), tell, rights](Stored stored) mutable {
        auto shared = std::make_shared<Stored>(std::move(stored));
        mailbox->post([&context, shared, notice = std::move(notice), then = std::move(then), tell,
                       rights]() mutable {
            if (!*shared) {
                Refused refused;
                refused.faults = std::move(shared->error().faults);
                return then(base::fail(std::move(refused)));
            }
            if (tell && (*shared)->changed) {
                notice.revision = (*shared)->revision;
                for (const dns::Name& zone : (*shared)->zones) {
                    notice.zones.push_back(zone.to_text());
                }
                context.feed.publish(notice);
            }
            if (!tell && rights) (*shared)->diff = readable_diff((*shared)->diff, *rights);
            then(std::move(**shared));
        });
    };
    context.service.store().submit(std::move(changes), std::move(done));
}

}  // namespace admin
