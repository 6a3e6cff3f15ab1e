/* The first process of a job's container: `sluice-exec --keep SOCKET`. It connects to the runner's
 * socket, starts steps when it is told to, reaps what they leave, and ends, with everything in the
 * container, when the runner is gone. So a step costs no call of the container engine, its output
 * goes straight into the runner's pipe, and its signals are exact (docs/decisions/0019).
 *
 * Frames in both directions: 32-bit length in the machine's order, then as many bytes: one letter
 * and texts that end with a zero byte.
 *
 *   to us    R directory, number of arguments, arguments…, variables…
 *                                    start a step; its output's descriptor comes along with the
 *                                    frame's first byte
 *            T as R                  the same on a terminal of its own, without a descriptor
 *            F name, path            find a program
 *            K pid, signal           signal a process group
 *            S session               kill what is left of a session
 *            A                       kill all other processes in the container
 *   from us  H variables…            hello, with the image's environment
 *            P pid                   the step runs; the person's end of its terminal comes along
 *            N errno, text           or could not be started
 *            F path                  "" = not found
 *            A                       nothing else runs any more
 *            E pid, wait status      the step has ended
 *
 * libc only, one thread, static: it runs in any image, also in one that is empty. */
#define _GNU_SOURCE
#include "agent/executors/container/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

enum { k_frame_max = 8 << 20, k_texts_max = 65536 };

static int link_fd = -1;
static pid_t step = 0;

/* Everything else in the container, then we. As process 1 our end alone would do; an entry point of
 * the job may stand above us. */
static void end_all(void) {
    kill(-1, SIGKILL);
    _exit(0);
}

static void write_all(const void* bytes, size_t size) {
    const char* at = bytes;
    while (size > 0) {
        ssize_t n = send(link_fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) end_all();
        at += n;
        size -= (size_t)n;
    }
}

/* One byte with a descriptor that goes along; the rest of the frame follows. */
static void write_passing(const void* byte, int passed) {
    struct iovec part = {(void*)byte, 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
    while (sendmsg(link_fd, &message, MSG_NOSIGNAL) != 1)
        if (errno != EINTR) end_all();
}

static void started(pid_t pid, int terminal) {
    char number[32];
    uint32_t size = (uint32_t)snprintf(number, sizeof number, "P%d", (int)pid) + 1;
    const char* at = (const char*)&size;
    if (terminal >= 0)
        write_passing(at, terminal);
    else
        write_all(at, 1);
    write_all(at + 1, sizeof size - 1);
    write_all(number, size);
}

static void reply(char letter, const char* first, const char* second) {
    uint32_t size = (uint32_t)(1 + strlen(first) + 1 + (second ? strlen(second) + 1 : 0));
    write_all(&size, sizeof size);
    write_all(&letter, 1);
    write_all(first, strlen(first) + 1);
    if (second) write_all(second, strlen(second) + 1);
}

static void hello(void) {
    uint32_t size = 1;
    for (char** at = environ; *at; ++at) size += (uint32_t)strlen(*at) + 1;
    write_all(&size, sizeof size);
    write_all("H", 1);
    for (char** at = environ; *at; ++at) write_all(*at, strlen(*at) + 1);
}

/* Reads `size` bytes; a descriptor that comes along replaces *passed. */
static void read_all(void* bytes, size_t size, int* passed) {
    char* at = bytes;
    while (size > 0) {
        struct iovec part = {at, size};
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        ssize_t n = recvmsg(link_fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) end_all();
        for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header;
             header = CMSG_NXTHDR(&message, header))
            if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
                memcpy(passed, CMSG_DATA(header), sizeof(int));
        at += n;
        size -= (size_t)n;
    }
}

/* A step must not inherit the protection of the agent's service. */
static void raise_oom_score(void) {
    char text[32] = {0};
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) > 0 && text[0] == '-' && pwrite(fd, "0", 1, 0) < 0)
        errno = 0;
    close(fd);
}

/* A new terminal: its descriptor here, and the name of the other end. */
static int open_terminal(char* name, size_t size) {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) return -1;
    if (unlockpt(terminal) == 0 && ptsname_r(terminal, name, size) == 0) return terminal;
    int kept = errno;
    close(terminal);
    errno = kept;
    return -1;
}

/* The child up to its exec; writes errno to `told` when that fails. `terminal`, "" = none, is
 * opened in the new session, whose terminal it becomes. */
static void become_step(char** argv, char** env, const char* directory, int output, int told,
                        const char* terminal) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    setsid();
    if (*terminal) null = output = open(terminal, O_RDWR | O_CLOEXEC);
    if (null >= 0) dup2(null, 0);
    raise_oom_score();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(output, 1) >= 0 && dup2(output, 2) >= 0 && chdir(directory) == 0)
        execve(argv[0], argv, env);
    int failed = errno;
    if (write(told, &failed, sizeof failed) < 0) _exit(126);
    _exit(127);
}

