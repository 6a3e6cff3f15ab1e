#include "pipelines/reports/ranges.hpp"
#include "tests/unit/server/git_fixture.hpp"

using namespace sluice;
using namespace sluice::git;
using namespace sluice::git::test;

namespace {

Result<Snapshot> changes(GitFixture& ci, const TestRepo& repo, const std::string& sha,
                         const std::string& base, const std::string& fallback = "") {
    SnapshotRequest request;
    request.repo = {.project = ProjectId{1}, .url = repo.path().string()};
    request.sha = sha;
    request.base = base;
    request.fallback_branch = fallback;
    return ci.wait(ci.service().changes(std::move(request)));
}

reports::ChangedLines lines_of(const Snapshot& snapshot) {
    auto value = json::parse(snapshot.changes, {.bytes = 1 << 20, .depth = 8}).value();
    return reports::changed_lines_from_json(value, "").value();
}

}  // namespace

TEST_CASE("the lines of a change: added, edited, removed, renamed", "[git][reports]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    std::string long_text;
    for (int i = 0; i < 40; ++i) long_text += "line " + std::to_string(i) + "\n";
    const std::string base = repo.commit(
        {{"edit", "a\nb\nc\nd\n"}, {"gone", "x\n"}, {"old name", long_text}, {"same", "s\n"}});
    const std::string head = repo.commit({{"edit", "a\nB\nc\nd\ne\nf\n"},
                                          {"new", "1\n2\n"},
                                          {"new name", long_text + "more\n"},
                                          {"same", "s\n"}},
                                         {base});
    const auto found = changes(ci, repo, head, base);
    REQUIRE(found.has_value());
    CHECK(found->base == base);
    const reports::ChangedLines expected{{"edit", {"edit", {{2, 1, 2, 1}, {4, 0, 5, 2}}}},
                                         {"new", {"", {{0, 0, 1, 2}}}},
                                         {"new name", {"old name", {{40, 0, 41, 1}}}}};
    CHECK(lines_of(*found) == expected);
}

TEST_CASE("without a base nothing is said; a pull request starts at the merge base",
          "[git][reports]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string root = repo.commit({{"a", "1\n"}});
    const std::string main = repo.commit({{"a", "1\n"}, {"b", "2\n"}}, {root});
    const std::string topic = repo.commit({{"a", "1\n3\n"}}, {root});
    repo.set_ref("refs/heads/main", main);
    const auto none = changes(ci, repo, topic, "");
    REQUIRE(none.has_value());
    CHECK(none->base.empty());
    CHECK(none->changes.empty());
    const auto of_request = changes(ci, repo, topic, "", "main");
    REQUIRE(of_request.has_value());
    CHECK(of_request->base == root);
    CHECK(lines_of(*of_request) == reports::ChangedLines{{"a", {"a", {{1, 0, 2, 1}}}}});
}
