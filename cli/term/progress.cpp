#include "cli/term/progress.hpp"

#include "cli/term/text.hpp"

#include <fmt/format.h>

#include <array>

namespace sluice::cli {
namespace {

constexpr std::chrono::seconds k_sparse{15};
constexpr std::array<std::string_view, 8> k_frames{"⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠹"};

}  // namespace

Progress::Progress(const Terminal& terminal, bool quiet, Time started)
    : terminal_(terminal), quiet_(quiet), started_(started) {}

Progress::~Progress() {
    clear();
}

void Progress::show(std::string_view text, Time now) {
    if (quiet_) return;
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
    std::string clean = printable(text);
    if (terminal_.is_terminal()) {
        std::string line = fmt::format("{} {}  {}", k_frames[frame_++ % k_frames.size()], clean,
                                       human_duration(elapsed / 1000 * 1000));
        terminal_.write("\r\x1b[K" +
                        cut_to_width(line, static_cast<std::size_t>(terminal_.width()) - 1));
        terminal_.flush();
        drawn_ = true;
        return;
    }
    if (clean == text_ && now - shown_ < k_sparse) return;
    text_ = clean;
    shown_ = now;
    terminal_.line(fmt::format("{}  {}", human_duration(elapsed), clean));
    terminal_.flush();
}

void Progress::clear() {
    if (!drawn_) return;
    terminal_.write("\r\x1b[K");
    terminal_.flush();
    drawn_ = false;
}

}  // namespace sluice::cli
