// Room that is held back for a job which asks for much.
#include "server/core/room.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t k_gib = 1LL << 30;

model::Capacity cores_of(std::int64_t count) {
    return {count * 1000, 64 * k_gib, 100 * k_gib, {}};
}

model::Resources cores(std::int64_t count) {
    model::Resources out;
    out.cpu_millis = count * 1000;
    return out;
}

core::Machine machine(std::int64_t id, std::int64_t count,
                      std::vector<std::pair<std::int64_t, std::int64_t>> taken = {}) {
    core::Machine out{AgentId{id}, {"linux"}, cores_of(count), {}};
    for (auto [given, until] : taken)
        out.taken.push_back({{given * 1000, 0, 0, {}}, Timestamp{until}});
    return out;
}

core::Waiting waiting(std::int64_t id, std::int64_t count, std::int64_t priority = 0) {
    return {JobId{id}, priority, {{"linux"}, cores(count)}};
}

/// An agent of four cores on which small jobs run, one of which ends at a time.
struct Busy {
    Fixture ci;
    std::vector<protocol::ClaimedJob> running;
    int made = 0;

    void add_small(int count) {
        for (int i = 0; i < count; ++i)
            ci.run({job("small" + std::to_string(++made)).asking(cores(1))});
    }
    std::vector<AttemptId> holding() const {
        std::vector<AttemptId> out;
        for (const auto& one : running) out.push_back(one.attempt);
        return out;
    }
    /// What the agent is given; started at once.
    std::vector<std::string> claim(int free = 8) {
        std::vector<std::string> names;
        for (auto& one : ci.claim({.free = free, .holding = holding(), .resources = cores_of(4)})) {
            REQUIRE(ci.start(one));
            names.push_back(one.spec.id);
            running.push_back(one);
        }
        return names;
    }
    void end_one() {
        REQUIRE(ci.finish(running.front(), passed()).has_value());
        running.erase(running.begin());
    }
    void keep_alive(std::chrono::seconds time) {
        for (int i = 0; i < time.count(); ++i) {
            for (const auto& one : running)
                ci.leases.extend(one.attempt, ci.service.now(), ci.times.lease);
            ci.pass(1s);
        }
    }
};

}  // namespace

TEST_CASE("a job fits when enough of what runs has ended", "[room]") {
    const auto wanted = waiting(1, 4).wanted;
    auto room = core::room_on(machine(1, 8, {{3, 300}, {2, 100}, {3, 200}}), wanted, Timestamp{50});
    REQUIRE(room);
    CHECK(room->at == Timestamp{200});
    CHECK(room->spare.cpu_millis == 1000);
    CHECK(core::room_on(machine(1, 8), wanted, Timestamp{50})->at == Timestamp{50});
    // What should have ended long ago ends now.
    CHECK(core::room_on(machine(1, 4, {{4, 10}}), wanted, Timestamp{50})->at == Timestamp{50});
    CHECK_FALSE(core::room_on(machine(1, 3), wanted, Timestamp{50}));
    core::Machine other = machine(1, 8);
    other.labels = {"windows"};
    CHECK_FALSE(core::room_on(other, wanted, Timestamp{50}));
}

TEST_CASE("room is held where the job will fit first, one job a machine", "[room]") {
    const std::vector<core::Machine> machines{machine(1, 4, {{2, 900}}), machine(2, 4, {{1, 500}}),
                                              machine(3, 2, {{1, 100}})};
    auto rooms = core::hold_room({waiting(7, 4), waiting(6, 4), waiting(8, 1, 5), waiting(9, 64)},
                                 machines, Timestamp{0});
    REQUIRE(rooms.size() == 2);
    // Priority first, and it fits at once; ties go to the agent that came first.
    CHECK(rooms.at(AgentId{1}).job.id == JobId{8});
    CHECK(rooms.at(AgentId{2}).job.id == JobId{6});
}

