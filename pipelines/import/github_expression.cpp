#include "pipelines/import/github_expression.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace sluice::importer::github {

namespace {

constexpr int k_max_depth = 32;

Error refuse(std::string message) {
    return error(Code::invalid, "not_translated", std::move(message));
}

/// What a part of an expression is here.
struct Piece {
    enum class Type {
        boolean,
        string,
        number,
        ref,
        event,
        result,
        list,
        status
    } type = Type::string;
    std::string text;
    bool nullable = false;
    bool literal = false;  ///< a string or number written out; `text` is our spelling of it
    std::string raw;       ///< of a literal: its value
};

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

struct Token {
    enum class Kind { name, string, number, symbol, end } kind = Kind::end;
    std::string text;
};

Result<std::vector<Token>> tokens_of(std::string_view text) {
    std::vector<Token> out;
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    };
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            ++i;
        } else if (c == '\'') {
            std::string value;
            for (++i;; ++i) {
                if (i >= text.size()) return refuse("a string is not closed");
                if (text[i] != '\'') {
                    value += text[i];
                    continue;
                }
                if (i + 1 >= text.size() || text[i + 1] != '\'') break;
                value += text[i++];
            }
            ++i;
            out.push_back({Token::Kind::string, value});
        } else if ((c >= '0' && c <= '9') ||
                   (c == '-' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9')) {
            std::size_t end = i + 1;
            while (end < text.size() &&
                   ((text[end] >= '0' && text[end] <= '9') || text[end] == '.'))
                ++end;
            out.push_back({Token::Kind::number, std::string(text.substr(i, end - i))});
            i = end;
        } else if (is_name(c) && c != '-') {
            std::size_t end = i;
            while (end < text.size() && is_name(text[end])) ++end;
            out.push_back({Token::Kind::name, std::string(text.substr(i, end - i))});
            i = end;
        } else {
            static constexpr std::string_view two[] = {"==", "!=", "<=", ">=", "&&", "||"};
            std::string symbol(1, c);
            for (std::string_view pair : two)
                if (text.substr(i, 2) == pair) symbol = pair;
            if (symbol.size() == 1 &&
                std::string_view("()[].,!<>*").find(c) == std::string_view::npos)
                return refuse(fmt::format("`{}` is no part of an expression", symbol));
            i += symbol.size();
            out.push_back({Token::Kind::symbol, symbol});
        }
    }
    out.push_back({});
    return out;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Contexts whose name says it all. A `?` marks those that may be null here.
const std::map<std::string, Piece>& known_names() {
    using Type = Piece::Type;
    static const std::map<std::string, Piece> names{
        {"github.ref", {Type::ref, "github.ref"}},
        {"github.ref_name", {Type::string, "(branch ?? tag)", true}},
        {"github.head_ref", {Type::string, "pr.source_branch", true}},
        {"github.base_ref", {Type::string, "target_branch", true}},
        {"github.sha", {Type::string, "sha"}},
        {"github.run_number", {Type::number, "run.number"}},
        {"github.event_name", {Type::event, "event"}},
        {"github.event.number", {Type::number, "pr.number", true}},
        {"github.event.pull_request.number", {Type::number, "pr.number", true}},
        {"github.event.pull_request.title", {Type::string, "pr.title", true}},
        {"github.event.pull_request.user.login", {Type::string, "pr.author", true}},
        {"github.event.pull_request.head.ref", {Type::string, "pr.source_branch", true}},
        {"github.event.pull_request.base.ref", {Type::string, "target_branch", true}},
        {"github.event.pull_request.head.sha", {Type::string, "sha"}},
        {"github.event.pull_request.draft", {Type::boolean, "(pr.draft ?? false)"}},
        {"github.event.pull_request.head.repo.fork", {Type::boolean, "(pr.fork ?? false)"}},
        {"github.event.head_commit.message", {Type::string, "commit.message"}},
        {"github.event.repository.default_branch", {Type::string, "default_branch"}},
        {"runner.os", {Type::string, "'Linux'", false, true, "Linux"}},
        {"runner.arch", {Type::string, "'X64'", false, true, "X64"}},
    };
    return names;
}

