#pragma once

namespace sluice::agent {

/// Version text of this build, told to the server.
inline constexpr const char* k_version = SLUICE_AGENT_VERSION;

}  // namespace sluice::agent
