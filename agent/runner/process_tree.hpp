#pragma once
/// Ends every process of an attempt, also those that left the session, daemonised or forked twice.
/// In a live runner all of them are its descendants (it is the sub-reaper); salvage finds them by
/// the marker in their environment.

#include "agent/executors/executor.hpp"
#include "agent/proc.hpp"
#include "pipelines/base/time.hpp"

#include <set>
#include <string>

namespace sluice::agent {

/// Reaps ended children of this process other than `except` (0 = none), which somebody else waits
/// for.
void reap_children(pid_t except);

/// SIGKILL to the descendants of this process that are in `session`: what a stopped step's shell
/// left behind.
void kill_session(pid_t session);

/// A signal to the descendants of this process that are in `session`, its leader left out.
void signal_session(pid_t session, int number);

/// Reaps until this process has no child any more or `patience` is over; for helpers that end by
/// themselves.
void wait_for_children(Duration patience);

/// What all descendants of this process use, those that have ended included.
UsageNow usage_of_tree();

struct KillReport {
    int killed = 0;
    int left = 0;  ///< still there at the deadline (uninterruptible)
};

/// SIGKILL to all descendants of this process and to all processes with the marker, again until
/// none is found or `patience` is over. Reaps; nobody may be waiting for a child of this process at
/// the same time.
KillReport kill_descendants(const std::string& marker, Duration patience);

/// The present children of this process.
std::set<pid_t> children_now();
/// As kill_descendants(), but without `spared` children and what is below them.
KillReport kill_descendants_but(const std::set<pid_t>& spared, Duration patience);

/// The same for processes with the marker only; for salvage, which is not their parent.
KillReport kill_marked(const std::string& marker, Duration patience);

}  // namespace sluice::agent
