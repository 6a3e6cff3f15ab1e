#include "hooks/git/hook/spool.h"

#include "hooks/git/hook/exchange.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WAITING = 10000, MAX_BODY = 64 << 20 };

/* <20 digits of nanoseconds>-<delivery>.post: the order of the names is the order of the pushes. */
static int is_waiting(const struct dirent* entry) {
    size_t size = strlen(entry->d_name);
    return size == 20 + 1 + 32 + 5 && strcmp(entry->d_name + size - 5, ".post") == 0;
}

static bool write_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool spool_is_full(const struct hook_config* config) {
    DIR* folder = opendir(config->spool);
    if (!folder) return false;
    int waiting = 0;
    for (struct dirent* entry; waiting < MAX_WAITING && (entry = readdir(folder));)
        waiting += is_waiting(entry);
    closedir(folder);
    return waiting >= MAX_WAITING;
}

bool hook_spool(const struct hook_config* config, const char* delivery, const char* body,
                size_t size) {
    if (mkdir(config->spool, 0700) != 0 && errno != EEXIST) return false;
    if (spool_is_full(config)) {
        errno = ENOSPC;
        return false;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char target[1200];
    char temporary[1200];
    snprintf(target, sizeof target, "%s/%020lld-%s.post", config->spool,
             now.tv_sec * 1000000000LL + now.tv_nsec, delivery);
    snprintf(temporary, sizeof temporary, "%s/%s.tmp", config->spool, delivery);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool good = write_all(fd, body, size) && fsync(fd) == 0;
    good = close(fd) == 0 && good && rename(temporary, target) == 0;
    if (!good) {
        int failed = errno;
        unlink(temporary);
        errno = failed;
    }
    return good;
}

/* True when the file needs no more sending. */
static bool send_file(const struct hook_config* config, long long deadline, const char* name) {
    char path[1300];
    char delivery[33];
    snprintf(path, sizeof path, "%s/%s", config->spool, name);
    memcpy(delivery, name + 21, 32);
    delivery[32] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT; /* another push has sent it */
    struct hook_text body = {0};
    struct hook_text reply = {0};
    char why[200];
    bool read_well = hook_read_all(&body, fd, MAX_BODY);
    close(fd);
    int status = read_well ? hook_post(config, deadline, "", delivery, body.data ? body.data : "",
                                       body.size, &reply, why)
                           : 400;
    hook_free(&body);
    hook_free(&reply);
    if (status == 202) {
        unlink(path);
        return true;
    }
    if (status != 400 && status != 413) return false;
    char aside[1300];
    snprintf(aside, sizeof aside, "%.*s.refused", (int)(strlen(path) - 5), path);
    rename(path, aside);
    fprintf(stderr, "sluice: the server refuses a delivery of an earlier push (%d), see %s\n",
            status, aside);
    return true;
}

bool hook_drain(const struct hook_config* config, long long deadline, int most) {
    struct dirent** names = NULL;
    int count = scandir(config->spool, &names, is_waiting, alphasort);
    bool good = true;
    for (int i = 0; i < count; ++i) {
        if (good && i < most) good = send_file(config, deadline, names[i]->d_name);
        free(names[i]);
    }
    if (count >= 0) free(names);
    return good;
}
