#pragma once
/// `sluice-agent enrol`: exchanges a one-use token for the agent's identity. Blocking.

#include "agent/config.hpp"

namespace sluice::agent {

struct EnrolOptions {
    std::string server;
    std::string token;
    files::Path dir;
    std::string name;                 ///< "" = the host's name
    std::vector<std::string> labels;  ///< wanted
    files::Path ca_file;              ///< copied into DIR; "" = the system's bundle
};

/// Stores the identity in DIR/agent.json. May be repeated with the same token while an answer is
/// missing: the install id in DIR makes it the same agent.
Result<Config> enrol(const EnrolOptions& options);

}  // namespace sluice::agent
