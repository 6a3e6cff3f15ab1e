#include "agent/runner/local_job.hpp"

#include "agent/executors/executor.hpp"
#include "agent/log.hpp"
#include "agent/proc.hpp"
#include "agent/runner/attempt.hpp"
#include "agent/runner/local_blobs.hpp"
#include "agent/runner/local_secrets.hpp"
#include "agent/runner/local_sink.hpp"
#include "agent/runner/local_source.hpp"
#include "agent/runner/process_tree.hpp"
#include "pipelines/protocol/local_run.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

namespace local_file = protocol::local_file;

constexpr std::size_t k_file_max = 64 << 20;
constexpr Duration k_kill_patience{10'000};

Result<protocol::LocalJob> load(const files::Path& dir) {
    SLUICE_TRY(std::string text, files::read_file(dir / local_file::k_job, k_file_max));
    SLUICE_TRY(json::Value value, json::parse(text, {.bytes = k_file_max, .depth = 64}));
    return protocol::parse_local_job(value);
}

/// A CLI that dies without a word takes its jobs along.
void die_with(std::int64_t parent) {
    if (parent <= 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    // It may have died before that call.
    if (::getppid() != parent) ::kill(::getpid(), SIGTERM);
}

/// Where `sluice run` keeps what its runs share.
ExecutorSettings local_settings() {
    const auto env = spawn::current_environment();
    const auto cache = env.find("XDG_CACHE_HOME"), home = env.find("HOME");
    const files::Path base = cache != env.end() && !cache->second.empty()
                                 ? files::Path(cache->second)
                                 : files::Path(home == env.end() ? "/" : home->second) / ".cache";
    ExecutorSettings settings;
    settings.environments = base / "sluice" / "environments";
    return settings;
}

Result<Ending> carry(const AttemptFolder& folder, const protocol::LocalJob& local) {
    SLUICE_TRY(auto spool, Spool::open(folder.path / local_file::k_log, local.job.log_limit));
    SLUICE_TRY(Journal journal, Journal::open(folder.journal()));
    SLUICE_TRY(auto sink, LocalSink::open(folder.path, *spool, local.keep_commands));
    LocalSource source(local.source);
    LocalBlobs blobs(local);
    SLUICE_TRY(LocalSecrets secrets, LocalSecrets::take(local.job.spec, local.secrets));
    RunnerIdentity identity;
    identity.pid = ::getpid();
    identity.instance = crypto::random_token(16);
    identity.marker = local.marker;
    Attempt attempt(folder, local.job, identity,
                    {.source = source,
                     .sink = *sink,
                     .spool = *spool,
                     .journal = journal,
                     .secrets = &secrets,
                     .blobs = local.blobs.empty() ? nullptr : &blobs},
                    {}, local_settings());
    return attempt.run();
}

}  // namespace

bool is_local_job(const files::Path& dir) {
    std::error_code ignored;
    return std::filesystem::exists(dir / local_file::k_job, ignored);
}

RunJobExit run_local_job(const files::Path& dir) {
    hold_stop_signals();
    log::set_name("runner " + dir.filename().string());
    AttemptFolder folder{dir};
    auto lock = files::LockFile::try_acquire(folder.lock());
    if (lock && !lock->has_value()) return RunJobExit::locked;
    Result<protocol::LocalJob> local = load(dir);
    if (!lock || !local) {
        const Error& refusal = lock ? local.error() : lock.error();
        log::error(fmt::format("cannot begin dir={} error=\"{}\" at=\"{}\"", dir.string(),
                               refusal.message, refusal.where));
        return RunJobExit::unreadable;
    }
    die_with(local->parent);
    Result<Ending> ending = carry(folder, *local);
    if (!ending) {
        log::error(fmt::format("cannot carry the job out error=\"{}\"", ending.error().message));
        return RunJobExit::unreadable;
    }
    return *ending == Ending::reported ? RunJobExit::done : RunJobExit::failed;
}

RunJobExit salvage_local_job(const files::Path& dir) {
    AttemptFolder folder{dir};
    auto lock = files::LockFile::try_acquire(folder.lock());
    if (!lock) return RunJobExit::unreadable;
    if (!lock->has_value()) return RunJobExit::locked;
    Result<protocol::LocalJob> local = load(dir);
    if (!local) return RunJobExit::unreadable;
    kill_marked(local->marker, k_kill_patience);
    bool all = true;
    if (auto journal = Journal::read(folder.journal()))
        for (const auto& [executor, name] : journal->intents)
            all = remove_leftovers(executor, name, {}, dir).has_value() && all;
    if (!SecretFiles::remove_left(local->marker) || !all) return RunJobExit::failed;
    std::error_code ignored;
    if (std::filesystem::exists(dir / local_file::k_result, ignored)) return RunJobExit::done;
    protocol::FinishRequest request;
    request.outcome = {model::AttemptResult::errored, std::nullopt, std::nullopt,
                       model::Cause::runner_lost, "the runner died while the job ran"};
    request.salvaged = true;
    Result<> written = files::write_atomic(dir / local_file::k_result,
                                           json::serialize(to_json(request)), 0600, false);
    return written ? RunJobExit::done : RunJobExit::failed;
}

}  // namespace sluice::agent
