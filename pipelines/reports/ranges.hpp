#pragma once
/// What a change did to files, by lines: hunks of a diff, and questions about them. Pure values.

#include "pipelines/base/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::reports {

/// Lines [old_line, old_line + old_count) became [new_line, new_line + new_count); 1-based. As git
/// writes it with no context: with count 0 the line is the one before.
struct Hunk {
    int old_line = 0, old_count = 0, new_line = 0, new_count = 0;
    bool operator==(const Hunk&) const = default;
};

struct FileChange {
    std::string old_path;  ///< "" for a new file
    std::vector<Hunk> hunks;
    bool operator==(const FileChange&) const = default;
};

/// By the path in the head commit; files that did not change are absent.
using ChangedLines = std::map<std::string, FileChange>;

/// Was the line of the head's file added or edited? In a file without entry: no.
bool is_changed(const ChangedLines& changes, const std::string& file, int line);

/// Where a line of the base stands in the head; nothing when the change removed or edited it.
std::optional<int> map_line(const FileChange& change, int old_line);

/// The number of the hunk that removed or edited that old line, or that added that new line.
std::optional<std::size_t> hunk_of_old(const FileChange& change, int old_line);
std::optional<std::size_t> hunk_of_new(const FileChange& change, int new_line);

json::Value to_json(const ChangedLines& changes);
/// At most 100,000 files and 1,000,000 hunks.
Result<ChangedLines> changed_lines_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::reports