const std::map<std::string, std::string>& results() {
    static const std::map<std::string, std::string> names{{"success", "passed"},
                                                          {"failure", "failed"},
                                                          {"cancelled", "cancelled"},
                                                          {"skipped", "not_selected"}};
    return names;
}

class Translator {
public:
    Translator(std::vector<Token> tokens, const Names& names)
        : tokens_(std::move(tokens)), names_(names) {}

    Result<Piece> whole() {
        SLUICE_TRY(Piece piece, any_of(0));
        if (tokens_[at_].kind != Token::Kind::end)
            return refuse(fmt::format("`{}` was not expected", tokens_[at_].text));
        return piece;
    }
    /// The terms of the outermost `&&`.
    Result<std::vector<Piece>> terms() {
        std::vector<Piece> out;
        SLUICE_TRY(Piece first, all_of(0, &out));
        if (tokens_[at_].kind != Token::Kind::end) {
            // An `||` stands outside: it is one term.
            at_ = 0;
            SLUICE_TRY(Piece one, whole());
            return std::vector<Piece>{one};
        }
        if (out.empty()) out.push_back(first);
        return out;
    }
    static Result<std::string> truth(const Piece& piece) {
        switch (piece.type) {
            case Piece::Type::boolean: return piece.text;
            case Piece::Type::status:
                return refuse(
                    "a status function can only be joined by `&&` at the outermost level");
            case Piece::Type::number: return "(" + plain(piece) + " != 0)";
            case Piece::Type::string:
                // Values of a matrix and of outputs are strings here: GitHub's booleans too.
                if (piece.text.starts_with("matrix.") ||
                    piece.text.find(".outputs.") != std::string::npos)
                    return "(" + piece.text + " == 'true')";
                return "(" + plain(piece) + " != '')";
            case Piece::Type::ref:
            case Piece::Type::event:
            case Piece::Type::result:
            case Piece::Type::list: break;
        }
        return refuse("it is no condition");
    }
    static std::string plain(const Piece& piece) {
        if (!piece.nullable) return piece.text;
        return fmt::format("({} ?? {})", piece.text,
                           piece.type == Piece::Type::number ? "0" : "''");
    }

private:
    bool symbol(std::string_view text) {
        if (tokens_[at_].kind != Token::Kind::symbol || tokens_[at_].text != text) return false;
        ++at_;
        return true;
    }

    Result<Piece> any_of(int depth) {
        if (depth > k_max_depth) return refuse("it is nested too deep");
        SLUICE_TRY(Piece first, all_of(depth));
        if (tokens_[at_].text != "||" || tokens_[at_].kind != Token::Kind::symbol) return first;
        // `a || 'default'`: the value, not a condition.
        std::vector<Piece> parts{first};
        while (symbol("||")) {
            SLUICE_TRY(Piece next, all_of(depth));
            parts.push_back(std::move(next));
        }
        const bool values = std::all_of(parts.begin(), parts.end(), [](const Piece& part) {
            return part.type == Piece::Type::string;
        });
        std::string text;
        for (const Piece& part : parts) {
            std::string next = part.text;
            if (!values) {
                SLUICE_TRY(next, truth(part));
            }
            text += (text.empty() ? "" : values ? " ?? " : " || ") + next;
        }
        if (values) {
            for (std::size_t i = 0; i + 1 < parts.size(); ++i)
                if (!parts[i].nullable) return refuse("`a || b` of texts is `choose(…)` here");
            return Piece{Piece::Type::string, "(" + text + ")", parts.back().nullable};
        }
        return Piece{Piece::Type::boolean, "(" + text + ")"};
    }

