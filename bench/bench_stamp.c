/* bench_stamp FILE [PROGRAM ARG...]
 *
 * Writes the time (CLOCK_REALTIME, ns, one line) to FILE, a FIFO or a file to append to; then
 * executes PROGRAM, if one is given. The first command of the benchmark's job, and what stands
 * before the git hook. One write per line: lines of several processes never mix. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
    struct timespec now;
    char line[32];
    clock_gettime(CLOCK_REALTIME, &now);
    if (argc < 2) return 64;
    /* O_NONBLOCK: a FIFO whose reader is gone must not hang a push or a job. */
    int fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    int size = snprintf(line, sizeof line, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    if (fd < 0 || write(fd, line, (size_t)size) != size) return 74;
    if (argc == 2) return 0;
    execv(argv[2], argv + 2);
    return 127;
}
