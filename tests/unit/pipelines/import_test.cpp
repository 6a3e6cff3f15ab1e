// Pipelines of other systems, from small inputs of our own: tests/unit/pipelines/testdata/import.
// SLUICE_UPDATE_GOLDEN=1 writes what comes of them now; read the diff before you commit it.
#include "pipelines/import/import.hpp"
#include "pipelines/import/github_expression.hpp"
#include "pipelines/import/gitlab_rules.hpp"
#include "pipelines/import/out.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace sluice;
using namespace sluice::importer;
namespace fs = std::filesystem;

namespace {

const fs::path k_cases = fs::path(SLUICE_SOURCE_DIR) / "tests/unit/pipelines/testdata/import";

std::string read(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string report(const Imported& imported, const std::string& file) {
    std::string out = "converted " + std::string(to_text(imported.share)) + "\n";
    for (const Note& note : imported.notes) out += format(note, file) + "\n";
    return out;
}

void compare(const fs::path& expected, const std::string& text) {
    INFO(expected.string());
    if (std::getenv("SLUICE_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(expected) << text;
        return;
    }
    CHECK(text == read(expected));
}

std::string github_if(const std::string& text) {
    auto condition = github::condition(text, {});
    if (!condition) return "refused: " + condition.error().message;
    return condition->text + (condition->when.empty() ? "" : " when " + condition->when);
}

std::string gitlab_if(const std::string& text) {
    auto condition = gitlab::condition(text, {{"LEVEL", "2"}, {"EMPTY", ""}});
    return condition ? *condition : "refused: " + condition.error().message;
}

bool has_note(const Imported& imported, Weight weight, const std::string& key) {
    return std::any_of(imported.notes.begin(), imported.notes.end(),
                       [&](const Note& note) { return note.weight == weight && note.key == key; });
}

}  // namespace

TEST_CASE("a pipeline of another system becomes .ci.yml and a report", "[import]") {
    for (const fs::directory_entry& folder : fs::directory_iterator(k_cases))
        for (const fs::directory_entry& file : fs::directory_iterator(folder.path())) {
            const fs::path path = file.path();
            if (path.extension() != ".yml" || path.stem().has_extension()) continue;
            const auto origin = parse_enum<Origin>(folder.path().filename().string());
            const std::string name = path.filename().string();
            const Imported imported = import_pipeline(origin.value(), name, read(path));
            fs::path beside = path;
            compare(beside.replace_extension(".out.yml"), imported.text);
            compare(beside.replace_extension("").replace_extension(".notes"),
                    report(imported, name));
        }
}

TEST_CASE("what is said to be converted fully passes the validator", "[import]") {
    for (const char* name : {"github/python.yml", "github/conditions.yml"}) {
        INFO(name);
        const Imported imported = import_pipeline(Origin::github, name, read(k_cases / name));
        plan::Input input;
        input.event.kind = model::EventKind::push;
        input.event.branch = "main";
        input.event.sha = std::string(40, 'a');
        input.files = {{".ci.yml", imported.text}};
        for (const config::Diagnostic& diagnostic : plan::make_plan(input).diagnostics)
            if (imported.share == Share::fully)
                CHECK(diagnostic.severity != config::Severity::error);
    }
}

TEST_CASE("a key that the importer does not know is named with its place", "[import]") {
    const Imported github = import_pipeline(
        Origin::github, "w.yml",
        "on: push\nnovel: 1\njobs:\n  a:\n    other: 2\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: make\n        third: 3\n");
    CHECK(github.share == Share::partly);
    CHECK(has_note(github, Weight::lost, "novel"));
    CHECK(has_note(github, Weight::lost, "jobs.a.other"));
    CHECK(has_note(github, Weight::lost, "jobs.a.steps[0].third"));
    CHECK(github.notes.front().line == 2);
    const Imported gitlab = import_pipeline(
        Origin::gitlab, "g.yml", "a: { script: make, novel: 1, artifacts: { odd: 2 } }\n");
    CHECK(has_note(gitlab, Weight::lost, "a.novel"));
    CHECK(has_note(gitlab, Weight::lost, "a.artifacts.odd"));
    const Imported woodpecker =
        import_pipeline(Origin::woodpecker, "w.yml",
                        "novel: 1\nsteps: { a: { image: x, commands: [make], odd: 2 } }\n");
    CHECK(has_note(woodpecker, Weight::lost, "novel"));
    CHECK(has_note(woodpecker, Weight::lost, "steps.a.odd"));
}

TEST_CASE("what is no pipeline gives a reason and no result", "[import]") {
    for (const char* text :
         {"", "- a\n", "a: [", "on: push\n", "x: !!python/object a\n", "a: 1\na: 2\n"})
        for (Origin origin : {Origin::github, Origin::gitlab, Origin::woodpecker}) {
            INFO(text);
            const Imported imported = import_pipeline(origin, "x.yml", text);
            CHECK(imported.share == Share::not_at_all);
            CHECK(imported.text.empty());
            CHECK_FALSE(imported.notes.empty());
        }
}

TEST_CASE("conditions of GitHub are written with their types", "[import]") {
    CHECK(github_if("github.ref == 'refs/heads/main'") == "branch == 'main'");
    CHECK(github_if("${{ github.ref != 'refs/tags/v1' }}") == "not (tag == 'v1')");
    CHECK(github_if("github.event_name == 'push'") == "event in ['push', 'tag']");
    CHECK(github_if("github.event_name == 'workflow_dispatch' && matrix.x == 3") ==
          "(event == 'manual') && (matrix.x == '3')");
    CHECK(github_if("always()") == " when always");
    CHECK(github_if("failure() && github.head_ref") ==
          "(pr.source_branch ?? '') != '' when failure");
    CHECK(github_if("!github.event.pull_request.draft") == "not (pr.draft ?? false)");
    CHECK(github_if("needs.a.result == 'success' || needs.a.result == 'skipped'") ==
          "(needs.a.result == 'passed') || (needs.a.result == 'not_selected')");
    CHECK(github_if("matrix.experimental") == "matrix.experimental == 'true'");
    CHECK(github_if("startsWith(github.ref, 'refs/tags/v')") == "starts_with(tag ?? '', 'v')");
}

TEST_CASE("conditions of GitHub that cannot be kept are refused with a reason", "[import]") {
    for (const char* text : {"github.actor == 'x'", "cancelled()", "always() || github.sha == 'x'",
                             "'a", "a b", "((((", "toJSON(github)", "x.*.y",
                             "github.ref == matrix.x", "a ${{ b }}", "github.event_name > 'a'"}) {
        INFO(text);
        CHECK(github_if(text).starts_with("refused: "));
    }
    CHECK(github_if(std::string(10'000, '(')).starts_with("refused: "));
    CHECK(github_if(std::string(10'000, '!')).starts_with("refused: "));
}

TEST_CASE("conditions of GitLab become expressions", "[import]") {
    CHECK(gitlab_if("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH") == "(branch == default_branch)");
    CHECK(gitlab_if("$CI_COMMIT_TAG") == "(tag != null)");
    CHECK(gitlab_if("$CI_COMMIT_TAG == null") == "(not (tag != null))");
    CHECK(gitlab_if("$CI_PIPELINE_SOURCE == \"merge_request_event\"") ==
          "(event == 'pull_request')");
    CHECK(gitlab_if("$LEVEL == \"2\" && $EMPTY") == "(true && false)");
    CHECK(gitlab_if("$CI_COMMIT_BRANCH =~ /^release-/") ==
          "starts_with((branch ?? ''), 'release-')");
    CHECK(gitlab_if("$CI_COMMIT_BRANCH !~ /^(main|next)$/") ==
          "(not ((branch ?? '') in ['main', 'next']))");
    for (const char* text :
         {"$OTHER == \"x\"", "$CI_COMMIT_TAG =~ /^v\\d+/", "$CI_COMMIT_TAG =~ /a", "(", "$"}) {
        INFO(text);
        CHECK(gitlab_if(text).starts_with("refused: "));
    }
}

TEST_CASE("texts are quoted when YAML would read them otherwise", "[import]") {
    for (const char* plain :
         {"make", "branch == 'main'", "python:3.12", "a/b.c", "-x", "${{ matrix.x }}"})
        CHECK(quoted_if_needed(plain, false) == plain);
    CHECK(quoted_if_needed("", false) == "\"\"");
    CHECK(quoted_if_needed("null", false) == "\"null\"");
    CHECK(quoted_if_needed("a: b", false) == "\"a: b\"");
    CHECK(quoted_if_needed("a #b", false) == "\"a #b\"");
    CHECK(quoted_if_needed("*.md", false) == "\"*.md\"");
    CHECK(quoted_if_needed("'x' in y", false) == "\"'x' in y\"");
    CHECK(quoted_if_needed("a, b", true) == "\"a, b\"");
    CHECK(quoted_if_needed("tab\tquote\"", false) == "\"tab\\tquote\\\"\"");
}

TEST_CASE("files of Git LFS stay wanted", "[import]") {
    const auto github = import_pipeline(Origin::github, "ci.yml",
                                        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n"
                                        "    steps:\n      - uses: actions/checkout@v4\n"
                                        "        with: { lfs: true }\n      - run: make\n");
    CHECK(github.text.find("lfs: true") != std::string::npos);
    CHECK_FALSE(has_note(github, Weight::lost, "jobs.a.steps[0].with"));
    const auto woodpecker =
        import_pipeline(Origin::woodpecker, "w.yml",
                        "clone:\n  git:\n    image: woodpeckerci/plugin-git\n"
                        "    settings: { lfs: true }\nsteps:\n  - name: a\n    image: alpine\n"
                        "    commands: [make]\n");
    CHECK(woodpecker.text.find("lfs: true") != std::string::npos);
    CHECK_FALSE(has_note(woodpecker, Weight::lost, "clone"));
}
