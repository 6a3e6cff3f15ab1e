#include "server/api/log_text.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace sluice::api {

namespace {

enum Kind : unsigned char { plain, escaped, high };

constexpr std::array<Kind, 256> k_kinds = [] {
    std::array<Kind, 256> kinds{};
    for (std::size_t c = 0; c < 0x20; ++c) kinds[c] = escaped;
    kinds['"'] = kinds['\\'] = kinds[0x7f] = escaped;
    for (std::size_t c = 0x80; c < 256; ++c) kinds[c] = high;
    return kinds;
}();

void append_escape(std::string& out, unsigned char c) {
    constexpr char k_hex[] = "0123456789abcdef";
    switch (c) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        default:
            out += "\\u00";
            out += k_hex[c >> 4];
            out += k_hex[c & 15];
    }
}

/// How many bytes from `at` on stand for themselves.
std::size_t plain_run(std::string_view bytes, std::size_t at) {
    const std::size_t begin = at;
    constexpr std::uint64_t k_ones = 0x0101010101010101U, k_tops = 0x8080808080808080U;
    for (std::uint64_t word = 0; bytes.size() - at >= sizeof word; at += sizeof word) {
        std::memcpy(&word, bytes.data() + at, sizeof word);
        // A byte's top bit is set below if it is one of these: over 0x7F, under 0x20, the quote,
        // the backslash, 0x7F. A borrow may also mark the byte above such a one: the loop below
        // decides.
        const auto is = [&](std::uint64_t byte) { return (word ^ (k_ones * byte)) - k_ones; };
        const std::uint64_t other = word | (word - k_ones * 0x20) | is('"') | is('\\') | is(0x7F);
        if ((other & k_tops) != 0) break;
    }
    while (at < bytes.size() && k_kinds[static_cast<unsigned char>(bytes[at])] == plain) ++at;
    return at - begin;
}

/// Length of the valid sequence at the start of `rest`; 0 = invalid; -1 = cut by the end.
int sequence(std::string_view rest) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const unsigned char c = at(0);
    const int need = c >= 0xF0 && c <= 0xF4  ? 4
                     : c >= 0xE0 && c < 0xF0 ? 3
                     : c >= 0xC2 && c < 0xE0 ? 2
                                             : 0;
    if (need == 0) return 0;
    for (int i = 1; i < need; ++i) {
        if (static_cast<std::size_t>(i) >= rest.size()) return -1;
        unsigned char low = 0x80, high_bound = 0xBF;
        if (i == 1) {
            // Overlong forms, surrogates and beyond U+10FFFF.
            if (c == 0xE0) low = 0xA0;
            if (c == 0xED) high_bound = 0x9F;
            if (c == 0xF0) low = 0x90;
            if (c == 0xF4) high_bound = 0x8F;
        }
        const unsigned char next = at(static_cast<std::size_t>(i));
        if (next < low || next > high_bound) return 0;
    }
    return need;
}

}  // namespace

std::size_t append_log_text(std::string& out, std::string_view bytes, bool last) {
    out.reserve(out.size() + bytes.size() + bytes.size() / 16 + 16);
    out += '"';
    std::size_t i = 0;
    while (i < bytes.size()) {
        const std::size_t run = plain_run(bytes, i);
        out.append(bytes, i, run);
        i += run;
        if (i == bytes.size()) break;
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (k_kinds[c] == escaped) {
            append_escape(out, c);
            ++i;
            continue;
        }
        const int length = sequence(bytes.substr(i));
        if (length < 0 && !last) break;
        if (length > 0) {
            out.append(bytes, i, static_cast<std::size_t>(length));
            i += static_cast<std::size_t>(length);
        } else {
            out += "\xEF\xBF\xBD";
            ++i;
        }
    }
    out += '"';
    return i;
}

}  // namespace sluice::api
