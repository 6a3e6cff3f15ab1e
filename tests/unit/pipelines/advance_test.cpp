#include "pipelines/plan/advance.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace sluice;
using namespace sluice::plan;
using model::JobEvent;
using model::JobState;
using model::RunState;
using model::When;

namespace {

/// A run in memory: jobs are added in plan order, ended by name, and advanced.
class Run {
public:
    Run& job(const std::string& id, std::vector<std::string> needs = {},
             When when = When::success) {
        PlannedJob job;
        job.spec.id = id;
        job.spec.base = id.substr(0, id.find(' '));
        for (auto& need : needs) job.needs.push_back({need, false});
        job.when = when;
        planned_.push_back(std::move(job));
        states_.push_back(JobState::waiting);
        return *this;
    }
    PlannedJob& last() { return planned_.back(); }

    Run& end(const std::string& id, JobState state) {
        states_[index(id)] = state;
        return *this;
    }

    std::vector<Transition> advance(bool run_cancelled = false) {
        auto transitions = plan::advance(now(), {}, run_cancelled);
        for (const Transition& t : transitions) {
            const auto next = model::next_state(states_[t.job], t.event);
            REQUIRE(next.has_value());
            states_[t.job] = *next;
            reasons_[planned_[t.job].spec.id] = t.reason;
        }
        return transitions;
    }

    std::string state(const std::string& id) { return std::string(to_text(states_[index(id)])); }
    std::string reason(const std::string& id) { return reasons_[id]; }
    RunState run_state() { return plan::run_state(now()); }
    std::vector<PlannedJob>& planned() { return planned_; }
    std::vector<JobState>& states() { return states_; }

private:
    std::vector<JobNow> now() {
        std::vector<JobNow> out;
        for (std::size_t i = 0; i < planned_.size(); ++i) out.push_back({&planned_[i], states_[i]});
        return out;
    }
    std::size_t index(const std::string& id) const {
        for (std::size_t i = 0; i < planned_.size(); ++i)
            if (planned_[i].spec.id == id) return i;
        FAIL("no job " << id);
        return 0;
    }

    std::vector<PlannedJob> planned_;
    std::vector<JobState> states_;
    std::map<std::string, std::string> reasons_;
};

}  // namespace

TEST_CASE("jobs without needs are ready at once, others wait for all of theirs", "[advance]") {
    Run run;
    run.job("a").job("b").job("c", {"a", "b"});
    run.advance();
    CHECK(run.state("a") == "ready");
    CHECK(run.state("b") == "ready");
    CHECK(run.state("c") == "waiting");
    run.end("a", JobState::passed).advance();
    CHECK(run.state("c") == "waiting");
    run.end("b", JobState::warned).advance();
    CHECK(run.state("c") == "ready");
}

TEST_CASE("a failure blocks what needs it, and every blocked job names the root", "[advance]") {
    Run run;
    run.job("a (1)").job("a (2)").job("b", {"a"}).job("c", {"b"}).job("d", {"c"});
    run.end("a (1)", JobState::passed).end("a (2)", JobState::failed).advance();
    for (const char* id : {"b", "c", "d"}) {
        CHECK(run.state(id) == "blocked");
        CHECK(run.reason(id) == "`a (2)` failed");
    }
    CHECK(run.run_state() == RunState::failed);
}

TEST_CASE("the root is still named when the chain was blocked before", "[advance]") {
    Run run;
    run.job("a").job("b", {"a"}).job("c", {"b"});
    run.end("a", JobState::errored).end("b", JobState::blocked).advance();
    CHECK(run.reason("c") == "`a` could not be carried out");
}

TEST_CASE("when: always runs after anything, when: failure after a failed ancestor only",
          "[advance]") {
    for (const bool fails : {true, false}) {
        Run run;
        run.job("a")
            .job("b", {"a"})
            .job("clean", {"b"}, When::always)
            .job("alarm", {"b"}, When::failure);
        run.end("a", fails ? JobState::failed : JobState::passed).advance();
        if (!fails) run.end("b", JobState::passed).advance();
        CHECK(run.state("clean") == "ready");
        CHECK(run.state("alarm") == (fails ? "ready" : "not_selected"));
    }
    Run cancelled;
    cancelled.job("a").job("alarm", {"a"}, When::failure);
    cancelled.end("a", JobState::cancelled).advance();
    CHECK(cancelled.state("alarm") == "not_selected");  // nobody failed
}

