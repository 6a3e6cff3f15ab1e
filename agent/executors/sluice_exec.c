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
 *   --user N         (root) become user and group N, in a mount and ipc namespace of our own, where
 *   --tmp DIR          DIR is /tmp and /var/tmp,
 *   --hide DIR         DIR is empty but for
 *   --open DIR         these folders (repeated), each what stands there or, after
 *   --from DIR         that, what stands at DIR; and
 *   --chdir DIR        PROGRAM starts in DIR
 *   --kill-user N    (root) SIGKILL to whatever user N runs; no PROGRAM
 *
 * Exit codes when PROGRAM does not run, as shells have them: 127 not found, 126 not executable, 125
 * our own failure.
 */
#define _GNU_SOURCE
#include "agent/executors/container/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* What a step sees of the file system as its own user. */
enum { k_open_max = 16 };
struct view {
    unsigned long long user, parent;
    const char *tmp, *hide, *chdir;
    const char *open_to[k_open_max], *open_from[k_open_max];
    int opens;
};

static int open_folder(const char* path) {
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int bind_fd(int fd, const char* to) {
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    return mount(from, to, NULL, MS_BIND | MS_REC, NULL);
}

/* The folders above `path` and itself, each as everybody may pass. */
static int make_path(const char* path) {
    char made[4096];
    size_t length = strlen(path);
    if (length >= sizeof made) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(made, path, length + 1);
    for (size_t i = 1; i <= length; ++i) {
        if (made[i] != '/' && made[i] != 0) continue;
        char kept = made[i];
        made[i] = 0;
        if (mkdir(made, 0755) != 0 && errno != EEXIST) return -1;
        made[i] = kept;
    }
    return 0;
}

/* Puts an empty folder over the first one above `path` that other users may not pass. */
static int pass_to(const char* path) {
    char above[4096];
    size_t length = strlen(path);
    if (length >= sizeof above) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(above, path, length + 1);
    for (size_t i = 1; i < length; ++i) {
        if (above[i] != '/') continue;
        struct stat status;
        above[i] = 0;
        if (stat(above, &status) != 0) return errno == ENOENT ? 0 : -1;
        if (!(status.st_mode & S_IXOTH))
            return mount("tmpfs", above, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m");
        above[i] = '/';
    }
    return 0;
}

/* Never returns to the caller's namespace: what fails ends the process. */
static int become(const struct view* view) {
    int tmp = -1, folders[k_open_max];
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0) return fail("unshare", "namespaces");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return fail("mount", "/");
    mode_t mask = umask(022);
    /* All of them before anything is hidden, and in our namespace: others can't be bound. */
    if (view->tmp && (tmp = open_folder(view->tmp)) < 0) return fail("open", view->tmp);
    for (int i = 0; i < view->opens; ++i)
        if ((folders[i] = open_folder(view->open_from[i])) < 0)
            return fail("open", view->open_from[i]);
    if (view->tmp) {
        if (bind_fd(tmp, "/tmp") != 0) return fail("mount", "/tmp");
        if (bind_fd(tmp, "/var/tmp") != 0 && errno != ENOENT) return fail("mount", "/var/tmp");
        close(tmp);
    }
    /* Under /tmp it is out of sight already. */
    if (view->hide && access(view->hide, F_OK) == 0 &&
        mount("tmpfs", view->hide, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0)
        return fail("hide", view->hide);
    for (int i = 0; i < view->opens; ++i) {
        const char* to = view->open_to[i];
        if (pass_to(to) != 0 || make_path(to) != 0 || bind_fd(folders[i], to) != 0)
            return fail("open", to);
        close(folders[i]);
    }
    umask(mask);
    gid_t id = (gid_t)view->user;
    if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
        return fail("become", "the user");
    /* It was lost with the privileges. */
    if (view->parent != 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail("prctl", "PDEATHSIG");
        if ((unsigned long long)getppid() != view->parent) return 125;
    }
    if (view->chdir && chdir(view->chdir) != 0) return fail("chdir", view->chdir);
    return 0;
}

static int kill_user(unsigned long long user) {
    uid_t id = (uid_t)user;
    if (id == 0 || setgroups(0, NULL) != 0 || setresuid(id, id, id) != 0)
        return fail("become", "the user");
    /* All that we may signal, but not ourselves. */
    return kill(-1, SIGKILL) == 0 || errno == ESRCH ? 0 : fail("kill", "the user");
}

int main(int argc, char** argv) {
    struct view view = {0};
    const char* from = NULL;
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
            view.parent = parent;
            continue;
        }
        if (strcmp(argv[at], "--cgroup") == 0) {
            if (join(argv[at + 1]) != 0) return fail("cgroup", argv[at + 1]);
            continue;
        }
        if (strcmp(argv[at], "--user") == 0 || strcmp(argv[at], "--kill-user") == 0) {
            unsigned long long user = 0;
            if (parse_number(argv[at + 1], &user) || user == 0 || user > 4294967293ull)
                return usage();
            if (strcmp(argv[at], "--kill-user") == 0) return kill_user(user);
            view.user = user;
            continue;
        }
        if (strcmp(argv[at], "--tmp") == 0) {
            view.tmp = argv[at + 1];
            continue;
        }
        if (strcmp(argv[at], "--hide") == 0) {
            view.hide = argv[at + 1];
            continue;
        }
        if (strcmp(argv[at], "--chdir") == 0) {
            view.chdir = argv[at + 1];
            continue;
        }
        if (strcmp(argv[at], "--from") == 0) {
            from = argv[at + 1];
            continue;
        }
        if (strcmp(argv[at], "--open") == 0) {
            if (view.opens == k_open_max) return usage();
            view.open_to[view.opens] = argv[at + 1];
            view.open_from[view.opens++] = from ? from : argv[at + 1];
            from = NULL;
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
    if (view.user != 0) {
        int refused = become(&view);
        if (refused != 0) return refused;
    }
    execvp(argv[at], argv + at);
    int refused = errno;
    fprintf(stderr, "sluice-exec: %s: %s\n", argv[at], strerror(refused));
    return refused == ENOENT ? 127 : 126;
}