    Result<Piece> all_of(int depth, std::vector<Piece>* terms = nullptr) {
        SLUICE_TRY(Piece first, compared(depth));
        if (tokens_[at_].text != "&&" || tokens_[at_].kind != Token::Kind::symbol) return first;
        std::vector<Piece> parts{first};
        while (symbol("&&")) {
            SLUICE_TRY(Piece next, compared(depth));
            parts.push_back(std::move(next));
        }
        if (terms != nullptr) {
            *terms = parts;
            return first;
        }
        std::string text;
        for (const Piece& part : parts) {
            SLUICE_TRY(std::string next, truth(part));
            text += (text.empty() ? "" : " && ") + next;
        }
        return Piece{Piece::Type::boolean, "(" + text + ")"};
    }

    Result<Piece> compared(int depth) {
        SLUICE_TRY(Piece left, primary(depth));
        for (std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
            if (!symbol(op)) continue;
            SLUICE_TRY(Piece right, primary(depth));
            return comparison(left, std::string(op), right);
        }
        return left;
    }

    static Result<Piece> comparison(Piece left, const std::string& op, Piece right) {
        using Type = Piece::Type;
        if (left.literal && !right.literal) std::swap(left, right);
        const bool equality = op == "==" || op == "!=";
        const auto done = [&](const std::string& text) {
            return Piece{Type::boolean, op == "!=" ? "(not " + text + ")" : text};
        };
        if (left.type == Type::status || right.type == Type::status)
            return refuse("a status function cannot be compared");
        if (left.type == Type::ref) {
            if (!equality || !right.literal)
                return refuse("`github.ref` is compared with something else than a text");
            if (right.raw.starts_with("refs/heads/"))
                return done("(branch == " + quoted(right.raw.substr(11)) + ")");
            if (right.raw.starts_with("refs/tags/"))
                return done("(tag == " + quoted(right.raw.substr(10)) + ")");
            return refuse("`github.ref` is no branch and no tag there");
        }
        if (left.type == Type::event) {
            if (!equality || !right.literal)
                return refuse("`github.event_name` is compared with something else than a text");
            static const std::map<std::string, std::string> events{
                {"push", "(event in ['push', 'tag'])"},
                {"pull_request", "(event == 'pull_request')"},
                {"pull_request_target", "(event == 'pull_request')"},
                {"workflow_dispatch", "(event == 'manual')"},
                {"schedule", "(event == 'schedule')"},
                {"merge_group", "(event == 'merge_queue')"}};
            const auto found = events.find(right.raw);
            if (found == events.end())
                return refuse(fmt::format("there is no event like `{}`", right.raw));
            return done(found->second);
        }
        if (left.type == Type::result) {
            const auto found = results().find(right.raw);
            if (!equality || found == results().end())
                return refuse("a result is compared with something that is no result");
            if (found->second == "failed" && left.text.starts_with("needs."))
                return done(fmt::format("({} in ['failed', 'errored', 'blocked'])", left.text));
            const bool step = left.text.starts_with("steps.");
            return done(fmt::format("({} == '{}')", left.text,
                                    step && right.raw == "skipped" ? "skipped" : found->second));
        }
        if (right.text == "true" || right.text == "false") {
            if (!equality) return refuse("booleans are not ordered");
            const bool negative = (op == "==") == (right.text == "false");
            if (left.type == Type::string)
                return Piece{Type::boolean, fmt::format("({} {} '{}')", left.text, op, right.text)};
            SLUICE_TRY(std::string truth_text, truth(left));
            return Piece{Type::boolean, negative ? "(not " + truth_text + ")" : truth_text};
        }
        if (left.type != Type::string && left.type != Type::number)
            return refuse("the two sides cannot be compared");
        if (left.type == Type::string && right.type == Type::number && right.literal)
            right.text = quoted(right.raw);
        else if (left.type != right.type)
            return refuse("the two sides have different types");
        if (!equality && left.type == Type::string) return refuse("texts are not ordered");
        const bool keep_null = equality && right.literal;
        return Piece{Type::boolean, fmt::format("({} {} {})", keep_null ? left.text : plain(left),
                                                op, plain(right))};
    }

