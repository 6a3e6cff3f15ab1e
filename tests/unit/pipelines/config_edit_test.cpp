#include "pipelines/plan/config_edit.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using plan::compare_config;
using plan::ConfigEdit;
using plan::is_config_path;

namespace {

using Names = std::set<std::string>;

constexpr auto k_target = R"(
version: 1
on: {push: {branches: [main]}, pull_request: {}}
gate: {branches: [main], require: [test]}
jobs:
  test: {run: make test}
  lint: {run: make lint}
)";

/// The pull request's own `.ci.yml`, from the target's with one text replaced.
std::string edited(std::string_view from, std::string_view to) {
    std::string text = k_target;
    text.replace(text.find(from), from.size(), to);
    return text;
}

plan::Input pull_request(const std::string& text) {
    plan::Input input;
    input.event.kind = model::EventKind::pull_request;
    input.event.sha = std::string(40, 'a');
    input.event.pull_request.emplace();
    input.event.pull_request->target_branch = "main";
    input.files = {{".ci.yml", text}};
    input.changed_paths = std::vector<std::string>{".ci.yml", "src/a.c"};
    return input;
}

/// The change against the target's files.
ConfigEdit against(const plan::Input& change, std::vector<plan::SourceFile> files) {
    plan::Input target = change;
    target.files = std::move(files);
    return compare_config(change, target);
}

ConfigEdit compare(const std::string& text) {
    return against(pull_request(text), {{".ci.yml", k_target}});
}

}  // namespace

TEST_CASE("the same pipeline, written another way, is no edit of any job", "[trust]") {
    CHECK(compare(k_target) == ConfigEdit{});
    CHECK(compare(edited("test: {run: make test}", "test:\n    # a comment\n    run: make test")) ==
          ConfigEdit{});
    CHECK(compare(edited("version: 1", "version: 1\nenv: {}")) == ConfigEdit{});
}

TEST_CASE("a job is changed when what it would do differs, wherever the edit stands", "[trust]") {
    CHECK(compare(edited("make test", "true")).changed == Names{"test"});
    CHECK(compare(edited("version: 1", "version: 1\nenv: {CC: gcc}")).changed ==
          Names{"lint", "test"});
    CHECK(compare(edited("version: 1", "version: 1\ndefaults: {timeout: 1m}")).changed ==
          Names{"lint", "test"});
    CHECK(compare(edited("{run: make test}", "{run: make test, needs: [lint]}")).changed ==
          Names{"test"});
    CHECK(compare(edited("{run: make test}", "{run: make test, allow_failure: true}")).changed ==
          Names{"test"});
    CHECK(compare(edited("{run: make test}", "{run: make test, matrix: {n: [1]}}")).changed ==
          Names{"test"});
}

TEST_CASE("what is decided late is compared as it is written", "[trust]") {
    const auto late = [](std::string more) {
        return edited("{run: make test}", "{run: make test, needs: [lint], " + more + "}");
    };
    const auto against_late = [&](const std::string& change) {
        return against(pull_request(change),
                       {{".ci.yml", late("if: needs.lint.result == 'failed'")}});
    };
    CHECK(against_late(late("if: needs.lint.result == 'failed'")) == ConfigEdit{});
    CHECK(against_late(late("if: needs.lint.result == 'passed'")).changed == Names{"test"});
    CHECK(against_late(late("env: {X: \"${{ needs.lint.result }}\"}")).changed == Names{"test"});
}

TEST_CASE("a job that an edit deselects is changed", "[trust]") {
    CHECK(compare(edited("{run: make test}", "{run: make test, if: 'false'}")).changed ==
          Names{"test"});
    CHECK(compare(edited("{run: make test}", "{run: make test, changes: [docs/**]}")).changed ==
          Names{"test"});
    // Selected all the same: it does what it did.
    CHECK(compare(edited("{run: make test}", "{run: make test, changes: [src/**]}")).changed ==
          Names{});
}

TEST_CASE("jobs that come and go are told apart from those that change", "[trust]") {
    auto edit = compare(edited("  lint: {run: make lint}", "  style: {run: make lint}"));
    CHECK(edit.added == Names{"style"});
    CHECK(edit.removed == Names{"lint"});
    CHECK(edit.changed == Names{});
    CHECK(compare(edited("{run: make lint}", "{run: make lint, on: [push]}")).removed ==
          Names{"lint"});
}

TEST_CASE("an edit of the gate is seen, also beside unchanged jobs", "[trust]") {
    auto edit = compare(edited("require: [test]", "require: [lint]"));
    CHECK(edit.gate);
    CHECK(edit.changed == Names{});
    CHECK(compare(edited("gate: {branches: [main], require: [test]}", "env: {}")).gate);
}

TEST_CASE("what the target's files do not bring cannot be compared and counts as changed",
          "[trust]") {
    auto push = pull_request(edited("branches: [main]", ""));
    push.event.kind = model::EventKind::push;
    push.event.branch = "topic";
    push.event.pull_request.reset();
    CHECK(against(push, {{".ci.yml", k_target}}).changed == Names{"lint", "test"});
    CHECK(against(pull_request(k_target), {{".ci.yml", "version: 1\njobs: [broken"}}).changed ==
          Names{"lint", "test"});
}

TEST_CASE("a fragment that a job calls is part of its definition", "[trust]") {
    const std::string caller =
        "version: 1\non: {pull_request: {}}\njobs: {test: {uses: ./.ci/lib/t.yml}}\n";
    auto change = pull_request(caller);
    change.fragments = {{".ci/lib/t.yml", "version: 1\njobs: {unit: {run: make test}}\n"}};
    auto target = change;
    CHECK(compare_config(change, target) == ConfigEdit{});
    change.fragments[0].text = "version: 1\njobs: {unit: {run: echo}}\n";
    CHECK(compare_config(change, target).changed == Names{"test/unit"});
    change.fragments[0].text = "version: 1\njobs: {other: {run: make test}}\n";
    CHECK(compare_config(change, target).removed == Names{"test/unit"});
}

TEST_CASE("a target without any pipeline has nothing to weaken", "[trust]") {
    auto edit = against(pull_request(k_target), {});
    CHECK(edit.added == Names{"lint", "test"});
    CHECK(edit.changed == Names{});
    CHECK(edit.gate);
}

TEST_CASE("the files of a pipeline are known by their paths", "[trust]") {
    for (auto path : {".ci.yml", ".ci.yaml", ".ci/a.yml", ".ci/lib/x.yml", ".ci/run"})
        CHECK(is_config_path(path));
    for (auto path : {"src/.ci.yml", "ci.yml", ".circleci/config.yml", ".cirrus.yml"})
        CHECK_FALSE(is_config_path(path));
}
