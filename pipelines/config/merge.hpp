#pragma once
/// `defaults`, `extends` and the job itself → one job (reference A7). Maps merge key by key at
/// every depth, lists and scalars replace, null deletes. Pure.

#include "pipelines/config/parser.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::config {

/// A job with everything that it inherits. No member is null.
struct MergedJob {
    std::string id;
    int file = 0;  ///< position in the list of files
    Place place;   ///< of the id
    Node node;
    /// With `uses`: the job without defaults and top `env`, which are not for the jobs of a
    /// fragment.
    Node own{};
    int call = 0;   ///< the call of a fragment that it stands in (plan/calls.hpp); 0 = none
    int opens = 0;  ///< not 0: it calls jobs of a fragment and is none itself
    std::vector<int> step_calls{};  ///< calls of fragments that gave steps to it
};

/// Lays `overlay` over `base`.
Node merge(Node base, const Node& overlay);

/// All jobs of all files, in file order, without templates. Mistakes: `duplicate_job`,
/// `unknown_template`, `extends_cycle`, `plan_too_large`.
std::vector<MergedJob> merge_jobs(const std::vector<File>& files, Diagnostics& diagnostics);

}  // namespace sluice::config
