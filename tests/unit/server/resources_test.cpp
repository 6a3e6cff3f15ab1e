// Jobs that ask for resources and agents that have some: never more is given than is there.
#include "server/core/requirements.hpp"
#include "server/store/reservations.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t k_gib = 1LL << 30;

model::Capacity machine(std::int64_t cores, std::int64_t memory, int gpus = 0) {
    model::Capacity out{cores * 1000, memory * k_gib, 100 * k_gib, {}};
    for (int i = 0; i < gpus; ++i)
        out.gpus.push_back(
            {"GPU-" + std::to_string(i), i == 0 ? "A100" : "T4", (i == 0 ? 40 : 16) * k_gib});
    return out;
}

model::Resources cores(std::int64_t count) {
    model::Resources out;
    out.cpu_millis = count * 1000;
    return out;
}

model::Resources gpus(int count, std::string model = "", std::int64_t memory = 0) {
    model::Resources out;
    out.gpus = count;
    out.gpu_model = std::move(model);
    out.gpu_memory = memory * k_gib;
    return out;
}

}  // namespace

TEST_CASE("a queue key says what is asked and is read back", "[resources]") {
    model::Resources wanted = gpus(2, "A100, 40 GB", 40);
    wanted.cpu_millis = 1500;
    wanted.memory = 3 * k_gib;
    const std::string key = core::queue_key({"linux", "gpu", "linux"}, wanted);
    const core::Requirement read = core::parse_queue_key(key);
    CHECK(read.labels == std::vector<std::string>{"gpu", "linux"});
    CHECK(read.resources == wanted);
    CHECK(core::queue_key({}, {}).empty());
    CHECK(core::labels_match(read, {"gpu", "linux", "x"}));
    CHECK_FALSE(core::labels_match(read, {"gpu"}));
}

TEST_CASE("an agent is never given more than it has", "[resources]") {
    Fixture ci;
    ci.run({job("a").asking(cores(2)), job("b").asking(cores(2)), job("c").asking(cores(1)),
            job("d")});
    auto jobs = ci.claim({.free = 8, .resources = machine(3, 8)});
    // b does not fit beside a; c does, and d asks for nothing.
    std::vector<std::string> names;
    for (const auto& one : jobs) names.push_back(one.spec.id);
    CHECK(names == std::vector<std::string>{"a", "c", "d"});
    std::vector<AttemptId> holding;
    for (const auto& one : jobs) {
        REQUIRE(ci.start(one));
        holding.push_back(one.attempt);
    }
    CHECK(ci.claim({.free = 8, .holding = holding, .resources = machine(3, 8)}).empty());
    REQUIRE(ci.finish(jobs[0], passed()).has_value());
    holding.erase(holding.begin());
    auto rest = ci.claim({.free = 8, .holding = holding, .resources = machine(3, 8)});
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].spec.id == "b");
}

TEST_CASE("what an attempt holds is not given again, also when its lease was lost", "[resources]") {
    Fixture ci;
    ci.run({job("a").asking(gpus(1)), job("b").asking(gpus(1))});
    auto first = ci.claim({.free = 1, .resources = machine(4, 8, 1)});
    REQUIRE(first.size() == 1);
    REQUIRE(ci.start(first[0]));
    ci.pass(67s);
    // The server has given the attempt up, but its runner may still use the GPU.
    CHECK(ci.claim({.free = 4, .holding = {first[0].attempt}, .resources = machine(4, 8, 1)})
              .empty());
    CHECK(ci.claim({.free = 4, .resources = machine(4, 8, 1)}).size() == 1);
}

TEST_CASE("GPUs are given by uuid, the smallest that will do", "[resources]") {
    Fixture ci;
    ci.run({job("small").asking(gpus(1)), job("big").asking(gpus(1, "A100")), job("none"),
            job("many").asking(gpus(3))});
    auto jobs = ci.claim({.free = 8, .resources = machine(8, 16, 2)});
    REQUIRE(jobs.size() == 3);
    CHECK(jobs[0].gpus == std::vector<std::string>{"GPU-1"});
    CHECK(jobs[0].env.at("CUDA_VISIBLE_DEVICES") == "GPU-1");
    CHECK(jobs[1].gpus == std::vector<std::string>{"GPU-0"});
    CHECK(jobs[2].spec.id == "none");
    CHECK(jobs[2].env.at("CUDA_VISIBLE_DEVICES").empty());
}

TEST_CASE("a gang of GPUs is all or nothing", "[resources]") {
    Fixture ci;
    ci.run({job("gang").asking(gpus(2))});
    CHECK(ci.claim({.free = 4, .resources = machine(8, 16, 1)}).empty());
    CHECK(ci.claim({.free = 4, .resources = machine(8, 16, 2)}).size() == 1);
}

TEST_CASE("what ends makes room for who waits, without another claim", "[resources]") {
    Fixture ci;
    ci.run({job("a").asking(cores(2)), job("b").asking(cores(2))});
    auto first = ci.claim({.free = 1, .resources = machine(2, 8)});
    REQUIRE(first.size() == 1);
    REQUIRE(ci.start(first[0]));
    CHECK(
        ci.claim(
              {.free = 1, .holding = {first[0].attempt}, .park = true, .resources = machine(2, 8)})
            .empty());
    REQUIRE(ci.finish(first[0], passed()).has_value());
    CHECK(ci.scheduler.state(ci.parked) == core::ParkedClaim::State::answered);
    auto jobs = ci.scheduler.take(ci.parked);
    REQUIRE(jobs.size() == 1);
    CHECK(jobs[0].spec.id == "b");
}

TEST_CASE("an agent that never told what it has gets no job that asks", "[resources]") {
    Fixture ci;
    ci.run({job("a").asking(cores(1)), job("b")});
    auto jobs = ci.claim({.free = 4});
    REQUIRE(jobs.size() == 1);
    CHECK(jobs[0].spec.id == "b");
}
