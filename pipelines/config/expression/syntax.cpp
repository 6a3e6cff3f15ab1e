#include "pipelines/config/expression/syntax.hpp"

#include "pipelines/config/expression/lexer.hpp"

#include <fmt/format.h>

namespace sluice::config::expression {
namespace {

class Parser {
public:
    Parser(std::string_view source, int max_nesting) : lexer_(source), max_nesting_(max_nesting) {
        advance();
    }

    Ast parse() {
        if (token_.kind == TokenKind::end) fail_syntax(0, "the expression is empty");
        Ast ast = any_of();
        if (token_.kind == TokenKind::end) return ast;
        if (token_.kind == TokenKind::name && (token_.text == "and" || token_.text == "or"))
            fail_syntax(token_.begin, fmt::format("`{}` is not an operator", token_.text),
                        token_.text == "and" ? "write `&&`" : "write `||`");
        if (is_comparison())
            fail_syntax(token_.begin, "comparisons do not chain", "join two with `&&`");
        fail_syntax(token_.begin, "the expression should end here",
                    "is an operator missing before this?");
    }

private:
    class Nesting {
    public:
        explicit Nesting(Parser& parser) : parser_(parser) {
            if (++parser_.nesting_ > parser_.max_nesting_)
                fail_syntax(parser_.token_.begin,
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
        if (!is_symbol(symbol))
            fail_syntax(token_.begin, fmt::format("`{}` is missing here", symbol),
                        "close what is open, or put an operator between two values");
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
                fail_syntax(token_.begin,
                            fmt::format("nested deeper than {} levels", max_nesting_));
            Ast outer;
            outer.begin = out.begin;
            if (is_symbol(".")) {
                advance();
                if (token_.kind != TokenKind::name)
                    fail_syntax(token_.begin, "a name is missing after `.`");
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
            fail_syntax(token_.begin, "the expression ends too early", "a value is missing");
        } else {
            fail_syntax(token_.begin, fmt::format("a value is missing before `{}`", token_.text));
        }
        out.end = last_end_;
        return out;
    }

    void word(Ast& out) {
        const std::string name = token_.text;
        if (name == "in" || name == "not")
            fail_syntax(token_.begin, fmt::format("a value is missing before `{}`", name));
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

/// Where brackets stand around it anyway.
std::string without_parentheses(const Ast& ast) {
    switch (ast.kind) {
        case Ast::Kind::negation: return "not " + to_source(ast.children[0]);
        case Ast::Kind::all_of: return joined(ast.children, " && ");
        case Ast::Kind::any_of: return joined(ast.children, " || ");
        case Ast::Kind::coalesce: return joined(ast.children, " ?? ");
        case Ast::Kind::comparison:
            return fmt::format("{} {} {}", to_source(ast.children[0]), ast.name,
                               to_source(ast.children[1]));
        case Ast::Kind::literal:
        case Ast::Kind::name:
        case Ast::Kind::member:
        case Ast::Kind::index:
        case Ast::Kind::call:
        case Ast::Kind::list: break;
    }
    return to_source(ast);
}

std::string arguments_of(const Ast& ast) {
    std::string out;
    for (const Ast& child : ast.children)
        out += (out.empty() ? "" : ", ") + without_parentheses(child);
    return out;
}

}  // namespace

bool parse(std::string_view source, Ast& ast, Problem& problem, Limits limits) {
    try {
        const auto characters =
            static_cast<std::size_t>(std::count_if(source.begin(), source.end(), [](char c) {
                return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
            }));
        if (characters > limits.characters)
            fail_syntax(0,
                        fmt::format("the expression has {} characters, at most {} are read",
                                    characters, limits.characters),
                        "let a step decide, or split it over several jobs");
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
        case Ast::Kind::member: {
            const std::string parent = to_source(ast.children[0]);
            // `1.name` would be read as a number.
            if (ast.children[0].kind != Ast::Kind::literal) return parent + "." + ast.name;
            return fmt::format("({}).{}", parent, ast.name);
        }
        case Ast::Kind::index:
            return fmt::format("{}[{}]", to_source(ast.children[0]),
                               without_parentheses(ast.children[1]));
        case Ast::Kind::call: return fmt::format("{}({})", ast.name, arguments_of(ast));
        case Ast::Kind::list: return fmt::format("[{}]", arguments_of(ast));
        case Ast::Kind::negation:
        case Ast::Kind::all_of:
        case Ast::Kind::any_of:
        case Ast::Kind::coalesce:
        case Ast::Kind::comparison: return fmt::format("({})", without_parentheses(ast));
    }
    return {};
}

std::string dotted(const Ast& ast) {
    if (ast.kind == Ast::Kind::name) return ast.name;
    if (ast.kind != Ast::Kind::member) return {};
    const std::string parent = dotted(ast.children[0]);
    return parent.empty() ? std::string{} : parent + "." + ast.name;
}

bool parse_template(std::string_view text, Template& out, std::vector<Problem>& problems,
                    Limits limits) {
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
        if (parse(text.substr(begin, close - begin), part.ast, problem, limits)) {
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
