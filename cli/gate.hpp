#pragma once
/// How the server's gate reply reads for scripts and for a person who waits. Pure.

#include "cli/exit_code.hpp"
#include "pipelines/base/json.hpp"

#include <string>

namespace sluice::cli {

/// ok for green, negative for red, unknown for pending. A commit without a run is unknown, not red:
/// right after a push the server may not have planned it yet.
Exit verdict_of(const json::Value& gate);

/// `waiting for test (running), image (waiting)`; what a missing run means.
std::string waiting_text(const json::Value& gate);

}  // namespace sluice::cli
