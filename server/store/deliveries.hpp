#pragma once
/// Webhook and hook deliveries: durable before they are answered, deduplicated, handled in order
/// (rule 20). Free functions over a transaction: they persist and decide nothing; times and ids are
/// passed in. Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Delivery {
    DeliveryId id;
    ProjectId project;
    std::string source, delivery_id, kind, events, state, outcome;
    std::int64_t attempts = 0;
    std::int64_t run_id = 0;
    Timestamp received_at;
    std::string project_name;  ///< reading only
};
/// Nothing when (project, source, delivery_id) is known already.
std::optional<DeliveryId> insert_delivery(Tx& tx, const Delivery& delivery);
std::optional<Delivery> find_delivery(Tx& tx, DeliveryId id);
/// state = received, in order of arrival.
std::vector<DeliveryId> open_deliveries(Tx& tx);
void count_delivery_attempt(Tx& tx, DeliveryId id);
void settle_delivery(Tx& tx, DeliveryId id, std::string_view state, std::string_view outcome,
                     std::int64_t run_id);
std::vector<Delivery> recent_deliveries(Tx& tx, std::optional<ProjectId> project,
                                        std::int64_t limit);

}  // namespace sluice::store
