#pragma once
/// What this machine is, for the agent's page. Blocking reads of small files; any thread.

#include "pipelines/protocol/hello.hpp"
#include "platform/files.hpp"

namespace sluice::agent {

/// What can't be told is empty or 0.
protocol::HostFacts host_facts(const files::Path& agent_dir);

}  // namespace sluice::agent
