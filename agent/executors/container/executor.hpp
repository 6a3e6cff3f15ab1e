#pragma once
/// Steps in containers: one for each image that the job's steps name, kept from the first step with
/// that image to the end of the attempt, so steps share what they install. They share the network
/// and the workspace, too.

#include "agent/executors/container/engine.hpp"
#include "agent/executors/container/link.hpp"
#include "agent/executors/executor.hpp"
#include "agent/resources/cgroup.hpp"

namespace sluice::agent {

class ContainerExecutor : public Executor {
public:
    ContainerExecutor(const ExecutorParts& parts, Engine engine);

    std::string_view name() const override { return "container"; }
    std::optional<Refusal> prepare(const std::string& image) override;
    Places places() const override;
    Environment base_environment() const override;
    Result<std::string> find_program(const std::string& program, const std::string& path) override;
    Result<std::unique_ptr<StepProcess>> start(spawn::Command command,
                                               OutputPipe::Taken taken) override;
    Result<TerminalProcess> start_on_terminal(spawn::Command command) override;
    void end_steps() override;
    std::uint64_t oom_kills() const override;
    std::optional<UsageNow> usage() const override;
    std::string_view memory_owner() const override { return "the container"; }
    void clean_up() override;
    std::map<std::string, std::string> facts() const override { return facts_; }

private:
    struct Container {
        std::string name;
        std::unique_ptr<KeeperLink> link;  ///< none = the container is gone
        Environment env;                   ///< the image's
        std::optional<Cgroup> cgroup;
    };

    std::optional<Refusal> start_container(const std::string& image, const ImageFacts& facts,
                                           Container& container);
    void lost(Container& container);
    /// After a start that was refused: does the keeper still answer what it is asked?
    void check_answer(Container& container, const Error& refusal);

    ExecutorParts parts_;
    Engine engine_;
    std::string name_;
    bool network_ = false;
    bool others_ = false;  ///< steps may have made files as other users than we are
    std::map<std::string, Container> containers_;  ///< by image
    Container* current_ = nullptr;
    Duration cpu_of_lost_{0};
    std::uint64_t oom_kills_of_lost_ = 0;
    std::map<std::string, std::string> facts_;
};

}  // namespace sluice::agent
