#pragma once
/// The planner: files of the commit + event + changed paths → Plan. A pure function: no I/O, clock,
/// randomness.

#include "pipelines/config/diagnostic.hpp"
#include "pipelines/config/expression/tree.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/model/event.hpp"
#include "pipelines/model/spec.hpp"
#include "pipelines/schedule/schedule.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::plan {

/// One configuration file at the commit. `path` is `.ci.yml` or `.ci/<name>.yml`; of a fragment
/// what named_fragments() says.
struct SourceFile {
    std::string path;
    std::string text;
    /// Of a fragment that is there and cannot be read: why, for a sentence that begins with its
    /// name: `is no regular file`.
    std::string problem = {};
};

struct Input {
    model::Event event;
    std::vector<SourceFile> files;  ///< in byte order of the path
    /// What `uses` in the files and in each other names, as far as it exists; any order.
    std::vector<SourceFile> fragments = {};
    /// Paths that changed against the base of `changes` (renames with both names); nothing =
    /// everything changed.
    std::optional<std::vector<std::string>> changed_paths;
    /// The commit's files; needed when reads_tree() says so, else their functions are refused.
    std::optional<std::vector<config::expression::TreeFile>> tree;
    std::string default_branch = "main";
    std::string project_name;
    std::string project_url;
    std::int64_t run_number = 0;
    std::int64_t run_id = 0;
    int run_attempt = 1;  ///< 2 for the first retry of a run by a person, and so on
    std::string run_url;
    bool trusted = true;
};

struct Need {
    /// Base id: all its cells are meant, and all jobs whose id begins with it and `/` (what it
    /// called or generated). For a job among these: the named job alone.
    std::string job;
    bool optional = false;
    /// Not empty: only the cells that have these values of their matrix are meant.
    std::map<std::string, std::string> matrix = {};
    bool operator==(const Need&) const = default;
};

/// A text of the spec that reads `needs` and is evaluated when they have ended. Until then its
/// place in the spec is empty.
struct LateText {
    std::string at;    ///< JSON pointer in the spec's JSON: `/env/TAG`, `/steps/0/run`
    std::string text;  ///< `${{ }}` in it read only `needs`; of `/steps/N/env/X` also `steps`
    config::Scalar type = config::Scalar::value;  ///< what the value must be
    std::string choices;                          ///< with Scalar::choice, separated by spaces
    /// Not empty: no place of the spec but a value that a fragment's param gets, and this is the
    /// Param, as JSON: the job fails when it does not take the value.
    std::string param;
    bool operator==(const LateText&) const = default;
};

/// An axis of a matrix whose values are the output of another job.
struct LateAxis {
    std::string name;
    std::string text;  ///< one `${{ }}` that reads `needs` and gives a list
    bool operator==(const LateAxis&) const = default;
};

/// A caller with a matrix around a job: the job stands in the expansion of one of its cells
/// (decision 0024).
struct CallerCell {
    std::string caller;  ///< full id without cells
    /// The caller's cell. The job's own matrix holds these, too, so needs by cell find it.
    std::map<std::string, std::string> matrix;
    std::vector<std::string> gives = {};  ///< outputs of the caller that are this job's
    bool fail_fast = false;               ///< a failure in a cell cancels the others
    int max_parallel = 0;                 ///< cells that are going on at a time; 0 = all
    bool operator==(const CallerCell&) const = default;
};

/// A node of the run's graph.
struct PlannedJob {
    model::JobSpec spec;
    std::vector<Need> needs;
    model::When when = model::When::success;
    std::string
        late_if;  ///< an `if` that reads needs.*, evaluated when the needs have ended; "" = none
    std::vector<LateText> late;  ///< see complete() in late.hpp
    /// Not empty: the job stands for the cells of its matrix until they can be made (due_matrices()
    /// in advance.hpp, expand() in grow.hpp), and holds no more than who is waited for.
    std::vector<LateAxis> axes;
    std::string definition;  ///< with axes: a digest of what the cells will be made of
    bool fail_fast = false;  ///< of its matrix: a failure of a cell cancels the others
    int max_parallel = 0;    ///< of its matrix: cells at a time; 0 = all
    std::vector<CallerCell> callers = {};  ///< those with a matrix, outermost first
    bool selected = true;                  ///< false: starts as not_selected
    std::string reason;                    ///< why it was not selected, for people
    /// Base ids whose outputs it reads and that are not optional (reference A6 steps 4 and 6).
    std::vector<std::string> reads;
    /// Why this version cannot carry the job out, sentences for people. Not empty: the run must not
    /// start, it is errored with cause `config`; advance() refuses such a job too.
    std::vector<std::string> unsupported;
    bool operator==(const PlannedJob&) const = default;
};

