#pragma once
/// What the people who keep a project decided about it. No pipeline can loosen it (reference A9).
/// Free functions over a transaction: they persist and decide nothing.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/ids.hpp"
#include "server/store/connection.hpp"

#include <string>
#include <vector>

namespace sluice::store {

/// What a change to `.ci*` files means for the gate: it is marked; changed definitions of required
/// jobs wait for an approval; any edit waits.
enum class ConfigChanges { notice, required, approve };

struct Policy {
    std::vector<std::string> protected_branches;  ///< globs, beside the default branch
    std::vector<std::string> protected_tags;      ///< globs
    ConfigChanges config_changes = ConfigChanges::required;
    bool job_statuses = true;  ///< a commit status per required job, beside that of the gate
    bool operator==(const Policy&) const = default;
};

/// Of a project that exists.
Policy find_policy(Tx& tx, ProjectId project);
void set_policy(Tx& tx, ProjectId project, const Policy& policy);

}  // namespace sluice::store

namespace sluice {
SLUICE_ENUM_NAMES(store::ConfigChanges, "notice", "required", "approve");
}  // namespace sluice
