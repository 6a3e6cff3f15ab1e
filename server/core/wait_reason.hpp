#pragma once
/// What people read beside a job that waits.

#include "pipelines/plan/plan.hpp"

#include <string>
#include <string_view>

namespace sluice::core {

std::string wait_for_needs(const plan::PlannedJob& job);
std::string wait_for_agent(const plan::PlannedJob& job);
/// Before the reason of a cancel that a runner has yet to carry out.
inline constexpr std::string_view k_stopping = "stopping: ";

}  // namespace sluice::core
