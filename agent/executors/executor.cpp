#include "agent/executors/executor.hpp"

#include "agent/executors/container/executor.hpp"
#include "agent/executors/container/images.hpp"
#include "agent/executors/container/login.hpp"
#include "agent/executors/host/executor.hpp"
#include "pipelines/base/text.hpp"

#include <charconv>

namespace sluice::agent {

namespace {
constexpr Duration k_kill_patience{10'000};
}

Result<std::unique_ptr<Executor>> make_executor(const ExecutorParts& parts) {
    const std::string& image = parts.job.spec.image;
    if (image.empty() || image == "none")
        return std::unique_ptr<Executor>(std::make_unique<HostExecutor>(parts));
    SLUICE_TRY(Engine engine, Engine::find(parts.settings.container));
    return std::unique_ptr<Executor>(std::make_unique<ContainerExecutor>(parts, std::move(engine)));
}

std::vector<std::string> available_executors(const ExecutorSettings& settings) {
    std::vector<std::string> names{"host"};
    Result<Engine> engine = Engine::find(settings.container);
    if (engine && engine->works()) names.emplace_back("container");
    return names;
}

Result<> remove_leftovers(std::string_view executor, const std::string& name,
                          const ExecutorSettings& settings, const files::Path& folder) {
    if (executor == "cgroup") {
        std::vector<files::Path> folders;
        for (const std::string& group : text::split(name, ':')) folders.emplace_back(group);
        if (OwnCgroup::end(folders, k_kill_patience)) return {};
        return error(Code::unavailable, "processes_left", "some processes could not be ended");
    }
    if (executor == "user") {
        std::uint32_t id = 0;
        const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), id);
        if (failed != std::errc{} || id == 0 || HostUser::end_left(id, k_kill_patience)) return {};
        return error(Code::unavailable, "processes_left", "some processes could not be ended");
    }
    if (executor != "container") return {};
    Result<> removed = RegistryLogin::remove_left(name);
    SLUICE_TRY(Engine engine, Engine::find(settings.container));
    SLUICE_CHECK(remove_containers(engine, name));
    SLUICE_CHECK(take_back(engine, folder));
    return removed;
}

}  // namespace sluice::agent
