#include "platform/spawn_child.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace sluice::spawn {

namespace {

/// As the kernel has it: with the two signals that libc keeps for itself and hides from sigset_t.
/// A handler that ran in the child would run in our memory.
using KernelSignals = std::uint64_t;

struct Shared {
    const ChildPlan& plan;
    pid_t parent;
    int refused;
};

// The address sanitizer marks the variables of a frame until it returns. The child's frames never
// do, and their place belongs to the next child: what runs there is not to be marked.
#define SLUICE_IN_CHILD __attribute__((no_sanitize("address")))

SLUICE_IN_CHILD int set_signals(KernelSignals mask, KernelSignals* before) {
    return static_cast<int>(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, before, sizeof mask));
}

SLUICE_IN_CHILD void close_from(unsigned first) {
    if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
    // Kernels before 5.9.
    rlimit most{};
    ::getrlimit(RLIMIT_NOFILE, &most);
    for (rlim_t fd = first; fd < most.rlim_cur; ++fd) ::close(static_cast<int>(fd));
}

/// 0 when all is ready for the program; else errno is set.
SLUICE_IN_CHILD int prepare(const Shared& shared) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
    // The parent may have died before prctl: the signal would never come.
    if (::getppid() != shared.parent) ::_exit(125);
    struct sigaction fresh {};
    fresh.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &fresh, nullptr);
    if (::setsid() < 0) return -1;
    if (*shared.plan.directory && ::chdir(shared.plan.directory) != 0) return -1;
    for (int stream = 0; stream < 3; ++stream)
        if (::dup2(shared.plan.streams[stream], stream) < 0) return -1;
    if (shared.plan.on_terminal && ::ioctl(0, TIOCSCTTY, 0) != 0) return -1;
    close_from(3);
    return set_signals(0, nullptr);
}

/// Runs in the child, in our memory: nothing but system calls.
SLUICE_IN_CHILD int run_child(void* argument) {
    auto& shared = *static_cast<Shared*>(argument);
    if (prepare(shared) == 0) ::execve(shared.plan.program, shared.plan.argv, shared.plan.env);
    shared.refused = errno;
    ::_exit(127);
}

}  // namespace

int spawn_child(const ChildPlan& plan, pid_t& pid) {
    // Enough for the few frames above and for libc's execve.
    alignas(16) std::byte stack[32 << 10];
    Shared shared{plan, ::getpid(), 0};
    KernelSignals before = 0;
    set_signals(~KernelSignals{0}, &before);
    // CLONE_VFORK: we go on when the child has executed or ended, so `stack` and `shared` outlive
    // it.
    const pid_t child =
        ::clone(run_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &shared);
    const int failed = child < 0 ? errno : shared.refused;
    if (child > 0 && failed != 0)
        while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
    set_signals(before, nullptr);
    if (failed == 0) pid = child;
    return failed;
}

}  // namespace sluice::spawn
