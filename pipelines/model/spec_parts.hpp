#pragma once
/// The values that a JobSpec is made of (reference A3, A8): each is what one key of the language
/// says, parsed and in base units. Pure values, any thread.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/base/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

enum class PullPolicy { missing, always, never };

/// What `image` says beside the reference.
struct ImageSettings {
    PullPolicy pull = PullPolicy::missing;
    std::string auth;                     ///< the secret that logs in to the registry; "" = none
    std::string user;                     ///< "" = the image's
    std::vector<std::string> entrypoint;  ///< empty = the image's
    bool operator==(const ImageSettings&) const = default;
};

struct CheckoutSettings {
    bool full_history = false;  ///< false: the commit alone
    bool submodules = false;
    bool lfs = false;
    bool operator==(const CheckoutSettings&) const = default;
};

/// `resources`; 0 and "" mean that the author left it to the server.
struct Resources {
    std::int64_t cpu_millis = 0;  ///< thousandths of a core
    std::int64_t memory = 0;      ///< bytes
    std::int64_t disk = 0;        ///< bytes
    int gpus = 0;
    std::int64_t gpu_memory = 0;  ///< bytes, of each
    std::string gpu_model;
    bool operator==(const Resources&) const = default;
};

/// The wait before attempt n+1 is min(max, base * factor^(n-1)).
struct Backoff {
    Duration base = std::chrono::seconds(10);
    double factor = 2;
    Duration max = std::chrono::minutes(10);
    bool operator==(const Backoff&) const = default;
};

enum class ConcurrencyPolicy { queue, newest, cancel_running };

/// Of a job, or of a whole run. Groups are per project; two users of a group should agree about
/// limit and policy, and where they do not, each is judged by its own.
struct Concurrency {
    std::string group;
    ConcurrencyPolicy policy = ConcurrencyPolicy::queue;
    int limit = 1;
    bool operator==(const Concurrency&) const = default;
};

/// What the file asks; server policy may ask for more.
struct Approval {
    std::vector<std::string> by;  ///< roles or users, one of whom must agree; empty = by policy
    bool reason_required = false;
    Duration expires = std::chrono::hours(7 * 24);
    bool operator==(const Approval&) const = default;
};

struct Environment {
    std::string name;
    std::string url;  ///< "" = none
    bool operator==(const Environment&) const = default;
};

struct SecretSpec {
    std::string secret;    ///< `path/name`
    bool as_file = false;  ///< the variable is the path of a file that holds it
    bool optional = false;
    bool operator==(const SecretSpec&) const = default;
};

enum class ParamType { string, number, boolean, choice };

/// A param with its value as text: `3`, `true`, `staging`.
struct ParamValue {
    ParamType type = ParamType::string;
    std::string value;
    bool operator==(const ParamValue&) const = default;
};

struct InputSpec {
    std::string from;  ///< `dataset://NAME@V`, `model://NAME@V`, `JOB.OUT` …
    std::string to;    ///< copied there in the workspace; "" = only at $CI_INPUT_<NAME>
    bool optional = false;
    bool operator==(const InputSpec&) const = default;
};

enum class OutputType { string, number, boolean, digest, list, file, dir, dataset, model };

/// True for the types that `$CI_OUTPUT` carries; the others are files.
constexpr bool is_value(OutputType type) {
    return type <= OutputType::list;
}

struct OutputSpec {
    OutputType type = OutputType::string;
    std::string path;     ///< of file types, in the workspace; "" = $CI_OUTPUT_DIR/<name>
    std::string publish;  ///< where it is copied to; "" = nowhere
    bool atomic = false;  ///< readers of `publish` see all of it or nothing
    bool operator==(const OutputSpec&) const = default;
};

enum class SaveWhen { success, always, never };

struct CacheSpec {
    std::string key;
    std::vector<std::string> paths;
    std::vector<std::string> restore;  ///< prefixes of keys that will do too, best first
    SaveWhen save = SaveWhen::success;
    bool operator==(const CacheSpec&) const = default;
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
    std::string format;              ///< junit tap coverage sarif findings metrics
    std::vector<std::string> paths;  ///< globs in the workspace
    bool operator==(const ReportSpec&) const = default;
};

/// A limit of a threshold: `0.8`, or `10%` of the base.
struct Amount {
    double value = 0;
    bool percent = false;
    bool operator==(const Amount&) const = default;
};

enum class Against { merge_base, target, champion };

/// One entry of `thresholds`. Exactly one of min, max, max_drop, max_rise is set.
struct Threshold {
    std::string metric;  ///< a name or a glob of names
    std::optional<Amount> min, max, max_drop, max_rise;
    std::optional<Amount> ignore_below;
    Against against = Against::merge_base;  ///< matters for max_drop and max_rise
    std::vector<std::string> same_inputs;
    int seeds = 1;
    bool missing_warns = false;  ///< a metric that is not there warns instead of failing the job
    bool operator==(const Threshold&) const = default;
};

enum class FindingLevel { note, warning, error };
enum class FailScope { fresh, any, none };

/// Keys of kind lint.
struct LintSettings {
    std::vector<std::string> tools;
    FindingLevel level = FindingLevel::warning;  ///< of `fail_on`: this or worse
    FailScope scope = FailScope::fresh;          ///< of `fail_on`; `new` in the file
    bool operator==(const LintSettings&) const = default;
};

/// Keys of kind test. A job with `shards: 3` is planned as three cells with `shard` 1 to 3.
struct TestSettings {
    int shards = 1;
    int shard = 1;
    int rerun_failed = 0;
    std::string framework;  ///< "" = found by the command
    bool operator==(const TestSettings&) const = default;
};

// Forms of what is stored on its own, beside the specs.
json::Value to_json(const Concurrency& concurrency);
json::Value to_json(const Approval& approval);
json::Value to_json(const Environment& environment);
Result<Concurrency> concurrency_from_json(const json::Value& value, std::string pointer);
Result<Approval> approval_from_json(const json::Value& value, std::string pointer);
Result<Environment> environment_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::When, "success", "failure", "always");
SLUICE_ENUM_NAMES(model::PullPolicy, "missing", "always", "never");
SLUICE_ENUM_NAMES(model::ConcurrencyPolicy, "queue", "newest", "cancel_running");
SLUICE_ENUM_NAMES(model::ParamType, "string", "number", "boolean", "choice");
SLUICE_ENUM_NAMES(model::OutputType, "string", "number", "boolean", "digest", "list", "file", "dir",
                  "dataset", "model");
SLUICE_ENUM_NAMES(model::SaveWhen, "success", "always", "never");
SLUICE_ENUM_NAMES(model::UploadWhen, "success", "failure", "always");
SLUICE_ENUM_NAMES(model::Against, "merge_base", "target", "champion");
SLUICE_ENUM_NAMES(model::FindingLevel, "note", "warning", "error");
SLUICE_ENUM_NAMES(model::FailScope, "new", "any", "none");
}  // namespace sluice
