// Prefer: respond-async and /v1/jobs; what may take long beside what may not wait.
#include "admin/jobs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

constexpr const char* kJobMaster =
    "$ORIGIN job.example.\n$TTL 300\n@ IN SOA ns1 h 7 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.53\n";
const std::map<std::string, std::string> kRespondAsync = {{"prefer", "respond-async"}};

class JobsTest : public ApiTest {
  protected:
    // All background threads wait until it goes.
    class Standstill {
      public:
        explicit Standstill(Background& background) {
            const std::shared_future<void> go = go_.get_future().share();
            for (std::size_t i = 0; i < Background::kThreads; ++i) {
                background.run([go] { go.wait(); });
            }
        }
        ~Standstill() { go_.set_value(); }
        Standstill(const Standstill&) = delete;
        Standstill& operator=(const Standstill&) = delete;

      private:
        std::promise<void> go_;
    };

    Answer put_zone(const std::string& text, Headers headers = kRespondAsync) {
        headers["content-type"] = "text/dns";
        return ask("PUT", "/v1/zones/job.example", text, headers);
    }
    // The job of a 202, once it has ended.
    Answer ended(const Answer& accepted) {
        EXPECT_EQ(accepted.status, 202) << accepted.body;
        return ask("GET", accepted.header("location") + "?wait=20");
    }
    static Json member(const Json& document, std::string_view key) {
        const Json* found = document.find(key);
        return found == nullptr ? Json("(absent)") : *found;
    }
    std::string make_token(const std::string& document) {
        const Answer made = ask("POST", "/v1/tokens", document);
        EXPECT_EQ(made.status, 201) << made.body;
        return made.text("secret");
    }
};

TEST_F(JobsTest, AnImportGoesOnWithoutItsClient) {
    const Answer accepted =
        put_zone(kJobMaster, {{"prefer", "handling=lenient, Respond-Async; x=1"}});
    EXPECT_EQ(accepted.header("preference-applied"), "respond-async");
    EXPECT_EQ(accepted.text("state"), "running");
    EXPECT_EQ(accepted.header("location"), "/v1/jobs/" + accepted.text("id"));
    EXPECT_EQ(accepted.text("path"), "/v1/zones/job.example");

    const Answer job = ended(accepted);
    must(job, 200);
    EXPECT_EQ(job.text("state"), "done");
    EXPECT_NE(job.text("ended"), "null");
    const Json document = job.json();
    const Json progress = member(document, "progress");
    const auto octets = static_cast<std::int64_t>(std::string(kJobMaster).size());
    EXPECT_EQ(member(progress, "done").as_integer(), octets);
    EXPECT_EQ(member(progress, "total").as_integer(), octets);
    const Json result = member(document, "result");
    EXPECT_EQ(member(result, "status").as_integer(), 201);
    EXPECT_EQ(member(member(result, "body"), "records").as_integer(), 3);
    const Json headers = member(result, "headers");
    EXPECT_NE(headers.find("meridian-revision"), nullptr);
    EXPECT_NE(headers.find("location"), nullptr);
    must(ask("GET", "/v1/zones/job.example"), 200);

    // The listing tells how it ended, but no bodies.
    const Json listed = member(ask("GET", "/v1/jobs").json(), "items");
    ASSERT_EQ(listed.items().size(), 1U);
    EXPECT_EQ(member(listed.items()[0], "result").dump(), R"({"status":201})");

    const Answer forgotten = ask("DELETE", accepted.header("location"));
    must(forgotten, 200);
    EXPECT_NE(forgotten.text("detail").find("stays"), std::string::npos);
    must(ask("GET", accepted.header("location")), 404);
    must(ask("GET", "/v1/zones/job.example"), 200);
}

TEST_F(JobsTest, WhoDoesNotAskWaits) {
    must(put_zone(kJobMaster, {}), 201);
    must(put_zone(kJobMaster, {{"prefer", "respond-asynchronously"}}), 200);
    EXPECT_EQ(member(ask("GET", "/v1/jobs").json(), "items").items().size(), 0U);
}

