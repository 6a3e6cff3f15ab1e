#include "pipelines/config/expression/syntax.hpp"

#include "pipelines/config/expression/foreign_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::config::expression {
namespace {

enum class TokenKind { end, name, number, string, symbol };

struct Token {
    TokenKind kind = TokenKind::end;
    std::string text;  ///< name, symbol; string: its value
    double number = 0;
    std::size_t begin = 0, end = 0;
};

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

/// Thrown inside this file only, to leave the recursion.
struct SyntaxError {
    Problem problem;
};

[[noreturn]] void fail(std::size_t offset, std::string message, std::string hint = {}) {
    throw SyntaxError{
        {Severity::error, "bad_expression", std::move(message), std::move(hint), offset}};
}

class Lexer {
public:
    explicit Lexer(std::string_view source) : source_(source) {}

    Token next() {
        while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\n' ||
                                        source_[at_] == '\t' || source_[at_] == '\r'))
            ++at_;
        Token token;
        token.begin = at_;
        if (at_ < source_.size()) read(token);
        token.end = at_;
        return token;
    }

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }

    void read(Token& token) {
        const char c = peek();
        if (is_letter(c)) {
            token.kind = TokenKind::name;
            while (is_letter(peek()) || is_digit(peek()) || peek() == '-')
                token.text += source_[at_++];
        } else if (is_digit(c) || (c == '-' && is_digit(peek(1)))) {
            number(token);
        } else if (c == '\'' || c == '"') {
            string(token);
        } else {
            symbol(token);
        }
    }

    void number(Token& token) {
        token.kind = TokenKind::number;
        if (peek() == '-') ++at_;
        while (is_digit(peek())) ++at_;
        if (peek() == '.' && is_digit(peek(1))) {
            ++at_;
            while (is_digit(peek())) ++at_;
        }
        if (is_letter(peek()) || peek() == '.')
            fail(token.begin, "this is neither a number nor a name",
                 "put versions and words in quotes, e.g. '3.11.2'");
        const std::string_view digits = source_.substr(token.begin, at_ - token.begin);
        if (digits.size() > 18)
            fail(token.begin, "a number has at most 18 digits", "put longer ones in quotes");
        token.text = digits;
        std::from_chars(digits.data(), digits.data() + digits.size(), token.number);
    }

    void string(Token& token) {
        token.kind = TokenKind::string;
        const char quote = source_[at_++];
        for (;;) {
            if (at_ >= source_.size())
                fail(token.begin, "a string is opened here and never closed",
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

    void symbol(Token& token) {
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
                fail(at_, fmt::format("`{}` has no meaning in an expression", foreign.symbol),
                     std::string(foreign.hint));
        std::size_t length = 1;  // the whole code point
        while (at_ + length < source_.size() &&
               (static_cast<unsigned char>(source_[at_ + length]) & 0xC0) == 0x80)
            ++length;
        fail(at_, fmt::format("`{}` has no meaning in an expression", source_.substr(at_, length)));
    }

    /// `$CI_COMMIT_BRANCH` as elsewhere.
    void variable() const {
        std::size_t end = at_ + 1;
        while (end < source_.size() && (is_letter(source_[end]) || is_digit(source_[end]))) ++end;
        const std::string_view name = source_.substr(at_ + 1, end - at_ - 1);
        if (const std::string hint = hint_for_foreign_context(name); !hint.empty())
            fail(at_, fmt::format("`${}` is no variable of an expression", name), hint);
    }

    std::string_view source_;
    std::size_t at_ = 0;
};

class Parser {
public:
    Parser(std::string_view source, int max_nesting) : lexer_(source), max_nesting_(max_nesting) {
        advance();
    }

    Ast parse() {
        if (token_.kind == TokenKind::end) fail(0, "the expression is empty");
        Ast ast = any_of();
        if (token_.kind == TokenKind::end) return ast;
        if (token_.kind == TokenKind::name && (token_.text == "and" || token_.text == "or"))
            fail(token_.begin, fmt::format("`{}` is not an operator", token_.text),
                 token_.text == "and" ? "write `&&`" : "write `||`");
        if (is_comparison()) fail(token_.begin, "comparisons do not chain", "join two with `&&`");
        fail(token_.begin, "the expression should end here", "is an operator missing before this?");
    }

private:
    class Nesting {
    public:
        explicit Nesting(Parser& parser) : parser_(parser) {
            if (++parser_.nesting_ > parser_.max_nesting_)
                fail(parser_.token_.begin,
                     fmt::format("nested deeper than {} levels", parser_.max_nesting_));
        }
        ~Nesting() { --parser_.nesting_; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

    private:
        Parser& parser_;
    };

    void advance() {
        last_end_ = token_.end;
        token_ = lexer_.next();
    }
    bool is_symbol(std::string_view text) const {
        return token_.kind == TokenKind::symbol && token_.text == text;
    }
    bool is_word(std::string_view text) const {
        return token_.kind == TokenKind::name && token_.text == text;
    }
    bool is_comparison() const {
        if (is_word("in")) return true;
        if (token_.kind != TokenKind::symbol) return false;
        const std::string_view t = token_.text;
        return t == "==" || t == "!=" || t == "<" || t == "<=" || t == ">" || t == ">=";
    }
    void expect(std::string_view symbol) {
        if (!is_symbol(symbol)) fail(token_.begin, fmt::format("`{}` is missing here", symbol));
        advance();
    }

    /// operand { symbol operand }, as one node with all operands: a chain of 100 is no deeper than
    /// one of 2.
    template <class Operand>
    Ast chain(Ast::Kind kind, std::string_view symbol, Operand operand) {
        Ast first = operand();
        if (!is_symbol(symbol)) return first;
        Ast out;
        out.kind = kind;
        out.begin = first.begin;
        out.children.push_back(std::move(first));
        while (is_symbol(symbol)) {
            advance();
            out.children.push_back(operand());
        }
        out.end = last_end_;
        return out;
    }

    Ast any_of() {
        const Nesting guard(*this);
        return chain(Ast::Kind::any_of, "||", [this] { return all_of(); });
    }
    Ast all_of() {
        return chain(Ast::Kind::all_of, "&&", [this] { return negation(); });
    }

    Ast negation() {
        if (!is_symbol("!") && !is_word("not")) return comparison();
        const Nesting guard(*this);
        Ast out;
        out.kind = Ast::Kind::negation;
        out.begin = token_.begin;
        advance();
        out.children.push_back(negation());
        out.end = last_end_;
        return out;
    }

    Ast comparison() {
        Ast left = coalesce();
        if (!is_comparison()) return left;
        Ast out;
        out.kind = Ast::Kind::comparison;
        out.begin = left.begin;
        out.name = token_.text;
        out.children.push_back(std::move(left));
        advance();
        out.children.push_back(coalesce());
        out.end = last_end_;
        return out;
    }

    Ast coalesce() {
        return chain(Ast::Kind::coalesce, "??", [this] { return postfix(); });
    }

    Ast postfix() {
        Ast out = primary();
        for (int depth = 0; is_symbol(".") || is_symbol("["); ++depth) {
            if (depth >= max_nesting_)
                fail(token_.begin, fmt::format("nested deeper than {} levels", max_nesting_));
            Ast outer;
            outer.begin = out.begin;
            if (is_symbol(".")) {
                advance();
                if (token_.kind != TokenKind::name)
                    fail(token_.begin, "a name is missing after `.`");
                outer.kind = Ast::Kind::member;
                outer.name = token_.text;
                outer.children.push_back(std::move(out));
                advance();
            } else {
                advance();
                outer.kind = Ast::Kind::index;
                outer.children.push_back(std::move(out));
                outer.children.push_back(any_of());
                expect("]");
            }
            outer.end = last_end_;
            out = std::move(outer);
        }
        return out;
    }

    std::vector<Ast> arguments(std::string_view close) {
        std::vector<Ast> out;
        if (!is_symbol(close)) {
            out.push_back(any_of());
            while (is_symbol(",")) {
                advance();
                out.push_back(any_of());
            }
        }
        expect(close);
        return out;
    }

    Ast primary() {
        Ast out;
        out.begin = token_.begin;
        if (token_.kind == TokenKind::number) {
            out.value = Value::of(token_.number);
            out.name = token_.text;
            advance();
        } else if (token_.kind == TokenKind::string) {
            out.value = Value::of(token_.text);
            advance();
        } else if (is_symbol("(")) {
            advance();
            Ast inner = any_of();
            expect(")");
            return inner;
        } else if (is_symbol("[")) {
            advance();
            out.kind = Ast::Kind::list;
            out.children = arguments("]");
        } else if (token_.kind == TokenKind::name) {
            word(out);
        } else if (token_.kind == TokenKind::end) {
            fail(token_.begin, "the expression ends too early", "a value is missing");
        } else {
            fail(token_.begin, fmt::format("a value is missing before `{}`", token_.text));
        }
        out.end = last_end_;
        return out;
    }

    void word(Ast& out) {
        const std::string name = token_.text;
        if (name == "in" || name == "not")
            fail(token_.begin, fmt::format("a value is missing before `{}`", name));
        advance();
        if (name == "true" || name == "false") {
            out.value = Value::of(name == "true");
        } else if (name == "null") {
            out.value = Value{};
        } else if (is_symbol("(")) {
            advance();
            out.kind = Ast::Kind::call;
            out.name = name;
            out.children = arguments(")");
        } else {
            out.kind = Ast::Kind::name;
            out.name = name;
        }
    }

    Lexer lexer_;
    Token token_;
    std::size_t last_end_ = 0;
    int max_nesting_;
    int nesting_ = 0;
};

/// Where the expression that starts at `begin` is closed by `}}` outside of strings, or npos.
std::size_t find_close(std::string_view text, std::size_t begin) {
    char quote = '\0';
    for (std::size_t i = begin; i < text.size(); ++i) {
        if (quote != '\0') {
            if (text[i] == quote) quote = '\0';
        } else if (text[i] == '\'' || text[i] == '"') {
            quote = text[i];
        } else if (text.substr(i, 2) == "}}") {
            return i;
        }
    }
    return std::string_view::npos;
}

std::string joined(const std::vector<Ast>& children, std::string_view separator) {
    std::string out;
    for (const Ast& child : children) {
        if (!out.empty()) out += separator;
        out += to_source(child);
    }
    return out;
}

}  // namespace

bool parse(std::string_view source, Ast& ast, Problem& problem, Limits limits) {
    try {
        if (source.size() > limits.characters)
            fail(0, fmt::format("the expression has {} characters, at most {} are read",
                                source.size(), limits.characters));
        ast = Parser(source, limits.nesting).parse();
        return true;
    } catch (SyntaxError& error) {
        problem = std::move(error.problem);
        return false;
    }
}

std::string to_source(const Ast& ast) {
    switch (ast.kind) {
        case Ast::Kind::literal: return ast.name.empty() ? to_source(ast.value) : ast.name;
        case Ast::Kind::name: return ast.name;
        case Ast::Kind::member: return fmt::format("{}.{}", to_source(ast.children[0]), ast.name);
        case Ast::Kind::index:
            return fmt::format("{}[{}]", to_source(ast.children[0]), to_source(ast.children[1]));
        case Ast::Kind::call: return fmt::format("{}({})", ast.name, joined(ast.children, ", "));
        case Ast::Kind::list: return fmt::format("[{}]", joined(ast.children, ", "));
        case Ast::Kind::negation: return fmt::format("(not {})", to_source(ast.children[0]));
        case Ast::Kind::all_of: return fmt::format("({})", joined(ast.children, " && "));
        case Ast::Kind::any_of: return fmt::format("({})", joined(ast.children, " || "));
        case Ast::Kind::coalesce: return fmt::format("({})", joined(ast.children, " ?? "));
        case Ast::Kind::comparison:
            return fmt::format("({} {} {})", to_source(ast.children[0]), ast.name,
                               to_source(ast.children[1]));
    }
    return {};
}

std::string dotted(const Ast& ast) {
    if (ast.kind == Ast::Kind::name) return ast.name;
    if (ast.kind != Ast::Kind::member) return {};
    const std::string parent = dotted(ast.children[0]);
    return parent.empty() ? std::string{} : parent + "." + ast.name;
}

bool parse_template(std::string_view text, Template& out, std::vector<Problem>& problems) {
    const std::size_t before = problems.size();
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t open = text.find("${{", at);
        if (open != at) {
            Template::Part literal;
            literal.text =
                std::string(text.substr(at, open == std::string_view::npos ? open : open - at));
            out.parts.push_back(std::move(literal));
        }
        if (open == std::string_view::npos) break;
        const std::size_t begin = open + 3;
        const std::size_t close = find_close(text, begin);
        if (close == std::string_view::npos) {
            problems.push_back({Severity::error, "bad_expression", "`${{` is never closed by `}}`",
                                "for the text itself write `${{ '${{' }}`", open});
            return false;
        }
        Template::Part part;
        part.is_expression = true;
        part.offset = begin;
        Problem problem;
        if (parse(text.substr(begin, close - begin), part.ast, problem)) {
            out.parts.push_back(std::move(part));
        } else {
            problem.offset += begin;
            problems.push_back(std::move(problem));
        }
        at = close + 2;
    }
    return problems.size() == before;
}

}  // namespace sluice::config::expression
