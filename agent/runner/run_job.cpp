#include "agent/runner/run_job.hpp"

#include "agent/log.hpp"
#include "agent/notify.hpp"
#include "agent/proc.hpp"
#include "agent/runner/attempt.hpp"
#include "agent/runner/server_blobs.hpp"
#include "agent/runner/server_sink.hpp"
#include "agent/runner/server_source.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

files::Path agent_dir_of(const files::Path& dir) {
    return dir.parent_path().parent_path();
}

Result<RunnerIdentity> make_identity(const AttemptFolder& folder) {
    RunnerIdentity identity;
    identity.pid = ::getpid();
    identity.start_time = proc::start_time(identity.pid).value_or(0);
    identity.boot_id = proc::boot_id();
    identity.instance = crypto::random_token(16);
    identity.marker = crypto::random_token(16);
    SLUICE_CHECK(save_identity(folder, identity));
    return identity;
}

/// The lock is held while the folder goes: a daemon that looks meanwhile sees a live runner or no
/// folder.
void remove_folder(const AttemptFolder& folder) {
    Result<> removed = files::remove_tree(folder.path);
    if (!removed)
        log::error(fmt::format("cannot remove the attempt's folder error=\"{}\"",
                               removed.error().message));
}

struct Prepared {
    AttemptFolder folder;
    Assignment assignment;
    RunnerIdentity identity;
    std::unique_ptr<Spool> spool;
    ExecutorSettings executors;
};

Result<Prepared> prepare(const AttemptFolder& folder) {
    SLUICE_TRY(Assignment assignment, load_assignment(folder));
    SLUICE_TRY(RunnerIdentity identity, make_identity(folder));
    SLUICE_TRY(auto spool, Spool::open(folder.spool(), assignment.job.log_limit));
    SLUICE_TRY(ExecutorSettings executors, load_executor_settings(agent_dir_of(folder.path)));
    return Prepared{folder, std::move(assignment), std::move(identity), std::move(spool),
                    std::move(executors)};
}

}  // namespace

void prepare_runner_process() {
    // Its threads hardly ever allocate at once, and an arena costs a map, faults and an unmap.
    ::mallopt(M_ARENA_MAX, 1);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::prctl(PR_SET_NAME, "sluice-runner");
    ::signal(SIGPIPE, SIG_IGN);
    // A daemon that is stopped or upgraded must not take its runners along.
    ::signal(SIGHUP, SIG_IGN);
}

RunJobExit run_job(const files::Path& dir) {
    AttemptFolder folder{dir};
    log::set_name("runner " + dir.filename().string());
    auto lock = files::LockFile::try_acquire(folder.lock());
    if (!lock) {
        log::error(
            fmt::format("cannot lock dir={} error=\"{}\"", dir.string(), lock.error().message));
        return RunJobExit::unreadable;
    }
    if (!lock->has_value()) {
        log::warn(fmt::format("another runner holds the folder dir={}", dir.string()));
        return RunJobExit::locked;
    }
    Result<Prepared> prepared = prepare(folder);
    if (!prepared) {
        log::error(fmt::format("cannot read the attempt dir={} error=\"{}\"", dir.string(),
                               prepared.error().message));
        return RunJobExit::unreadable;
    }
    auto& [same, assignment, identity, spool, executors] = *prepared;
    Result<Journal> journal = Journal::open(folder.journal());
    if (!journal) return RunJobExit::unreadable;

    ServerSource source(assignment.server, assignment.job.attempt, assignment.job.lease_token,
                        {agent_dir_of(dir) / "sources", executors.source.cache_bytes});
    ServerSinkOptions sending;
    if (assignment.job.spec.replayable && !wants_secrets(assignment.job.spec))
        sending.start_after = sending.first_flush;
    ServerSink sink(assignment.server, assignment.job.attempt, assignment.job.lease_token,
                    identity.instance, *spool, sending);
    ServerSecrets secrets(assignment.server, assignment.job.attempt, assignment.job.lease_token,
                          identity.instance);
    ServerBlobs blobs(assignment.server, assignment.job.attempt, assignment.job.lease_token);
    // The token must not reach anything that builds environments or logs.
    protocol::ClaimedJob job = assignment.job;
    job.lease_token.clear();
    Attempt attempt(folder, std::move(job), identity,
                    {.source = source,
                     .sink = sink,
                     .spool = *spool,
                     .journal = *journal,
                     .secrets = &secrets,
                     .blobs = &blobs},
                    {}, std::move(executors));
    Ending ending = attempt.run();
    // Before the notice: the daemon neither waits for what is kept nor counts it.
    if (attempt.keeps() && !files::write_new(folder.kept(), "", 0600)) attempt.let_go();
    send_notice(agent_dir_of(dir), assignment.job.attempt);
    if (ending != Ending::reported)
        log::warn(fmt::format("attempt {} attempt={}", ending == Ending::lost ? "lost" : "refused",
                              assignment.job.attempt.value));
    source.tidy();
    (void)journal->finished(ending == Ending::reported ? "reported" : "refused");
    if (attempt.keeps()) {
        attempt.keep(assignment.server, assignment.job.lease_token);
        attempt.let_go();
    }
    failpoint::hit("runner.clean", "before");
    remove_folder(folder);
    failpoint::hit("runner.clean", "after");
    return ending == Ending::refused ? RunJobExit::failed : RunJobExit::done;
}

}  // namespace sluice::agent
