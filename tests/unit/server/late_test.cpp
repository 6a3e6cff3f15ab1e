#include "tests/unit/server/ci_fixture.hpp"

using namespace sluice;
using namespace sluice::test;
using model::JobState;

namespace {

JobBuilder producer(const std::string& id) {
    auto builder = job(id);
    builder.planned.spec.outputs["tag"].type = model::OutputType::string;
    builder.planned.spec.outputs["digest"].type = model::OutputType::digest;
    return builder;
}

JobBuilder reader(const std::string& id, const std::string& of) {
    auto builder = job(id).after(of);
    builder.planned.late.push_back({"/env/TAG", "<${{ needs." + of + ".outputs.tag }}>"});
    builder.planned.reads = {of};
    return builder;
}

Result<JobState> finish(Fixture& ci, const protocol::ClaimedJob& lease,
                        std::map<std::string, std::string> outputs, bool undone = false) {
    protocol::FinishRequest request;
    request.runner_instance = "r1";
    request.outcome = passed();
    request.outputs = std::move(outputs);
    return ci.attempt_write([&](store::Tx& tx) -> Result<JobState> {
        auto state = ci.lifecycle.finish(tx, lease.attempt, request, "d1");
        if (undone) return error(Code::unavailable, "undone", "the closure is undone");
        return state;
    });
}

}  // namespace

TEST_CASE("a job gets the outputs of the job that it waited for", "[lifecycle][late]") {
    Fixture ci;
    const auto run = ci.run({producer("build"), reader("ship", "build")});
    finish(ci, ci.started(), {{"tag", "v7"}}).value();
    CHECK(ci.state(run, "ship") == JobState::ready);
    CHECK(ci.claim().spec.env.at("TAG") == "<v7>");
    CHECK(ci.job_row(run, "ship").planned.find("v7") == std::string::npos);
}

TEST_CASE("what an agent sends beside the declared outputs of their types is dropped",
          "[lifecycle][late]") {
    Fixture ci;
    const auto run = ci.run({producer("build"), reader("ship", "build")});
    finish(ci, ci.started(), {{"tag", "v7"}, {"digest", "$(id)"}, {"odd", "x"}}).value();
    CHECK(ci.job_row(run, "build").outputs == R"({"tag":"v7"})");
}

TEST_CASE("a transition that is undone leaves the job as it was planned", "[lifecycle][late]") {
    Fixture ci;
    const auto run = ci.run({producer("build"), reader("ship", "build")});
    const auto lease = ci.started();
    CHECK(finish(ci, lease, {{"tag", "wrong"}}, true).error().id == "undone");
    CHECK(ci.state(run, "ship") == JobState::waiting);
    CHECK(ci.job_row(run, "ship").spec.empty());
    finish(ci, lease, {{"tag", "right"}}).value();
    CHECK(ci.claim().spec.env.at("TAG") == "<right>");
}

TEST_CASE("a server that starts again knows what a job was completed to", "[lifecycle][late]") {
    Fixture ci;
    const auto run = ci.run({producer("build"), reader("ship", "build")});
    finish(ci, ci.started(), {{"tag", "v7"}}).value();
    core::Lifecycle again(ci.scheduler, ci.leases, ci.feed, ci.service, ci.clock);
    const auto plan = ci.write([&](store::Tx& tx) -> Result<std::shared_ptr<const core::RunPlan>> {
        return again.plan_of(tx, run);
    });
    CHECK(plan->jobs.at(1).spec.env.at("TAG") == "<v7>");
}

TEST_CASE("the failure of a cell ends the others of its matrix", "[lifecycle][late]") {
    Fixture ci;
    std::vector<JobBuilder> cells;
    for (const char* id : {"a (1)", "a (2)", "a (3)"}) {
        auto cell = job(id);
        cell.planned.spec.base = "a";
        cell.planned.fail_fast = true;
        cells.push_back(std::move(cell));
    }
    const auto run = ci.run(std::move(cells));
    const auto leases = ci.claim({.free = 2});
    REQUIRE(leases.size() == 2);
    for (const auto& lease : leases) REQUIRE(ci.start(lease));
    ci.finish(leases[0], failed()).value();
    CHECK(ci.state(run, "a (3)") == JobState::cancelled);
    CHECK(ci.state(run, "a (2)") == JobState::running);
    CHECK(ci.leases.find(leases[1].attempt)->cancel);
    CHECK(ci.finish(leases[1], cancelled()).value() == JobState::cancelled);
    CHECK(ci.run_state(run) == model::RunState::failed);
}
