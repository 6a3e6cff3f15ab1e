// Bytes as a configuration, a fragment that it may call, and a fragment that each generator of the
// plan writes, whose lines are also the lists of its matrices (divided by a line of `===`) → a run
// that keeps its promises, or diagnostics.
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/grow.hpp"
#include "tests/fuzz/plan_promises.hpp"

#include <algorithm>
#include <cstdint>

using namespace sluice;

using fuzz::check_words;
using fuzz::require;
using fuzz::take_part;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    plan::Input input;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", std::string(take_part(bytes))}};
    const plan::SourceFile fragment{"f.yml", std::string(take_part(bytes))};
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
    // Matrices that wait for lists: each of their axes gets the lines of what was generated.
    for (std::size_t i = 0; i < planned; ++i) {
        if (run[i].axes.empty()) continue;
        plan::AxisValues values;
        for (const plan::LateAxis& axis : run[i].axes)
            values[axis.name] = text::split(generated, '\n');
        const plan::Growth cells = plan::expand({input, run, run[i].spec.base, values});
        check_words(cells.diagnostics);
        for (const plan::PlannedJob& cell : cells.jobs) {
            require(cell.spec.base == run[i].spec.base && cell.axes.empty());
            require(plan::planned_job_from_json(plan::to_json(cell)).has_value());
        }
        if (cells.jobs.empty()) continue;
        run.insert(run.end(), cells.jobs.begin() + 1, cells.jobs.end());
        run[i] = cells.jobs.front();
    }
    for (const plan::PlannedJob& job : run)
        for (const plan::Need& need : job.needs)
            require(std::any_of(run.begin(), run.end(), [&](const plan::PlannedJob& other) {
                return plan::is_part_of(other.spec.base, need.job);
            }));
    fuzz::check_run(run, input.event);
    return 0;
}
