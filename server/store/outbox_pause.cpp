#include "server/store/outbox_pause.hpp"

namespace sluice::store {

void pause_outbox(Tx& tx, ProjectId project, Timestamp until) {
    tx.exec(
        "UPDATE outbox SET next_at = :a WHERE project_id = :b AND state = 'pending' AND next_at < "
        ":c",
        until, project, until);
}

}  // namespace sluice::store
