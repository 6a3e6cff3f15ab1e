#pragma once
/// Edits of the configuration that a maintainer let pass.
/// Free functions over a transaction: they persist and decide nothing; times are passed in.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>

namespace sluice::store {

/// What an approval is bound to.
struct ConfigEditKey {
    ProjectId project;
    std::string sha;
    std::string branch;  ///< the target
    std::string digest;  ///< of the edit
};
struct ConfigApproval {
    ConfigEditKey key;
    std::string decided_by, reason;
    Timestamp decided_at;
};
/// The first word stands.
void put_config_approval(Tx& tx, const ConfigApproval& approval);
std::optional<ConfigApproval> find_config_approval(Tx& tx, const ConfigEditKey& key);

}  // namespace sluice::store
