#include "pipelines/config/expression/check.hpp"
#include "pipelines/config/expression/evaluate.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::config::expression;

namespace {

Ast ast_of(std::string_view text) {
    Ast ast;
    Problem problem;
    const bool parsed = parse(text, ast, problem);
    CAPTURE(text, problem.message);
    REQUIRE(parsed);
    return ast;
}

std::string syntax_error(std::string_view text) {
    Ast ast;
    Problem problem;
    CAPTURE(text);
    REQUIRE_FALSE(parse(text, ast, problem));
    return std::to_string(problem.offset) + ": " + problem.message;
}

Context world() {
    Context context;
    context.contexts = Value::object({
        {"branch", Value::of("main")},
        {"tag", Value{}},
        {"n", Value::of(3.0)},
        {"flag", Value::of(true)},
        {"list", Value::list({Value::of("a"), Value::of("b")})},
        {"pr", Value::object(
                   {{"title", Value::of("Fix it")}, {"labels", Value::list({Value::of("bug")})}})},
        {"matrix", Value::object({{"py", Value::of("3.10")}})},
    });
    context.world.changed = [](std::span<const std::string> globs) { return globs[0] == "src/**"; };
    return context;
}

/// The value as source text, or `!` and the error.
std::string value(std::string_view text) {
    const Ast ast = ast_of(text);
    const auto got = evaluate(ast, world());
    return got ? to_source(*got) : "! " + got.error().message;
}

Scope types() {
    Scope scope;
    scope["branch"] = Type::text().or_null();
    scope["tag"] = Type::text().or_null();
    scope["event"] = Type::choice({"push", "tag", "pull_request"});
    scope["n"] = Type::number();
    scope["flag"] = Type::boolean();
    scope["maybe"] = Type::boolean().or_null();
    scope["list"] = Type::list(Type::text());
    scope["pr"] = Type::object({{"title", Type::text()}, {"draft", Type::boolean()}}).or_null();
    scope["matrix"] = Type::object({{"py", Type::string()}, {"edge", Type::string().or_null()}});
    scope["secret"] = Type::refused("`secret` is not for you", "ask");
    return scope;
}

/// `type` or the first problem.
std::string type(std::string_view text) {
    std::vector<Problem> problems;
    const Type got = check(ast_of(text), types(), {}, problems);
    if (problems.empty()) return describe(got);
    return std::string(to_text(problems[0].severity)) + ": " + problems[0].message +
           (problems[0].hint.empty() ? "" : " | " + problems[0].hint);
}

std::string condition(std::string_view text) {
    std::vector<Problem> problems;
    check_condition(ast_of(text), types(), {}, problems);
    return problems.empty() ? "ok" : problems[0].message;
}

}  // namespace

TEST_CASE("precedence: or, and, not, comparison, ??, postfix", "[expression]") {
    CHECK(to_source(ast_of("a || b && c")) == "(a || (b && c))");
    CHECK(to_source(ast_of("!a == b")) == "(not (a == b))");  // as Python's not
    CHECK(to_source(ast_of("not a && b")) == "((not a) && b)");
    CHECK(to_source(ast_of("a ?? b == c")) == "((a ?? b) == c)");
    CHECK(to_source(ast_of("a.b[0].c")) == "a.b[0].c");
    CHECK(to_source(ast_of("(a || b) && c")) == "((a || b) && c)");
    CHECK(to_source(ast_of("x in ['a', \"b\", -1.5, null, true]")) ==
          "(x in ['a', 'b', -1.5, null, true])");
    CHECK(to_source(ast_of("needs.unit-test.result")) == "needs.unit-test.result");
    CHECK(to_source(ast_of("f()")) == "f()");
    CHECK(to_source(ast_of("'it''s'")) == "'it''s'");
}

TEST_CASE("printed expressions parse to the same tree", "[expression]") {
    for (const char* text : {"a || !b && c == 'x''y' || d.e[1] ?? 2 in [1, -2.5]",
                             "f(a, [b], not c).d == null", "!(!(!a))"}) {
        const std::string once = to_source(ast_of(text));
        CHECK(to_source(ast_of(once)) == once);
    }
}

