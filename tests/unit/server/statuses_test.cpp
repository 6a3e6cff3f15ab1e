#include "server/core/statuses.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace sluice;
using core::Color;
using core::statuses_of;
using core::Verdict;
using hooks::StatusState;

namespace {

Verdict verdict(Color color, std::vector<core::GateCheck> checks) {
    Verdict out;
    out.color = color;
    out.summary = "so it stands";
    out.checks = std::move(checks);
    out.sha = std::string(40, 'a');
    out.branch = "release/1 & co";
    return out;
}

auto begun(const std::vector<core::CommitStatus>& all) {
    return std::count_if(all.begin(), all.end(), [](const auto& one) { return one.begins; });
}

StatusState of_job(const std::string& state) {
    auto all = statuses_of(verdict(Color::red, {{"a", Color::red, state, "", {7}}}), "shop",
                           "http://ci", true);
    REQUIRE(all.size() == 2);
    return all[1].status.state;
}

}  // namespace

TEST_CASE("the gate has one status whose name never changes", "[status]") {
    auto all = statuses_of(verdict(Color::green, {{"a", Color::green, "passed", "", {7}}}), "shop",
                           "http://ci", false);
    REQUIRE(begun(all) == 1);
    CHECK(all[0].status.context == "sluice/gate");
    CHECK(all[0].status.state == StatusState::passed);
    CHECK(all[0].status.description == "so it stands");
    CHECK(all[0].status.url ==
          "http://ci/gate/shop?branch=release%2F1%20%26%20co&sha=" + std::string(40, 'a'));
}

TEST_CASE("a gate's state tells what went wrong with the change from what went wrong with us",
          "[status]") {
    const auto state = [](Color color, std::vector<core::GateCheck> checks) {
        return statuses_of(verdict(color, std::move(checks)), "shop", "", false)[0].status.state;
    };
    CHECK(state(Color::pending, {}) == StatusState::pending);
    CHECK(state(Color::green, {{"a", Color::green, "warned", "", {7}}}) == StatusState::warned);
    CHECK(state(Color::red, {{"a", Color::red, "failed", "", {7}},
                             {"b", Color::red, "errored", "", {8}}}) == StatusState::failed);
    CHECK(state(Color::red, {{"a", Color::red, "errored", "", {7}}}) == StatusState::errored);
    CHECK(state(Color::red, {{"a", Color::red, "missing", "", {}}}) == StatusState::failed);
}

TEST_CASE("each check that is a job has a status of its own, if wanted", "[status]") {
    const auto checks =
        std::vector<core::GateCheck>{{"test", Color::red, "failed", "test (3.12)", {7}},
                                     {"gen/a", Color::green, "passed", "", {8}},
                                     {"e2e-*", Color::red, "missing", "no job matches", {}},
                                     {"old", Color::pending, "removed", "gone", {}}};
    CHECK(begun(statuses_of(verdict(Color::red, checks), "shop", "http://ci", false)) == 1);
    auto all = statuses_of(verdict(Color::red, checks), "shop", "http://ci", true);
    REQUIRE(all.size() == 3);
    CHECK(all[1].status.context == "sluice/job/test");
    CHECK(all[1].status.description == "failed: test (3.12)");
    CHECK(all[1].status.url == "http://ci/jobs/7");
    CHECK(all[2].status.context == "sluice/job/gen/a");
    CHECK(all[2].status.description == "passed");
}

TEST_CASE("a gate of very many jobs is told as one status", "[status]") {
    std::vector<core::GateCheck> checks;
    for (std::size_t i = 0; i < core::k_max_job_statuses; ++i)
        checks.push_back({"job" + std::to_string(i), Color::green, "passed", "", {7}});
    CHECK(begun(statuses_of(verdict(Color::green, checks), "shop", "", true)) ==
          core::k_max_job_statuses + 1);
    checks.push_back(checks.front());
    CHECK(begun(statuses_of(verdict(Color::green, checks), "shop", "", true)) == 1);
}

TEST_CASE("a job that the gate does not ask for is told on, and not begun with", "[status]") {
    auto told = verdict(Color::green, {{"test", Color::green, "passed", "", {7}}});
    told.others = {{"lint", Color::red, "failed", "2 findings", {8}}};
    const auto all = statuses_of(told, "shop", "http://ci", true);
    REQUIRE(all.size() == 3);
    CHECK(begun(all) == 2);
    CHECK(all[2].status.context == "sluice/job/lint");
    CHECK(all[2].status.state == StatusState::failed);
    CHECK_FALSE(all[2].begins);
}

TEST_CASE("a job that the gate misses is no success", "[status]") {
    CHECK(of_job("missing") == StatusState::failed);
}

TEST_CASE("states of jobs become states of statuses", "[status]") {
    for (auto state : {"waiting", "held", "ready"}) CHECK(of_job(state) == StatusState::pending);
    CHECK(of_job("running") == StatusState::running);
    CHECK(of_job("passed") == StatusState::passed);
    CHECK(of_job("not_selected") == StatusState::passed);
    CHECK(of_job("warned") == StatusState::warned);
    CHECK(of_job("failed") == StatusState::failed);
    CHECK(of_job("blocked") == StatusState::failed);
    CHECK(of_job("errored") == StatusState::errored);
    CHECK(of_job("cancelled") == StatusState::cancelled);
}