    Result<Piece> primary(int depth) {
        using Type = Piece::Type;
        if (depth > k_max_depth) return refuse("it is nested too deep");
        if (symbol("!")) {
            SLUICE_TRY(Piece inner, primary(depth + 1));
            // `!cancelled()` is the usual way to say `always()` for what is not a clean-up.
            if (inner.type == Type::status && inner.text == "cancelled")
                return Piece{Type::status, "always"};
            SLUICE_TRY(std::string text, truth(inner));
            return Piece{Type::boolean, "(not " + text + ")"};
        }
        if (symbol("(")) {
            SLUICE_TRY(Piece inner, any_of(depth + 1));
            if (!symbol(")")) return refuse("a bracket is not closed");
            return inner;
        }
        const Token token = tokens_[at_];
        if (token.kind == Token::Kind::string) {
            ++at_;
            return Piece{Type::string, quoted(token.text), false, true, token.text};
        }
        if (token.kind == Token::Kind::number) {
            ++at_;
            return Piece{Type::number, token.text, false, true, token.text};
        }
        if (token.kind != Token::Kind::name)
            return refuse(token.text.empty() ? "it ends too early"
                                             : fmt::format("`{}` was not expected", token.text));
        ++at_;
        if (token.text == "true" || token.text == "false")
            return Piece{Type::boolean, token.text, false, true, token.text};
        if (symbol("(")) return call(lower(token.text), depth + 1);
        return path(token.text, depth + 1);
    }

    Result<Piece> path(std::string first, int depth) {
        std::vector<std::string> parts{std::move(first)};
        while (true) {
            if (symbol(".")) {
                if (tokens_[at_].kind != Token::Kind::name) return refuse("`.*` cannot be kept");
                parts.push_back(tokens_[at_++].text);
            } else if (symbol("[")) {
                SLUICE_TRY(Piece index, any_of(depth));
                if (!symbol("]")) return refuse("a bracket is not closed");
                if (!index.literal) return refuse("an index that is computed cannot be kept");
                parts.push_back(index.raw);
            } else {
                return named(parts);
            }
        }
    }

