#pragma once
/// What one job does: the part of a plan that travels to the runner. Fully resolved but for
/// step-time expressions. JSON forms are the wire and storage format; from_json refuses unknown
/// members. Pure values, any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/job_state.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice::model {

struct StepSpec {
    /// `[a-z_][a-z0-9_]*`, of the N-th fragment called `N/` and that, unique in the job; "" when
    /// the author gave none
    std::string id;
    std::string name;   ///< shown to people; the first line of `run` when the author gave none
    std::string run;    ///< the script, one shell
    std::string shell;  ///< bash, sh or python; "" = bash when present, else sh
    std::string working_directory;  ///< relative to the workspace; "" = the workspace
    std::map<std::string, std::string> env;
    /// Variables whose text reads `steps.*`: name → text with `${{ }}`, evaluated at step time by
    /// plan::evaluate_step_text. A name stands here or in `env`, never in both.
    std::map<std::string, std::string> late_env;
    std::map<std::string, SecretSpec> secrets;
    std::string image;  ///< of this step; "" = the job's
    std::optional<Duration> timeout;
    When when = When::success;
    std::string condition;  ///< `if` expression evaluated at step time; "" = none
    AllowFailure allow_failure;
    bool operator==(const StepSpec&) const = default;
};

/// The spec of one cell. What a field means is said by the language reference under the key of the
/// same name; here stands what the reference leaves open.
struct JobSpec {
    std::string id;    ///< unique in the run: `test`, `test (3.11)`, `caller/id`, `gen/x`
    std::string base;  ///< the id without the cell: `test`, `caller/id`
    std::string name;  ///< shown to people
    std::string kind = "script";
    std::map<std::string, std::string> matrix;
    std::map<std::string, std::string> env;
    std::vector<StepSpec> steps;

    // Where it runs.
    std::string image;  ///< "" = on the host
    ImageSettings image_settings;
    std::vector<std::string> runs_on;  ///< labels that an agent must have, all of them
    Resources resources;
    bool source = true;  ///< check the commit out into the workspace before the first step
    CheckoutSettings checkout;

    // How often, how long, beside what.
    std::optional<Duration> timeout;        ///< per attempt from the first step; default 1h
    std::optional<Duration> queue_timeout;  ///< in state ready; nothing: for ever
    std::map<std::string, int>
        retry;  ///< cause class (infra, preempted, timeout, oom, script) → extra attempts
    std::map<int, int> retry_exit_codes;  ///< exit code → extra attempts, beside `retry.script`
    std::optional<Backoff> backoff;
    AllowFailure allow_failure;
    bool replayable =
        true;  ///< may a second attempt run while the first may still be alive (rule 8)
    bool interruptible = true;  ///< may a superseding run cancel it while it runs
    std::optional<Concurrency> concurrency;
    std::optional<Approval> approval;
    std::optional<Environment> environment;

    // What goes in.
    std::map<std::string, SecretSpec> secrets;     ///< by name of the variable
    std::map<std::string, std::string> id_tokens;  ///< variable → audience
    /// The job's own and the run's, evaluated: $CI_PARAM_<NAME>, $CI_PARAMS_FILE.
    std::map<std::string, ParamValue> params;
    std::map<std::string, InputSpec> inputs;
    std::vector<CacheSpec> cache;

    // What comes out.
    std::map<std::string, OutputSpec> outputs;
    std::vector<ArtifactSpec> artifacts;
    std::vector<ReportSpec> reports;
    std::vector<Threshold> thresholds;
    std::string generate;  ///< path of the fragment that the job writes; "" = none

    LintSettings lint;  ///< kind lint
    TestSettings test;  ///< kind test

    /// What no field above has: keys that this version reads but cannot carry out, by name, with
    /// expressions evaluated and short forms expanded. Booleans and whole numbers are such,
    /// durations are milliseconds, sizes bytes, cpu thousandths of a core, percentages and decimals
    /// numbers, all else is text. Here so that a plan shows and hashes all that the file says.
    json::Object settings;

    bool operator==(const JobSpec&) const = default;
};

json::Value to_json(const JobSpec& spec);
Result<JobSpec> job_spec_from_json(const json::Value& value, std::string pointer = "");

}  // namespace sluice::model
