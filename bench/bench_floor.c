/* What the machine itself needs for the steps that Sluice is made of; one number per line, in ns.
 *
 *   bench_floor spawn SHELL N WIDTH   posix_spawn of `SHELL -c true` and its wait, WIDTH at once: N
 * durations; with WIDTH > 1 one line, the mean time between two ends bench_floor commit N FILE one
 * row of 200 bytes and an index entry, WAL, synchronous=FULL: N durations bench_floor loopback N
 * one byte there and back over TCP on 127.0.0.1, between two processes: N durations bench_floor
 * create N FOLDER open(O_CREAT) of a new file (each attempt needs some): N durations. Where ext4
 * has no free inode near the folder it takes ten times as long as elsewhere
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void require(int good, const char* what) {
    if (good) return;
    perror(what);
    exit(1);
}

static void spawn_one(const char* shell) {
    char* arguments[] = {(char*)shell, "-c", "true", NULL};
    pid_t pid;
    require(posix_spawnp(&pid, shell, NULL, NULL, arguments, environ) == 0, "posix_spawn");
}

static void reap_one(void) {
    int status;
    require(wait(&status) > 0 && status == 0, "wait");
}

static void spawns(const char* shell, int count, int width) {
    if (width <= 1) {
        for (int i = 0; i < count; ++i) {
            long long begin = now();
            spawn_one(shell);
            reap_one();
            printf("%lld\n", now() - begin);
        }
        return;
    }
    long long begin = now();
    for (int i = 0; i < count; ++i) {
        spawn_one(shell);
        if (i + 1 >= width) reap_one();
    }
    for (int i = 1; i < width; ++i) reap_one();
    printf("%lld\n", (now() - begin) / count);
}

static void creates(int count, const char* folder) {
    require(chdir(folder) == 0, "chdir");
    for (int i = 0; i < count; ++i) {
        char name[32];
        snprintf(name, sizeof name, "floor%d", i);
        long long begin = now();
        int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        long long end = now();
        require(fd >= 0, "create");
        close(fd);
        unlink(name);
        printf("%lld\n", end - begin);
        usleep(1000);
    }
}

static void execute(sqlite3* database, const char* text) {
    char* why = NULL;
    if (sqlite3_exec(database, text, NULL, NULL, &why) == SQLITE_OK) return;
    fprintf(stderr, "sqlite: %s\n", why);
    exit(1);
}

static void commits(int count, const char* path) {
    sqlite3* database;
    require(sqlite3_open(path, &database) == SQLITE_OK, "sqlite3_open");
    execute(database, "PRAGMA journal_mode=WAL");
    execute(database, "PRAGMA synchronous=FULL");
    execute(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, text TEXT)");
    execute(database, "CREATE INDEX i ON t(a)");
    sqlite3_stmt* insert;
    sqlite3_prepare_v2(database, "INSERT INTO t(a, text) VALUES (?1, ?2)", -1, &insert, NULL);
    char text[201];
    memset(text, 'x', 200);
    text[200] = '\0';
    for (int i = 0; i < count; ++i) {
        long long begin = now();
        sqlite3_bind_int(insert, 1, i * 7919 % 10007);
        sqlite3_bind_text(insert, 2, text, 200, SQLITE_STATIC);
        require(sqlite3_step(insert) == SQLITE_DONE, "insert");
        sqlite3_reset(insert);
        printf("%lld\n", now() - begin);
    }
    sqlite3_finalize(insert);
    sqlite3_close(database);
}

static void loopback(int count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    require(
        bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0,
        "listen");
    getsockname(listener, (struct sockaddr*)&address, &size);
    char byte = 'x';
    pid_t echo = fork();
    if (echo == 0) {
        int peer = accept(listener, NULL, NULL);
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        while (read(peer, &byte, 1) == 1 && write(peer, &byte, 1) == 1) {
        }
        _exit(0);
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    require(connect(fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
    for (int i = 0; i < count; ++i) {
        long long begin = now();
        require(write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1, "round trip");
        printf("%lld\n", now() - begin);
    }
    close(fd);
    reap_one();
}

int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "";
    if (argc == 5 && strcmp(what, "spawn") == 0)
        spawns(argv[2], atoi(argv[3]), atoi(argv[4]));
    else if (argc == 4 && strcmp(what, "commit") == 0)
        commits(atoi(argv[2]), argv[3]);
    else if (argc == 4 && strcmp(what, "create") == 0)
        creates(atoi(argv[2]), argv[3]);
    else if (argc == 3 && strcmp(what, "loopback") == 0)
        loopback(atoi(argv[2]));
    else
        return fprintf(stderr,
                       "usage: bench_floor spawn SHELL N WIDTH | commit N FILE | create N FOLDER | "
                       "loopback N\n"),
               64;
    return 0;
}
