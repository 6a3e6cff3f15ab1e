// Bytes as a configuration (files divided by a line of `===`) → a plan that keeps its promises, or
// diagnostics.
#include "pipelines/base/text.hpp"
#include "pipelines/plan/advance.hpp"

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

plan::Input input_of(std::string_view text) {
    plan::Input input;
    // The first byte chooses the event.
    const auto choice = text.empty() ? 0u : static_cast<unsigned char>(text[0]) % 4u;
    input.event.kind = choice == 0   ? model::EventKind::push
                       : choice == 1 ? model::EventKind::tag
                       : choice == 2 ? model::EventKind::pull_request
                                     : model::EventKind::manual;
    input.event.branch = "main";
    input.event.tag = "v1";
    input.event.sha = std::string(40, 'a');
    if (choice == 2)
        input.event.pull_request =
            model::PullRequest{.number = 1, .title = "$(id)", .target_branch = "main"};
    input.changed_paths = std::vector<std::string>{"src/a.cpp", "docs/b.md"};
    if (!text.empty()) text.remove_prefix(1);
    for (int i = 0; i < 4; ++i) {
        const std::size_t end = text.find("\n===\n");
        input.files.push_back({i == 0 ? ".ci.yml" : ".ci/f" + std::to_string(i) + ".yml",
                               std::string(text.substr(0, end))});
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 5);
    }
    return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const plan::Input input = input_of({reinterpret_cast<const char*>(data), size});
    const plan::Outcome outcome = plan::make_plan(input);
    const bool wrong = config::has_errors(outcome.diagnostics);
    require(outcome.plan.has_value() == (outcome.triggered && !wrong));
    for (const auto& d : outcome.diagnostics) require(!text::find_invalid_utf8(config::format(d)));
    plan::read_gates(input.files);
    if (!outcome.plan) return 0;

    std::set<std::string> ids, bases;
    std::vector<plan::JobNow> now;
    for (const plan::PlannedJob& job : outcome.plan->jobs) {
        require(ids.insert(job.spec.id).second);
        bases.insert(job.spec.base);
        for (const plan::Need& need : job.needs)
            require(bases.contains(need.job) && need.job != job.spec.base);
        require(!job.selected || !job.spec.steps.empty());
        const auto copy = plan::planned_job_from_json(plan::to_json(job));
        require(copy.has_value() && *copy == job);
        now.push_back({&job, model::JobState::waiting});
    }
    // Everything that starts passes: the run must end.
    while (plan::run_state(now) == model::RunState::active) {
        const auto transitions = plan::advance(now, input.event, false);
        require(!transitions.empty());
        for (const plan::Transition& t : transitions) {
            const auto next = model::next_state(now[t.job].state, t.event);
            require(next.has_value());
            now[t.job].state = *next == model::JobState::ready ? model::JobState::passed : *next;
        }
    }
    return 0;
}
