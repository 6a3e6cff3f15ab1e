/* sluice-hook: tells a Sluice server what was pushed to a bare repository (as hooks/post-receive),
 * and asks it whether a protected branch may move (as hooks/update). Linked to the C library alone,
 * statically: it runs on every push.
 *
 *   hooks/post-receive            reads "old new ref" lines; always exits 0: the push has happened
 *   hooks/update REF OLD NEW      exits 1 when the gate is not green, or when a protected branch
 * cannot be judged sluice-hook drain             sends what earlier pushes could not
 *
 * The mode is the name it was started by, or else its first argument. A hook that was there before
 * (`NAME.before-sluice`) runs first, with the same input. */
#include "hooks/git/hook/config.h"
#include "hooks/git/hook/exchange.h"
#include "hooks/git/hook/spool.h"
#include "hooks/git/hook/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_INPUT = 64 << 20, MAX_DRAIN = 20, MAX_OPTIONS = 1000 };

static const char* base_name(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char* git_dir(void) {
    const char* dir = getenv("GIT_DIR");
    return dir && *dir ? dir : ".";
}

/* Runs the hook that was there before us; its exit code, 0 when there is none. */
static int run_previous(char** arguments, const struct hook_text* input) {
    char path[1024];
    snprintf(path, sizeof path, "%.1000s.before-sluice", arguments[0]);
    if (access(path, X_OK) != 0) return 0;
    int ends[2];
    if (pipe(ends) != 0) return 1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        signal(SIGPIPE, SIG_DFL);
        execv(path, arguments);
        fprintf(stderr, "sluice: cannot run %s: %s\n", path, strerror(errno));
        _exit(126);
    }
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return 1;
    }
    for (size_t done = 0; input && done < input->size;) {
        ssize_t written = write(ends[1], input->data + done, input->size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break; /* it does not read its input, which is its right */
        done += (size_t)written;
    }
    close(ends[1]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char* pusher(void) {
    const char* names[] = {"GL_USER", "REMOTE_USER", "USER", "LOGNAME"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        const char* value = getenv(names[i]);
        if (value && *value) return value;
    }
    return "";
}

static void append_member(struct hook_text* out, const char* name, const char* value, size_t size) {
    hook_append_json(out, name, strlen(name));
    hook_append(out, ":", 1);
    hook_append_json(out, value, size);
}

/* "old new ref\n" lines as a JSON array; lines of another shape are skipped. */
static void append_updates(struct hook_text* out, const struct hook_text* input) {
    const char* separator = "";
    hook_append_text(out, "\"updates\":[");
    for (const char* line = input->data; line && *line;) {
        const char* end = strchr(line, '\n');
        size_t size = end ? (size_t)(end - line) : strlen(line);
        const char* first = memchr(line, ' ', size);
        const char* second =
            first ? memchr(first + 1, ' ', size - (size_t)(first + 1 - line)) : NULL;
        if (second) {
            hook_append_text(out, separator);
            hook_append(out, "{", 1);
            append_member(out, "old", line, (size_t)(first - line));
            hook_append(out, ",", 1);
            append_member(out, "new", first + 1, (size_t)(second - first - 1));
            hook_append(out, ",", 1);
            append_member(out, "ref", second + 1, size - (size_t)(second + 1 - line));
            hook_append(out, "}", 1);
            separator = ",";
        }
        line = end ? end + 1 : NULL;
    }
    hook_append(out, "]", 1);
}

static void append_options(struct hook_text* out) {
    const char* separator = "";
    const char* text = getenv("GIT_PUSH_OPTION_COUNT");
    int count = text ? atoi(text) : 0;
    hook_append_text(out, "\"options\":[");
    for (int i = 0; i < count && i < MAX_OPTIONS; ++i) {
        char name[40];
        snprintf(name, sizeof name, "GIT_PUSH_OPTION_%d", i);
        const char* value = getenv(name);
        if (!value) continue;
        hook_append_text(out, separator);
        hook_append_json(out, value, strlen(value));
        separator = ",";
    }
    hook_append(out, "]", 1);
}

static void tell(const struct hook_config* config, const struct hook_text* body) {
    char delivery[33];
    char why[200] = "deliveries of earlier pushes come first";
    struct hook_text reply = {0};
    hook_new_delivery(delivery);
    int status = 0;
    const long long deadline = hook_deadline(config);
    if (hook_drain(config, deadline, MAX_DRAIN))
        status = hook_post(config, deadline, "", delivery, body->data, body->size, &reply, why);
    if (status == 202) {
        char url[500];
        if (hook_json_member(reply.data, "url", url, sizeof url))
            fprintf(stderr, "sluice: run started: %s\n", url);
        hook_free(&reply);
        return;
    }
    if (status != 0) {
        char message[300];
        if (!hook_json_member(reply.data, "message", message, sizeof message)) message[0] = '\0';
        snprintf(why, sizeof why, "HTTP %d %.150s", status, message);
    }
    hook_free(&reply);
    if (hook_spool(config, delivery, body->data, body->size))
        fprintf(stderr, "sluice: server at %s:%d not reached (%s); the next push tells it\n",
                config->host, config->port, why);
    else
        fprintf(
            stderr,
            "sluice: server at %s:%d not reached (%s), and this push cannot be noted in %s: %s\n",
            config->host, config->port, why, config->spool, strerror(errno));
}

static int post_receive(char** arguments) {
    struct hook_text input = {0};
    bool read_well = hook_read_all(&input, STDIN_FILENO, MAX_INPUT);
    run_previous(arguments, &input);
    struct hook_config config;
    char error[400] = "the list of updated refs is too long";
    if (!read_well || !hook_read_config(git_dir(), &config, error)) {
        fprintf(stderr, "sluice: nobody was told of this push: %s\n", error);
        return 0;
    }
    if (input.size == 0) return 0;
    struct hook_text body = {0};
    hook_append(&body, "{", 1);
    append_updates(&body, &input);
    hook_append(&body, ",", 1);
    append_options(&body);
    hook_append(&body, ",", 1);
    append_member(&body, "pusher", pusher(), strlen(pusher()));
    hook_append(&body, ",", 1);
    append_member(&body, "source", config.url, strlen(config.url));
    hook_append(&body, "}", 1);
    tell(&config, &body);
    return 0;
}

static bool is_protected(const struct hook_config* config, const char* branch) {
    for (int i = 0; i < config->protect_count; ++i)
        if (hook_glob(config->protect[i], branch)) return true;
    return false;
}

static int update(int count, char** arguments) {
    if (count != 4) {
        fprintf(stderr, "sluice: update needs REF OLD NEW\n");
        return 1;
    }
    int previous = run_previous(arguments, NULL);
    if (previous != 0) return previous;
    const char* ref = arguments[1];
    if (strncmp(ref, "refs/heads/", 11) != 0) return 0;
    const char* branch = ref + 11;
    struct hook_config config;
    char error[400];
    if (!hook_read_config(git_dir(), &config, error)) {
        /* Which branches are protected is not known, so all are. */
        fprintf(stderr, "sluice: push refused: %s\n", error);
        return 1;
    }
    struct hook_text body = {0};
    hook_append(&body, "{", 1);
    append_member(&body, "ref", ref, strlen(ref));
    hook_append(&body, ",", 1);
    append_member(&body, "old", arguments[2], strlen(arguments[2]));
    hook_append(&body, ",", 1);
    append_member(&body, "new", arguments[3], strlen(arguments[3]));
    hook_append(&body, "}", 1);
    char delivery[33];
    char why[200] = "";
    struct hook_text reply = {0};
    hook_new_delivery(delivery);
    int status = hook_post(&config, hook_deadline(&config), "/gate", delivery, body.data, body.size,
                           &reply, why);
    char verdict[20] = "";
    char summary[500] = "";
    if (status == 200) hook_json_member(reply.data, "verdict", verdict, sizeof verdict);
    hook_json_member(reply.data, status == 200 ? "summary" : "message", summary, sizeof summary);
    if (strcmp(verdict, "green") == 0 || strcmp(verdict, "unprotected") == 0) return 0;
    if (strcmp(verdict, "red") == 0 || strcmp(verdict, "pending") == 0) {
        fprintf(stderr, "sluice: %s is not open for this commit: %s (%s)\n", branch, verdict,
                summary);
        return 1;
    }
    if (!is_protected(&config, branch)) return 0;
    if (status != 0) snprintf(why, sizeof why, "HTTP %d %.150s", status, summary);
    fprintf(
        stderr,
        "sluice: %s is protected and the server at %s:%d gives no verdict (%s); try again later\n",
        branch, config.host, config.port, why);
    return 1;
}

static int drain(void) {
    struct hook_config config;
    char error[400];
    if (!hook_read_config(git_dir(), &config, error)) {
        fprintf(stderr, "sluice: %s\n", error);
        return 1;
    }
    config.timeout_ms = 600000; /* by hand or from cron there is time */
    return hook_drain(&config, hook_deadline(&config), 1 << 30) ? 0 : 1;
}

int main(int count, char** arguments) {
    signal(SIGPIPE, SIG_IGN);
    const char* mode = base_name(arguments[0]);
    if (strcmp(mode, "sluice-hook") == 0 && count > 1) {
        ++arguments;
        --count;
        mode = arguments[0];
    }
    if (strcmp(mode, "post-receive") == 0) return post_receive(arguments);
    if (strcmp(mode, "update") == 0) return update(count, arguments);
    if (strcmp(mode, "drain") == 0) return drain();
    fprintf(stderr,
            "usage: sluice-hook post-receive | update REF OLD NEW | drain   (in a repository with "
            "sluice.conf)\n");
    return 2;
}
