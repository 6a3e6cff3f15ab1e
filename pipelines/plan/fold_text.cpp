#include "pipelines/plan/fold_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::plan {
namespace {

constexpr std::size_t k_max_text = 256 * 1024;

std::size_t offset_of(const Error& error) {
    std::size_t offset = 0;
    std::from_chars(error.where.data(), error.where.data() + error.where.size(), offset);
    return offset;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t open = text.find("${{", at);
        out += text.substr(at, open == std::string_view::npos ? open : open - at);
        if (open == std::string_view::npos) break;
        out += "${{ '${{' }}";
        at = open + 3;
    }
    return out;
}

bool reads(const expr::Template& parts, const Contexts& contexts) {
    return std::any_of(parts.parts.begin(), parts.parts.end(), [&](const auto& part) {
        return part.is_expression && expr::reads(part.ast, contexts);
    });
}

std::optional<Folded> fold_text(const expr::Template& parts, const expr::Context& context,
                                const Contexts& later, TextProblem& problem) {
    std::vector<std::pair<bool, std::string>> pieces;  // an expression? and its source or value
    std::size_t size = 0;
    for (const auto& part : parts.parts) {
        if (!part.is_expression) {
            pieces.emplace_back(false, part.text);
            size += part.text.size();
            continue;
        }
        const auto rest = expr::fold(part.ast, context, later);
        if (!rest) {
            problem = {part.offset + offset_of(rest.error()), rest.error().id, rest.error().message,
                       ""};
            return std::nullopt;
        }
        if (rest->kind != expr::Ast::Kind::literal) {
            pieces.emplace_back(true, expr::to_source(*rest));
        } else if (rest->value.is_null()) {
            const std::string source = expr::to_source(part.ast);
            problem = {part.offset + part.ast.begin, "null_value",
                       fmt::format("`{}` is null", source),
                       fmt::format("write `{} ?? ''`, or an `if` that rules it out", source)};
            return std::nullopt;
        } else {
            pieces.emplace_back(false, expr::to_plain_text(rest->value));
        }
        size += pieces.back().second.size();
        if (size > k_max_text) {
            problem = {part.offset, "too_long", "the text grows over 256 KiB", ""};
            return std::nullopt;
        }
    }
    Folded out;
    // What reads something later may be decided all the same: `false && needs.…`.
    out.known = std::none_of(pieces.begin(), pieces.end(), [](const auto& p) { return p.first; });
    for (const auto& [is_expression, text] : pieces)
        out.text += is_expression ? "${{ " + text + " }}" : out.known ? text : escaped(text);
    return out;
}

}  // namespace sluice::plan