TEST_CASE("syntax errors say where and what instead", "[expression]") {
    CHECK(syntax_error("") == "0: the expression is empty");
    CHECK(syntax_error("a ==") == "4: the expression ends too early");
    CHECK(syntax_error("a == == b") == "5: a value is missing before `==`");
    CHECK(syntax_error("a == b == c") == "7: comparisons do not chain");
    CHECK(syntax_error("a and b") == "2: `and` is not an operator");
    CHECK(syntax_error("a b") == "2: the expression should end here");
    CHECK(syntax_error("(a") == "2: `)` is missing here");
    CHECK(syntax_error("[a,") == "3: the expression ends too early");
    CHECK(syntax_error("'a") == "0: a string is opened here and never closed");
    CHECK(syntax_error("a.") == "2: a name is missing after `.`");
    CHECK(syntax_error("3.11.2") == "0: this is neither a number nor a name");
    CHECK(syntax_error("1 / 0") == "2: `/` has no meaning in an expression");
    CHECK(syntax_error("a = b") == "2: `=` has no meaning in an expression");
    CHECK(syntax_error("a ? b : c") == "2: `?` has no meaning in an expression");
    CHECK(syntax_error("ä") == "0: `ä` has no meaning in an expression");
}

TEST_CASE("expressions are bounded in length and depth, and chains are not depth", "[expression]") {
    CHECK_THAT(syntax_error(std::string(5000, 'a')), Catch::Contains("at most 4096"));
    CHECK_THAT(syntax_error(std::string(33, '(') + "a" + std::string(33, ')')),
               Catch::Contains("deeper than 32"));
    CHECK_THAT(syntax_error(std::string(100, '!') + "a"), Catch::Contains("deeper than 32"));
    std::string members = "a";
    for (int i = 0; i < 40; ++i) members += ".b";
    CHECK_THAT(syntax_error(members), Catch::Contains("deeper than 32"));
    std::string chain = "flag";
    for (int i = 0; i < 300; ++i) chain += " && flag";
    CHECK(value(chain) == "true");
}

TEST_CASE("values", "[expression]") {
    CHECK(value("branch == 'main'") == "true");
    CHECK(value("branch == 'Main'") == "false");
    CHECK(value("tag == null") == "true");
    CHECK(value("tag == 'x'") == "false");
    CHECK(value("tag ?? 'none'") == "'none'");
    CHECK(value("null ?? null") == "null");
    CHECK(value("n < 4 && n >= 3") == "true");
    CHECK(value("'a' in list") == "true");
    CHECK(value("'z' in list") == "false");
    CHECK(value("list[1]") == "'b'");
    CHECK(value("list[9]") == "null");
    CHECK(value("list[-1]") == "null");
    CHECK(value("pr['title']") == "'Fix it'");
    CHECK(value("pr.gone.more") == "null");
    CHECK(value("matrix.py == '3.10'") == "true");
    CHECK(value("not flag || flag") == "true");
    CHECK(value("[1, 2.5, 'x']") == "[1, 2.5, 'x']");
}

TEST_CASE("logic stops at the first answer", "[expression]") {
    CHECK(value("tag != null && starts_with(tag, 'v')") == "false");
    CHECK(value("flag || starts_with(tag, 'v')") == "true");
    CHECK(value("starts_with(tag, 'v')") == "! `tag` is null for this event");
    CHECK(value("choose(tag != null, tag, 'none')") == "'none'");
}

TEST_CASE("functions", "[expression]") {
    CHECK(value("contains(branch, 'ai')") == "true");
    CHECK(value("contains(list, 'b')") == "true");
    CHECK(value("contains(pr.labels, 'bug')") == "true");
    CHECK(value("starts_with(branch, 'ma') && ends_with(branch, 'in')") == "true");
    CHECK(value("glob('release/1.2', 'release/*')") == "true");
    CHECK(value("glob('a/b/c', 'a/*')") == "false");
    CHECK(value("changed('src/**')") == "true");
    CHECK(value("changed('docs/**')") == "false");
}

