#include "server/core/verdict.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace sluice;
using core::Color;
using core::GateJob;
using core::is_required;
using core::judge;
using core::Question;
using core::Verdict;
using model::JobState;
using store::ConfigChanges;

namespace {

GateJob job(std::string base, JobState state, std::string cell = "") {
    return {base, state, {1}, "", cell.empty() ? base : cell};
}

GateJob changed(std::string base, JobState state) {
    auto out = job(std::move(base), state);
    out.changed = true;
    return out;
}

GateJob added(std::string base, JobState state) {
    auto out = job(std::move(base), state);
    out.added = true;
    return out;
}

Verdict ask(std::vector<std::string> require, std::vector<GateJob> jobs) {
    Question question;
    question.require = std::move(require);
    question.jobs = std::move(jobs);
    return judge(question);
}

Question edit(std::vector<std::string> require, std::vector<GateJob> jobs,
              ConfigChanges policy = ConfigChanges::required) {
    Question question;
    question.require = std::move(require);
    question.jobs = std::move(jobs);
    question.config.emplace();
    question.config->files = {".ci.yml"};
    question.config->policy = policy;
    return question;
}

Question approved(Question question) {
    question.config->approved = true;
    question.config->by = "grace";
    return question;
}

const core::GateCheck& check(const Verdict& verdict, const std::string& name) {
    for (const auto& one : verdict.checks)
        if (one.name == name) return one;
    FAIL("no check " << name);
    throw 0;
}

}  // namespace

TEST_CASE("a commit without a run is missing, never green", "[gate]") {
    Question question;
    question.require = {"test"};
    question.has_run = false;
    CHECK(judge(question).color == Color::red);
    CHECK(judge(question).summary == "missing: no run of this commit");
}

TEST_CASE("a required job that no run has is red missing, for globs too", "[gate]") {
    CHECK(ask({"test", "deploy-*"}, {job("test", JobState::passed)}).summary == "deploy-* missing");
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
    for (auto [state, color] : table) CHECK(ask({"a"}, {job("a", state)}).color == color);
}

TEST_CASE("warned is green, and says so", "[gate]") {
    auto verdict = ask({}, {job("a", JobState::passed), job("b", JobState::warned)});
    CHECK(verdict.summary == "2 of 2 checks green, 1 warned");
    CHECK(check(verdict, "b").note == "may fail");
    auto cell = ask({}, {job("a", JobState::passed, "a (1)"), job("a", JobState::warned, "a (2)")});
    CHECK(check(cell, "a").note == "a (2): may fail");
}

TEST_CASE("a matrix job is as good as its worst cell", "[gate]") {
    auto verdict = ask({"test"}, {job("test", JobState::passed, "test (3.11)"),
                                  job("test", JobState::failed, "test (3.12)"),
                                  job("test", JobState::running, "test (3.13)")});
    CHECK(verdict.color == Color::red);
    REQUIRE(verdict.checks.size() == 1);
    CHECK(verdict.checks[0].note == "test (3.12)");
}

TEST_CASE("without require every job of the run counts", "[gate]") {
    CHECK(ask({}, {job("a", JobState::passed), job("b", JobState::failed)}).color == Color::red);
    CHECK(ask({}, {job("a", JobState::passed), job("b", JobState::not_selected)}).color ==
          Color::green);
}

TEST_CASE("what is not required does not count", "[gate]") {
    CHECK(ask({"a"}, {job("a", JobState::passed), job("b", JobState::failed)}).color ==
          Color::green);
    const auto verdict = ask({"a"}, {job("a", JobState::passed), job("b", JobState::failed)});
    CHECK(verdict.checks.size() == 1);
    REQUIRE(verdict.others.size() == 1);
    CHECK(verdict.others[0].name == "b");
    CHECK(verdict.others[0].state == "failed");
}

TEST_CASE("the id of a caller or generator means all that it brought", "[gate]") {
    const std::vector<GateJob> jobs{job("gen", JobState::passed), job("gen/a", JobState::passed),
                                    job("gen/b", JobState::failed), job("other", JobState::failed)};
    auto verdict = ask({"gen"}, jobs);
    CHECK(verdict.summary == "gen/b failed");
    CHECK(verdict.checks.size() == 3);
    CHECK(ask({"g*"}, jobs).checks.size() == 3);
    CHECK(ask({"gen/a"}, jobs).color == Color::green);
    CHECK(ask({"gen", "!gen/b"}, jobs).color == Color::green);
    // No job of a fragment by its own name, and no other job by the beginning of a name.
    CHECK(ask({"a"}, jobs).summary == "a missing");
    CHECK(ask({"ge"}, jobs).summary == "ge missing");
}

