#include "agent/executors/container/executor.hpp"

#include "agent/executors/container/images.hpp"
#include "agent/executors/container/process.hpp"
#include "agent/executors/host/process.hpp"
#include "agent/executors/ownership.hpp"
#include "agent/runner/process_tree.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

constexpr Duration k_keeper_patience{20'000};
/// Nobody waits for what the engine's own helpers do after a removal, but not for ever.
constexpr Duration k_helpers_patience{2'000};

const files::Path k_inside = "/ci";
const files::Path k_workspace_inside = k_inside / "workspace";
const files::Path k_files_inside = k_inside / "files";
const files::Path k_secrets_inside = k_inside / "secrets";

files::Path shared_folder(const AttemptFolder& folder) {
    return folder.path / "ci";
}

bool is_root(std::string_view user) {
    const std::string_view name = user.substr(0, user.find(':'));
    return name.empty() || name == "root" || name == "0";
}

Refusal refused_user(const std::string& image, uid_t user, const Error& why) {
    return {
        error(Code::unsupported, "foreign_user",
              fmt::format("image {}: its steps are user {}'s, to whom this agent can't give the "
                          "workspace ({}): with docker that needs an agent that runs as root, "
                          "or `image.user` {}, who the agent is",
                          image, user, why.message, ::geteuid()))};
}

}  // namespace

ContainerExecutor::ContainerExecutor(const ExecutorParts& parts, Engine engine)
    : parts_(parts), engine_(std::move(engine)), name_(external_name(parts.folder.path)) {}

Places ContainerExecutor::places() const {
    return {k_workspace_inside, k_files_inside, shared_folder(parts_.folder) / "files",
            k_secrets_inside};
}

std::optional<Refusal> ContainerExecutor::prepare(const std::string& step_image) {
    const std::string& image = step_image.empty() ? parts_.job.spec.image : step_image;
    auto found = containers_.find(image);
    if (found != containers_.end() && found->second.link) {
        current_ = &found->second;
        return std::nullopt;
    }
    current_ = nullptr;
    if (helper_program().empty())
        return Refusal{error(Code::unsupported, "no_helper",
                             "sluice-exec must be installed beside sluice-agent")};
    if (containers_.empty()) {
        if (Result<> written = parts_.lender.intend(name(), name_); !written)
            return Refusal{written.error()};
    }
    ImageFacts facts;
    if (auto refused =
            fetch_image(engine_, parts_, image, parts_.job.spec.image_settings.pull, facts))
        return refused;
    if (!network_ && !parts_.sidecars.network)
        if (auto refused = make_network(engine_, parts_.lender, name_)) return refused;
    network_ = true;
    if (facts_.empty())
        facts_ = {{"image", image}, {"image_id", facts.id}, {"image_digest", facts.digest}};
    else if (image != facts_["image"])
        facts_["image_digest " + image] = facts.digest;
    Container& container = containers_[image];
    if (!container.name.empty()) {
        // One that has ended still has its name.
        std::vector<std::string> words{"rm", "--force", "--volumes"};
        if (engine_.is_podman()) words.insert(words.end(), {"--ignore", "--time", "0"});
        words.push_back(container.name);
        (void)run_engine(engine_, std::move(words));
    } else {
        container.name = fmt::format("{}-{}", name_, containers_.size());
    }
    if (auto refused = start_container(image, facts, container)) return refused;
    current_ = &container;
    return std::nullopt;
}

std::optional<Refusal> ContainerExecutor::start_container(const std::string& image,
                                                          const ImageFacts& facts,
                                                          Container& container) {
    const files::Path shared = shared_folder(parts_.folder);
    const std::string socket_name = "keeper-" + std::to_string(containers_.size());
    // With all that is mounted on: inside, this folder is read-only, for root, too. Else a step
    // could put a link in the place of what the runner makes and writes here later.
    std::vector<files::Path> made_here{shared, shared / "workspace", shared / "files"};
    if (!parts_.secret_files.empty()) made_here.push_back(shared / "secrets");
    for (const files::Path& path : made_here)
        if (Result<> made = files::make_dirs(path, 0755); !made) return Refusal{made.error()};
    if (auto made = files::open(shared / "sluice-exec", O_WRONLY | O_CREAT | O_NOFOLLOW, 0755);
        !made)
        return Refusal{made.error()};
    // Whoever the steps are: the attempt's folder above lets nobody else in.
    ::chmod((shared / "files").c_str(), 01777);
    Result<KeeperSocket> socket = KeeperSocket::listen(shared / socket_name);
    if (!socket) return Refusal{socket.error()};

    const model::JobSpec& spec = parts_.job.spec;
    const std::string& user = spec.image_settings.user;
    const std::string keeper = (k_inside / "sluice-exec").string();
    ContainerSpec wanted;
    wanted.name = container.name;
    wanted.attempt = name_;
    wanted.engine_directory = parts_.folder.path;
    wanted.image = facts.id;
    wanted.network = name_;
    wanted.user = user;
    wanted.entrypoint = {keeper};
    if (!spec.image_settings.entrypoint.empty() && image == spec.image) {
        wanted.entrypoint = spec.image_settings.entrypoint;
        wanted.arguments = {keeper};
    }
    wanted.arguments.insert(wanted.arguments.end(), {"--keep", (k_inside / socket_name).string()});
    const bool foreign =
        !is_root(user.empty() ? facts.user : user) || !parts_.settings.container.userns.empty();
    wanted.mounts = {{shared, k_inside, true},
                     {shared / "files", k_files_inside},
                     {helper_program(), keeper, true},
                     {parts_.folder.workspace(), k_workspace_inside, false, foreign}};
    // They are readable for all, in a folder that only this container has; gone when the job is.
    std::error_code gone;
    if (!parts_.secret_files.empty() && std::filesystem::exists(parts_.secret_files, gone))
        wanted.mounts.push_back({parts_.secret_files, k_secrets_inside, true});
    wanted.hosts = parts_.sidecars.hosts;
    wanted.directory = k_workspace_inside;
    wanted.cpu_millis = spec.resources.cpu_millis;
    wanted.memory = spec.resources.memory;
    wanted.gpus = parts_.job.gpus;
    wanted.asks_for_gpus = facts.asks_for_gpus;
    if (auto refused =
            call_engine(parts_.lender, engine_.run(wanted),
                        "image " + image + " could not be started", model::Cause::setup)) {
        if (!wanted.gpus.empty()) refused->error.message += engine_.advice_for_gpus();
        return refused;
    }
    Result<KeeperLink> link = socket->accept(k_keeper_patience);
    if (!link) return Refusal{link.error()};
    Result<Frame> hello = link->receive(k_keeper_patience);
    if (!hello) return Refusal{hello.error()};
    for (const std::string& variable : hello->texts)
        if (std::size_t equals = variable.find('='); equals != std::string::npos)
            container.env[variable.substr(0, equals)] = variable.substr(equals + 1);
    const ucred keeper_is = link->peer();
    container.cgroup = Cgroup::of(keeper_is.pid);
    // Without control groups of its own (rootless, version 1) it is in ours, which counts others.
    if (container.cgroup == Cgroup::of(::getpid())) container.cgroup.reset();
    if (!container.cgroup && (spec.resources.memory > 0 || spec.resources.cpu_millis > 0))
        parts_.lender.note(
            "the container has no control group of its own: what the job asks for is reserved, but "
            "it is not held to it");
    // Rootless podman does it, by its option U; as root that goes by paths, which an earlier
    // container of the job could lead astray.
    if (!engine_.is_rootless() && keeper_is.uid != ::geteuid())
        if (Result<> given = give_to(parts_.folder.workspace(), keeper_is.uid, keeper_is.gid);
            !given)
            return refused_user(image, keeper_is.uid, given.error());
    others_ =
        others_ || keeper_is.uid != ::geteuid() || !parts_.settings.container.capabilities.empty();
    container.link = std::make_unique<KeeperLink>(std::move(*link));
    return std::nullopt;
}

Environment ContainerExecutor::base_environment() const {
    return current_ == nullptr ? Environment{} : current_->env;
}

Result<std::string> ContainerExecutor::find_program(const std::string& program,
                                                    const std::string& path) {
    if (current_ == nullptr || !current_->link)
        return error(Code::unavailable, "container_gone", "the container has ended");
    Result<Frame> answer = current_->link->ask('F', {program, path});
    if (!answer) {
        check_answer(*current_, answer.error());
        return answer.error();
    }
    if (answer->letter == 'F' && answer->texts.size() == 1 && !answer->texts[0].empty())
        return answer->texts[0];
    return error(Code::not_found, "spawn_failed", program + ": not found in the image");
}

Result<std::unique_ptr<StepProcess>> ContainerExecutor::start(spawn::Command command,
                                                              OutputPipe::Taken taken) {
    if (current_ == nullptr || !current_->link)
        return error(Code::unavailable, "container_gone", "the container has ended");
    Container* container = current_;
    auto process = std::make_unique<ContainerProcess>(parts_.lender.io(), *container->link,
                                                      [this, container] { lost(*container); });
    if (Result<> started = process->start(command, std::move(taken)); !started) {
        check_answer(*container, started.error());
        return started.error();
    }
    return std::unique_ptr<StepProcess>(std::move(process));
}

Result<TerminalProcess> ContainerExecutor::start_on_terminal(spawn::Command command) {
    if (current_ == nullptr || !current_->link)
        return error(Code::unavailable, "container_gone", "the container has ended");
    Container* container = current_;
    auto process = std::make_unique<ContainerProcess>(parts_.lender.io(), *container->link,
                                                      [this, container] { lost(*container); });
    Result<files::Fd> terminal = process->start_on_terminal(command);
    if (!terminal) {
        check_answer(*container, terminal.error());
        return terminal.error();
    }
    return TerminalProcess{std::move(process), std::move(*terminal)};
}

void ContainerExecutor::check_answer(Container& container, const Error& refusal) {
    // Told that it can't be started, or never asked. With any other refusal it may run all the
    // same, and its answer would be taken for that to the next question.
    if (refusal.id == "spawn_failed" || refusal.id == "environment_too_large") return;
    if (container.link) lost(container);
}

void ContainerExecutor::end_steps() {
    for (auto& [image, container] : containers_)
        if (container.link && !container.link->ask('A', {})) lost(container);
}

/// The kernel may have chosen the whole container; then the group went before its count was read.
void ContainerExecutor::lost(Container& container) {
    if (auto kills = container.cgroup ? container.cgroup->oom_kills() : std::nullopt)
        oom_kills_of_lost_ += *kills;
    else if (auto state = run_engine(
                 engine_, {"inspect", "--format", "{{.State.OOMKilled}}", container.name});
             state && state->output.starts_with("true"))
        ++oom_kills_of_lost_;
    container.cgroup.reset();
    container.link.reset();
}

std::uint64_t ContainerExecutor::oom_kills() const {
    std::uint64_t kills = oom_kills_of_lost_;
    for (const auto& [image, container] : containers_)
        if (container.cgroup) kills += container.cgroup->oom_kills().value_or(0);
    return kills;
}

std::optional<UsageNow> ContainerExecutor::usage() const {
    UsageNow now{cpu_of_lost_};
    bool known = false;
    for (const auto& [image, container] : containers_) {
        if (!container.cgroup) continue;
        const auto cpu = container.cgroup->cpu_time();
        const auto resident = container.cgroup->resident();
        known = known || cpu || resident;
        now.cpu += cpu.value_or(Duration{0});
        now.resident += resident.value_or(0);
        now.peak += container.cgroup->peak().value_or(0);
    }
    if (!known) return std::nullopt;
    return now;
}

void ContainerExecutor::clean_up() {
    if (containers_.empty() && !network_) return;
    // The end of its link ends a container by itself, which saves the engine the killing.
    std::vector<std::string> words{"rm", "--force", "--volumes"};
    if (engine_.is_podman()) words.insert(words.end(), {"--ignore", "--time", "0"});
    for (auto& [image, container] : containers_) {
        container.link.reset();
        words.push_back(container.name);
    }
    const auto removed = [&](std::vector<std::string> call_words) {
        auto done = run_engine(engine_, std::move(call_words));
        return done && done->exit.ok();
    };
    const bool all = (containers_.empty() || removed(std::move(words))) &&
                     (!network_ || (!parts_.sidecars.network && removed({"network", "rm", name_})));
    if (!all)
        if (Result<> again = remove_containers(engine_, name_); !again)
            parts_.lender.note("the job's containers could not be removed: " +
                               again.error().message);
    if (others_)
        for (const files::Path& folder :
             {parts_.folder.workspace(), shared_folder(parts_.folder) / "files"})
            if (Result<> taken = take_back(engine_, folder); !taken)
                parts_.lender.note("what steps made as other users stays theirs: " +
                                   taken.error().message);
    wait_for_children(k_helpers_patience);
}

}  // namespace sluice::agent
