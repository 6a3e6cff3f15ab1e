#pragma once
/// Carries the jobs of a plan out on this machine, in the order and with the outcomes that a server
/// would give them (plan::advance, plan::end_event), each by a runner of its own. One thread.

#include "cli/local/given_secrets.hpp"
#include "cli/local/job_run.hpp"
#include "cli/local/local_packs.hpp"
#include "cli/local/pipeline.hpp"
#include "cli/local/run_folder.hpp"
#include "pipelines/plan/advance.hpp"

namespace sluice::cli::local {

struct RunSettings {
    plan::Input input;
    Checkout checkout;     ///< for what generated jobs read
    std::string agent;     ///< the program `sluice-agent`
    std::size_t jobs = 1;  ///< at a time
    bool keep_workspaces = false;
    protocol::SecretValues secrets;  ///< each job gets those that it names
    bool keep_failed = false;  ///< the workspaces of failed jobs, and how their steps were started
};

/// SIGINT and SIGTERM while it lives: the first cancels the run, the second ends it at once. One at
/// a time.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;
    static int seen();
};

class LocalRun {
public:
    LocalRun(RunSettings settings, const RunFolder& folder, std::vector<plan::PlannedJob> jobs,
             RunListener& listener);

    /// To the end of all jobs. Throws when a runner cannot be started at all.
    model::RunState carry_out();

    const std::vector<JobRun>& jobs() const { return jobs_; }
    bool interrupted() const { return interrupts_ > 0; }

private:
    void advance();
    void advance_once(const plan::OutputsOf& outputs);
    bool fail_fast();
    void start_ready();
    void start(std::size_t index);
    std::map<std::string, protocol::InputReply> inputs_of(std::size_t index) const;
    void wait();
    void take_interrupts();
    void take_ends();
    void take_end(JobRun& job);
    void end(JobRun& job, model::JobEvent event);
    /// Artifacts become files, caches are noted for later runs.
    void take_packs(const JobRun& job);
    /// Adds the jobs that an attempt has generated; why not, when it cannot be done.
    std::string grow(const JobRun& generator);
    /// Puts cells in the place of jobs whose matrix has its lists now.
    void make_cells();
    plan::OutputsOf outputs() const;

    RunSettings settings_;
    const RunFolder& folder_;
    std::vector<JobRun> jobs_;
    std::vector<plan::PlannedJob> grown_;  ///< not among jobs_ yet
    RunListener& listener_;
    LocalCaches caches_;
    int interrupts_ = 0;
};

}  // namespace sluice::cli::local
