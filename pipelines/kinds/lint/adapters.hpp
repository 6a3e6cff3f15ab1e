#pragma once
/// The linters that kind `lint` knows: when each applies, how it is run so that its report can be
/// read, and in which format it writes. Pure, any thread.

#include "pipelines/kinds/expansion.hpp"

namespace sluice::kinds::lint {

/// A tool to run, with the author's further arguments.
struct ToolWish {
    std::string name;
    std::vector<std::string> args;
    bool operator==(const ToolWish&) const = default;
};

/// clang-tidy cppcheck clang-format ruff flake8 pylint mypy eslint shellcheck hadolint yamllint
std::vector<std::string> tool_names();

/// One step and one report for each wish. Without wishes: for each tool that the project has
/// configured, and shellcheck and hadolint where there is something for them. A tool that is
/// configured or wished for must be installed; one found by its files alone may be missing, which
/// the log says.
/// Refused with `unknown_tool`, `no_tools` (nothing applies), `nothing_to_lint` (a wished tool has
/// no files) and `no_compile_commands` (clang-tidy needs to know how files are compiled).
Result<Expansion> expand(const std::vector<ToolWish>& wishes, const Tree& tree);

}  // namespace sluice::kinds::lint
