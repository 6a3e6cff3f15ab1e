#include "agent/executors/host/executor.hpp"

#include "agent/executors/external_name.hpp"
#include "agent/executors/host/process.hpp"
#include "agent/proc.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/step_environment.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace sluice::agent {

namespace {
constexpr Duration k_kill_patience{10'000};
constexpr std::chrono::hours k_unused{24 * 30};
}  // namespace

std::optional<Refusal> HostExecutor::prepare(const std::string& image) {
    if (!oom_kills_before_) {
        oom_kills_before_ = proc::oom_kills();
        before_ = children_now();
        if (Result<> limited = limit(); !limited) return Refusal{limited.error()};
        if (auto refused = take_user()) return refused;
        if (parts_.settings.host.sandbox) {
            Result<Sandbox> sandbox = Sandbox::find();
            if (!sandbox) return Refusal{sandbox.error()};
            sandbox_ = std::move(*sandbox);
            if (Result<> made = files::make_dirs(files(), 0755); !made)
                return Refusal{made.error()};
            if (Result<> made = make_python_environments(); !made) return Refusal{made.error()};
        }
    }
    if (image.empty() || image == "none") return std::nullopt;
    return Refusal{error(Code::invalid, "no_container",
                         "image: " + image + ": only a job with an image has steps with another"),
                   model::Cause::config};
}

std::optional<Refusal> HostExecutor::take_user() {
    if (!parts_.settings.host.users) return std::nullopt;
    Result<HostUser> user = HostUser::take(*parts_.settings.host.users);
    if (!user) return Refusal{user.error()};
    const std::string number = std::to_string(user->id());
    if (Result<> written = parts_.lender.intend("user", number); !written)
        return Refusal{written.error()};
    user_ = std::move(*user);
    const HostUser::View seen = view();
    if (Result<> made = make_python_environments(); !made) return Refusal{made.error()};
    for (const files::Path& folder : {seen.tmp, home(), files(), python_environments()}) {
        if (Result<> made = files::make_dirs(folder, 0755); !made) return Refusal{made.error()};
        // Not /tmp: in it stand folders on the way to what is open, which the job must not replace.
        if (folder != seen.tmp && ::lchown(folder.c_str(), user_->id(), user_->id()) != 0)
            return Refusal{error(Code::unavailable, "chown_failed",
                                 folder.string() + ": " + std::generic_category().message(errno))};
    }
    ::chmod(seen.tmp.c_str(), 01777);
    // What can't be done here must not be found out by each step.
    spawn::Command probe;
    probe.argv = {"/bin/true"};
    probe.directory = "/";
    probe = user_->wrap(std::move(probe), seen);
    const auto done = parts_.lender.run(std::move(probe), k_kill_patience, false);
    if (done && done->exit.ok()) return std::nullopt;
    return Refusal{done ? error(Code::unsupported, "no_users",
                                "this machine can't give a job a user of its own (`host.users`): " +
                                    text::sanitize_utf8(text::trim(done->output), 500))
                        : done.error()};
}

files::Path HostExecutor::home() const {
    return parts_.folder.path / "home";
}

files::Path HostExecutor::python_environments() const {
    const files::Path& shared = parts_.settings.environments;
    if (!user_ && !sandbox_) return shared / "python";
    // Built by code of packages, and then trusted for its name: what one project, tier and ref has
    // built no other runs, as with caches (docs/decisions/0018), nor another user.
    if (parts_.job.scope.empty()) return parts_.folder.path / "environments" / "python";
    const std::string scope = fmt::format("{}\n{}", parts_.job.project.value, parts_.job.scope);
    const files::Path whose =
        user_ ? shared / "users" / std::to_string(user_->id()) : shared / "sandbox";
    return whose / crypto::sha256_hex(scope).substr(0, 32) / "python";
}

Result<> HostExecutor::make_python_environments() const {
    const files::Path own = python_environments().parent_path();
    SLUICE_CHECK(files::make_dirs(own / "python", 0755));
    if (parts_.job.scope.empty()) return {};
    // Whose branch is gone is not missed.
    (void)::utimensat(AT_FDCWD, own.c_str(), nullptr, 0);
    std::error_code failed;
    using Walk = std::filesystem::directory_iterator;
    for (Walk at(own.parent_path(), failed), end; !failed && at != end; at.increment(failed)) {
        std::error_code gone;
        const auto used = std::filesystem::last_write_time(at->path(), gone);
        if (!gone && std::filesystem::file_time_type::clock::now() - used > k_unused)
            (void)files::remove_tree(at->path());
    }
    return {};
}

HostUser::View HostExecutor::view() const {
    HostUser::View out;
    out.tmp = parts_.folder.path / "tmp";
    out.hide = parts_.folder.path.parent_path().parent_path();
    const auto add = [&](const files::Path& path) { out.open.push_back({path, path}); };
    add(parts_.folder.workspace());
    add(files());
    add(home());
    out.open.push_back({python_environments(), parts_.settings.environments / "python"});
    return out;
}

Result<> HostExecutor::limit() {
    const model::Resources& wanted = parts_.job.spec.resources;
    if (wanted.memory == 0 && wanted.cpu_millis == 0) return {};
    const std::string name = external_name(parts_.folder.path);
    std::string folders;
    for (const files::Path& folder : OwnCgroup::folders_for(name))
        folders += (folders.empty() ? "" : ":") + folder.string();
    if (!folders.empty()) SLUICE_CHECK(parts_.lender.intend("cgroup", folders));
    if (!helper_program().empty()) group_ = OwnCgroup::make(name, wanted);
    if (!group_)
        parts_.lender.note(
            "this agent can't make control groups: what the job asks for is reserved, but it is "
            "not held to it");
    else if (!group_->holds())
        parts_.lender.note(
            "this agent's control group takes no limits: what the job asks for is reserved, but it "
            "is not held to it");
    return {};
}

Places HostExecutor::places() const {
    return {parts_.folder.workspace(), files(), files()};
}

files::Path HostExecutor::files() const {
    return parts_.settings.host.sandbox || parts_.settings.host.users ? parts_.folder.path / "files"
                                                                      : parts_.folder.path;
}

Environment HostExecutor::base_environment() const {
    Environment base = agent::base_environment(spawn::current_environment());
    // What it writes at home is nobody else's.
    if (sandbox_)
        base["HOME"] = "/tmp";
    else if (user_)
        base["HOME"] = home().string();
    return base;
}

Result<std::string> HostExecutor::find_program(const std::string& program,
                                               const std::string& path) {
    return spawn::find_program(program, path);
}

Result<std::unique_ptr<StepProcess>> HostExecutor::start(spawn::Command command,
                                                         OutputPipe::Taken taken) {
    auto process = std::make_unique<HostProcess>(parts_.lender.io(), std::move(taken));
    if (sandbox_) process->wrapped();
    SLUICE_TRY(command, wrapped(std::move(command)));
    SLUICE_CHECK(process->start(std::move(command)));
    return std::unique_ptr<StepProcess>(std::move(process));
}

Result<TerminalProcess> HostExecutor::start_on_terminal(spawn::Command command) {
    SLUICE_TRY(TerminalEnds ends, make_terminal());
    auto process = std::make_unique<HostProcess>(parts_.lender.io(), OutputPipe::Taken{});
    if (sandbox_) process->wrapped();
    SLUICE_TRY(command, wrapped(std::move(command)));
    SLUICE_CHECK(process->start_on(ends.program, std::move(command)));
    return TerminalProcess{std::move(process), std::move(ends.person)};
}

Result<spawn::Command> HostExecutor::wrapped(spawn::Command command) {
    const files::Path shown = parts_.settings.environments / "python";
    if (sandbox_)
        // With a user it is in that place already.
        command = sandbox_->wrap(std::move(command), parts_.folder, files(),
                                 {user_ ? shown : python_environments(), shown});
    if (parts_.settings.host.users && !user_)
        return error(Code::unsupported, "no_users", "the job has no user of its own");
    if (user_) {
        // All of it once, before anything of the job runs; later what the runner itself has added.
        SLUICE_CHECK(user_->own(owns_workspace_ ? parts_.folder.workspace() / ".sluice"
                                                : parts_.folder.workspace()));
        owns_workspace_ = true;
        SLUICE_CHECK(user_->own(files()));
        if (!parts_.secret_files.empty()) SLUICE_CHECK(user_->lend(parts_.secret_files));
        command = user_->wrap(std::move(command), view());
    }
    return as_step(std::move(command), group_ ? group_->doors() : std::vector<files::Path>{});
}

void HostExecutor::end_steps() {
    // With services beside the job a scan alone can't tell that nothing is left.
    if (user_) (void)user_->end_processes(k_kill_patience);
    (void)kill_descendants_but(before_, k_kill_patience);
}

std::optional<UsageNow> HostExecutor::usage() const {
    const std::optional<Duration> cpu = group_ ? group_->counters().cpu_time() : std::nullopt;
    const auto resident = group_ ? group_->counters().resident() : std::nullopt;
    if (!cpu || !resident) return usage_of_tree();
    return UsageNow{*cpu, *resident, group_->counters().peak().value_or(0)};
}

std::uint64_t HostExecutor::oom_kills() const {
    if (group_)
        if (auto kills = group_->counters().oom_kills()) return *kills;
    return proc::oom_kills() - oom_kills_before_.value_or(0);
}

void HostExecutor::clean_up() {
    if (group_) (void)group_->end(k_kill_patience);
    if (user_ && !user_->end(k_kill_patience))
        parts_.lender.note("some processes of the job's user could not be ended");
}

}  // namespace sluice::agent
