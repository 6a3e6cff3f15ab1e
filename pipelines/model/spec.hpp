#pragma once
/// What one job does: the part of a plan that travels to the runner. Fully resolved but for
/// step-time expressions. JSON forms are the wire and storage format; from_json refuses unknown
/// members. Pure values, any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/job_state.hpp"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice::model {

/// When a job or step runs, by the outcome of what came before it.
enum class When { success, failure, always };

/// `allow_failure`: never, always, or only for these exit codes of the script.
struct AllowFailure {
    bool any = false;
    std::vector<int> exit_codes;
    bool operator==(const AllowFailure&) const = default;
};

struct StepSpec {
    std::string id;     ///< `[a-z_][a-z0-9_]*`, unique in the job; "" when the author gave none
    std::string name;   ///< shown to people; the first line of `run` when the author gave none
    std::string run;    ///< the script, one shell
    std::string shell;  ///< bash, sh or python; "" = bash when present, else sh
    std::string working_directory;  ///< relative to the workspace; "" = the workspace
    std::map<std::string, std::string> env;
    std::optional<Duration> timeout;
    When when = When::success;
    std::string condition;  ///< `if` expression evaluated at step time; "" = none
    AllowFailure allow_failure;
    bool operator==(const StepSpec&) const = default;
};

enum class UploadWhen { success, failure, always };

struct ArtifactSpec {
    std::string name;
    std::vector<std::string> paths;  ///< globs in the workspace
    std::optional<Duration> expire_in;
    UploadWhen when = UploadWhen::success;
    bool operator==(const ArtifactSpec&) const = default;
};

struct ReportSpec {
    std::string format;              ///< `junit` (more formats add names here)
    std::vector<std::string> paths;  ///< globs in the workspace
    bool operator==(const ReportSpec&) const = default;
};

struct JobSpec {
    std::string id;    ///< unique in the run: `test`, `test (3.11)`
    std::string base;  ///< the id in the file: `test`
    std::string name;  ///< shown to people
    std::string kind = "script";
    std::map<std::string, std::string> matrix;
    std::map<std::string, std::string> env;
    std::vector<StepSpec> steps;
    std::string image;                 ///< "" = on the host
    std::vector<std::string> runs_on;  ///< labels that an agent must have, all of them
    std::optional<Duration> timeout;   ///< per attempt from the first step; default 1h
    AllowFailure allow_failure;
    bool source = true;  ///< check the commit out into the workspace before the first step
    bool replayable =
        true;  ///< may a second attempt run while the first may still be alive (rule 8)
    std::vector<ArtifactSpec> artifacts;
    std::vector<ReportSpec> reports;
    std::map<std::string, int>
        retry;  ///< cause class (infra, preempted, timeout, oom, script) → extra attempts
    bool operator==(const JobSpec&) const = default;
};

json::Value to_json(const JobSpec& spec);
Result<JobSpec> job_spec_from_json(const json::Value& value, std::string pointer = "");

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::When, "success", "failure", "always");
SLUICE_ENUM_NAMES(model::UploadWhen, "success", "failure", "always");
}  // namespace sluice
