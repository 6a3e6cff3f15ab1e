#include "pipelines/reports/findings.hpp"

#include "pipelines/base/text.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace sluice;
using reports::FindingFormat;
using reports::FindingList;
using reports::FindingParser;

namespace {

const reports::PathMap k_paths{{"/ws"}, ""};

struct Read {
    std::vector<std::string> lines;  ///< `severity tool file:line:col-endline:endcol rule message`
    std::vector<model::Finding> findings;
    std::string refusal;
};

Read read(FindingFormat format, std::string_view text, std::string tool = "tool",
          std::size_t piece = std::string_view::npos) {
    Read out;
    FindingList list(k_paths);
    FindingParser parser(format, std::move(tool), list);
    Result<> state;
    for (; state && !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        state = parser.feed(text.substr(0, piece));
    if (state) state = parser.finish();
    if (!state) out.refusal = state.error().id + ": " + state.error().message;
    out.findings = list.all();
    for (const model::Finding& f : out.findings)
        out.lines.push_back(fmt::format("{} {} {}:{}:{}-{}:{} {} {}", to_text(f.severity), f.tool,
                                        f.file, f.line, f.column, f.end_line, f.end_column, f.rule,
                                        f.message));
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("clang-tidy's lines become findings, its notes and summaries do not", "[findings]") {
    const auto text =
        "/ws/src/a.cpp:12:5: warning: use nullptr [modernize-use-nullptr]\n"
        "    p = 0;\n        ^\n"
        "/ws/src/a.cpp:3:1: note: declared here\n"
        "/ws/src/a.h:2:1: error: narrowing [bugprone-narrowing-conversions,-warnings-as-errors]\n"
        "/ws/src/a.h:2:1: error: narrowing [bugprone-narrowing-conversions,-warnings-as-errors]\n"
        "/usr/include/x.h:1:1: warning: not ours [x]\n"
        "2 warnings generated.\n";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::string_view::npos}) {
        const auto got = read(FindingFormat::gnu, text, "clang-tidy", piece);
        CHECK(got.lines ==
              Lines{"warning clang-tidy src/a.cpp:12:5-0:0 modernize-use-nullptr use nullptr",
                    "error clang-tidy src/a.h:2:1-0:0 bugprone-narrowing-conversions narrowing"});
    }
}

TEST_CASE("mypy, flake8, yamllint and clang-format are read line by line", "[findings]") {
    CHECK(read(FindingFormat::mypy,
               "app/x.py:3:12:3:15: error: Incompatible return value type  [return-value]\n"
               "app/x.py:3: note: See docs\napp/y.py:1: error: Cannot find module\n",
               "mypy")
              .lines == Lines{"error mypy app/x.py:3:12-3:16 return-value Incompatible return "
                              "value type",
                              "error mypy app/y.py:1:0-0:0  Cannot find module"});
    CHECK(read(FindingFormat::flake8,
               "./x.py:1:1: F401 'os' imported but unused\n./x.py:2:80: E501 line too long\n"
               "./x.py:9:1: E999 SyntaxError: bad\n",
               "flake8")
              .lines == Lines{"warning flake8 x.py:1:1-0:0 F401 'os' imported but unused",
                              "warning flake8 x.py:2:80-0:0 E501 line too long",
                              "error flake8 x.py:9:1-0:0 E999 SyntaxError: bad"});
    CHECK(read(FindingFormat::yamllint,
               "a.yml:2:3: [error] too many spaces inside braces (braces)\n"
               "a.yml:1:1: [warning] missing document start (document-start)\n",
               "yamllint")
              .lines ==
          Lines{"error yamllint a.yml:2:3-0:0 braces too many spaces inside braces",
                "warning yamllint a.yml:1:1-0:0 document-start missing document start"});
    CHECK(read(FindingFormat::clang_format,
               "a.cpp:1:6: error: code should be clang-formatted [-Wclang-format-violations]\n",
               "clang-format")
              .lines == Lines{"warning clang-format a.cpp:1:6-0:0 format code should be "
                              "clang-formatted"});
}

TEST_CASE("ruff's fixes come with their places", "[findings]") {
    const auto got = read(FindingFormat::ruff, R"([{"cell":null,"code":"F401",
        "end_location":{"column":10,"row":1},"filename":"/ws/x.py",
        "fix":{"applicability":"safe","edits":[{"content":"","end_location":{"column":1,"row":2},
        "location":{"column":1,"row":1}}],"message":"Remove"},"location":{"column":8,"row":1},
        "message":"`os` imported but unused","noqa_row":1,"url":"https://x"},
        {"code":null,"filename":"/ws/y.py","location":{"row":2,"column":1},
         "end_location":{"row":2,"column":2},"message":"SyntaxError: bad","fix":null}])",
                          "ruff");
    CHECK(got.lines == Lines{"warning ruff x.py:1:8-1:10 F401 `os` imported but unused",
                             "error ruff y.py:2:1-2:2 syntax-error SyntaxError: bad"});
    REQUIRE(got.findings[0].fixes.size() == 1);
    CHECK(got.findings[0].fixes[0] == model::FixEdit{"x.py", 1, 1, 2, 1, ""});
}

