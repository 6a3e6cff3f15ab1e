#pragma once
/// Text for terminals. What comes from outside (branch names, messages, test names) may hold escape
/// sequences or direction marks; only `printable` text is ever written to a terminal. Pure, any
/// thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

/// Valid UTF-8 on one line without control characters (C0, C1) and without bidirectional overrides.
std::string printable(std::string_view text);

/// Columns that the text takes: wide characters count 2, combining marks 0.
std::size_t display_width(std::string_view utf8);
/// The text cut to `width` columns, ending in `…` when something was cut.
std::string cut_to_width(std::string_view utf8, std::size_t width);

/// For people: `0.4s`, `12.3s`, `4m05s`, `2h03m`, `3d04h`; `-` for nothing.
std::string human_duration(std::optional<std::int64_t> ms);
/// How long ago, in one unit: `12s ago`, `5m ago`, `3h ago`, `9d ago`; in the future counts as `0s
/// ago`.
std::string human_age(std::int64_t then_ms, std::int64_t now_ms);
/// Milliseconds since 1970 of an RFC 3339 time in UTC (`2026-11-23T08:30:00.123Z`), or nothing.
std::optional<std::int64_t> parse_utc(std::string_view text);
/// First 10 digits of a commit id.
std::string short_sha(std::string_view sha);
/// `1.2 kB`, `34 MB`: powers of 1000.
std::string human_bytes(std::int64_t bytes);

}  // namespace sluice::cli
