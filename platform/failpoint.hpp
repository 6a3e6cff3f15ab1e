#pragma once
/// Named points at which a test lets a program die as by `kill -9` (SLUICE_FAILPOINT=finish.in, or
/// finish.in@3 for the third time it comes by). SLUICE_FAILPOINT_ONCE names a file: of all programs
/// that inherit the variables only the one that can make the file dies, so that the runner of the
/// next attempt lives. Not in release builds: there the variable is an error, so that nobody is
/// killed by an environment. Any thread.

#include <string_view>

namespace sluice::failpoint {

#ifdef NDEBUG
inline constexpr bool k_built_in = false;
inline void hit(std::string_view, std::string_view) {}
#else
inline constexpr bool k_built_in = true;
/// Comes by the point `transition.moment`. Moments are before, in, after_commit and after_reply in
/// the server, before and after in an agent, whose transitions begin with the program's name:
/// daemon.claim, zygote.fork, runner.step.
void hit(std::string_view transition, std::string_view moment);
#endif

/// True when the environment asks for what this build does not have.
bool is_refused();

}  // namespace sluice::failpoint
