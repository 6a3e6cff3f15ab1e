#pragma once
/// Where output goes and how it may look: colours and moving lines only on a terminal, and never
/// with NO_COLOR. One thread.

#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::cli {

enum class Colour { plain, bold, dim, red, green, yellow, blue, cyan };

class Terminal {
public:
    /// Colours when `stream` is a terminal, NO_COLOR is unset or empty, TERM is not `dumb` and
    /// `allow_colour`.
    Terminal(std::FILE* stream, bool allow_colour);
    /// For tests: fixed properties, output collected by the caller through `stream`.
    Terminal(std::FILE* stream, bool is_terminal, bool colour, int width);

    bool is_terminal() const { return is_terminal_; }
    bool has_colour() const { return colour_; }
    /// Columns, 80 when unknown.
    int width() const { return width_; }

    /// The text in that colour, or as it is when colours are off.
    std::string paint(Colour colour, std::string_view text) const;
    /// A run, job, step, gate or agent state in its colour.
    std::string paint_state(std::string_view state) const {
        return paint(colour_of_state(state), state);
    }
    static Colour colour_of_state(std::string_view state);

    void write(std::string_view text) const;
    void line(std::string_view text = "") const;
    void flush() const;

private:
    std::FILE* stream_;
    bool is_terminal_;
    bool colour_;
    int width_;
};

}  // namespace sluice::cli
