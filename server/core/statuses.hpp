#pragma once
/// A verdict as the commit statuses that a forge shows (field study §4): one for the gate, which
/// branch protection should ask for because its name never changes, and one per check that is a
/// job. Pure.

#include "hooks/status.hpp"
#include "server/core/verdict.hpp"

#include <string>
#include <vector>

namespace sluice::core {

inline constexpr const char* k_gate_context = "sluice/gate";

/// A gate of more jobs has no status per job: forges limit how many a commit may have, and nobody
/// reads them.
inline constexpr std::size_t k_max_job_statuses = 50;

struct CommitStatus {
    hooks::Status status;
    /// Worth telling to a forge that has heard nothing of this context yet. A job that the gate
    /// does not ask for (any more) is told on if it was told before: else what the forge heard last
    /// of it, that it is pending, would stand there for ever.
    bool begins = true;
};

/// The gate's comes first. `public_url` has no slash at its end.
std::vector<CommitStatus> statuses_of(const Verdict& verdict, const std::string& project,
                                      const std::string& public_url, bool with_jobs);

}  // namespace sluice::core
