#pragma once
/// The language as one table: every key with its type, place, default and evaluation time. The
/// checker walks files by it and `sluice schema` and the reference page print it; a new key is a
/// new row here and code that uses its value.

#include "pipelines/base/enum_text.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// The maps of a file in which keys may stand. A row may name several.
using Scopes = std::uint64_t;
enum Scope : Scopes {
    scope_none = 0,
    scope_top = 1ull << 0,
    scope_on = 1ull << 1,
    scope_push = 1ull << 2,
    scope_pull_request = 1ull << 3,
    scope_manual = 1ull << 4,  ///< and `merge_queue`: no keys
    scope_gate = 1ull << 5,
    scope_defaults = 1ull << 6,
    scope_job = 1ull << 7,
    scope_step = 1ull << 8,
    scope_need = 1ull << 9,
    scope_image = 1ull << 10,
    scope_runs_on = 1ull << 11,
    scope_source = 1ull << 12,
    scope_timeout = 1ull << 13,
    scope_retry = 1ull << 14,
    scope_artifact = 1ull << 15,
    scope_reports = 1ull << 16,
    scope_matrix = 1ull << 17,      ///< and axes of any name
    scope_env = 1ull << 18,         ///< no rows: names of variables → scalar
    scope_jobs = 1ull << 19,        ///< no rows: ids → scope_job
    scope_matrix_row = 1ull << 20,  ///< no rows: axes → value
    scope_names = 1ull << 21,       ///< no rows: names → what Key::entry and entry_map say
    scope_fragment = 1ull << 22,    ///< the top of a file that `uses` or `generate` names
    scope_schedule = 1ull << 23,
    scope_gate_queue = 1ull << 24,
    scope_param = 1ull << 25,
    scope_concurrency = 1ull << 26,
    scope_resources = 1ull << 27,
    scope_gpu = 1ull << 28,
    scope_distributed = 1ull << 29,
    scope_service = 1ull << 30,
    scope_ready = 1ull << 31,
    scope_python = 1ull << 32,
    scope_secret = 1ull << 33,
    scope_id_token = 1ull << 34,
    scope_input = 1ull << 35,
    scope_output = 1ull << 36,
    scope_backoff = 1ull << 37,
    scope_cache = 1ull << 38,
    scope_memoize = 1ull << 39,
    scope_threshold = 1ull << 40,
    scope_environment = 1ull << 41,
    scope_approval = 1ull << 42,
    scope_sweep = 1ull << 43,
    scope_space = 1ull << 44,
    scope_objective = 1ull << 45,
    scope_early_stop = 1ull << 46,
    scope_checkpoint = 1ull << 47,
    scope_sla = 1ull << 48,
    scope_incident = 1ull << 49,
    scope_fail_on = 1ull << 50,
    scope_push_to = 1ull << 51,  ///< `push` of kinds image and package
    scope_kubernetes = 1ull << 52,
    scope_ssh = 1ull << 53,
    scope_model = 1ull << 54,
    scope_spark = 1ull << 55,
    scope_on_kubernetes = 1ull << 56,  ///< `runs_on.kubernetes`
    scope_on_slurm = 1ull << 57,
    scope_on_spark = 1ull << 58,
};

/// What a scalar must be.
enum class Scalar {
    none,  ///< no scalar may stand here
    version,
    line,    ///< text without line ends, at most 200 characters
    script,  ///< text, at most 64 KiB
    boolean,
    count,      ///< whole number, 0 to 1000
    positive,   ///< whole number, 1 to 10,000
    port,       ///< 1 to 65535
    number,     ///< decimal
    exit_code,  ///< 1 to 255
    duration,
    size,     ///< bytes: `8Gi`
    cpu,      ///< cores: `0.5`, `500m`
    percent,  ///< `75%`
    amount,   ///< a number or a percentage
    time,     ///< `"HH:MM"`
    cron,
    timezone,   ///< a name of the tz database, `Europe/Berlin`
    condition,  ///< an expression
    glob,
    path,  ///< a path or glob inside the workspace
    job_id,
    template_id,  ///< as in `extends`
    name,         ///< `[A-Za-z0-9_][A-Za-z0-9_.-]*`, at most 128: an axis, a metric, a tool
    label,
    image,
    secret,    ///< `path/name`
    data,      ///< `dataset://NAME@V`, `model://NAME@V`, `JOB.OUT`, `JOB.best.OUT`, `JOB[*].OUT`
    dataset,   ///< `dataset://NAME`
    fragment,  ///< `./.ci/lib/x.yml` or `git+https://…//path@<commit id>`
    choice,    ///< one of the row's choices
    value,     ///< any scalar: env, matrix
};

