#include "pipelines/kinds/lint/adapters.hpp"
#include "pipelines/kinds/test/frameworks.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

using namespace sluice;

namespace {

kinds::Tree tree(std::map<std::string, std::string> texts) {
    kinds::Tree out;
    for (const auto& [path, text] : texts) out.files.push_back(path);
    out.read = [texts](const std::string& path) -> std::optional<std::string> {
        const auto found = texts.find(path);
        return found == texts.end() ? std::nullopt : std::optional(found->second);
    };
    return out;
}

std::string steps(const Result<kinds::Expansion>& expansion) {
    if (!expansion) return expansion.error().id;
    std::string out;
    for (const auto& step : expansion->steps) out += (out.empty() ? "" : " ") + step.step.name;
    return out;
}

std::string script(const Result<kinds::Expansion>& expansion) {
    return expansion.value().steps.back().step.run;
}

}  // namespace

TEST_CASE("linters are found by what the repository configures", "[kinds][lint]") {
    using kinds::lint::expand;
    CHECK(steps(expand({}, tree({{"pyproject.toml", "[tool.ruff]\n[tool.mypy]"}, {"a.py", ""}}))) ==
          "ruff mypy");
    CHECK(steps(expand({}, tree({{"setup.cfg", "[flake8]"}, {"a.py", ""}}))) == "flake8");
    CHECK(steps(expand({}, tree({{"a.sh", ""}, {"Containerfile", ""}}))) == "shellcheck hadolint");
    CHECK(steps(expand({}, tree({{"run", "#!/usr/bin/env bash\n"}, {"x", "#!/bin/cat"}}))) ==
          "shellcheck");
    CHECK(steps(expand({}, tree({{"a.py", ""}}))) == "no_tools");
    CHECK(steps(expand({}, tree({{".clang-format", ""}, {"src/a.hpp", ""}}))) == "clang-format");
    // Configured, but nothing for it to read.
    CHECK(steps(expand({}, tree({{"ruff.toml", ""}, {"a.sh", ""}}))) == "shellcheck");
}

TEST_CASE("named linters must have something to do", "[kinds][lint]") {
    using kinds::lint::expand;
    CHECK(steps(expand({{"ruff", {}}}, tree({{"a.py", ""}}))) == "ruff");
    CHECK(steps(expand({{"ruff", {}}}, tree({{"a.c", ""}}))) == "nothing_to_lint");
    CHECK(steps(expand({{"rufff", {}}}, tree({{"a.py", ""}}))) == "unknown_tool");
    CHECK(steps(expand({{"clang-tidy", {}}}, tree({{"a.cpp", ""}}))) == "no_compile_commands");
}

TEST_CASE("clang-tidy looks at compiled files, of a change only at the changed ones",
          "[kinds][lint]") {
    auto files =
        tree({{"build/compile_commands.json",
               R"([{"file":"/ws/src/a.cpp"},{"file":"/ws/src/b.cpp"},{"file":"/x/c.cpp"}])"},
              {"src/a.cpp", ""},
              {"src/b.cpp", ""},
              {"src/a.hpp", ""}});
    const auto looks_at = [&](std::string_view file) {
        const auto text = script(kinds::lint::expand({{"clang-tidy", {}}}, files));
        return text.find("\n" + std::string(file) + "\n") != std::string::npos;
    };
    CHECK(looks_at("src/a.cpp"));
    CHECK(looks_at("src/b.cpp"));
    CHECK(!looks_at("x/c.cpp"));
    files.changes = reports::ChangedLines{{"src/b.cpp", {}}};
    CHECK(!looks_at("src/a.cpp"));
    CHECK(looks_at("src/b.cpp"));
    files.changes->emplace("src/a.hpp", reports::FileChange{});
    CHECK(looks_at("src/a.cpp"));
}

TEST_CASE("names of files and arguments reach no shell", "[kinds][lint]") {
    CHECK(kinds::shell_word("a-b/c.d") == "a-b/c.d");
    CHECK(kinds::shell_word("") == "''");
    CHECK(kinds::shell_word("$(id) 'x'") == "'$(id) '\\''x'\\'''");
    const auto text = kinds::over_files({"-rf", "$(id).sh", "two words.sh", "new\nline.sh"}, "cat");
    CHECK(text.find("<<'//end/of/files//'") != std::string::npos);
    CHECK(text.find("\n./-rf\n") != std::string::npos);
    CHECK(text.find("\n$(id).sh\n") != std::string::npos);
    CHECK(text.find("line.sh") == std::string::npos);
}

TEST_CASE("test frameworks are found by the files, one at a time", "[kinds][test]") {
    using kinds::test::expand;
    CHECK(steps(expand({}, tree({{"tests/test_a.py", ""}}))) == "pytest");
    CHECK(steps(expand({}, tree({{"go.mod", ""}}))) == "go test");
    CHECK(steps(expand({}, tree({{"package.json", "{\"jest\": {}}"}}))) == "jest");
    CHECK(steps(expand({}, tree({{"CMakeLists.txt", "enable_testing()"}}))) == "cmake ctest");
    CHECK(steps(expand({.prepared = true}, tree({{"CMakeLists.txt", "enable_testing()"}}))) ==
          "ctest");
    CHECK(steps(expand({}, tree({{"a.c", ""}}))) == "no_framework");
    CHECK(steps(expand({}, tree({{"go.mod", ""}, {"test_a.py", ""}}))) == "several_frameworks");
    CHECK(steps(expand({.framework = "go"}, tree({{"go.mod", ""}, {"test_a.py", ""}}))) ==
          "go test");
    CHECK(steps(expand({.framework = "nose"}, tree({}))) == "unknown_framework");
    CHECK(steps(expand({.framework = "catch2", .rerun_failed = 1}, tree({}))) == "cannot_rerun");
}

TEST_CASE("a shard lists the tests first", "[kinds][test]") {
    const auto expansion =
        kinds::test::expand({.framework = "pytest", .shards = 3}, tree({{"test_a.py", ""}}));
    CHECK(steps(expansion) == "pytest: list pytest");
    CHECK(expansion->steps[0].splits_tests);
    CHECK(!expansion->steps[1].splits_tests);
    CHECK(expansion->reports[0].optional);
    for (const std::string& framework : kinds::test::framework_names()) {
        CAPTURE(framework);
        const auto sharded = kinds::test::expand({.framework = framework, .shards = 2}, tree({}));
        REQUIRE(sharded.has_value());
        CHECK(std::count_if(sharded->steps.begin(), sharded->steps.end(),
                            [](const auto& step) { return step.splits_tests; }) == 1);
        CHECK(script(sharded).find(std::string(kinds::k_shard_list)) != std::string::npos);
    }
}
