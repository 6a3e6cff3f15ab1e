#include "server/store/connection.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <deque>
#include <map>

namespace sluice::store {

namespace {

/// A statement with the storage its parameters and columns stay bound to.
struct Prepared {
    struct Slot {
        long long number = 0;
        std::string text;
        soci::indicator indicator = soci::i_null;
    };
    Prepared(soci::session& session, const std::string& sql, std::span<const Cell> args,
             std::span<const Column> columns)
        : statement(session) {
        statement.alloc();
        statement.prepare(sql);
        for (const Cell& arg : args) {
            Slot& slot = params.emplace_back();
            text_params.push_back(!std::holds_alternative<std::int64_t>(arg));
            if (text_params.back())
                statement.exchange(soci::use(slot.text, slot.indicator));
            else
                statement.exchange(soci::use(slot.number, slot.indicator));
        }
        for (Column column : columns) {
            Slot& slot = results.emplace_back();
            if (column == Column::text)
                statement.exchange(soci::into(slot.text, slot.indicator));
            else
                statement.exchange(soci::into(slot.number, slot.indicator));
        }
        statement.define_and_bind();
    }

    /// SOCI binds a C++ type once; a null or a value of that type fits, another type needs another
    /// statement.
    bool fits(std::span<const Cell> args) const {
        for (std::size_t i = 0; i < args.size(); ++i) {
            if (std::holds_alternative<std::monostate>(args[i])) continue;
            if (text_params[i] == std::holds_alternative<std::int64_t>(args[i])) return false;
        }
        return args.size() == params.size();
    }

    void bind(std::span<const Cell> args) {
        for (std::size_t i = 0; i < args.size(); ++i) {
            Slot& slot = params[i];
            slot.indicator = soci::i_ok;
            if (auto* number = std::get_if<std::int64_t>(&args[i]))
                slot.number = *number;
            else if (auto* text = std::get_if<std::string>(&args[i]))
                slot.text = *text;
            else
                slot.indicator = soci::i_null;
        }
    }

    soci::statement statement;
    std::deque<Slot> params;  // deque: addresses stay
    std::vector<bool> text_params;
    std::deque<Slot> results;
};

Fault fault_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return Fault::busy;
        case SQLITE_FULL: return Fault::full;
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return Fault::io;
        case SQLITE_CONSTRAINT: return Fault::constraint;
        default: return Fault::other;
    }
}

constexpr std::size_t k_cache_max = 256;

}  // namespace

struct Connection::Impl {
    soci::session session;
    // Keyed by text: statements are few and written in code, so the cache does not grow with data.
    std::map<std::string, std::vector<std::unique_ptr<Prepared>>, std::less<>> cache;

    sqlite_api::sqlite3* raw() {
        return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
    }
    [[noreturn]] void rethrow(const soci::soci_error& error, std::string_view sql) {
        auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
        int code = sqlite ? sqlite->result() : sqlite_api::sqlite3_extended_errcode(raw());
        throw StoreError(fault_of(code), std::string(sqlite_api::sqlite3_errstr(code)) + " (" +
                                             std::to_string(code) + ") in: " + std::string(sql));
    }
};

Connection::Connection(const Options& options) : impl_(std::make_unique<Impl>()) {
    try {
        std::string target =
            "db=" + options.path + " timeout=" + std::to_string(options.busy_timeout_ms / 1000);
        if (options.read_only) target += " readonly=1";
        impl_->session.open(*soci::factory_sqlite3(), target);
        sqlite_api::sqlite3_busy_timeout(impl_->raw(), options.busy_timeout_ms);
        if (!options.read_only) impl_->session << "PRAGMA journal_mode=WAL";
        impl_->session << "PRAGMA synchronous=FULL";
        impl_->session << "PRAGMA foreign_keys=ON";
        impl_->session << "PRAGMA cache_size=-2000";
        impl_->session << "PRAGMA temp_store=MEMORY";
    } catch (const soci::soci_error& error) {
        throw StoreError(Fault::io,
                         "cannot open database " + options.path + ": " + error.get_error_message());
    }
}

Connection::~Connection() {
    impl_->cache.clear();
}

bool Connection::autocommit() const {
    return sqlite_api::sqlite3_get_autocommit(impl_->raw()) != 0;
}

void Connection::script(const std::string& sql) {
    char* message = nullptr;
    int code = sqlite_api::sqlite3_exec(impl_->raw(), sql.c_str(), nullptr, nullptr, &message);
    std::string text = message ? message : "";
    sqlite_api::sqlite3_free(message);
    if (code != SQLITE_OK) throw StoreError(fault_of(code), text + " in: " + sql.substr(0, 200));
}

std::int64_t Connection::run(std::string_view sql, std::span<const Cell> args,
                             std::span<const Column> columns,
                             const std::function<void(std::span<Cell>)>& on_row) {
    auto at = impl_->cache.find(sql);
    if (at == impl_->cache.end()) {
        if (impl_->cache.size() >= k_cache_max) impl_->cache.clear();
        at = impl_->cache.emplace(std::string(sql), std::vector<std::unique_ptr<Prepared>>{}).first;
    }
    auto& variants = at->second;
    Prepared* prepared = nullptr;
    for (auto& candidate : variants)
        if (candidate->fits(args) && candidate->results.size() == columns.size())
            prepared = candidate.get();
    try {
        if (!prepared) {
            variants.push_back(
                std::make_unique<Prepared>(impl_->session, at->first, args, columns));
            prepared = variants.back().get();
        }
        prepared->bind(args);
        if (columns.empty()) {
            // With nothing to fetch into, SOCI steps the statement only on an execute with data
            // exchange.
            prepared->statement.execute(true);
            return sqlite_api::sqlite3_changes(impl_->raw());
        }
        prepared->statement.execute(false);
        std::vector<Cell> row(columns.size());
        while (prepared->statement.fetch()) {
            for (std::size_t i = 0; i < columns.size(); ++i) {
                auto& slot = prepared->results[i];
                if (slot.indicator == soci::i_null)
                    row[i] = std::monostate{};
                else if (columns[i] == Column::integer)
                    row[i] = static_cast<std::int64_t>(slot.number);
                else
                    row[i] = slot.text;
            }
            on_row(row);
        }
        return sqlite_api::sqlite3_changes(impl_->raw());
    } catch (const soci::soci_error& error) {
        // A statement that failed half-way keeps SQLite's savepoints from being released: throw it
        // away.
        impl_->cache.erase(at);
        impl_->rethrow(error, sql);
    } catch (...) {
        impl_->cache.erase(at);
        throw;
    }
}

}  // namespace sluice::store