TEST_CASE("the last glob that matches decides, a leading ! removes", "[gate]") {
    CHECK(is_required({"*", "!deploy-*"}, "test"));
    CHECK_FALSE(is_required({"*", "!deploy-*"}, "deploy-prod"));
    CHECK(is_required({"*", "!deploy-*", "deploy-prod"}, "deploy-prod"));
    CHECK(ask({"*", "!deploy-*"}, {job("a", JobState::passed), job("deploy-x", JobState::held)})
              .color == Color::green);
    // A gate that asks for nothing is no gate.
    CHECK(ask({"!a"}, {job("a", JobState::passed)}).color == Color::red);
}

TEST_CASE("a configuration error is red with its reason", "[gate]") {
    Question question;
    question.require = {"a"};
    question.config_error = "config: .ci.yml:1:1: error: unknown key";
    CHECK(judge(question).color == Color::red);
    CHECK(judge(question).summary == "config: .ci.yml:1:1: error: unknown key");
    // What older runs of the commit said of their jobs decides nothing, and is not forgotten.
    question.jobs = {job("a", JobState::passed)};
    CHECK(judge(question).color == Color::red);
    CHECK(judge(question).checks.size() == 1);
    CHECK(judge(question).others.size() == 1);
}

TEST_CASE("a required job that the change redefines waits for an approval", "[gate][trust]") {
    auto question = edit({"test"}, {changed("test", JobState::passed), job("x", JobState::passed)});
    auto verdict = judge(question);
    CHECK(verdict.color == Color::pending);
    CHECK(verdict.summary == "the edit of .ci.yml waits for an approval (test)");
    CHECK(check(verdict, "test").state == "held");
    CHECK(check(verdict, "test").note ==
          "passed, but the change defines this job otherwise than the target branch: waits for an "
          "approval");
    CHECK(verdict.config->needed);
    CHECK(verdict.config->jobs == std::vector<std::string>{"test"});
    auto after = judge(approved(question));
    CHECK(after.color == Color::green);
    CHECK(after.summary == "1 of 1 checks green; edits .ci.yml, approved by grace");
    CHECK_FALSE(after.config->needed);
}

TEST_CASE("an approval makes nothing green that is not", "[gate][trust]") {
    CHECK(judge(approved(edit({"a"}, {changed("a", JobState::failed)}))).color == Color::red);
    CHECK(judge(approved(edit({"a"}, {changed("a", JobState::running)}))).color == Color::pending);
    CHECK(judge(approved(edit({"b"}, {changed("a", JobState::passed)}))).summary == "b missing");
    CHECK(judge(edit({"a"}, {changed("a", JobState::failed)})).summary == "a failed");
}

TEST_CASE("an edit that touches no required job is marked only", "[gate][trust]") {
    auto verdict =
        judge(edit({"test"}, {job("test", JobState::passed), changed("docs", JobState::passed)}));
    CHECK(verdict.summary == "1 of 1 checks green; edits .ci.yml");
    CHECK(verdict.config->jobs.empty());
}

TEST_CASE("under notice a redefined job counts as it ended, but not by being deselected",
          "[gate][trust]") {
    auto notice = ConfigChanges::notice;
    CHECK(judge(edit({"a"}, {changed("a", JobState::passed)}, notice)).color == Color::green);
    auto deselected = edit({"a"}, {changed("a", JobState::not_selected)}, notice);
    CHECK(judge(deselected).color == Color::pending);
    CHECK(judge(approved(deselected)).color == Color::green);
}

TEST_CASE("under approve every edit waits", "[gate][trust]") {
    auto question = edit({"a"}, {job("a", JobState::passed)}, ConfigChanges::approve);
    CHECK(judge(question).summary == "the edit of .ci.yml waits for an approval");
    CHECK(check(judge(question), ".ci").color == Color::pending);
    CHECK(judge(approved(question)).color == Color::green);
    question.config.reset();
    CHECK(judge(question).color == Color::green);
}

TEST_CASE("a job that the change removes is not forgotten", "[gate][trust]") {
    auto question = edit({}, {job("a", JobState::passed)});
    question.removed = {"test"};
    CHECK(judge(question).summary == "the edit of .ci.yml waits for an approval (test)");
    CHECK(check(judge(question), "test").state == "removed");
    CHECK(judge(approved(question)).color == Color::green);
    // Renamed so that the glob finds another: the old one is still missed.
    question.require = {"test-*"};
    question.jobs = {added("test-nothing", JobState::passed)};
    question.removed = {"test-unit"};
    CHECK(judge(question).color == Color::pending);
    // Asked for by name: no approval helps, the gate has to change first.
    question.require = {"test"};
    question.jobs = {job("a", JobState::passed)};
    question.removed = {"test"};
    CHECK(judge(approved(question)).summary == "test missing");
    // Not asked for at all.
    question.require = {"a"};
    CHECK(judge(question).color == Color::green);
}