TEST_F(JobsTest, WhatIsRefusedAtOnceIsNoJob) {
    Headers headers = kRespondAsync;
    headers["content-type"] = "text/plain";
    must(ask("PUT", "/v1/zones/job.example", "x", headers), 415);
    must(ask("POST", "/v1/backup", R"({"directory":"here"})", kRespondAsync), 422);
    EXPECT_EQ(member(ask("GET", "/v1/jobs").json(), "items").items().size(), 0U);
}

TEST_F(JobsTest, AFailureIsAResultToo) {
    const Answer job = ended(put_zone("$ORIGIN job.example.\nwww 300 IN A nonsense\n"));
    EXPECT_EQ(job.text("state"), "failed");
    const Json result = member(job.json(), "result");
    EXPECT_EQ(member(result, "status").as_integer(), 422);
    EXPECT_FALSE(member(member(result, "body"), "errors").items().empty());
}

TEST_F(JobsTest, ChangeSetsRevertsAndDiffs) {
    make_zone();
    const Answer change =
        ended(ask("POST", "/v1/changes",
                  R"({"changes":[{"method":"PUT","path":"/v1/zones/example.com/rrsets/a/A",)"
                  R"("body":{"ttl":60,"records":["192.0.2.1"]}}]})",
                  kRespondAsync));
    EXPECT_EQ(change.text("state"), "done") << change.body;
    const Json body = member(member(change.json(), "result"), "body");
    const std::string revision = member(body, "revision").dump();
    const Answer revert =
        ended(ask("POST", "/v1/changes/" + revision + "/revert", "", kRespondAsync));
    EXPECT_EQ(revert.text("state"), "done") << revert.body;
    must(ask("GET", "/v1/zones/example.com/rrsets/a/A"), 404);
    const Answer diff =
        ended(ask("GET", "/v1/zones/example.com/diff?from=" + revision, "", kRespondAsync));
    const Json page = member(member(diff.json(), "result"), "body");
    EXPECT_EQ(member(page, "items").items().size(), 2U) << diff.body;  // the A, and the SOA
}

TEST_F(JobsTest, AreTheirAuthorsOnly) {
    const std::string mine = make_token(
        R"({"name":"mine","scopes":[{"verbs":["read","write"],"zones":["job.example"]}]})");
    const std::string other = make_token(
        R"({"name":"other","scopes":[{"verbs":["read","write"],"zones":["job.example"]}]})");
    const std::string reader = make_token(R"({"name":"reader","scopes":[{"verbs":["read"]}]})");
    const std::string admin = token_;
    token_ = mine;
    const Answer accepted = put_zone(kJobMaster);
    must(ended(accepted), 200);
    token_ = other;
    must(ask("GET", accepted.header("location")), 404);
    must(ask("DELETE", accepted.header("location")), 404);
    EXPECT_EQ(member(ask("GET", "/v1/jobs").json(), "items").items().size(), 0U);
    token_ = reader;
    must(ask("GET", accepted.header("location")), 200);
    must(ask("DELETE", accepted.header("location")), 403);
    // A new token of the same name is somebody else.
    token_ = admin;
    must(ask("DELETE", "/v1/tokens/mine"), 204);
    token_ = make_token(
        R"({"name":"mine","scopes":[{"verbs":["read","write"],"zones":["job.example"]}]})");
    must(ask("GET", accepted.header("location")), 404);
    token_ = admin;
    must(ask("GET", accepted.header("location")), 200);
    must(ask("DELETE", accepted.header("location")), 200);
}

TEST_F(JobsTest, ACancelledImportChangesNothing) {
    Answer accepted;
    {
        const Standstill standstill(background_);
        accepted = put_zone(kJobMaster);
        const Answer cancelled = ask("DELETE", accepted.header("location"));
        must(cancelled, 202);
        EXPECT_EQ(cancelled.text("state"), "cancelling");
        EXPECT_NE(cancelled.text("detail").find("stays"), std::string::npos);
    }
    const Answer job = ended(accepted);
    EXPECT_EQ(job.text("state"), "cancelled");
    EXPECT_EQ(member(member(job.json(), "result"), "status").as_integer(), 409);
    must(ask("GET", "/v1/zones/job.example"), 404);
    EXPECT_EQ(imports_.running(), 0U);
}

