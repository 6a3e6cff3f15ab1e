#include "server/core/known_labels.hpp"

#include <catch2/catch.hpp>

using namespace sluice;

TEST_CASE("a label that no agent has is a warning, once, with the nearest that one has",
          "[labels]") {
    store::Agent agent;
    agent.os = "linux";
    agent.arch = "amd64";
    agent.host = "box";
    agent.labels = R"(["gpu", "zone=eu"])";
    const auto known = core::known_labels({agent});
    plan::Plan plan;
    const auto job = [&](const std::string& id, std::vector<std::string> labels) {
        plan::PlannedJob& out = plan.jobs.emplace_back();
        out.spec.id = out.spec.base = id;
        out.spec.runs_on = std::move(labels);
    };
    job("a", {"gpu", "os=linux", "executor=container"});
    CHECK(core::warn_of_labels(plan, known).empty());
    job("b", {"gpuu"});
    job("c", {"gpuu", "moon-base"});
    const auto told = core::warn_of_labels(plan, known);
    REQUIRE(told.size() == 2);
    CHECK(told[0].message == "no agent has label `gpuu`, which `b` asks for");
    CHECK(told[0].hint == "similar: `gpu`; the job waits for an agent");
    CHECK(told[0].severity == config::Severity::warning);
    CHECK(told[1].message == "no agent has label `moon-base`, which `c` asks for");
    for (auto& planned : plan.jobs) planned.selected = false;
    CHECK_FALSE(core::asks_for_labels(plan));
    CHECK(core::warn_of_labels(plan, known).empty());
}