TEST_CASE("a job that a push did not look at is missing, not unneeded", "[gate]") {
    auto skipped = job("a", JobState::not_selected);
    CHECK(ask({"a"}, {skipped}).color == Color::green);
    skipped.overlooked = true;
    auto verdict = ask({"a"}, {skipped});
    CHECK(verdict.summary == "a missing");
    CHECK(check(verdict, "a").note ==
          "its run looked at the last push alone, but the whole change needs it: open a pull "
          "request or start a run by hand");
    // What ran is known.
    auto ran = job("a", JobState::passed);
    ran.overlooked = true;
    CHECK(ask({"a"}, {ran}).color == Color::green);
}

TEST_CASE("a new job needs an approval only where the gate asks for it by name", "[gate][trust]") {
    CHECK(judge(edit({}, {added("new", JobState::passed)})).color == Color::green);
    CHECK(judge(edit({"n*"}, {added("new", JobState::passed)})).color == Color::green);
    CHECK(judge(edit({"new"}, {added("new", JobState::passed)})).color == Color::pending);
}

TEST_CASE("never green while a required job is not passed, warned or not selected",
          "[gate][property]") {
    std::mt19937 random(20261129);  // NOLINT(cert-msc51-cpp): the same cases each time
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const std::vector<std::string> bases{"a", "b", "ab", "g", "g/a", "g/b"};
    const std::vector<std::string> globs{"a", "b", "*", "a*", "g", "g/*", "!b", "!g/b", "missing"};
    int greens = 0;
    for (int round = 0; round < 20000; ++round) {
        Question question;
        for (int i = pick(4); i > 0; --i)
            question.require.push_back(globs[static_cast<std::size_t>(pick(9))]);
        for (int i = pick(6); i > 0; --i) {
            // Mostly good, or no case would be green.
            const auto state = pick(6) ? JobState::passed : static_cast<JobState>(pick(11));
            auto one = job(bases[static_cast<std::size_t>(pick(6))], state);
            one.changed = pick(8) == 0;
            one.added = !one.changed && pick(8) == 0;
            question.jobs.push_back(one);
        }
        question.has_run = pick(20) != 0;
        if (pick(20) == 0) question.config_error = "broken";
        if (pick(2)) {
            question.config.emplace();
            question.config->files = {".ci.yml"};
            question.config->policy = static_cast<ConfigChanges>(pick(3));
            question.config->approved = pick(3) == 0;
            if (pick(3) == 0) question.removed = {"ab"};
        }
        const auto verdict = judge(question);
        CHECK_FALSE(verdict.checks.empty());
        if (verdict.color != Color::green) continue;
        ++greens;
        bool good = question.has_run && question.config_error.empty() && !question.jobs.empty();
        for (const auto& one : question.jobs) {
            if (!is_required(question.require, one.base)) continue;
            good = good && (one.state == JobState::passed || one.state == JobState::warned ||
                            one.state == JobState::not_selected);
            if (!question.config || question.config->approved || !one.changed) continue;
            const bool deselected =
                std::all_of(question.jobs.begin(), question.jobs.end(), [&](const auto& other) {
                    return other.base != one.base || other.state == JobState::not_selected;
                });
            good = good && question.config->policy == ConfigChanges::notice && !deselected;
        }
        for (const auto& wanted : question.require) good = good && wanted != "missing";
        if (question.config && !question.config->approved)
            good = good && question.config->policy != ConfigChanges::approve;
        INFO("round " << round << ": " << verdict.summary);
        CHECK(good);
    }
    CHECK(greens > 1000);  // else it says nothing
}

TEST_CASE("a job that calls or generates others is asked for with all of them", "[gate]") {
    const std::vector<GateJob> jobs{job("gen", JobState::passed), job("gen/a", JobState::running),
                                    job("call/b/c", JobState::passed),
                                    job("generic", JobState::failed)};
    const auto names = [&](const std::string& wanted) {
        std::string out;
        for (const auto& check : ask({wanted}, jobs).checks) out += check.name + " ";
        return out;
    };
    CHECK(names("gen") == "gen gen/a ");
    CHECK(names("gen/*") == "gen/a ");
    CHECK(names("call") == "call/b/c ");
    CHECK(names("ca*") == "call/b/c ");
    CHECK(ask({"gen"}, jobs).color == Color::pending);
}