TEST_CASE("what the waiting job will not need is given to others", "[room]") {
    auto rooms = core::hold_room({waiting(5, 6)}, {machine(1, 8, {{4, 100}})}, Timestamp{0});
    const auto& held = rooms.at(AgentId{1});
    CHECK(core::may_pass(held, 0, JobId{9}, cores(2)));
    CHECK_FALSE(core::may_pass(held, 0, JobId{9}, cores(3)));
    CHECK(core::may_pass(held, 0, JobId{9}, {}));
    CHECK(core::may_pass(held, 0, JobId{4}, cores(4)));
    CHECK(core::may_pass(held, 1, JobId{9}, cores(4)));
    CHECK(core::may_pass(held, 0, JobId{5}, cores(6)));
}

TEST_CASE("small jobs without end do not starve one that needs the whole agent", "[room]") {
    Busy agent;
    agent.add_small(4);
    CHECK(agent.claim().size() == 4);
    const RunId large = agent.ci.run({job("large").asking(cores(4))});
    agent.add_small(2);
    agent.end_one();
    // It has not waited for long: whoever fits goes on.
    CHECK(agent.claim() == std::vector<std::string>{"small5"});
    agent.keep_alive(61s);
    agent.add_small(8);
    for (int i = 0; i < 3; ++i) {
        agent.end_one();
        CHECK(agent.claim().empty());
    }
    CHECK(agent.ci.job_row(large, "large").wait_reason ==
          "waiting for 4 cores on agent alpha, which takes nothing smaller before it fits");
    agent.end_one();
    CHECK(agent.claim() == std::vector<std::string>{"large"});
    agent.end_one();
    CHECK(agent.claim().size() == 4);
}

TEST_CASE("a parked claim is not offered what would be leased past the job that waits", "[room]") {
    Busy agent;
    agent.add_small(2);
    CHECK(agent.claim().size() == 2);
    agent.ci.run({job("large").asking(cores(4))});
    CHECK(agent.claim().empty());
    agent.keep_alive(61s);
    CHECK(
        agent.ci
            .claim({.free = 2, .holding = agent.holding(), .park = true, .resources = cores_of(4)})
            .empty());
    agent.add_small(1);
    CHECK(agent.ci.scheduler.state(agent.ci.parked) == core::ParkedClaim::State::parked);
    agent.ci.run({job("nothing")});
    REQUIRE(agent.ci.scheduler.state(agent.ci.parked) == core::ParkedClaim::State::answered);
    CHECK(agent.ci.scheduler.take(agent.ci.parked).front().spec.id == "nothing");
}

TEST_CASE("a job that is too large for any agent holds nothing back", "[room]") {
    Busy agent;
    agent.add_small(1);
    CHECK(agent.claim().size() == 1);
    agent.ci.run({job("huge").asking(cores(5))});
    CHECK(agent.claim().empty());
    agent.keep_alive(61s);
    agent.add_small(1);
    CHECK(agent.claim().size() == 1);
}

TEST_CASE("room moves on when its agent falls silent", "[room]") {
    Busy agent;
    const AgentId other = agent.ci.agent("beta");
    std::vector<AttemptId> holding;
    const auto claim_other = [&] {
        auto jobs = agent.ci.claim(
            {.agent = other, .session = "s2", .holding = holding, .resources = cores_of(4)});
        for (const auto& one : jobs) {
            REQUIRE(agent.ci.start(one));
            agent.running.push_back(one);
            holding.push_back(one.attempt);
        }
        return jobs.size();
    };
    agent.add_small(2);
    CHECK(agent.claim(1).size() == 1);
    CHECK(claim_other() == 1);
    agent.ci.run({job("large").asking(cores(4))});
    CHECK(agent.claim().empty());
    agent.keep_alive(61s);
    // Both would do; held on the first, the second goes on.
    agent.add_small(1);
    CHECK(claim_other() == 1);
    agent.keep_alive(40s);
    agent.add_small(1);
    CHECK(claim_other() == 0);
}

TEST_CASE("who is cancelled holds nothing back", "[room]") {
    Busy agent;
    agent.add_small(1);
    CHECK(agent.claim().size() == 1);
    const RunId large = agent.ci.run({job("large").asking(cores(4))});
    CHECK(agent.claim().empty());
    agent.keep_alive(61s);
    agent.add_small(1);
    CHECK(agent.claim().empty());
    agent.ci.write([&](store::Tx& tx) -> Result<bool> {
        return agent.ci.lifecycle.cancel_run(tx, large, "ada").has_value();
    });
    CHECK(agent.claim().size() == 1);
}
