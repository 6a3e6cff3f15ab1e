#pragma once
/// Lenient reading of the server's replies: an absent or differently typed member reads as empty,
/// so that a CLI talks to a newer or older server. Pure.

#include "pipelines/base/json.hpp"
#include "platform/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

/// The member, or a null value that lives for ever.
const json::Value& member(const json::Value& object, std::string_view key);
std::string text_of(const json::Value& object, std::string_view key);
std::optional<std::int64_t> number_of(const json::Value& object, std::string_view key);
bool flag_of(const json::Value& object, std::string_view key);
/// The elements of an array member; empty when absent.
const json::Array& items_of(const json::Value& object, std::string_view key);
/// Strings of an array member, joined.
std::string joined(const json::Value& object, std::string_view key,
                   std::string_view separator = ", ");

/// How long ago the time in a member was, for people; `none` when there is no time.
std::string age_of(const json::Value& object, std::string_view key, const Clock& clock,
                   std::string_view none = "");

/// For people who pass --json: two spaces of indentation, a newline at the end.
std::string pretty(const json::Value& value);

}  // namespace sluice::cli
