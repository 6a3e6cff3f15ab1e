#pragma once
/// A server's core on a real database and a clock that the test moves. Reads as sentences:
///   Fixture ci; auto run = ci.run({job("a"), job("b").after("a")}); auto lease = ci.claim();
///   ci.finish(lease, passed());

#include "platform/crypto.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/sweeper.hpp"
#include "server/store/schema.hpp"
#include "server/store/writer.hpp"
#include "tests/unit/server/temp_folder.hpp"
#include "tests/unit/server/test_clock.hpp"

#include <catch2/catch.hpp>

namespace sluice::test {

struct JobBuilder {
    plan::PlannedJob planned;
    JobBuilder&& after(std::string need) && {
        planned.needs.push_back({std::move(need), false});
        return std::move(*this);
    }
    JobBuilder&& when(model::When value) && {
        planned.when = value;
        return std::move(*this);
    }
    JobBuilder&& on(std::string label) && {
        planned.spec.runs_on.push_back(std::move(label));
        return std::move(*this);
    }
    JobBuilder&& asking(model::Resources wanted) && {
        planned.spec.resources = std::move(wanted);
        return std::move(*this);
    }
    JobBuilder&& allowed_to_fail() && {
        planned.spec.allow_failure.any = true;
        return std::move(*this);
    }
    JobBuilder&& retried(std::string cause, int times) && {
        planned.spec.retry[std::move(cause)] = times;
        return std::move(*this);
    }
    JobBuilder&& not_replayable() && {
        planned.spec.replayable = false;
        return std::move(*this);
    }
    JobBuilder&& not_selected(std::string why) && {
        planned.selected = false;
        planned.reason = std::move(why);
        return std::move(*this);
    }
};

inline JobBuilder job(std::string id) {
    JobBuilder builder;
    builder.planned.spec.id = builder.planned.spec.base = builder.planned.spec.name = id;
    model::StepSpec step;
    step.run = "true";
    builder.planned.spec.steps.push_back(step);
    return builder;
}

inline model::Outcome passed() {
    return {model::AttemptResult::passed, 0, std::nullopt, model::Cause::none, ""};
}
inline model::Outcome failed(int code = 1) {
    return {model::AttemptResult::failed, code, std::nullopt, model::Cause::script, "exit code"};
}
inline model::Outcome cancelled() {
    return {model::AttemptResult::cancelled, std::nullopt, 15, model::Cause::cancelled,
            "cancelled"};
}
inline model::Outcome errored(model::Cause cause) {
    return {model::AttemptResult::errored, std::nullopt, std::nullopt, cause, "lost"};
}

struct Fixture {
    /// In memory where the machine allows: these tests are about order, not about the disk.
    TempFolder folder{std::filesystem::exists("/dev/shm") ? files::Path("/dev/shm")
                                                          : std::filesystem::temp_directory_path()};
    TestClock clock;
    std::unique_ptr<store::Writer> writer;
    core::ServiceClock service{clock, {}};
    core::LeaseTable leases;
    core::EventFeed feed{{}};
    core::LeaseTimes times;
    core::Scheduler scheduler{leases, service, clock, times};
    core::Lifecycle lifecycle{scheduler, leases, feed, service, clock};
    ProjectId project;
    std::int64_t seq = 0;

    template <class F>
    auto write(F work) {
        auto result = writer->write_blocking(std::move(work));
        if (!result) FAIL("refused: " << result.error().id << " " << result.error().message);
        return *std::move(result);
    }
    template <class F>
    auto attempt_write(F work) {
        return writer->write_blocking(std::move(work));
    }

    Fixture();

    AgentId agent(const std::string& name);

    RunId run(std::vector<JobBuilder> jobs);

    struct ClaimOptions {
        AgentId agent{1};
        std::string session = "s1";
        int free = 1;
        std::set<std::string> labels;
        std::vector<AttemptId> holding;
        bool park = false;
        std::int64_t seq = 0;  ///< 0 = the next
        std::optional<model::Capacity> resources{};
    };
    std::shared_ptr<core::ParkedClaim> parked;
    Result<std::vector<protocol::ClaimedJob>> try_claim(ClaimOptions o);
    std::vector<protocol::ClaimedJob> claim(ClaimOptions o) {
        return try_claim(std::move(o)).value();
    }
    protocol::ClaimedJob claim();
    protocol::ClaimedJob started(const std::string& instance = "r1");
    Result<> start(const protocol::ClaimedJob& lease, const std::string& instance = "r1");
    Result<model::JobState> finish(const protocol::ClaimedJob& lease, model::Outcome outcome,
                                   const std::string& digest = "d1",
                                   const std::string& instance = "r1");
    /// Lets service time pass in ticks of a second, expiring what expires, as the sweeper does.
    void pass(std::chrono::seconds time);
    model::JobState state(RunId run, const std::string& key) { return job_row(run, key).state; }
    store::Job job_row(RunId run, const std::string& key);
    model::RunState run_state(RunId run);
};

}  // namespace sluice::test
