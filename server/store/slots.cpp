#include "server/store/slots.hpp"

namespace sluice::store {

namespace {

using I = std::int64_t;
using S = std::string;

template <class... Keys>
std::vector<Slot> select(Tx& tx, std::string_view where, const Keys&... keys) {
    std::vector<Slot> out;
    for (auto& [run, job, group, asked, holds] : tx.all<I, I, S, S, I>(
             "SELECT run_id, job_id, group_key, asked, holds FROM slots " + std::string(where),
             keys...))
        out.push_back({{run}, {job}, std::move(group), std::move(asked), holds != 0});
    return out;
}

}  // namespace

void insert_slot(Tx& tx, const Slot& slot) {
    tx.exec(
        "INSERT INTO slots (run_id, job_id, group_key, asked, holds) VALUES (:a, :b, :c, :d, :e)",
        slot.run, slot.job, slot.group, slot.asked, std::int64_t{slot.holds});
}

std::optional<Slot> find_slot(Tx& tx, RunId run, JobId job) {
    auto rows = select(tx, "WHERE run_id = :a AND job_id = :b", run, job);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

std::vector<Slot> slots_of(Tx& tx, std::string_view group) {
    return select(tx, "WHERE group_key = :a ORDER BY run_id, id", group);
}

void set_slot_held(Tx& tx, RunId run, JobId job) {
    tx.exec("UPDATE slots SET holds = 1 WHERE run_id = :a AND job_id = :b", run, job);
}

void remove_slot(Tx& tx, RunId run, JobId job) {
    tx.exec("DELETE FROM slots WHERE run_id = :a AND job_id = :b", run, job);
}

}  // namespace sluice::store
