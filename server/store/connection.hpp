#pragma once
/// One database connection and typed statements on it. SOCI stays in connection.cpp (the fence of
/// architecture §3): rows come out as tuples, every statement is stepped to its end and reset, and
/// SOCI's error texts, which hold bound values, never leave (rule 16). A Connection belongs to one
/// thread at a time.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::store {

/// What went wrong in the database, as far as callers must tell apart.
enum class Fault { busy, full, io, constraint, other };

/// A broken database or a bug; its text holds the SQL but no bound value. Constraint faults are the
/// caller's business.
class StoreError : public std::runtime_error {
public:
    StoreError(Fault fault, const std::string& what) : std::runtime_error(what), fault_(fault) {}
    Fault fault() const { return fault_; }

private:
    Fault fault_;
};

using Cell = std::variant<std::monostate, std::int64_t, std::string>;
enum class Column : char { integer, text };

namespace detail {

template <class T>
struct ColumnOf;
template <>
struct ColumnOf<std::int64_t> {
    static constexpr Column kind = Column::integer;
    static std::int64_t take(Cell& cell) {
        auto* value = std::get_if<std::int64_t>(&cell);
        return value ? *value : 0;
    }
};
template <>
struct ColumnOf<bool> {
    static constexpr Column kind = Column::integer;
    static bool take(Cell& cell) { return ColumnOf<std::int64_t>::take(cell) != 0; }
};
template <>
struct ColumnOf<std::string> {
    static constexpr Column kind = Column::text;
    static std::string take(Cell& cell) {
        auto* value = std::get_if<std::string>(&cell);
        return value ? std::move(*value) : std::string{};
    }
};
template <class T>
struct ColumnOf<std::optional<T>> {
    static constexpr Column kind = ColumnOf<T>::kind;
    static std::optional<T> take(Cell& cell) {
        if (std::holds_alternative<std::monostate>(cell)) return std::nullopt;
        return ColumnOf<T>::take(cell);
    }
};

template <class T>
Cell to_cell(const T& value) {
    if constexpr (requires {
                      value.has_value();
                      *value;
                  }) {
        if (!value.has_value()) return std::monostate{};
        return to_cell(*value);
    } else if constexpr (requires { value.ms; }) {
        return static_cast<std::int64_t>(value.ms);
    } else if constexpr (requires { value.value; }) {
        return static_cast<std::int64_t>(value.value);
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<std::int64_t>(value);
    } else {
        return std::string(std::string_view(value));
    }
}

}  // namespace detail

/// A prepared-statement cache over one session. Null integers read as 0 and null texts as "" unless
/// the column is asked for as std::optional.
class Connection {
public:
    struct Options {
        std::string path;  ///< of the SQLite file
        bool read_only = false;
        int busy_timeout_ms = 5000;
    };
    explicit Connection(const Options& options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// All rows. Parameters are written `:a`, `:b` … and bound in order of first appearance.
    template <class... Cols, class... Args>
    std::vector<std::tuple<Cols...>> all(std::string_view sql, const Args&... args) {
        std::vector<std::tuple<Cols...>> rows;
        const Cell cells[] = {detail::to_cell(args)..., Cell{}};
        static constexpr Column columns[] = {detail::ColumnOf<Cols>::kind...};
        run(sql, {cells, sizeof...(Args)}, columns, [&](std::span<Cell> row) {
            rows.push_back(take<Cols...>(row, std::index_sequence_for<Cols...>{}));
        });
        return rows;
    }

    /// The row, or nothing; more than one row is a bug and throws.
    template <class... Cols, class... Args>
    std::optional<std::tuple<Cols...>> one(std::string_view sql, const Args&... args) {
        auto rows = all<Cols...>(sql, args...);
        if (rows.size() > 1) throw std::logic_error("more than one row: " + std::string(sql));
        if (rows.empty()) return std::nullopt;
        return std::move(rows.front());
    }

    /// Runs a statement without result and returns the number of changed rows.
    template <class... Args>
    std::int64_t exec(std::string_view sql, const Args&... args) {
        const Cell cells[] = {detail::to_cell(args)..., Cell{}};
        return run(sql, {cells, sizeof...(Args)}, {}, {});
    }

    /// Runs statements separated by `;` without parameters (migrations, pragmas).
    void script(const std::string& sql);
    /// False inside a transaction. True there means that SQLite rolled it back by itself (rule 15).
    bool autocommit() const;

private:
    template <class... Cols, std::size_t... I>
    static std::tuple<Cols...> take(std::span<Cell> row, std::index_sequence<I...>) {
        return {detail::ColumnOf<Cols>::take(row[I])...};
    }
    std::int64_t run(std::string_view sql, std::span<const Cell> args,
                     std::span<const Column> columns,
                     const std::function<void(std::span<Cell>)>& on_row);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A transaction as a closure sees it: statements plus what is to happen once its fate is known.
class Tx {
public:
    explicit Tx(Connection& connection) : connection_(connection) {}
    Tx(const Tx&) = delete;
    Tx& operator=(const Tx&) = delete;

    template <class... Cols, class... Args>
    auto all(std::string_view sql, const Args&... args) {
        return connection_.all<Cols...>(sql, args...);
    }
    template <class... Cols, class... Args>
    auto one(std::string_view sql, const Args&... args) {
        return connection_.one<Cols...>(sql, args...);
    }
    template <class... Args>
    std::int64_t exec(std::string_view sql, const Args&... args) {
        return connection_.exec(sql, args...);
    }

    /// Runs on the writer thread after COMMIT returned, in order, before the closure's caller hears
    /// of it.
    void after_commit(std::function<void()> work) { after_commit_.push_back(std::move(work)); }
    /// Runs on the writer thread when the closure's work was undone, in reverse order: takes back
    /// effects in memory.
    void after_rollback(std::function<void()> work) { after_rollback_.push_back(std::move(work)); }

private:
    friend class Writer;
    Connection& connection_;
    std::vector<std::function<void()>> after_commit_;
    std::vector<std::function<void()>> after_rollback_;
};

}  // namespace sluice::store