/// `gate:` of the file, for the branch it is read from.
struct GateSpec {
    std::vector<std::string> branches;  ///< globs; empty = every branch
    std::vector<std::string> require;   ///< globs of base ids; empty = every job of the run
    bool operator==(const GateSpec&) const = default;
};

/// One entry of `params`.
struct Param {
    std::string name;
    config::Place place;  ///< of the name
    model::ParamType type = model::ParamType::string;
    std::vector<std::string> options;        ///< of type choice
    std::optional<config::Node> fallback{};  ///< `default`, a scalar that may hold expressions
    std::optional<double> min{}, max{};
    std::string pattern;
    std::string help;
};

/// `{name, type, default, options, min, max, pattern, help}`, default null when there is none.
json::Value to_json(const Param& param);

struct Plan {
    std::vector<PlannedJob> jobs;  ///< topological order, cells of a job adjacent
    std::vector<GateSpec> gates;
    /// Of the run as a whole: the file's, else for pull requests `pr-N`, cancel_running.
    std::optional<model::Concurrency> concurrency;
    /// A push to this branch has a run of its own beside that of a pull request (`with_pr`).
    bool with_pr = false;
    std::string hash;  ///< sha-like hex digest of the canonical JSON; equal plans have equal hashes
};

struct Outcome {
    /// The event matches no `on` of any file: no run (A6 step 1). Diagnostics may still hold
    /// warnings.
    bool triggered = true;
    std::optional<Plan> plan;  ///< absent when there are errors or nothing was triggered
    std::vector<config::Diagnostic> diagnostics;  ///< errors and warnings, in file order
    /// `params` of the run as its file defines them, whatever the event.
    std::vector<Param> params;
    /// `on.schedule` of all files, whatever the event; nothing when a file cannot be read or has a
    /// mistake of its own (mistakes between jobs and in fragments do not count).
    std::optional<std::vector<schedule::Schedule>> schedules;
    /// What is wrong with Event::params, sentences for people; each is among the diagnostics too,
    /// as `bad_param_value`.
    std::vector<std::string> param_complaints;
};

/// What this version cannot carry out becomes errors (`not_carried_out`) and takes the plan away:
/// for whoever is about to start a run.
void refuse_unsupported(Outcome& outcome);

/// Plans the event. A missing configuration (no files) is one error diagnostic `config_missing`.
Outcome make_plan(const Input& input);

/// The same files planned for one event after the other: each as make_plan() does it, but what does
/// not depend on the event is done once. One thread at a time.
class EventPlans {
public:
    /// The event of `input` does not count.
    explicit EventPlans(Input input);
    ~EventPlans();
    EventPlans(const EventPlans&) = delete;
    EventPlans& operator=(const EventPlans&) = delete;
    Outcome plan(const model::Event& event);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The fragments that files (or fragments) name by `uses`, each once: a path in the repository
/// (`.ci/lib/x.yml`), or the whole text of a remote one (`git+https://…`). Whoever plans reads them
/// and asks again for what they name, until nothing is new or k_max_call_depth is reached; what
/// does not exist is left out.
std::vector<std::string> named_fragments(const std::vector<SourceFile>& files);
inline constexpr std::size_t k_max_call_depth = 4;
/// All of them: `read` gives the one of that name, or nothing when it does not exist. At most 100.
std::vector<SourceFile> collect_fragments(
    const std::vector<SourceFile>& files,
    const std::function<std::optional<SourceFile>(const std::string&)>& read);

/// Whether planning these files may ask for Input::tree: they name `exists(` or `hash_files(`.
bool reads_tree(const std::vector<SourceFile>& files);

/// `gate:` of the files alone (the target branch's tip), without planning. Empty when absent;
/// nothing when invalid.
std::optional<std::vector<GateSpec>> read_gates(const std::vector<SourceFile>& files);

/// `on.schedule` of all files, without planning; nothing when they have errors.
std::optional<std::vector<schedule::Schedule>> read_schedules(const std::vector<SourceFile>& files);

/// True for `[skip ci]`/`[ci skip]` in the message or push option `ci.skip` of a push (reference
/// A2).
bool is_skipped(const model::Event& event);

/// What planning needs again when a run grows: all but the event and the tree.
json::Value to_json(const Input& input);
Result<Input> input_from_json(const json::Value& value, std::string pointer = "");

json::Value to_json(const Plan& plan);
json::Value to_json(const PlannedJob& job);
Result<PlannedJob> planned_job_from_json(const json::Value& value, std::string pointer = "");

}  // namespace sluice::plan