TEST_CASE("text functions", "[expression]") {
    CHECK(value("upper('ab') == 'AB' && lower('AB') == 'ab'") == "true");
    CHECK(value("replace('a-b-c', '-', '/')") == "'a/b/c'");
    CHECK(value("replace('a', '', 'b')") == "! replace() needs a text to look for");
    CHECK(value("split('a,b,,c', ',')") == "['a', 'b', '', 'c']");
    CHECK(value("join(list, '+')") == "'a+b'");
    CHECK(value("length(list) == 2 && length('äö') == 2") == "true");
    CHECK(value("number('3.50')") == "3.5");
    CHECK(value("number('-2')") == "-2");
    for (const char* bad : {"number('x')", "number('')", "number('1e5')", "number('0x1')",
                            "number('inf')", "number('1_000')"})
        CHECK_THAT(value(bad), Catch::Contains("is not a number"));
}

TEST_CASE("slug keeps what is safe and never makes two names one", "[expression]") {
    CHECK(slug("main") == "main");
    CHECK(slug("release-1-2") == "release-1-2");
    CHECK(slug("feature/x") != slug("feature-x"));
    CHECK(slug("feature/x").starts_with("feature-x-"));
    CHECK(slug("$(id)").starts_with("id-"));
    for (const std::string& text : {std::string(), std::string("🚀"), std::string(200, 'a'),
                                    std::string("--"), std::string("A")}) {
        const std::string out = slug(text);
        CHECK(!out.empty());
        CHECK(out.size() <= 63);
        CHECK(out.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos);
    }
}

TEST_CASE("a call that was never checked is refused, not carried out", "[expression]") {
    CHECK(value("choose(flag, 'a')") == "! write choose(condition, a, b)");  // found by fuzzing
    CHECK(value("slug()") == "! write slug(s)");
    CHECK(value("slug(n)") == "! `n` is a number: write slug(s)");
    CHECK(value("nothing(1)") == "! there is no function `nothing`");
    CHECK(value("flag && n") == "! `n` is not a boolean, it is a number");
}

TEST_CASE("growth is bounded", "[expression]") {
    std::string text = "'aaaaaaaaaaaaaaaa'";
    for (int i = 0; i < 8; ++i) text = "replace(" + text + ", 'a', 'aaaaaaaaaaaaaaaa')";
    CHECK_THAT(value(text), Catch::Contains("longer than 65536 bytes"));
    std::string wide = "[1";
    for (int i = 0; i < 1300; ++i) wide += ",1";
    wide += "]";
    CHECK(value("length(" + wide + ") > 0") == "true");
}

TEST_CASE("types", "[expression]") {
    CHECK(type("branch") == "text?");
    CHECK(type("branch ?? 'x'") == "text");
    CHECK(type("n == 3") == "boolean");
    CHECK(type("matrix.py") == "string");
    CHECK(type("matrix.edge") == "string?");
    CHECK(type("pr.title") == "text?");
    CHECK(type("list[0]") == "text?");
    CHECK(type("slug(branch ?? '')") == "string");
    CHECK(type("lower(branch ?? '')") == "text");
    CHECK(type("split(matrix.py, '.')") == "list<string>");
    CHECK(type("choose(flag, 'a', null)") == "string?");
}

TEST_CASE("one type on both sides, with the fix", "[expression]") {
    CHECK(type("1 == '1'") == "error: `==` compares a number with a string | quote it: '1'");
    CHECK(type("matrix.py == 3.10") ==
          "error: `==` compares a string with a number | quote it: '3.10'");
    CHECK(type("flag == 'true'") ==
          "error: `==` compares a boolean with a string | write true without quotes");
    CHECK(type("branch == 'x'") == "boolean");
    CHECK(type("branch < 'x'") ==
          "error: `<` compares numbers or versions, `branch` is a text or null | write "
          "semver(branch)");
    CHECK(type("branch in 'x'") ==
          "error: right of `in` stands a list, `'x'` is a string | for a part of a text write "
          "contains(s, part)");
    CHECK(type("n in ['a']") ==
          "error: `in` compares a number with a string | compare values of one type");
    CHECK(type("['a', 1]") == "error: the elements of a list have one type");
    CHECK(type("tag ?? 1") ==
          "error: `??` joins a text or null and a number | give both the same type");
}

