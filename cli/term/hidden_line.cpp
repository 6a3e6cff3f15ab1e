#include "cli/term/hidden_line.hpp"

#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace sluice::cli {
namespace {

/// Turns the terminal's echo off while a token is typed.
class NoEcho {
public:
    NoEcho() {
        if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    }
    ~NoEcho() {
        if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

private:
    termios before_{};
    bool changed_ = false;
};

}  // namespace

std::string hidden_line(const Terminal& terminal, std::string_view prompt) {
    std::string line;
    terminal.write(prompt);
    terminal.flush();
    NoEcho quiet;
    std::getline(std::cin, line);
    terminal.line();
    return line;
}

}  // namespace sluice::cli
