#pragma once
/// Which findings does a change add? Pure, any thread.

#include "pipelines/model/reports.hpp"
#include "pipelines/reports/ranges.hpp"

#include <optional>
#include <vector>

namespace sluice::reports {

struct Comparison {
    std::vector<bool> added;        ///< one per head finding
    std::vector<std::size_t> gone;  ///< base findings that no head finding continues
};

/// Pairs base findings with head findings one to one; head findings that stay alone are added. A
/// pair has the same tool and rule, and, in this order:
///   1. the line of the base finding is, by the diff, the line of the head finding, with its text;
///   2. the same file (by its new name), the same line text and the same lines around it;
///   3. the same file and line text: its surroundings changed;
///   4. both stand in the same hunk and say the same: the line was edited, the finding was there;
///   5. the same line text and surroundings in another file: a block was moved;
///   6. where texts are unknown and there is no diff: the same file, line and message.
/// Of two equal findings where there was one, the one farther from the old place is added.
/// `changes`: the diff from base to head; its old_path says what was renamed. Nothing = unknown.
Comparison compare(const std::vector<model::Finding>& base, const std::vector<model::Finding>& head,
                   const std::optional<ChangedLines>& changes);

/// Without the base's findings: what stands on a line that the change touched.
std::vector<bool> on_changed_lines(const std::vector<model::Finding>& head,
                                   const ChangedLines& changes);

}  // namespace sluice::reports
