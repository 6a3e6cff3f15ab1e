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

/// The gate's comes first. `public_url` has no slash at its end.
std::vector<hooks::Status> statuses_of(const Verdict& verdict, const std::string& project,
                                       const std::string& public_url, bool with_jobs);

}  // namespace sluice::core
