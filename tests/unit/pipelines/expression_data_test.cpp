/// Versions, JSON, the commit's files: what expressions compute beyond texts.
#include "pipelines/config/expression/check.hpp"
#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/config/expression/semver.hpp"

#include <catch2/catch.hpp>

#include <random>

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

const std::vector<TreeFile>& tree() {
    static const std::vector<TreeFile> files{
        {"src/b.cpp", "b1"}, {"src/a.cpp", "a1"}, {"requirements.txt", "r1"}};
    return files;
}

Context world() {
    Context context;
    context.contexts = Value::object({
        {"tag", Value::of("v1.10.0")},
        {"reply", Value::of(R"({"list": ["x", 2, null], "flag": true, "deep": {"a": 1}})")},
        {"labels", Value::list({Value::of("bug"), Value::of("it's")})},
        {"pr", Value::object({{"title", Value::of("It's \"it\"")}, {"number", Value::of(7.0)}})},
    });
    context.world.tree = tree;
    return context;
}

std::string value(std::string_view text) {
    const auto got = evaluate(ast_of(text), world());
    return got ? to_source(*got) : "! " + got.error().message;
}

Scope types() {
    Scope scope;
    scope["tag"] = Type::text();
    scope["reply"] = Type::text();
    scope["py"] = Type::string();
    scope["n"] = Type::number();
    scope["numbers"] = Type::list(Type::number());
    scope["rows"] = Type::list(Type::object({{"x", Type::number()}}));
    scope["pr"] = Type::object({{"title", Type::text()}}).or_null();
    return scope;
}

Type checked(std::string_view text, std::string& said) {
    std::vector<Problem> problems;
    Type got = check(ast_of(text), types(), {}, problems);
    if (!problems.empty()) said = problems[0].message + " | " + problems[0].hint;
    return got;
}

std::string type(std::string_view text) {
    std::string said;
    const Type got = checked(text, said);
    return said.empty() ? describe(got) : said;
}

}  // namespace

TEST_CASE("versions compare by their parts, not as texts", "[expression]") {
    CHECK(value("semver(tag) > semver('1.9.9')") == "true");
    CHECK(value("semver('1.0') == semver('v1.0.0+build.7')") == "true");
    CHECK(value("semver('3.9') < semver('3.10')") == "true");
    CHECK(value("semver('3.10') >= semver('3.10')") == "true");
    CHECK(value("semver('x')") == "! `x` is not a version such as 1.4.0");
    // The order of semver.org, § 11.
    const std::vector<std::string> order{"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                         "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                                         "1.0.0-rc.1",  "1.0.0",         "2.0.0"};
    for (std::size_t i = 0; i < order.size(); ++i)
        for (std::size_t k = 0; k < order.size(); ++k)
            CHECK((compare_semver_texts(order[i], order[k]) < 0) == (i < k));
}

TEST_CASE("what is no version is refused", "[expression]") {
    for (const char* bad : {"", "v", "1.2.3.4", "01.2", "1..2", "1.2-", "1.2-a..b", "1.2-01", "-1",
                            "1.2+", "latest", "1.2.3 ", "9999999999999999999"})
        CHECK_FALSE(parse_semver(bad).has_value());
    CHECK_FALSE(parse_semver(std::string(200, '1')).has_value());
}

TEST_CASE("versions have a type of their own", "[expression]") {
    CHECK(type("semver(py)") == "semver");
    CHECK(type("semver(py) < semver('3.11')") == "boolean");
    CHECK(type("semver(py) == '3.11'") ==
          "`==` compares a semver with a string | write semver('3.11')");
    CHECK(type("py < semver('3.11')") ==
          "`<` compares numbers or versions, `py` is a string | write semver(py)");
    CHECK(type("semver(py) < 3") ==
          "`<` compares a semver with a number | compare values of one type");
    CHECK(type("semver('next')") == "`next` is not a version such as 1.4.0 | write semver(s)");
}

TEST_CASE("calls of constants are tried at validation", "[expression]") {
    CHECK(type("number('1e5')") == "`1e5` is not a number | write number(s)");
    CHECK_THAT(type("from_json('{')"), Catch::StartsWith("from_json(): "));
    CHECK(type("replace(py, '', 'x')") == "string");  // py is not known yet
}

