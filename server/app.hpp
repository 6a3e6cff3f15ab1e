#pragma once
/// The composition root: opens the data folder, wires every part by hand, serves until told to
/// stop.

#include "server/options.hpp"

namespace sluice::server {

/// Runs the server; returns the process's exit code. Prints what a person must know (address, first
/// admin token) to stdout.
int run(const Options& options);

}  // namespace sluice::server
