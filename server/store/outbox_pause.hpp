#pragma once
/// A forge that asks for a pause gets one from all rows of its project (the rows are in
/// events.hpp). Free function over a transaction, as there.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

namespace sluice::store {

/// Nothing of the project is due before `until`.
void pause_outbox(Tx& tx, ProjectId project, Timestamp until);

}  // namespace sluice::store
