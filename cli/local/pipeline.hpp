#pragma once
/// What a local run is about: the event, as the options and the checkout tell it, the plan of the
/// dirty tree for it, and the jobs of the plan that were asked for. Blocking, one thread.

#include "cli/config_files.hpp"
#include "cli/local/checkout.hpp"
#include "pipelines/plan/trace.hpp"

#include <set>

namespace sluice::cli::local {

struct EventOptions {
    std::string event;   ///< "" = the first of push, pull_request, manual that brings a job;
                         ///< with params manual, with a schedule that
    std::string branch;  ///< "" = the checkout's; the default branch when HEAD is detached
    std::string tag;
    std::string target;                         ///< of a pull request; "" = the default branch
    std::string changed_from;                   ///< "" = everything counts as changed
    std::string commit;                         ///< "" = the working tree
    bool draft = false, fork = false;           ///< of a pull request
    std::string title;                          ///< of a pull request; "" = of the commit's message
    std::vector<std::string> labels;            ///< of a pull request
    std::string schedule;                       ///< name of the schedule that fires now
    std::map<std::string, std::string> params;  ///< for `params` of the run
};
/// `NAME=VALUE` words. Refused: without `=`, or the same name twice.
Result<std::map<std::string, std::string>> read_params(const std::vector<std::string>& words);

struct Pipeline {
    ConfigSet files;
    plan::Input input;
    plan::Outcome outcome;
};

/// The event of that kind; `today` is the date and time of a schedule's tick. Pure.
model::Event make_event(model::EventKind kind, const EventOptions& options,
                        const Checkout& checkout, Timestamp today = {});

/// Reads and plans. Mistakes in the files are in `outcome`; refused are mistakes of the caller. Why
/// each job is selected or not goes to `trace`, if there is one.
Result<Pipeline> plan_checkout(const Checkout& checkout, const EventOptions& options,
                               std::int64_t run_number, Timestamp now = {},
                               plan::Trace* trace = nullptr);
/// The same for files that stand anywhere, as if they were the whole of a project.
Result<Pipeline> plan_files(ConfigSet files, const EventOptions& options, Timestamp now = {},
                            plan::Trace* trace = nullptr);

/// The jobs that the words name (an id, a cell's id, or a glob of ids) and, with `with_needs`, what
/// they need, in the plan's order; all without words. Needs that are left out count as satisfied,
/// as those that an event does not bring. Refused when a word names no job.
Result<std::vector<plan::PlannedJob>> select_jobs(const std::vector<plan::PlannedJob>& jobs,
                                                  const std::vector<std::string>& words,
                                                  bool with_needs);

/// Ids of the jobs that this checkout's default event brings, for completion; empty on any trouble.
std::vector<std::string> job_ids();

/// `push of main`, `pull request into main`: for people.
std::string describe(const model::Event& event);

/// The variables that an agent's server would add (CI_EVENT, CI_COMMIT_SHA …). Pure.
std::map<std::string, std::string> job_environment(const plan::Input& input,
                                                   const model::JobSpec& spec, int attempt);

}  // namespace sluice::cli::local
