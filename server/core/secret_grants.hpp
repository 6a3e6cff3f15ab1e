#pragma once
/// Which secrets a job may have (reference A9): decided by the event, the run's tier and the scope
/// that the secret was set with, never by the pipeline.

#include "pipelines/model/event.hpp"
#include "pipelines/model/spec.hpp"
#include "server/store/policy.hpp"
#include "server/store/runs.hpp"
#include "server/store/secrets.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::core {

/// What decides beside the secret itself.
struct GrantCase {
    model::Event event;
    model::Tier tier = model::Tier::t0;
    std::string environment;     ///< of the job; "" = none
    bool ref_protected = false;  ///< the branch of the event; of a pull request the target's
};

/// Whether `ref` of the event is protected; see GrantCase.
bool is_ref_protected(const model::Event& event, const store::Policy& policy,
                      std::string_view default_branch);

/// For which events and refs something was set up.
struct Scope {
    const std::vector<std::string>& events;    ///< none = all but proposals
    const std::vector<std::string>& branches;  ///< globs
    const std::vector<std::string>& tags;  ///< globs; without these and branches: protected ones
    std::string_view harm;                 ///< what whoever opens a pull request could do
};
/// Why the case is outside; "" = it is inside. Forks are the caller's business. Pure.
std::string out_of_scope(const Scope& scope, const GrantCase& asked);

/// What the event and the project's policy say about the run.
GrantCase case_of(store::Tx& tx, const store::Run& run, const model::Event& event,
                  const model::JobSpec& spec);

/// Why that secret is not given to that case; "" = it is. Pure.
std::string refusal(const store::Secret& secret, const GrantCase& asked);

struct Grants {
    std::map<std::string, store::Secret> given;  ///< by name, sealed
    std::vector<std::string> missing;  ///< why, a sentence per secret that is not optional
};

/// True when the job, or a step of it, names a secret or an identity token.
bool wants_secrets(const model::JobSpec& spec);

/// Why the job may not run for want of secrets, for people; "" = it may.
std::string missing_secrets(store::Tx& tx, const store::Run& run, const model::Event& event,
                            const model::JobSpec& spec);

/// What of the names that the job says is granted.
Grants grants_of(store::Tx& tx, const store::Run& run, const model::Event& event,
                 const model::JobSpec& spec);

}  // namespace sluice::core
