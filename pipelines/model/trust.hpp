#pragma once
/// How far a run is trusted (reference A9): computed by the server when the run is made, from the
/// event and the project's policy alone; nothing that the change itself says can raise it.

#include "pipelines/base/enum_text.hpp"

namespace sluice::model {

/// t0: a fork's pull request that nobody approved; t1: a pull request of the same repository, an
/// approved fork, a merge queue entry; t2: an unprotected ref; t3: a protected branch or tag.
enum class Tier { t0, t1, t2, t3 };

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::Tier, "T0", "T1", "T2", "T3");
}  // namespace sluice
