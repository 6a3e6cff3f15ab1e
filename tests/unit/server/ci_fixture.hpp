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

    Fixture() {
        crypto::init();
        const std::string path = (folder.path / "ci.db").string();
        {
            store::Connection connection({.path = path});
            store::migrate(connection);
        }
        writer = std::make_unique<store::Writer>(store::Connection::Options{.path = path},
                                                 store::Writer::Options{});
        scheduler.set_dispatch(
            [this](store::Tx& tx, const store::Job& job, AttemptId attempt, const std::string&) {
                protocol::ClaimedJob claimed;
                claimed.attempt = attempt;
                claimed.job = job.id;
                claimed.run = job.run;
                const auto planned = lifecycle.plan_of(tx, job.run);
                for (std::size_t i = 0; i < planned->ids.size(); ++i)
                    if (planned->ids[i] == job.id) claimed.spec = planned->jobs[i].spec;
                return claimed;
            });
        project = write([&](store::Tx& tx) -> Result<ProjectId> {
            return store::insert_project(
                tx, {{}, "shop", "/srv/shop.git", "main", "git", "secret", clock.now()});
        });
        agent("alpha");
    }

    AgentId agent(const std::string& name) {
        return write([&](store::Tx& tx) -> Result<AgentId> {
            store::Agent row;
            row.install_id = row.name = row.token_hash = name;
            row.labels = "[]";
            row.created_at = clock.now();
            return store::insert_agent(tx, row);
        });
    }

    RunId run(std::vector<JobBuilder> jobs) {
        core::NewRun fresh;
        fresh.project = project;
        fresh.event.sha = std::string(40, 'a');
        fresh.event.branch = "main";
        fresh.plan.emplace();
        for (auto& builder : jobs) fresh.plan->jobs.push_back(std::move(builder.planned));
        return write(
            [&](store::Tx& tx) -> Result<RunId> { return lifecycle.create_run(tx, fresh); });
    }

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
    Result<std::vector<protocol::ClaimedJob>> try_claim(ClaimOptions o) {
        protocol::ClaimRequest request;
        request.session = o.session;
        request.seq = o.seq ? o.seq : ++seq;
        request.free = o.free;
        request.capacity = o.free;
        request.holding = o.holding;
        request.resources = o.resources;
        request.wait = Duration{o.park ? 1000 : 0};
        parked = std::make_shared<core::ParkedClaim>();
        parked->who = {o.agent, "alpha", o.labels, false};
        parked->session = o.session;
        parked->seq = request.seq;
        return attempt_write([&](store::Tx& tx) { return scheduler.claim(tx, request, parked); });
    }
    std::vector<protocol::ClaimedJob> claim(ClaimOptions o) { return try_claim(o).value(); }
    protocol::ClaimedJob claim() {
        auto jobs = claim(ClaimOptions{});
        REQUIRE(jobs.size() == 1);
        return jobs.front();
    }
    protocol::ClaimedJob started(const std::string& instance = "r1") {
        auto lease = claim();
        REQUIRE(start(lease, instance));
        return lease;
    }
    Result<> start(const protocol::ClaimedJob& lease, const std::string& instance = "r1") {
        return attempt_write(
            [&](store::Tx& tx) { return lifecycle.start(tx, lease.attempt, instance); });
    }
    Result<model::JobState> finish(const protocol::ClaimedJob& lease, model::Outcome outcome,
                                   const std::string& digest = "d1",
                                   const std::string& instance = "r1") {
        protocol::FinishRequest request;
        request.runner_instance = instance;
        request.outcome = std::move(outcome);
        return attempt_write(
            [&](store::Tx& tx) { return lifecycle.finish(tx, lease.attempt, request, digest); });
    }
    /// Lets service time pass in ticks of a second, expiring what expires, as the sweeper does.
    void pass(std::chrono::seconds time) {
        for (int i = 0; i < time.count(); ++i) {
            clock.advance(std::chrono::seconds(1));
            const auto now = service.tick();
            for (auto id : leases.expired(now))
                write([&](store::Tx& tx) -> Result<bool> {
                    lifecycle.expire(tx, id);
                    return true;
                });
            write([&](store::Tx& tx) -> Result<bool> {
                lifecycle.offer_due(tx);
                return true;
            });
        }
    }
    model::JobState state(RunId run, const std::string& key) { return job_row(run, key).state; }
    store::Job job_row(RunId run, const std::string& key) {
        return write([&](store::Tx& tx) -> Result<store::Job> {
            for (auto& row : store::jobs_of(tx, run))
                if (row.key == key) return row;
            return error(Code::not_found, "no_job", key);
        });
    }
    model::RunState run_state(RunId run) {
        return write([&](store::Tx& tx) -> Result<store::Run> {
                   return store::find_run(tx, run).value();
               })
            .state;
    }
};

}  // namespace sluice::test