TEST_CASE("pylint, eslint, shellcheck and hadolint are read from their JSON", "[findings]") {
    CHECK(read(FindingFormat::pylint,
               R"([{"type":"convention","module":"x","obj":"","line":1,"column":0,"endLine":null,
               "endColumn":null,"path":"x.py","symbol":"missing-module-docstring",
               "message":"Missing module docstring","message-id":"C0114"},
               {"type":"error","line":3,"column":4,"endLine":3,"endColumn":9,"path":"x.py",
               "symbol":"no-member","message":"No"}])",
               "pylint")
              .lines ==
          Lines{"note pylint x.py:1:1-0:0 missing-module-docstring Missing module docstring",
                "error pylint x.py:3:5-3:10 no-member No"});
    CHECK(read(FindingFormat::eslint,
               R"([{"filePath":"/ws/a.js","messages":[{"ruleId":"no-unused-vars","severity":1,
               "message":"'x' is unused","line":1,"column":7,"endLine":1,"endColumn":8},
               {"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error","line":4,
               "column":1}]},{"filePath":"/ws/b.js","messages":[]}])",
               "eslint")
              .lines == Lines{"warning eslint a.js:1:7-1:8 no-unused-vars 'x' is unused",
                              "error eslint a.js:4:1-0:0 parse-error Parsing error"});
    const auto shell = read(FindingFormat::shellcheck,
                            R"({"comments":[{"file":"a.sh","line":2,"endLine":2,"column":6,
        "endColumn":8,"level":"info","code":2086,"message":"Double quote","fix":{"replacements":[
        {"column":6,"endColumn":6,"endLine":2,"insertionPoint":"afterEnd","line":2,"precedence":7,
        "replacement":"\""}]}}]}
{"comments":[{"file":"b.sh","line":1,"endLine":1,"column":1,"endColumn":1,"level":"error",
"code":2148,"message":"No shebang","fix":null}]})",
                            "shellcheck");
    CHECK(shell.lines == Lines{"note shellcheck a.sh:2:6-2:8 SC2086 Double quote",
                               "error shellcheck b.sh:1:1-1:1 SC2148 No shebang"});
    CHECK(shell.findings[0].fixes.size() == 1);
    CHECK(read(FindingFormat::hadolint,
               R"([{"line":1,"code":"DL3006","message":"Always tag","column":1,
               "file":"Containerfile","level":"warning"}])",
               "hadolint")
              .lines == Lines{"warning hadolint Containerfile:1:1-0:0 DL3006 Always tag"});
}

TEST_CASE("cppcheck's first location counts; what is about the run itself is left out",
          "[findings]") {
    const auto got = read(FindingFormat::cppcheck, R"(<?xml version="1.0" encoding="UTF-8"?>
<results version="2"><cppcheck version="2.10"/><errors>
<error id="nullPointer" severity="error" msg="Null pointer" verbose="x" cwe="476">
<location file="/ws/a.cpp" line="4" column="3" info="Here"/>
<location file="/ws/a.cpp" line="2" column="8"/></error>
<error id="unusedFunction" severity="style" msg="Unused"><location file="a.cpp" line="1"/></error>
<error id="passedByValue" severity="performance" msg="Slow"><location file="b.cpp" line="9"/></error>
<error id="toomanyconfigs" severity="information" msg="Too many"/>
</errors></results>)");
    CHECK(got.lines == Lines{"error cppcheck a.cpp:4:3-0:0 nullPointer Null pointer",
                             "note cppcheck a.cpp:1:0-0:0 unusedFunction Unused",
                             "warning cppcheck b.cpp:9:0-0:0 passedByValue Slow"});
}

