#pragma once
/// The planner's state and steps, shared by planning a run and by planning what it gets later
/// (grow.hpp). Pure, one thread at a time, for one call.

#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/expansions.hpp"
#include "pipelines/plan/graph.hpp"
#include "pipelines/plan/grow.hpp"
#include "pipelines/plan/inputs.hpp"
#include "pipelines/plan/need_views.hpp"
#include "pipelines/plan/pipeline_files.hpp"
#include "pipelines/plan/reasons.hpp"
#include "pipelines/plan/run_keys.hpp"
#include "pipelines/plan/triggers.hpp"

#include <list>
#include <set>

namespace sluice::plan {

class Planner {
public:
    explicit Planner(const Input& input, Trace* trace = nullptr)
        : input_(input),
          trace_(trace),
          calls_(input.fragments, diagnostics_),
          files_(input, diagnostics_) {}

    /// For the event that the input has now. Again for another one costs no more than what depends
    /// on the event.
    Outcome run();
    Growth grow(const GrowInput& in);
    Growth expand(const ExpandInput& in);

private:
    /// All that does not depend on the event. False: there is nothing to go on with.
    bool prepare();
    void plan_event(Outcome& out);
    /// The events of `on` in the job, else of its caller, else of its file.
    std::set<std::string> events_of_job(const std::vector<config::MergedJob>& jobs,
                                        std::size_t index);
    /// Everything that is wrong for any event.
    void check(const std::vector<config::MergedJob>& jobs, const Graph& graph);
    void too_many(std::size_t jobs);
    void lower_all(const std::vector<config::MergedJob>& jobs, const Graph& graph, Plan& plan);
    /// False when there is no room for more.
    bool lower_cell(const config::MergedJob& job, std::size_t index, const Graph& graph,
                    const Expansion& expansion, const Cell& cell, const Fired& fired,
                    const std::set<std::string>& optional, Plan& plan);
    /// The place for the reasons of a cell, nullptr when nobody asks.
    std::vector<Reason>* note(const config::MergedJob& job, const std::string& id);
    /// This job, and its callers by what they called.
    void note_present(const std::string& id);
    void note_absent(const config::MergedJob& job);
    /// `outputs` are those of one cell.
    void check_one_cell(const PlannedJob& job, const config::Place& place);
    /// Cells of the job that are meant, beside those of callers around the reader.
    std::size_t cells_meant(const PlannedJob& reader, const std::string& job) const;
    /// What expressions put in is known only now; a job travels in one message and is read back
    /// with limits.
    bool spend(std::size_t bytes, const config::Place& place);
    /// A6 step 4: who reads the outputs of a job that is not needed is not needed either.
    static void deselect_readers(Plan& plan);

    // In growth.cpp.
    void plan_cells(Plan& plan);
    void plan_generated(const GrowInput& in, const PlannedJob& generator,
                        std::vector<PlannedJob>& out);
    /// The generator as the caller of what it wrote: it sees itself and what it waited for, by the
    /// names of its own file.
    static Call call_by(const PlannedJob& generator, const std::vector<PlannedJob>& run);
    /// A job of the run as generated ones may read it: its outputs and its cells.
    void show_outside(const std::string& id, const std::vector<PlannedJob>& run);
    static config::Node outputs_node(const model::JobSpec& spec);
    void check_generated(const std::vector<config::MergedJob>& jobs);
    /// What is known only when expressions are evaluated.
    void check_lowered(const PlannedJob& job, const PlannedJob& generator,
                       const std::vector<config::MergedJob>& jobs);

    const Input& input_;
    Trace* trace_;
    config::Diagnostics diagnostics_;
    Calls calls_;
    PipelineFiles files_;
    std::optional<config::Diagnostics> before_event_;  ///< what prepare() has said
    bool is_readable_ = false;                         ///< what prepare() returned
    bool knows_schedules_ = false;
    std::vector<config::MergedJob> jobs_;
    std::optional<Graph> graph_;                        ///< of `jobs_`
    std::vector<Matrix> matrices_;                      ///< by job
    std::vector<std::set<std::string>> events_;         ///< by job
    std::vector<std::vector<const Needable*>> around_;  ///< by job: its callers with a matrix
    Needables needables_;
    std::vector<std::vector<Param>> params_;  ///< by job
    RunKeys run_;
    std::list<std::pair<config::MergedJob, Matrix>> outside_;  ///< of a run that grows: the others
    std::set<std::string> present_;                            ///< ids of what the event brings
    bool growing_ = false;                                     ///< the file is a generated fragment
    std::string only_;                         ///< not empty: the one job whose cells are made
    const AxisValues* late_values_ = nullptr;  ///< of that job
    std::size_t cells_before_ = 0;
    std::size_t plan_bytes_ = 0;
};

}  // namespace sluice::plan
