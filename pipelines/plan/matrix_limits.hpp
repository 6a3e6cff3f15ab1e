#pragma once
/// `max_parallel` and `fail_fast`, of the matrix of a job and of those of its callers. Pure, one
/// thread at a time.

#include "pipelines/model/job_state.hpp"
#include "pipelines/plan/plan.hpp"

#include <map>
#include <string>

namespace sluice::plan {

/// How many cells are going on. A cell of a caller is, from the first of its jobs that begins until
/// all of them have ended.
class Loads {
public:
    void add(const PlannedJob& job, model::JobState state);
    /// The job, which was waiting, is now in that state.
    void change(const PlannedJob& job, model::JobState state);
    /// False when the job must wait for others to end.
    bool has_room(const PlannedJob& job) const;

private:
    struct Expansion {
        int open = 0;   ///< jobs that have not ended
        int going = 0;  ///< those that are held, ready or running
        bool has_begun = false;
        bool is_active() const { return has_begun && open > 0; }
    };
    struct Caller {
        std::map<std::string, Expansion> expansions;  ///< by cell
        int active = 0;
        bool has_room(const std::string& cell, int limit) const;
    };
    /// Counts the job in its expansions, of callers that have a limit. `opened`: what it adds to
    /// the jobs that have not ended.
    void count(const PlannedJob& job, model::JobState state, int opened);

    std::map<std::string, int> active_;      ///< cells of jobs that are held, ready or running
    std::map<std::string, Caller> callers_;  ///< those with a limit
};

}  // namespace sluice::plan
