#include "agent/executors/executor.hpp"

#include "agent/executors/container/executor.hpp"
#include "agent/executors/host/executor.hpp"

namespace sluice::agent {

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
                          const ExecutorSettings& settings) {
    if (executor != "container") return {};
    SLUICE_TRY(Engine engine, Engine::find(settings.container));
    return remove_containers(engine, name);
}

}  // namespace sluice::agent
