#include "server/store/meta.hpp"

namespace sluice::store {

std::optional<std::string> get_meta(Tx& tx, std::string_view key) {
    auto row = tx.one<std::string>("SELECT value FROM meta WHERE key = :a", key);
    if (!row) return std::nullopt;
    return std::get<0>(*row);
}

void set_meta(Tx& tx, std::string_view key, std::string_view value) {
    tx.exec(
        "INSERT INTO meta(key, value) VALUES (:a, :b) ON CONFLICT(key) DO UPDATE SET value = "
        "excluded.value",
        key, value);
}

}  // namespace sluice::store
