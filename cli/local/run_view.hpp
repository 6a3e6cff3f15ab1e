#pragma once
/// A local run on the screen: on a terminal a line per running job that moves, else plain lines.
/// The log of a job that passed is folded away; of a failure the telling lines are shown. One
/// thread.

#include "cli/local/job_run.hpp"
#include "cli/local/log_text.hpp"

namespace sluice::cli::local {

class RunView final : public RunListener {
public:
    /// `verbose`: every line of every log, behind the name of its job. `jobs` are for the width of
    /// the names.
    RunView(const Terminal& out, bool verbose, const std::vector<plan::PlannedJob>& jobs);
    ~RunView() override;
    RunView(const RunView&) = delete;
    RunView& operator=(const RunView&) = delete;

    void started(const JobRun& job) override;
    void retried(const JobRun& job) override;
    void ended(const JobRun& job) override;
    void tick(const std::vector<JobRun>& jobs) override;

private:
    std::string headline(const JobRun& job) const;
    void print_failure(const JobRun& job);
    void stream(const JobRun& job, bool all);
    void erase();

    const Terminal& out_;
    bool verbose_;
    bool moving_;
    std::size_t name_width_ = 0;
    std::map<std::string, LogFollower> followers_;  ///< by job, of its newest attempt
    std::size_t drawn_ = 0;                         ///< lines of the moving block
    unsigned frame_ = 0;
};

/// The table and the verdict at the end.
void print_summary(const Terminal& out, const std::vector<JobRun>& jobs, model::RunState state,
                   std::int64_t milliseconds);

/// One object for programs: state, seconds, jobs with their failures.
json::Value summary_json(const std::vector<JobRun>& jobs, model::RunState state,
                         std::int64_t milliseconds);

}  // namespace sluice::cli::local