TEST_CASE("SARIF: levels come from the result, its rule, or are warnings", "[findings]") {
    const auto got = read(FindingFormat::sarif, R"({"version":"2.1.0","$schema":"x","runs":[{
      "tool":{"driver":{"name":"scan","rules":[{"id":"R1","defaultConfiguration":{"level":"error"},
        "messageStrings":{"m":{"text":"bad {0} in {1}"}}},{"id":"R2"}]}},
      "originalUriBaseIds":{"ROOT":{"uri":"file:///ws/sub/"}},
      "artifacts":[{"location":{"uri":"from/index%20x.c"}}],
      "results":[
       {"ruleIndex":0,"message":{"id":"m","arguments":["thing","place"]},
        "locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.c","uriBaseId":"ROOT"},
          "region":{"startLine":3,"startColumn":2,"endColumn":9}}}],
        "fixes":[{"artifactChanges":[{"artifactLocation":{"uri":"a.c","uriBaseId":"ROOT"},
          "replacements":[{"deletedRegion":{"startLine":3,"startColumn":2,"endColumn":9},
          "insertedContent":{"text":"good"}}]}]}]},
       {"ruleId":"R2","level":"note","message":{"text":"told"},
        "locations":[{"physicalLocation":{"artifactLocation":{"index":0},"region":{"startLine":1}}}]},
       {"ruleId":"R2","message":{"text":"plain"},"locations":[]},
       {"ruleId":"R2","level":"none","message":{"text":"no problem"}},
       {"ruleId":"R2","kind":"pass","message":{"text":"passed"}},
       {"ruleId":"R2","message":{"text":"accepted"},"suppressions":[{"kind":"inSource"}]}]}]})");
    CHECK(got.refusal == "");
    CHECK(got.lines == Lines{"error scan sub/a.c:3:2-3:9 R1 bad thing in place",
                             "note scan from/index x.c:1:0-0:0 R2 told",
                             "warning scan :0:0-0:0 R2 plain"});
    REQUIRE(got.findings[0].fixes.size() == 1);
    CHECK(got.findings[0].fixes[0] == model::FixEdit{"sub/a.c", 3, 2, 3, 9, "good"});
}

TEST_CASE("our own findings and Code Climate's are one format", "[findings]") {
    const Lines expected{"error mine a.c:3:1-0:0 r text", "warning tool b.c:7:0-0:0 c other"};
    CHECK(read(FindingFormat::findings,
               R"([{"tool":"mine","rule":"r","severity":"error","message":"text","file":"a.c",
               "line":3,"column":1},{"description":"other","check_name":"c","severity":"major",
               "fingerprint":"f","location":{"path":"b.c","lines":{"begin":7}}}])")
              .lines == expected);
    CHECK(
        read(
            FindingFormat::findings,
            R"({"tool":"mine","rule":"r","severity":"error","message":"text","file":"a.c","line":3,"column":1}
{"description":"other","check_name":"c","location":{"path":"b.c","lines":{"begin":7}}})")
            .lines == expected);
    CHECK(read(FindingFormat::findings, R"([{"file":"a.c"}])").refusal ==
          "bad_findings: no report of findings: one has neither message nor description");
}

TEST_CASE("bad reports are refused and what was good before the fault stays", "[findings]") {
    struct Case {
        FindingFormat format;
        std::string text;
        std::string refusal;
    };
    const std::string deep(70, '[');
    const std::string wide = "<results><error id=\"" + std::string(3 << 20, 'x') + "\"/></results>";
    const Case cases[] = {
        {FindingFormat::ruff, "", "there is no JSON in it"},
        {FindingFormat::ruff, "[{\"code\":", "the JSON is cut off"},
        {FindingFormat::ruff, "{}", "no report of ruff: an array is expected"},
        {FindingFormat::ruff, deep + std::string(70, ']'), "too deep"},
        {FindingFormat::ruff, "[{\"a\":1,\"a\":2}]", "a"},
        {FindingFormat::eslint, "{}", "no report of eslint"},
        {FindingFormat::hadolint, "{}", "no report of hadolint"},
        {FindingFormat::shellcheck, "{}", "no report of shellcheck"},
        {FindingFormat::pylint, "{}", "no report of pylint"},
        {FindingFormat::sarif, "{\"version\":\"2.1.0\"}", "no SARIF: `runs` is missing"},
        {FindingFormat::cppcheck, "<html/>", "the root is not <results>"},
        {FindingFormat::cppcheck, "<results>", "no element found"},
        {FindingFormat::cppcheck,
         "<!DOCTYPE r [<!ENTITY a \"b\"><!ENTITY c \"&a;&a;\">]><results>&c;</results>",
         "a document type is not allowed in a report"},
        {FindingFormat::cppcheck, wide, "a tag of more than 1024 KiB"},
        {FindingFormat::cppcheck, "<results>\xff</results>", "not well-formed"},
    };
    for (const Case& bad : cases) {
        INFO(bad.text.substr(0, 80));
        CHECK_THAT(read(bad.format, bad.text).refusal, Catch::Contains(bad.refusal));
    }
}