TEST_CASE("from_json gives values whose type is asked when they are used", "[expression]") {
    CHECK(value("from_json(reply).list[1]") == "2");
    CHECK(value("from_json(reply).list") == "['x', 2, null]");
    CHECK(value("from_json(reply).gone ?? 'none'") == "'none'");
    CHECK(value("from_json(reply).flag && true") == "true");
    CHECK(value("from_json(reply).list && true") ==
          "! `from_json(reply).list` is not a boolean, it is a list");
    CHECK(value("from_json(reply).deep < 3") ==
          "! `<` compares two numbers or two versions, not an object with a number");
    CHECK(value("'x' in from_json(reply).deep") ==
          "! right of `in` stands a list, `from_json(reply).deep` is an object");
    CHECK(value("lower(from_json(reply).list)") ==
          "! `from_json(reply).list` is a list: write lower(s)");
    CHECK(value("join(from_json(reply).list, ',')") ==
          "! join() takes texts, numbers and booleans");
    CHECK_THAT(value("from_json('{\"a\":1,\"a\":2}')"), Catch::Contains("from_json(): "));
    CHECK(value("from_json('1e999')").starts_with("! "));
    CHECK(type("from_json(reply).a.b[0]") == "value of from_json()");
    CHECK(type("from_json(reply).a == 3 || from_json(reply).b") == "boolean");
}

TEST_CASE("what from_json was given decides who is trusted", "[expression]") {
    std::string said;
    CHECK(checked("from_json(reply).a", said).taint == Taint::outsider);
    CHECK(checked("from_json('[1]')", said).taint == Taint::safe);
    CHECK(checked("to_json(pr)", said).taint == Taint::outsider);
    CHECK(checked("to_json(pr)", said).origin == "pr");
    CHECK(checked("choose(n == 1, from_json(reply), 'x')", said).taint == Taint::outsider);
    CHECK(checked("slug(from_json(reply).a)", said).taint == Taint::safe);
}

TEST_CASE("to_json prints every value, and from_json reads it again", "[expression]") {
    CHECK(value("to_json(labels)") == R"('["bug","it''s"]')");
    CHECK(value("to_json(pr)") == R"('{"title":"It''s \"it\"","number":7}')");
    CHECK(value("to_json(null ?? 1.5)") == "'1.5'");
    CHECK(value("from_json(to_json(pr)) == pr") == "true");
    CHECK(value("from_json(to_json(semver('1.2')))") == "'1.2'");
}

TEST_CASE("values print as source that evaluates to the same value", "[expression]") {
    for (const char* text :
         {"pr", "labels", "from_json(reply)", "semver('v1.2-rc.1')", "from_json('1e300')",
          "from_json('[{\"a\":\"\"\"}]')", "999999999999999999", "-0.5", "'it''s'"}) {
        Ast ast;
        Problem problem;
        if (!parse(text, ast, problem)) continue;
        const auto first = evaluate(ast, world());
        if (!first) continue;
        const auto again = evaluate(ast_of(to_source(*first)), {});
        CAPTURE(text, to_source(*first));
        REQUIRE(again.has_value());
        CHECK(*again == *first);
    }
}

TEST_CASE("exists and hash_files see the commit's files", "[expression]") {
    CHECK(value("exists('src/*.cpp')") == "true");
    CHECK(value("exists('src/*.py', 'docs/**')") == "false");
    CHECK(value("exists('**', '!src/**', '!*.txt')") == "false");
    CHECK(value("length(hash_files('src/**')) == 32") == "true");
    CHECK(value("hash_files('src/**') == hash_files('src/a.cpp', 'src/b.cpp')") == "true");
    CHECK(value("hash_files('src/**') != hash_files('**')") == "true");
    CHECK(value("hash_files('nothing*')") ==
          "! hash_files('nothing*') matches no file of this commit");
    Context other = world();
    static const std::vector<TreeFile> edited{{"src/a.cpp", "a1"}, {"src/b.cpp", "b2"}};
    other.world.tree = [&]() -> const std::vector<TreeFile>& { return edited; };
    const Ast ast = ast_of("hash_files('src/**')");
    CHECK(to_source(*evaluate(ast, other)) != to_source(*evaluate(ast, world())));
    CHECK(evaluate(ast, {}).error().id == "tree_unknown");
}

