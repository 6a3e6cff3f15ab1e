#pragma once
/// What a gate says (reference A6 step 12 and A9): required job ids against the jobs of a commit's
/// runs, and what a change to the pipeline's own files asks for. Pure.

#include "pipelines/base/ids.hpp"
#include "pipelines/model/job_state.hpp"
#include "server/store/policy.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::core {

enum class Color { green, pending, red };

struct GateCheck {
    std::string name;
    Color color = Color::red;
    std::string state;  ///< job state, `missing`, or `removed` (by the change)
    std::string note;
    JobId job;
};

/// A change that edits `.ci*` files, seen from the branch it wants into.
struct ConfigReview {
    std::vector<std::string> files;  ///< what it edits
    std::vector<std::string> jobs;   ///< required jobs that it redefines or removes
    bool gate = false;               ///< it edits `gate`, which is in force only after merging
    store::ConfigChanges policy = store::ConfigChanges::required;
    std::string digest;   ///< of both sides' files; an approval holds for this alone
    bool needed = false;  ///< the gate waits for an approval
    bool approved = false;
    std::string by, reason;  ///< of the approval
};

/// Where the rules came from: a `gate` of the target branch; no `gate` there for this branch; one
/// that cannot be read. Without rules every job of the run counts.
enum class GateRules { file, absent, unreadable };

struct Verdict {
    Color color = Color::red;
    std::string summary;
    std::vector<GateCheck> checks;
    std::vector<GateCheck> others;  ///< jobs of the commit that the gate does not ask for
    std::string sha, branch;
    RunId run;
    std::string config_sha;  ///< the tip of the target branch that the rules were read at
    GateRules rules = GateRules::absent;
    std::optional<ConfigReview> config;  ///< nothing: `.ci*` files are as the target has them
};

/// A job as the gate sees it.
struct GateJob {
    std::string base;
    model::JobState state = model::JobState::waiting;
    JobId id;
    std::string message;
    std::string cell;      ///< the key, for notes
    bool changed = false;  ///< the target branch defines it otherwise
    bool added = false;    ///< the target branch does not have it
    /// Not selected because its run looked at the last push alone; all of the change asks for it.
    bool overlooked = false;
};

struct Question {
    std::vector<std::string> require;  ///< globs of job ids; empty = every job
    std::vector<GateJob> jobs;
    bool has_run = true;
    std::string config_error;       ///< why the newest run of the commit could not be planned
    std::set<std::string> removed;  ///< jobs that only the target branch has
    std::optional<ConfigReview> config;
};

/// The id and those it is part of: `gen/x` is asked for by `gen/x` and by `gen`.
std::vector<std::string> names_of(const std::string& base);

/// Whether `require` asks for the job: globs, the last match decides, a leading `!` removes; the id
/// of a caller or generator means all that it brought (`caller` is `caller/…` too).
bool is_required(const std::vector<std::string>& require, const std::string& base);

/// Never green while a required job is anything but passed, warned or not selected.
Verdict judge(const Question& question);

}  // namespace sluice::core

namespace sluice {
SLUICE_ENUM_NAMES(core::Color, "green", "pending", "red");
SLUICE_ENUM_NAMES(core::GateRules, "file", "absent", "unreadable");
}  // namespace sluice
