#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "admin/audit.h"
#include "admin/feed.h"
#include "admin/front.h"
#include "admin/idempotency.h"
#include "admin/jobs.h"
#include "admin/json.h"
#include "admin/stats_history.h"
#include "admin/tokens.h"
#include "net/loop.h"
#include "tests/admin/contract.h"
#include "tests/admin/fakes.h"
#include "tests/admin/house.h"

namespace admin::fakes {

/// The admin server without its sockets: requests are given to the front as a connection would,
/// on a loop and a store that are real.
class ApiTest : public testing::Test {
  protected:
    using Headers = std::map<std::string, std::string>;
    struct Answer {
        int status = 0;
        net::HeaderList headers;
        std::string body;
        [[nodiscard]] std::string header(std::string_view name) const {
            return std::string(headers.get(name).value_or(""));
        }
        // (No value_or: with the sanitizers GCC 12 takes its inlined move for a use of what was
        // never set.)
        [[nodiscard]] Json json() const {
            auto document = Json::parse(body);
            if (!document) return nullptr;
            return std::move(*document);
        }
        [[nodiscard]] std::string text(std::string_view key) const {
            const Json document = json();
            const Json* member = document.find(key);
            if (member == nullptr) return "(absent)";
            return member->as_string() == nullptr ? member->dump() : *member->as_string();
        }
    };

    ApiTest()
        : house_(directory_.path),
          tokens_(house_.store()),
          feed_(loop_, sources()),
          context_{.service = house_,
                   .loop = loop_,
                   .mailbox = std::make_shared<Mailbox>(loop_),
                   .background = background_,
                   .tokens = tokens_,
                   .sessions = sessions_,
                   .feed = feed_,
                   .cursors = cursors_,
                   .waits = waits_,
                   .idempotency = idempotency_,
                   .imports = imports_,
                   .jobs = jobs_,
                   .turns = turns_,
                   .counters = counters_,
                   .stats = stats_,
                   .audit = audit_,
                   .account = account_,
                   .addresses = {}},
          front_(context_, Expose()) {
        EXPECT_TRUE(Tokens::prepare(house_.store(), directory_.path));
        std::ifstream(directory_.path + "/admin.token") >> token_;
    }
    ~ApiTest() override { context_.mailbox->close(); }

    FeedSources sources() {
        FeedSources sources;
        sources.taps = house_.taps();
        sources.limits = &house_.limit_events();
        sources.node = house_.node();
        sources.view_name = [](zones::ViewId) { return "default"; };
        return sources;
    }

    net::RequestHead head(const std::string& method, const std::string& target,
                          const Headers& headers) {
        net::RequestHead out;
        out.method = method;
        out.authority = "127.0.0.1:8053";
        const std::size_t question = target.find('?');
        out.path = target.substr(0, question);
        if (question != std::string::npos) out.query = target.substr(question + 1);
        out.peer.remote = *base::Endpoint::parse(remote_);
        if (!token_.empty()) out.headers.add("authorization", "Bearer " + token_);
        for (const auto& header : headers) out.headers.set(header.first, header.second);
        return out;
    }

    Answer ask(const std::string& method, const std::string& target, const std::string& body = "",
               Headers headers = {}) {
        if (!body.empty() && headers.find("content-type") == headers.end()) {
            headers["content-type"] = "application/json";
        }
        FakeExchange exchange;
        auto stream = front_.on_request(head(method, target, headers), exchange);
        // In pieces, as a network brings it.
        for (std::size_t at = 0; at < body.size(); at += 1000) {
            stream->on_body(base::as_octets(std::string_view(body).substr(at, 1000)));
        }
        stream->on_end({});
        finish(exchange, *stream);
        EXPECT_FALSE(exchange.head.headers.get("x-request-id").value_or("").empty());
        front_.on_response(head(method, target, headers), exchange.head.status);
        EXPECT_EQ(contract_breach(method, target.substr(0, target.find('?')), exchange.head.status,
                                  exchange.head.headers, exchange.body),
                  "")
            << exchange.body;
        return {exchange.head.status, exchange.head.headers, exchange.body};
    }

    // Runs the loop until the exchange is over, at most 20 s.
    void finish(FakeExchange& exchange, net::HttpStream& stream) {
        if (exchange.finished) return;
        net::Timer watch(loop_);
        const base::MonoTime deadline = base::mono_now() + std::chrono::seconds(20);
        watch.start_repeating(std::chrono::milliseconds(1), [&] {
            if (!exchange.finished && exchange.responded) stream.on_writable();
            if (exchange.finished || base::mono_now() > deadline) loop_.stop();
        });
        loop_.run();
        EXPECT_TRUE(exchange.finished) << "no answer";
    }

    void must(const Answer& answer, int status) { ASSERT_EQ(answer.status, status) << answer.body; }

    void make_zone() {
        must(ask("POST", "/v1/zones", R"({"name":"example.com","ns":["ns1.example.com."]})"), 201);
    }

    TemporaryDirectory directory_;
    House house_;
    net::Loop loop_;
    Background background_;
    Tokens tokens_;
    Sessions sessions_;
    Feed feed_;
    Cursors cursors_{loop_};
    RevisionWaits waits_{loop_, house_.store()};
    Idempotency idempotency_;
    Imports imports_;
    Jobs jobs_{loop_};
    Turns turns_{loop_};
    HttpCounters counters_;
    StatsSampler stats_{loop_, house_, [this] { return counters_.total(); }};
    Audit audit_{directory_.path, background_};
    net::HttpAccount account_{loop_, std::size_t{1} << 20};
    Context context_;
    Front front_;
    std::string token_;
    std::string remote_ = "192.0.2.77:1234";
};

}  // namespace admin::fakes
