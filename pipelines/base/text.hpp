#pragma once
/// Text forms of bytes, and UTF-8. Pure, any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

/// Lower-case hex.
std::string to_hex(std::span<const unsigned char> bytes);
/// Either case; nothing on odd length or a foreign character.
std::optional<std::string> from_hex(std::string_view hex);
/// RFC 4648 with padding.
std::string to_base64(std::string_view bytes);
/// Strict RFC 4648 with padding; nothing on any foreign character.
std::optional<std::string> from_base64(std::string_view text);
/// RFC 4648 §5 without padding (tokens, file names).
std::string to_base64url(std::string_view bytes);

/// Offset of the first byte that does not belong to valid UTF-8 (overlong, surrogate, > U+10FFFF),
/// or nothing.
std::optional<std::size_t> find_invalid_utf8(std::string_view bytes);
/// Invalid sequences become U+FFFD, C0 controls but \n and \t become spaces; at most max_bytes, cut
/// at a code point.
std::string sanitize_utf8(std::string_view bytes, std::size_t max_bytes);

/// 40 or 64 lower- or upper-case hex digits.
bool is_commit_id(std::string_view text);
/// All zeros: git's "no object".
bool is_zero_id(std::string_view text);

/// The candidate nearest to `word` by edit distance (at most a third of its length, at least 1),
/// for "did you mean".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
/// Globs of the language reference A2: `*` within a path part, `**` across, `?`, `[a-z]`, `{a,b}`.
/// Linear budget.
bool glob_match(std::string_view pattern, std::string_view path);
/// A list of globs, a leading `!` removes, the last match decides; an empty list matches nothing.
bool globs_match(std::span<const std::string> patterns, std::string_view path);

/// globs_match() compiled once, for many paths.
class Globs {
public:
    explicit Globs(std::span<const std::string> patterns);
    ~Globs();
    Globs(const Globs&) = delete;
    Globs& operator=(const Globs&) = delete;
    bool match(std::string_view path) const;

private:
    struct Program;
    std::vector<Program> programs_;
};

}  // namespace sluice::text
