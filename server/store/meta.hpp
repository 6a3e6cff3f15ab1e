#pragma once
/// Small facts about the database itself.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

std::optional<std::string> get_meta(Tx& tx, std::string_view key);
void set_meta(Tx& tx, std::string_view key, std::string_view value);

}  // namespace sluice::store
