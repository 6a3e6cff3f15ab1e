#pragma once
/// Notices of runners to the daemon: one unix datagram socket in the agent's folder. A lost notice
/// costs a moment of idle slot, never more. Any thread.

#include "pipelines/base/ids.hpp"
#include "platform/files.hpp"

namespace sluice::agent {

/// Binds the agent's socket, replacing that of an earlier daemon. Non-blocking.
Result<files::Fd> bind_notices(const files::Path& agent_dir);
/// The attempt in one notice, or nothing when none is waiting or it is malformed.
std::optional<AttemptId> receive_notice(int fd);
/// "The outcome of `attempt` is recorded": its slot is free although its folder is still being
/// removed. Never blocks.
void send_notice(const files::Path& agent_dir, AttemptId attempt);

}  // namespace sluice::agent
