#pragma once
/// The terminal of standard input passes every key on as it is, while the object lives. Does
/// nothing where standard input is no terminal.

#include <termios.h>
#include <unistd.h>

namespace sluice::cli {

class RawMode {
public:
    RawMode() {
        if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios raw = before_;
        cfmakeraw(&raw);
        changed_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    ~RawMode() {
        if (changed_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    }
    RawMode(const RawMode&) = delete;
    RawMode& operator=(const RawMode&) = delete;

private:
    termios before_{};
    bool changed_ = false;
};

}  // namespace sluice::cli
