#pragma once
/// The language as one table: every key with its type, place, default and evaluation time. The
/// checker walks files by it and `sluice schema` and the reference page print it; a new key is a
/// new row here and code that uses its value.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// The maps of a file in which keys may stand. A row may name several.
enum Scope : unsigned {
    scope_none = 0,
    scope_top = 1u << 0,
    scope_on = 1u << 1,
    scope_push = 1u << 2,
    scope_pull_request = 1u << 3,
    scope_manual = 1u << 4,
    scope_gate = 1u << 5,
    scope_defaults = 1u << 6,
    scope_job = 1u << 7,
    scope_step = 1u << 8,
    scope_need = 1u << 9,
    scope_image = 1u << 10,
    scope_runs_on = 1u << 11,
    scope_source = 1u << 12,
    scope_timeout = 1u << 13,
    scope_retry = 1u << 14,
    scope_artifact = 1u << 15,
    scope_reports = 1u << 16,
    scope_matrix = 1u << 17,      ///< and axes of any name
    scope_env = 1u << 18,         ///< no rows: names of any kind → scalar
    scope_jobs = 1u << 19,        ///< no rows: ids → scope_job
    scope_matrix_row = 1u << 20,  ///< no rows: axes → value
};

/// What a scalar must be.
enum class Scalar {
    none,  ///< no scalar may stand here
    version,
    line,    ///< text without line ends, at most 200 characters
    script,  ///< text, at most 64 KiB
    boolean,
    count,      ///< whole number, 0 to 1000
    exit_code,  ///< 1 to 255
    duration,
    condition,  ///< an expression
    glob,
    path,  ///< a path or glob inside the workspace
    job_id,
    template_id,  ///< as in `extends`
    label,
    image,
    choice,  ///< one of the row's choices
    value,   ///< any scalar: env, matrix
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
    unsigned scopes = 0;
    Scalar scalar = Scalar::none;    ///< the value as a scalar
    Scalar item = Scalar::none;      ///< as a list: its scalar elements
    unsigned item_map = scope_none;  ///< as a list: its map elements
    unsigned map = scope_none;       ///< as a map
    std::string_view choices = {};   ///< for Scalar::choice, separated by spaces
    std::string_view short_for =
        {};  ///< a scalar `x` means the map `{short_for: x}` (before merging)
    Eval eval = Eval::literal;
    Strings strings = Strings::any;
    std::string_view fallback = {};  ///< the default, for people
    std::string_view example = {};   ///< a right value, for hints
    std::string_view help = {};
    bool supported = true;  ///< false: part of the language, but not of this version
};

std::span<const Key> all_keys();
/// The row of `name` in that map, or nullptr.
const Key* find_key(unsigned scope, std::string_view name);
/// The supported names of a map.
std::vector<std::string> key_names(unsigned scope);
/// What the key of another system is called here, or "" (reference A11).
std::string_view hint_for_foreign_key(unsigned scope, std::string_view name);
/// `a job`, `a step`, `on.push` …
std::string_view scope_name(unsigned scope);

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
/// Names of environment variables that a file may set.
std::optional<Complaint> check_env_name(std::string_view name);

}  // namespace sluice::config
