#include "pipelines/reports/compare.hpp"
#include "pipelines/reports/findings.hpp"
#include "pipelines/reports/verdict.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace sluice;
using model::Finding;
using reports::ChangedLines;

namespace {

/// A tree of files in which every line with `bad` has a finding: the text says everything.
class Tree {
public:
    Tree& file(const std::string& path, std::vector<std::string> lines) {
        std::string text;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            text += lines[i] + "\n";
            if (lines[i].find("bad") != std::string::npos)
                findings_.push_back({.tool = "lint",
                                     .rule = "no-bad",
                                     .message = "bad is bad",
                                     .file = path,
                                     .line = static_cast<int>(i) + 1});
        }
        texts_[path] = text;
        return *this;
    }
    std::vector<Finding> findings() const {
        auto out = findings_;
        reports::add_fingerprints(out, [&](const std::string& path) -> std::optional<std::string> {
            return texts_.at(path);
        });
        return out;
    }

private:
    std::map<std::string, std::string> texts_;
    std::vector<Finding> findings_;
};

/// `file:line` of what is new, and `fixed N` at the end.
std::string news(const Tree& base, const Tree& head, const std::optional<ChangedLines>& changes) {
    const auto findings = head.findings();
    const auto comparison = reports::compare(base.findings(), findings, changes);
    std::string out;
    for (std::size_t i = 0; i < findings.size(); ++i)
        if (comparison.added[i])
            out += findings[i].file + ":" + std::to_string(findings[i].line) + " ";
    return out + "fixed " + std::to_string(comparison.gone.size());
}

}  // namespace

TEST_CASE("a finding whose line moved is not new, with the diff and without", "[compare]") {
    const auto base = Tree().file("a", {"one", "bad()", "two"});
    const auto head = Tree().file("a", {"new", "new", "one", "bad()", "two"});
    CHECK(news(base, head, std::nullopt) == "fixed 0");
    CHECK(news(base, head, ChangedLines{{"a", {"a", {{0, 0, 1, 2}}}}}) == "fixed 0");
}

TEST_CASE("a finding on a new line is new, though its text exists elsewhere", "[compare]") {
    const auto base = Tree().file("a", {"one", "bad()", "two", "three"});
    const auto head = Tree().file("a", {"one", "bad()", "two", "bad()", "three"});
    CHECK(news(base, head, ChangedLines{{"a", {"a", {{3, 0, 4, 1}}}}}) == "a:4 fixed 0");
    CHECK(news(base, head, std::nullopt) == "a:4 fixed 0");
}

TEST_CASE("of duplicated findings only the surplus is new", "[compare]") {
    const auto base = Tree().file("a", {"x", "bad()", "y", "x", "bad()", "y"});
    const auto head = Tree().file("a", {"x", "bad()", "y", "x", "bad()", "y", "x", "bad()", "y"});
    CHECK(news(base, head, std::nullopt) == "a:8 fixed 0");
    CHECK(news(base, head, ChangedLines{{"a", {"a", {{6, 0, 7, 3}}}}}) == "a:8 fixed 0");
    // Put in front of them, the diff knows which one came.
    CHECK(news(base, head, ChangedLines{{"a", {"a", {{0, 0, 1, 3}}}}}) == "a:2 fixed 0");
}

TEST_CASE("an edited line keeps its finding, a second one beside it is new", "[compare]") {
    const auto base = Tree().file("a", {"one", "bad(1)", "two"});
    const ChangedLines edit{{"a", {"a", {{2, 1, 2, 1}}}}};
    CHECK(news(base, Tree().file("a", {"one", "bad(2)", "two"}), edit) == "fixed 0");
    const ChangedLines two{{"a", {"a", {{2, 1, 2, 2}}}}};
    CHECK(news(base, Tree().file("a", {"one", "bad(2)", "bad(3)", "two"}), two) == "a:3 fixed 0");
    // Another line of the file was edited: nothing connects the two.
    const ChangedLines apart{{"a", {"a", {{2, 1, 1, 0}, {3, 0, 3, 1}}}}};
    CHECK(news(base, Tree().file("a", {"one", "two", "bad(9)"}), apart) == "a:3 fixed 1");
}

