// Bytes as a configuration (files divided by a line of `===`) → a plan that keeps its promises, or
// diagnostics.
#include "tests/fuzz/plan_promises.hpp"

#include <cstdint>
#include <set>

using namespace sluice;

using fuzz::require;

namespace {

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
    for (int i = 0; i < 4 && (i == 0 || !text.empty()); ++i)
        input.files.push_back({i == 0 ? ".ci.yml" : ".ci/f" + std::to_string(i) + ".yml",
                               std::string(fuzz::take_part(text))});
    return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const plan::Input input = input_of({reinterpret_cast<const char*>(data), size});
    const plan::Outcome outcome = plan::make_plan(input);
    const bool wrong = config::has_errors(outcome.diagnostics);
    require(outcome.plan.has_value() == (outcome.triggered && !wrong));
    fuzz::check_words(outcome.diagnostics);
    plan::read_gates(input.files);
    if (!outcome.plan) return 0;

    std::set<std::string> bases;
    for (const plan::PlannedJob& job : outcome.plan->jobs) {
        bases.insert(job.spec.base);
        for (const plan::Need& need : job.needs)
            require(bases.contains(need.job) && need.job != job.spec.base);
        require(!job.selected || !job.spec.steps.empty() || !job.axes.empty());
    }
    fuzz::check_run(outcome.plan->jobs, input.event);
    return 0;
}
