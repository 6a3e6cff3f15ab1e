#pragma once
/// What an enrolled agent knows about itself: DIR/agent.json, readable by its owner only. Any
/// thread.

#include "pipelines/base/ids.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::agent {

struct Config {
    std::string server;   ///< `https://ci.example.com`, without a slash at the end
    std::string ca_file;  ///< PEM of the one authority to trust; "" = the system's bundle
    AgentId agent;
    std::string token;  ///< for `Authorization: Agent`
    std::string name;
    std::string server_id;
    std::vector<std::string> labels;  ///< as granted
};

/// Refused with `not_enrolled` and what to do when DIR holds no agent.
Result<Config> load_config(const files::Path& dir);
Result<> save_config(const files::Path& dir, const Config& config);

}  // namespace sluice::agent
