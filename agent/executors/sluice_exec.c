/* sluice-exec [--parent PID] [--oom-score-adj N] [--rlimit NAME=N]... [--cgroup FILE]... [--]
 * PROGRAM ARG... sluice-exec --keep SOCKET: the first process of a job's container
 * (container/keeper.c)
 *
 * Does in the child what posix_spawn cannot (engine rule 1), then executes PROGRAM. libc only and
 * static, so that it costs well under a millisecond. Started by the runner for each step.
 *
 *   --parent PID     die (SIGKILL) when the thread that started us ends; fail if PID is already not
 * our parent
 *   --oom-score-adj N  0 … 1000: a step must not inherit the protection of the agent's service
 *   --rlimit NAME=N  soft and hard limit: core, nofile, nproc, fsize, as
 *
 *   --cgroup FILE    join the control group by writing to its cgroup.procs
 *
 * Exit codes when PROGRAM does not run, as shells have them: 127 not found, 126 not executable, 125
 * our own failure.
 */
#define _GNU_SOURCE
#include "agent/executors/container/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int fail(const char* what, const char* which) {
    fprintf(stderr, "sluice-exec: %s %s: %s\n", what, which, strerror(errno));
    return 125;
}

static int usage(void) {
    fprintf(stderr,
            "usage: sluice-exec [--parent PID] [--oom-score-adj N] [--rlimit NAME=N]... [--] "
            "PROGRAM ARG...\n");
    return 125;
}

static int parse_number(const char* text, unsigned long long* value) {
    char* end = NULL;
    errno = 0;
    if (*text < '0' || *text > '9') return -1;
    *value = strtoull(text, &end, 10);
    return errno || *end ? -1 : 0;
}

static int set_limit(const char* option) {
    static const struct {
        const char* name;
        int resource;
    } known[] = {{"core", RLIMIT_CORE},
                 {"nofile", RLIMIT_NOFILE},
                 {"nproc", RLIMIT_NPROC},
                 {"fsize", RLIMIT_FSIZE},
                 {"as", RLIMIT_AS}};
    const char* equals = strchr(option, '=');
    unsigned long long value = 0;
    if (!equals || parse_number(equals + 1, &value)) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        if (strlen(known[i].name) != (size_t)(equals - option)) continue;
        if (strncmp(option, known[i].name, (size_t)(equals - option)) != 0) continue;
        struct rlimit limit = {value, value};
        return setrlimit((__rlimit_resource_t)known[i].resource, &limit);
    }
    errno = EINVAL;
    return -1;
}

static int join(const char* file) {
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, "0", 1);
    int kept = errno;
    if (fd >= 0) close(fd);
    errno = kept;
    return written == 1 ? 0 : -1;
}

/* Only raised, never lowered: lowering needs a privilege, and failing to raise is no reason not to
 * run. */
static void raise_oom_score(unsigned long long wanted) {
    char text[32] = {0};
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) > 0 && atoll(text) < (long long)wanted) {
        int length = snprintf(text, sizeof text, "%llu", wanted);
        if (pwrite(fd, text, (size_t)length, 0) < 0) errno = 0;
    }
    close(fd);
}

int main(int argc, char** argv) {
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--") == 0) {
            ++at;
            break;
        }
        if (at + 1 >= argc) return usage();
        if (strcmp(argv[at], "--keep") == 0) return keep_container(argv[at + 1]);
        if (strcmp(argv[at], "--parent") == 0) {
            unsigned long long parent = 0;
            if (parse_number(argv[at + 1], &parent)) return usage();
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail("prctl", "PDEATHSIG");
            /* The parent may have died before prctl: the signal would never come. */
            if ((unsigned long long)getppid() != parent) return 125;
            continue;
        }
        if (strcmp(argv[at], "--cgroup") == 0) {
            if (join(argv[at + 1]) != 0) return fail("cgroup", argv[at + 1]);
            continue;
        }
        if (strcmp(argv[at], "--oom-score-adj") == 0) {
            unsigned long long wanted = 0;
            if (parse_number(argv[at + 1], &wanted) || wanted > 1000) return usage();
            raise_oom_score(wanted);
            continue;
        }
        if (strcmp(argv[at], "--rlimit") == 0) {
            if (set_limit(argv[at + 1]) != 0) return fail("rlimit", argv[at + 1]);
            continue;
        }
        return usage();
    }
    if (at >= argc) return usage();
    execvp(argv[at], argv + at);
    int refused = errno;
    fprintf(stderr, "sluice-exec: %s: %s\n", argv[at], strerror(refused));
    return refused == ENOENT ? 127 : 126;
}
