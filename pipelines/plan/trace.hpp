#pragma once
/// Why each job is selected or not: what the planner asked, in order, with the paths and values
/// that decided. Costs nothing when nobody asks. Pure values.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/plan/plan.hpp"

#include <string>
#include <vector>

namespace sluice::plan {

/// One question and its answer.
struct Reason {
    std::string rule;  ///< `on`, `paths`, `changes`, `if`, `needs`
    bool holds = true;
    bool later = false;  ///< not decided before the needs have ended
    std::string text;    ///< the answer, for people
    std::string file;    ///< where the rule stands
    int line = 0;        ///< 1-based; 0 = nowhere
};

enum class Choice {
    selected,
    later,         ///< its condition reads its needs
    not_selected,  ///< not needed, which is green
    absent,        ///< the event does not bring it
};

/// A job, or a cell of one.
struct JobReasons {
    std::string id;
    std::string base;
    Choice choice = Choice::selected;
    std::vector<Reason> reasons;
};

struct Trace {
    std::vector<JobReasons> jobs;  ///< in the order in which the planner came to them
};

/// make_plan(), with the reasons of every job of the files, also of those that the event does not
/// bring. Empty when the files have errors.
Outcome make_plan(const Input& input, Trace& trace);

}  // namespace sluice::plan

namespace sluice {
SLUICE_ENUM_NAMES(plan::Choice, "selected", "later", "not_selected", "absent");
}  // namespace sluice
