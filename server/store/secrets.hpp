#pragma once
/// Secrets as they lie in the database: sealed. Free functions over a transaction: they persist and
/// decide nothing; they never see a value.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

using SecretId = Id<struct SecretTag>;

struct Secret {
    SecretId id;
    ProjectId project;
    std::string name;
    std::string environment;            ///< "" = any
    std::vector<std::string> events;    ///< names of event kinds
    std::vector<std::string> branches;  ///< globs
    std::string sealed;
    std::string set_by;
    Timestamp set_at;
};

/// What the ciphertext is bound to.
std::string secret_context(ProjectId project, std::string_view name, std::string_view environment);

/// A secret of that project, name and environment is replaced.
SecretId put_secret(Tx& tx, const Secret& secret);
std::vector<Secret> secrets_of(Tx& tx, ProjectId project);
/// Of that name, for whatever environment.
std::vector<Secret> secrets_named(Tx& tx, ProjectId project, std::string_view name);
std::optional<Secret> find_secret(Tx& tx, SecretId id);
void remove_secret(Tx& tx, SecretId id);
std::vector<Secret> all_secrets(Tx& tx);
void reseal_secret(Tx& tx, SecretId id, std::string_view sealed);

}  // namespace sluice::store
