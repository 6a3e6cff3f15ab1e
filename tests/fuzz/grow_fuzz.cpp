// Bytes as a configuration, a fragment that it may call, and a fragment that each generator of the
// plan writes (divided by a line of `===`) → a run that keeps its promises, or diagnostics.
#include "pipelines/base/text.hpp"
#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/grow.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string_view take(std::string_view& text) {
    const std::size_t end = text.find("\n===\n");
    const std::string_view out = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 5);
    return out;
}

void check_words(const std::vector<config::Diagnostic>& diagnostics) {
    for (const auto& d : diagnostics) require(!text::find_invalid_utf8(config::format(d)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    plan::Input input;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", std::string(take(bytes))}};
    const plan::SourceFile fragment{"f.yml", std::string(take(bytes))};
    input.fragments = {fragment};
    const std::string generated(bytes);
    for (const std::string& name : plan::named_fragments({input.files[0], fragment}))
        require(!name.empty());
    const plan::Outcome outcome = plan::make_plan(input);
    check_words(outcome.diagnostics);
    if (!outcome.plan) return 0;

    std::vector<plan::PlannedJob> run = outcome.plan->jobs;
    const std::size_t planned = run.size();
    for (std::size_t i = 0; i < planned; ++i) {
        if (run[i].spec.generate.empty()) continue;
        const plan::Growth growth = plan::grow({input, run, run[i].spec.id, generated});
        check_words(growth.diagnostics);
        require(growth.jobs.empty() || !config::has_errors(growth.diagnostics));
        for (const plan::PlannedJob& job : growth.jobs) {
            require(plan::is_inside(job.spec.base, run[i].spec.base));
            require(job.unsupported.empty() || !job.selected);
        }
        run.insert(run.end(), growth.jobs.begin(), growth.jobs.end());
    }
    std::set<std::string> ids;
    std::vector<plan::JobNow> now;
    for (const plan::PlannedJob& job : run) {
        require(ids.insert(job.spec.id).second);
        const auto copy = plan::planned_job_from_json(plan::to_json(job));
        require(copy.has_value() && *copy == job);
        now.push_back({&job, model::JobState::waiting});
    }
    for (const plan::PlannedJob& job : run)
        for (const plan::Need& need : job.needs)
            require(std::any_of(run.begin(), run.end(), [&](const plan::PlannedJob& other) {
                return plan::is_part_of(other.spec.base, need.job);
            }));
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
