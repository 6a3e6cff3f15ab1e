/* Light HTTP/1.1 clients for the log benchmark: what they cost must not be what is measured. Plain
 * HTTP on 127.0.0.1, keep-alive; TOKEN is a bearer token.
 *
 *   bench_client sse PORT TOKEN JOB BYTES    follows the job's log by server-sent events until
 * BYTES of it were seen bench_client raw PORT TOKEN JOB BYTES    the same by Range requests, 1 ms
 * apart when nothing is new print when the last byte was here:   CLOCK_REALTIME in ns bench_client
 * stall PORT PERIOD_US        GET /healthz each period until stdin is closed prints: requests,
 * worst and 99th percentile in ns, from sending to the last byte
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, SAMPLES_MAX = 1 << 20 };

static char buffer[BUFFER + 1];

static long long clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static _Noreturn void fail(const char* what) {
    fprintf(stderr, "bench_client: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const char* text, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n <= 0) fail("write");
        text += n;
        size -= (size_t)n;
    }
}

/* Reads a reply's head; what came beyond it stays in `buffer` from *rest. Returns the status. */
static int read_head(int fd, size_t* rest, size_t* have, long long* length) {
    size_t size = 0;
    char* end = NULL;
    while (!end) {
        ssize_t n = read(fd, buffer + size, BUFFER - size);
        if (n <= 0) fail("read the reply");
        size += (size_t)n;
        buffer[size] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    *end = '\0';
    const char* field = strcasestr(buffer, "\r\ncontent-length:");
    *length = field ? atoll(field + 17) : -1;
    *rest = (size_t)(end - buffer) + 4;
    *have = size - *rest;
    return atoi(buffer + 9);
}

/* Event ids are log offsets; the last complete "id: N" line of a block tells how far the log has
 * come. */
static int follow_events(int port, const char* token, const char* job, long long wanted) {
    char request[600];
    int fd = connect_to(port);
    int size = snprintf(
        request, sizeof request,
        "GET /api/v1/jobs/%s/log/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
        "Accept: text/event-stream\r\n\r\n",
        job, token);
    send_all(fd, request, (size_t)size);
    size_t rest, have;
    long long length;
    if (read_head(fd, &rest, &have, &length) != 200) fail("log stream refused");
    memmove(buffer, buffer + rest, have);
    size_t kept = have;
    while (1) {
        const char* line = buffer;
        const char* end;
        while ((end = memchr(line, '\n', kept - (size_t)(line - buffer)))) {
            if (end - line > 3 && memcmp(line, "id:", 3) == 0 && atoll(line + 3) >= wanted) {
                printf("%lld\n", clock_ns(CLOCK_REALTIME));
                return 0;
            }
            line = end + 1;
        }
        kept -= (size_t)(line - buffer);
        /* A line longer than the buffer is data; its end is looked for, its middle isn't kept. */
        if (kept > BUFFER / 2) {
            buffer[0] = 'd';
            kept = 1;
            line = buffer;
        }
        memmove(buffer, line, kept);
        ssize_t n = read(fd, buffer + kept, BUFFER - kept);
        if (n <= 0) fail("the log stream ended early");
        kept += (size_t)n;
    }
}

static int follow_ranges(int port, const char* token, const char* job, long long wanted) {
    char request[600];
    long long at = 0;
    int fd = connect_to(port);
    while (at < wanted) {
        int size = snprintf(
            request, sizeof request,
            "GET /api/v1/jobs/%s/log HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
            "Range: bytes=%lld-\r\n\r\n",
            job, token, at);
        send_all(fd, request, (size_t)size);
        size_t rest, have;
        long long length;
        int status = read_head(fd, &rest, &have, &length);
        if (length < 0) fail("a reply without length");
        long long left = length - (long long)have;
        while (left > 0) {
            ssize_t n = read(fd, buffer, left < BUFFER ? (size_t)left : BUFFER);
            if (n <= 0) fail("read the log");
            left -= n;
        }
        if (status == 206 || (status == 200 && at == 0))
            at += length;
        else if (status != 416 && status != 404)
            fail("log refused");
        if (status == 416 || status == 404 || length == 0) usleep(1000);
    }
    printf("%lld\n", clock_ns(CLOCK_REALTIME));
    return 0;
}

static int by_value(const void* a, const void* b) {
    long long x = *(const long long*)a, y = *(const long long*)b;
    return (x > y) - (x < y);
}

static int watch_stalls(int port, long long period_us) {
    static const char k_request[] = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    static long long samples[SAMPLES_MAX];
    size_t count = 0;
    int fd = connect_to(port);
    long long due = clock_ns(CLOCK_MONOTONIC);
    while (count < SAMPLES_MAX) {
        due += period_us * 1000;
        struct timespec until = {.tv_sec = due / 1000000000LL, .tv_nsec = due % 1000000000LL};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        }
        struct pollfd stop = {.fd = 0, .events = POLLIN};
        if (poll(&stop, 1, 0) != 0) break;
        long long begin = clock_ns(CLOCK_MONOTONIC);
        send_all(fd, k_request, sizeof k_request - 1);
        size_t rest, have;
        long long length;
        read_head(fd, &rest, &have, &length);
        while ((long long)have < length) {
            ssize_t n = read(fd, buffer, BUFFER);
            if (n <= 0) fail("read");
            have += (size_t)n;
        }
        long long end = clock_ns(CLOCK_MONOTONIC);
        /* From the sending: that the timer woke us late on a busy machine isn't the server's doing.
         */
        samples[count++] = end - begin;
        if (end > due + period_us * 1000) due = end;
    }
    qsort(samples, count, sizeof *samples, by_value);
    printf("%zu %lld %lld\n", count, count ? samples[count - 1] : 0,
           count ? samples[count * 99 / 100] : 0);
    return 0;
}

int main(int argc, char** argv) {
    if (argc == 6 && strcmp(argv[1], "sse") == 0)
        return follow_events(atoi(argv[2]), argv[3], argv[4], atoll(argv[5]));
    if (argc == 6 && strcmp(argv[1], "raw") == 0)
        return follow_ranges(atoi(argv[2]), argv[3], argv[4], atoll(argv[5]));
    if (argc == 4 && strcmp(argv[1], "stall") == 0)
        return watch_stalls(atoi(argv[2]), atoll(argv[3]));
    fprintf(stderr, "usage: bench_client sse|raw PORT TOKEN JOB BYTES | stall PORT PERIOD_US\n");
    return 64;
}