TEST_CASE("arguments are compared with what they look into", "[expression]") {
    CHECK(type("contains(py, 3)") == "a text contains texts, `3` is a number | quote it: '3'");
    CHECK(type("contains(numbers, 'x')") ==
          "`numbers` is a list<number>, and `'x'` is a string | look for a value of the list's "
          "type");
    CHECK(type("join(rows, ',')") ==
          "join() takes texts, numbers and booleans, not object | write to_json(…) for a list of "
          "other values");
    CHECK(type("pr == pr") ==
          "`==` compares an object or null with an object or null | compare one of its properties, "
          "or with null");
    CHECK(type("numbers[0] < 3") ==
          "`numbers[0]` may be null, and `<` takes no null | write `numbers[0] ?? 0`");
}

TEST_CASE("the text ${{ can be written", "[expression]") {
    Template parts;
    std::vector<Problem> problems;
    REQUIRE(parse_template("echo ${{ '${{' }} x }}", parts, problems));
    REQUIRE(parts.parts.size() == 3);
    CHECK(parts.parts[1].ast.value.string == "${{");
    CHECK(parts.parts[2].text == " x }}");
}

TEST_CASE("characters are counted, not bytes", "[expression]") {
    std::string umlauts;
    for (int i = 0; i < 3000; ++i) umlauts += "ä";
    CHECK(value("length('" + umlauts + "')") == "3000");
}

namespace {

/// A random tree, printed without the help of to_source().
std::string random_expression(std::mt19937& random, int depth) {
    const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
    const auto child = [&] { return random_expression(random, depth - 1); };
    if (depth == 0) {
        static const char* leaves[] = {"null",  "true", "false",    "-1.50", "'it''s'",
                                       "\"x\"", "tag",  "pr.title", "n",     "[]"};
        return leaves[pick(10)];
    }
    switch (pick(9)) {
        case 0: return "(" + child() + ") || " + child();
        case 1: return child() + " && (" + child() + ")";
        case 2: return "not (" + child() + ")";
        case 3: return "(" + child() + ") == (" + child() + ")";
        case 4: return "(" + child() + ") ?? (" + child() + ")";
        case 5: return "(" + child() + ")[" + child() + "]";
        case 6: return "(" + child() + ").name";
        case 7: return "[" + child() + ", " + child() + "]";
        default: return "f(" + child() + ", " + child() + ")";
    }
}

}  // namespace

TEST_CASE("printing and parsing are each other's reverse", "[expression]") {
    std::mt19937 random(20261123);
    for (int i = 0; i < 2000; ++i) {
        const std::string text = random_expression(random, i % 6);
        Ast ast;
        Problem problem;
        CAPTURE(text);
        REQUIRE(parse(text, ast, problem));
        const std::string printed = to_source(ast);
        Ast again;
        REQUIRE(parse(printed, again, problem, k_generated));
        CHECK(to_source(again) == printed);
        // What the tree computes is the same, too.
        const auto first = evaluate(ast, world()), second = evaluate(again, world());
        REQUIRE(first.has_value() == second.has_value());
        if (first) CHECK(*first == *second);
    }
}

TEST_CASE("random bytes neither crash the parser nor the check", "[expression]") {
    std::mt19937 random(7);
    const std::string alphabet = "abn.[](),'\"!=<>&|?0123 \t\xc3\xa4${}-_\x01\xff";
    for (int i = 0; i < 5000; ++i) {
        std::string text;
        for (int k = std::uniform_int_distribution<int>(0, 40)(random); k > 0; --k)
            text += alphabet[std::uniform_int_distribution<std::size_t>(
                0, alphabet.size() - 1)(random)];
        Ast ast;
        Problem problem;
        Template parts;
        std::vector<Problem> problems;
        parse_template(text, parts, problems);
        if (!parse(text, ast, problem)) {
            CHECK(problem.offset <= text.size());
            continue;
        }
        check(ast, types(), {}, problems);
        evaluate(ast, world());
    }
}
