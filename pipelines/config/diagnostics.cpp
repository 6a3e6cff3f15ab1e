#include "pipelines/config/diagnostics.hpp"

#include "pipelines/config/manual/places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace sluice::config {
namespace {

// A hostile file of 256 KiB can be wrong in 10,000 places; nobody reads more than a page.
constexpr std::size_t k_max_entries = 1000;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

}  // namespace

int Diagnostics::add_file(std::string path, std::string_view text) {
    Source source{std::move(path), text, {0}, {}};
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '\n') source.line_starts.push_back(i + 1);
    files_.push_back(std::move(source));
    return static_cast<int>(files_.size()) - 1;
}

void Diagnostics::error(const Place& place, std::string_view id, std::string message,
                        std::string hint) {
    ++errors_;
    add(Severity::error, place, id, std::move(message), std::move(hint));
}

void Diagnostics::warning(const Place& place, std::string_view id, std::string message,
                          std::string hint) {
    add(Severity::warning, place, id, std::move(message), std::move(hint));
}

void Diagnostics::add(Severity severity, const Place& place, std::string_view id,
                      std::string message, std::string hint) {
    Diagnostic diagnostic{severity,     std::string(id),    path(place.file), place.line,
                          place.column, std::move(message), std::move(hint),  topic(id)};
    // A default with a fault is seen once per job that takes it.
    for (const Entry& entry : entries_)
        if (entry.diagnostic == diagnostic) return;
    if (entries_.size() >= k_max_entries) {
        ++left_out_;
        return;
    }
    entries_.push_back({place.file, std::move(diagnostic)});
}

std::string Diagnostics::topic(std::string_view id) const {
    const auto [key, map] = about_;
    if (key != nullptr) return manual::topic_of(*key).name();
    const manual::Map* about = map == scope_none ? nullptr : manual::find_map(map);
    return about == nullptr ? std::string(manual::topic_of_message(id)) : about->id;
}

Place Diagnostics::locate(int file, std::size_t offset) const {
    const Source& source = files_[static_cast<std::size_t>(file)];
    offset = std::min(offset, source.text.size());
    // Places are mostly asked for in file order; counting each column from the start of a line of
    // 256 KiB would be quadratic.
    Place& last = source.last;
    if (offset < last.offset || last.line == 0) last = {file, 1, 1, 0, 0};
    const auto next =
        std::upper_bound(source.line_starts.begin(), source.line_starts.end(), offset);
    const auto line = static_cast<int>(next - source.line_starts.begin());
    if (line != last.line) last = {file, line, 1, 0, *(next - 1)};
    for (; last.offset < offset; ++last.offset)
        if ((static_cast<unsigned char>(source.text[last.offset]) & 0xC0) != 0x80) ++last.column;
    return last;
}

Place Diagnostics::within(const Node& scalar, std::size_t offset) const {
    const std::string_view source = files_[static_cast<std::size_t>(scalar.place.file)].text;
    std::size_t at = scalar.place.offset;
    std::size_t i = 0;
    for (; i < std::min(offset, scalar.text.size()); ++i) {
        const char wanted = scalar.text[i];
        if (is_space(wanted)) {  // folding turned a line end into a space, or dropped it
            if (at < source.size() && is_space(source[at])) ++at;
            continue;
        }
        while (at < source.size() && source[at] != wanted) ++at;
        if (at < source.size()) ++at;
    }
    // Stand on the wanted byte itself, not on the quote or indentation before it.
    if (i < scalar.text.size() && !is_space(scalar.text[i]))
        while (at < source.size() && source[at] != scalar.text[i]) ++at;
    if (at >= source.size()) return scalar.place;
    return locate(scalar.place.file, at);
}

std::string_view Diagnostics::line_text(int file, int line) const {
    const Source& source = files_[static_cast<std::size_t>(file)];
    if (line < 1 || static_cast<std::size_t>(line) > source.line_starts.size()) return {};
    const auto index = static_cast<std::size_t>(line) - 1;
    const std::size_t begin = source.line_starts[index];
    const bool is_last = index + 1 == source.line_starts.size();
    const std::size_t end = is_last ? source.text.size() : source.line_starts[index + 1] - 1;
    std::string_view text = source.text.substr(begin, end - begin);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

std::vector<Diagnostic> Diagnostics::take(std::size_t max) {
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.file, a.diagnostic.line, a.diagnostic.column) <
               std::tie(b.file, b.diagnostic.line, b.diagnostic.column);
    });
    // A place that is wrong anyway needs no warning on top.
    const auto key = [](const Entry& e) {
        return std::tuple(e.file, e.diagnostic.line, e.diagnostic.column);
    };
    std::set<std::tuple<int, int, int>> wrong;
    for (const Entry& entry : entries_)
        if (entry.diagnostic.severity == Severity::error && entry.diagnostic.line > 0)
            wrong.insert(key(entry));
    std::erase_if(entries_, [&](const Entry& entry) {
        return entry.diagnostic.severity == Severity::warning && wrong.contains(key(entry));
    });
    std::vector<Diagnostic> out;
    for (Entry& entry : entries_) {
        if (out.size() == max) break;
        out.push_back(std::move(entry.diagnostic));
    }
    const std::size_t missing = entries_.size() - out.size() + left_out_;
    if (missing > 0) {
        Diagnostic more{errors_ > 0 ? Severity::error : Severity::warning, "more_diagnostics",
                        out.back().file};
        more.message = fmt::format("{} more are not shown", missing);
        more.topic = "file";
        out.push_back(std::move(more));
    }
    entries_.clear();
    left_out_ = 0;
    return out;
}

}  // namespace sluice::config
