#include "cli/diagnostic_view.hpp"

#include <catch2/catch.hpp>

#include <cstdio>

using namespace sluice;
using namespace sluice::cli;

namespace {

const ConfigSet k_set{{{".ci.yml", "version: 1\njobs: { a: { rnu: x } }\n"}}, {"app/.ci.yml"}};

config::Diagnostic mistake() {
    return {config::Severity::error, "unknown_key",         ".ci.yml", 2, 14,
            "unknown key `rnu`",     "did you mean `run`?", "job"};
}

/// What a terminal without colours of that width gets.
std::string printed(const std::vector<config::Diagnostic>& diagnostics) {
    std::FILE* file = std::tmpfile();
    print_diagnostics(Terminal(file, false, false, 80), k_set, diagnostics);
    std::string out(static_cast<std::size_t>(std::ftell(file)), 0);
    std::rewind(file);
    out.resize(std::fread(out.data(), 1, out.size(), file));
    std::fclose(file);
    return out;
}

}  // namespace

TEST_CASE("a diagnostic's line is shown with a caret under its column", "[cli]") {
    const std::string text = "version: 1\njobs:\n  grün: x\n";
    CHECK(source_line(text, 3, 9) == "  3 |   grün: x\n    |         ^\n");
    CHECK(source_line(text, 1, 0) == "  1 | version: 1\n");
    CHECK(source_line(text, 9, 1).empty());
    CHECK(source_line(text, 0, 1).empty());
    CHECK(source_line("\tx: 1", 1, 2) == "  1 |  x: 1\n    |  ^\n");
    CHECK(source_line("a: 1\r\nb: 2\r\n", 2, 1) == "  2 | b: 2\n    | ^\n");
}

TEST_CASE("a caret stands right behind wide characters and none behind controls", "[cli]") {
    CHECK(source_line("名: x", 1, 4) == "  1 | 名: x\n    |     ^\n");
    const std::string hostile = source_line("a\x1b[31m: \x07x\xe2\x80\xae", 1, 1);
    CHECK(hostile.find('\x1b') == std::string::npos);
    CHECK(hostile.find('\x07') == std::string::npos);
    CHECK(hostile.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("of a long line the part around the column is shown", "[cli]") {
    const std::string line = std::string(500, 'a') + "X" + std::string(100'000, 'b');
    const std::string shown = source_line(line, 1, 501, 60);
    const std::string caret = shown.substr(shown.find('\n') + 1);
    CHECK(shown.substr(0, shown.find('\n')) ==
          "  1 | …" + std::string(39, 'a') + "X" + std::string(18, 'b') + "…");
    CHECK(caret == "    | " + std::string(40, ' ') + "^\n");
}

TEST_CASE("people get message, place, and where to read on once", "[cli]") {
    config::Diagnostic second = mistake();
    second.message = "unknown key `b`";
    second.hint.clear();
    CHECK(printed({mistake(), second}) ==
          "app/.ci.yml:2:14: error: unknown key `rnu` hint: did you mean `run`?\n"
          "  2 | jobs: { a: { rnu: x } }\n"
          "    |              ^\n"
          "  see: sluice schema job\n"
          "app/.ci.yml:2:14: error: unknown key `b`\n"
          "  2 | jobs: { a: { rnu: x } }\n"
          "    |              ^\n");
}

TEST_CASE("SARIF names rule, level and place", "[cli]") {
    config::Diagnostic whole = mistake();
    whole.severity = config::Severity::warning;
    whole.line = 0;
    const json::Value sarif = to_sarif({mistake(), whole});
    CHECK(sarif.at("version") == "2.1.0");
    const json::Value& run = sarif.at("runs").at(0);
    CHECK(run.at("tool").at("driver").at("rules").as_array().size() == 1);
    const json::Value& first = run.at("results").at(0);
    CHECK(first.at("ruleId") == "unknown_key");
    CHECK(first.at("level") == "error");
    CHECK(first.at("message").at("text") == "unknown key `rnu`\nhint: did you mean `run`?");
    const json::Value& place = first.at("locations").at(0).at("physicalLocation");
    CHECK(place.at("artifactLocation").at("uri") == ".ci.yml");
    CHECK(place.at("region").at("startLine") == 2);
    CHECK(place.at("region").at("startColumn") == 14);
    CHECK(run.at("results").at(1).at("level") == "warning");
    CHECK_FALSE(run.at("results")
                    .at(1)
                    .at("locations")
                    .at(0)
                    .at("physicalLocation")
                    .as_object()
                    .contains("region"));
}
