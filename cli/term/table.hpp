#pragma once
/// Columns aligned by display width. Cells are made printable here, so callers may pass text from
/// outside. Pure but for print().

#include "cli/term/terminal.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct Cell {
    std::string text;
    Colour colour = Colour::plain;

    Cell(std::string value, Colour paint = Colour::plain) : text(std::move(value)), colour(paint) {}
    Cell(const char* value) : text(value) {}
    /// A state word in its colour.
    static Cell state(std::string value) {
        Colour colour = Terminal::colour_of_state(value);
        return {std::move(value), colour};
    }
};

class Table {
public:
    explicit Table(std::vector<std::string> headings);
    void row(std::vector<Cell> cells);
    bool empty() const { return rows_.empty(); }

    /// Two spaces between columns, no trailing blanks. On a terminal the last column is cut at the
    /// right edge.
    std::string render(const Terminal& terminal) const;
    /// The table, or this line when it has no rows.
    void print(const Terminal& terminal, std::string_view when_empty) const;

private:
    std::vector<std::string> headings_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace sluice::cli
