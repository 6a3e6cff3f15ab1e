// A seeded simulation of the server's core: random claims, starts, finishes, losses, cancels and
// time, on a real database. Whatever the order, the invariants hold and every run ends. A failing
// seed is printed; SLUICE_SIM_SEEDS sets how many.

#include "server/store/reservations.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <cstdlib>
#include <random>

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t k_cores = 8;

model::Capacity machine() {
    return {k_cores * 1000, 0, 0, {}};
}

struct World {
    Fixture ci;
    std::mt19937_64 random;
    std::vector<RunId> runs;
    struct Held {
        protocol::ClaimedJob job;
        bool started = false;
    };
    std::vector<Held> held;
    std::map<std::int64_t, model::JobState> ended;

    explicit World(std::uint64_t seed) : random(seed) {}

    std::uint64_t below(std::uint64_t bound) { return random() % bound; }

    void new_run() {
        std::vector<JobBuilder> jobs;
        const auto count = 1 + below(5);
        for (std::uint64_t i = 0; i < count; ++i) {
            auto builder = job("j" + std::to_string(i));
            auto& planned = builder.planned;
            for (std::uint64_t need = 0; need < i; ++need)
                if (below(3) == 0) planned.needs.push_back({"j" + std::to_string(need), false});
            if (!planned.needs.empty() && below(4) == 0)
                planned.when = below(2) ? model::When::always : model::When::failure;
            planned.spec.allow_failure.any = below(5) == 0;
            // Mostly small ones; some need the whole agent.
            if (below(2) == 0)
                planned.spec.resources.cpu_millis =
                    1000 * static_cast<std::int64_t>(below(6) == 0 ? k_cores : 1 + below(3));
            planned.selected = below(6) != 0;
            planned.reason = planned.selected ? "" : "not needed";
            jobs.push_back(std::move(builder));
        }
        runs.push_back(ci.run(std::move(jobs)));
    }

    model::Outcome any_outcome() {
        switch (below(5)) {
            case 0: return failed(static_cast<int>(1 + below(3)));
            case 1: return errored(model::Cause::runner_lost);
            default: return passed();
        }
    }

    void act() {
        switch (below(10)) {
            case 0: new_run(); break;
            case 1:
            case 2:
            case 3: {
                std::vector<AttemptId> holding;
                for (auto& one : held) holding.push_back(one.job.attempt);
                for (auto& claimed : ci.claim({.free = static_cast<int>(1 + below(3)),
                                     .holding = holding,
                                     .resources = machine()}))
                    held.push_back({claimed, false});
                break;
            }
            case 4:
            case 5: {
                if (held.empty()) break;
                auto& one = held[below(held.size())];
                if (!one.started) one.started = ci.start(one.job, "r").has_value();
                break;
            }
            case 6:
            case 7: {
                if (held.empty()) break;
                const auto index = below(held.size());
                auto outcome = any_outcome();
                (void)ci.finish(held[index].job, outcome, "d" + std::to_string(random()), "r");
                if (below(4) == 0) (void)ci.finish(held[index].job, passed(), "late", "r");
                held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
                break;
            }
            case 8: ci.pass(std::chrono::seconds(1 + below(40))); break;
            case 9:
                if (!runs.empty() && below(4) == 0)
                    (void)ci.attempt_write([&](store::Tx& tx) {
                        return ci.lifecycle.cancel_run(tx, runs[below(runs.size())], "sim");
                    });
                if (!held.empty() && below(3) == 0) held.pop_back();  // a runner dies unseen
                break;
        }
        check();
    }

    /// I1 at most one live attempt per job, I2 terminal never changes, I5 a run ends with its jobs,
    /// I10 named reasons; and no agent is given more than it has.
    void check() {
        ci.write([&](store::Tx& tx) -> Result<bool> {
            for (auto& [job, count] : tx.all<std::int64_t, std::int64_t>(
                     "SELECT job_id, count(*) FROM attempts WHERE state IN ('leased', 'running', "
                     "'unreachable') GROUP BY job_id")) {
                INFO("job " << job);
                CHECK(count == 1);
            }
            std::int64_t given = 0;
            for (const auto& one : store::reservations_of(tx, AgentId{1}, {}))
                given += one.cpu_millis;
            CHECK(given <= k_cores * 1000);
            for (auto run : runs) {
                bool open = false;
                for (auto& row : store::jobs_of(tx, run)) {
                    auto before = ended.find(row.id.value);
                    if (before != ended.end()) CHECK(before->second == row.state);
                    if (model::is_terminal(row.state)) {
                        ended[row.id.value] = row.state;
                        continue;
                    }
                    open = true;
                    INFO("job " << row.key << " in " << to_text(row.state));
                    CHECK_FALSE(row.wait_reason.empty());
                }
                CHECK(open == (store::find_run(tx, run)->state == model::RunState::active));
            }
            return true;
        });
    }

