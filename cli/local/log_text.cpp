#include "cli/local/log_text.hpp"

#include "pipelines/base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::cli::local {

namespace {

constexpr std::int64_t k_tail_bytes = 256 << 10;
constexpr std::size_t k_piece = 64 << 10;
constexpr std::size_t k_line_max = 4096;

/// At most `max` bytes from the offset; "" at the end or when it cannot be read.
std::string read_piece(const files::Path& path, std::int64_t offset, std::size_t max) {
    auto fd = files::open(path, O_RDONLY);
    if (!fd) return {};
    std::string bytes(max, '\0');
    const ssize_t n = ::pread(fd->get(), bytes.data(), bytes.size(), offset);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
}

std::int64_t size_of(const files::Path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

/// As the line ends up on a screen: of a progress bar what was written last. A colour that it
/// leaves open must not run into what we print.
std::string finished(std::string line, bool colours) {
    while (line.ends_with('\r')) line.pop_back();
    line.erase(0, line.rfind('\r') + 1);
    if (line.size() > k_line_max) line.resize(k_line_max);
    if (!colours) return text::sanitize_utf8(line, 3 * k_line_max);
    return line.find('\x1b') == std::string::npos ? line : line + "\x1b[0m";
}

}  // namespace

std::string without_colours(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\x1b') {
            out += text[i];
            continue;
        }
        while (i < text.size() && text[i] != 'm') ++i;
    }
    return out;
}

Tail last_lines(const files::Path& log, std::int64_t begin, std::int64_t end, std::size_t count,
                bool colours) {
    if (end < 0) end = size_of(log);
    Tail tail;
    tail.cut = end - begin > k_tail_bytes;
    if (tail.cut) begin = end - k_tail_bytes;
    std::string text = LogFilter().feed(
        read_piece(log, begin, static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin))));
    if (!colours) text = without_colours(text);
    while (text.ends_with('\n')) text.pop_back();
    if (text.empty()) return tail;
    tail.lines = text::split(text, '\n');
    if (tail.lines.size() > count) {
        tail.cut = true;
        tail.lines.erase(tail.lines.begin(), tail.lines.end() - static_cast<std::ptrdiff_t>(count));
    }
    for (std::string& line : tail.lines) line = finished(std::move(line), colours);
    return tail;
}

std::vector<std::string> LogFollower::next(const files::Path& log, bool all) {
    while (true) {
        const std::string piece = read_piece(log, offset_, k_piece);
        if (piece.empty()) break;
        offset_ += static_cast<std::int64_t>(piece.size());
        open_ += filter_.feed(piece);
    }
    std::vector<std::string> lines;
    for (std::size_t end; (end = open_.find('\n')) != std::string::npos; open_.erase(0, end + 1))
        lines.push_back(open_.substr(0, end));
    if (all && !open_.empty()) lines.push_back(std::exchange(open_, {}));
    for (std::string& line : lines)
        line = finished(colours_ ? std::move(line) : without_colours(line), colours_);
    return lines;
}

}  // namespace sluice::cli::local
