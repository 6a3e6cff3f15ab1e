#pragma once
/// Text → tokens of an expression, for the parser in syntax.cpp. Pure, any thread.

#include "pipelines/config/expression/syntax.hpp"

#include <string>
#include <string_view>

namespace sluice::config::expression {

enum class TokenKind { end, name, number, string, symbol };

struct Token {
    TokenKind kind = TokenKind::end;
    std::string text;  ///< name, symbol; string: its value
    double number = 0;
    std::size_t begin = 0, end = 0;
};

/// Leaves the recursion of the parser; never leaves syntax.cpp.
struct SyntaxError {
    Problem problem;
};
[[noreturn]] void fail_syntax(std::size_t offset, std::string message, std::string hint = {});

class Lexer {
public:
    explicit Lexer(std::string_view source) : source_(source) {}
    /// The next token, or kind `end`. Throws SyntaxError.
    Token next();

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }
    void read(Token& token);
    void number(Token& token);
    void string(Token& token);
    void symbol(Token& token);
    void variable() const;

    std::string_view source_;
    std::size_t at_ = 0;
};

}  // namespace sluice::config::expression
