#include "agent/executors/executor.hpp"
#include "agent/log.hpp"
#include "agent/notify.hpp"
#include "agent/runner/journal.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/run_job.hpp"
#include "agent/runner/secrets.hpp"
#include "agent/runner/server_sink.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>

namespace sluice::agent {

namespace {

constexpr Duration k_kill_patience{10'000};

/// The outcome that the dead runner had journalled, else the proof of its death.
protocol::FinishRequest last_words(const JournalState& journal, const RunnerIdentity& identity) {
    if (journal.outcome) {
        protocol::FinishRequest request = *journal.outcome;
        request.salvaged = true;
        return request;
    }
    protocol::FinishRequest request;
    request.runner_instance = identity.instance;
    request.salvaged = true;
    bool rebooted = identity.boot_id != proc::boot_id();
    request.outcome.result = model::AttemptResult::errored;
    request.outcome.cause = rebooted ? model::Cause::agent_lost : model::Cause::runner_lost;
    request.outcome.message = rebooted ? "the agent's machine restarted while the job ran"
                                       : "the runner died while the job ran";
    return request;
}

/// Delivers through the same sink as a runner: start (idempotent for the same instance), log from
/// the server's offset, finish. It renews the lease meanwhile.
Result<> deliver(const Assignment& assignment, const RunnerIdentity& identity, const Spool& spool,
                 protocol::FinishRequest request) {
    ServerSinkOptions options;
    options.renew_after = Duration{0};
    ServerSink sink(assignment.server, assignment.job.attempt, assignment.job.lease_token,
                    identity.instance, spool, options);
    sink.begin({.started = [](Result<>) {}, .stop = [](StopReason, std::string) {}});
    sink.log_grew();
    return sink.finish(std::move(request), [] {});
}

/// Containers and what else an executor made outside the runner's process tree.
Result<> remove_intents(const files::Path& dir, const JournalState& journal) {
    if (journal.intents.empty()) return {};
    SLUICE_TRY(ExecutorSettings settings, load_executor_settings(dir.parent_path().parent_path()));
    // An engine that does not answer must not keep processes of a user alive: the first refusal is
    // told after all were tried.
    Result<> all;
    for (const auto& [executor, name] : journal.intents)
        if (Result<> removed = remove_leftovers(executor, name, settings, dir); !removed && all)
            all = std::move(removed);
    return all;
}

Result<> salvage(const AttemptFolder& folder) {
    SLUICE_TRY(JournalState journal, Journal::read(folder.journal()));
    Result<RunnerIdentity> identity = load_identity(folder);
    if (identity && identity->boot_id == proc::boot_id()) {
        KillReport report = kill_marked(identity->marker, k_kill_patience);
        if (report.killed > 0)
            log::warn(fmt::format("killed what a dead runner left processes={}", report.killed));
    }
    failpoint::hit("salvage.kill", "after");
    Result<> removed = remove_intents(folder.path, journal);
    // Later than what might still write there.
    if (identity) SLUICE_CHECK(SecretFiles::remove_left(identity->marker));
    SLUICE_CHECK(removed);
    if (journal.finished) return {};
    SLUICE_TRY(Assignment assignment, load_assignment(folder));
    if (!identity || !journal.starting) {
        // Nothing ran: the lease goes back and costs the job no retry (rule 7).
        AttemptApi api(assignment.server, assignment.job.attempt, assignment.job.lease_token);
        Result<> released = api.release();
        if (!released && is_transient(released.error())) return released;
        return {};
    }
    SLUICE_TRY(auto spool, Spool::open(folder.spool(), assignment.job.log_limit));
    Result<> delivered = deliver(assignment, *identity, *spool, last_words(journal, *identity));
    if (!delivered && is_transient(delivered.error())) return delivered;
    if (!delivered)
        log::warn(fmt::format("salvage refused error=\"{}\"", delivered.error().message));
    return {};
}

}  // namespace

RunJobExit salvage_job(const files::Path& dir) {
    AttemptFolder folder{dir};
    log::set_name("salvage " + dir.filename().string());
    auto lock = files::LockFile::try_acquire(folder.lock());
    if (!lock) {
        if (lock.error().code == Code::not_found) return RunJobExit::done;
        log::error(
            fmt::format("cannot lock dir={} error=\"{}\"", dir.string(), lock.error().message));
        return RunJobExit::unreadable;
    }
    if (!lock->has_value()) return RunJobExit::locked;
    failpoint::hit("salvage.kill", "before");
    Result<> done = salvage(folder);
    if (!done && done.error().code != Code::not_found && done.error().code != Code::invalid) {
        log::warn(fmt::format("salvage must be tried again dir={} error=\"{}\"", dir.string(),
                              done.error().message));
        return RunJobExit::failed;
    }
    // A folder without its job can never be delivered; its lease expires on the server.
    failpoint::hit("salvage.clean", "before");
    Result<> removed = files::remove_tree(dir);
    failpoint::hit("salvage.clean", "after");
    if (!removed) {
        log::error(fmt::format("cannot remove the attempt's folder error=\"{}\"",
                               removed.error().message));
        return RunJobExit::failed;
    }
    send_notice(dir.parent_path().parent_path(),
                AttemptId::parse(dir.filename().string()).value_or(AttemptId{}));
    return RunJobExit::done;
}

}  // namespace sluice::agent
