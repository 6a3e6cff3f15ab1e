#pragma once
/// A job's log as a person sees it on a terminal: whole lines, no control codes but colours, and
/// those only where the terminal has them. Blocking, one thread.

#include "cli/term/log_filter.hpp"
#include "cli/term/terminal.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::cli::local {

/// The last `count` lines of bytes [begin, end) of the file (end < 0: to its end), and whether
/// something before them was left out.
struct Tail {
    std::vector<std::string> lines;
    bool cut = false;
};
Tail last_lines(const files::Path& log, std::int64_t begin, std::int64_t end, std::size_t count,
                bool colours);

/// Follows a growing file line by line.
class LogFollower {
public:
    explicit LogFollower(bool colours) : colours_(colours) {}
    /// The lines that are complete since the last call; with `all` also an unfinished one.
    std::vector<std::string> next(const files::Path& log, bool all);

private:
    bool colours_;
    std::int64_t offset_ = 0;
    LogFilter filter_;
    std::string open_;
};

/// The text without SGR sequences. Pure.
std::string without_colours(std::string_view text);

}  // namespace sluice::cli::local