TEST_CASE("who only waits for a job that was not needed goes on", "[advance]") {
    Run run;
    run.job("a");
    run.last().selected = false;
    run.last().reason = "no changed path matches";
    run.job("b", {"a"});
    run.advance();
    CHECK(run.state("a") == "not_selected");
    CHECK(run.reason("a") == "no changed path matches");
    CHECK(run.state("b") == "ready");
}

TEST_CASE("who reads the outputs of a job that was not needed is not needed either", "[advance]") {
    Run run;
    run.job("a").job("b", {"a"});
    run.last().reads = {"a"};
    run.job("c", {"b"});
    run.last().reads = {"b"};
    run.job("d", {"a"});
    run.last().reads = {"a"};
    run.last().needs[0].optional = true;
    run.end("a", JobState::not_selected).advance();
    CHECK(run.state("b") == "not_selected");
    CHECK(run.reason("b") == "`a` was not needed, and this job reads its outputs");
    CHECK(run.state("c") == "not_selected");
    CHECK(run.state("d") == "ready");
}

TEST_CASE("a late if is asked when the jobs that it reads have ended", "[advance]") {
    Run run;
    run.job("a").job("b").job("c", {"b"}, When::always);
    run.last().late_if = "(needs.a.result == 'failed')";
    run.end("b", JobState::passed).advance();
    CHECK(run.state("c") == "waiting");
    run.end("a", JobState::passed).advance();
    CHECK(run.state("c") == "not_selected");
    CHECK(run.reason("c") == "`if` is false: (needs.a.result == 'failed')");

    Run absent;
    absent.job("c");
    absent.last().late_if = "(needs.gone.result == 'not_selected')";
    absent.advance();
    CHECK(absent.state("c") == "ready");

    Run broken;
    broken.job("c");
    broken.last().late_if = "starts_with(needs.a.nothing, 'x')";
    broken.advance();
    CHECK(broken.state("c") == "failed");
    CHECK_THAT(broken.reason("c"), Catch::Contains("cannot be evaluated"));
}

TEST_CASE("the result of a matrix job is that of its worst cell", "[advance]") {
    for (const auto& [worst, text] :
         std::vector<std::pair<JobState, std::string>>{{JobState::failed, "failed"},
                                                       {JobState::errored, "errored"},
                                                       {JobState::cancelled, "cancelled"},
                                                       {JobState::warned, "warned"}}) {
        Run run;
        run.job("a (1)").job("a (2)").job("b", {"a"}, When::always);
        run.last().late_if = "(needs.a.result == '" + text + "')";
        run.end("a (1)", JobState::passed).end("a (2)", worst).advance();
        CHECK(run.state("b") == "ready");
    }
}

TEST_CASE("in a cancelled run nothing starts any more, always included", "[advance]") {
    Run run;
    run.job("a").job("b", {"a"}).job("c", {"a"}, When::always).job("d", {"a"}, When::failure);
    run.end("a", JobState::running).advance(true);
    for (const char* id : {"b", "c", "d"}) CHECK(run.state(id) == "cancelled");
    CHECK(run.state("a") == "running");
    CHECK(run.run_state() == RunState::active);
    run.end("a", JobState::cancelled);
    CHECK(run.run_state() == RunState::cancelled);
}

TEST_CASE("a run is as bad as its worst job", "[advance]") {
    const auto state_of = [](std::vector<JobState> states) {
        Run run;
        for (std::size_t i = 0; i < states.size(); ++i) run.job("j" + std::to_string(i));
        run.states() = std::move(states);
        return run.run_state();
    };
    using S = JobState;
    CHECK(state_of({}) == RunState::passed);
    CHECK(state_of({S::passed, S::not_selected}) == RunState::passed);
    CHECK(state_of({S::not_selected}) == RunState::passed);
    CHECK(state_of({S::passed, S::warned}) == RunState::warned);
    CHECK(state_of({S::warned, S::blocked}) == RunState::failed);
    CHECK(state_of({S::blocked, S::cancelled}) == RunState::cancelled);
    CHECK(state_of({S::cancelled, S::failed}) == RunState::failed);
    CHECK(state_of({S::failed, S::errored}) == RunState::errored);
    for (const auto live : {S::waiting, S::held, S::ready, S::running})
        CHECK(state_of({S::errored, live}) == RunState::active);
}

