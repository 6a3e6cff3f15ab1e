#pragma once
/// JSON with limits and strictness, on Boost.JSON. For bytes from outside use parse(): it refuses
/// duplicate keys, trailing text, bad UTF-8, lone surrogates, depth and size over the limits. Pure,
/// any thread.

#include "pipelines/base/result.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;
using boost::json::serialize;

struct Limits {
    std::size_t bytes = 1 << 20;
    std::size_t depth = 32;
};

/// Refused with id `bad_json`; the message names the byte offset and the reason.
Result<Value> parse(std::string_view text, Limits limits = {});

/// Reads the members of one object with typed errors that carry a JSON pointer (`/jobs/0/id`),
/// collects the first error and refuses unknown members on request. Use: construct, call the
/// readers, then `finish()`.
class ObjectReader {
public:
    /// `pointer` is the place of `value` in its document, "" for the root.
    ObjectReader(const Value& value, std::string pointer);

    std::string string(std::string_view key, std::size_t max_bytes = 65536);
    std::string string_or(std::string_view key, std::string fallback,
                          std::size_t max_bytes = 65536);
    std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max);
    std::int64_t integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                            std::int64_t max);
    bool boolean_or(std::string_view key, bool fallback);
    std::vector<std::string> strings_or_empty(std::string_view key, std::size_t max_items = 10000);
    std::map<std::string, std::string> string_map_or_empty(std::string_view key,
                                                           std::size_t max_items = 10000);
    /// The member as it is, or nullptr when absent or null.
    const Value* find(std::string_view key);
    /// The member, which must be an object or array; nullptr (and an error) when absent.
    const Object* object(std::string_view key);
    const Array* array(std::string_view key);
    const Array* array_or_null(std::string_view key);
    /// Names the place of a member, for nested readers.
    std::string pointer(std::string_view key) const;
    std::string pointer(std::string_view key, std::size_t index) const;
    void fail(std::string_view key, std::string message);

    /// The first error (id `bad_field`), if any.
    Result<> finish() const;
    /// As finish(), and members that no reader asked for are an error (id `unknown_field`).
    Result<> finish_strict() const;

private:
    const Value* member(std::string_view key);
    void fail_at(std::string place, std::string_view key, std::string message);
    const Object* object_ = nullptr;
    std::string pointer_;
    std::vector<std::string> asked_;
    std::optional<Error> error_;
};

}  // namespace sluice::json
