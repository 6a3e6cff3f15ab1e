// The sink alone: what its two threads make of answers that cross.

#include "agent/runner/server_sink.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;

TEST_CASE("a lease that ends with the finish is no stop: the finish's own answer decides",
          "[runner]") {
    FakeServer server;
    TemporaryFolder dir;
    std::atomic<bool> renewing{false}, finishing{false}, told{false};
    server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/renew")) {
            renewing = true;
            // As of a server that has recorded the finish and not yet answered it.
            if (!eventually([&] { return finishing.load(); })) return std::nullopt;
            told = true;
            return FakeReply{409, R"({"error":"lease_lost","message":"it has ended"})", {}, false};
        }
        if (!request.path.ends_with("/finish")) return std::nullopt;
        if (finishing.exchange(true)) return std::nullopt;
        eventually([&] { return told.load(); });
        return FakeReply{503, R"({"error":"unavailable","message":"once more"})", {}, false};
    };
    auto spool = agent::Spool::open(dir / "spool", 1 << 20);
    REQUIRE(spool.has_value());
    agent::ServerSinkOptions options;
    options.renew_after = Duration{0};
    const auto job = server.job({"true"});
    agent::ServerSink sink({server.url(), ""}, job.attempt, job.lease_token, "instance", **spool,
                           options);
    std::atomic<int> started{0}, stops{0};
    sink.begin({.started = [&](Result<>) { ++started; },
                .stop = [&](agent::StopReason, std::string) { ++stops; }});
    // Once the finish has begun, no renewal does.
    REQUIRE(eventually([&] { return started == 1 && renewing; }));
    protocol::FinishRequest request;
    request.runner_instance = "instance";
    request.outcome.result = model::AttemptResult::passed;
    Result<> sent = sink.finish(std::move(request), [] {});
    INFO((sent ? "" : sent.error().message));
    CHECK(sent.has_value());
    CHECK(told);
    CHECK(stops == 0);
}
