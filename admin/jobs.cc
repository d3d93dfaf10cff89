#include "admin/jobs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "admin/problem.h"
#include "base/octets.h"
#include "base/random.h"
#include "server/log.h"

namespace admin {

namespace {

std::string make_start() {
    std::uint8_t raw[6];
    base::secure_fill(raw);
    return base::to_hex(raw);
}

Json result_json(const Reply& result, bool body_kept) {
    Json headers = Json::object();
    for (const net::HeaderList::Field& field : result.headers.fields()) {
        headers.set(field.name, field.value);
    }
    Json out = Json::object();
    out.set("status", result.status);
    out.set("headers", std::move(headers));
    if (!body_kept) {
        out.set("body", nullptr);
        out.set("body_kept", false);
    } else if (result.body.empty()) {
        out.set("body", nullptr);
    } else {
        auto body = Json::parse(result.body);
        out.set("body", body ? std::move(*body) : Json(result.body));
    }
    return out;
}

}  // namespace

Reply cancelled_reply(Work& work) {
    work.gave_up = true;
    return problem(409, "the job was cancelled before anything was changed");
}

std::string_view Jobs::Job::state() const {
    if (!ended) return work->cancelled ? "cancelling" : "running";
    if (result.status < 400) return "done";
    return work->gave_up ? "cancelled" : "failed";
}

Json Jobs::Job::json(bool with_result) const {
    Json out = Json::object();
    out.set("id", id);
    out.set("state", state());
    out.set("method", asked.method);
    out.set("path", asked.path);
    out.set("author", asked.author);
    out.set("request_id", asked.request_id);
    out.set("created", base::format_rfc3339(created));
    out.set("ended", ended ? Json(base::format_rfc3339(*ended)) : Json());
    Json progress = Json::object();
    const std::uint64_t total = work->total;
    progress.set("done", work->done.load());
    progress.set("total", total == 0 ? Json() : Json(total));
    progress.set("unit", work->unit == Work::Unit::Octets ? "octets" : "records");
    out.set("progress", std::move(progress));
    if (!ended) {
        out.set("result", nullptr);
    } else {
        out.set("result", with_result ? result_json(result, body_kept)
                                      : Json::object().set("status", result.status));
    }
    return out;
}

Jobs::Jobs(net::Loop& loop) : start_(make_start() + '-'), timer_(loop) {}

std::shared_ptr<Jobs::Job> Jobs::begin(Asked asked, std::shared_ptr<Work> work) {
    if (running_ >= kMaxRunning || ended_) {
        ++counters_.not_taken;
        return nullptr;
    }
    expire();
    auto job = std::make_shared<Job>();
    job->id = start_ + std::to_string(next_++);
    job->asked = std::move(asked);
    job->work = std::move(work);
    job->created = base::wall_now();
    jobs_.push_front(job);
    ++running_;
    return job;
}

void Jobs::finish(Job& job, Reply result) {
    if (job.ended) return;
    --running_;
    job.ended = base::wall_now();
    job.ended_at = base::mono_now();
    job.result = std::move(result);
    job.body_kept = job.result.body.size() <= kMaxResultOctets;
    if (!job.body_kept) job.result.body = std::string();
    result_octets_ += job.result.body.size();
    const std::string_view state = job.state();
    ++(state == "done"     ? counters_.done
       : state == "failed" ? counters_.failed
                           : counters_.cancelled);
    expire();
    look();
    if (running_ == 0 && idle_) std::exchange(idle_, nullptr)();
}

std::shared_ptr<Jobs::Job> Jobs::find(std::string_view id) {
    for (const std::shared_ptr<Job>& job : all()) {
        if (job->id == id) return job;
    }
    return nullptr;
}

std::shared_ptr<Jobs::Job> Jobs::find_running(std::string_view receipt) {
    for (const std::shared_ptr<Job>& job : jobs_) {
        if (!job->ended && !receipt.empty() && job->asked.receipt == receipt) return job;
    }
    return nullptr;
}

void Jobs::forget(const Job& job) {
    std::erase_if(jobs_, [&](const std::shared_ptr<Job>& one) {
        if (one.get() != &job || !one->ended) return false;
        result_octets_ -= one->result.body.size();
        return true;
    });
}

const std::list<std::shared_ptr<Jobs::Job>>& Jobs::all() {
    expire();
    return jobs_;
}

bool Jobs::of_another_start(std::string_view id) const {
    const std::size_t hyphen = id.find('-');
    return hyphen + 1 == start_.size() && !id.starts_with(start_);
}

// From the oldest on: by age, number and octets.
void Jobs::expire() {
    const base::MonoTime now = base::mono_now();
    std::size_t kept = jobs_.size() - running_;
    for (auto at = jobs_.end(); at != jobs_.begin();) {
        --at;
        const Job& job = **at;
        if (!job.ended) continue;
        const bool old = now - job.ended_at > kKeptFor;
        if (!old && kept <= kMaxKept && result_octets_ <= kMaxResults) continue;
        result_octets_ -= job.result.body.size();
        --kept;
        at = jobs_.erase(at);
    }
}

void Jobs::wait(const std::shared_ptr<Job>& job, std::chrono::milliseconds at_most,
                std::function<void()> done) {
    if (ended_ || job->ended || waiting_.size() >= kMaxWaiting || at_most.count() <= 0) {
        return done();
    }
    waiting_.push_back({job, base::mono_now() + at_most, std::move(done)});
    look();
}

void Jobs::end(std::function<void()> done) {
    ended_ = true;
    look();
    if (running_ == 0) return done();
    idle_ = std::move(done);
}

void Jobs::give_up() {
    for (const std::shared_ptr<Job>& job : jobs_) {
        if (job->ended) continue;
        job->work->cancelled = true;
        server::log_warn("the server stops before the job " + job->id + " of " + job->asked.author +
                         " is done: " + job->asked.method + ' ' + job->asked.path +
                         "; what it has committed stands in /v1/changes");
    }
}

void Jobs::look() {
    const base::MonoTime now = base::mono_now();
    const auto ready = std::stable_partition(
        waiting_.begin(), waiting_.end(),
        [&](const Waiting& one) { return !ended_ && !one.job->ended && now < one.until; });
    std::vector<Waiting> finished(std::make_move_iterator(ready),
                                  std::make_move_iterator(waiting_.end()));
    waiting_.erase(ready, waiting_.end());
    timer_.stop();
    if (!waiting_.empty()) {
        const auto first =
            std::min_element(waiting_.begin(), waiting_.end(),
                             [](const Waiting& a, const Waiting& b) { return a.until < b.until; });
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(first->until - now);
        timer_.start(left + std::chrono::milliseconds(1), [this] { look(); });
    }
    for (const Waiting& one : finished) one.done();
}

}  // namespace admin
