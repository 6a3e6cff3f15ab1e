#pragma once
/// Shells that people asked for in the kept environments of failed jobs.
/// Free functions over a transaction, as in jobs.hpp.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

using ShellId = Id<struct ShellTag>;

enum class ShellState {
    requested,  ///< an admin has to let it through
    waiting,    ///< for the runner
    open,
    ended,
};

struct Shell {
    ShellId id;
    AttemptId attempt;
    JobId job;
    RunId run;                     ///< reading only
    std::string project, job_key;  ///< reading only
    std::string agent, opened_by, decided_by;
    ShellState state = ShellState::requested;
    Timestamp asked_at;
    std::optional<std::int64_t> opened_at, ended_at, exit_code;
    std::string ending;
};
ShellId insert_shell(Tx& tx, const Shell& shell);
/// State, decision, times, exit code and ending.
void update_shell(Tx& tx, const Shell& shell);
std::optional<Shell> find_shell(Tx& tx, ShellId id);
/// Newest first; of one job if it is given.
std::vector<Shell> list_shells(Tx& tx, JobId job, std::int64_t limit);
std::vector<Shell> live_shells(Tx& tx);

}  // namespace sluice::store

namespace sluice {
SLUICE_ENUM_NAMES(store::ShellState, "requested", "waiting", "open", "ended");
}  // namespace sluice
