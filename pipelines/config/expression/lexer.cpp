#include "pipelines/config/expression/lexer.hpp"

#include "pipelines/config/expression/foreign_names.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace sluice::config::expression {
namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// What people write from other languages, and what it is here.
struct Foreign {
    std::string_view symbol, hint;
};
constexpr std::array<Foreign, 9> k_foreign{{
    {"=~", "match with glob(text, 'pattern*')"},
    {"===", "write `==`"},
    {"=", "compare with `==`"},
    {"&", "write `&&`"},
    {"|", "write `||`"},
    {"?", "choose(condition, a, b) picks one of two values"},
    {"$", "an expression reads contexts, not shell variables: branch, tag, event, matrix.x, env.X"},
    {"+", "there is no arithmetic; join texts as `${{ a }}${{ b }}`"},
    {"`", "write strings in single quotes"},
}};

}  // namespace

void fail_syntax(std::size_t offset, std::string message, std::string hint) {
    throw SyntaxError{
        {Severity::error, "bad_expression", std::move(message), std::move(hint), offset}};
}

Token Lexer::next() {
    while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\n' ||
                                    source_[at_] == '\t' || source_[at_] == '\r'))
        ++at_;
    Token token;
    token.begin = at_;
    if (at_ < source_.size()) read(token);
    token.end = at_;
    return token;
}

void Lexer::read(Token& token) {
    const char c = peek();
    if (is_letter(c)) {
        token.kind = TokenKind::name;
        while (is_letter(peek()) || is_digit(peek()) || peek() == '-') token.text += source_[at_++];
    } else if (is_digit(c) || (c == '-' && is_digit(peek(1)))) {
        number(token);
    } else if (c == '\'' || c == '"') {
        string(token);
    } else {
        symbol(token);
    }
}

void Lexer::number(Token& token) {
    token.kind = TokenKind::number;
    if (peek() == '-') ++at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
        ++at_;
        while (is_digit(peek())) ++at_;
    }
    if (is_letter(peek()) || peek() == '.')
        fail_syntax(token.begin, "this is neither a number nor a name",
                    "put versions and words in quotes, e.g. '3.11.2'");
    const std::string_view digits = source_.substr(token.begin, at_ - token.begin);
    if (digits.size() > 18)
        fail_syntax(token.begin, "a number has at most 18 digits", "put longer ones in quotes");
    token.text = digits;
    std::from_chars(digits.data(), digits.data() + digits.size(), token.number);
}

void Lexer::string(Token& token) {
    token.kind = TokenKind::string;
    const char quote = source_[at_++];
    for (;;) {
        if (at_ >= source_.size())
            fail_syntax(token.begin, "a string is opened here and never closed",
                        fmt::format("add the closing {}", quote));
        const char c = source_[at_++];
        if (c != quote) {
            token.text += c;
        } else if (quote == '\'' && peek() == '\'') {
            token.text += '\'';
            ++at_;
        } else {
            return;
        }
    }
}

void Lexer::symbol(Token& token) {
    token.kind = TokenKind::symbol;
    for (const std::string_view two : {"||", "&&", "==", "!=", "<=", ">=", "??"}) {
        if (source_.substr(at_, 2) != two) continue;
        if (source_.substr(at_, 3) == "===") break;
        token.text = two;
        at_ += 2;
        return;
    }
    const char c = peek();
    if (std::string_view("!<>.[](),").find(c) != std::string_view::npos) {
        token.text = c;
        ++at_;
        return;
    }
    if (c == '$') variable();
    for (const Foreign& foreign : k_foreign)
        if (source_.substr(at_).starts_with(foreign.symbol))
            fail_syntax(at_, fmt::format("`{}` has no meaning in an expression", foreign.symbol),
                        std::string(foreign.hint));
    std::size_t length = 1;  // the whole code point
    while (at_ + length < source_.size() &&
           (static_cast<unsigned char>(source_[at_ + length]) & 0xC0) == 0x80)
        ++length;
    fail_syntax(at_,
                fmt::format("`{}` has no meaning in an expression", source_.substr(at_, length)));
}

/// `$CI_COMMIT_BRANCH` as elsewhere.
void Lexer::variable() const {
    std::size_t end = at_ + 1;
    while (end < source_.size() && (is_letter(source_[end]) || is_digit(source_[end]))) ++end;
    const std::string_view name = source_.substr(at_ + 1, end - at_ - 1);
    if (const std::string hint = hint_for_foreign_context(name); !hint.empty())
        fail_syntax(at_, fmt::format("`${}` is no variable of an expression", name), hint);
    if (!name.empty())
        fail_syntax(at_,
                    fmt::format("`${}` is a variable of the shell, not of an expression", name),
                    fmt::format("variables of the job are `env.{}`; the event is `branch`, `tag`, "
                                "`event` …",
                                name));
}

}  // namespace sluice::config::expression
