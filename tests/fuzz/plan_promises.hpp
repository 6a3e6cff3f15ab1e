#pragma once
/// What every plan promises, for the fuzz targets that make one: a broken promise aborts.
#include "pipelines/base/text.hpp"
#include "pipelines/plan/advance.hpp"

#include <cstdlib>
#include <set>
#include <string_view>
#include <vector>

namespace sluice::fuzz {

inline void require(bool holds) {
    if (!holds) std::abort();
}

/// The next part of a text that is divided by lines of `===`, which is taken from it.
inline std::string_view take_part(std::string_view& text) {
    const std::size_t end = text.find("\n===\n");
    const std::string_view out = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 5);
    return out;
}

inline void check_words(const std::vector<config::Diagnostic>& diagnostics) {
    for (const auto& d : diagnostics) require(!text::find_invalid_utf8(config::format(d)));
}

/// Ids are unique, jobs survive JSON, and when everything that starts passes, the run ends.
inline void check_run(const std::vector<plan::PlannedJob>& run, const model::Event& event) {
    std::set<std::string> ids;
    std::vector<plan::JobNow> now;
    for (const plan::PlannedJob& job : run) {
        require(ids.insert(job.spec.id).second);
        const auto copy = plan::planned_job_from_json(plan::to_json(job));
        require(copy.has_value() && *copy == job);
        now.push_back({&job, model::JobState::waiting});
    }
    while (plan::run_state(now) == model::RunState::active) {
        const auto transitions = plan::advance(now, event, false);
        require(!transitions.empty());
        for (const plan::Transition& t : transitions) {
            const auto next = model::next_state(now[t.job].state, t.event);
            require(next.has_value());
            now[t.job].state = *next == model::JobState::ready ? model::JobState::passed : *next;
        }
    }
}

}  // namespace sluice::fuzz