TEST_CASE("one call reaches the fixed point in any order of the jobs", "[advance]") {
    Run run;
    run.job("d", {"c"}).job("c", {"b"}).job("b", {"a"}).job("a");
    run.end("a", JobState::failed).advance();
    CHECK(run.state("d") == "blocked");
    CHECK(run.advance().empty());
}

TEST_CASE("random runs always end, never start a job early, and a second call changes nothing",
          "[advance][property]") {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](int below) {
            return static_cast<int>(random() % static_cast<unsigned>(below));
        };
        Run run;
        const int count = 1 + pick(20);
        for (int i = 0; i < count; ++i) {
            std::vector<std::string> needs;
            for (int n = 0; n < i; ++n)
                if (pick(4) == 0) needs.push_back("j" + std::to_string(n));
            const auto when = static_cast<When>(pick(3));
            const std::string base = "j" + std::to_string(i);
            for (int cell = 0; cell <= pick(2); ++cell) {
                run.job(base + " (" + std::to_string(cell) + ")", needs, when);
                if (!needs.empty() && pick(4) == 0)
                    run.last().late_if = "(needs." + needs[0] + ".result != 'passed')";
                if (!needs.empty() && pick(6) == 0) run.last().reads = {needs[0]};
                if (pick(8) == 0) run.last().selected = false;
            }
        }
        const int cancel_at = pick(3) == 0 ? pick(20) : -1;
        bool cancelled = false;
        int rounds = 0;
        CAPTURE(seed);
        while (run.run_state() == RunState::active) {
            REQUIRE(rounds++ < 1000);
            if (rounds == cancel_at) cancelled = true;
            for (const Transition& t : run.advance(cancelled)) {
                if (t.event != JobEvent::needs_met) continue;
                CHECK_FALSE(cancelled);
                for (const Need& need : run.planned()[t.job].needs)
                    for (std::size_t i = 0; i < run.planned().size(); ++i)
                        if (run.planned()[i].spec.base == need.job)
                            CHECK(model::is_terminal(run.states()[i]));
            }
            CHECK(run.advance(cancelled).empty());
            // Some ready or running job goes on; without one the run must be over.
            std::vector<std::size_t> live;
            for (std::size_t i = 0; i < run.states().size(); ++i)
                if (run.states()[i] == JobState::ready || run.states()[i] == JobState::running)
                    live.push_back(i);
            if (live.empty()) {
                CHECK(run.run_state() != RunState::active);
                break;
            }
            const std::size_t job =
                live[static_cast<std::size_t>(pick(static_cast<int>(live.size())))];
            const JobEvent ready[] = {JobEvent::start, JobEvent::start, JobEvent::cancel};
            const JobEvent running[] = {JobEvent::pass, JobEvent::pass,  JobEvent::warn,
                                        JobEvent::fail, JobEvent::error, JobEvent::requeue};
            const JobEvent event =
                run.states()[job] == JobState::ready ? ready[pick(3)] : running[pick(6)];
            run.states()[job] = model::next_state(run.states()[job], event).value();
        }
    }
}

TEST_CASE("a need on a caller or generator waits for all that belongs to it", "[advance]") {
    Run run;
    run.job("gen").job("gen/x (1)", {"gen"}).job("gen/y", {"gen/x"}).job("after", {"gen"});
    run.job("clean", {"gen"}, When::failure);
    run.advance();
    CHECK(run.state("gen") == "ready");
    CHECK(run.state("gen/x (1)") == "waiting");
    run.end("gen", JobState::passed).advance();
    CHECK(run.state("gen/x (1)") == "ready");  // for itself, the generator is the job alone
    CHECK(run.state("after") == "waiting");
    run.end("gen/x (1)", JobState::failed).advance();
    CHECK(run.state("gen/y") == "blocked");
    CHECK(run.state("after") == "blocked");
    CHECK(run.reason("after") == "`gen/x (1)` failed");
    CHECK(run.state("clean") == "ready");
}
