#include "cli/term/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace sluice::cli {
namespace {

bool environment_allows_colour() {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return (no_color == nullptr || *no_color == '\0') &&
           !(term != nullptr && std::string_view(term) == "dumb");
}

int columns(int fd) {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

}  // namespace

Terminal::Terminal(std::FILE* stream, bool allow_colour)
    : stream_(stream),
      is_terminal_(isatty(fileno(stream)) == 1),
      colour_(is_terminal_ && allow_colour && environment_allows_colour()),
      width_(columns(fileno(stream))) {}

Terminal::Terminal(std::FILE* stream, bool is_terminal, bool colour, int width)
    : stream_(stream), is_terminal_(is_terminal), colour_(colour), width_(width) {}

std::string Terminal::paint(Colour colour, std::string_view text) const {
    // In the order of the enumerators.
    static constexpr std::array<std::string_view, 8> codes{"",   "1",  "2",  "31",
                                                           "32", "33", "34", "36"};
    if (!colour_ || colour == Colour::plain) return std::string(text);
    std::string out = "\x1b[";
    out += codes[static_cast<std::size_t>(colour)];
    out += 'm';
    out += text;
    out += "\x1b[0m";
    return out;
}

Colour Terminal::colour_of_state(std::string_view state) {
    if (state == "passed" || state == "green" || state == "online") return Colour::green;
    if (state == "failed" || state == "errored" || state == "blocked" || state == "red" ||
        state == "error")
        return Colour::red;
    if (state == "warned" || state == "held" || state == "draining" || state == "warning" ||
        state == "pending")
        return Colour::yellow;
    if (state == "running" || state == "active") return Colour::cyan;
    if (state == "not_selected" || state == "skipped" || state == "cancelled" || state == "offline")
        return Colour::dim;
    return Colour::plain;
}

void Terminal::write(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), stream_);
}

void Terminal::line(std::string_view text) const {
    write(text);
    write("\n");
}

void Terminal::flush() const {
    std::fflush(stream_);
}

}  // namespace sluice::cli
