#include "server/store/run_inputs.hpp"

namespace sluice::store {

void put_run_input(Tx& tx, RunId run, std::string_view input) {
    tx.exec("INSERT INTO run_inputs(run_id, input) VALUES (:a, :b)", run, input);
}

std::optional<std::string> run_input(Tx& tx, RunId run) {
    auto row = tx.one<std::string>("SELECT input FROM run_inputs WHERE run_id = :a", run);
    if (!row) return std::nullopt;
    return std::get<0>(*row);
}

}  // namespace sluice::store
