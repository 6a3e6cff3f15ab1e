#pragma once
/// The strict check of a request's head before anything else looks at it. Boost.Beast up to 1.91
/// accepts framings that smuggle requests (R1), so nothing of a head reaches the server but through
/// here. Pure, any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::http {

/// Limits of a head (S30, H3).
inline constexpr std::size_t k_max_target =
    16 * 1024 - 1;  ///< bytes of the request target; more → 414
inline constexpr std::size_t k_max_fields_bytes =
    8 * 1024;                                    ///< header lines with their CRLF; more → 431
inline constexpr std::size_t k_max_fields = 64;  ///< header lines; more → 431

/// Why a head is refused. The texts are constants. The connection closes after the reply, always.
struct Refusal {
    int status = 400;
    std::string_view id;       ///< `bad_framing`, `bad_target`, `head_too_large`, …
    std::string_view message;  ///< for people
};

/// Finds the end of a head in bytes that arrive bit by bit, and refuses what can only get worse.
/// The result doesn't depend on how the bytes were cut.
class HeadScanner {
public:
    struct Result {
        std::optional<Refusal> refusal;
        std::size_t size = 0;  ///< bytes of the head with its empty line; 0 = more bytes are needed
    };
    /// `bytes` starts with the first byte of the head and holds at least what the last call saw.
    Result scan(std::string_view bytes);
    /// Forgets everything: the next call sees another head.
    void reset() { *this = {}; }

private:
    std::size_t scanned_ = 0;
    std::size_t line_ = 0;          // where the present line starts
    std::size_t request_line_ = 0;  // its size with CRLF, 0 before its end
    std::size_t fields_ = 0;
};

struct Field {
    std::string_view name;   ///< as sent
    std::string_view value;  ///< without white space around it
};

/// A head that passed. All views point into the checked bytes.
struct Head {
    std::string_view method;  ///< GET HEAD POST PUT PATCH DELETE
    std::string_view target;  ///< origin-form; decode_target() looks inside
    std::string_view host;    ///< without port, as sent; may be empty on HTTP/1.0 only
    bool http10 = false;
    bool keep_alive = true;
    bool chunked = false;
    bool expect_continue = false;
    std::uint64_t content_length = 0;

    std::span<const Field> fields() const { return {fields_.data(), count_}; }

private:
    friend std::optional<Refusal> parse_head(std::string_view bytes, Head& head);
    std::array<Field, k_max_fields> fields_;
    std::size_t count_ = 0;
};

/// Parses a head as HeadScanner delimits it. Nothing = fine and `head` is filled.
std::optional<Refusal> parse_head(std::string_view bytes, Head& head);

struct Target {
    std::string path;                          ///< percent-decoded once, starts with '/'
    std::map<std::string, std::string> query;  ///< decoded, '+' is a space
};

/// Decodes an origin-form target. Refused (400 bad_target): dot segments, empty segments, `;`,
/// backslash, encoded dot, slash, backslash or control character, bad percent escapes, text that
/// isn't UTF-8, a repeated query key. So a path has one spelling and no rule on paths can be
/// bypassed by another (S6).
std::optional<Refusal> decode_target(std::string_view target, Target& out);

/// ASCII without locale: names and tokens of HTTP compare so.
bool iequals(std::string_view a, std::string_view b);

}  // namespace sluice::http
