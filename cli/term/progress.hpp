#pragma once
/// Shows that a wait goes on: a line that is redrawn on a terminal, else a new line when the text
/// changes and at most every 15 s otherwise. Written to stderr, so that stdout stays for results.
/// One thread.

#include "cli/term/terminal.hpp"

#include <chrono>
#include <string>

namespace sluice::cli {

class Progress {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// `quiet` (for --json) shows nothing.
    Progress(const Terminal& terminal, bool quiet, Time started);
    /// Takes a redrawn line away.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(std::string_view text, Time now);
    void clear();

private:
    const Terminal& terminal_;
    bool quiet_;
    Time started_;
    Time shown_{};
    std::string text_;
    unsigned frame_ = 0;
    bool drawn_ = false;
};

}  // namespace sluice::cli
