#pragma once
/// What later planning of a run must know (engine rule 19), kept only for runs that may grow.
/// Free functions over a transaction: they persist and decide nothing.

#include "pipelines/base/ids.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::store {

/// `input` is plan::Input as JSON, without its event.
void put_run_input(Tx& tx, RunId run, std::string_view input);
std::optional<std::string> run_input(Tx& tx, RunId run);

}  // namespace sluice::store