/// What the names of a free map (scope_names) must be.
enum class Names {
    variable,   ///< environment variables that a file may set
    word,       ///< `[a-z][a-z0-9_]*`, at most 63: inputs, outputs, params, services
    axis,       ///< axes of a matrix
    exit_code,  ///< 1 to 255
    any,
};

/// When expressions in the value are evaluated.
enum class Eval {
    literal,  ///< never: `${{ }}` is an error
    plan,
    late,  ///< plan, or when the needs have ended if it reads them
    step,  ///< by the runner
};

/// Where an outsider's text (or more) is refused.
enum class Strings {
    any,
    no_text,    ///< type `text` is refused
    safe_only,  ///< `run`: only what can hold no shell syntax
};

struct Key {
    std::string_view name;
    Scopes scopes = 0;
    Scalar scalar = Scalar::none;  ///< the value as a scalar
    Scalar item = Scalar::none;    ///< as a list: its scalar elements
    Scopes item_map = scope_none;  ///< as a list: its map elements
    Scopes map = scope_none;       ///< as a map
    // With `map = scope_names`: what the names and the values of that map are.
    Names names = Names::any;
    Scalar entry = Scalar::none;
    Scopes entry_map = scope_none;
    std::string_view choices = {};  ///< for Scalar::choice, separated by spaces
    /// A scalar `x` means the map `{short_for: x}` (before merging). With entry_map, of each entry.
    std::string_view short_for = {};
    Eval eval = Eval::literal;
    Strings strings = Strings::any;
    std::string_view kinds = {};     ///< the only kinds that know the key, separated by spaces
    std::string_view fallback = {};  ///< the default, for people
    std::string_view example = {};   ///< a right value, for hints
    std::string_view help = {};
    /// Not empty: this version reads the key but cannot carry it out, and this is what to tell. A
    /// job that uses it (with another value than `fallback`) is planned and then refused as a
    /// whole (PlannedJob::unsupported); whoever makes it work removes the text.
    std::string_view pending = {};
    /// With `pending`: the job gives the same result without it, so a warning is enough.
    bool dispensable = false;
};

std::span<const Key> all_keys();
/// The row of `name` in that map, or nullptr.
const Key* find_key(Scopes scope, std::string_view name);
/// The names that may stand in a map.
std::vector<std::string> key_names(Scopes scope);
/// What the key of another system is called here, or "" (reference A11).
std::string_view hint_for_foreign_key(Scopes scope, std::string_view name);
/// `a job`, `a step`, `on.push` …
std::string_view scope_name(Scopes scope);

/// Whether jobs of that kind know the key.
bool fits_kind(const Key& key, std::string_view kind);
struct KindName {
    std::string_view name;
    std::string_view help;
};
/// Every kind of the language, those without a folder in pipelines/kinds included.
std::span<const KindName> kind_names();

/// What is wrong with a scalar of that type, expressions being evaluated already.
struct Complaint {
    std::string id;
    std::string message;
    std::string hint;
};
std::optional<Complaint> check_scalar(Scalar type, std::string_view text,
                                      std::string_view choices = {});
/// `a duration`, `true or false` …
std::string_view scalar_name(Scalar type);

/// `[a-z][a-z0-9_-]{0,62}`
bool is_job_id(std::string_view text);
/// A job id, or ids of callers and a job joined by `/`: `caller/id`.
bool is_job_path(std::string_view text);
/// A name of a free map.
std::optional<Complaint> check_name(Names names, std::string_view name);
/// Names of environment variables that a file may set.
std::optional<Complaint> check_env_name(std::string_view name);

}  // namespace sluice::config

namespace sluice {
SLUICE_ENUM_NAMES(config::Scalar, "none", "version", "line", "script", "boolean", "count",
                  "positive", "port", "number", "exit_code", "duration", "size", "cpu", "percent",
                  "amount", "time", "cron", "timezone", "condition", "glob", "path", "job_id",
                  "template_id", "name", "label", "image", "secret", "data", "dataset", "fragment",
                  "choice", "value");
static_assert(EnumNames<config::Scalar>::names.size() ==
              static_cast<std::size_t>(config::Scalar::value) + 1);
}  // namespace sluice