TEST_CASE("unknown names are compared with known ones", "[expression]") {
    CHECK(type("brnach == 'x'") == "error: `brnach` is not known here | did you mean `branch`?");
    CHECK(type("pr.titel") == "error: `pr` has no property `titel` | did you mean `title`?");
    CHECK(type("event == 'psuh'") == "error: `event` is never 'psuh' | did you mean `push`?");
    CHECK(type("event in ['push', 'nope']") ==
          "error: `event` is never 'nope' | it is one of: push tag pull_request");
    CHECK(type("startswith(branch, 'x')") ==
          "error: there is no function `startswith` | did you mean `starts_with`?");
    CHECK(type("startsWith(branch, 'x')") ==
          "error: there is no function `startsWith` | write `starts_with(s, prefix)`");
    CHECK(type("slug") ==
          "error: `slug` is not known here | it is a function: add its arguments in ( )");
    CHECK(type("slug()") == "error: `slug` takes 1 argument, got 0 | write slug(s)");
    CHECK(type("secret") == "error: `secret` is not for you | ask");
}

TEST_CASE("conditions are booleans that are never null", "[expression]") {
    CHECK(condition("flag") == "ok");
    CHECK(condition("branch") == "`if` takes a boolean, `branch` is a text or null");
    CHECK(condition("maybe") == "`maybe` may be null, which is neither true nor false");
    CHECK(condition("maybe ?? false") == "ok");
    CHECK(condition("pr.draft") == "`pr.draft` may be null, which is neither true nor false");
    CHECK(condition("pr != null && pr.draft") == "ok");
    CHECK(condition("event == 'pull_request' && pr.draft") == "ok");
    CHECK(condition("pr.draft && pr != null") ==
          "`pr.draft` may be null, which is neither true nor false");
    CHECK(condition("n") == "`if` takes a boolean, `n` is a number");
    CHECK(condition("flag && 'a' || 'b'") ==
          "`a && b || c` picks no value here: && and || take booleans");
    CHECK(condition("not branch") == "`!` takes a boolean, `branch` is a text or null");
}

TEST_CASE("a null where none is taken is a warning at validation", "[expression]") {
    CHECK(type("starts_with(branch, 'x')") ==
          "warning: `branch` may be null, and starts_with() takes no null | write `branch ?? ''`");
    CHECK(condition("branch != null && starts_with(branch, 'x')") == "ok");
    CHECK(condition("event == 'push' && starts_with(branch, 'x')") == "ok");
}

TEST_CASE("folding leaves only what is read later", "[expression]") {
    const auto folded = [](std::string_view text) {
        const auto rest = fold(ast_of(text), world(), {"needs"});
        return rest ? to_source(*rest) : "! " + rest.error().message;
    };
    CHECK(folded("branch == 'main' && needs.a.result == 'failed'") ==
          "(needs.a.result == 'failed')");
    CHECK(folded("branch == 'x' && needs.a.result == 'failed'") == "false");
    CHECK(folded("branch == 'main' || needs.a.result == 'failed'") == "true");
    CHECK(folded("needs.a.result == 'failed' || branch == 'main'") == "true");
    CHECK(folded("needs.a.result in ['failed', lower('X')]") ==
          "(needs.a.result in ['failed', 'x'])");
    CHECK(folded("not (needs.a.result == pr.title)") == "(not (needs.a.result == 'Fix it'))");
    CHECK(folded("not (needs.a.result == 'x' || flag)") == "false");
    CHECK(folded("(needs.a.result ?? 'x') == 'y'") == "((needs.a.result ?? 'x') == 'y')");
}

TEST_CASE("templates split into text and expressions, strings may hold braces", "[expression]") {
    Template parts;
    std::vector<Problem> problems;
    REQUIRE(parse_template("a ${{ '}}' }} b ${{ n }}", parts, problems));
    REQUIRE(parts.parts.size() == 4);
    CHECK(parts.parts[1].ast.value.string == "}}");
    CHECK(parts.parts[3].offset == 19);
    CHECK_FALSE(parts.is_whole());
    Template whole;
    REQUIRE(parse_template("${{ n }}", whole, problems));
    CHECK(whole.is_whole());
    Template open;
    CHECK_FALSE(parse_template("x ${{ n", open, problems));
    CHECK(problems.back().message == "`${{` is never closed by `}}`");
}

TEST_CASE("numbers print without an exponent", "[expression]") {
    CHECK(format_number(3) == "3");
    CHECK(format_number(-0.0) == "0");
    CHECK(format_number(1e20) == "100000000000000000000");
    CHECK(format_number(0.1) == "0.1");
    CHECK(format_number(1e-7) == "0.0000001");
}
