#pragma once
/// What an environment asks of a job before it may go there (reference A6 step 7, A9): the rules
/// are the project's, and a pipeline can only add to them (docs/decisions/0027).

#include "server/core/secret_grants.hpp"
#include "server/store/approvals.hpp"
#include "server/store/environments.hpp"

#include <string>
#include <vector>

namespace sluice::core {

/// So many different people of those must agree.
struct Demand {
    std::vector<std::string> by;  ///< roles from which on it is allowed, or people; none = write
    std::int64_t count = 1;
};

/// What a job waits for beside its needs.
struct Demands {
    std::vector<Demand> people;
    bool reason_required = false;
    Duration expires{};  ///< the shortest that somebody asks for
    Duration wait{};
    bool any() const { return !people.empty() || wait.count() > 0; }
};

/// What file and environment ask together, as things stand now. `outdated_by` not 0: a newer run
/// has deployed, so somebody has to want the older one.
Demands demands_of(store::Tx& tx, const store::Run& run, const model::JobSpec& spec,
                   std::int64_t outdated_by);

/// Number of the newer run that has deployed to the job's environment; 0 = none. Protected or not.
std::int64_t outdated_by(store::Tx& tx, const store::Run& run, const model::JobSpec& spec);

/// Whether that person's word counts for one of the demands. Pure.
bool may_decide(const Demands& demands, const store::Vote& person);

/// The demands that these people do not meet. Pure.
std::vector<Demand> unmet(const Demands& demands, const std::vector<store::Vote>& votes);

/// `2 approvals by admin, ann`; several joined by "and". Pure.
std::string to_words(const std::vector<Demand>& demands);

/// Why the run may not deploy there; "" = it may, or asks for no environment.
std::string refused_environment(store::Tx& tx, const store::Run& run, const model::Event& event,
                                const model::JobSpec& spec);

/// Why the job is not to start at all, for want of an environment or of secrets; "" = it may.
std::string refused_by_policy(store::Tx& tx, const store::Run& run, const model::Event& event,
                              const model::JobSpec& spec);

}  // namespace sluice::core
