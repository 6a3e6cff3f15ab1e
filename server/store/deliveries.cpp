#include "server/store/deliveries.hpp"

namespace sluice::store {

std::optional<DeliveryId> insert_delivery(Tx& tx, const Delivery& d) {
    auto row = tx.one<std::int64_t>(
        "INSERT INTO deliveries(project_id, source, delivery_id, kind, events, state, attempts, "
        "outcome, received_at) "
        "VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i) ON CONFLICT DO NOTHING RETURNING id",
        d.project, d.source, d.delivery_id, d.kind, d.events, d.state, d.attempts, d.outcome,
        d.received_at);
    if (!row) return std::nullopt;
    return DeliveryId{std::get<0>(*row)};
}

std::optional<Delivery> find_delivery(Tx& tx, DeliveryId id) {
    using S = std::string;
    using I = std::int64_t;
    auto row = tx.one<I, I, S, S, S, S, S, S, I, I, I>(
        "SELECT id, project_id, source, delivery_id, kind, events, state, outcome, attempts, "
        "coalesce(run_id, 0), received_at "
        "FROM deliveries WHERE id = :a",
        id);
    if (!row) return std::nullopt;
    auto& [i, project, source, delivery, kind, events, state, outcome, attempts, run, at] = *row;
    return Delivery{{i},   {project}, source,   delivery, kind, events,
                    state, outcome,   attempts, run,      {at}, {}};
}

std::vector<DeliveryId> open_deliveries(Tx& tx) {
    std::vector<DeliveryId> out;
    for (auto& [id] :
         tx.all<std::int64_t>("SELECT id FROM deliveries WHERE state = 'received' ORDER BY id"))
        out.push_back({id});
    return out;
}

void count_delivery_attempt(Tx& tx, DeliveryId id) {
    tx.exec("UPDATE deliveries SET attempts = attempts + 1 WHERE id = :a", id);
}

void settle_delivery(Tx& tx, DeliveryId id, std::string_view state, std::string_view outcome,
                     std::int64_t run_id) {
    tx.exec("UPDATE deliveries SET state = :a, outcome = :b, run_id = nullif(:c, 0) WHERE id = :d",
            state, outcome, run_id, id);
}

std::vector<Delivery> recent_deliveries(Tx& tx, std::optional<ProjectId> project,
                                        std::int64_t limit) {
    using S = std::string;
    using I = std::int64_t;
    std::vector<Delivery> out;
    const ProjectId wanted = project.value_or(ProjectId{});
    for (auto& [id, pid, source, delivery, kind, state, outcome, attempts, run, at, name] :
         tx.all<I, I, S, S, S, S, S, I, I, I, S>(
             "SELECT d.id, d.project_id, d.source, d.delivery_id, d.kind, d.state, d.outcome, "
             "d.attempts, "
             "coalesce(d.run_id, 0), d.received_at, p.name FROM deliveries d JOIN projects p ON "
             "p.id = d.project_id "
             "WHERE (:a = 0 OR d.project_id = :b) ORDER BY d.id DESC LIMIT :c",
             wanted, wanted, limit))
        out.push_back(
            {{id}, {pid}, source, delivery, kind, {}, state, outcome, attempts, run, {at}, name});
    return out;
}

}  // namespace sluice::store