    void drain() {
        for (int round = 0; round < 400; ++round) {
            bool open = false;
            for (auto run : runs) open = open || ci.run_state(run) == model::RunState::active;
            if (!open) return;
            for (auto& one : held) {
                if (!one.started) one.started = ci.start(one.job, "r").has_value();
                (void)ci.finish(one.job, passed(), "drain", "r");
            }
            held.clear();
            for (auto& claimed : ci.claim({.free = 8, .resources = machine()}))
                held.push_back({claimed, false});
            if (held.empty()) ci.pass(10s);
        }
        FAIL_CHECK("a run never ended");
    }
};

/// Agents on which small jobs come without end, and one that needs a whole agent.
struct Crowd {
    Fixture ci;
    std::mt19937_64 random;
    struct Running {
        protocol::ClaimedJob job;
        std::int64_t left;  ///< rounds
    };
    struct Machine {
        AgentId id;
        std::string session;
        std::int64_t cores;
        std::vector<Running> running;
    };
    std::vector<Machine> machines;

    explicit Crowd(std::uint64_t seed) : random(seed) {
        machines.push_back({AgentId{1}, "s1", k_cores, {}});
        for (std::uint64_t i = 0; i < below(3); ++i)
            machines.push_back({ci.agent("m" + std::to_string(i)),
                                "t" + std::to_string(i),
                                1 + static_cast<std::int64_t>(below(k_cores)),
                                {}});
    }

    std::uint64_t below(std::uint64_t bound) { return random() % bound; }

    RunId submit(std::int64_t cores) {
        model::Resources wanted;
        wanted.cpu_millis = cores * 1000;
        return ci.run({job("j").asking(wanted)});
    }

    /// A second: some end, each agent claims, more come.
    void round() {
        ci.pass(1s);
        for (auto& machine : machines) {
            std::vector<AttemptId> holding;
            for (auto one = machine.running.begin(); one != machine.running.end();) {
                ci.leases.extend(one->job.attempt, ci.service.now(), ci.times.lease);
                if (--one->left > 0) {
                    holding.push_back((one++)->job.attempt);
                    continue;
                }
                REQUIRE(ci.finish(one->job, passed()).has_value());
                one = machine.running.erase(one);
            }
            std::int64_t used = 0;
            for (auto& claimed : ci.claim({.agent = machine.id,
                                 .session = machine.session,
                                 .free = 16,
                                 .holding = holding,
                                 .resources = model::Capacity{machine.cores * 1000, 0, 0, {}}})) {
                REQUIRE(ci.start(claimed));
                machine.running.push_back(
                    {std::move(claimed), 1 + static_cast<std::int64_t>(below(k_longest))});
            }
            for (const auto& one : machine.running) used += one.job.spec.resources.cpu_millis;
            CHECK(used <= machine.cores * 1000);
        }
        for (std::uint64_t i = 0; i < 4; ++i) submit(1 + static_cast<std::int64_t>(below(3)));
    }

    model::JobState state_of(RunId run) { return ci.state(run, "j"); }

    static constexpr std::uint64_t k_longest = 10;
};

}  // namespace

TEST_CASE("a job that needs a whole agent gets one in bounded time", "[sim]") {
    const char* wanted = std::getenv("SLUICE_SIM_SEEDS");
    const std::uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) / 20 : 10;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        INFO("seed " << seed);
        Crowd crowd(seed);
        for (int i = 0; i < 5; ++i) crowd.round();
        const RunId large = crowd.submit(k_cores);
        int rounds = 0;
        // The wait before room is held, and what then still runs.
        const int bound = 60 + static_cast<int>(Crowd::k_longest) + 5;
        while (crowd.state_of(large) == model::JobState::ready && rounds < bound) {
            crowd.round();
            ++rounds;
        }
        CHECK(rounds < bound);
    }
}

TEST_CASE("random histories keep the invariants and every run ends", "[sim]") {
    const char* wanted = std::getenv("SLUICE_SIM_SEEDS");
    const std::uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : 200;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        INFO("seed " << seed);
        World world(seed);
        for (int step = 0; step < 60; ++step) world.act();
        world.drain();
        world.check();
    }
}