TEST_CASE("only spaces changed: not new even without a diff", "[compare]") {
    CHECK(news(Tree().file("a", {"if x:", "bad( )"}), Tree().file("a", {"if x:", "    bad()"}),
               std::nullopt) == "fixed 0");
}

TEST_CASE("a renamed file keeps its findings", "[compare]") {
    const auto base = Tree().file("old", {"one", "bad()", "two"});
    const auto head = Tree().file("new", {"one", "bad()", "two"});
    CHECK(news(base, head, ChangedLines{{"new", {"old", {}}}}) == "fixed 0");
    // Text and surroundings are enough without knowing of the rename.
    CHECK(news(base, head, std::nullopt) == "fixed 0");
}

TEST_CASE("a block that moved to another file keeps its findings, a copy does not", "[compare]") {
    const auto base = Tree().file("a", {"f {", "bad()", "}", "rest"}).file("b", {"b"});
    const auto moved = Tree().file("a", {"rest"}).file("b", {"b", "f {", "bad()", "}"});
    CHECK(news(base, moved, std::nullopt) == "fixed 0");
    const auto copied =
        Tree().file("a", {"f {", "bad()", "}", "rest"}).file("b", {"b", "f {", "bad()", "}"});
    CHECK(news(base, copied, std::nullopt) == "b:3 fixed 0");
}

TEST_CASE("what is gone is fixed", "[compare]") {
    CHECK(news(Tree().file("a", {"bad()", "ok"}), Tree().file("a", {"ok"}),
               ChangedLines{{"a", {"a", {{1, 1, 0, 0}}}}}) == "fixed 1");
}

TEST_CASE("lines map through a diff", "[compare]") {
    // Two lines added after 2, line 5 edited, lines 8 and 9 removed.
    const reports::FileChange change{"a", {{2, 0, 3, 2}, {5, 1, 7, 1}, {8, 2, 9, 0}}};
    CHECK(reports::map_line(change, 2) == 2);
    CHECK(reports::map_line(change, 3) == 5);
    CHECK(reports::map_line(change, 5) == std::nullopt);
    CHECK(reports::map_line(change, 6) == 8);
    CHECK(reports::map_line(change, 8) == std::nullopt);
    CHECK(reports::map_line(change, 10) == 10);
    const ChangedLines changes{{"a", change}};
    CHECK(reports::is_changed(changes, "a", 3));
    CHECK(reports::is_changed(changes, "a", 7));
    CHECK(!reports::is_changed(changes, "a", 8));
    CHECK(!reports::is_changed(changes, "b", 3));
    CHECK(reports::changed_lines_from_json(reports::to_json(changes), "").value() == changes);
}

TEST_CASE("without base findings the changed lines decide, else everything is new, and it says so",
          "[compare]") {
    auto findings = Tree().file("a", {"bad()", "ok", "bad()"}).findings();
    reports::Baseline baseline;
    baseline.name = "the first run of this job";
    baseline.changes = ChangedLines{{"a", {"a", {{2, 0, 3, 1}}}}};
    auto report = reports::compare_findings(findings, baseline);
    CHECK(report.added == 1);
    CHECK(
        report.compared ==
        "no findings to compare with (the first run of this job): those on changed lines are new");
    CHECK(report.annotations.front().line == 3);
    CHECK(reports::counted(findings, {}) == 1);
    CHECK(reports::counted(findings, {model::Severity::error, {}}) == 0);
    CHECK(reports::counted(findings, {model::Severity::note, reports::FindingScope::any}) == 2);
    CHECK(reports::counted(findings, {model::Severity::note, reports::FindingScope::none}) == 0);

    baseline.changes.reset();
    report = reports::compare_findings(findings, baseline);
    CHECK(report.added == 2);
    CHECK(report.compared == "nothing to compare with (the first run of this job): all are new");

    baseline.findings = findings;
    baseline.name = "run 7 of main";
    report = reports::compare_findings(findings, baseline);
    CHECK(report.added == 0);
    CHECK(report.fixed == 0);
    CHECK(report.compared == "compared with run 7 of main");
}

TEST_CASE("ten thousand findings of a generated file compare in no time", "[compare]") {
    std::vector<std::string> lines(10'000, "bad()");
    const auto base = Tree().file("a", lines);
    lines.push_back("bad()");
    CHECK(news(base, Tree().file("a", lines), std::nullopt) == "a:10000 fixed 0");
}
