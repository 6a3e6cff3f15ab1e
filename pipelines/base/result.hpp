#pragma once
/// Result<T>: a value, or an Error that the caller must choose about. Expected refusals (bad input,
/// lost lease, not found) travel as values; broken environments and bugs throw. Pure values, any
/// thread.

#include <boost/system/result.hpp>

#include <iosfwd>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

/// The class of a refusal; each has one HTTP status (server/http) and one CLI exit code (cli).
enum class Code {
    invalid,       ///< the input is wrong; 400
    unauthorized,  ///< no, unknown or expired credentials; 401
    forbidden,     ///< known, but may not; 403
    not_found,     ///< also: exists, but is not visible to the caller; 404
    conflict,      ///< the state does not allow it; 409
    lease_lost,   ///< the attempt ended or the token is not the live one; 409, the runner must stop
    gone,         ///< was there, is not any more; 410
    too_large,    ///< over a stated limit; 413
    unsupported,  ///< this build or machine cannot; 415 or 501
    upgrade_required,  ///< protocol versions do not meet; 426
    unavailable,       ///< cannot now, try again; 503
    timeout,           ///< a deadline passed; 504
    io,                ///< the operating system refused; message holds errno's text; 500
    internal,          ///< a broken invariant; 500
};

struct Error {
    Code code = Code::internal;
    std::string id;  ///< stable snake_case word for programs and tests, e.g. `signature_missing`
    std::string
        message;        ///< for people: what is wrong and what to do; no secret, no trailing period
    std::string where;  ///< optional: JSON pointer, file:line:col, path or header name

    bool operator==(const Error&) const = default;
};

/// `id: message (where)`; Boost and Catch2 print refused Results with it.
template <class Char, class Traits>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                             const Error& error) {
    out << error.id << ": " << error.message;
    if (!error.where.empty()) out << " (" << error.where << ")";
    return out;
}

/// Thrown when value() is asked of a refused Result: a bug or a broken environment, never user
/// input.
class UnexpectedError : public std::runtime_error {
public:
    explicit UnexpectedError(const Error& error)
        : std::runtime_error(error.id + ": " + error.message), error_(error) {}
    const Error& error() const { return error_; }

private:
    Error error_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location& /*where*/) {
    throw UnexpectedError(error);
}

template <class T = void>
using Result = boost::system::result<T, Error>;

inline Error error(Code code, std::string id, std::string message, std::string where = {}) {
    return Error{code, std::move(id), std::move(message), std::move(where)};
}

}  // namespace sluice

#define SLUICE_CONCAT_IMPL(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_IMPL(a, b)

/// `SLUICE_TRY(auto x, expression)`: x is the value, or the function returns the error.
#define SLUICE_TRY(decl, expr) \
    SLUICE_TRY_IMPL(decl, expr, SLUICE_CONCAT(try_result_, __LINE__), return )
/// The same inside a coroutine.
#define SLUICE_CO_TRY(decl, expr) \
    SLUICE_TRY_IMPL(decl, expr, SLUICE_CONCAT(try_result_, __LINE__), co_return )
#define SLUICE_TRY_IMPL(decl, expr, tmp, ret) \
    auto tmp = (expr);                        \
    if (!(tmp)) ret std::move(tmp).error();   \
    decl = std::move(*(tmp))
/// For Result<void>: return its error if refused.
#define SLUICE_CHECK(expr)                                           \
    do {                                                             \
        auto check_result_ = (expr);                                 \
        if (!check_result_) return std::move(check_result_).error(); \
    } while (false)
