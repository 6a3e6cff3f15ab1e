#include "server/store/schema.hpp"

#include <fmt/format.h>

namespace sluice::store {

void migrate(Connection& connection) {
    const auto version = std::get<0>(*connection.one<std::int64_t>("PRAGMA user_version"));
    const auto all = migrations();
    if (!all.empty() && version > all.back().number)
        throw std::runtime_error(
            fmt::format("the database is at schema {}, this build knows up to {}: start the newer "
                        "sluice-server",
                        version, all.back().number));
    for (const Migration& migration : all) {
        if (migration.number <= version) continue;
        connection.script(fmt::format("BEGIN IMMEDIATE;\n{}\nPRAGMA user_version = {};\nCOMMIT;",
                                      migration.sql, migration.number));
    }
}

}  // namespace sluice::store