TEST_F(JobsTest, ACancelledBackupIsRemoved) {
    const std::string place = directory_.path + "-backup";
    const std::string body = R"({"directory":")" + place + "\"}";
    Answer accepted;
    {
        const Standstill standstill(background_);
        accepted = ask("POST", "/v1/backup", body, kRespondAsync);
        must(ask("DELETE", accepted.header("location")), 202);
    }
    EXPECT_EQ(ended(accepted).text("state"), "cancelled");
    EXPECT_FALSE(std::filesystem::exists(place));
    const Answer job = ended(ask("POST", "/v1/backup", body, kRespondAsync));
    EXPECT_EQ(job.text("state"), "done") << job.body;
    const Json progress = member(job.json(), "progress");
    EXPECT_GT(member(progress, "total").as_integer().value_or(0), 0);
    EXPECT_EQ(member(progress, "done").as_integer(), member(progress, "total").as_integer());
    EXPECT_TRUE(std::filesystem::exists(place));
    std::filesystem::remove_all(place);
}

TEST_F(JobsTest, ARepeatedRequestFindsItsJob) {
    const std::string place = directory_.path + "-backup";
    const std::string body = R"({"directory":")" + place + "\"}";
    Headers headers = kRespondAsync;
    headers["idempotency-key"] = "once";
    Answer accepted;
    {
        const Standstill standstill(background_);
        accepted = ask("POST", "/v1/backup", body, headers);
        const Answer again = ask("POST", "/v1/backup", body, headers);
        must(again, 202);
        EXPECT_EQ(again.header("location"), accepted.header("location"));
        // Another request has nothing to do with it.
        must(ask("POST", "/v1/backup", R"({"directory":"/tmp/another"})", headers), 422);
        must(ask("POST", "/v1/backup?dry_run=true", body, headers), 422);
        // Who waits for the answer is told to come again.
        must(ask("POST", "/v1/backup", body, {{"idempotency-key", "once"}}), 409);
    }
    EXPECT_EQ(ended(accepted).text("state"), "done");
    const Answer replayed = ask("POST", "/v1/backup", body, headers);
    must(replayed, 201);
    EXPECT_EQ(replayed.header("idempotency-replayed"), "true");
    std::filesystem::remove_all(place);
}

TEST_F(JobsTest, WhatIsNotThereSaysWhy) {
    const Answer never = ask("GET", "/v1/jobs/nonsense");
    must(never, 404);
    EXPECT_NE(never.text("detail").find("an hour"), std::string::npos);
    const Answer earlier = ask("GET", "/v1/jobs/0123456789ab-7");
    must(earlier, 404);
    EXPECT_NE(earlier.text("detail").find("started anew"), std::string::npos);
    must(ask("GET", "/v1/jobs/nonsense?wait=61"), 404);
    const Answer accepted = put_zone(kJobMaster);
    must(ask("GET", accepted.header("location") + "?wait=61"), 422);
    must(ended(accepted), 200);
}

TEST_F(JobsTest, TheyAreCounted) {
    must(ended(put_zone(kJobMaster)), 200);
    must(ended(put_zone("nonsense\n")), 200);
    const std::string metrics = ask("GET", "/metrics").body;
    EXPECT_NE(metrics.find("meridian_jobs_total{outcome=\"done\"} 1\n"), std::string::npos);
    EXPECT_NE(metrics.find("meridian_jobs_total{outcome=\"failed\"} 1\n"), std::string::npos);
    EXPECT_NE(metrics.find("meridian_jobs_running 0\n"), std::string::npos);
}

