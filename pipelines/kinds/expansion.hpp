#pragma once
/// What a kind adds to a job when its workspace is there: steps that depend on the files. The
/// runner makes the tree after the author's own steps (a build may have to come first) and carries
/// the steps out. Pure values, any thread.

#include "pipelines/model/spec.hpp"
#include "pipelines/reports/ranges.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kinds {

/// Where the tools of a kind write, relative to the workspace; made by the runner, and empty then.
inline constexpr std::string_view k_report_folder = ".sluice/reports";

/// The workspace as a kind looks at it.
struct Tree {
    /// Files of the commit, in byte order; without a checkout all files of the workspace.
    std::vector<std::string> files;
    /// The text of any file of the workspace, also of one that is not in `files`; nothing when it
    /// is missing or over 1 MiB.
    std::function<std::optional<std::string>(const std::string&)> read;
    /// Lines that the change touched; nothing when unknown.
    std::optional<reports::ChangedLines> changes;

    bool has(std::string_view path) const;
    /// Any file of that name, in any folder.
    bool has_named(std::string_view name) const;
    /// Files that match one of the globs, in byte order.
    std::vector<std::string> matching(const std::vector<std::string>& globs) const;
};

/// A report that one of the steps writes.
struct ExpectedReport {
    std::string format;  ///< of tests `junit gotest jest`, `coverage`, or a FindingFormat
    std::string tool;    ///< for people: `ruff`
    std::vector<std::string> paths;  ///< globs in the workspace
    /// Its absence is no problem: the tool may be missing, or had nothing to say.
    bool optional = false;
    bool operator==(const ExpectedReport&) const = default;
};

struct AddedStep {
    model::StepSpec step;
    /// The step has written the names of all tests to `k_test_list`, one a line: before the next
    /// step the runner writes those of this shard to `k_shard_list`.
    bool splits_tests = false;
    bool operator==(const AddedStep&) const = default;
};
inline constexpr std::string_view k_test_list = ".sluice/tests.list";
inline constexpr std::string_view k_shard_list = ".sluice/shard.list";

struct Expansion {
    std::vector<AddedStep> steps;
    std::vector<ExpectedReport> reports;
    std::vector<std::string> notes;  ///< lines for the log: what was found, what was left out
    bool operator==(const Expansion&) const = default;
};

/// A word for a POSIX shell, in quotes where it needs them.
std::string shell_word(std::string_view text);

/// `cmd` run over a list of files by xargs, the list in the script itself; at most `batch` files at
/// a time, 0 = as many as fit. The command finds them as its last arguments.
std::string over_files(const std::vector<std::string>& files, std::string_view cmd, int batch = 0);

}  // namespace sluice::kinds
