#include "pipelines/reports/location.hpp"

#include "pipelines/base/text.hpp"

#include <charconv>

namespace sluice::reports {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_path_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == '\\' || c == '+' || c == '@' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// `name.ext`: a time `12:30` and `std::string:3` are no places.
bool looks_like_file(std::string_view path) {
    const std::size_t slash = path.find_last_of("/\\");
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return false;
    const std::string_view extension = name.substr(dot + 1);
    const bool starts_with_letter = !is_digit(extension[0]);
    return starts_with_letter && extension.size() <= 5 && path.size() <= 512;
}

struct Candidate {
    std::string_view file;
    int line = 0;
    bool is_pytest = false;  ///< at the start of a line, `: ` behind
};

/// The `path:line` around the colon at `colon`.
std::optional<Candidate> candidate_at(std::string_view text, std::size_t colon) {
    std::size_t begin = colon;
    while (begin > 0 && is_path_character(text[begin - 1])) --begin;
    Candidate out;
    out.file = text.substr(begin, colon - begin);
    if (!looks_like_file(out.file)) return std::nullopt;
    const std::string_view digits = text.substr(colon + 1, 8);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out.line);
    if (ec != std::errc{} || out.line <= 0) return std::nullopt;
    const std::size_t after = colon + 1 + static_cast<std::size_t>(end - digits.data());
    if (after < text.size() && is_path_character(text[after]) && text[after] != '.')
        return std::nullopt;
    const bool begins_line = begin == 0 || text[begin - 1] == '\n';
    out.is_pytest = begins_line && out.file.ends_with(".py") && text.substr(after, 2) == ": ";
    return out;
}

bool same_file(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const std::string_view longer = a.size() > b.size() ? a : b,
                           shorter = a.size() > b.size() ? b : a;
    return !shorter.empty() && longer.ends_with(shorter) &&
           longer[longer.size() - shorter.size() - 1] == '/';
}

}  // namespace

std::optional<Location> find_location(std::string_view text, std::string_view file) {
    text = text.substr(0, 64 * 1024);
    std::optional<Candidate> first, last_pytest, in_file;
    for (std::size_t colon = text.find(':'); colon != std::string_view::npos;
         colon = text.find(':', colon + 1)) {
        const auto candidate = candidate_at(text, colon);
        if (!candidate) continue;
        if (!first) first = candidate;
        if (candidate->is_pytest) last_pytest = candidate;
        const bool is_stack =
            candidate->file.ends_with(".py");  // innermost last; others: one place per failure
        if (!file.empty() && same_file(candidate->file, file) && (!in_file || is_stack))
            in_file = candidate;
    }
    const auto& best = in_file ? in_file : last_pytest ? last_pytest : first;
    if (!best) return std::nullopt;
    // The report's own spelling of the file is relative to the project more often.
    if (in_file) return Location{std::string(file), best->line};
    if (!file.empty() && !last_pytest) return std::nullopt;
    return Location{text::sanitize_utf8(best->file, 512), best->line};
}

}  // namespace sluice::reports