TEST(Jobs, AreBounded) {
    net::Loop loop;
    Jobs jobs(loop);
    std::vector<std::shared_ptr<Jobs::Job>> running;
    for (std::size_t i = 0; i < Jobs::kMaxRunning; ++i) {
        running.push_back(jobs.begin({}, std::make_shared<Work>()));
        ASSERT_NE(running.back(), nullptr);
    }
    EXPECT_EQ(jobs.begin({}, std::make_shared<Work>()), nullptr);
    EXPECT_EQ(jobs.counters().not_taken, 1U);
    for (const auto& job : running) jobs.finish(*job, Reply::empty(204));
    EXPECT_EQ(jobs.running(), 0U);
    const auto one = [&](std::size_t octets) {
        const auto job = jobs.begin({}, std::make_shared<Work>());
        jobs.finish(*job, Reply::json(200, std::string(octets, '1')));
        return job;
    };
    for (std::size_t i = 0; i < 2 * Jobs::kMaxKept; ++i) one(1);
    EXPECT_EQ(jobs.all().size(), Jobs::kMaxKept);
    EXPECT_EQ(jobs.find(running.front()->id), nullptr);
    // Large results push out others; a larger one is not kept itself.
    std::shared_ptr<Jobs::Job> first = one(Jobs::kMaxResultOctets);
    for (std::size_t i = 0; i < Jobs::kMaxResults / Jobs::kMaxResultOctets; ++i) {
        one(Jobs::kMaxResultOctets);
    }
    EXPECT_EQ(jobs.find(first->id), nullptr);
    const auto large = one(Jobs::kMaxResultOctets + 1);
    EXPECT_TRUE(large->result.body.empty());
    EXPECT_NE(large->json(true).dump().find("\"body_kept\":false"), std::string::npos);
    ASSERT_NE(jobs.find(large->id), nullptr);
}

TEST(Jobs, WaitingEndsWithTheServer) {
    net::Loop loop;
    Jobs jobs(loop);
    const auto job = jobs.begin({}, std::make_shared<Work>());
    int told = 0;
    jobs.wait(job, std::chrono::seconds(60), [&] { ++told; });
    EXPECT_EQ(told, 0);
    bool idle = false;
    jobs.end([&] { idle = true; });
    EXPECT_EQ(told, 1);
    jobs.wait(job, std::chrono::seconds(60), [&] { ++told; });
    EXPECT_EQ(told, 2);
    EXPECT_EQ(jobs.begin({}, std::make_shared<Work>()), nullptr);
    // The server stops once its jobs have come to an end, or cancels them.
    EXPECT_FALSE(idle);
    jobs.give_up();
    EXPECT_TRUE(job->work->cancelled);
    EXPECT_FALSE(idle);
    jobs.finish(*job, cancelled_reply(*job->work));
    EXPECT_TRUE(idle);
    EXPECT_EQ(job->state(), "cancelled");
    idle = false;
    jobs.end([&] { idle = true; });
    EXPECT_TRUE(idle);
}

TEST(Jobs, OnlyWhatWasLetGoIsCancelled) {
    net::Loop loop;
    Jobs jobs(loop);
    const auto failed = jobs.begin({}, std::make_shared<Work>());
    failed->work->cancelled = true;
    EXPECT_EQ(failed->state(), "cancelling");
    jobs.finish(*failed, Reply::json(422, R"({"detail":"nonsense"})"));
    EXPECT_EQ(failed->state(), "failed");
    // A list says how they ended, not all that they answered.
    EXPECT_EQ(failed->json(false).find("result")->dump(), R"({"status":422})");
    EXPECT_NE(failed->json(true).dump().find("nonsense"), std::string::npos);
}

TEST(Turns, OneAfterTheOtherAndNotAllAtOnce) {
    net::Loop loop;
    Turns turns(loop);
    std::string order;
    const auto step = [&](char name) {
        return [&order, &loop, name, left = 3]() mutable {
            order += name;
            // Longer than its share of the turn.
            const base::MonoTime until = base::mono_now() + 2 * Turns::kSlice;
            while (base::mono_now() < until) {
            }
            loop.post([&order] { order += '.'; });
            if (--left == 0 && name == 'b') loop.post([&loop] { loop.stop(); });
            return left > 0;
        };
    };
    turns.add(step('a'));
    turns.add(step('b'));
    loop.run();
    EXPECT_EQ(order, "a.b.a.b.a.b.");
}

}  // namespace
}  // namespace admin