static void start_step(char** texts, size_t count, int output, int on_terminal) {
    char number[32], name[64] = "";
    int told[2], failed = 0, terminal = -1;
    size_t arguments = count >= 2 ? strtoul(texts[1], NULL, 10) : 0;
    if ((output < 0 && !on_terminal) || arguments == 0 || arguments + 2 > count || step != 0)
        return reply('N', "22", "a bad request");
    if (on_terminal && (terminal = open_terminal(name, sizeof name)) < 0) failed = errno;
    if (failed == 0 && pipe2(told, O_CLOEXEC) != 0) failed = errno;
    if (failed) {
        if (terminal >= 0) close(terminal);
        snprintf(number, sizeof number, "%d", failed);
        return reply('N', number, strerror(failed));
    }
    char** argv = calloc(arguments + 1, sizeof *argv);
    if (!argv) end_all();
    memcpy(argv, texts + 2, arguments * sizeof *argv);
    pid_t pid = fork();
    if (pid == 0) become_step(argv, texts + 2 + arguments, texts[0], output, told[1], name);
    close(told[1]);
    if (pid < 0) failed = errno;
    if (pid > 0 && read(told[0], &failed, sizeof failed) != (ssize_t)sizeof failed) failed = 0;
    close(told[0]);
    free(argv);
    if (failed) {
        if (terminal >= 0) close(terminal);
        snprintf(number, sizeof number, "%d", failed);
        return reply('N', number, strerror(failed));
    }
    step = pid;
    started(pid, terminal);
    if (terminal >= 0) close(terminal);
}

static int is_program(const char* path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static void find_program(const char* name, const char* path) {
    static char candidate[4096];
    if (strchr(name, '/')) return reply('F', is_program(name) ? name : "", NULL);
    while (*path) {
        size_t size = strcspn(path, ":");
        if (size > 0 && size + strlen(name) + 2 < sizeof candidate) {
            snprintf(candidate, sizeof candidate, "%.*s/%s", (int)size, path, name);
            if (is_program(candidate)) return reply('F', candidate, NULL);
        }
        path += size + (path[size] == ':');
    }
    reply('F', "", NULL);
}

static void end_session(pid_t session) {
    DIR* all = opendir("/proc");
    struct dirent* entry;
    if (!all || session <= 1) return;
    while ((entry = readdir(all))) {
        pid_t pid = (pid_t)atol(entry->d_name);
        if (pid > 1 && pid != getpid() && getsid(pid) == session) kill(pid, SIGKILL);
    }
    closedir(all);
}

/* Everything but us and the container's first process. A kill reaches what exists at that moment:
 * it is repeated until there is nobody left to reach, or only what somebody else must reap. */
static void kill_others(void) {
    for (int round = 0; round < 200 && kill(-1, SIGKILL) == 0; ++round) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        usleep(1000);
    }
    step = 0;
    reply('A', "", NULL);
}

static void carry_out(void) {
    static char* texts[k_texts_max + 1];
    uint32_t size = 0;
    int passed = -1;
    read_all(&size, sizeof size, &passed);
    if (size == 0 || size > k_frame_max) end_all();
    char* frame = malloc(size + 1);
    if (!frame) end_all();
    read_all(frame, size, &passed);
    frame[size] = '\0';
    size_t count = 0;
    for (char* at = frame + 1; at < frame + size && count < k_texts_max; at += strlen(at) + 1)
        texts[count++] = at;
    texts[count] = NULL;
    if (frame[0] == 'R' || frame[0] == 'T') start_step(texts, count, passed, frame[0] == 'T');
    if (frame[0] == 'A') kill_others();
    if (frame[0] == 'F' && count >= 1) find_program(texts[0], count == 2 ? texts[1] : "");
    if (frame[0] == 'K' && count == 2 && atol(texts[0]) > 1)
        kill(-(pid_t)atol(texts[0]), (int)atol(texts[1]));
    if (frame[0] == 'S' && count == 1) end_session((pid_t)atol(texts[0]));
    if (passed >= 0) close(passed);
    free(frame);
}

static void reap(void) {
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        char who[32], how[32];
        if (pid != step) continue;
        step = 0;
        snprintf(who, sizeof who, "%d", (int)pid);
        snprintf(how, sizeof how, "%d", status);
        reply('E', who, how);
    }
}

static void on_child(int number) {
    (void)number;
}

int keep_container(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return 125;
    strcpy(address.sun_path, path);
    link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link_fd < 0 || connect(link_fd, (struct sockaddr*)&address, sizeof address) != 0) {
        fprintf(stderr, "sluice-exec: %s: %s\n", path, strerror(errno));
        return 125;
    }
    /* Children are reaped between requests only: SIGCHLD is open inside ppoll alone. */
    sigset_t child, before;
    struct sigaction action = {.sa_handler = on_child};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    sigaction(SIGCHLD, &action, NULL);
    hello();
    while (1) {
        struct pollfd ready = {link_fd, POLLIN, 0};
        int n = ppoll(&ready, 1, NULL, &before);
        reap();
        if (n > 0) carry_out();
    }
}
