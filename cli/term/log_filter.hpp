#pragma once
/// A job's log on a terminal: colours (SGR) pass, every other escape sequence and control character
/// is dropped, so a log can't retitle the window, move the cursor over earlier lines or answer for
/// the user. Keeps its state between pieces, which may be cut anywhere. One thread.

#include <string>
#include <string_view>

namespace sluice::cli {

class LogFilter {
public:
    std::string feed(std::string_view bytes);

private:
    enum class State { text, escape, csi, string, string_escape, c1_lead };
    void take(char byte, std::string& out);

    State state_ = State::text;
    std::string sequence_;
};

}  // namespace sluice::cli