TEST_CASE("paths of findings are the workspace's, whatever a tool writes", "[findings]") {
    const std::pair<const char*, const char*> cases[] = {
        {"src/a.c", "src/a.c"},
        {"./src//a.c", "src/a.c"},
        {"src/../b.c", "b.c"},
        {"/ws/src/a.c", "src/a.c"},
        {"file:///ws/a%20b.c", "a b.c"},
        {"src\\win.c", "src/win.c"},
        {"../outside.c", "-"},
        {"/etc/passwd", "-"},
        {"/ws", "-"},
        {"/wsx/a.c", "-"},
        {"C:/x.c", "-"},
        {"a/../../b", "-"},
        {"", "-"},
        {"file:///etc/passwd", "-"},
        {"bad\xff.c", "-"},
        {"/ws/../etc/passwd", "-"},
    };
    for (const auto& [raw, clean] : cases) CHECK(k_paths.in_workspace(raw).value_or("-") == clean);
    CHECK(reports::PathMap{{"/ws"}, "sub"}.in_workspace("a.c") == "sub/a.c");
    CHECK(reports::PathMap{{"/ws"}, "sub"}.in_workspace("/ws/a.c") == "a.c");
    CHECK(!k_paths.in_workspace(std::string(5000, 'a')));
    CHECK(!k_paths.in_workspace(std::string("a\0b", 3)));
}

TEST_CASE("texts are cut and made valid, half a fix is none", "[findings]") {
    FindingList list(k_paths);
    model::Finding f{
        .tool = "t", .message = std::string(5000, 'm') + "\xff", .file = "a.c", .line = -3};
    f.fixes = {{.file = "a.c", .line = 1, .column = 1, .end_line = 1, .end_column = 2, .text = "x"},
               {.file = "/etc/x", .line = 1, .column = 1, .end_line = 1, .end_column = 2}};
    list.add(f);
    REQUIRE(list.all().size() == 1);
    CHECK(list.all()[0].message.size() <= 2048);
    CHECK(list.all()[0].line == 0);
    CHECK(list.all()[0].fixes.empty());
    list.add({.tool = "t", .message = "elsewhere", .file = "/usr/include/a.h"});
    CHECK(list.outside() == 1);
}

TEST_CASE("a fingerprint ignores spaces and line numbers, and knows the lines around",
          "[findings]") {
    std::vector<model::Finding> findings{{.tool = "t", .rule = "r", .file = "a", .line = 2},
                                         {.tool = "t", .rule = "r", .file = "b", .line = 4},
                                         {.tool = "t", .rule = "r", .file = "c", .line = 1},
                                         {.tool = "t", .rule = "r", .file = "gone", .line = 1}};
    reports::add_fingerprints(findings, [](const std::string& file) -> std::optional<std::string> {
        if (file == "a") return "one\n  bad( x );\nthree\n";
        if (file == "b") return "zero\n\none\nbad(x);\n\n\nthree\n";
        if (file == "c") return "bad(x);\nother";
        return std::nullopt;
    });
    CHECK(findings[0].line_key.size() == 16);
    CHECK(findings[0].line_key == findings[1].line_key);
    CHECK(findings[0].fingerprint == findings[1].fingerprint);
    CHECK(findings[0].line_key == findings[2].line_key);
    CHECK(findings[0].fingerprint != findings[2].fingerprint);
    CHECK(findings[3].fingerprint.empty());
}
