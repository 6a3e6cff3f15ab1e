#pragma once
/// Walks a node tree by the schema: unknown keys with what was meant, keys this version does not
/// carry out, wrong shapes, wrong scalars, expressions where none are evaluated. Types of
/// expressions are checked later, with the job they are evaluated in.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/schema.hpp"

#include <string>

namespace sluice::config {

/// `a duration or a map`: what the row allows.
std::string wanted(const Key& key);
/// Nothing is inherited into such a map, so null there is a value somebody forgot; elsewhere it
/// removes.
bool null_is_forgotten(Scopes scope);

class Checker {
public:
    explicit Checker(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

    /// A map in which the keys of `scope` may stand. `path` names it for people: `jobs.test`.
    void check_map(const Node& node, Scopes scope, const std::string& path);

private:
    void unknown_key(const Member& member, Scopes scope, const std::string& path);
    void check_value(const Member& member, const Key& key, Scopes scope, const std::string& path);
    void check_list(const Node& node, const Key& key, const std::string& path);
    void check_text(const Node& node, Scalar type, const Key& key, const std::string& path);
    void check_free_map(const Node& node, Scopes scope, const Key& key, const std::string& path);
    void check_env(const Node& node, const Key& key, const std::string& path, bool null_removes);
    void check_names(const Node& node, const Key& key, const std::string& path);
    void check_jobs(const Node& node, const std::string& path);
    void check_axis(const Member& member, const std::string& path);
    void mismatch(const Node& node, const Key& key, const std::string& path);

    Diagnostics& diagnostics_;
};

}  // namespace sluice::config
