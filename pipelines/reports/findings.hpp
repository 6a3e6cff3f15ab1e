#pragma once
/// Findings of linters, whatever their format, in one list. Foreign bytes: each format's reader has
/// its limits; a list keeps at most 100,000 findings. Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"
#include "pipelines/reports/paths.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace sluice::reports {

/// The formats, by the tool that writes them; `gnu` is `file:line:column: warning: text [rule]` as
/// clang-tidy, clang-format, gcc and mypy write it, `findings` our own or Code Climate's JSON.
enum class FindingFormat {
    sarif,
    findings,
    gnu,
    mypy,
    clang_format,
    cppcheck,
    ruff,
    flake8,
    pylint,
    eslint,
    shellcheck,
    hadolint,
    yamllint,
};

/// Collects findings: normalises their paths, cuts their texts, drops exact repetitions (a header
/// that several translation units include) and what lies outside of the workspace.
class FindingList {
public:
    explicit FindingList(PathMap paths = {}) : paths_(std::move(paths)) {}

    /// `finding.file` as the tool wrote it.
    void add(model::Finding finding);
    const std::vector<model::Finding>& all() const { return findings_; }
    std::vector<model::Finding>& all() { return findings_; }
    bool truncated() const { return truncated_; }
    int outside() const { return outside_; }

private:
    PathMap paths_;
    std::vector<model::Finding> findings_;
    std::unordered_set<std::uint64_t> seen_;
    bool truncated_ = false;
    int outside_ = 0;
};

/// Feed the file in pieces of any size, then finish(). Refused with id `bad_findings`.
class FindingParser {
public:
    /// `tool`: the name that findings get whose format does not tell it.
    FindingParser(FindingFormat format, std::string tool, FindingList& into);
    ~FindingParser();
    FindingParser(const FindingParser&) = delete;
    FindingParser& operator=(const FindingParser&) = delete;

    Result<> feed(std::string_view bytes);
    Result<> finish();

    struct Format;

private:
    std::unique_ptr<Format> format_;
};

/// Gives every finding its `line_key` and `fingerprint` from the text of its file. `read` gives a
/// file's text, or nothing; it is asked once per file.
void add_fingerprints(std::vector<model::Finding>& findings,
                      const std::function<std::optional<std::string>(const std::string&)>& read);

/// Counts, and the first 50 as annotations: new ones before old ones, then by severity.
model::FindingReport summarise(const std::vector<model::Finding>& findings);

}  // namespace sluice::reports

namespace sluice {
SLUICE_ENUM_NAMES(reports::FindingFormat, "sarif", "findings", "gnu", "mypy", "clang-format",
                  "cppcheck", "ruff", "flake8", "pylint", "eslint", "shellcheck", "hadolint",
                  "yamllint");
}  // namespace sluice
