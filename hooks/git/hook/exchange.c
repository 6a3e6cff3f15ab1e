#include "hooks/git/hook/exchange.h"

#include "hooks/git/hook/sha256.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WHY_BYTES = 200, REPLY_BYTES = 65536 };

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* False when the deadline passes first. */
static bool wait_for(int fd, short events, long long deadline, char* why) {
    for (;;) {
        long long left = deadline - now_ms();
        struct pollfd entry = {fd, events, 0};
        int ready = left > 0 ? poll(&entry, 1, (int)left) : 0;
        if (ready > 0) return true;
        if (ready < 0 && errno == EINTR) continue;
        snprintf(why, WHY_BYTES, "no answer in time");
        return false;
    }
}

static socklen_t parse_address(const struct hook_config* config, struct sockaddr_storage* out) {
    const char* host = strcmp(config->host, "localhost") == 0 ? "127.0.0.1" : config->host;
    struct sockaddr_in* v4 = (struct sockaddr_in*)out;
    struct sockaddr_in6* v6 = (struct sockaddr_in6*)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)config->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)config->port);
        return sizeof *v6;
    }
    return 0;
}

/* A connected, non-blocking socket, or -1. */
static int connect_to(const struct hook_config* config, long long deadline, char* why) {
    struct sockaddr_storage address;
    /* Names are not looked up: a statically linked program cannot load the system's resolver
     * modules. */
    socklen_t size = parse_address(config, &address);
    if (size == 0) {
        snprintf(why, WHY_BYTES, "server must be an IP address or localhost");
        return -1;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        snprintf(why, WHY_BYTES, "socket: %s", strerror(errno));
        return -1;
    }
    int failed = connect(fd, (struct sockaddr*)&address, size) == 0 ? 0 : errno;
    if (failed == EINPROGRESS) {
        socklen_t length = sizeof failed;
        if (!wait_for(fd, POLLOUT, deadline, why)) {
            close(fd);
            return -1;
        }
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length);
    }
    if (failed != 0) {
        snprintf(why, WHY_BYTES, "%s", strerror(failed));
        close(fd);
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static bool send_all(int fd, const struct hook_text* text, long long deadline, char* why) {
    size_t done = 0;
    while (done < text->size) {
        ssize_t sent = send(fd, text->data + done, text->size - done, MSG_NOSIGNAL);
        if (sent > 0) {
            done += (size_t)sent;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) {
            snprintf(why, WHY_BYTES, "%s", strerror(errno));
            return false;
        }
        if (!wait_for(fd, POLLOUT, deadline, why)) return false;
    }
    return true;
}

/* The offset behind the head when the whole reply is there, 0 when more is to come. */
static size_t whole_reply(const struct hook_text* text) {
    char* end = text->data ? strstr(text->data, "\r\n\r\n") : NULL;
    if (!end) return 0;
    size_t head = (size_t)(end - text->data) + 4;
    for (char* line = strstr(text->data, "\r\n"); line && line < end;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0) {
            unsigned long long length = strtoull(line + 17, NULL, 10);
            return text->size - head >= length ? head : 0;
        }
    return 0; /* without a length the end of the connection is the end */
}

static bool read_reply(int fd, struct hook_text* text, long long deadline, char* why) {
    char buffer[4096];
    while (text->size < REPLY_BYTES && whole_reply(text) == 0) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got > 0) {
            hook_append(text, buffer, (size_t)got);
            continue;
        }
        if (got == 0) break;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) {
            snprintf(why, WHY_BYTES, "%s", strerror(errno));
            return false;
        }
        if (!wait_for(fd, POLLIN, deadline, why)) return false;
    }
    return true;
}

static int parse_reply(const struct hook_text* text, struct hook_text* reply, char* why) {
    if (!text->data || text->size < 12 || strncmp(text->data, "HTTP/1.", 7) != 0) {
        snprintf(why, WHY_BYTES, "the answer is no HTTP");
        return 0;
    }
    char* end = strstr(text->data, "\r\n\r\n");
    if (end) hook_append_text(reply, end + 4);
    return atoi(text->data + 9);
}

static void append_request(struct hook_text* out, const struct hook_config* config,
                           const char* suffix, const char* delivery, const char* body,
                           size_t size) {
    unsigned char mac[32];
    char signature[65];
    hook_hmac_sha256(config->secret, strlen(config->secret), body, size, mac);
    hook_hex(mac, sizeof mac, signature);
    bool v6 = strchr(config->host, ':') != NULL;
    char head[1024];
    snprintf(head, sizeof head,
             "POST /hooks/git/%s%s HTTP/1.1\r\nHost: %s%s%s:%d\r\nUser-Agent: sluice-hook\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\nX-Sluice-Delivery: %s\r\n"
             "X-Sluice-Signature-256: sha256=%s\r\nConnection: close\r\n\r\n",
             config->project, suffix, v6 ? "[" : "", config->host, v6 ? "]" : "", config->port,
             size, delivery, signature);
    hook_append_text(out, head);
    hook_append(out, body, size);
}

long long hook_deadline(const struct hook_config* config) {
    return now_ms() + config->timeout_ms;
}

void hook_new_delivery(char id[33]) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        /* Only on kernels without it; the id must be unique, not secret. */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        long long parts[2] = {now.tv_sec * 1000000000LL + now.tv_nsec, getpid()};
        memcpy(bytes, parts, sizeof bytes);
    }
    hook_hex(bytes, sizeof bytes, id);
}

int hook_post(const struct hook_config* config, long long deadline, const char* suffix,
              const char* delivery, const char* body, size_t size, struct hook_text* reply,
              char why[WHY_BYTES]) {
    int fd = connect_to(config, deadline, why);
    if (fd < 0) return 0;
    struct hook_text request = {0};
    struct hook_text answer = {0};
    append_request(&request, config, suffix, delivery, body, size);
    int status = 0;
    /* A server that refuses may answer before it has read the body, so the answer counts more than
     * a broken pipe. */
    send_all(fd, &request, deadline, why);
    if (read_reply(fd, &answer, deadline, why)) status = parse_reply(&answer, reply, why);
    close(fd);
    hook_free(&request);
    hook_free(&answer);
    return status;
}
