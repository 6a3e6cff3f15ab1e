#include "agent/executors/external_name.hpp"

#include "platform/crypto.hpp"

namespace sluice::agent {

std::string external_name(const files::Path& attempt_folder) {
    return "sluice-" + crypto::sha256_hex(attempt_folder.string()).substr(0, 10) + "-" +
           attempt_folder.filename().string();
}

}  // namespace sluice::agent