    Result<Piece> named(const std::vector<std::string>& parts) const {
        using Type = Piece::Type;
        std::string name;
        for (const std::string& part : parts) name += (name.empty() ? "" : ".") + part;
        const auto known = known_names().find(lower(name));
        if (known != known_names().end()) return known->second;
        const std::string root = lower(parts[0]);
        const auto usable = [](const std::string& text) {
            return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
            });
        };
        if (!std::all_of(parts.begin(), parts.end(), usable))
            return refuse(fmt::format("`{}` has a name that cannot be written here", name));
        if (parts.size() == 2 && (root == "matrix" || root == "env"))
            return Piece{Type::string, root + "." + parts[1]};
        if (parts.size() == 2 && root == "inputs") return Piece{Type::string, "params." + parts[1]};
        if (parts.size() == 4 && lower(parts[0] + parts[1] + parts[2]) == "githubeventinputs")
            return Piece{Type::string, "params." + parts[3]};
        if (parts.size() == 3 && root == "needs" && parts[2] == "result")
            return Piece{Type::result, fmt::format("needs.{}.result", names_.job(parts[1]))};
        if (parts.size() == 4 && root == "needs" && parts[2] == "outputs")
            return Piece{Type::string,
                         fmt::format("needs.{}.outputs.{}", names_.job(parts[1]), parts[3])};
        if (parts.size() == 3 && root == "steps" &&
            (parts[2] == "outcome" || parts[2] == "conclusion"))
            return Piece{Type::result, fmt::format("steps.{}.{}", parts[1],
                                                   parts[2] == "outcome" ? "outcome" : "result")};
        if (parts.size() == 4 && root == "steps" && parts[2] == "outputs")
            return Piece{Type::string, fmt::format("steps.{}.outputs.{}", parts[1], parts[3])};
        return refuse(fmt::format("`{}` has no counterpart here", name));
    }

    Result<Piece> call(const std::string& name, int depth) {
        using Type = Piece::Type;
        std::vector<Piece> arguments;
        if (!symbol(")")) {
            do {
                SLUICE_TRY(Piece argument, any_of(depth));
                arguments.push_back(std::move(argument));
            } while (symbol(","));
            if (!symbol(")")) return refuse("a bracket is not closed");
        }
        if (name == "always" || name == "failure" || name == "success" || name == "cancelled")
            return Piece{Type::status, name};
        if (name == "hashfiles" && !arguments.empty()) {
            std::string globs;
            for (const Piece& argument : arguments) {
                if (!argument.literal) return refuse("hashFiles() of something computed");
                globs += (globs.empty() ? "" : ", ") + argument.text;
            }
            return Piece{Type::string, "hash_files(" + globs + ")"};
        }
        if (name == "fromjson" && arguments.size() == 1 && arguments[0].literal &&
            arguments[0].raw.starts_with("["))
            return list_of(arguments[0].raw);
        if (arguments.size() == 2 &&
            (name == "contains" || name == "startswith" || name == "endswith"))
            return text_test(name, arguments[0], arguments[1]);
        return refuse(fmt::format("`{}()` has no counterpart here", name));
    }

    /// `fromJSON('["a", "b"]')`, with simple strings only.
    static Result<Piece> list_of(const std::string& json_text) {
        std::string items;
        std::size_t at = 0;
        while ((at = json_text.find('"', at)) != std::string::npos) {
            const std::size_t end = json_text.find('"', at + 1);
            if (end == std::string::npos) return refuse("the list cannot be read");
            items += (items.empty() ? "" : ", ") + quoted(json_text.substr(at + 1, end - at - 1));
            at = end + 1;
        }
        if (items.empty() || json_text.find('\\') != std::string::npos)
            return refuse("the list cannot be read");
        return Piece{Piece::Type::list, "[" + items + "]"};
    }

    static Result<Piece> text_test(const std::string& name, const Piece& in, const Piece& what) {
        using Type = Piece::Type;
        const std::string function = name == "contains"     ? "contains"
                                     : name == "startswith" ? "starts_with"
                                                            : "ends_with";
        if (in.type == Type::list) {
            if (name != "contains" || what.type != Type::string)
                return refuse("that test of a list cannot be kept");
            return Piece{Type::boolean, fmt::format("({} in {})", plain(what), in.text)};
        }
        if (in.type == Type::ref && what.literal && name == "startswith") {
            const std::string& raw = what.raw;
            if (raw == "refs/tags/" || raw == "refs/tags")
                return Piece{Type::boolean, "(event == 'tag')"};
            if (raw == "refs/heads/" || raw == "refs/heads")
                return Piece{Type::boolean, "(event == 'push')"};
            if (raw.starts_with("refs/tags/"))
                return Piece{Type::boolean,
                             fmt::format("starts_with(tag ?? '', {})", quoted(raw.substr(10)))};
            if (raw.starts_with("refs/heads/"))
                return Piece{Type::boolean,
                             fmt::format("starts_with(branch ?? '', {})", quoted(raw.substr(11)))};
        }
        if (in.type == Type::ref && what.literal && raw_word(what.raw) && name == "contains")
            return Piece{Type::boolean,
                         fmt::format("contains(branch ?? tag ?? '', {})", what.text)};
        if (in.type != Type::string || what.type != Type::string)
            return refuse(fmt::format("that use of `{}` cannot be kept", name));
        return Piece{Type::boolean, fmt::format("{}({}, {})", function, plain(in), plain(what))};
    }

    /// A text that cannot match in `refs/heads/` or `refs/tags/` itself.
    static bool raw_word(const std::string& text) {
        return std::string_view("refs/heads/").find(text) == std::string_view::npos &&
               std::string_view("refs/tags/").find(text) == std::string_view::npos;
    }

    std::vector<Token> tokens_;
    const Names& names_;
    std::size_t at_ = 0;
};

