#include "cli/term/table.hpp"

#include "cli/term/text.hpp"

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr std::size_t k_gap = 2;

std::string render_row(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                       const Terminal& terminal) {
    std::size_t last = cells.size();
    while (last > 0 && cells[last - 1].text.empty()) --last;
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < last; ++i) {
        std::string text = cells[i].text;
        if (i + 1 == last && terminal.is_terminal()) {
            auto width = static_cast<std::size_t>(terminal.width());
            text = cut_to_width(text, width > used ? width - used : 1);
        }
        line += terminal.paint(cells[i].colour, text);
        if (i + 1 < last) line.append(widths[i] - display_width(text) + k_gap, ' ');
        used += widths[i] + k_gap;
    }
    return line + "\n";
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void Table::row(std::vector<Cell> cells) {
    cells.resize(headings_.size(), Cell(""));
    for (Cell& cell : cells) cell.text = printable(cell.text);
    rows_.push_back(std::move(cells));
}

std::string Table::render(const Terminal& terminal) const {
    std::vector<std::size_t> widths;
    std::vector<Cell> heading;
    for (std::size_t i = 0; i < headings_.size(); ++i) {
        std::size_t width = display_width(headings_[i]);
        for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
        widths.push_back(width);
        heading.emplace_back(headings_[i], Colour::dim);
    }
    std::string out = render_row(heading, widths, terminal);
    for (const auto& row : rows_) out += render_row(row, widths, terminal);
    return out;
}

void Table::print(const Terminal& terminal, std::string_view when_empty) const {
    if (empty())
        terminal.line(when_empty);
    else
        terminal.write(render(terminal));
}

}  // namespace sluice::cli
