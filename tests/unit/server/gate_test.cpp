#include "server/core/gate.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::Color;
using core::GateJob;
using core::judge;
using model::JobState;

namespace {

GateJob job(std::string base, JobState state, std::string cell = "") {
    return {base, state, {1}, "", cell.empty() ? base : cell};
}

}  // namespace

TEST_CASE("a commit without a run is missing, never green", "[gate]") {
    auto verdict = judge({"test"}, {}, false, "");
    CHECK(verdict.color == Color::red);
    CHECK(verdict.summary == "missing: no run of this commit");
}

TEST_CASE("a required job that no run has is red missing, for globs too", "[gate]") {
    CHECK(judge({"test", "deploy-*"}, {job("test", JobState::passed)}, true, "").summary ==
          "deploy-* missing");
}

TEST_CASE("states map to colours as the reference says", "[gate]") {
    const std::pair<JobState, Color> table[] = {
        {JobState::passed, Color::green},    {JobState::not_selected, Color::green},
        {JobState::warned, Color::green},    {JobState::waiting, Color::pending},
        {JobState::held, Color::pending},    {JobState::ready, Color::pending},
        {JobState::running, Color::pending}, {JobState::failed, Color::red},
        {JobState::errored, Color::red},     {JobState::cancelled, Color::red},
        {JobState::blocked, Color::red},
    };
    for (auto [state, color] : table)
        CHECK(judge({"a"}, {job("a", state)}, true, "").color == color);
}

TEST_CASE("a matrix job is as good as its worst cell", "[gate]") {
    auto verdict = judge(
        {"test"},
        {job("test", JobState::passed, "test (3.11)"), job("test", JobState::failed, "test (3.12)"),
         job("test", JobState::running, "test (3.13)")},
        true, "");
    CHECK(verdict.color == Color::red);
    REQUIRE(verdict.checks.size() == 1);
    CHECK(verdict.checks[0].note == "test (3.12)");
}

TEST_CASE("without require every job of the run counts", "[gate]") {
    CHECK(judge({}, {job("a", JobState::passed), job("b", JobState::failed)}, true, "").color ==
          Color::red);
    CHECK(
        judge({}, {job("a", JobState::passed), job("b", JobState::not_selected)}, true, "").color ==
        Color::green);
}

TEST_CASE("what is not required does not count", "[gate]") {
    CHECK(judge({"a"}, {job("a", JobState::passed), job("b", JobState::failed)}, true, "").color ==
          Color::green);
}

TEST_CASE("a configuration error is red with its reason", "[gate]") {
    auto verdict = judge({"a"}, {}, true, "config: .ci.yml:1:1: error: unknown key");
    CHECK(verdict.color == Color::red);
    CHECK(verdict.summary == "config: .ci.yml:1:1: error: unknown key");
}

TEST_CASE("a job that calls or generates others is asked for with all of them", "[gate]") {
    const std::vector<GateJob> jobs{job("gen", JobState::passed), job("gen/a", JobState::running),
                                    job("call/b/c", JobState::passed),
                                    job("generic", JobState::failed)};
    const auto names = [&](const std::string& wanted) {
        std::string out;
        for (const auto& check : judge({wanted}, jobs, true, "").checks) out += check.name + " ";
        return out;
    };
    CHECK(names("gen") == "gen gen/a ");
    CHECK(names("gen/*") == "gen/a ");
    CHECK(names("call") == "call/b/c ");
    CHECK(names("ca*") == "call/b/c ");
    CHECK(judge({"gen"}, jobs, true, "").color == Color::pending);
}
