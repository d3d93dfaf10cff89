// /v1/jobs: requests whose clients did not wait for them.
#include "admin/access.h"
#include "admin/jobs.h"
#include "admin/resources.h"

namespace admin {

namespace {

// A job is its author's, by the same token; who may do everything sees and ends those of others.
bool may_touch(const Request& request, const Jobs::Job& job, Verb verb) {
    const Principal& who = request.principal;
    return (job.asked.author == who.name && job.asked.token_hash == who.token_hash) ||
           who.rights->everything(verb);
}

std::shared_ptr<Jobs::Job> job_of(Context& context, const Request& request, Verb verb) {
    auto job = context.jobs.find(request.path[0]);
    return job && may_touch(request, *job, verb) ? job : nullptr;
}

Reply no_job(const Context& context, const Request& request) {
    if (context.jobs.of_another_start(request.path[0])) {
        return problem(404,
                       "the server was started anew since, which forgets jobs; what they had "
                       "committed stands in /v1/changes");
    }
    return problem(404, "there is no job " + request.path[0] + ": jobs are kept for an hour, the " +
                            std::to_string(Jobs::kMaxKept) +
                            " newest; what they have committed stands in /v1/changes");
}

void show(Context& context, const Jobs::Job& job, const Respond& respond) {
    Reply reply = Reply::json(200, job.json(true).dump());
    if (!job.ended) reply.headers.add("retry-after", "1");
    respond(std::move(reply));
    // For who asks next: all threads may be busy with jobs, and this answer does not wait for them.
    if (job.ended || !job.work->measure || job.work->measuring.exchange(true)) return;
    context.background.run([work = job.work] {
        work->measure(*work);
        work->measuring = false;
    });
}

}  // namespace

Reply job_accepted(const Jobs::Job& job) {
    Reply reply = Reply::json(202, job.json(true).dump());
    reply.headers.add("location", "/v1/jobs/" + job.id);
    reply.headers.add("preference-applied", "respond-async");
    reply.headers.add("retry-after", "1");
    return reply;
}

void list_jobs(Context& context, const Request& request, const Respond& respond) {
    Json items = Json::array();
    for (const std::shared_ptr<Jobs::Job>& job : context.jobs.all()) {
        if (!may_touch(request, *job, Verb::Read)) continue;
        items.push(job->json(false));
    }
    Json out = Json::object();
    out.set("items", std::move(items));
    out.set("next", nullptr);
    respond(Reply::json(200, out.dump()));
}

void get_job(Context& context, const Request& request, const Respond& respond) {
    const auto job = job_of(context, request, Verb::Read);
    if (!job) return respond(no_job(context, request));
    const auto wait = wait_of(request, Jobs::kLongestWait);
    if (!wait) return respond(wait.error());
    context.jobs.wait(job, *wait, [&context, job, respond] { show(context, *job, respond); });
}

void delete_job(Context& context, const Request& request, const Respond& respond) {
    const auto job = job_of(context, request, Verb::Write);
    if (!job) return respond(no_job(context, request));
    if (!job->ended) {
        job->work->cancelled = true;
        Json document = job->json(true);
        document.set("detail",
                     "it ends as soon as it can; if it has committed by then, that stays, and "
                     "the job ends as done");
        return respond(Reply::json(202, document.dump()));
    }
    Json document = job->json(true);
    document.set("detail", job->state() == "done"
                               ? "forgotten; what it has done stays, and /v1/changes can undo it"
                               : "forgotten; nothing came of it");
    context.jobs.forget(*job);
    respond(Reply::json(200, document.dump()));
}

}  // namespace admin
