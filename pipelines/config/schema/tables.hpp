#pragma once
/// The rows of the language, one table per part of a file; schema/lookup.cpp joins them. Constant
/// data.

#include "pipelines/config/schema.hpp"

#include <span>

namespace sluice::config::tables {

inline constexpr Scopes k_job = scope_job;
inline constexpr Scopes k_job_default = scope_job | scope_defaults;
inline constexpr Scopes k_file = scope_top | scope_fragment;

std::span<const Key> top();        ///< a file, `gate`, `params`, `concurrency`
std::span<const Key> triggers();   ///< `on` and below
std::span<const Key> selection();  ///< of a job: which, when, after what, how often
std::span<const Key> commands();   ///< of a job or step: what runs, where and with what
std::span<const Key> results();    ///< of a job: what it gives, keeps and promises
std::span<const Key> training();   ///< sweeps, checkpoints, placements on clusters
std::span<const Key> kinds();      ///< keys of single kinds

}  // namespace sluice::config::tables
