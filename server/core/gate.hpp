#pragma once
/// May this commit be merged? The verdict follows reference A6 step 12: required job ids against
/// the newest run of that exact commit; what is missing is red, never green.

#include "server/core/projects.hpp"
#include "server/git/git_service.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/jobs.hpp"
#include "server/store/readers.hpp"
#include "server/store/runs.hpp"

#include <string>
#include <vector>

namespace sluice::core {

enum class Color { green, pending, red };

struct GateCheck {
    std::string name;
    Color color = Color::red;
    std::string state;  ///< job state, or `missing`
    std::string note;
    JobId job;
};

struct Verdict {
    Color color = Color::red;
    std::string summary;
    std::vector<GateCheck> checks;
    std::string sha, branch;
    RunId run;
    std::string config_sha;
    bool guarded = false;  ///< a `gate` of the target branch's tip names this branch
};

/// A job as the gate sees it.
struct GateJob {
    std::string base;
    model::JobState state = model::JobState::waiting;
    JobId id;
    std::string message;
    std::string cell;  ///< the key, for notes
};

/// Pure. `require` empty = every job. `config_error` is set when the newest run of the commit could
/// not be planned.
Verdict judge(const std::vector<std::string>& require, const std::vector<GateJob>& jobs,
              bool has_run, const std::string& config_error);

/// Coroutine; reads on the db pool and asks git for the branch's gate rules.
class Gate {
public:
    Gate(store::Readers& readers, runtime::Pool& pool, git::GitService& git)
        : readers_(readers), pool_(pool), git_(git) {}

    /// Either may be empty: without sha the branch's tip, without branch the branch of the commit's
    /// newest run (or its target, or the default branch). Errors: `ref_not_found`, `bad_sha`.
    boost::asio::awaitable<Result<Verdict>> verdict(store::Project project, std::string sha,
                                                    std::string branch);

private:
    store::Readers& readers_;
    runtime::Pool& pool_;
    git::GitService& git_;
};

}  // namespace sluice::core

namespace sluice {
SLUICE_ENUM_NAMES(core::Color, "green", "pending", "red");
}  // namespace sluice
