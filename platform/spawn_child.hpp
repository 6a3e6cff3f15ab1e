#pragma once
/// The one child that posix_spawn cannot make: one that dies with the thread that starts it
/// (docs/decisions/0005). Made as posix_spawn makes its own: the child borrows our memory on a
/// stack of its own while this thread waits, and only makes system calls until it executes.
/// Any thread.

#include <sys/types.h>

namespace sluice::spawn {

/// Prepared before, because the child must not allocate.
struct ChildPlan {
    const char* program;  ///< a path
    char* const* argv;
    char* const* env;
    const char* directory;     ///< "" = the caller's
    int streams[3];            ///< become 0, 1 and 2; all above 2 and close-on-exec
    bool on_terminal = false;  ///< 0 becomes the controlling terminal
};

/// 0 and the child's pid, or the errno of what failed; then there is no child to wait for.
int spawn_child(const ChildPlan& plan, pid_t& pid);

}  // namespace sluice::spawn