/// Without brackets around all of it.
std::string bare(std::string text) {
    if (!text.starts_with("(") || !text.ends_with(")")) return text;
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') in_string = !in_string;
        if (in_string) continue;
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        if (depth == 0 && i + 1 < text.size()) return text;
    }
    return text.substr(1, text.size() - 2);
}

}  // namespace

std::optional<std::string> whole_expression(std::string_view text) {
    text = text::trim(text);
    if (!text.starts_with("${{") || !text.ends_with("}}")) return std::nullopt;
    text = text.substr(3, text.size() - 5);
    if (text.find("}}") != std::string_view::npos || text.find("${{") != std::string_view::npos)
        return std::nullopt;
    return std::string(text::trim(text));
}

Result<Condition> condition(std::string_view text, const Names& names) {
    std::string inside = whole_expression(text).value_or(std::string(text));
    if (inside.find("${{") != std::string::npos)
        return refuse("a mixture of text and `${{ }}` is always true on GitHub");
    SLUICE_TRY(auto tokens, tokens_of(inside));
    SLUICE_TRY(auto terms, Translator(std::move(tokens), names).terms());
    Condition out;
    for (const Piece& term : terms) {
        if (term.type == Piece::Type::status) {
            if (term.text == "cancelled") return refuse("`cancelled()` has no counterpart here");
            if (term.text != "success") out.when = term.text;
            continue;
        }
        SLUICE_TRY(std::string next, Translator::truth(term));
        if (next == "true") continue;
        out.text += (out.text.empty() ? "" : " && ") + next;
    }
    out.text = bare(out.text);
    return out;
}

Result<std::string> value(std::string_view expression, const Names& names) {
    SLUICE_TRY(auto tokens, tokens_of(expression));
    SLUICE_TRY(Piece piece, Translator(std::move(tokens), names).whole());
    using Type = Piece::Type;
    if (piece.type == Type::ref || piece.type == Type::status)
        return refuse("it has no counterpart as a value here");
    if (piece.type == Type::event || piece.type == Type::result) return piece.text;
    return bare(Translator::plain(piece));
}

std::optional<std::string> in_script(std::string_view expression) {
    static const std::map<std::string, std::string, std::less<>> known{
        {"github.sha", "${{ sha }}"},
        {"github.run_number", "${{ run.number }}"},
        {"github.run_id", "$CI_RUN_ID"},
        {"github.run_attempt", "$CI_ATTEMPT"},
        {"github.workspace", "$CI_WORKSPACE"},
        {"github.ref_name", "${CI_COMMIT_BRANCH:-$CI_COMMIT_TAG}"},
        {"github.base_ref", "$CI_PR_TARGET_BRANCH"},
        {"github.event.pull_request.number", "$CI_PR_NUMBER"},
        {"github.event.number", "$CI_PR_NUMBER"},
        {"runner.os", "Linux"},
        {"runner.temp", "/tmp"},
    };
    const std::string name = lower(std::string(text::trim(expression)));
    if (const auto found = known.find(name); found != known.end()) return found->second;
    const std::string same(text::trim(expression));
    if (name.starts_with("matrix.") && name.find_first_of(" ()[]|&=!") == std::string::npos)
        return "${{ " + same + " }}";
    if (name.starts_with("env.") && name.find_first_of(" ()[]|&=!-") == std::string::npos)
        return "${" + same.substr(4) + "}";
    return std::nullopt;
}

Result<std::string> interpolate(
    std::string_view text, const std::function<Result<std::string>(std::string_view)>& replace) {
    std::string out;
    while (true) {
        const std::size_t begin = text.find("${{");
        const std::size_t end = begin == std::string_view::npos ? begin : text.find("}}", begin);
        if (end == std::string_view::npos) return out + std::string(text);
        out += text.substr(0, begin);
        SLUICE_TRY(std::string part, replace(text::trim(text.substr(begin + 3, end - begin - 3))));
        out += part;
        text.remove_prefix(end + 2);
    }
}

}  // namespace sluice::importer::github
