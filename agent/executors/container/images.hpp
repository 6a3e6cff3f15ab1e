#pragma once
/// Images and networks of an attempt, by an engine. Runner's thread.

#include "agent/executors/container/engine.hpp"
#include "agent/executors/executor.hpp"

namespace sluice::agent {

/// The image's facts, once it may be started here: allowed by the machine's owner, pulled when it
/// must be, and none of the refused kind.
std::optional<Refusal> fetch_image(const Engine& engine, const ExecutorParts& parts,
                                   const std::string& image, model::PullPolicy policy,
                                   ImageFacts& facts);

/// A call of the engine that must succeed; the refusal says `what` went wrong.
std::optional<Refusal> call_engine(Lender& lender, spawn::Command command, const std::string& what,
                                   model::Cause cause);

/// The network of the attempt of that name.
std::optional<Refusal> make_network(const Engine& engine, Lender& lender, const std::string& name);

/// A call while the attempt can't be stopped any more. Blocking, a minute at most.
Result<spawn::Finished> run_engine(const Engine& engine, std::vector<std::string> words);

/// What a rootless container's users have made in the folder becomes ours; nothing to do for other
/// engines. No container may run in it any more. Blocking.
Result<> take_back(const Engine& engine, const files::Path& folder);

/// Removes all containers and the network of the attempt of that name. Blocking.
Result<> remove_containers(const Engine& engine, const std::string& name);

}  // namespace sluice::agent
